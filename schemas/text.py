"""Cleaning of text that a source wrote: blanks, invisible characters, full-width forms, words that mean nothing."""

import re
import unicodedata

# Controls, soft hyphens, zero-width and direction marks: never seen, always in the way of a comparison.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_BLANKS = re.compile(r"\s+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣－", "-"))

EMPTY_WORDS = frozenset({"", "暂无", "无", "空", "null", "NULL", "None", "-", "--", "/"})


def visible(text: str) -> str:
    """NFKC, without characters that nobody sees."""
    if text.isascii() and text.isprintable():
        return text
    return _INVISIBLE.sub("", unicodedata.normalize("NFKC", text))


def bare(text: str) -> str:
    """For codes and numbers: NFKC, no blanks, one kind of hyphen."""
    if text.isascii() and text.isalnum():
        return text
    joined = _BLANKS.sub("", visible(text)).translate(_DASHES)
    return joined if joined.isascii() else unicodedata.normalize("NFC", joined)  # a blank may have held a mark apart


def said(text: str) -> str | None:
    """Text as written, trimmed; None where a word says that there is nothing."""
    trimmed = text.strip()
    return None if trimmed in EMPTY_WORDS else trimmed
