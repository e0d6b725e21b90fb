"""A clerk's table, read whole, and its copy with the verdicts: a workbook as it was, or one made of a text table.

What is written besides is text of our own and never a formula. Of a text table every cell becomes text: no code is
rounded when the copy is opened, and what looks like a formula is none.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from io import BytesIO
from itertools import islice
from typing import Final
from zipfile import ZipFile

import openpyxl
from openpyxl.cell import Cell
from openpyxl.cell.cell import ILLEGAL_CHARACTERS_RE
from openpyxl.styles import PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.worksheet import Worksheet

from adapters.feeds.csv_rows import csv_cells
from adapters.feeds.piece import Piece
from adapters.feeds.workbook import WHOLE, Place, is_workbook, placed_rows
from adapters.sheets.covered import check_covered
from adapters.sheets.spoilt import spoilt
from adapters.sheets.words import REASON, REFUSED, TAKEN, VERDICT, reason_of
from schemas.canonical import JsonObject
from schemas.sheet import Refusal, Sheet, SheetFault

MOST_ROWS: Final = 50_000
MOST_UNPACKED: Final = 64 * 1024 * 1024  # bytes of all parts: to be copied it is held whole, cell by cell
LAST_COLUMN: Final = 16_384  # a sheet has no more
LONGEST: Final = 32_767  # characters in a cell
_RED: Final = PatternFill("solid", start_color="FFC7CE", end_color="FFC7CE")
_OURS: Final = re.compile(f"{VERDICT}|{REASON}")


def read_sheet(data: bytes) -> Sheet:
    """The table, by what its bytes are. Raises SheetFault."""
    if is_workbook(data):
        if _unpacked(data) > MOST_UNPACKED:
            raise SheetFault("the workbook unpacks to far more than a clerk's table can be")
        found = list(islice(placed_rows(data), MOST_ROWS + 1))
        _check(len(found))
        for place, piece in found:
            if place == WHOLE and piece.fault is not None:
                raise SheetFault(piece.fault.reason)
        check_covered(data)
        rows = [_row(piece, text_table=False) for _, piece in found]
        return Workbook(data, [place for place, _ in found], rows)
    table = csv_cells(data)
    if table is None:
        raise SheetFault("no row of headings that are known stands over its rows")
    head, lines = table
    read = list(islice(lines, MOST_ROWS + 1))
    _check(len(read))
    return TextTable(head, [_cells(*one) for one in read], [_row(piece, text_table=True) for _, piece in read])


@dataclass(frozen=True, slots=True)
class Workbook:
    data: bytes
    places: Sequence[Place]
    rows: Sequence[JsonObject | Refusal]

    def with_verdicts(self, refused: Sequence[Refusal | None]) -> bytes:
        try:
            book = openpyxl.load_workbook(BytesIO(self.data), keep_links=False)
        except Exception:  # noqa: BLE001 - on a broken package the library raises whatever it meets
            raise SheetFault("the workbook's formats cannot be read; save it anew") from None
        columns = {number: _column(sheet) for number, sheet in enumerate(book.worksheets)}
        for place, one in zip(self.places, refused, strict=True):
            sheet, column = book.worksheets[place.sheet], columns[place.sheet]
            if place.headings:
                _write(sheet, place.headings, column, VERDICT, REASON)
            _say(sheet, place.row, column, one)
        return _saved(book)


@dataclass(frozen=True, slots=True)
class TextTable:
    """`head` are the lines of titles and headings, `cells` those of the rows."""

    head: Sequence[Sequence[str]]
    cells: Sequence[Sequence[str]]
    rows: Sequence[JsonObject | Refusal]

    def with_verdicts(self, refused: Sequence[Refusal | None]) -> bytes:
        book = openpyxl.Workbook()
        sheet = book.active
        if not isinstance(sheet, Worksheet):
            raise SheetFault("a new workbook has no sheet")
        column = max(map(len, (*self.head, *self.cells)), default=0) + 1
        for number, cells in enumerate((*self.head, *self.cells), 1):
            for place, text in enumerate(cells, 1):
                if text:
                    _put(sheet, number, place, text)
        _write(sheet, len(self.head), column, VERDICT, REASON)
        for number, one in enumerate(refused, len(self.head) + 1):
            _say(sheet, number, column, one)
        return _saved(book)


def _unpacked(data: bytes) -> int:
    """What the package says of itself; the reader finds out whether it is so."""
    try:
        with ZipFile(BytesIO(data)) as package:
            return sum(part.file_size for part in package.infolist())
    except Exception:  # noqa: BLE001 - of a broken package the library raises whatever it meets; the reader names it
        return 0


def _check(rows: int) -> None:
    if rows > MOST_ROWS:
        raise SheetFault(f"it has more than {MOST_ROWS:,} rows; push it instead, or cut it")
    if not rows:
        raise SheetFault("it has no row")


def _row(piece: Piece, *, text_table: bool) -> JsonObject | Refusal:
    if piece.fault is not None:
        return Refusal(piece.fault.code, piece.fault.reason)
    row = {key: value for key, value in (piece.row or {}).items() if not _OURS.fullmatch(key)}
    return spoilt(row, text_table=text_table) or row


def _cells(cells: list[str], piece: Piece) -> list[str]:
    return cells or [piece.raw.decode("utf-8", "replace")]


def _column(sheet: Worksheet) -> int:
    """The first column behind all that holds anything; the one that a copy of ours has already. Raises SheetFault."""
    ours = [cell.column for cell in _filled(sheet) if cell.value == VERDICT]
    column = min(ours) if ours else max((cell.column for cell in _filled(sheet)), default=0) + 1
    if column >= LAST_COLUMN:
        raise SheetFault("a sheet has no room beside its rows; delete what stands far to the right")
    return column


def _filled(sheet: Worksheet) -> Iterator[Cell]:
    """Only what is there: a single cell far out would make the rectangle of all of them gigabytes."""
    cells = sheet._cells
    return (cell for cell in cells.values() if isinstance(cell, Cell) and cell.value is not None)


def _say(sheet: Worksheet, row: int, column: int, refused: Refusal | None) -> None:
    said = (TAKEN, "") if refused is None else (REFUSED, reason_of(refused))
    _write(sheet, row, column, *said)
    if refused is not None:
        sheet.cell(row, column).fill = _RED


def _write(sheet: Worksheet, row: int, column: int, verdict: str, reason: str) -> None:
    _put(sheet, row, column, verdict)
    _put(sheet, row, column + 1, reason)
    sheet.column_dimensions[get_column_letter(column + 1)].width = 60


def _put(sheet: Worksheet, row: int, column: int, text: str) -> None:
    """As text, whatever it begins with. Cells that are merged into another are let be."""
    cell = sheet.cell(row, column)
    if isinstance(cell, Cell):
        cell.value = ILLEGAL_CHARACTERS_RE.sub("", text)[:LONGEST] or None
        cell.data_type = "s" if text else "n"
        cell.number_format = "@"


def _saved(book: openpyxl.Workbook) -> bytes:
    out = BytesIO()
    try:
        book.save(out)
    except Exception:  # noqa: BLE001 - of a workbook with parts it half knows the library raises whatever it meets
        raise SheetFault("no copy of the workbook can be made; save it anew") from None
    return out.getvalue()
