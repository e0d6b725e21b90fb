"""The one source of time. Everything that needs a time takes a `Clock`; nothing else calls `datetime.now`."""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

CHINA = ZoneInfo("Asia/Shanghai")  # every calendar date in this system is a date there


class Clock(Protocol):
    def now(self) -> datetime:
        """The present moment, in UTC, with its zone."""
        ...


@dataclass(frozen=True)
class SystemClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


@dataclass
class ManualClock:
    """A clock that moves only when told, for tests and for replaying a day."""

    at: datetime = field(default_factory=lambda: datetime(2026, 11, 23, 1, 0, tzinfo=UTC))

    def now(self) -> datetime:
        return self.at

    def advance(self, by: timedelta) -> None:
        self.at += by


def stamp(at: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, the one spelling of a time in signed documents."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def unstamp(text: str) -> datetime:
    """The moment that `stamp` wrote. Raises ValueError for any other spelling."""
    at = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S.%fZ").replace(tzinfo=UTC)
    if stamp(at) != text:
        raise ValueError("not a time as this system writes it")
    return at


def china_date(at: datetime) -> date:
    """The calendar date in China at that moment."""
    return at.astimezone(CHINA).date()
