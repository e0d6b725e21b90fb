"""Cleaning of text that a source wrote: blanks, invisible characters, full-width forms, words that mean nothing."""

import re
import unicodedata

# Controls, soft hyphens, zero-width and direction marks: never seen, always in the way of a comparison.
_INVISIBLE = re.compile(
    "[\u0000-\u0008\u000e-\u001b\u007f-\u0084\u0086-\u009f\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]"
)
_BLANKS = re.compile(r"\s+")
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—―−﹣－", "-"))

_UNREADABLE = re.compile("\ufffd|锟斤拷|烫烫烫|屯屯屯")
_HAN = re.compile("[\u4e00-\u9fff]")
_NO_HAN = re.compile("[^\u0000-\u007f\u3000-\u303f\u4e00-\u9fff\uff00-\uffef]")
_WESTERN = re.compile("[\u0080-\u00ff]")
_WESTERN_ALONE = re.compile("[^A-Za-z\u0100-\uffff]+")

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


def is_garbled(text: str) -> bool:
    """Whether bytes of one encoding were read as another: GBK as UTF-8, UTF-8 as GBK, either as Latin-1."""
    if text.isascii():
        return False
    if _UNREADABLE.search(text):
        return True
    if _WESTERN.search(text) and (_is_han(text, "latin-1", "utf-8") or _is_han(text, "cp1252", "utf-8")):
        return True
    if _WESTERN_ALONE.fullmatch(text) and _is_han(text, "latin-1", "gbk"):
        return True
    return len(text) >= 3 and _is_han(text, "gbk", "utf-8")


def _is_han(text: str, wrong: str, right: str) -> bool:
    try:
        meant = text.encode(wrong).decode(right)
    except UnicodeError:
        return False
    return len(_HAN.findall(meant)) >= 2 and not _NO_HAN.search(meant)
