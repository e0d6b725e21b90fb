"""In which encoding a submission is written: UTF-8, or GB18030 (GBK, GB2312) as spreadsheets in China write it.

Most of the lines decide, however long one is, so that one line of the other encoding spoils one record and not the
file. Of a file of one line most of its text decides.
"""

import re
from typing import Literal

Encoding = Literal["utf-8", "gb18030"]

BOM = b"\xef\xbb\xbf"
_BEYOND_ASCII = re.compile(rb"[\x80-\xff]+")
_MOST_UNREADABLE = 0.05  # of the text, where it still counts as GB18030


def encoding_of(data: bytes) -> Encoding:
    """The encoding of a text; UTF-8 where it cannot be told."""
    if data.startswith(BOM) or _decodes(data):
        return "utf-8"
    lines = [line for line in data.split(b"\n") if _BEYOND_ASCII.search(line)]
    if len(lines) > 1:
        readable, all_of_it = sum(map(_decodes, lines)), len(lines)
    else:
        runs = _BEYOND_ASCII.findall(data)
        readable, all_of_it = sum(len(run) for run in runs if _decodes(run)), sum(map(len, runs))
    if 2 * readable >= all_of_it:
        return "utf-8"
    text = data.decode("gb18030", "replace")
    return "gb18030" if text.count("\ufffd") <= _MOST_UNREADABLE * len(text) else "utf-8"


def to_utf8(data: bytes) -> bytes:
    """GB18030 in UTF-8; bytes that are none stay as they are, so that whoever reads on finds them."""
    return data.decode("gb18030", "surrogateescape").encode("utf-8", "surrogateescape")


def from_utf8(data: bytes) -> bytes:
    """The way back from `to_utf8`."""
    return data.decode("utf-8", "surrogateescape").encode("gb18030", "surrogateescape")


def _decodes(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True
