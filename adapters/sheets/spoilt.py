"""What a spreadsheet spoils without a word: long numbers, case numbers, dates.

It keeps 15 digits of a number and writes zeros for the rest. Such an identifier is another person's, and one in eleven
passes its check; in a text table nobody can tell it from one that ends so by itself.
"""

import re

from adapters.feeds.adapter import Row
from adapters.feeds.removal import is_removed
from adapters.feeds.said import WrongValue
from adapters.feeds.shapes import recognised
from schemas.canonical import JsonObject, JsonValue
from schemas.identifiers import PlaceholderIdentifier, RoundedIdentifier, read_identifier
from schemas.sheet import Refusal

_SCIENTIFIC = re.compile(r"\s*'?\d(?:[.,]\d+)?[Ee]\+?\d{1,3}\s*", re.ASCII)
_ZEROS_FROM_16 = re.compile(r"\s*'?[1-9]\d{14}0+\s*", re.ASCII)
_SERIAL = re.compile(r"\s*[1-7]\d{4}(?:\.\d+)?\s*", re.ASCII)  # days since 1900: the years 1927 to 2119
_DATE_HEADING = re.compile(r"(?:时间|日期|届满日|截止日|到期日|有效期至|纳入期限至|[Dd]ate|_on)$")

CASE = Refusal("rounded-case-number", "a spreadsheet took the case number for a number; its digits are lost")
IDENTIFIER = Refusal("rounded-identifier", "a spreadsheet rounded the identifier; its digits are lost")
UNSURE = Refusal(
    "rounded-identifier",
    "the identifier ends as a rounded one does, and a text table cannot say; send a workbook with the column as text",
)
DATE = Refusal("serial-date", "a date stands there as the number of a day; format the column as a date, or as text")


def spoilt(row: JsonObject, *, text_table: bool) -> Refusal | None:
    """The first thing that a spreadsheet spoilt in the row. In a withdrawal only its case number can be (rule J5)."""
    record, shape = recognised(row)
    if shape is None:
        return None  # the gateway says what it is
    if any(_is_rounded(record.get(key)) for key in shape.case_number):
        return CASE
    if _takes_back(record, shape):
        return None
    for key in shape.identifiers:
        if found := _identifier(record.get(key), text_table=text_table):
            return found
    dates = (value for key, value in record.items() if _DATE_HEADING.search(key))
    return DATE if any(_SERIAL.fullmatch(str(value)) for value in dates) else None


def _identifier(value: JsonValue, *, text_table: bool) -> Refusal | None:
    if _is_rounded(value) and not isinstance(value, str):
        return IDENTIFIER
    if not isinstance(value, str):
        return None
    try:
        read_identifier(value)
    except RoundedIdentifier:
        return IDENTIFIER
    except PlaceholderIdentifier:
        return None
    if _SCIENTIFIC.fullmatch(value):
        return IDENTIFIER
    return UNSURE if text_table and _ZEROS_FROM_16.fullmatch(value) else None


def _is_rounded(value: JsonValue) -> bool:
    if isinstance(value, float):
        return True
    return isinstance(value, str) and bool(_SCIENTIFIC.fullmatch(value) or _ZEROS_FROM_16.fullmatch(value))


def _takes_back(record: JsonObject, shape: Row) -> bool:
    try:
        return record.get("status") == "withdrawn" or is_removed(record, shape.states)
    except WrongValue:
        return False
