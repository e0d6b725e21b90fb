"""A provider's file as the requests that carry it: what kind it is, where it may be cut, and whether it is whole."""

import hashlib
import re
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from gateway.content import CSV, NDJSON, XLSX

PIECE_LINES = 20_000  # lines in one request of a long file
JSON = "application/json"
LONGEST_JSON = 8 * 1024 * 1024  # bytes of a document that is read to see whether it is whole
_LINE = re.compile(rb"[^\r\n]*+(?:\r\n|\r|\n)|[^\r\n]++")  # as splitlines cuts, and one at a time
_BEGIN = re.compile(b"(?:%s)?\\s*" % BOM_UTF8)
_END_OF_WORKBOOK = b"PK\x05\x06"  # of the list of a ZIP's members, which stands at its very end
_LONGEST_END = 22 + 65_535  # that list's end with the longest comment


@dataclass(frozen=True, slots=True)
class Piece:
    """`before`: how many lines with anything in them stand before it in the file."""

    content_type: str
    body: bytes
    before: int = 0

    @property
    def key(self) -> str:
        """The idempotency key: a piece with these bytes is the same statement whenever, and however, it is sent."""
        return "push-" + hashlib.sha256(self.body).hexdigest()[:40]


def pieces(data: bytes, most_bytes: int | None = None) -> Iterator[Piece]:
    """NDJSON is cut at line ends, into `most_bytes` where its lines allow it; anything else goes as one piece.

    The rows of a table say nothing without the headings over them. Beside the file only one piece is held at a time.
    """
    kind = kind_of(data)
    if kind != NDJSON:
        yield Piece(kind, data)
        return
    start = end = lines = before = said = 0
    for line in _LINE.finditer(data):
        if lines and (lines == PIECE_LINES or (most_bytes is not None and line.end() - start > most_bytes)):
            yield Piece(NDJSON, data[start:end], before)
            start, lines, before = end, 0, said
        end = line.end()
        lines += 1
        said += not line[0].isspace()
    yield Piece(NDJSON, data[start:], before)


def kind_of(data: bytes) -> str:
    """The content type, told by the bytes: clerks' machines name files as they please."""
    begin = _BEGIN.match(data)
    at = begin.end() if begin else 0
    if data.startswith(b"PK", at):
        return XLSX
    if data.startswith(b"[", at):
        return JSON
    if data.startswith(b"{", at):
        return NDJSON
    end = data.find(b"\n", at)
    first = (at, len(data) if end < 0 else end)
    return CSV if any(data.find(mark, *first) >= 0 for mark in (b",", b"\t", b";")) else NDJSON


def is_whole(data: bytes) -> bool:
    """Whether the file ends as its kind does. A table cut inside its last row would hold a wrong case number."""
    match kind_of(data):
        case kind if kind == XLSX:
            return _END_OF_WORKBOOK in data[-_LONGEST_END:]
        case kind if kind == JSON:
            return data[-_LONGEST_END:].rstrip().endswith(b"]")
        case kind if kind == CSV:
            return data.endswith((b"\n", b"\r"))
    last = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
    return last == len(data) or _is_json(data, last) or _is_json(data, 0)


def _is_json(data: bytes, start: int) -> bool:
    if len(data) - start > LONGEST_JSON:
        return False
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            orjson.loads(data[start:].decode(encoding))
        except ValueError:
            continue
        return True
    return False
