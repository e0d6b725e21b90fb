"""The marks of an interface's records: a time however it is written, and a number only where the mapping says so."""

from datetime import UTC, datetime
from typing import Any

import pytest

from adapters.interfaces.mapping import Changes
from adapters.interfaces.mark import order, reached, read_mark, since

TIMES = Changes(by="watermark", parameter="since", path="gxsj", format="%Y%m%d%H%M%S")
NUMBERS = Changes(by="watermark", parameter="since", path="id", kind="number", overlap=5)


@pytest.mark.parametrize(
    ("said", "mark"),
    [
        ("20261124000100", "at 2026-11-24T00:01:00"),
        (20261124000100, "at 2026-11-24T00:01:00"),
        ("20261124000100123", "at 2026-11-24T00:01:00"),
        ("20261124", "at 2026-11-24T00:00:00"),
        ("2026/1/5", "at 2026-01-05T00:00:00"),
        ("2026/1/5 8:05", "at 2026-01-05T08:05:00"),
        ("2026年1月5日 08:05:06", "at 2026-01-05T08:05:06"),
        (" 2026-01-05 08:05:06.123 ", "at 2026-01-05T08:05:06"),
        ("2026-01-05T00:05:06Z", "at 2026-01-05T08:05:06"),
        ("2026-01-05T08:05:06+0900", "at 2026-01-05T07:05:06"),
        ("2026-13-05", None),
        ("0001-01-01T00:00:00+23:59", None),
        ("1764000000", None),
        ("yesterday", None),
        (None, None),
        (True, None),
    ],
)
def test_a_time_however_it_is_written(said: Any, mark: str | None) -> None:
    assert read_mark(said, TIMES) == mark


@pytest.mark.parametrize(("said", "mark"), [("0042", "no 42"), (42, "no 42"), ("2026/1/5", None), (-1, None)])
def test_a_number_where_the_mapping_says_so(said: Any, mark: str | None) -> None:
    assert read_mark(said, NUMBERS) == mark


def test_what_is_asked_for_is_a_time_that_there_is() -> None:
    """600 seconds before one minute past midnight are yesterday's, and no 20261123999500."""
    assert since("at 2026-11-24T00:01:00", TIMES) == "20261123235100"
    assert since("no 42", NUMBERS) == "37"
    assert since(None, TIMES) is None
    assert since("no 20261124000100", TIMES) is None, "of a mapping that took times for numbers"


def test_a_time_ahead_of_the_clock_is_cut_at_it() -> None:
    now = datetime(2026, 11, 24, 0, 0, 0, 5, tzinfo=UTC)
    assert reached(read_mark("20990101000000", TIMES), now) == "at 2026-11-24T08:00:00"
    assert reached("no 20990101000000", now) == "no 20990101000000"
    assert reached(None, now) is None
    assert max(["no 9", "no 10"], key=order) == "no 10"
