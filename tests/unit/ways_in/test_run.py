"""A way in that gets nowhere: it goes on looking, and after an hour says so aloud."""

import asyncio
import io
import json
from datetime import timedelta
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.errors import Unavailable
from gateway.trust.keys import SigningKey
from gateway.ways_in import run
from gateway.ways_in.folder import LocalFolder
from gateway.ways_in.run import keep_looking


class Enough(BaseException):
    pass


async def looked(minutes: list[int | None]) -> None:
    """A look at each of these; after it has cost so many minutes it is in vain, and None goes well."""
    clock, left = ManualClock(), list(minutes)

    async def look() -> None:
        if not left:
            raise Enough
        cost = left.pop(0)
        if cost is not None:
            clock.advance(timedelta(minutes=cost))
            raise Unavailable("interface-silent", "It says nothing.")

    with pytest.raises(Enough):
        await keep_looking(look, "dishonest-debtor", 0.001, clock)


def alarms(log: io.StringIO) -> list[str]:
    lines = [json.loads(line) for line in log.getvalue().splitlines()]
    return [one["code"] for one in lines if one["event"] == "alarm" and one["kind"] == "way-in-stopped"]


async def test_nothing_for_an_hour_is_an_alarm_by_its_name(log_lines: io.StringIO) -> None:
    await looked([0, 30, 29])
    assert alarms(log_lines) == []
    await looked([0, 30, 31, 30])
    assert alarms(log_lines) == ["interface-silent"]


async def test_one_look_that_went_well_begins_the_hour_anew(log_lines: io.StringIO) -> None:
    await looked([0, 40, None, 0, 40])
    assert alarms(log_lines) == []


async def test_the_alarm_comes_again_each_hour(log_lines: io.StringIO) -> None:
    await looked([0, 60, 60, 60])
    assert len(alarms(log_lines)) == 3


async def test_a_look_without_an_end_is_given_up_and_told(
    log_lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "LONGEST_LOOK", timedelta(milliseconds=1))
    clock, looks = ManualClock(), 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise Enough
        clock.advance(timedelta(hours=2))
        await asyncio.Event().wait()

    with pytest.raises(Enough):
        await run.keep_looking(look, "dishonest-debtor", 0.001, clock)
    assert alarms(log_lines) == ["look-endless"]


async def test_what_nobody_expected_ends_nothing_and_repeats_no_value(log_lines: io.StringIO) -> None:
    clock, looks = ManualClock(), 0

    async def look() -> None:
        nonlocal looks
        looks += 1
        if looks > 2:
            raise Enough
        clock.advance(timedelta(hours=1))
        raise KeyError("王小明")

    with pytest.raises(Enough):
        await keep_looking(look, "dishonest-debtor", 0.001, clock)
    assert alarms(log_lines) == ["internal"] * 2
    assert "KeyError" in log_lines.getvalue()
    assert "王小明" not in log_lines.getvalue()


async def test_a_single_run_says_that_a_file_is_left(tmp_path: Path) -> None:
    """Its writer goes on between the two looks; nothing is pushed, so that no gateway is needed."""
    folder, key = tmp_path / "out", tmp_path / "court.jwk"
    folder.mkdir()
    SigningKey.generate("court", ManualClock().now()).save(key)

    async def once() -> int:
        return await run.watch_folder(
            "dishonest-debtor", LocalFolder(folder), gateway="http://127.0.0.1:1", key=key, settle=0.2, every=1,
            marker=None, once=True,
        )  # fmt: skip

    assert await once() == 0
    looking = asyncio.create_task(once())
    while not looking.done():
        with (folder / "list.csv").open("ab") as growing:
            growing.write(b"a,b\n")
        await asyncio.sleep(0.01)
    assert await looking == 3
