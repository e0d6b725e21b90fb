"""What operators see of a lane over Kafka, on a real broker: one trace, its lag, and when both ends have caught up."""

import asyncio
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway import trace
from gateway.agent.status import read_status
from gateway.demo.processes import free_port
from gateway.doctor.agent import examine_agent
from gateway.doctor.gateway import examine_gateway
from gateway.errors import Unavailable
from gateway.settings import Settings
from tests.integration.agency import MEASURE, listing
from tests.integration.fed import Feed, produce, truncated
from tests.integration.following import Following, running, until
from tests.integration.spans import FOREIGN, by_trace, path_to_root
from tests.integration.topics import Reading
from tests.integration.watched import of, read_samples, ready, samples
from tests.servers.kafka import Kafka

HELD = [("licence-1", MEASURE)]
PUSHED = ["append", "/v1/feeds/{feed}/batches", "call-gateway", "court"]


async def test_one_trace_from_the_court_s_push_to_the_agency_s_block_and_back(
    following: Following, spans: InMemorySpanExporter
) -> None:
    agent, district = following.agent, following.feed.district
    async with running(following):
        await until(lambda: following.by_kafka_alone)
        following.kafka._beats._good_until = (
            asyncio.get_running_loop().time() + 60
        )  # what a pull brings on a busy machine is taken in a trace of its own
        with trace.span("court"):
            await district.push(listing(1))
        await until(lambda: agent.held() == HELD)
        await until(lambda: read_status(agent.parts, district.clock).receipts == 0)
    found = next(found for found in by_trace(spans).values() if any(one.name == "court" for one in found))
    taken = ["take", "produce", *PUSHED]
    paths = [path_to_root(one, found) for one in found]
    assert [path for path in paths if path[0] == "verify"] == [["verify", *taken]]
    assert [path for path in paths if path[0] == "index"] == [["index", *taken]]
    assert [path for path in paths if path[0] == "register"] == [["register", "match", "index", *taken]]
    back = [path for path in paths if path[:3] == ["append", "/v1/receipts", "call-gateway"] and "match" in path]
    assert 1 <= len(back) <= 2  # that it was found, and that it was blocked, which may come a moment later
    assert all(path[3:] == ["send-receipts", "match", "index", *taken] for path in back)


async def test_each_message_of_a_run_goes_on_in_the_trace_of_its_own_push(
    feed: Feed, spans: InMemorySpanExporter
) -> None:
    for serial in (1, 2):
        with trace.span("court", number=serial):
            await feed.district.push(listing(serial))
    await feed.send()
    async with Reading(feed.broker, feed.contract) as topics:
        await topics.read(1, 2)
    carried = {(one.topic.rsplit(".", 1)[1], one.offset): trace.extract(one.headers) for one in topics.records}
    for serial in (1, 2):
        [found] = [
            found
            for found in by_trace(spans).values()
            if any(one.name == "court" and (one.attributes or {})["fuyuan.number"] == serial for one in found)
        ]
        [begun] = [one for one in found if one.name == "produce"]
        assert path_to_root(begun, found) == ["produce", *PUSHED]
        assert begun.context is not None
        assert carried["bulk", serial - 1] == f"00-{begun.context.trace_id:032x}-{begun.context.span_id:016x}-03"
    assert carried["priority", 0] not in (None, carried["bulk", 0], carried["bulk", 1])  # the contract's own event


async def test_without_a_collector_the_sender_s_trace_is_passed_on_and_none_is_made_up(feed: Feed) -> None:
    with trace.span("court", parent=trace.read_parent([FOREIGN])):
        await feed.district.push(listing(1))
    await feed.district.push(listing(2))
    await feed.send()
    async with Reading(feed.broker, feed.contract) as topics:
        await topics.read(1, 2)
    carried = [trace.extract(one.headers) for one in topics.records if one.topic.endswith(".bulk")]
    assert carried == [FOREIGN, None]


@pytest.mark.parametrize("given", [[b"\xff"], [b"", b""], [FOREIGN.encode()] * 2, ["王伟".encode()]])
async def test_a_traceparent_that_does_not_hold_is_passed_over(
    following: Following, spans: InMemorySpanExporter, given: list[bytes]
) -> None:
    await following.feed.district.push(listing(1))
    await following.feed.send()
    records = await truncated(following.feed)
    plain = [[(name, value) for name, value in one.headers if name != "traceparent"] for one in records]
    odd = [(trace.HEADER, value) for value in given]
    changed = [replace(one, headers=(*headers, *odd)) for one, headers in zip(records, plain, strict=True)]
    await produce(following.feed, *changed)
    await following.open()
    await following.read(1, 1)
    assert not [line for line in following.feed.district.logged() if line["event"] == "message-refused"]
    assert FOREIGN[3:35] not in {f"{one:032x}" for one in by_trace(spans)}


async def told(feed: Feed, **changed: object) -> dict[str, str]:
    """What the gateway's doctor finds of brokers and lanes, apart from drift, since others use the same broker."""
    found = await examine_gateway(feed.district.running.settings.model_copy(update=changed), feed.district.clock)
    of_lane = [one for one in found if one.area == "lag" and feed.contract in one.text]
    away = [one for one in found if one.area == "broker" and one.code.startswith("kafka-")]
    assert all(one.remedy for one in [*of_lane, *away])
    return {one.code: one.text for one in [*of_lane, *away]}


async def lane(feed: Feed, name: str) -> dict[str, float | None]:
    """The metrics of a lane by their last word, ages in whole minutes."""
    found = await samples(feed.district)
    labels = {"contract": feed.contract, "lane": name}
    words = ("last", "shown", "sent", "acknowledged", "lag", "unsent_seconds", "undelivered_seconds")
    values = {word: of(found, f"fuyuan_lane_{word}", **labels) for word in words}
    return {word: value // 60 if value and word.endswith("seconds") else value for word, value in values.items()}


async def test_a_lane_lags_while_its_broker_is_away_and_says_so_until_it_has_caught_up(
    following: Following, kafka: Kafka
) -> None:
    if kafka.broker is None:
        pytest.skip("a broker named by FUYUAN_TEST_KAFKA is not ours to stop")
    feed, district = following.feed, following.feed.district
    reconciler = district.running.reconciler
    assert reconciler is not None
    await district.push(listing(1))
    await feed.send()
    assert (await lane(feed, "bulk"))["sent"] == 1
    for contract in district.cast.contracts:
        await district.running.router.catch_up(contract)
    await asyncio.to_thread(kafka.broker.stop)
    try:
        await district.push(listing(2), listing(3))
        for contract in [*district.cast.contracts, feed.contract]:
            await district.running.router.catch_up(contract)
        with pytest.raises(Unavailable):
            await feed.lanes.drain(feed.contract, "bulk")
        with pytest.raises(Unavailable):
            await reconciler.mend()
        district.clock.advance(timedelta(seconds=90))
        found = await lane(feed, "bulk")
        assert [found[one] for one in ("last", "shown", "sent", "acknowledged", "lag")] == [3, 3, 1, 0, 3]
        assert (found["unsent_seconds"], found["undelivered_seconds"]) == (1, 1)
        assert of(await samples(district), "fuyuan_kafka_reached") == 0
        words = await told(feed)
        assert set(words) == {"topic-behind", "kafka-unreachable"}
        assert f"{feed.contract}, lane bulk: 2 events, the oldest since 9" in words["topic-behind"]
        assert (await ready(district))[0] == 200  # what Kafka does not bring is pulled

        await following.agent.follow()  # by pull
        found = await lane(feed, "bulk")
        assert (found["lag"], found["undelivered_seconds"], found["unsent_seconds"]) == (0, 0, 1)
    finally:
        await asyncio.to_thread(kafka.broker.start)
    district.clock.advance(timedelta(seconds=1))
    assert await feed.send() == 2
    found = await lane(feed, "bulk")
    assert (found["sent"], found["unsent_seconds"], found["undelivered_seconds"]) == (3, 0, 0)
    assert not {"topic-behind", "kafka-unreachable"} & set(await told(feed))


async def test_an_agency_that_reads_its_topic_and_is_silent_is_told_of_as_that(feed: Feed) -> None:
    await feed.district.push(listing(1))
    await feed.send()
    feed.district.clock.advance(timedelta(seconds=130))
    found = await lane(feed, "bulk")
    assert (found["lag"], found["undelivered_seconds"], found["unsent_seconds"]) == (1, 0, 0)
    words = await told(feed)
    assert set(words) == {"agency-silent"}
    assert "reads a topic, and gives no receipt" in words["agency-silent"]


@pytest.mark.parametrize("change", ["suspend", "revoke", "pull"])
async def test_a_lane_that_no_topic_is_fed_for_lags_by_pull(feed: Feed, change: str) -> None:
    await feed.district.push(listing(1))
    if change == "pull":
        await feed.district.activate(feed.contract, version=2)
    else:
        await feed.district.running.registry.change_state(feed.contract, change)
    await feed.district.running.router.catch_up(feed.contract)
    feed.district.clock.advance(timedelta(seconds=70))
    found = await lane(feed, "priority")
    assert (found["sent"], found["unsent_seconds"]) == ((0, 1) if change == "suspend" else (None, None))
    assert found["undelivered_seconds"] == 1
    await feed.pulled()
    assert (await lane(feed, "priority"))["undelivered_seconds"] == (1 if change == "suspend" else 0)


async def beat(feed: Feed) -> None:
    """A heartbeat of this moment into the topic."""
    feed.district.running.heartbeats.complete(feed.contract, feed.district.clock.now())
    await feed.lanes.beat(feed.contract)


async def agent_ready(following: Following) -> tuple[int, str | None]:
    answer = await following.agent.web.get("/readyz")
    return answer.status_code, answer.json().get("code")


async def behind(following: Following) -> float | None:
    found = read_samples(await following.agent.web.get("/metrics"))
    return of(found, "fuyuan_agent_behind", contract=following.feed.contract)


async def turn_until(following: Following, done: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not done():
            await following.kafka.turn()


async def test_an_agent_over_kafka_is_ready_when_it_has_reached_the_heads(following: Following) -> None:
    feed, district, agent = following.feed, following.feed.district, following.agent
    await district.push(listing(1))
    await feed.send()
    await following.open()
    await following.read(1, 1)
    assert await agent_ready(following) == (503, "list-incomplete")  # nobody said yet that this is all
    await beat(feed)
    await turn_until(following, lambda: following.standing.fresh_at is not None)
    assert await agent_ready(following) == (200, None)

    await district.push(listing(2), listing(3))
    await district.running.router.catch_up(feed.contract)  # numbers that the topic does not have yet
    district.clock.advance(timedelta(seconds=61))
    agent.wire.cut = True  # nor does pull bring them
    await beat(feed)
    await turn_until(following, lambda: following.standing.behind == 2)
    assert await agent_ready(following) == (503, "list-behind")
    assert await behind(following) == 2
    assert (await agent.screen())["decision"] == "block"  # until the lease is over
    agent.wire.cut = False
    await feed.send()
    await turn_until(following, lambda: following.standing.behind == 0)
    await turn_until(following, lambda: following.kafka.rest() > 0)
    assert await agent_ready(following) == (200, None)
    assert await behind(following) == 0


async def test_the_doctor_at_an_agency_tells_of_topics_that_nobody_reads_and_of_a_broker_that_is_away(
    following: Following,
) -> None:
    feed, district, agent = following.feed, following.feed.district, following.agent
    await district.push(listing(1))
    await feed.send()
    await beat(feed)
    await following.open()
    await following.read(1, 1)
    await turn_until(following, lambda: following.standing.fresh_at is not None)
    home = agent.parts.index.directory
    agent.parts.index.close()  # the agent is stopped
    settings = Settings(
        agent_contract=feed.contract,
        agent_party_key=home.parent / "key.jwk",
        agent_trusted_keys=agent.parts.trusted_keys,
        agent_data_dir=home,
        agent_kafka_bootstrap=feed.broker.bootstrap,
    )

    async def found(**changed: object) -> dict[str, str]:
        said = await examine_agent(settings.model_copy(update=changed), district.clock, agent.wire)
        return {one.code: one.text for one in said if one.area == "broker"}

    assert await found() == {"broker": "It answers, and both topics are read."}
    await district.push(listing(2))
    await feed.send()
    assert list(await found()) == ["broker"]  # a moment ago
    district.clock.advance(timedelta(seconds=90))
    words = await found()
    assert list(words) == ["topic-unread"]
    assert f"{feed.contract}, lane bulk: 1 messages in its topic were not read" in words["topic-unread"]
    words = await found(agent_kafka_bootstrap=f"127.0.0.1:{free_port()}")
    assert list(words) == ["kafka-away"]
    assert "the list comes by pull" in words["kafka-away"]
    assert list(await found(agent_kafka_security="sasl_ssl")) == ["kafka-settings"]
    assert await found(agent_kafka_bootstrap=None) == {}
