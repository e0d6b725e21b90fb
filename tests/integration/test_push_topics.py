"""A court pushes through its topic, on a real broker: answered as over HTTP, journalled once, whatever happens."""

import asyncio
import io
import sqlite3
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, closing, suppress
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any

import orjson
import pytest
from confluent_kafka import Producer
from sqlalchemy import make_url

from gateway.broker import drop_topics
from gateway.client import GatewayProblem
from gateway.clock import ManualClock
from gateway.demo.cast import COURT
from gateway.errors import Broken, FuyuanError, TooLarge, Unavailable
from gateway.push.client import LARGEST_BODY
from gateway.push.message import STATUS, Arrived
from gateway.retry import passing
from gateway.trust.keys import KeySet, SigningKey
from gateway.wiring import open_gateway
from schemas.canonical import canonical
from schemas.envelope import Message
from tests.integration.agency import listing
from tests.integration.district import BATCHES, FEED, MARKET, NDJSON, District, Founded, open_district
from tests.integration.pushing import PUSHED, REPLIES, Pushing, open_pushing
from tests.integration.topics import SPOILED, make_topics, produce_spoiled
from tests.servers.kafka import Kafka
from tests.servers.postgres import Postgres


@pytest.fixture
async def pushing(
    founded_copy: Founded, tmp_path: Path, log_lines: io.StringIO, kafka: Kafka
) -> AsyncIterator[Pushing]:
    async with open_pushing(founded_copy, tmp_path, log_lines, kafka.bootstrap) as opened:
        yield opened


def body_of(*serials: int) -> bytes:
    return b"\n".join(canonical(listing(serial)) for serial in serials)


async def test_a_push_is_journalled_and_its_receipt_comes_back(pushing: Pushing) -> None:
    async with pushing.reading(), await pushing.client() as court:
        first = await court.push(FEED, body_of(1, 2), NDJSON, "key-00001")
        assert first.counts["listed"] == 2
        assert len(first.batches) == 1
        again = await court.push(FEED, body_of(1, 2), NDJSON, "key-00001")
        assert again == first
        with pytest.raises(GatewayProblem, match="idempotency-key-reused"):
            await court.push(FEED, body_of(3), NDJSON, "key-00001")
        over_http = await pushing.district.client(COURT).push(FEED, body_of(1, 2), NDJSON, "key-00001")
        assert over_http == first, "one key, whichever way"
        await pushing.until_passed(3)
    assert await pushing.entries() == 2
    metrics = (await pushing.district.running.metrics.render()).decode()
    assert f'fuyuan_pushes_total{{feed="{FEED}",status="201"}} 2.0' in metrics
    assert f'fuyuan_pushes_total{{feed="{FEED}",status="409"}} 1.0' in metrics


def changed(push: Message, **headers: bytes | None) -> Message:
    """With other headers (dashes as underscores); None takes one away."""
    others = {name.replace("_", "-"): value for name, value in headers.items()}
    kept = [(name, value) for name, value in push.headers if name not in others]
    return Message(push.value, kept + [(name, value) for name, value in others.items() if value is not None])


async def test_what_never_will_be_taken_is_answered_and_passed_and_nothing_of_it_is_done(pushing: Pushing) -> None:
    good, body = pushing.written(body_of(1), "key-00001"), body_of(2)
    now = pushing.district.clock.now()
    aged, young, early = (ManualClock(now - timedelta(**by)) for by in ({"days": 8}, {"days": 6}, {"minutes": -10}))
    stranger = SigningKey.generate(COURT, now)
    cases: list[tuple[str, Message]] = [
        ("signature-missing", Message(body, [])),
        ("signature-invalid", changed(good, idempotency_key=b"key-00002")),
        ("signature-invalid", changed(good, fuyuan_query=b"relist=true")),
        ("signature-invalid", Message(good.value, [*good.headers, ("idempotency-key", b"key-00002")])),
        ("signature-invalid", changed(good, idempotency_key=b"key-\xff\xfe001")),
        ("signature-invalid", pushing.written(body, "key-00002", topic=f"fuyuan.in.{MARKET}.{FEED}")),
        ("signature-invalid", pushing.written(body, "key-00002", topic=PUSHED + "x")),
        ("topic-of-another", pushing.written(body, "key-00002", by=pushing.district.cast.keys[MARKET])),
        ("key-unknown", pushing.written(body, "key-00002", by=stranger)),
        ("audience-wrong", pushing.written(body, "key-00002", audience="another-gateway")),
        ("signature-stale", pushing.written(body, "key-00002", clock=aged)),
        ("signature-stale", pushing.written(body, "key-00002", clock=early)),
        ("digest-mismatch", Message(body, good.headers)),
        ("request-invalid", pushing.written(body, "short")),
        ("content-type", pushing.written(body, "key-00002", kind="text/html")),
        ("content-encoding", changed(good, content_encoding=b"gzip")),
        ("body-too-large", pushing.written(b"[" + b" " * 64 * 1024 + b"]", "key-00002")),
        ("message-unreadable", Message(None, good.headers, b"a key alone")),
    ]
    await pushing.produce(*(push for _, push in cases))
    spoiled = Message(body, [(SPOILED, b"")])
    await produce_spoiled(pushing.broker, PUSHED, spoiled, spoiled)
    await pushing.produce(good, pushing.written(body_of(3), "key-00003", clock=young))
    async with pushing.reading():
        replies = await pushing.replies(len(cases) + 4)
        await pushing.until_passed(len(cases) + 4)
    assert [one["offset"] for one in replies] == list(range(len(cases) + 4)), "one for each, in order"
    *refused, first, second = replies
    documents = [orjson.loads(one["body"]) for one in refused]
    codes = [document["code"] for document in documents]
    assert codes == [*(code for code, _ in cases), "message-unreadable", "message-unreadable"]
    assert all(one["type"] == "application/problem+json" for one in refused)
    assert [document["status"] for document in documents] == [one["status"] for one in refused]
    assert (first["status"], second["status"]) == (201, 201)
    assert await pushing.entries() == 2
    told = b"".join(one["body"] for one in refused).decode() + pushing.district.log.getvalue()
    assert not any(word in told for word in ("焦城试验", "69191286", "豫0811执"))
    logged = [one for one in pushing.district.logged() if one["event"] == "push" and one["status"] != 201]
    assert [one["code"] for one in logged] == codes
    assert [one["error_id"] for one in logged] == [document["error_id"] for document in documents]


async def test_a_receipt_that_cannot_be_sent_is_waited_for_and_the_push_is_journalled_once(pushing: Pushing) -> None:
    await drop_topics(pushing.broker, [REPLIES])
    await pushing.produce(pushing.written(body_of(1), "key-00001"), pushing.written(body_of(2), "key-00002"))
    async with pushing.reading():
        await pushing.until_logged("push-delayed")
        assert await pushing.passed() is None
        assert await pushing.entries() == 1, "what comes behind it waits"
    await make_topics(pushing.broker, REPLIES)
    async with pushing.reading():
        replies = await pushing.replies(2)
        await pushing.until_passed(2)
    assert [(one["offset"], one["status"]) for one in replies] == [(0, 201), (1, 201)]
    assert await pushing.entries() == 2


async def test_while_the_database_is_away_the_partition_waits(pushing: Pushing, founded_copy: Founded) -> None:
    async with pushing.reading():
        async with database_away(founded_copy):
            await pushing.produce(*(pushing.written(body_of(serial), f"key-{serial:05}") for serial in (1, 2)))
            with pytest.raises(TimeoutError):
                await pushing.replies(1, seconds=3)
            assert await pushing.passed() is None
        replies = await pushing.replies(2)
        await pushing.until_passed(2)
    assert [(one["offset"], one["status"]) for one in replies] == [(0, 201), (1, 201)]
    assert await pushing.entries() == 2


async def test_behind_a_broker_that_was_away_it_goes_on(pushing: Pushing, kafka: Kafka) -> None:
    broker = kafka.broker
    if broker is None:
        pytest.skip("a broker of our own is needed: unset FUYUAN_TEST_KAFKA")
    async with pushing.reading():
        await pushing.produce(pushing.written(body_of(1), "key-00001"))
        await pushing.replies(1)
        await asyncio.to_thread(broker.stop)
        await asyncio.to_thread(broker.start)
        await pushing.produce(pushing.written(body_of(2), "key-00002"))
        replies = await pushing.replies(2, seconds=60)
        await pushing.until_passed(2)
    assert [(one["offset"], one["status"]) for one in replies] == [(0, 201), (1, 201)]
    assert await pushing.entries() == 2


@asynccontextmanager
async def database_away(founded: Founded) -> AsyncIterator[None]:
    """PostgreSQL is stopped; SQLite is locked by somebody else."""
    server = founded.databases.server
    if isinstance(server, Postgres):
        if server.process is None:
            pytest.skip("a server of our own is needed: unset FUYUAN_TEST_POSTGRES")
        await asyncio.to_thread(server.stop)
        try:
            yield
        finally:
            await asyncio.to_thread(server.start)
        return
    with closing(sqlite3.connect(make_url(founded.database_url).database or "", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        yield
        other.execute("ROLLBACK")


async def test_two_gateways_take_each_push_once_while_they_come_and_go(
    pushing: Pushing, founded_copy: Founded, tmp_path: Path
) -> None:
    pushes = [pushing.written(body_of(serial), f"key-{serial:05}") for serial in range(30)]
    second = await open_gateway(pushing.district.running.settings, pushing.district.clock)
    assert second.pushes is not None
    try:
        async with AsyncExitStack() as first:
            await first.enter_async_context(pushing.reading())
            await pushing.produce(*pushes[:10])
            other = asyncio.create_task(second.pushes.run())
            await pushing.produce(*pushes[10:20])
            await pushing.replies(20)
        await pushing.produce(*pushes[20:])
        await pushing.until_passed(30)
        other.cancel()
        with suppress(asyncio.CancelledError):
            await other
    finally:
        await second.stop()
    answered = {one["offset"]: orjson.loads(one["body"]) for one in await pushing.replies(30)}
    assert sorted(answered) == list(range(30))
    assert all(document["counts"]["listed"] == 1 for document in answered.values())
    assert await pushing.entries() == 30


async def test_a_push_that_two_gateways_take_at_once_is_journalled_once_and_never_refused(pushing: Pushing) -> None:
    """As where one was thought dead: both read the same message."""
    running = pushing.district.running
    second = await open_gateway(running.settings, pushing.district.clock)
    one, two = pushing.topics._answers, second.pushes._answers if second.pushes else None
    assert two is not None
    try:
        for number in range(5):
            push = pushing.written(body_of(*range(number * 10, number * 10 + 5)), f"key-{number:05}")
            arrived = Arrived(PUSHED, 0, number, push.value, push.headers)
            both = (each.answer(arrived, COURT, FEED) for each in (one, two))
            given = await asyncio.gather(*both, return_exceptions=True)
            assert all(isinstance(reply, Message) or passing_by(reply) for reply in given)
            again = [await each.answer(arrived, COURT, FEED) for each in (one, two)]
            assert again[0].value == again[1].value
            assert orjson.loads(again[0].value)["counts"]["listed"] == 5
    finally:
        await second.stop()
    assert await pushing.entries() == 25


def passing_by(error: object) -> bool:
    return isinstance(error, FuyuanError) and (error.code == "submission-in-progress" or passing(error))


async def test_a_reply_that_is_not_proved_to_be_the_gateways_is_no_receipt(pushing: Pushing) -> None:
    async with pushing.reading():
        strangers = KeySet([key.public() for key in pushing.district.cast.keys.values()])
        async with await pushing.client(keys=strangers) as court:
            with pytest.raises(Broken, match="receipt-unproved"):
                await court.push(FEED, body_of(1), NDJSON, "key-00001")
        async with await pushing.client(gateway=MARKET) as court:
            with pytest.raises(Broken, match="receipt-unproved"):
                await court.push(FEED, body_of(1), NDJSON, "key-00001")


async def test_a_provider_does_not_wait_for_ever_and_sends_nothing_that_is_too_large(pushing: Pushing) -> None:
    async with await pushing.client(wait_seconds=1) as court:
        with pytest.raises(Unavailable, match="receipt-outstanding"):
            await court.push(FEED, body_of(1), NDJSON, "key-00001")
        with pytest.raises(TooLarge, match="message-too-large"):
            await court.push(FEED, b" " * (LARGEST_BODY + 1), NDJSON, "key-00002")
    async with pushing.reading():
        (reply,) = await pushing.replies(1)
    assert reply["status"] == 201, "it is taken yet"


async def test_a_provider_is_told_of_a_broker_that_went_away_before_it_took_the_push(
    pushing: Pushing, kafka: Kafka
) -> None:
    """Leaving such a broker took for ever, and the command said nothing."""
    if kafka.broker is None:
        pytest.skip("a broker of our own is needed: unset FUYUAN_TEST_KAFKA")
    try:
        async with asyncio.timeout(60), await pushing.client(wait_seconds=1) as court:
            kafka.broker.pause()
            with pytest.raises(Unavailable, match="receipt-outstanding"):
                await court.push(FEED, body_of(1), NDJSON, "key-00001")
    finally:
        kafka.broker.resume()


@pytest.fixture
def another_copy(founded: Founded) -> Iterator[Founded]:
    with founded.copied() as copy:
        yield copy


@pytest.fixture
async def over_http(another_copy: Founded, tmp_path: Path, log_lines: io.StringIO) -> AsyncIterator[District]:
    """The same district once more."""
    async with open_district(another_copy, tmp_path / "over-http", log_lines) as opened:
        yield opened


async def test_the_same_outcome_as_over_http(pushing: Pushing, over_http: District) -> None:
    """Batches of every kind, one after the other, to two gateways that know the same: one by HTTP, one by topic."""
    picked = Random(20261123)
    for number in range(60):
        body, kind, relist = made_up(picked)
        key = f"key-{picked.randrange(50):05}"
        push = pushing.written(body, key, kind=kind, relist=relist)
        message = await pushing.topics._answers.answer(
            Arrived(PUSHED, 0, number, push.value, push.headers), COURT, FEED
        )
        status = int(dict(message.headers)[STATUS])
        wanted = await pushed_over_http(over_http, body, kind, key, relist=relist)
        assert outcome(status, message.value) == outcome(*wanted), number
    assert await pushing.district.table_counts() == await over_http.table_counts()


def made_up(picked: Random) -> tuple[bytes, str, bool]:
    """A body, its content type, and whether it lists again."""
    lines = [
        picked.choice(
            [
                canonical(listing(picked.randrange(8), duty=picked.choice("甲乙"))),
                canonical({"caseCode": listing(picked.randrange(8))["caseCode"], "iname": listing()["iname"],
                           "status": "withdrawn", "status_reason": "performed"}),
                b'{"iname": "' + b"x" * picked.randrange(4) + b'"}',
                b"{{{",
                b"",
                b"\xff\xfe",
            ]
        )
        for _ in range(picked.randrange(6))
    ]  # fmt: skip
    array = picked.random() < 0.3
    body = b"[" + b",".join(lines) + b"]" if array else b"\n".join(lines)
    kind = picked.choice(["application/json" if array else NDJSON] * 9 + ["text/plain"])
    return body, kind, picked.random() < 0.2


async def pushed_over_http(district: District, body: bytes, kind: str, key: str, *, relist: bool) -> tuple[int, bytes]:
    target = BATCHES + ("&relist=true" if relist else "")
    headers = {"content-type": kind, "idempotency-key": key}
    response = await district.send(district.signed(COURT, "POST", target, body, headers))
    return response.status_code, response.content


def outcome(status: int, document: bytes) -> dict[str, Any]:
    """What was answered, without what is another's at each time: salts, ids, moments."""
    found = orjson.loads(document)
    if status != 201:
        return {**found, "error_id": ""}
    batches = [(one["first_position"], one["count"], one["leaf"]) for one in found["batches"]]
    refused = [(one["line"], one["code"], one["reason"]) for one in found["quarantine"]]
    return {"status": status, "counts": found["counts"], "batches": batches, "quarantine": refused}


@pytest.mark.parametrize("packing", ["gzip", "snappy", "lz4", "zstd"])
async def test_the_broker_unpacks_and_its_limit_holds_for_what_was_packed(pushing: Pushing, packing: str) -> None:
    """Any client may pack what it sends, and a few kilobytes can hold gigabytes."""
    good, bomb = pushing.written(body_of(1), "key-00001"), Message(b" " * 8_000_000, [])
    options = {"bootstrap.servers": pushing.broker.bootstrap, "compression.type": packing, "message.max.bytes": 10**8}
    said = await asyncio.to_thread(packed, options, bomb, good)
    assert said == ["MSG_SIZE_TOO_LARGE", "written"]
    async with pushing.reading():
        (reply,) = await pushing.replies(1)
    assert reply["status"] == 201


def packed(options: dict[str, str | int], *pushes: Message) -> list[str]:
    """What the broker says to each."""
    said: list[str] = []
    producer = Producer(options)
    for push in pushes:
        producer.produce(
            PUSHED,
            push.value,
            partition=0,
            headers=push.headers,
            on_delivery=lambda error, _: said.append("written" if error is None else error.name()),
        )
        producer.flush(20)
    return said
