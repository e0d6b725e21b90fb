"""Rules D3, D8-D11 on a real broker: what stands in the topics, under which contract, and what a fault leaves."""

import asyncio
from datetime import timedelta
from functools import partial
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from sqlalchemy import select

from gateway.broker import REQUEST_SECONDS, Broker, make_producer
from gateway.clock import ManualClock
from gateway.delivery.claims import LEASE
from gateway.delivery.producer import Producer
from gateway.errors import Unavailable
from gateway.journal.tables import journal_leaf, lane
from gateway.trust.documents import LANES, Lane
from schemas.envelope import Message, topic_of
from tests.integration.agency import listing
from tests.integration.fed import Feed, until
from tests.integration.topics import Event, Reading
from tests.servers.kafka import Kafka


def by_place(events: list[Event]) -> dict[tuple[str, int], Event]:
    """Events by lane and number, without the seal of their run, which is new each time."""
    return {(one["lane"], one["number"]): {**one, "proof": {**one["proof"], "run": None}} for one in events}


async def test_d8_a_message_is_the_event_that_pull_shows_and_verifies_as_it_does(feed: Feed) -> None:
    await feed.district.push(listing(1), listing(2))
    await feed.district.withdraw(listing(1))
    assert await feed.send() == 4
    events = await feed.read(2, 2)
    await feed.verified(events)
    numbers = [(one["lane"], one["number"], one["kind"]) for one in events]
    assert sorted(numbers) == [
        ("bulk", 1, "void"), ("bulk", 2, "upsert"), ("priority", 1, "contract"), ("priority", 2, "withdrawn"),
    ]  # fmt: skip
    assert by_place(events) == by_place(await feed.pulled())
    assert await feed.sent() == {"priority": 2, "bulk": 2}
    assert await feed.send() == 0


async def test_p1_no_key_and_no_header_holds_a_value_of_the_record(feed: Feed) -> None:
    await feed.district.push(listing(1))
    await feed.send()
    async with Reading(feed.broker, feed.contract) as topics:
        await topics.read(1, 1)
        for record in topics.records:
            assert record.key is None
            text = b"".join(value for _, value in record.headers).decode()
            assert not any(word in text for word in ("焦城试验有限公司", "69191286", "豫0811执1号"))
        (event,) = [one for one in topics.records if one.topic.endswith(".bulk")]
        assert dict(event.headers)["ce_id"].decode() == f"{feed.contract}/bulk/1"


async def test_d3_many_runs_are_sent_in_order_without_a_gap(feed: Feed) -> None:
    for start in range(0, 1300, 65):
        await feed.district.push(*[listing(serial) for serial in range(start, start + 65)])
    assert await feed.send() == 1301
    events = [one for one in await feed.read(1, 1300) if one["lane"] == "bulk"]
    assert [one["number"] for one in events] == list(range(1, 1301))


async def test_d3_what_may_no_longer_be_shown_goes_out_as_void(feed: Feed) -> None:
    await feed.district.push(listing(1), listing(2))
    record_id = (await feed.pulled())[-1]["record"]["record_id"]
    await feed.district.erase(record_id)
    await feed.send()
    events = [one for one in await feed.read(1, 2) if one["lane"] == "bulk"]
    assert [one["kind"] for one in events] == ["upsert", "void"]
    assert events[1]["record"] is None


async def test_d7_a_suspended_contract_takes_back_and_shows_nothing_new(feed: Feed) -> None:
    await feed.district.push(listing(1), listing(2))
    await feed.send()
    await feed.district.push(listing(3))
    await feed.district.running.router.catch_up(feed.contract)
    await feed.district.running.registry.change_state(feed.contract, "suspend")
    await feed.district.withdraw(listing(1))
    await feed.send()
    events = {(one["lane"], one["number"]): one["kind"] for one in await feed.read(3, 3)}
    assert events["bulk", 3] == "void"
    assert (events["priority", 2], events["priority", 3]) == ("contract", "withdrawn")


@pytest.mark.parametrize("how", ["revoke", "end", "over", "pull"])
async def test_d10_a_contract_that_does_not_say_so_now_is_not_fed(feed: Feed, how: str) -> None:
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    if how == "over":
        feed.district.clock.advance(timedelta(days=20 * 366))
    elif how == "pull":
        await feed.district.activate(feed.contract, version=2)
    else:
        await feed.district.running.registry.change_state(feed.contract, how)
    assert await feed.send() == 0
    assert await feed.lanes._behind() == [] or how == "over"


async def test_d10_what_is_entered_while_the_contract_is_revoked_comes_before_or_never(feed: Feed) -> None:
    """The revocation's entry says what was handed out by then; nothing is handed out behind it."""
    engine, sender = feed.district.running.engine, feed.lanes._sender
    if engine.dialect.name == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    claim = await feed.lanes._claims.claim(feed.contract, "bulk")
    assert claim is not None
    run = await sender.prepare(feed.contract, "bulk", 0, feed.lanes._may_feed)
    assert run is not None
    holds = partial(feed.lanes._claims.renew, claim)
    async with engine.begin() as connection:
        await connection.execute(select(lane.c.last).where(lane.c.contract == feed.contract).with_for_update())
        entering = asyncio.create_task(sender.enter(run, feed.lanes._may_feed, holds))
        await asyncio.sleep(0.5)  # it has read the contract, and waits for the lane
        revoking = asyncio.create_task(feed.district.running.registry.change_state(feed.contract, "revoke"))
        await asyncio.sleep(0.5)
    assert await entering
    await revoking
    async with engine.connect() as connection:
        documents = (await connection.execute(select(journal_leaf.c.document))).scalars().all()
    (said,) = [one for one in documents if b'"state":"revoking"' in one]
    assert orjson.loads(said)["lanes"]["bulk"]["shown"] == run.sealed.last


async def test_d9_a_zombie_is_fenced_out(feed: Feed) -> None:
    """It still produces, which harms nobody; it can store nothing, and so it stops."""
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    asleep, awake = asyncio.Event(), asyncio.Event()

    class Slow(Producer):
        async def send(self, *given: Any) -> None:
            asleep.set()
            await awake.wait()
            await super().send(*given)

    producer = Slow(lambda: make_producer(feed.broker))
    zombie = feed.another(producer)
    sending = asyncio.create_task(zombie.drain(feed.contract, "bulk"))
    await asleep.wait()
    assert await feed.lanes.drain(feed.contract, "bulk") == 0  # it is held
    feed.district.clock.advance(timedelta(seconds=60))
    assert await feed.lanes.drain(feed.contract, "bulk") == 1
    await feed.district.push(listing(2))
    assert await feed.send() == 2
    awake.set()
    await sending
    await producer.stop()
    assert (await feed.sent())["bulk"] == 2
    assert "lane-lost" in {line["event"] for line in feed.district.logged()}
    events = await feed.read(1, 2)
    assert [one["number"] for one in events if one["lane"] == "bulk"] == [1, 2, 1]


async def test_d9_a_gateway_that_died_with_its_clock_ahead_holds_a_lane_no_longer_than_any(feed: Feed) -> None:
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    sending = asyncio.Event()

    class Dying(Producer):
        async def send(self, *_: Any) -> None:
            sending.set()
            await asyncio.Event().wait()

    clock = feed.district.clock
    ahead = ManualClock(clock.now() + timedelta(minutes=10))
    producer = Dying(lambda: make_producer(feed.broker))
    dying = asyncio.create_task(feed.another(producer, ahead).drain(feed.contract, "bulk"))
    await sending.wait()
    assert await feed.lanes.drain(feed.contract, "bulk") == 0
    dying.cancel()
    await producer.stop()
    clock.advance(LEASE - timedelta(seconds=1))
    assert await feed.lanes.drain(feed.contract, "bulk") == 0
    clock.advance(timedelta(seconds=2))
    assert await feed.lanes.drain(feed.contract, "bulk") == 1
    assert (await feed.sent())["bulk"] == 1


async def limit(broker: Broker, topic: str, size: str) -> None:
    """The broker takes no larger batch into the topic from now on, and says so."""
    admin = AIOKafkaAdminClient(**broker.options())
    await admin.start()
    configs = {"max.message.bytes": size}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=configs)])
    await admin.close()


async def test_d9_behind_an_error_sending_begins_anew_from_the_last_acknowledged_number(feed: Feed) -> None:
    for start in range(0, 1200, 60):
        await feed.district.push(*[listing(serial) for serial in range(start, start + 60)])
    await feed.district.running.router.catch_up(feed.contract)
    made: list[AIOKafkaProducer] = []

    def make() -> AIOKafkaProducer:
        made.append(make_producer(feed.broker))
        return made[-1]

    class Failing(Producer):
        runs = 0

        async def send(self, topic: str, messages: list[Message], *by: Any) -> None:
            self.runs += 1
            if self.runs != 2:
                await super().send(topic, messages, *by)
                return
            await super().send(topic, messages[:250], *by)
            await limit(feed.broker, topic, "100")
            try:
                await super().send(topic, messages[250:], *by)
            finally:
                await limit(feed.broker, topic, "1000000")

    producer = Failing(make)
    lanes = feed.another(producer)
    with pytest.raises(Unavailable):
        await lanes.drain(feed.contract, "bulk")
    assert (await feed.sent())["bulk"] == 500
    assert await lanes.drain(feed.contract, "bulk") == 700
    assert len(made) == 2
    await producer.stop()
    numbers = [one["number"] for one in await feed.read(0, 1200) if one["lane"] == "bulk"]
    assert numbers[:750] == [*range(1, 751)]
    assert numbers[-700:] == [*range(501, 1201)]
    between = numbers[750:-700]  # what was on its way when the limit came, or none
    assert between == [*range(751, 751 + len(between))]


async def test_d9_two_processes_share_the_lanes_of_many_contracts(feed: Feed) -> None:
    """Both try every lane at once; what each is told to have sent adds up, and no number is missing."""
    producer = Producer(lambda: make_producer(feed.broker))
    other = feed.another(producer)
    sent = 0
    for serial in range(5):
        await feed.district.push(listing(serial))
        await feed.district.running.router.catch_up(feed.contract)
        both = [lanes.drain(feed.contract, lane) for lanes in (feed.lanes, other) for lane in LANES]
        sent += sum(await asyncio.gather(*both))
    while more := await feed.send():
        sent += more
    assert sent == 6
    events = await feed.read(1, 5)
    assert [one["number"] for one in events if one["lane"] == "bulk"] == [1, 2, 3, 4, 5]
    await producer.stop()


async def test_d11_running_feeds_by_itself_and_beats_behind_each_burst(feed: Feed) -> None:
    feed.district.running.start()
    await feed.district.push(listing(1))
    async with Reading(feed.broker, feed.contract) as topics:
        await topics.read(1, 1)

        async def reached() -> bool:
            heads = [(await feed.district.heartbeat(token)).heads for token in topics.heartbeats]
            return any((one.priority, one.bulk) == (1, 1) for one in heads)

        while not await reached():
            await topics.more_heartbeats()
        feed.lanes._beat_at.clear()  # as if a third of the lease had passed
        await topics.more_heartbeats()


async def test_d9_a_topic_that_cannot_be_written_holds_up_no_other(feed: Feed) -> None:
    """A broken lane is tried again for ever, and alone."""
    await feed.district.push(listing(1))
    good = await feed.lanes._producer._started()
    with pytest.raises(Unavailable) as caught:
        await feed.lanes._producer.send("no topic of any kind", [Message(b"1", [])])
    assert caught.value.code == "kafka-topic"
    assert await feed.lanes._producer._started() is good
    assert await feed.send() == 2


async def test_d9_who_still_waits_for_a_producer_that_was_discarded_hears_of_it(feed: Feed) -> None:
    """One lane's error discards the producer of all; another that was looking its topic up waited for ever."""
    producer = Producer(lambda: make_producer(feed.broker))
    await producer._started()
    sending = asyncio.create_task(producer.send("a-topic-of-nobody", [Message(b"1", [])]))
    await asyncio.sleep(0)  # on its way
    await producer.stop()
    async with asyncio.timeout(2 * REQUEST_SECONDS):
        with pytest.raises(Unavailable) as caught:
            await sending
    assert caught.value.code == "kafka-away"


async def test_d9_who_was_sending_by_a_producer_that_is_discarded_sends_anew_by_the_next(
    feed: Feed, kafka: Kafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the broker was not even asked to take could else wait for as long as a request may last."""
    if kafka.broker is None:
        pytest.skip("a broker of our own is needed: unset FUYUAN_TEST_KAFKA")
    monkeypatch.setattr("gateway.delivery.producer.REQUEST_SECONDS", 3600)
    producer = Producer(lambda: make_producer(feed.broker))
    bulk, priority = (topic_of(feed.contract, one) for one in reversed(LANES))
    reached = [await producer.reach(topic) for topic in (bulk, priority)][-1]
    waiting = reached.producer._message_accumulator
    kafka.broker.pause()
    try:
        first = asyncio.create_task(producer.send(bulk, [Message(b"1", [])], reached))
        await until(lambda: waiting._pending_batches)
        second = asyncio.create_task(producer.send(priority, [Message(b"2", [])], reached))
        await until(lambda: waiting._batches)
        first.cancel()
        async with asyncio.timeout(20):
            with pytest.raises(Unavailable, match="kafka-away"):
                await second
        with pytest.raises(Unavailable, match="kafka-away"):
            await producer.send(priority, [Message(b"2", [])], reached)
    finally:
        kafka.broker.resume()
    await producer.send(priority, [Message(b"2", [])])
    await producer.stop()


async def test_d1_bulk_is_sent_behind_what_has_precedence(feed: Feed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.precedence.LONGEST_SECONDS", 30.0)
    await feed.district.push(listing(1))
    await feed.district.running.router.catch_up(feed.contract)
    with feed.district.running.precedence.taken():
        sending = asyncio.create_task(feed.lanes.drain(feed.contract, "bulk"))
        assert await feed.lanes.drain(feed.contract, "priority") == 1
        await asyncio.wait([sending], timeout=0.5)
        assert await feed.sent() == {"priority": 1, "bulk": 0}
    assert await sending == 1


async def test_d1_a_lane_of_priority_has_precedence_while_it_is_sent(
    feed: Feed, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: dict[str, bool] = {}

    async def look(_: str, one: Lane) -> int:
        seen[one] = feed.district.running.precedence.is_taken
        return 0

    monkeypatch.setattr(feed.lanes, "drain", look)
    for one in reversed(LANES):
        feed.lanes._feed(feed.contract, one)
        await asyncio.gather(*feed.lanes._feeding.values())
    assert seen == {"bulk": False, "priority": True}
