"""The row of headings over a table's columns: which row it is, and what each of its cells is called in our table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from adapters.feeds.piece import Fault
from adapters.feeds.shapes import AMOUNTS, KNOWN_KEYS, OTHER_FEEDS, spelled_as_zxgk
from adapters.feeds.units import LONGEST, NO_UNITS, YUAN, in_unit, note_behind, unit_behind
from schemas.canonical import JsonObject, JsonValue
from schemas.text import visible

TITLES = 3  # rows over the headings that may hold a title
NULLS = frozenset(
    {"NULL", "null", "(null)", "None", "nan", "NaN", "\\N"}
)  # what programs write into a cell for nothing
OURS = frozenset(
    {"feed", "record_id", "case_number", "name", "status", "status_reason", "original_case_number"}
)  # of our own withdrawal line
KNOWN = KNOWN_KEYS.union(OURS, *(telling for _, telling in OTHER_FEEDS))

_BLANKS = re.compile(r"\s+")
_MARKS = re.compile(r"^[*＊★]+|[*＊★:：]+$")
_NOTE = re.compile(r"[(（\[【][^()（）]*[)）\]】]$")


@dataclass(frozen=True, slots=True)
class Headings:
    """What each column is called, as `written` and in our table; `telling` are two columns that are known, `units` the
    columns whose heading says that all under it is in a unit other than yuan.
    """

    names: tuple[str, ...]
    written: tuple[str, ...]
    telling: tuple[int, int]
    units: tuple[tuple[int, str], ...]

    @property
    def width(self) -> int:
        return len(self.names)


def headings_of(cells: Sequence[str], unit: str | None = None) -> Headings | None:
    """The headings, where these cells are some: at least two of them are known. `unit` is that of a title over them;
    it holds for the amounts whose heading says none.
    """
    names = [_heading(cell) for cell in cells]
    while names and not names[-1]:
        names.pop()
    known = [place for place, name in enumerate(names) if _is_known(name)]
    if len(known) < 2:
        return None
    named = tuple(name or f"column {place}" for place, name in enumerate(names, 1))
    units = [(place, _unit(cells[place], names[place], unit)) for place in known]
    others = tuple((place, one) for place, one in units if one != YUAN)
    return Headings(named, tuple(cells[: len(names)]), (known[0], known[1]), others)


def _heading(cell: str) -> str:
    """As our table has it, where it does: without blanks, marks of required fields and notes in brackets."""
    plain = cell.strip().strip("\ufeff")
    if len(plain) > LONGEST:
        return plain
    bare = _MARKS.sub("", _BLANKS.sub("", visible(plain)))
    unmarked = _MARKS.sub("", _NOTE.sub("", bare))
    as_written = (plain, _BLANKS.sub("", plain), bare)
    for spelled in (unmarked, *as_written) if unit_behind(bare) else (*as_written, _NOTE.sub("", bare), unmarked):
        if _is_known(spelled):
            return spelled
    return plain


def _unit(cell: str, name: str, of_all: str | None) -> str:
    """A note behind an amount is its unit, also where nobody knows it: it may be another than yuan."""
    label = _MARKS.sub("", cell.strip())
    if found := unit_behind(label):
        return found[1]
    if name not in AMOUNTS:
        return YUAN
    note = note_behind(label)
    return note[1] if note and note[1] not in NO_UNITS else of_all or YUAN


def _is_known(heading: str) -> bool:
    return heading in KNOWN or spelled_as_zxgk(heading) in KNOWN


def row_under(headings: Headings, cells: Sequence[JsonValue]) -> JsonObject | Fault:
    """The cells by their headings. A short row is filled up with empty cells."""
    width = headings.width
    if len(cells) > width and any(cell not in (None, "") for cell in cells[width:]):
        return Fault("shifted-columns", "the row has more cells than the table has headings")
    if all(place < len(cells) and cells[place] == headings.written[place] for place in headings.telling):
        return Fault("not-a-listing", "the headings stand here again")
    filled = ["" if cell in NULLS else cell for cell in cells[:width]] + [""] * (width - len(cells))
    for place, unit in headings.units:
        filled[place] = in_unit(filled[place], unit)
    row: JsonObject = dict(zip(headings.names, filled, strict=True))
    if len(row) < width:
        return _merged(headings, filled)
    return row


def _merged(headings: Headings, cells: Sequence[JsonValue]) -> JsonObject | Fault:
    """Where two columns have one heading, one of them may speak."""
    row: JsonObject = {}
    for name, cell in zip(headings.names, cells, strict=True):
        if row.get(name) in (None, ""):
            row[name] = cell
        elif cell not in (None, "", row[name]):
            return Fault("shifted-columns", "two columns have one heading, and differ")
    return row
