"""Dates in every form that real records hold, read as days in China."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.dates import read_date

TODAY = date(2026, 11, 23)
CHINA = ZoneInfo("Asia/Shanghai")


def midnight(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=CHINA)


FORMS = {
    "chinese": lambda day: f"{day.year}年{day.month:02}月{day.day:02}日",
    "chinese short": lambda day: f"{day.year}年{day.month}月{day.day}日",
    "compact": lambda day: f"{day:%Y%m%d}",
    "compact number": lambda day: int(f"{day:%Y%m%d}"),
    "iso": lambda day: day.isoformat(),
    "iso with time": lambda day: f"{day} 00:00:00",
    "slashes": lambda day: f"{day.year}/{day.month}/{day.day}",
    "zoned": lambda day: midnight(day).isoformat(),
    "utc of midnight": lambda day: midnight(day).astimezone(UTC).isoformat(timespec="milliseconds"),
    "java text": lambda day: f"{day:%a %b %d} 15:58:50 CST {day.year}",
    "java object": lambda day: {"date": day.day, "month": day.month - 1, "year": day.year - 1900, "hours": 0},
    "java object by time": lambda day: {"time": int(midnight(day).timestamp() * 1000)},
}
EPOCHS = {
    "seconds": lambda day: int(midnight(day).timestamp()),
    "seconds text": lambda day: str(int(midnight(day).timestamp())),
    "milliseconds": lambda day: int(midnight(day).timestamp() * 1000),
    "milliseconds text": lambda day: str(int(midnight(day).timestamp() * 1000)),
}


@pytest.mark.parametrize("form", FORMS)
@given(day=st.dates(date(1949, 1, 1), TODAY))
def test_every_form_gives_its_day_back(form: str, day: date) -> None:
    assert read_date(FORMS[form](day), TODAY) == day


@pytest.mark.parametrize("form", EPOCHS)
@given(day=st.dates(date(1974, 1, 1), TODAY))
def test_epochs_give_their_day_back_summer_time_included(form: str, day: date) -> None:
    """China had summer time from 1986 to 1991."""
    assert read_date(EPOCHS[form](day), TODAY) == day


@pytest.mark.parametrize(
    "value",
    ["10170730", 4277116800000, "2011年6月31日", "0001-01-01T00:00:00", "1948-12-31", "", "暂无", None, True, [], 5,
     "2019-13-01", "99999999999999999999", 10**30, "Wed Foo 07 15:58:50 CST 2018", {"year": 1}, float("1e300")],
)  # fmt: skip
def test_what_cannot_be_is_no_date(value) -> None:
    assert read_date(value, TODAY) is None


def test_tomorrow_is_no_date_yet() -> None:
    tomorrow = TODAY + timedelta(days=1)
    assert read_date(tomorrow.isoformat(), TODAY) is None
    assert read_date(tomorrow.isoformat(), tomorrow) == tomorrow


@given(st.text(max_size=30) | st.integers() | st.floats() | st.dictionaries(st.text(max_size=5), st.integers()))
def test_nothing_makes_it_raise(value) -> None:
    found = read_date(value, TODAY)
    assert found is None or date(1949, 1, 1) <= found <= TODAY
