"""Heartbeats from Kafka on a real broker: a line over HTTP that is away holds up no event, and when pull rests."""

import asyncio
from collections.abc import Callable
from datetime import timedelta

import pytest

from gateway.errors import Unavailable
from gateway.trust.documents import LANES, Lane
from tests.integration.agency import listing
from tests.integration.following import Following

CONSISTENCY = "/v1/log/consistency"


async def beat(following: Following, after: int = 10) -> None:
    """A heartbeat into the topic, so many seconds later."""
    district = following.feed.district
    district.clock.advance(timedelta(seconds=after))
    district.running.heartbeats.complete(following.feed.contract, district.clock.now())
    await following.feed.lanes.beat(following.feed.contract)


async def route(following: Following) -> None:
    """Numbers are given, and nothing is sent."""
    await following.feed.district.running.router.catch_up(following.feed.contract)


async def drain(following: Following, *lanes: Lane) -> None:
    for lane in lanes:
        await following.feed.lanes.drain(following.feed.contract, lane)


async def turn_until(following: Following, done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await following.kafka.turn()


async def begun(following: Following) -> None:
    """One listing is applied, and a heartbeat is used: the next one needs a proof."""
    await following.feed.district.push(listing(1))
    await following.feed.send()
    await beat(following)
    await following.open()
    await turn_until(following, lambda: following.standing.fresh_at is not None)
    assert following.applied == (1, 1)


async def proof_held(following: Following) -> asyncio.Event:
    """Another listing is applied and told of; the proof for that is on its way until the event is set."""
    wire, answer = following.agent.wire, asyncio.Event()
    await following.feed.district.push(listing(2))
    await following.feed.send()
    await beat(following)
    wire.held = answer
    await turn_until(following, lambda: CONSISTENCY in wire.paths)
    return answer


async def test_while_nothing_answers_over_http_kafkas_events_are_applied(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.agent.beats.BEAT_SECONDS", 0.1)
    district, wire = following.feed.district, following.agent.wire
    await begun(following)
    fresh_at = following.standing.fresh_at
    wire.cut = True
    for serial in (2, 3):
        await district.push(listing(serial))
        await following.feed.send()
        await beat(following)
        await turn_until(
            following,
            lambda asked=serial - 1, then=(1, serial): (
                wire.paths.count(CONSISTENCY) >= asked and following.applied == then
            ),
        )
        assert following.kafka._beats._good_until < asyncio.get_running_loop().time()
    assert following.standing.fresh_at == fresh_at
    with pytest.raises(Unavailable):
        await following.agent.follower.pull_once(wait=0)
    wire.cut = False
    await turn_until(following, lambda: following.standing.fresh_at != fresh_at)  # the same one is tried again
    assert following.kafka._beats._good_until > asyncio.get_running_loop().time()


async def test_d1_a_withdrawal_waits_for_no_proof_and_the_proof_still_counts(following: Following) -> None:
    """Though the list has gone on past what the heartbeat says, the list was whole when it told so."""
    district = following.feed.district
    await begun(following)
    fresh_at = following.standing.fresh_at
    answer = await proof_held(following)
    await district.withdraw(listing(1))
    await following.feed.send()
    await turn_until(following, lambda: following.applied == (2, 2))
    assert following.standing.fresh_at == fresh_at
    read_to = following.standing.offsets
    answer.set()
    await turn_until(following, lambda: following.standing.fresh_at != fresh_at)
    assert following.standing.offsets == read_to


async def test_d12_a_tree_that_was_proved_from_an_older_one_is_looked_at_again(following: Following) -> None:
    """While the proof for Kafka's heartbeat is on its way, pull is faster and has seen more."""
    district = following.feed.district
    await begun(following)
    answer = await proof_held(following)
    await district.push(listing(3))
    await route(following)
    await following.agent.follower.pull_once(wait=0)
    seen = following.standing.checkpoint
    answer.set()
    await turn_until(following, lambda: following.kafka._beats._beat is None)
    assert (following.standing.checkpoint, following.standing.failure) == (seen, None)


async def test_a_list_that_loads_lets_pull_rest_only_behind_a_heartbeat(following: Following) -> None:
    """The priority topic may be silent meanwhile: who reads it no more would not know of a withdrawal."""
    await following.feed.district.push(listing(1))
    await following.feed.send()
    await following.open()
    await following.read(1, 1)
    assert following.kafka.rest() == 0
    await beat(following)
    beats = following.kafka._beats
    await turn_until(following, lambda: beats._heard_at > 0 and beats._beat is None and beats._using is None)
    assert following.kafka.rest() > 0
    now = asyncio.get_running_loop().time()
    beats._good_until = now  # the list is not whole any more
    await following.feed.district.push(listing(2))
    await following.feed.send()
    await following.read(1, 2)
    assert following.kafka.rest() > 0
    beats._heard_at = now - 61  # half the lease
    assert following.kafka.rest() == 0


async def test_pull_rests_no_more_where_a_withdrawal_that_was_told_of_does_not_come(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    district, beats = following.feed.district, following.kafka._beats
    monkeypatch.setattr("gateway.agent.beats.PROGRESS_SECONDS", 600)
    await begun(following)
    await turn_until(following, lambda: following.kafka.rest() > 0)
    await district.withdraw(listing(1))
    await district.push(listing(2), listing(3))
    await route(following)
    await beat(following)
    await drain(following, "bulk")  # the priority topic is not fed
    await turn_until(following, lambda: beats._told == 2 and following.applied == (1, 3))
    assert following.kafka.rest() > 0  # it may be on its way
    monkeypatch.setattr("gateway.agent.beats.PROGRESS_SECONDS", 0)
    assert following.kafka.rest() == 0
    since, newest = beats._moving_at, beats._newest
    await beat(following)
    await turn_until(following, lambda: beats._newest != newest)
    assert beats._moving_at == since  # another heartbeat does not begin it anew
    assert following.kafka.rest() == 0
    await drain(following, *LANES)
    await turn_until(following, lambda: following.applied == (2, 3))
    assert following.kafka.rest() > 0


async def test_a_heartbeat_that_does_not_hold_lets_nothing_rest(following: Following) -> None:
    """Decisions are unknown until a good page is pulled."""
    await begun(following)
    await turn_until(following, lambda: following.kafka.rest() > 0)
    await following.feed.district.push(listing(2))
    await following.feed.send()
    following.agent.wire.forged = True
    await beat(following)
    await turn_until(following, lambda: following.standing.failure is not None)
    await turn_until(following, lambda: following.kafka._beats._using is None)
    assert following.kafka.rest() == 0
