"""An agency's topic written by somebody else than the gateway, or by a gateway whose clock is wrong."""

import asyncio
from datetime import timedelta

import pytest

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


@pytest.mark.parametrize("lane", LANES)
async def test_a_message_that_cannot_be_opened_is_passed_over_and_the_list_stays_whole(
    following: Following, lane: str
) -> None:
    district = following.feed.district
    await produce_spoiled(
        following.feed.broker, topic_of(following.feed.contract, lane), Message(b"{}", [(SPOILED, b"")])
    )
    await district.push(listing(1))
    await following.feed.send()
    await following.open()
    assert (await following.topics.unread())[lane].since is None  # as the doctor asks
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
    left = following.kafka._good_until - asyncio.get_running_loop().time()
    assert 0 < left <= terms.duties.heartbeat_lease_seconds / 2
