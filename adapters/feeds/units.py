"""A unit of money behind a label, 执行标的（万元）, or in a title, 单位：万元: what stands under it is read in it."""

import re
from collections.abc import Iterable
from decimal import Decimal

from schemas.amounts import UnreadableAmount, read_amount, unit_of
from schemas.canonical import JsonObject, JsonValue
from schemas.text import bare, visible

YUAN = "元"
LONGEST = 60  # characters of a label
NO_UNITS = frozenset({"必填", "选填", "非必填", "可选"})  # notes behind a label that say nothing of its unit

_BEHIND = re.compile(r"(.+?)[(（\[【](?:单位[:：]?)?([^()（）\[\]【】]+)[)）\]】]")
# Another currency is a unit too: read as yuan it would be another amount.
_MONEY = re.compile(
    r"人民币[:：]?[十百千万亿]+|[^()（）\[\]【】]{0,8}(?:元|圆|币|美金|英镑)|USD|HKD|EUR|JPY|GBP", re.IGNORECASE
)
_IN_TITLE = re.compile(
    r"(?:单位|币种)[:：为]?([^()（）\[\]【】:：,，;；。、]{1,12}?)(?=单位|币种|[()（）\[\]【】,，;；。、]|$)"
)
_CLOSING = frozenset(")）]】")
_BLANKS = re.compile(r"\s+")
_PLAIN = re.compile(r"[\d,]+(?:\.\d*)?(?:E\+?\d{1,2})?", re.ASCII | re.IGNORECASE)


def note_behind(label: str) -> tuple[str, str] | None:
    """The label and what stands in brackets of any width at its end; None where nothing does."""
    if len(label) > LONGEST or label[-1:] not in _CLOSING:
        return None
    found = _BEHIND.fullmatch(_BLANKS.sub("", visible(label)))
    return (found[1], found[2]) if found else None


def unit_behind(label: str) -> tuple[str, str] | None:
    """The label and its unit; None where it has none."""
    found = note_behind(label)
    unit = _unit(found[1]) if found else None
    return (found[0], unit) if found and unit else None


def unit_in_title(cells: Iterable[str]) -> str | None:
    """The unit that a row over the headings says for all of them."""
    said = [one for cell in cells for one in _IN_TITLE.findall(_BLANKS.sub("", visible(cell)))]
    units = [unit for one in said if (unit := _unit(one))]
    return next((unit for unit in units if unit != YUAN), units[0] if units else None)


def in_unit(value: JsonValue, unit: str) -> JsonValue:
    """A number with its unit, as text; a value that says a unit of its own, or no number, stays as it is.

    Where the number has more about it than digits it is read here: 一百二十 and ¥12.5 in 万元.
    """
    if unit == YUAN or isinstance(value, bool) or not isinstance(value, int | float | str):
        return value
    said = format(Decimal(str(value)), "f") if isinstance(value, float) else str(value)
    if _PLAIN.fullmatch(bare(said)):
        return f"{said}{unit}"
    try:
        alone = read_amount(said)
    except UnreadableAmount:
        return value
    try:
        amount = read_amount(said, unit)
    except UnreadableAmount:
        return f"{said}{unit}"
    return value if amount in (None, alone) else f"{amount}元"


def _unit(text: str) -> str | None:
    return unit_of(text) or (text if _MONEY.fullmatch(text) else None)


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
