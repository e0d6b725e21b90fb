"""The row of headings over a table's columns: which row it is, and what each of its cells is called in our table."""

import re
from collections.abc import Sequence

from adapters.feeds.piece import Fault
from adapters.feeds.shapes import KNOWN_KEYS, OTHER_FEEDS, spelled_as_zxgk
from schemas.canonical import JsonObject, JsonValue
from schemas.text import visible

TITLES = 3  # rows over the headings that may hold a title
OURS = frozenset({"feed", "record_id", "case_number", "name", "status", "status_reason"})  # of our own withdrawal line
KNOWN = KNOWN_KEYS.union(OURS, *(telling for _, telling in OTHER_FEEDS))

_BLANKS = re.compile(r"\s+")
_MARKS = re.compile(r"^[*＊★]+|[*＊★:：]+$")
_NOTE = re.compile(r"[(（\[【][^()（）]*[)）\]】]$")

Headings = tuple[str, ...]


def headings_of(cells: Sequence[str]) -> Headings | None:
    """The headings, where these cells are some: at least two of them are known. One stands for a column each."""
    headings = [_heading(cell) for cell in cells]
    while headings and not headings[-1]:
        headings.pop()
    if sum(map(_is_known, headings)) < 2:
        return None
    return tuple(heading or f"column {place}" for place, heading in enumerate(headings, 1))


def _heading(cell: str) -> str:
    """As our table has it, where it does: without blanks, marks of required fields and notes in brackets."""
    plain = cell.strip().strip("\ufeff")
    bare = _MARKS.sub("", _BLANKS.sub("", visible(plain)))
    for spelled in (plain, _BLANKS.sub("", plain), bare, _NOTE.sub("", bare), _MARKS.sub("", _NOTE.sub("", bare))):
        if _is_known(spelled):
            return spelled
    return plain


def _is_known(heading: str) -> bool:
    return heading in KNOWN or spelled_as_zxgk(heading) in KNOWN


def row_under(headings: Headings, cells: Sequence[JsonValue]) -> JsonObject | Fault:
    """The cells by their headings. A short row is filled up with empty cells."""
    if any(cell not in (None, "") for cell in cells[len(headings) :]):
        return Fault("shifted-columns", "the row has more cells than the table has headings")
    row: JsonObject = {}
    for heading, cell in zip(headings, [*cells, *[""] * len(headings)], strict=False):
        if heading in row and row[heading] != cell and cell not in (None, ""):
            if row[heading] not in (None, ""):
                return Fault("shifted-columns", "two columns have one heading, and differ")
            row[heading] = cell
        row.setdefault(heading, cell)
    if all(heading == cell or _heading(str(cell)) == heading for heading, cell in row.items()):
        return Fault("not-a-listing", "the headings stand here again")
    return row
