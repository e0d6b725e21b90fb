"""An XLSX workbook cut into the rows of its sheets.

The package is looked through before it is opened (`package`). A cell that holds a number of more than 15 digits has
lost them: it stays a number, and whoever reads an identifier there refuses it. A cell with the error of a formula, or
with a formula that was never calculated, spoils its row, but for a withdrawal: that comes first (rule J5).
"""

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from itertools import count
from typing import NamedTuple

import openpyxl
import orjson
from openpyxl.cell.cell import Cell, MergedCell
from openpyxl.utils.escape import unescape

from adapters.feeds.headings import TITLES, Headings, headings_of, row_under
from adapters.feeds.package import Unfit, sheets, taken_for_broken
from adapters.feeds.piece import Fault, Piece
from adapters.feeds.removal import is_removed
from adapters.feeds.said import WrongValue
from adapters.feeds.shapes import recognised
from adapters.feeds.units import unit_in_title
from schemas.canonical import JsonObject, JsonValue

EXACT = 10**15  # whole numbers below it are kept by a spreadsheet to the last digit

_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_OLD_FORM = Fault("unparseable", "a workbook of the old form; save it as .xlsx")
_HEADLESS = Fault("unknown-shape", "no row of headings that are known stands over this row")
_ERROR = Fault("wrong-value", "a cell holds the error of a formula")

_EAST_ASIAN_DAYS = frozenset((*range(27, 37), *range(50, 59)))  # formats of numbers that are built in, and no others
_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})

# A warning of the library may hold a cell's value (rule P1); what it warns of is found here.
warnings.filterwarnings("ignore", module=r"openpyxl\..*")


class Row(NamedTuple):
    """`fault` is what makes a cell of it unreadable; such a cell is empty here, and in `raw` as it stands."""

    number: int
    cells: list[JsonValue]
    raw: list[JsonValue]
    fault: Fault | None


class Place(NamedTuple):
    """Where a row stands: sheets from 0, rows from 1. `headings` is the row of its headings; 0 where none is known."""

    sheet: int
    row: int
    headings: int


WHOLE = Place(0, 0, 0)  # of a fault that is not one row's


def is_workbook(data: bytes) -> bool:
    return data.startswith((_ZIP, _OLD))


def workbook_rows(data: bytes) -> Iterator[Piece]:
    """Every row of every sheet that is not empty, in order, without headings and titles."""
    return (piece for _, piece in placed_rows(data))


def placed_rows(data: bytes) -> Iterator[tuple[Place, Piece]]:
    """The same, with where each stands."""
    if data.startswith(_OLD):
        yield WHOLE, Piece(data, fault=_OLD_FORM)
        return
    try:
        for number, rows in enumerate(_sheets(data)):
            yield from _rows(number, rows)
    except Unfit as unfit:
        yield WHOLE, Piece(data, fault=unfit.fault)


def _sheets(data: bytes) -> Iterator[Iterator[Row]]:
    """The rows of each sheet that hold anything. Raises Unfit."""
    looked_through = sheets(data)
    with taken_for_broken():
        book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        _tell_days(book)
        opened = list(zip(book.worksheets, looked_through, strict=True))
    for sheet, rows in opened:
        sheet.reset_dimensions()  # a sheet's own word on its size may be wrong
        found = _read(sheet.iter_rows(max_col=rows.width))
        yield (Row(row, *_cells(cells, rows.faults[row])) for row, cells in found if row in rows.faults)


def _read(rows: Iterator[tuple[Cell | MergedCell, ...]]) -> Iterator[tuple[int, tuple[Cell | MergedCell, ...]]]:
    """Each row by its number. Around the library alone: what is wrong in our own code must be seen."""
    for number in count(1):
        with taken_for_broken():
            row = next(rows, None)
        if row is None:
            return
        yield number, row


def _rows(sheet: int, rows: Iterator[Row]) -> Iterator[tuple[Place, Piece]]:
    """Under its headings each. Rows of one cell over them are titles; where no headings follow they are rows."""
    headings: Headings | None = None
    titles: list[tuple[Place, Piece]] = []
    head, unit = 0, None
    for row in rows:
        if headings is not None:
            yield Place(sheet, row.number, head), _piece(headings, row)
            continue
        texts = [str(cell) for cell in row.cells]
        headings = headings_of(texts, unit)
        if headings is not None:
            head = row.number
            titles.clear()
            continue
        unit = unit_in_title(texts) or unit
        titles.append((Place(sheet, row.number, 0), Piece(orjson.dumps(row.raw), fault=_HEADLESS)))
        if len(titles) > TITLES or sum(cell != "" for cell in row.raw) > 1:
            yield from titles
            titles.clear()
    yield from titles


def _piece(headings: Headings, row: Row) -> Piece:
    said = row_under(headings, row.cells)
    if isinstance(said, Fault):
        return Piece(orjson.dumps(row.raw), fault=row.fault or said)
    if row.fault is not None and not _takes_back(said):
        return Piece(orjson.dumps(row.raw), fault=row.fault)
    return Piece(orjson.dumps(said), row=said)


def _takes_back(row: JsonObject) -> bool:
    record, shape = recognised(row)
    try:
        return is_removed(record, shape.states if shape else None)
    except WrongValue:
        return False


def _cells(
    found: Sequence[Cell | MergedCell], fault: Fault | None
) -> tuple[list[JsonValue], list[JsonValue], Fault | None]:
    raw = [_cell(cell.value) for cell in found]
    wrong = {place for place, cell in enumerate(found) if cell.data_type == "e" or cell.value in _ERRORS}
    cells = ["" if place in wrong else cell for place, cell in enumerate(raw)] if wrong else raw
    return cells, raw, fault or (_ERROR if wrong else None)


def _tell_days(book: openpyxl.Workbook) -> None:
    """The library takes a day in a format of East Asia for a number."""
    days: set[int] = vars(book)["_date_formats"]
    days.update(place for place, style in enumerate(vars(book)["_cell_styles"]) if style.numFmtId in _EAST_ASIAN_DAYS)


def _cell(value: object) -> JsonValue:
    """A cell as text. A number stays one where digits are lost, or where it is a fraction."""
    match value:
        case None:
            return ""
        case str():
            return unescape(value) if "_x" in value else value
        case bool():
            return "是" if value else "否"
        case int() | float():
            return str(int(value)) if abs(value) < EXACT and value == int(value) else float(value)
        case datetime():
            return value.strftime("%Y-%m-%d %H:%M:%S")
        case date():
            return value.isoformat()
        case _:
            return str(value)


def _raw(cells: Sequence[JsonValue]) -> bytes:
    return orjson.dumps(list(cells))
