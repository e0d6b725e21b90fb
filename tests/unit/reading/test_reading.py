"""A long list is read in a process of its own, and means what it means when a thread reads it (rule J3)."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from datetime import date
from pathlib import Path

import pytest

from adapters.feeds import read
from gateway.errors import Unavailable
from gateway.journal.chunks import Chunk
from gateway.reading.asked import Asked
from gateway.reading.reading import Reading
from schemas.catalog import UnknownFeed
from schemas.reading import Reader
from tests.unit.reading import readers

ROOT = Path(__file__).parents[3]
SAMPLES = ROOT / "tests/data/samples"
KEY, TODAY = b"k" * 32, date(2026, 11, 27)
LONG = (SAMPLES / "shixin_zxgk.jsonl").read_bytes() * 3


def asked(body: bytes = LONG, feed: str = "dishonest-debtor") -> Asked:
    return Asked(feed, body, KEY, TODAY, 3)


async def chunks(reading: Reading, what: Asked) -> list[Chunk]:
    return [chunk async for chunk in reading.chunks(what)]


@pytest.fixture(autouse=True)
def everything_is_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.reading.reading.LONG_BYTES", -1)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))  # the readers here are no part of what is installed


@pytest.fixture
async def opened() -> AsyncIterator[Callable[[Reader], Reading]]:
    every: list[Reading] = []

    def begin(reader: Reader) -> Reading:
        every.append(Reading(reader, 1))
        return every[-1]

    yield begin
    for one in every:
        await one.close()


async def ready(reading: Reading) -> int:
    """The id of its process, begun as a long body begins it."""
    await chunks(reading, asked(b""))
    await until(lambda: bool(reading.idle))
    return reading.idle[0]


async def until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 30
    while not holds():
        assert time.monotonic() < deadline, "no process is ready to read"
        await asyncio.sleep(0.05)


def environment(pid: int) -> bytes:
    return Path(f"/proc/{pid}/environ").read_bytes()


def is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def test_j3_a_process_cuts_as_a_thread_does(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(read)
    by_thread = await chunks(Reading(read, 0), asked())
    pid = await ready(reading)
    assert await chunks(reading, asked()) == by_thread
    assert [chunk.last for chunk in by_thread] == [False] * (len(by_thread) - 1) + [True]
    assert len(by_thread) == 3
    assert reading.idle == (pid,)


async def test_a_list_of_nothing_is_one_empty_chunk(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(read)
    await ready(reading)
    assert await chunks(reading, asked(b"")) == [Chunk([], last=True)]


async def test_where_the_process_is_at_work_a_thread_reads(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(read)
    await ready(reading)
    async with aclosing(reading.chunks(asked())) as first:
        begun = [await anext(first)]
        assert reading.idle == ()
        assert await chunks(reading, asked()) == await chunks(Reading(read, 0), asked())
        begun += [chunk async for chunk in first]
    assert begun == await chunks(Reading(read, 0), asked())


async def test_who_leaves_a_list_unread_leaves_nothing_for_the_next(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(read)
    pid = await ready(reading)
    async with aclosing(reading.chunks(asked())) as first:
        await anext(first)
    assert reading.idle == ()
    assert not is_alive(pid)
    assert await ready(reading) != pid
    assert await chunks(reading, asked()) == await chunks(Reading(read, 0), asked())


async def test_a_process_that_is_ended_ends_one_submission(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(readers.ends_itself)
    process = await ready(reading)
    async with aclosing(reading.chunks(asked())) as broken:
        await anext(broken)
        with pytest.raises(Unavailable, match="reading-stopped"):
            await anext(broken)
    assert not is_alive(process)
    assert await ready(reading) != process


async def test_one_that_was_ended_while_it_waited_is_not_asked(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(read)
    pid = await ready(reading)
    os.kill(pid, signal.SIGKILL)
    await until(lambda: not is_alive(pid))
    assert await chunks(reading, asked()) == await chunks(Reading(read, 0), asked())


async def test_p1_a_reader_that_stumbles_is_told_of_without_the_list(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(readers.stumbles)
    with pytest.raises(RuntimeError, match=r"^KeyError at stumbles, line ") as caught:
        await chunks(reading, asked("王刚勇".encode()))
    assert "王刚勇" not in str(caught.value)


async def test_a_feed_that_nobody_reads(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(read)
    await ready(reading)
    with pytest.raises(UnknownFeed):
        await chunks(reading, asked(feed="receipt"))
    assert await chunks(reading, asked()) == await chunks(Reading(read, 0), asked())


async def test_one_that_stands_still_is_given_up(
    opened: Callable[[Reader], Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    reading = opened(read)
    await ready(reading)
    os.kill(reading.idle[0], signal.SIGSTOP)
    monkeypatch.setattr("gateway.reading.process.LONGEST_SECONDS", 0.2)
    with pytest.raises(Unavailable, match="reading-stopped"):
        await chunks(reading, asked())


async def test_told_to_stop_it_finishes_what_the_gateway_finishes(opened: Callable[[Reader], Reading]) -> None:
    reading = opened(read)
    pid = await ready(reading)
    for told in (signal.SIGTERM, signal.SIGINT):
        os.kill(pid, told)
    assert await chunks(reading, asked()) == await chunks(Reading(read, 0), asked())
    assert reading.idle == (pid,)


async def test_it_knows_no_setting_of_the_gateway(
    opened: Callable[[Reader], Reading], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("FUYUAN_DATABASE_URL", "fuyuan_database_url"):  # both are read
        monkeypatch.setenv(name, "postgresql+asyncpg://fuyuan:secret@127.0.0.1/none")
    pid = await ready(opened(read))
    assert b"fuyuan:secret" not in environment(pid)


GATEWAY = """
import asyncio, sys
from adapters.feeds import read
from gateway.reading.process import ReadingProcess

process = ReadingProcess(read)
asyncio.run(process.ready())
print(process.pid, flush=True)
sys.stdin.read()
"""


def test_it_ends_with_a_gateway_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", GATEWAY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as gateway:
        assert gateway.stdout is not None
        pid = int(gateway.stdout.readline())
        assert is_alive(pid)
        gateway.kill()
    deadline = time.monotonic() + 20
    while is_alive(pid) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not is_alive(pid)
