"""An XLSX package looked through before a library opens it: in one pass over each part, and nothing kept but numbers.

The library reads a sheet row by row and the table of texts one by one, but keeps an empty element of whatever else it
meets, and builds every other part whole. So each part is told by what the package declares it to be, and what stands
in it is counted. What the library would pass over without a word is noted here: a formula that was never calculated, a
text where its cell's type has none, a sheet that is not there.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from io import BytesIO
from typing import IO, Final, NamedTuple
from xml.parsers import expat
from zipfile import ZipFile

from openpyxl.reader.excel import ExcelReader
from openpyxl.utils import column_index_from_string
from openpyxl.xml.constants import (
    ARC_CONTENT_TYPES,
    ARC_CORE,
    ARC_CUSTOM,
    ARC_STYLE,
    ARC_THEME,
    ARC_WORKBOOK,
    SHARED_STRINGS,
    SHEET_MAIN_NS,
    WORKSHEET_TYPE,
)

from adapters.feeds.piece import Fault

MOST_UNPACKED: Final = 256 * 1024 * 1024  # bytes of all parts
MOST_WHOLE: Final = 8 * 1024 * 1024  # bytes of all parts that are neither a sheet nor the table of texts
MOST_PARTS: Final = 1000
MOST_PACKED: Final = 200  # how many times smaller than its parts a package may be, past the first MiB
MOST_ELEMENTS: Final = 250_000  # of a part beside its rows and texts
MOST_INSIDE: Final = 100_000  # elements of one row, or one text
MOST_TEXTS: Final = 2_000_000
LONGEST_TAG: Final = 1 << 20  # bytes
LAST_ROW: Final = 1_048_576  # a sheet has no more
LAST_COLUMN: Final = 16_384
MOST_COLUMNS: Final = 1000  # of a list
MOST_ROWS: Final = 4 * LAST_ROW  # of all sheets, empty ones too

_TOO_LARGE = Fault("unparseable", "the workbook unpacks to far more than a list can be")
_BROKEN = Fault("unparseable", "the workbook cannot be read, or not from here on")
_DOCUMENT_TYPE = Fault("unparseable", "a part of the workbook declares a document type, which none may")
_ENCODING = Fault("unparseable", "a part of the workbook is not in UTF-8")
_ORDER = Fault("unparseable", "the rows of a sheet, or a row's cells, are not in their order")
_FORM = Fault("unparseable", "a sheet is not in the ordinary form of .xlsx; save it anew")
_SHEETS = Fault("unparseable", "the workbook names a sheet that is not there, or one twice")
_UNTOLD = Fault("wrong-value", "a cell holds a formula that was never calculated, or nothing that its type can be")
_FAR_OUT = Fault("shifted-columns", "a cell stands far behind all columns that a list has")

_CHUNK = 1 << 16
_BEFORE_XML = b"\xef\xbb\xbf\xfe\xff\x00 \t\r\n"  # marks of byte order and blanks
_SHEET, _TEXTS, _ROW, _TEXT, _CELL, _SAID, _FORMULA, _INLINE, _T = (
    f"{SHEET_MAIN_NS} {name}" for name in ("worksheet", "sst", "row", "si", "c", "v", "f", "is", "t")
)
_DECLARED = {WORKSHEET_TYPE: _SHEET, SHARED_STRINGS: _TEXTS}  # types of what the library reads bit by bit
_BUILT_WHOLE = frozenset({ARC_CONTENT_TYPES, ARC_CORE, ARC_CUSTOM, ARC_STYLE, ARC_THEME, ARC_WORKBOOK})


class Rows(NamedTuple):
    """The rows of a sheet that hold anything, each with what is wrong with a cell in it; and how wide they are."""

    faults: Mapping[int, Fault | None]
    width: int


class Unfit(Exception):
    """The package is not to be opened."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.reason)
        self.fault = fault


@contextmanager
def taken_for_broken() -> Iterator[None]:
    """Around a library alone: on a broken package it raises whatever it meets."""
    try:
        yield
    except Unfit:
        raise
    except Exception:  # noqa: BLE001 - a broken package may hold anything, and so the library raise anything
        raise Unfit(_BROKEN) from None


def sheets(data: bytes) -> list[Rows]:
    """What stands in each sheet, in the order of the workbook. Raises Unfit."""
    with taken_for_broken():
        package = ZipFile(BytesIO(data))
    with package:
        parts = package.namelist()
        unpacked = sum(part.file_size for part in package.infolist())
        if len(parts) > MOST_PARTS or unpacked > min(MOST_UNPACKED, MOST_PACKED * len(data) + (1 << 20)):
            raise Unfit(_TOO_LARGE)
        if len(set(parts)) < len(parts) or ARC_CONTENT_TYPES not in parts:
            raise Unfit(_BROKEN)
        _scan(package, ARC_CONTENT_TYPES, None)  # the library builds it whole, to say what the others are
        roots = _declared(_opened(data))
        found = {part: _scan(package, part, roots.get(part)) for part in parts}
        whole = sum(package.getinfo(part).file_size for part, scan in found.items() if scan and not scan.root)
        if whole > MOST_WHOLE:
            raise Unfit(_TOO_LARGE)
    named = [found.get(name) for name in _sheets(data)]
    scans = [scan for scan in named if scan is not None]
    if len(scans) < len(named):
        raise Unfit(_SHEETS)
    if any(scan.met != _SHEET for scan in scans):
        raise Unfit(_FORM)
    if sum(scan.row for scan in scans) > MOST_ROWS:
        raise Unfit(_TOO_LARGE)
    return [Rows(scan.rows, min(scan.width, MOST_COLUMNS)) for scan in scans]


def _opened(data: bytes) -> ExcelReader:
    with taken_for_broken():
        reader = ExcelReader(BytesIO(data), read_only=True, data_only=True, keep_links=False)
        reader.read_manifest()
    return reader


def _declared(reader: ExcelReader) -> dict[str, str]:
    """The root that a part must have to be read bit by bit."""
    types: dict[str, set[str]] = {}
    for one in reader.package.Override:
        types.setdefault(one.PartName[1:], set()).add(one.ContentType)
    alone = {name: next(iter(of_it)) for name, of_it in types.items() if len(of_it) == 1 and name not in _BUILT_WHOLE}
    return {name: _DECLARED[kind] for name, kind in alone.items() if kind in _DECLARED and not name.endswith(".rels")}


def _sheets(data: bytes) -> Iterator[str]:
    """The parts of the sheets but for charts, as the workbook names them. Raises Unfit."""
    reader = _opened(data)
    with taken_for_broken():
        reader.read_workbook()
        related = reader.parser.rels
    named = [related.get(sheet.id) for sheet in reader.parser.sheets]
    targets = [one.target for one in named if one is not None]
    if len(targets) < len(named) or len(set(targets)) < len(targets) or not set(targets) <= set(reader.valid_files):
        raise Unfit(_SHEETS)
    return (one.target for one in named if one is not None and "chartsheet" not in one.Type)


def _scan(package: ZipFile, part: str, root: str | None) -> "_Scan | None":
    """Where XML breaks off the scan ends, as the library's reading will. None for a picture, or the like."""
    scan = _Scan(root)
    with taken_for_broken():
        stream = package.open(part)
    with stream:
        chunk, fed = _chunk(stream), 0
        head = chunk.lstrip(_BEFORE_XML)
        if head[:1] not in (b"<", b""):
            return None
        if root is None and package.getinfo(part).file_size > MOST_WHOLE:
            raise Unfit(_TOO_LARGE)
        if chunk[:2] in (b"\xfe\xff", b"\xff\xfe") or b"\x00" in chunk[: len(chunk) - len(head) + 2]:
            raise Unfit(_ENCODING)
        try:
            while chunk:
                fed += len(chunk)
                scan.parser.Parse(chunk, False)
                if fed - max(scan.parser.CurrentByteIndex, 0) > LONGEST_TAG:
                    raise Unfit(_TOO_LARGE)
                chunk = _chunk(stream)
        except expat.ExpatError:
            pass
    return scan


def _chunk(stream: IO[bytes]) -> bytes:
    with taken_for_broken():
        return stream.read(_CHUNK)


class _Scan:
    """Told by the parser of one part what it meets."""

    def __init__(self, root: str | None) -> None:
        self.root = root
        self.met = ""
        self.rows: dict[int, Fault | None] = {}
        self.width = self.row = self.elements = 0
        self._beside = self._texts = self._column = 0
        self._unit = self._kind = self._in = ""
        self._formula = self._cached = self._filled = self._untold = False
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.XmlDeclHandler = self._declaration
        self.parser.StartDoctypeDeclHandler = self._document_type
        self.parser.StartElementHandler = self._begins
        self.parser.EndElementHandler = self._ends
        self.parser.CharacterDataHandler = self._said

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        if encoding is not None and encoding.lower() != "utf-8":
            raise Unfit(_ENCODING)

    def _document_type(self, *_: object) -> None:
        raise Unfit(_DOCUMENT_TYPE)

    def _begins(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not self.met:
            self.met = tag
            if tag != self.root:
                self.root = None  # it is not what it is declared to be, and so is counted whole
        self.elements += 1
        if self.elements > (MOST_INSIDE if self._unit else MOST_ELEMENTS):
            raise Unfit(_TOO_LARGE)
        if self.met not in (_SHEET, _TEXTS):
            return
        if self._unit:
            self._inside(tag, attributes)
        elif tag == _ROW and self.met == _SHEET:
            self._begins_row(attributes)
        elif tag == _TEXT and self.met == _TEXTS:
            self._texts += 1
            if self._texts > MOST_TEXTS:
                raise Unfit(_TOO_LARGE)
            self._open(tag)
        elif tag.rpartition(" ")[2] in ("row", "c", "si"):
            raise Unfit(_FORM)

    def _open(self, tag: str) -> None:
        self._unit = tag
        if self.root:
            self._beside, self.elements = self.elements - 1, 0  # itself it is none of those beside

    def _begins_row(self, attributes: Mapping[str, str]) -> None:
        number = attributes.get("r")
        if number is not None and not (number.isascii() and number.isdigit() and len(number) < 9):
            raise Unfit(_ORDER)
        row = self.row + 1 if number is None else int(number)
        if not self.row < row <= LAST_ROW:
            raise Unfit(_ORDER)
        self.row, self._column = row, 0
        self._open(_ROW)

    def _inside(self, tag: str, attributes: Mapping[str, str]) -> None:
        if not tag.startswith(SHEET_MAIN_NS) or tag == self._unit:
            raise Unfit(_FORM)
        if self._unit != _ROW:
            return
        if tag == _CELL:
            where = attributes.get("r")
            column = self._column + 1 if where is None else _column(where.rstrip("0123456789"))
            if not self._column < column <= LAST_COLUMN:
                raise Unfit(_ORDER)
            self._column, self._kind = column, attributes.get("t", "n")
            self._formula = self._cached = self._filled = self._untold = False
        elif tag == _FORMULA:
            self._formula = True
        elif tag in (_SAID, _INLINE):
            self._in = tag
            self._cached = self._cached or (tag == _SAID and self._kind == "str")
            self._untold = self._untold or (tag == _INLINE) != (self._kind == "inlineStr")

    def _said(self, text: str) -> None:
        if self._in and text:
            self._cached = self._filled = True

    def _ends(self, tag: str) -> None:
        if tag == self._in:
            self._in = ""
        elif tag == _CELL and self._unit == _ROW:
            untold = (self._formula and not self._cached) or (self._untold and self._filled)
            if self._filled or untold:
                known = self.rows.get(self.row)
                fault = _FAR_OUT if self._column > MOST_COLUMNS else _UNTOLD if untold else None
                self.rows[self.row] = known or fault
                self.width = max(self.width, self._column)
        elif tag == self._unit:
            self._unit = ""
            if self.root:
                self.elements = self._beside


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    """0 where it is none."""
    try:
        return column_index_from_string(letters)
    except ValueError:
        return 0
