"""An agency's topic written by somebody else than the gateway, or by a gateway whose clock is wrong."""

import asyncio
from datetime import timedelta

import pytest
from aiokafka.structs import ConsumerRecord
from sqlalchemy import select, update

from gateway.agent.status import read_status
from gateway.journal.tables import kafka_lane, lane
from gateway.trust.documents import LANES
from schemas.envelope import EVENT, Message, topic_of
from tests.integration.agency import MEASURE, listing
from tests.integration.fed import produce, truncated
from tests.integration.following import Following
from tests.integration.topics import SPOILED, produce_spoiled

HELD = [("licence-1", MEASURE)]


@pytest.mark.parametrize("name", ["ce_id", "ce_time", "traceparent", EVENT])
async def test_a_header_without_a_value_ends_nothing(following: Following, name: str) -> None:
    """Any Kafka client may leave a header's value out."""
    district = following.feed.district
    await district.push(listing(1))
    await following.feed.send()
    records = await truncated(following.feed)
    for one in records:
        one.headers = [pair for pair in one.headers if pair[0] != name] + [(name, None)]
    await produce(following.feed, *records)
    await following.open()
    unread = await following.topics.unread()
    assert set(unread) == set(LANES)
    await following.topics.close()
    await following.open()
    await following.kafka.turn()
    await following.agent.follow()
    assert following.applied == (1, 1)
    assert following.agent.held() == HELD


@pytest.mark.parametrize("name", LANES)
async def test_a_message_that_cannot_be_opened_is_passed_over_and_the_list_stays_whole(
    following: Following, name: str
) -> None:
    district = following.feed.district
    await produce_spoiled(
        following.feed.broker, topic_of(following.feed.contract, name), Message(b"{}", [(SPOILED, b"")])
    )
    await district.push(listing(1))
    await following.feed.send()
    await following.open()
    assert (await following.topics.unread())[name].since is None  # as the doctor asks
    await following.topics.close()
    await following.open()
    await following.read(1, 1)
    assert await following.pulls() > 0
    await following.agent.follow()
    assert following.agent.held() == HELD
    pulled = await following.pulls()
    await district.withdraw(listing(1))
    await following.feed.send()
    await following.read(2, 1)
    assert await following.pulls() == pulled, "what comes behind it comes by Kafka"
    assert following.agent.held() == []


async def test_d11_a_heartbeat_from_the_future_lets_pull_rest_no_longer_than_one_of_now(following: Following) -> None:
    """One of two gateways has a clock that is an hour ahead, and then is gone."""
    district = following.feed.district
    await following.feed.send()
    district.running.heartbeats.complete(following.feed.contract, district.clock.now() + timedelta(hours=1))
    await following.feed.lanes.beat(following.feed.contract)
    await following.open()
    async with asyncio.timeout(20):
        while following.standing.fresh_at is None:
            await following.kafka.turn()
    terms = (await following.agent.follower._pages.ground())[1]
    left = following.kafka._beats._good_until - asyncio.get_running_loop().time()
    assert 0 < left <= terms.duties.heartbeat_lease_seconds / 2


async def test_d11_a_heartbeat_from_the_future_is_fresh_once_and_not_again(following: Following) -> None:
    """Whoever holds the topic could else keep a list fresh that grows old, for as long as the clock was ahead."""
    district = following.feed.district
    await following.feed.send()
    district.running.heartbeats.complete(following.feed.contract, district.clock.now() + timedelta(hours=1))
    await following.feed.lanes.beat(following.feed.contract)
    await following.open()
    async with asyncio.timeout(20):
        while following.standing.fresh_at is None:
            await following.kafka.turn()
    assert (await following.agent.screen())["decision"] == "clear"
    district.clock.advance(timedelta(seconds=121))
    await produce(following.feed, *await truncated(following.feed))
    await asyncio.sleep(1)
    for _ in range(4):
        await following.kafka.turn()
    assert (await following.agent.screen("A-2"))["cause"] == "list-stale"


async def sent_again(following: Following) -> list[ConsumerRecord]:
    """Empty the topics and send everything once more, as a gateway does that was thought dead; all that was sent,
    those of the first time first.
    """
    feed = following.feed
    first = await truncated(feed)
    feed.district.clock.advance(timedelta(seconds=30))
    async with feed.district.running.engine.begin() as connection:
        await connection.execute(update(kafka_lane).values(sent=0))
    await feed.send()
    return first + await truncated(feed)


async def all_is_acknowledged(following: Following) -> None:
    await following.agent.follow()
    status = read_status(following.agent.parts, following.feed.district.clock)
    assert (status.aside, status.aside_codes) == (0, ())
    async with following.feed.district.running.engine.connect() as connection:
        rows = await connection.execute(select(lane).where(lane.c.contract == following.feed.contract))
        assert all(row.acknowledged == row.last for row in rows)


async def test_d9_d12_what_two_gateways_sent_in_turns_is_receipted_as_it_was_sealed(following: Following) -> None:
    """A gateway that was thought dead goes on: its run lies in the topic in pieces, between those of the other."""
    await following.feed.district.push(listing(1), listing(2), listing(3))
    await following.feed.send()
    records = await sent_again(following)
    contract = [one for one in records if one.topic.endswith(".priority")]
    one, two = records_of(records, 0), records_of(records, 1)
    await produce(following.feed, contract[0], one[0], two[1], one[2])
    await following.open()
    await following.read(1, 3)
    assert (await following.ranges())["bulk"] == [(1, 1), (2, 2), (3, 3)]
    await all_is_acknowledged(following)


async def test_d12_a_part_of_a_run_is_acknowledged_though_its_numbers_were_shown_otherwise_since(
    following: Following,
) -> None:
    """Each number of the run is shown as void the second time; a broker gives out a run in parts, as it likes."""
    listed = [listing(serial) for serial in range(8)]
    await following.feed.district.push(*listed)
    await following.feed.send()
    await following.feed.district.push(*[listing(serial, duty="另行给付") for serial in range(8)])
    records = await sent_again(following)
    priority = [one for one in records if one.topic.endswith(".priority")]
    bulk = records_of(records, 0)
    await produce(following.feed, *priority, *bulk[:5])
    await following.open()
    await following.read(9, 5)
    await produce(following.feed, *bulk[5:])
    await following.read(9, 8)
    first, *more = (await following.ranges())["bulk"]
    assert (first, more[-1][1]) == ((1, 5), 8)
    await all_is_acknowledged(following)


def records_of(records: list[ConsumerRecord], time: int) -> list[ConsumerRecord]:
    """The listings as they were sent that time."""
    bulk = [one for one in records if one.topic.endswith(".bulk")]
    half = len(bulk) // 2
    return bulk[time * half : (time + 1) * half]
