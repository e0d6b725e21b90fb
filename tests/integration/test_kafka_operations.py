"""What operators see of a lane over Kafka, on a real broker: one trace, its lag, and when both ends have caught up."""

from dataclasses import replace

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway import trace
from gateway.agent.status import read_status
from tests.integration.agency import MEASURE, listing
from tests.integration.fed import Feed, produce, truncated
from tests.integration.following import Following, running, until
from tests.integration.spans import FOREIGN, by_trace, path_to_root
from tests.integration.topics import Reading

HELD = [("licence-1", MEASURE)]
PUSHED = ["append", "/v1/feeds/{feed}/batches", "call-gateway", "court"]


async def test_one_trace_from_the_court_s_push_to_the_agency_s_block_and_back(
    following: Following, spans: InMemorySpanExporter
) -> None:
    agent, district = following.agent, following.feed.district
    async with running(following):
        await until(lambda: following.by_kafka_alone)
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
    [back] = [path for path in paths if path[:3] == ["append", "/v1/receipts", "call-gateway"] and "match" in path]
    assert back[3:] == ["send-receipts", "match", "index", *taken]


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
