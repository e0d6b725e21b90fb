"""A provider's file as the requests that carry it: what kind it is, where it may be cut, and whether it is whole."""

import hashlib
from codecs import BOM_UTF8
from collections.abc import Iterator
from dataclasses import dataclass

import orjson

from gateway.content import CSV, NDJSON, XLSX

PIECE_LINES = 5000  # lines in one request of a long file
JSON = "application/json"
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

    The rows of a table say nothing without the headings over them.
    """
    kind = kind_of(data)
    if kind != NDJSON:
        yield Piece(kind, data)
        return
    piece: list[bytes] = []
    size = before = said = 0
    for line in data.splitlines(keepends=True):
        if piece and (len(piece) == PIECE_LINES or (most_bytes is not None and size + len(line) > most_bytes)):
            yield Piece(NDJSON, b"".join(piece), before)
            piece, size, before = [], 0, said
        piece.append(line)
        size += len(line)
        said += bool(line.strip())
    yield Piece(NDJSON, b"".join(piece), before)


def kind_of(data: bytes) -> str:
    """The content type, told by the bytes: clerks' machines name files as they please."""
    head = data.removeprefix(BOM_UTF8).lstrip()
    if head.startswith(b"PK"):
        return XLSX
    if head.startswith(b"["):
        return JSON
    first = head.partition(b"\n")[0]
    return CSV if not head.startswith(b"{") and any(mark in first for mark in (b",", b"\t", b";")) else NDJSON


def is_whole(data: bytes) -> bool:
    """Whether the file ends as its kind does. A table cut inside its last row would hold a wrong case number."""
    match kind_of(data):
        case kind if kind == XLSX:
            return _END_OF_WORKBOOK in data[-_LONGEST_END:]
        case kind if kind == JSON:
            return data.rstrip().endswith(b"]")
        case kind if kind == CSV:
            return data.endswith((b"\n", b"\r"))
    return data.endswith((b"\n", b"\r")) or _is_json(data.splitlines()[-1]) or _is_json(data)


def _is_json(data: bytes) -> bool:
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            orjson.loads(data.decode(encoding))
        except ValueError:
            continue
        return True
    return False
