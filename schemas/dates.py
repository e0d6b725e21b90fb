"""Dates as courts' systems write them, read as calendar dates in China.

One record may mix forms. A date in the future or before 1949 is no date: fixtures hold the years 1017 and 2105.
"""

import calendar
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from schemas.canonical import JsonValue

CHINA = ZoneInfo("Asia/Shanghai")  # with its summer time of 1986 to 1991
EARLIEST = date(1949, 1, 1)

_CHINESE = re.compile(r"(\d{4})年(\d{1,2})月(\d{1,2})日?.*", re.ASCII)
_NUMERIC = re.compile(r"(\d{4})[-/.](\d{1,2})[-/.](\d{1,2})(?:[T ](.*))?", re.ASCII)
_COMPACT = re.compile(r"(\d{4})(\d{2})(\d{2})(?:\d{6})?", re.ASCII)
_ZONED = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:?\d\d)", re.ASCII)
_JAVA = re.compile(r"[A-Z][a-z]{2} ([A-Z][a-z]{2}) (\d\d) \d\d:\d\d:\d\d (?:CST|GMT\+0?8(?::?00)?) (\d{4})", re.ASCII)
_EPOCH = re.compile(r"-?\d{9,13}", re.ASCII)
_SCIENTIFIC = re.compile(r"\d\.\d+E(?:9|12)", re.ASCII)
_MONTHS = {name: place for place, name in enumerate(calendar.month_abbr)}
_MILLISECONDS = 10**11  # an epoch past this counts milliseconds (the year 1973; in seconds it would be 5138)


def read_date(value: JsonValue, today: date) -> date | None:
    """The calendar date in China that a source meant, or None where it means none that can be."""
    try:
        found = _read(value)
    except (ValueError, OverflowError):
        return None
    return found if found is not None and EARLIEST <= found <= today else None


def _read(value: JsonValue) -> date | None:
    match value:
        case str():
            return _read_text(value)
        case bool() | None:
            return None
        case int():
            return _read_text(str(value))
        case float():
            return _from_epoch(int(value))
        case Mapping():
            return _read_java_object(value)
        case _:
            return None


@lru_cache(maxsize=8192)
def _read_text(text: str) -> date | None:
    text = text.strip()
    if found := _COMPACT.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if found := _CHINESE.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if _ZONED.fullmatch(text):
        return datetime.fromisoformat(text).astimezone(CHINA).date()
    if found := _NUMERIC.fullmatch(text):
        return date(int(found[1]), int(found[2]), int(found[3]))
    if _EPOCH.fullmatch(text):
        return _from_epoch(int(text))
    if _SCIENTIFIC.fullmatch(text):
        return _from_epoch(int(float(text)))
    if found := _JAVA.fullmatch(text):  # CST is China Standard Time here, not US Central
        return date(int(found[3]), _MONTHS[found[1]], int(found[2])) if found[1] in _MONTHS else None
    return None


def _from_epoch(count: int) -> date:
    return _from_seconds(count // 1000 if abs(count) >= _MILLISECONDS else count)


def _from_seconds(seconds: int) -> date:
    return (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).astimezone(CHINA).date()


def _read_java_object(value: Mapping[str, JsonValue]) -> date | None:
    """java.util.Date as a service serialised it: years from 1900, months from 0."""
    year, month, day = value.get("year"), value.get("month"), value.get("date")
    if isinstance(year, int) and isinstance(month, int) and isinstance(day, int):
        return date(1900 + year, 1 + month, day)
    time = value.get("time")
    return _from_seconds(time // 1000) if isinstance(time, int) else None
