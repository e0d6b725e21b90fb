"""The marks by which an interface says what is new: times, as departments write them, or numbers.

A mark, and the position reached, is `at` with a time in China without its zone, or `no` with a whole number.
"""

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Final
from zoneinfo import ZoneInfo

from adapters.interfaces.mapping import Changes
from schemas.canonical import JsonValue

CHINA: Final = ZoneInfo("Asia/Shanghai")
EARLIEST_YEAR: Final = 1970
_NUMBER: Final = re.compile(r"\d{1,18}", re.ASCII)
_TOGETHER: Final = re.compile(r"(\d{4})(\d\d)(\d\d)(?:(\d\d)(\d\d)(\d\d)(?:\d{3})?)?", re.ASCII)  # 20261124000100
_APART: Final = re.compile(
    r"(\d{4})[-/.年](\d\d?)[-/.月](\d\d?)日?(?:[T\s]+(\d\d?):(\d\d?)(?::(\d\d?)(?:[.,]\d+)?)?)?\s*(Z|[+-]\d\d:?\d\d)?",
    re.ASCII,
)


def read_mark(value: JsonValue, changes: Changes) -> str | None:
    """A record's mark; None where it has none that can be read as what the mapping says it is."""
    text = str(value).strip() if type(value) in {int, str} else ""
    if changes.kind == "number":
        return f"no {int(text)}" if _NUMBER.fullmatch(text) else None
    at = _time(text)
    return None if at is None else f"at {at.isoformat()}"


def order(mark: str) -> tuple[int, str]:
    """Numbers by their size, times by their text."""
    return (len(mark), mark) if mark.startswith("no ") else (0, mark)


def since(position: str | None, changes: Changes) -> str | None:
    """A position as the interface is asked for what is new behind it; None where it is no mark of this mapping."""
    kind, _, value = (position or "").partition(" ")
    if kind != {"number": "no", "time": "at"}[changes.kind]:
        return None
    if kind == "no":
        return str(int(value) - changes.overlap)
    return (datetime.fromisoformat(value) - timedelta(seconds=changes.overlap)).strftime(changes.format)


def reached(mark: str | None, now: datetime) -> str | None:
    """A time ahead of this machine's clock would hide all that is written until then."""
    kind, _, value = (mark or "").partition(" ")
    if kind != "at":
        return mark
    return f"at {min(datetime.fromisoformat(value), _in_china(now)).isoformat()}"


def _time(text: str) -> datetime | None:
    found = _TOGETHER.fullmatch(text) or _APART.fullmatch(text)
    if found is None:
        return None
    *parts, zone = (*found.groups(), None) if found.re is _TOGETHER else found.groups()
    try:
        at = datetime(*(int(part or 0) for part in parts))  # type: ignore[arg-type]  # noqa: DTZ001 - China's
        at = at if zone is None else _in_china(at.replace(tzinfo=_zone(zone)))
    except (ValueError, OverflowError):
        return None
    return at if at.year >= EARLIEST_YEAR else None


def _zone(text: str) -> timezone:
    if text == "Z":
        return UTC
    minutes = int(text[1:3]) * 60 + int(text[-2:])
    return timezone(timedelta(minutes=minutes if text[0] == "+" else -minutes))


def _in_china(at: datetime) -> datetime:
    return at.astimezone(CHINA).replace(tzinfo=None, microsecond=0)
