"""An XLSX workbook cut into the rows of its sheets.

The package is measured before it is opened: a few kilobytes can unpack to gigabytes. XML is read through defusedxml, so
an entity is an error. A cell that holds a number of more than 15 digits has lost them: it stays a number, and whoever
reads an identifier there refuses it.
"""

import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from zipfile import BadZipFile, ZipFile

import openpyxl
import orjson
from openpyxl.utils.escape import unescape

from adapters.feeds.headings import TITLES, Headings, headings_of, row_under
from adapters.feeds.piece import Fault, Piece
from schemas.canonical import JsonValue

MOST_UNPACKED = 256 * 1024 * 1024  # bytes of all parts
MOST_PARTS = 1000
MOST_PACKED = 200  # how many times smaller than its parts a package may be, past the first MiB
MOST_EMPTY_ROWS = 1_100_000  # in a run; a sheet has no more
EXACT = 10**15  # whole numbers below it are kept by a spreadsheet to the last digit

_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TOO_LARGE = Fault("unparseable", "the workbook unpacks to far more than a list can be")
_OLD_FORM = Fault("unparseable", "a workbook of the old form; save it as .xlsx")
_BROKEN = Fault("unparseable", "the workbook cannot be read, or not from here on")
_HEADLESS = Fault("unknown-shape", "no row of headings that are known stands over this row")
_ERROR = Fault("wrong-value", "a cell holds the error of a formula")

# A warning of the library may hold a cell's value (rule P1); what it warns of is found here.
warnings.filterwarnings("ignore", module=r"openpyxl\..*")


def is_workbook(data: bytes) -> bool:
    return data.startswith((_ZIP, _OLD))


def workbook_rows(data: bytes) -> Iterator[Piece]:
    """Every row of every sheet that is not empty, in order, without headings and titles."""
    fault = _OLD_FORM if data.startswith(_OLD) else _measured(data)
    if fault is not None:
        yield Piece(data, fault=fault)
        return
    try:
        book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for sheet in book.worksheets:
            sheet.reset_dimensions()  # a sheet's own word on its size may be wrong
            yield from _rows([(cell.value, cell.data_type) for cell in row] for row in sheet.iter_rows())
    except Exception:  # noqa: BLE001 - on a broken package the library raises whatever it meets
        yield Piece(data, fault=_BROKEN)


def _measured(data: bytes) -> Fault | None:
    try:
        with ZipFile(BytesIO(data)) as package:
            parts = package.infolist()
    except (BadZipFile, ValueError, NotImplementedError, OSError):
        return _BROKEN
    unpacked = sum(part.file_size for part in parts)
    most = min(MOST_UNPACKED, MOST_PACKED * len(data) + (1 << 20))
    return _TOO_LARGE if len(parts) > MOST_PARTS or unpacked > most else None


def _rows(rows: Iterator[list[tuple[object, str]]]) -> Iterator[Piece]:
    headings: Headings | None = None
    titles = empty = 0
    for found in rows:
        cells = [_cell(value) for value, _ in found]
        filled = sum(cell != "" for cell in cells)
        empty = 0 if filled else empty + 1
        if empty > MOST_EMPTY_ROWS:
            raise ValueError("rows without end")
        if not filled:
            continue
        if headings is None:
            headings = headings_of([str(cell) for cell in cells])
            titles += 1
            if headings is None and (filled > 1 or titles > TITLES):
                yield Piece(_raw(cells), fault=_HEADLESS)
            continue
        fault = _ERROR if any(kind == "e" for _, kind in found) else None
        row = fault or row_under(headings, cells)
        if isinstance(row, Fault):
            yield Piece(_raw(cells), fault=row)
        else:
            yield Piece(orjson.dumps(row), row=row)


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
