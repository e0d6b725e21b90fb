"""How many cells the merged ranges and the links of a workbook cover: to be copied, each of them is made."""

import contextlib
import re
from collections.abc import Iterator
from io import BytesIO
from typing import Final
from xml.parsers import expat
from zipfile import ZipFile

from schemas.sheet import SheetFault

MOST_COVERED: Final = 200_000  # cells in all
_RANGES: Final = frozenset({"mergeCell", "hyperlink"})
_RANGE: Final = re.compile(r"\$?([A-Z]{1,3})\$?([0-9]{1,7}):\$?([A-Z]{1,3})\$?([0-9]{1,7})", re.IGNORECASE)


def check_covered(data: bytes) -> None:
    """Raises SheetFault. A part that is no XML has no ranges; the reader finds out what it should have been."""
    with ZipFile(BytesIO(data)) as package:
        covered = 0
        for part in package.infolist():
            for ref in _refs(package.read(part)):
                covered += _cells(ref)
                if covered > MOST_COVERED:
                    raise SheetFault("merged cells or links cover far more than a clerk's table has")


def _refs(content: bytes) -> Iterator[str]:
    found: list[str] = []

    def begin(name: str, attributes: dict[str, str]) -> None:
        if name.rpartition(" ")[2] in _RANGES:
            found.append(attributes.get("ref", ""))

    parser = expat.ParserCreate(namespace_separator=" ")
    parser.StartElementHandler = begin
    with contextlib.suppress(expat.ExpatError, ValueError, LookupError):  # the last two: of its encoding
        parser.Parse(content, True)
    yield from found


def _cells(ref: str) -> int:
    """What is no range of cells may be one of whole columns."""
    if ":" not in ref:
        return 1
    if not (found := _RANGE.fullmatch(ref)):
        return MOST_COVERED + 1
    left, top, right, bottom = found.groups()
    return (abs(_column(right) - _column(left)) + 1) * (abs(int(bottom) - int(top)) + 1)


def _column(letters: str) -> int:
    number = 0
    for letter in letters.upper():
        number = number * 26 + ord(letter) - ord("A") + 1
    return number
