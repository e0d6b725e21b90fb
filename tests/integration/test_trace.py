"""Traces through HTTP: one trace from the court's push to the journal, one from the agent's page to its receipt."""

import re
import time
from typing import Any

import httpx
import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind

from gateway import trace
from tests.integration.agency import CODE, COMPANY, Agent, listing
from tests.integration.district import BATCHES, COURT, NDJSON, District
from tests.integration.spans import FOREIGN, by_trace, path_to_root


async def test_one_trace_from_the_court_s_push_to_the_journal(district: District, spans: InMemorySpanExporter) -> None:
    with trace.span("court"):
        await district.push(listing())
    [found] = by_trace(spans).values()
    [append] = [one for one in found if one.name == "append"]
    assert path_to_root(append, found) == ["append", "/v1/feeds/{feed}/batches", "call-gateway", "court"]
    assert {"parse", "decide", "seal", "append"} <= {one.name for one in found}
    [server] = [one for one in found if one.kind is SpanKind.SERVER]
    assert server.attributes is not None
    assert server.attributes["fuyuan.party"] == COURT
    assert server.attributes["fuyuan.status"] == 201
    lines = [line for line in district.logged() if line["event"] == "request"]
    assert server.context is not None
    assert [line["trace_id"] for line in lines] == [f"{server.context.trace_id:032x}"]
    assert lines[0]["error_id"] == server.attributes["fuyuan.error_id"]


async def test_one_trace_from_the_agent_s_page_to_the_receipt_in_the_journal(
    district: District, agent: Agent, spans: InMemorySpanExporter
) -> None:
    await district.push(listing())
    await agent.follow()
    found = next(found for found in by_trace(spans).values() if any(one.name == "send-receipts" for one in found))
    append = next(one for one in found if one.name == "append")
    sent = ["append", "/v1/receipts", "call-gateway", "send-receipts"]
    assert path_to_root(append, found) == [*sent, "match", "index"]


async def test_a_page_is_one_trace_at_both_ends(district: District, agent: Agent, spans: InMemorySpanExporter) -> None:
    await district.push(listing())
    spans.clear()
    with trace.span("pull"):
        await agent.follower.pull_once(wait=0)
    [found] = by_trace(spans).values()
    assert {"pull", "verify", "index", "send", "route", "/v1/contracts/{contract}/events"} <= {o.name for o in found}


async def test_p1_no_personal_value_and_no_query_in_a_span(
    district: District, agent: Agent, spans: InMemorySpanExporter
) -> None:
    await district.push(listing())
    await agent.follow()
    await agent.screen()
    await agent.screen("A-2", name="王伟", identifiers=[{"scheme": "cn-id", "value": "no number"}])
    await district.send(httpx.Request("GET", f"http://gateway.test/v1/{COMPANY}?{CODE}"))
    await district.push({"iname": COMPANY})
    text = " ".join(one.to_json() for one in spans.get_finished_spans())
    for value in (COMPANY, CODE, "王伟", "豫0811", "no number", "limit=", "wait=", "mode=delta"):
        assert value not in text
    assert "\\u" not in text  # no Han text at all, however it is spelled
    assert not [event for one in spans.get_finished_spans() for event in one.events]  # no exception's words


async def test_a_traceparent_breaks_no_signature_and_is_none_of_it(
    district: District, spans: InMemorySpanExporter
) -> None:
    request = district.signed(
        COURT,
        "POST",
        BATCHES,
        b"{}",
        {"content-type": NDJSON, "idempotency-key": "push-traced", "traceparent": FOREIGN},
    )
    assert "traceparent" not in request.headers["signature-input"]
    request.headers["traceparent"] = FOREIGN.replace("4bf92f", "aaaaaa")  # as a proxy would
    assert (await district.send(request)).status_code == 201
    assert {f"{one:032x}"[:6] for one in by_trace(spans)} == {"aaaaaa"}


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_stranger_s_flags_decide_nothing(district: District, spans: InMemorySpanExporter, flags: str) -> None:
    """Neither to record what would not be, nor to keep what they do out of the record."""
    given = FOREIGN[:-2] + flags
    await district.send(httpx.Request("GET", "http://gateway.test/healthz", headers={"traceparent": given}))
    [span] = spans.get_finished_spans()
    assert span.name == "/healthz"


@pytest.mark.parametrize(
    "given",
    [
        "",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        FOREIGN + "-more",
        "00-000000000000004108811990010112340-00f067aa0ba902b7-01"[:35] + "-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0110108900101123-01",
        "王伟",
    ],
)
async def test_p1_what_is_no_traceparent_begins_a_trace_of_our_own(
    district: District, spans: InMemorySpanExporter, given: str
) -> None:
    headers = [(b"traceparent", given.encode())]
    await district.send(httpx.Request("GET", "http://gateway.test/healthz", headers=headers))
    [span] = spans.get_finished_spans()
    assert span.parent is None
    if len(given) > 10:
        assert given[3:35] not in district.log.getvalue()


async def test_tracestate_goes_no_further(district: District, spans: InMemorySpanExporter) -> None:
    headers = {"traceparent": FOREIGN, "tracestate": "court=secret", "baggage": "name=secret"}
    await district.send(httpx.Request("GET", "http://gateway.test/healthz", headers=headers))
    assert "secret" not in " ".join(one.to_json() for one in spans.get_finished_spans())


async def test_without_a_collector_a_trace_is_passed_on_and_nothing_recorded(district: District, agent: Agent) -> None:
    await district.push(listing())
    seen: list[Any] = []
    forward = district.transport.handle_async_request

    async def watched(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers.get("traceparent"))
        return await forward(request)

    district.transport.handle_async_request = watched  # type: ignore[method-assign]
    with trace.span("pull", parent=trace.read_parent([FOREIGN])) as span:
        assert not span.is_recording()
        await agent.follower.pull_once(wait=0)
    assert set(seen) == {FOREIGN}
    assert {line["trace_id"] for line in district.logged() if line.get("route", "").startswith("/v1/c")} == {
        FOREIGN[3:35]
    }
    with trace.span("pull"):
        await agent.follower.pull_once(wait=0)
    assert seen[-1] is None
    assert "trace_id" not in district.logged()[-1]


def test_a_span_that_nobody_records_costs_next_to_nothing() -> None:
    began = time.perf_counter()
    for _ in range(10_000):
        with trace.span("append", records=1):
            pass
    assert (time.perf_counter() - began) / 10_000 < 50e-6


def test_kafka_headers_carry_the_trace(spans: InMemorySpanExporter) -> None:
    event = [("fuyuan-event", b"\xff\x00")]
    assert trace.inject(event, None) == event
    with trace.span("append"):
        parent = trace.write_parent()
    with trace.spans("produce", [parent, None, parent], kind=SpanKind.PRODUCER) as begun:
        headers = trace.inject(event, begun[parent])
    assert [name for name, _ in headers] == ["fuyuan-event", "traceparent"]
    assert re.fullmatch(rb"00-[0-9a-f]{32}-[0-9a-f]{16}-0[13]", headers[1][1])
    with trace.spans("take", [trace.extract(headers)], kind=SpanKind.CONSUMER):
        pass
    [alone, found] = sorted(by_trace(spans).values(), key=len)
    assert [path_to_root(one, found) for one in found if one.name == "take"] == [["take", "produce", "append"]]
    assert [(one.name, one.parent) for one in alone] == [("produce", None)]


@pytest.mark.parametrize("given", [[], [b"\xff"], [b"00-1-2-3"], [FOREIGN.encode()] * 2])
def test_a_traceparent_of_a_message_that_does_not_hold_is_none(given: list[bytes]) -> None:
    assert trace.extract([("traceparent", value) for value in given]) is None


def test_without_a_collector_messages_pass_each_trace_on() -> None:
    with trace.spans("produce", [FOREIGN, None], kind=SpanKind.PRODUCER) as begun:
        assert begun == {FOREIGN: FOREIGN, None: None}
