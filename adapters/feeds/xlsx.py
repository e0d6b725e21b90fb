"""The cells of an XLSX workbook, sheet by sheet and row by row, straight from its parts (ECMA-376 part 1, chapter 18).

A library that makes an object of every cell takes most of the time of a table's way in. Read is what a list needs:
shared and inline texts, numbers, days by the format of their style, yes and no, errors, what formulas gave. Whoever
opens the package has measured it before, and has seen that no part declares a document type.
"""

import posixpath
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import lru_cache
from math import isfinite
from typing import IO, Literal, NamedTuple
from xml.etree.ElementTree import Element, iterparse
from xml.parsers import expat
from zipfile import ZipFile

from schemas.canonical import JsonValue

EXACT = 10**15  # whole numbers below it are kept by a spreadsheet to the last digit
MOST_COLUMNS = 1000  # of a list; a sheet has 16,384, and a cell in the last one costs as much as all before it

_BUILT_IN_DAYS = frozenset((*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)))  # the last: in East Asia
_ASIDE = re.compile(r'"[^"]*"|\\.|_.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)  # of a format: what is no sign of it
_SPAN = re.compile(r"\[(?:h+|m+|s+)\]", re.IGNORECASE)
_OF_A_DAY = re.compile("[dmyhs]", re.IGNORECASE)
_SPACES = (
    "http://schemas.openxmlformats.org/spreadsheetml/2006/main ",
    "http://purl.oclc.org/ooxml/spreadsheetml/main ",
    "",
)
_TAGS = {f"{space}{name}": name for space in _SPACES for name in ("row", "c", "v", "t", "rPh")}
_ESCAPED = re.compile("_x([0-9A-Fa-f]{4})_")
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)  # noqa: DTZ001 - a sheet's days have no zone


class Row(NamedTuple):
    """A row that holds anything: its number from 1, and its cells up to the last that does. `far_out` where one stands
    behind `MOST_COLUMNS`; then only the cells that hold anything.
    """

    number: int
    cells: list[JsonValue]
    far_out: bool = False


class _Book(NamedTuple):
    texts: Sequence[str]
    is_day: Sequence[bool]  # by style
    epoch: datetime


def sheets(package: ZipFile) -> Iterator[Iterator[Row]]:
    """The rows of each sheet. Cells are texts, empty ones too; a number stays one where its digits are lost, or where
    it is a fraction. Of a broken package it raises whatever there is.
    """
    main = next(iter(_related(package, "", "officeDocument").values()), "xl/workbook.xml")
    strings, styles = (_named(package, main, kind) for kind in ("sharedStrings", "styles"))
    root = _root(package, main)
    book = _Book(
        [text for part in strings for text in _texts(package, part)],
        [is_day for part in styles for is_day in _days(package, part)],
        _EPOCH_1904 if _is_1904(root) else _EPOCH,
    )
    parts = _related(package, main, "worksheet")
    for sheet in root.iterfind("{*}sheets/{*}sheet"):
        name = next((value for key, value in sheet.attrib.items() if key.endswith("}id")), "")
        if name in parts:
            yield _rows(package, parts[name], book)


def _rows(package: ZipFile, part: str, book: _Book) -> Iterator[Row]:
    """Told by the parser as it meets them: no tree is built, and no row kept."""
    rows: list[Row] = []
    parser = _parser(book, rows)
    with package.open(part) as stream:
        while chunk := stream.read(1 << 16):
            parser.Parse(chunk, False)
            yield from rows
            rows.clear()
        parser.Parse(b"", True)
        yield from rows


def _parser(book: _Book, rows: list[Row]) -> expat.XMLParserType:
    """A parser of a sheet's part that puts each row into `rows` as it ends."""
    parser = expat.ParserCreate(namespace_separator=" ")
    parser.buffer_text = True
    cells: list[JsonValue] = []
    text: list[str] = []
    inline: list[str] = []
    said: str | None = None
    number, place, kind, style, aside, far_out = 0, -1, "n", None, False, False

    def begins(tag: str, attributes: dict[str, str]) -> None:
        nonlocal said, number, place, kind, style, aside, far_out
        what = _TAGS.get(tag)
        if what == "c":
            where = attributes.get("r")
            place = place + 1 if where is None else _column(where.rstrip("0123456789"))
            kind, style, said = attributes.get("t", "n"), attributes.get("s"), None
        elif what in ("v", "t"):
            text.clear()
        elif what == "row":
            number, place = int(attributes.get("r") or number + 1), -1
            far_out = False
        elif what == "rPh":
            aside = True

    def ends(tag: str) -> None:
        nonlocal said, aside, cells, far_out
        what = _TAGS.get(tag)
        if what == "v":
            said = "".join(text)
        elif what == "t" and not aside:
            inline.append("".join(text))
        elif what == "c":
            value = _value(kind, style, "".join(inline) if kind == "inlineStr" else said, book)
            inline.clear()
            if value == "":
                return
            far_out = far_out or place >= MOST_COLUMNS
            if far_out or place >= len(cells):
                cells.extend([""] * (0 if far_out else place - len(cells)))
                cells.append(value)
            elif cells[place] == "":
                cells[place] = value
            else:
                raise ValueError("two cells of a row stand in one place")
        elif what == "row" and cells:
            rows.append(Row(number, [cell for cell in cells if cell != ""] if far_out else cells, far_out))
            cells = []
        elif what == "rPh":
            aside = False

    parser.StartElementHandler, parser.EndElementHandler = begins, ends
    parser.CharacterDataHandler = text.append
    return parser


def _elements(stream: IO[bytes], parent: str, name: str) -> Iterator[Element]:
    """Each element of that name right under its parent; none is kept, however many there are."""
    holder: Element | None = None
    for event, element in _parsed(stream, ("start", "end")):
        if event == "start":
            if holder is None and element.tag.rpartition("}")[2] == parent:
                holder = element
        elif holder is not None and element.tag.rpartition("}")[2] == name:
            yield element
            holder.clear()


def _value(kind: str, style: str | None, said: str | None, book: _Book) -> JsonValue:
    """What a cell holds: "" for nothing; the error of a formula for no number, or a text or style that there is not."""
    if not said:
        return ""
    try:
        if kind == "s":
            return book.texts[_index(said)]
        if kind == "n":
            is_day = style is not None and book.is_day[_index(style)]
            return _day(float(said), book.epoch) if is_day else _number(said)
    except (ValueError, IndexError, OverflowError):
        return "#VALUE!"
    if kind == "b":
        return "是" if said.strip() in ("1", "true") else "否"
    return _unescaped(said)  # a text, of a formula too, an error, a day in ISO form


def _index(said: str) -> int:
    if not (said.isascii() and said.isdigit()):
        raise ValueError("no index")
    return int(said)


def _number(said: str) -> JsonValue:
    """A whole number as its digits."""
    if said.isascii() and said.isdigit() and len(said) <= 15:
        return str(int(said))
    value = float(said)
    if not isfinite(value):
        raise ValueError("no number")
    return str(int(value)) if abs(value) < EXACT and value == int(value) else value


def _day(serial: float, epoch: datetime) -> JsonValue:
    """Days from the epoch, as date and time."""
    if 1 <= serial < 60 and epoch == _EPOCH:
        serial += 1  # spreadsheets count a 29 February 1900 that never was
    moment = epoch + timedelta(seconds=round(serial * 86400))
    return moment.strftime("%H:%M:%S" if 0 <= serial < 1 else "%Y-%m-%d %H:%M:%S")


@lru_cache(maxsize=1024)
def _column(letters: str) -> int:
    place = 0
    for letter in letters:
        place = place * 26 + ord(letter) - ord("A") + 1
    if not 1 <= place <= 16_384:
        raise ValueError("a cell's column is none")
    return place - 1


def _texts(package: ZipFile, part: str) -> Iterator[str]:
    with package.open(part) as stream:
        for item in _elements(stream, "sst", "si"):
            yield _unescaped(_text(item))


def _text(item: Element) -> str:
    """A text, in runs or in one; without the readings that may stand over it."""
    parts = (one for run in item for one in ([run] if run.tag.endswith("}t") else run) if not run.tag.endswith("}rPh"))
    return "".join(one.text or "" for one in parts if one.tag.endswith("}t"))


def _unescaped(text: str) -> str:
    """Characters that XML cannot hold stand as _xHHHH_; half of a pair is none."""
    return _ESCAPED.sub(_character, text) if "_x" in text else text


def _character(found: re.Match[str]) -> str:
    code = int(found[1], 16)
    return found[0] if 0xD800 <= code <= 0xDFFF else chr(code)


def _days(package: ZipFile, part: str) -> Iterator[bool]:
    """For each style of a cell, whether its number is a day."""
    root = _root(package, part)
    formats = {one.get("numFmtId"): one.get("formatCode", "") for one in root.iterfind("{*}numFmts/{*}numFmt")}
    for style in root.iterfind("{*}cellXfs/{*}xf"):
        number = style.get("numFmtId", "0")
        yield _shows_a_day(formats[number]) if number in formats else int(number) in _BUILT_IN_DAYS


def _shows_a_day(code: str) -> bool:
    first = _ASIDE.sub("", code.partition(";")[0])
    return bool(_OF_A_DAY.search(first)) and not _SPAN.search(first)


def _is_1904(root: Element) -> bool:
    return any(one.get("date1904") in ("1", "true") for one in root.iterfind("{*}workbookPr"))


def _related(package: ZipFile, part: str, kind: str) -> dict[str, str]:
    """The parts of a kind that a part is related to: id -> path inside the package."""
    folder, name = posixpath.split(part)
    listed = posixpath.join(folder, "_rels", f"{name}.rels")
    if listed not in package.NameToInfo:
        return {}
    of_kind = (one for one in _root(package, listed) if one.get("Type", "").endswith(f"/{kind}"))
    return {
        one.get("Id", ""): posixpath.normpath(posixpath.join("/", folder, one.get("Target", "")))[1:] for one in of_kind
    }


def _named(package: ZipFile, main: str, kind: str) -> list[str]:
    """The part of a kind that there is once; where it is not related to the main one, by its usual name."""
    usual = posixpath.join(posixpath.dirname(main), f"{kind}.xml")
    return [*_related(package, main, kind).values()][:1] or [usual] * (usual in package.NameToInfo)


def _root(package: ZipFile, part: str) -> Element:
    with package.open(part) as stream:
        *_, (_, root) = _parsed(stream, ("end",))
    return root


def _parsed(stream: IO[bytes], events: Sequence[Literal["start", "end"]]) -> Iterator[tuple[str, Element]]:
    return iterparse(stream, events)  # noqa: S314 - no entities: no part declares a document type
