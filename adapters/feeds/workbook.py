"""An XLSX workbook cut into the rows of its sheets.

The package is measured and looked through before it is opened: a few kilobytes can unpack to gigabytes, a document type
can name entities that grow without end, and of rows that stand twice the library would give one. A cell that holds a
number of more than 15 digits has lost them: it stays a number, and whoever reads an identifier there refuses it.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from datetime import date, datetime
from io import BytesIO
from itertools import pairwise
from typing import NamedTuple
from zipfile import ZipFile

import openpyxl
import orjson
from openpyxl.utils.escape import unescape

from adapters.feeds.headings import TITLES, Headings, headings_of, row_under
from adapters.feeds.piece import Fault, Piece
from schemas.canonical import JsonValue

MOST_UNPACKED = 256 * 1024 * 1024  # bytes of all parts
MOST_PARTS = 1000
MOST_PACKED = 200  # how many times smaller than its parts a package may be, past the first MiB
LAST_ROW = 1_048_576  # a sheet has no more
EXACT = 10**15  # whole numbers below it are kept by a spreadsheet to the last digit

_ZIP, _OLD = b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"
_TOO_LARGE = Fault("unparseable", "the workbook unpacks to far more than a list can be")
_OLD_FORM = Fault("unparseable", "a workbook of the old form; save it as .xlsx")
_BROKEN = Fault("unparseable", "the workbook cannot be read, or not from here on")
_DOCUMENT_TYPE = Fault("unparseable", "a part of the workbook declares a document type, which none may")
_ROWS = Fault("unparseable", "the rows of a sheet are not in their order")
_HEADLESS = Fault("unknown-shape", "no row of headings that are known stands over this row")
_ERROR = Fault("wrong-value", "a cell holds the error of a formula")

_BEGINS_AS_XML = re.compile(rb"[\xef\xbb\xbf\xfe\xff\x00 \t\r\n]*<")  # behind marks of byte order and blanks
_DECLARES = re.compile(rb"<\x00?!\x00?D|\x00<\x00!\x00D")  # in UTF-8 and in UTF-16
_ROW = re.compile(rb"<(?:\w+:)?row\s(?:[^>]*?\s)?r=[\"'](\d+)")
_ERRORS = frozenset({"#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NAME?", "#NUM!", "#N/A"})

# A warning of the library may hold a cell's value (rule P1); what it warns of is found here.
warnings.filterwarnings("ignore", module=r"openpyxl\..*")


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
    fault = _OLD_FORM if data.startswith(_OLD) else _fault(data)
    if fault is not None:
        yield WHOLE, Piece(data, fault=fault)
        return
    try:
        book = openpyxl.load_workbook(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        for number, sheet in enumerate(book.worksheets):
            sheet.reset_dimensions()  # a sheet's own word on its size may be wrong
            yield from _rows(number, sheet.iter_rows(values_only=True))
    except Exception:  # noqa: BLE001 - on a broken package the library raises whatever it meets
        yield WHOLE, Piece(data, fault=_BROKEN)


def _fault(data: bytes) -> Fault | None:
    """Why the package is not to be opened. Its parts are read as far as they say they go, and no further."""
    try:
        with ZipFile(BytesIO(data)) as package:
            parts = package.infolist()
            unpacked = sum(part.file_size for part in parts)
            if len(parts) > MOST_PARTS or unpacked > min(MOST_UNPACKED, MOST_PACKED * len(data) + (1 << 20)):
                return _TOO_LARGE
            return next((found for part in parts if (found := _fault_of_part(package.read(part)))), None)
    except Exception:  # noqa: BLE001 - of a broken package the library raises whatever it meets, here too
        return _BROKEN


def _fault_of_part(content: bytes) -> Fault | None:
    if not _BEGINS_AS_XML.match(content):
        return None  # a picture, or the like
    if _DECLARES.search(content):
        return _DOCUMENT_TYPE
    rows = [int(row) for row in _ROW.findall(content)]
    in_order = all(before < row for before, row in pairwise(rows))
    return None if in_order and (not rows or rows[-1] <= LAST_ROW) else _ROWS


def _rows(sheet: int, rows: Iterator[tuple[object, ...]]) -> Iterator[tuple[Place, Piece]]:
    headings: Headings | None = None
    titles = head = 0
    for number, found in enumerate(rows, 1):
        if not any(value is not None for value in found):
            continue
        cells = [_cell(value) for value in found]
        filled = sum(cell != "" for cell in cells)
        if not filled:
            continue
        if headings is None:
            headings = headings_of([str(cell) for cell in cells])
            titles += 1
            head = number if headings else 0
            if headings is None and (filled > 1 or titles > TITLES):
                yield Place(sheet, number, 0), Piece(_raw(cells), fault=_HEADLESS)
            continue
        row = _ERROR if not _ERRORS.isdisjoint(found) else row_under(headings, cells)
        piece = Piece(_raw(cells), fault=row) if isinstance(row, Fault) else Piece(orjson.dumps(row), row=row)
        yield Place(sheet, number, head), piece


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
