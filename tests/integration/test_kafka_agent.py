"""Following by Kafka on a real broker: what is applied, when pull takes over, and that nothing comes twice or never."""

import asyncio
import random
from dataclasses import replace
from datetime import timedelta
from functools import partial

import pytest

from gateway.agent.topics import Topics
from gateway.broker import make_reader
from gateway.errors import Unavailable
from tests.integration.agency import MEASURE, listing
from tests.integration.fed import produce, truncated
from tests.integration.following import Following, running, until
from tests.servers.kafka import Kafka

HELD = [("licence-1", MEASURE)]


async def test_a_listing_blocks_and_a_withdrawal_releases_with_nothing_pulled(following: Following) -> None:
    agent, district = following.agent, following.feed.district
    async with running(following):
        await until(lambda: following.by_kafka_alone)
        agent.wire.paths.clear()
        await district.push(listing(1))
        await until(lambda: agent.held() == HELD)
        assert (await agent.screen())["decision"] == "block"
        await district.withdraw(listing(1))
        await until(lambda: agent.held() == [])
        assert await following.pulls() == 0
    assert following.applied == (2, 1)


async def test_m7_offsets_stand_with_the_numbers_and_a_restart_goes_on_there(following: Following) -> None:
    await following.feed.district.push(listing(1))
    await following.feed.send()
    await following.open()
    await following.read(1, 1)
    assert following.standing.offsets == {"priority": 1, "bulk": 1}
    await following.topics.close()
    await following.feed.district.push(listing(2))
    await following.feed.send()
    await following.open()
    fetched = await following.topics.fetch(2)
    assert [record.offset for record in fetched.events["bulk"]] == [1]
    assert "priority" not in fetched.events


async def test_d1_a_withdrawal_is_read_before_the_rest_of_a_list(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.agent.topics.MOST", 5)
    await following.feed.district.push(*map(listing, range(1, 31)))
    await following.feed.send()
    await following.open()
    await following.read(1, 1)  # the rest of the list is fetched, and waits in the reader
    await following.feed.district.withdraw(listing(1))
    await following.feed.send()
    await asyncio.sleep(1)
    assert set((await following.topics.fetch(2)).events) == {"priority"}
    assert set((await following.topics.fetch(2)).events) == {"bulk"}


async def test_d1_withdrawals_without_end_stop_no_list(following: Following, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.agent.topics.MOST", 1)
    monkeypatch.setattr("gateway.agent.topics.PRIORITY_IN_A_ROW", 2)
    await following.feed.district.push(*map(listing, range(1, 7)))
    for number in range(1, 6):
        await following.feed.district.withdraw(listing(number))
    await following.feed.send()
    await following.open()
    await following.topics.fetch(2)
    await asyncio.sleep(1)  # both topics are fetched now
    read = [lane for _ in range(6) for lane in (await following.topics.fetch(2)).events]
    assert read.count("bulk") >= 1
    assert read.count("priority") >= 3


async def test_d1_while_a_list_waits_for_a_core_withdrawals_are_read(
    following: Following, monkeypatch: pytest.MonkeyPatch
) -> None:
    crowded = True
    await following.feed.district.push(listing(1))
    await following.feed.send()
    await following.open()
    await following.read(1, 1)
    monkeypatch.setattr("gateway.pace.is_crowded", lambda: crowded)
    monkeypatch.setattr("gateway.pace.LONGEST_SECONDS", 60.0)
    following.kafka._in_a_list = True
    await following.feed.district.push(listing(2))
    await following.feed.send()
    await asyncio.sleep(1)  # it is fetched now
    for _ in range(5):
        await following.kafka.turn()
    assert following.applied == (1, 1)
    await following.feed.district.withdraw(listing(1))
    await following.feed.send()
    async with asyncio.timeout(20):
        while following.applied != (2, 1):
            await following.kafka.turn()
    for _ in range(5):
        await following.kafka.turn()
    assert following.applied == (2, 1)  # the list goes on behind the withdrawal, and waits still
    crowded = False
    await following.read(2, 2)
    assert await following.pulls() == 0


async def test_from_pull_to_kafka_and_back_nothing_is_repeated_or_skipped(following: Following) -> None:
    district, follower = following.feed.district, following.agent.follower
    await district.push(listing(1), listing(2))
    await following.feed.send()
    await follower.pull_once(wait=0)  # pull first
    await district.push(listing(3))
    await following.feed.send()
    await following.open()
    await following.read(1, 3)  # the topic is read from its beginning; what is applied is passed over
    await district.push(listing(4))
    await following.feed.district.running.router.catch_up(following.feed.contract)
    await follower.pull_once(wait=0)  # the topic does not have it yet
    await district.push(listing(5))
    await following.feed.send()
    await following.read(1, 5)
    assert await following.ranges() == {"priority": [(1, 1)], "bulk": [(1, 2), (3, 3), (4, 4), (5, 5)]}


async def test_d8_what_retention_took_comes_by_pull(following: Following) -> None:
    district = following.feed.district
    await district.push(listing(1), listing(2), listing(3))
    await following.feed.send()
    await truncated(following.feed)
    await district.push(listing(4))
    await following.feed.send()
    await following.open()
    await following.read(1, 4)
    assert await following.pulls() == 1
    await district.push(listing(5))
    await following.feed.send()
    await following.read(1, 5)
    assert await following.pulls() == 1
    assert following.agent.held() == HELD


async def test_d8_an_offset_that_is_no_more_is_no_hindrance(following: Following) -> None:
    district = following.feed.district
    await district.push(listing(1))
    await following.feed.send()
    await following.open()
    await following.read(1, 1)
    await following.topics.close()
    await district.push(listing(2), listing(3))
    await following.feed.send()
    await truncated(following.feed)
    await district.push(listing(4))
    await following.feed.send()
    await following.open()  # at offset 1, which is gone
    await following.read(1, 4)
    assert following.applied == (1, 4)


@pytest.mark.parametrize("seed", range(4))
async def test_d4_duplicates_and_disorder_count_once(following: Following, seed: int) -> None:
    district = following.feed.district
    for serial in range(6):
        await district.push(listing(serial))
        await following.feed.send()
    await district.withdraw(listing(2))
    await following.feed.send()
    records = await truncated(following.feed)
    records += random.Random(seed).sample(records, 5)
    random.Random(seed).shuffle(records)
    await produce(following.feed, *records)
    await following.open()
    await following.read(2, 6)
    received = await following.ranges()
    for lane, last in (("priority", 2), ("bulk", 6)):
        numbers = [number for first, end in received[lane] for number in range(first, end + 1)]
        assert numbers == list(range(1, last + 1))
    assert following.agent.held() == HELD


@pytest.mark.parametrize("place", ["value", "header", "garbage", "number"])
async def test_a_forged_message_is_refused_and_the_list_stays_whole(following: Following, place: str) -> None:
    """ACLs keep strangers out of the topics; nothing here rests on that."""
    district = following.feed.district
    await district.push(listing(1))
    await following.feed.send()
    records = await truncated(following.feed)
    (bulk,) = [one for one in records if one.topic.endswith(".bulk")]
    headers = dict(bulk.headers)
    if place == "value":
        bulk = replace(bulk, value=bulk.value.replace("焦城".encode(), "别处".encode()))
    elif place == "header":
        bulk = replace(bulk, headers=list((headers | {"fuyuan-event": b"{}"}).items()))
    elif place == "garbage":
        bulk = replace(bulk, value=b"\xff", headers=[])
    else:
        bulk = replace(bulk, headers=list((headers | {"ce_id": b"any/bulk/999999"}).items()))
    await produce(following.feed, bulk, *[one for one in records if one.topic.endswith(".priority")])
    await following.open()
    await following.read(1, 1)
    assert following.agent.held() == HELD
    assert (await following.agent.screen())["decision"] == "block"
    if place != "number":
        assert "message-refused" in {line["event"] for line in district.logged()}


async def test_d11_heartbeats_from_kafka_keep_the_list_fresh_and_old_ones_do_not(following: Following) -> None:
    district = following.feed.district
    await following.feed.send()
    await district.running.router.catch_up(following.feed.contract)
    district.running.heartbeats.complete(following.feed.contract, district.clock.now())
    await following.feed.lanes.beat(following.feed.contract)
    await following.open()
    async with asyncio.timeout(20):
        while following.standing.fresh_at is None:
            await following.kafka.turn()
    assert (await following.agent.screen())["decision"] == "clear"
    assert following.kafka.rest() > 0
    district.clock.advance(timedelta(seconds=121))
    assert (await following.agent.screen("A-2"))["cause"] == "list-stale"
    records = await truncated(following.feed)
    await produce(following.feed, *[one for one in records if dict(one.headers)["ce_type"] == b"fuyuan.heartbeat.v1"])
    await asyncio.sleep(1)
    for _ in range(4):
        await following.kafka.turn()
    assert (await following.agent.screen("A-3"))["cause"] == "list-stale"
    district.running.heartbeats.complete(following.feed.contract, district.clock.now())
    await following.feed.lanes.beat(following.feed.contract)
    async with asyncio.timeout(20):
        while (await following.agent.screen("A-4"))["decision"] != "clear":
            await following.kafka.turn()


async def test_a_broker_that_goes_away_is_noticed_and_found_again(following: Following, kafka: Kafka) -> None:
    if kafka.broker is None:
        pytest.skip("a broker named by FUYUAN_TEST_KAFKA is not ours to stop")
    agent, district = following.agent, following.feed.district
    async with running(following):
        await until(lambda: following.kafka.rest() > 0 and following.standing.fresh_at)
        await asyncio.to_thread(kafka.broker.stop)
        try:
            await until(lambda: following.kafka.rest() == 0)
            await district.push(listing(1))
            await until(lambda: agent.held() == HELD)  # by pull
        finally:
            await asyncio.to_thread(kafka.broker.start)
        await until(lambda: following.by_kafka_alone, 150)  # both wait longer each time before they try again
        agent.wire.paths.clear()
        await district.withdraw(listing(1))
        await until(lambda: agent.held() == [])
        assert await following.pulls() == 0
        async with asyncio.timeout(100):
            # A lane that met the broker away may wait half a minute; what it sent is stored behind the broker's word.
            while await following.feed.sent() != {"priority": 2, "bulk": 1}:  # noqa: ASYNC110 - nor does the gateway
                await asyncio.sleep(0.02)
    assert following.applied == (2, 1)


async def test_topics_that_are_not_there_are_said_to_be_away(following: Following) -> None:
    away = Topics(partial(make_reader, replace(following.feed.broker, bootstrap="127.0.0.1:1")), "any")
    with pytest.raises(Unavailable) as caught:
        await away.open({}, None)
    assert caught.value.code == "kafka-away"
