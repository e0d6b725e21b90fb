"""A unit of money behind a label, 执行标的（万元）: what stands under it is read in that unit, digit by digit."""

import re
from decimal import Decimal

from schemas.canonical import JsonObject, JsonValue
from schemas.text import bare, visible

YUAN = "元"
LONGEST = 60  # characters of a label

# Another currency is a unit too: read as yuan it would be another amount.
_UNIT_BEHIND = re.compile(
    r"(.+?)[(（\[【](?:单位[:：]?)?(?:人民币[:：]?)?([十百千万亿]+|[^()（）\[\]【】]{0,6}元)[)）\]】]"
)
_CLOSING = frozenset(")）]】")
_BLANKS = re.compile(r"\s+")
_PLAIN = re.compile(r"[\d,]+(?:\.\d*)?(?:E\+?\d{1,2})?", re.ASCII | re.IGNORECASE)


def unit_behind(label: str) -> tuple[str, str] | None:
    """The label and its unit, in brackets of any width; None where it has none."""
    if len(label) > LONGEST or label[-1:] not in _CLOSING:
        return None
    found = _UNIT_BEHIND.fullmatch(_BLANKS.sub("", visible(label)))
    return (found[1], found[2]) if found else None


def in_unit(value: JsonValue, unit: str) -> JsonValue:
    """A plain number with its unit, as text; a value that says a unit of its own, or no number, stays as it is."""
    if unit == YUAN or isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    said = format(Decimal(str(value)), "f") if isinstance(value, float) else str(value)
    return f"{said}{unit}" if _PLAIN.fullmatch(bare(said)) else value


def without_units(record: JsonObject) -> JsonObject | None:
    """The record with its labels bare, its values in their units; None where no label has one, or two become one."""
    behind = {key: found for key in record if (found := unit_behind(key))}
    if not behind:
        return None
    plain = {
        behind[key][0] if key in behind else key: in_unit(value, behind[key][1]) if key in behind else value
        for key, value in record.items()
    }
    return plain if len(plain) == len(record) else None
