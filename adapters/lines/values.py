"""What a value of the line may be: text, a code, an amount, a day, a moment; as the line writes it and as we do.

Ours are ISO: 2026-11-23, 2026-11-23T09:00:00+08:00. Amounts are texts with two decimals (shares of a product: with up
to four), never numbers with a fraction. The line's days are yyyy/MM/dd.
"""

import re
from collections.abc import Set as AbstractSet
from datetime import datetime
from decimal import Decimal
from typing import Final, Literal, TypeAlias
from zoneinfo import ZoneInfo

from schemas.canonical import JsonValue
from schemas.line import LineFault

Spec: TypeAlias = Literal["text", "number", "money", "share", "day", "moment"] | AbstractSet[str]

CHINA: Final = ZoneInfo("Asia/Shanghai")
LONGEST: Final = 4000  # characters of one value
NUMBER: Final = re.compile(r"[0-9A-Za-z]{8,40}")  # a request's, 20 characters as a rule

_AMOUNT: Final = re.compile(r"(-?)0*(\d{1,15})(?:\.(\d{1,4}))?", re.ASCII)
_DAY: Final = r"(\d{4})([-/]?)(\d{1,2})\2(\d{1,2})"
_TIME: Final = re.compile(_DAY + r"(?:[ T]?(\d{1,2}):?(\d\d):?(\d\d)(?:\.\d{1,6})?(?:\+08:00)?)?", re.ASCII)


def read_value(spec: Spec, text: str, name: str) -> str:
    """Ours, of what the line wrote; nothing stays nothing. Raises LineFault, naming the value's place."""
    if not text:
        return ""
    if len(text) > LONGEST:
        raise LineFault("value-too-long", name)
    match spec:
        case "text":
            return text
        case "number":
            return check_number(text, name)
        case "money" | "share":
            return _amount(text, name, spec)
        case "day":
            return _moment(text, name).date().isoformat()
        case "moment":
            return _moment(text, name).isoformat()
    if text not in spec:
        raise LineFault("unknown-code", name)
    return text


def write_value(spec: Spec, value: JsonValue, name: str) -> str:
    """The line's, of ours. Whole numbers are taken for texts, numbers with a fraction never. Raises LineFault."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise LineFault("amount-unreadable" if spec in {"money", "share"} else "value-unreadable", name)
    ours = read_value(spec, str(value).strip(), name)
    if not ours:
        return ""
    match spec:
        case "day":
            return ours.replace("-", "/")
        case "moment":
            return datetime.fromisoformat(ours).strftime("%Y/%m/%d %H:%M:%S")
    return ours


def check_number(text: str, name: str) -> str:
    """A request's number: it becomes a file's name. Raises LineFault (`number-unusable`)."""
    if not NUMBER.fullmatch(text):
        raise LineFault("number-unusable", name)
    return text


def _amount(text: str, name: str, spec: Spec) -> str:
    found = _AMOUNT.fullmatch(text)
    decimals = 2 if spec == "money" else 4
    if found is None or len((found[3] or "").rstrip("0")) > decimals:
        raise LineFault("amount-unreadable", name)
    fraction = (found[3] or "").rstrip("0").ljust(2, "0")
    amount = f"{found[2]}.{fraction}"
    return amount if not found[1] or not Decimal(amount) else f"-{amount}"


def _moment(text: str, name: str) -> datetime:
    found = _TIME.fullmatch(text)
    if found is None or (not found[2] and len(found[3] + found[4]) < 4):
        raise LineFault("date-unreadable", name)
    hour, minute, second = (int(part or 0) for part in found.groups()[4:7])
    try:
        return datetime(int(found[1]), int(found[3]), int(found[4]), hour, minute, second, tzinfo=CHINA)
    except ValueError:
        raise LineFault("date-unreadable", name) from None
