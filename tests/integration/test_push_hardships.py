"""Bad luck and bad faith on the way of a push through a topic, beyond what one push can do."""

import asyncio
import io
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.consumer import subscription_state

from gateway.broker import drop_topics
from gateway.wiring import open_gateway
from schemas.canonical import canonical
from schemas.envelope import Message
from tests.integration.agency import listing
from tests.integration.district import FEED, Founded
from tests.integration.pushing import PUSHED, REPLIES, Pushing, open_pushing
from tests.integration.topics import make_topics
from tests.servers.kafka import Kafka

TEN_MINUTES = 600.0
SETTLED_SECONDS = 8.0  # more than two heartbeats of a member, and a rebalance


@pytest.fixture
async def pushing(
    founded_copy: Founded, tmp_path: Path, log_lines: io.StringIO, kafka: Kafka
) -> AsyncIterator[Pushing]:
    async with open_pushing(founded_copy, tmp_path, log_lines, kafka.bootstrap) as opened:
        yield opened


@pytest.fixture
def idle(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Makes the client library believe that so many seconds have passed since anybody fetched."""
    passed = 0.0

    def pass_by(seconds: float) -> None:
        nonlocal passed
        passed += seconds

    monkeypatch.setattr(subscription_state, "time", SimpleNamespace(monotonic=lambda: time.monotonic() + passed))
    return pass_by


async def test_a_gateway_that_long_had_no_partition_takes_over(pushing: Pushing, idle: Callable[[float], None]) -> None:
    running = [pushing.district.running, await open_gateway(pushing.district.running.settings, pushing.district.clock)]
    tasks = [asyncio.create_task(one.pushes.run()) for one in running if one.pushes is not None]
    try:
        await asyncio.sleep(SETTLED_SECONDS)
        await pushing.produce(pushing.written(canonical(listing(1)), "key-00001"))
        await pushing.replies(1)
        await pushing.until_passed(1)
        told = [(await one.metrics.render()).decode() for one in running]
        (has_it,) = [
            place for place, text in enumerate(told) if f'fuyuan_pushes_total{{feed="{FEED}",status="201"}} 1.0' in text
        ]
        idle(TEN_MINUTES)
        await asyncio.sleep(SETTLED_SECONDS)
        tasks[has_it].cancel()
        await pushing.produce(pushing.written(canonical(listing(2)), "key-00002"))
        await pushing.replies(2)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await running[1].stop()


async def test_a_push_that_waited_ten_minutes_for_its_receipt_is_answered(
    pushing: Pushing, idle: Callable[[float], None]
) -> None:
    await drop_topics(pushing.broker, [REPLIES])
    async with pushing.reading():
        await pushing.produce(pushing.written(canonical(listing(1)), "key-00001"))
        await pushing.until_logged("push-delayed")
        idle(TEN_MINUTES)
        await asyncio.sleep(SETTLED_SECONDS)
        await make_topics(pushing.broker, REPLIES)
        (reply,) = await pushing.replies(1)
    assert reply["status"] == 201


async def test_what_another_producer_aborts_is_never_read(pushing: Pushing) -> None:
    """The court's user may write in transactions; one that it aborts it has not pushed."""
    await in_transaction(pushing, pushing.written(canonical(listing(1)), "key-00001"), commit=False)
    await pushing.produce(pushing.written(canonical(listing(2)), "key-00002"))
    await in_transaction(pushing, pushing.written(canonical(listing(3)), "key-00003"), commit=True)
    await in_transaction(pushing, pushing.written(canonical(listing(4)), "key-00004"), commit=False)
    await pushing.produce(pushing.written(canonical(listing(5)), "key-00005"))
    async with pushing.reading():
        replies = await pushing.replies(3)
        await pushing.until_passed(replies[-1]["offset"] + 1)
    assert [(one["key"], one["status"]) for one in replies] == [
        ("key-00002", 201),
        ("key-00003", 201),
        ("key-00005", 201),
    ]
    assert await pushing.entries() == 3


async def in_transaction(pushing: Pushing, push: Message, *, commit: bool) -> None:
    producer = AIOKafkaProducer(**pushing.broker.options(), transactional_id="another")
    await producer.start()
    try:
        await producer.begin_transaction()
        await producer.send_and_wait(PUSHED, push.value, partition=0, headers=push.headers)
        await (producer.commit_transaction() if commit else producer.abort_transaction())
    finally:
        await producer.stop()


@pytest.mark.parametrize("to", [50, 1])
async def test_offsets_that_somebody_moved_lose_no_push(pushing: Pushing, to: int) -> None:
    """Forwards past the end, and back: all that is read again is answered again, and counts once."""
    await pushing.produce(*(pushing.written(canonical(listing(serial)), f"key-{serial:05}") for serial in range(3)))
    async with pushing.reading():
        await pushing.until_passed(3)
    await pushing.move_to(to)
    await pushing.produce(pushing.written(canonical(listing(3)), "key-00003"))
    async with pushing.reading():
        await pushing.until_passed(4)
    assert await pushing.entries() == 4
    assert len(await pushing.replies(4)) == 4


async def test_a_topic_that_is_made_anew_under_its_readers_is_read_from_its_beginning(pushing: Pushing) -> None:
    async with pushing.reading():
        await pushing.produce(*(pushing.written(canonical(listing(serial)), f"key-{serial:05}") for serial in range(3)))
        await pushing.until_passed(3)
        await drop_topics(pushing.broker, [PUSHED])
        await make_topics(pushing.broker, PUSHED, compression_type="uncompressed")
        later = range(3, 9)
        await pushing.produce(*(pushing.written(canonical(listing(serial)), f"key-{serial:05}") for serial in later))
        await pushing.until_passed(6)
    assert await pushing.entries() == 9
