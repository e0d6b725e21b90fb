"""CSV cut into its rows, each with its own bytes and what it says under the headings.

A broken row must not take its neighbours with it: where quotes do not close, reading goes on at the next line.
"""

import csv
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from adapters.feeds.encodings import BOM, Encoding, encoding_of
from adapters.feeds.headings import TITLES, Headings, headings_of, row_under
from adapters.feeds.piece import Fault, Piece
from adapters.feeds.units import unit_in_title

MOST_LINES = 1000  # of one row: a text with line breaks in it
_DELIMITERS = (",", "\t", ";", "|")
_NO_RECORD = b" \t\r\n,;|"  # a line of nothing else holds no cell
_UNREADABLE = Fault("unparseable", "the row is no valid CSV in the encoding of the file")
_UNQUOTED = Fault("unparseable", "a line break or a quote stands in a cell that is not quoted")
_CUT = Fault("unparseable", "the file is cut off in this row")


class _Table(NamedTuple):
    lines: Sequence[bytes]
    first: int  # the line behind the headings
    encoding: Encoding
    delimiter: str
    headings: Headings


def csv_rows(data: bytes) -> Iterator[Piece] | None:
    """Every row under the headings, in order; None where the first lines hold no headings that are known."""
    table = _table(data)
    return None if table is None else (piece for _, piece in _rows(table))


def csv_cells(data: bytes) -> tuple[list[list[str]], Iterator[tuple[list[str], Piece]]] | None:
    """The same with each row's cells, and before them the lines of titles and headings."""
    table = _table(data)
    if table is None:
        return None
    head: list[list[str]] = []
    place = 0
    while place < table.first:
        cells, used, _ = _read(table.lines, place, table.encoding, table.delimiter)
        head += [cells] if any(cells) else []
        place += used
    return head, _rows(table)


def _table(data: bytes) -> _Table | None:
    head = data.removeprefix(BOM).lstrip()
    if not head or head[:1] in (b"{", b"["):
        return None
    lines = data.removeprefix(BOM).splitlines(keepends=True)
    encoding = encoding_of(data)
    titles, unit = 0, None
    for place, line in enumerate(lines):
        if not line.strip(_NO_RECORD):
            continue
        text = line.decode(encoding, "replace")
        for delimiter in _DELIMITERS:
            cells, used, _ = _read(lines, place, encoding, delimiter)
            if headings := headings_of(cells, unit):
                return _Table(lines, place + used, encoding, delimiter, headings)
        unit = unit_in_title([text]) or unit
        titles += 1
        if titles > TITLES or len([cell for cell in text.split(",") if cell.strip()]) > 1:
            return None
    return None


def _rows(table: _Table) -> Iterator[tuple[list[str], Piece]]:
    place = table.first
    while place < len(table.lines):
        if not table.lines[place].strip(_NO_RECORD):
            place += 1
            continue
        cells, used, fault = _read(table.lines, place, table.encoding, table.delimiter)
        if fault is None:
            fault = _fault(table, place, cells, used)
        if fault is not None:
            used = 1
        raw = b"".join(table.lines[place : place + used]).rstrip(b"\r\n")
        place += used
        row = fault or row_under(table.headings, [_plain(cell) for cell in cells])
        yield cells, Piece(raw, fault=row) if isinstance(row, Fault) else Piece(raw, row=row)


def _read(
    lines: Sequence[bytes], place: int, encoding: Encoding, delimiter: str
) -> tuple[list[str], int, Fault | None]:
    """The cells of the row that begins on a line, and how many lines it takes."""
    used = 0

    def texts() -> Iterator[str]:
        nonlocal used
        for line in lines[place : place + MOST_LINES]:
            used += 1
            yield line.decode(encoding)

    try:
        return next(csv.reader(texts(), delimiter=delimiter, strict=True), []), used, None
    except (csv.Error, UnicodeDecodeError):
        return [], 1, _UNREADABLE


def _fault(table: _Table, place: int, cells: Sequence[str], used: int) -> Fault | None:
    """What tells that the row does not end where it seems to: no row may vanish in a text of the row before it."""
    width = table.headings.width
    for inner in range(place + 1, place + used):
        other, _, _ = _read(table.lines, inner, table.encoding, table.delimiter)
        if len(other) >= width > 2:
            return _UNQUOTED
    if len(cells) >= width:
        return None
    after = place + used
    if after >= len(table.lines):
        return None if table.lines[-1].endswith((b"\n", b"\r")) else _CUT
    for part in (after, place - 1):  # spreadsheets leave out empty cells at the end, but not half of a row
        if table.first <= part < len(table.lines) and table.lines[part].strip(_NO_RECORD):
            other, _, _ = _read(table.lines, part, table.encoding, table.delimiter)
            if len(cells) + len(other) == width + 1:
                return _UNQUOTED
    return None


def _plain(cell: str) -> str:
    """Without the wrapping that makes a spreadsheet take a number for a text."""
    return cell[2:-1] if len(cell) > 3 and cell.startswith('="') and cell.endswith('"') else cell
