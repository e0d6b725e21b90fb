"""Lanes of bulk that wait, for their turn or for a slow broker, and what happens to contract and claim meanwhile: rules
D9, D10 on a real broker.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial

import pytest

from gateway.broker import make_producer
from gateway.delivery.claims import LEASE
from gateway.delivery.kafka import IN_FLIGHT
from gateway.delivery.log import RUN
from gateway.delivery.producer import Producer
from tests.integration.agency import listing
from tests.integration.fed import Feed, until
from tests.integration.topics import Reading


@asynccontextmanager
async def no_place_in_flight(feed: Feed) -> AsyncIterator[None]:
    """As when the broker is slow: a run of bulk waits to be sent."""
    for _ in range(IN_FLIGHT):
        await feed.lanes._in_flight.acquire()
    yield
    for _ in range(IN_FLIGHT):
        feed.lanes._in_flight.release()


async def test_d10_what_is_denied_while_a_run_waits_to_be_sent_does_not_go_out(feed: Feed) -> None:
    await feed.district.push(listing(1), listing(2))
    await feed.district.running.router.catch_up(feed.contract)
    async with no_place_in_flight(feed):
        sending = asyncio.create_task(feed.lanes.drain(feed.contract, "bulk"))
        await until(lambda: feed.lanes._in_flight._waiters)
        await feed.district.running.registry.change_state(feed.contract, "suspend")
    assert await sending == 2
    assert [one["kind"] for one in await feed.read(0, 2)] == ["void", "void"]


async def test_d10_a_run_goes_out_and_is_stored_though_the_next_one_still_waits_for_its_turn(feed: Feed) -> None:
    """What is entered as shown does not leave long after, and no lease runs out over it."""
    for start in range(0, RUN + 20, 65):
        await feed.district.push(*[listing(serial) for serial in range(start, start + 65)])
    await feed.district.running.router.catch_up(feed.contract)
    turn = feed.lanes._turn
    async with turn:
        sending = asyncio.create_task(feed.lanes.drain(feed.contract, "bulk"))
        await until(lambda: turn._waiters)
        behind_it = asyncio.create_task(turn.acquire())
        await asyncio.sleep(0)
    await behind_it
    async with asyncio.timeout(20):
        while await feed.sent() != {"priority": 0, "bulk": RUN}:  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.05)
    turn.release()
    assert await sending == (await feed.sent())["bulk"] > RUN


async def test_d9_a_lane_that_waits_for_its_turn_keeps_nobody_from_it(feed: Feed) -> None:
    """With many lanes that takes longer than a lease: it is claimed by whose turn it is."""
    producer = Producer(lambda: make_producer(feed.broker))
    other = feed.another(producer)
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    async with feed.lanes._turn:
        sending = asyncio.create_task(feed.lanes.drain(feed.contract, "bulk"))
        await until(lambda: feed.lanes._turn._waiters)
        feed.district.clock.advance(LEASE + timedelta(seconds=1))
        assert await other.drain(feed.contract, "bulk") == 1
    assert await sending == 0
    await producer.stop()
    assert [one["number"] for one in await feed.read(0, 1)] == [1]


async def test_d9_a_run_whose_lease_was_lost_before_it_was_sent_does_not_go_out(feed: Feed) -> None:
    producer = Producer(lambda: make_producer(feed.broker))
    other = feed.another(producer)
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    async with no_place_in_flight(feed):
        sending = asyncio.create_task(feed.lanes.drain(feed.contract, "bulk"))
        await until(lambda: feed.lanes._in_flight._waiters)
        feed.district.clock.advance(LEASE + timedelta(seconds=1))
        assert await other.drain(feed.contract, "bulk") == 1
        await feed.district.push(listing(2))
        await feed.district.running.router.catch_up(feed.contract)
    assert await sending == 1, "the lane is free again, and what is new in it goes out"
    await producer.stop()
    assert [one["number"] for one in await feed.read(0, 2)] == [1, 2]


async def test_d9_a_lease_begins_anew_when_a_run_is_entered(feed: Feed) -> None:
    """While the run is on its way nobody else claims the lane, however long it waited before."""
    producer = Producer(lambda: make_producer(feed.broker))
    other = feed.another(producer)
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    claim = await feed.lanes._claims.claim(feed.contract, "bulk")
    assert claim is not None
    made = await feed.lanes._follow(claim, 0)
    assert made is not None
    feed.district.clock.advance(LEASE + timedelta(seconds=1))
    assert await feed.lanes._sender.enter(made.run, lambda _: True, partial(feed.lanes._claims.renew, claim))
    assert await other.drain(feed.contract, "bulk") == 0
    await producer.stop()


async def test_d9_a_run_whose_every_event_is_too_large_is_passed(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.delivery.kafka.LARGEST_MESSAGE", 10)
    await feed.district.push(listing(1))
    assert await feed.send() == 2
    assert await feed.sent() == {"priority": 1, "bulk": 1}
    assert [one["event"] for one in feed.district.logged()].count("event-too-large") == 2
    monkeypatch.undo()
    await feed.district.push(listing(2))
    await feed.send()
    async with Reading(feed.broker, feed.contract) as topics:
        await topics.until(lambda read: len(read.events) > 0)
    assert [one["number"] for one in topics.events] == [2]
