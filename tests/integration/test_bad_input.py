"""Bad input over HTTP: a problem document with a stable code, nothing half-done, nothing personal in answer or log.

What is refused must leave every table as it was; `refused` checks that, the document, and the log, for each case.
Receipts stand in `test_bad_receipts.py`.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from gateway.clock import ManualClock
from gateway.demo.cast import COURT
from gateway.trust.keys import SigningKey
from schemas.canonical import b64u
from tests.integration.district import (
    BATCHES,
    FEED,
    MARKET,
    NDJSON,
    RECEIPTS,
    SAMPLES,
    TO_MARKET,
    District,
    sample_records,
)
from tests.integration.refusals import BODY, HEADERS, JSON, refused, says_nothing_personal

EVENTS = f"/v1/contracts/{TO_MARKET}/events"


def push(district: District, **headers: str) -> httpx.Request:
    return district.signed(COURT, "POST", BATCHES, BODY, HEADERS | {n.replace("_", "-"): v for n, v in headers.items()})


def pull(district: District, query: str = "", party: str = MARKET, contract: str = TO_MARKET) -> httpx.Request:
    return district.signed(party, "GET", f"/v1/contracts/{contract}/events" + (f"?{query}" if query else ""))


# --- Bodies ---


async def test_a_body_past_the_limit(district: District) -> None:
    body = BODY * (district.running.settings.max_body_bytes // len(BODY) + 1)
    await refused(district, district.signed(COURT, "POST", BATCHES, body, HEADERS), 413, "body-too-large")


async def test_a_body_past_the_limit_that_does_not_say_its_length(district: District) -> None:
    body = BODY * (district.running.settings.max_body_bytes // len(BODY) + 1)
    sent = 0

    async def chunks() -> AsyncIterator[bytes]:
        nonlocal sent
        for start in range(0, 10 * len(body), 4096):
            sent += 1
            yield body[start % len(body) :][:4096]

    signed = district.signed(COURT, "POST", BATCHES, body, HEADERS)
    headers = {name: value for name, value in signed.headers.items() if name != "content-length"}
    request = httpx.Request("POST", signed.url, headers=headers, content=chunks())
    await refused(district, request, 413, "body-too-large")
    assert sent < 2 + len(body) / 4096, "it is not read to its end"


@pytest.mark.parametrize("kind", ["text/html", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x"])
async def test_a_content_type_that_is_not_read(district: District, kind: str) -> None:
    await refused(district, push(district, content_type=kind), 415, "content-type")
    withdraw = district.signed(COURT, "POST", f"/v1/feeds/{FEED}/withdrawals", b"{}", HEADERS | {"content-type": kind})
    await refused(district, withdraw, 415, "content-type")
    await refused(
        district, district.signed(MARKET, "POST", RECEIPTS, b"[]", {"content-type": kind}), 415, "content-type"
    )


async def test_no_content_type_at_all(district: District) -> None:
    request = district.signed(COURT, "POST", BATCHES, BODY, {"idempotency-key": "push-0001"})
    await refused(district, request, 415, "content-type")


@pytest.mark.parametrize("target", [BATCHES, f"/v1/feeds/{FEED}/withdrawals", RECEIPTS])
async def test_a_compressed_body_is_not_unpacked(district: District, target: str) -> None:
    """A few kilobytes of gzip can hold gigabytes."""
    bomb = gzip.compress(b" " * 30_000_000)
    headers = JSON | {"idempotency-key": "push-0001", "content-encoding": "gzip"}
    party = MARKET if target == RECEIPTS else COURT
    await refused(district, district.signed(party, "POST", target, bomb, headers), 415, "content-encoding")


async def test_truncated_ndjson_keeps_the_whole_lines_and_quarantines_the_cut_one(district: District) -> None:
    cut = BODY[: BODY.rindex(b"caseCode") + 20]
    answer = await district.send(district.signed(COURT, "POST", BATCHES, cut, HEADERS))
    assert answer.status_code == 201
    assert answer.json()["counts"] | {"listed": 0} == {
        "listed": 0, "amended": 0, "unchanged": 0, "withdrawn": 0, "quarantined": 1, "unmatched": 0,
    }  # fmt: skip
    assert answer.json()["counts"]["listed"] == 2
    (line,) = answer.json()["quarantine"]
    assert (line["line"], line["code"]) == (3, "unparseable")
    assert says_nothing_personal(answer.text + district.log.getvalue())


async def test_lines_that_are_no_records_are_quarantined_and_say_nothing(district: District) -> None:
    """Personal values as keys, as whole lines, in wrong places: no reason repeats them."""
    one = sample_records()[0]
    bad: list[object] = [
        {one["iname"]: one["cardNum"]},
        one["iname"],
        one | {"age": {one["iname"]: 1}},
        one | {one["duty"]: one["iname"]},
        one | {"iname": [one["iname"]]},
        {"feed": FEED, "subject": {one["iname"]: one["cardNum"]}},
        {"status": "withdrawn", "name": one["iname"]},
    ]
    body = b"\n".join(json.dumps(line, ensure_ascii=False).encode() for line in bad)
    answer = await district.send(district.signed(COURT, "POST", BATCHES, body, HEADERS))
    assert answer.status_code == 201
    assert answer.json()["counts"]["quarantined"] == len(bad)
    assert says_nothing_personal(answer.text + district.log.getvalue())


@pytest.mark.parametrize("body", [b"", b"[]", b"[1]", b"null", b'{"a"', "名单".encode(), b"[" * 5000])
async def test_withdrawals_that_cannot_be_read(district: District, body: bytes) -> None:
    headers = JSON | {"idempotency-key": "withdraw-01"}
    request = district.signed(COURT, "POST", f"/v1/feeds/{FEED}/withdrawals", body, headers)
    await refused(district, request, 400, "body-unreadable")


# --- What is not there, and what is not yours (P1) ---


async def alike(district: District, requests: list[httpx.Request], status: int, code: str) -> None:
    """Rule P1: byte for byte the same but for the error id, in the headers too."""
    before = await district.table_counts()
    answers = [await district.send(request) for request in requests]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(status, code)}
    assert len({answer.text.replace(answer.json()["error_id"], "") for answer in answers}) == 1
    assert len({str({**answer.headers, "request-id": ""}) for answer in answers}) == 1
    assert await district.table_counts() == before


@pytest.mark.parametrize("call", ["batches", "withdrawals"])
async def test_p1_an_unknown_feed_answers_as_a_forbidden_one(district: District, call: str) -> None:
    headers = JSON | {"idempotency-key": "push-0001"}
    requests = [
        district.signed(MARKET, "POST", f"/v1/feeds/{feed}/{call}", BODY, headers)
        for feed in ("no-such-feed", FEED, "receipt")
    ]
    await alike(district, requests, 404, "unknown-feed")


@pytest.mark.parametrize("call", ["", "/events", "/events?wait=1"])
async def test_p1_an_unknown_contract_answers_as_a_forbidden_one(district: District, call: str) -> None:
    requests = [
        district.signed(MARKET, "GET", f"/v1/contracts/{contract}{call}")
        for contract in ("no-such-contract", "debtors-to-credit-platform")
    ]
    await alike(district, requests, 404, "unknown-contract")


async def test_p1_the_provider_of_a_contract_does_not_pull_its_events(district: District) -> None:
    await refused(district, pull(district, party=COURT), 404, "unknown-contract")


# --- Signatures (P2) ---


async def test_p2_a_request_without_a_signature(district: District) -> None:
    request = httpx.Request("POST", f"http://gateway.test{BATCHES}", headers=HEADERS, content=BODY)
    await refused(district, request, 401, "signature-missing")
    await refused(district, httpx.Request("GET", f"http://gateway.test{EVENTS}"), 401, "signature-missing")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("signature", f"fuyuan=:{'A' * 86}==:"),
        ("signature", "名单"),
        ("signature-input", "fuyuan=()"),
        ("idempotency-key", "push-0002"),
        ("content-type", "application/json"),
    ],
)
async def test_p2_a_signature_that_does_not_fit(district: District, name: str, value: str) -> None:
    request = push(district)
    request.headers[name] = value
    await refused(district, request, 401, "signature-invalid")


async def test_p2_a_signed_request_sent_to_another_place(district: District) -> None:
    request = push(district)
    for target in (BATCHES.replace("delta", "full"), BATCHES + "&relist=true", f"/v1/feeds/{FEED}/withdrawals"):
        moved = httpx.Request("POST", f"http://gateway.test{target}", headers=request.headers, content=BODY)
        await refused(district, moved, 401, "signature-invalid")


@pytest.mark.parametrize(("seconds", "side"), [(301, "301 s ahead of"), (-301, "301 s behind")])
async def test_p2_clock_skew_is_told_with_its_size(district: District, seconds: int, side: str) -> None:
    clock = ManualClock(district.clock.now() + timedelta(seconds=seconds))
    request = district.signed(COURT, "POST", BATCHES, BODY, HEADERS, clock=clock)
    document = await refused(district, request, 401, "signature-stale")
    assert f"{side} the gateway's clock" in document["detail"]


async def test_p2_a_replayed_request(district: District) -> None:
    request = pull(district)
    assert (await district.send(request)).status_code == 200
    await refused(district, request, 401, "signature-replayed")
    district.clock.advance(timedelta(seconds=301))
    await refused(district, request, 401, "signature-stale")


async def test_p2_a_body_that_was_not_signed(district: District) -> None:
    request = push(district)
    changed = httpx.Request("POST", request.url, headers=request.headers, content=BODY.replace(b"53300", b"63300"))
    await refused(district, changed, 400, "digest-mismatch")


async def test_p2_a_request_for_another_gateway(district: District) -> None:
    request = district.signed(COURT, "POST", BATCHES, BODY, HEADERS, audience="another-gateway")
    await refused(district, request, 401, "audience-wrong")


@dataclass(frozen=True)
class Borrowed:
    """One party's key that says it is another's."""

    key: SigningKey
    kid: str
    party: str
    alg: str = "Ed25519"

    def sign(self, data: bytes) -> bytes:
        return self.key.sign(data)


async def test_p2_a_key_of_another_party_speaks_for_that_party_alone(district: District) -> None:
    """An agency's good signature does not push the court's list, whatever the request says."""
    request = district.signed(COURT, "POST", BATCHES, BODY, HEADERS, key=district.cast.keys[MARKET])
    await refused(district, request, 404, "unknown-feed")
    pretended = Borrowed(district.cast.keys[MARKET], district.cast.keys[COURT].kid, COURT)
    await refused(
        district, district.signed(COURT, "POST", BATCHES, BODY, HEADERS, key=pretended), 401, "signature-invalid"
    )


async def test_p2_a_key_that_nobody_admitted(district: District) -> None:
    stranger = SigningKey.generate(COURT, district.clock.now())
    await refused(district, district.signed(COURT, "POST", BATCHES, BODY, HEADERS, key=stranger), 401, "key-unknown")


@pytest.mark.parametrize("end", ["retired_at", "revoked_at", "compromised_since"])
async def test_p2_a_key_that_has_ended(district: District, end: str) -> None:
    old = district.cast.keys[COURT].public()
    validity = replace(old.validity, **{end: district.clock.now()})
    await district.running.registry.enter_key(replace(old, validity=validity))
    await refused(district, push(district), 401, "key-retired")


async def test_p2_a_path_that_is_not_ascii(district: District) -> None:
    """Straight to the application: the client here, like most, would have escaped it."""
    sent: list[dict[str, Any]] = []
    signed = pull(district)
    scope = {
        "type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "root_path": "",
        "path": "/v1/contracts/名/events", "raw_path": "/v1/contracts/名/events".encode(), "query_string": b"\xff",
        "headers": [(name, value) for name, value in signed.headers.raw],
        "server": ("gateway.test", 80), "client": ("127.0.0.1", 1),
    }  # fmt: skip

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        sent.append(message)

    await district.transport.app(scope, receive, send)
    assert sent[0]["status"] == 401
    assert json.loads(sent[1]["body"])["code"] == "signature-invalid"


# --- Idempotency keys ---


@pytest.mark.parametrize("key", [None, "short", "k" * 101, "with blank"])
async def test_an_idempotency_key_that_is_missing_or_none(district: District, key: str | None) -> None:
    headers = {"content-type": NDJSON} | ({"idempotency-key": key} if key else {})
    document = await refused(district, district.signed(COURT, "POST", BATCHES, BODY, headers), 400, "request-invalid")
    assert document["detail"] == "Missing or wrong: header Idempotency-Key."


async def test_j3_an_idempotency_key_used_for_another_body(district: District) -> None:
    assert (await district.send(push(district))).status_code == 201
    other = (SAMPLES / "shixin_baidu.jsonl").read_bytes()
    await refused(district, district.signed(COURT, "POST", BATCHES, other, HEADERS), 409, "idempotency-key-reused")
    relisted = district.signed(COURT, "POST", BATCHES + "&relist=true", BODY, HEADERS)
    await refused(district, relisted, 409, "idempotency-key-reused")


# --- Pulling ---


@pytest.mark.parametrize(
    "query",
    ["limit=0", "limit=501", "limit=-1", "limit=many", "wait=-1", "wait=61", "wait=nan", "wait=inf", "wait=x"],
)
async def test_numbers_out_of_range(district: District, query: str) -> None:
    document = await refused(district, pull(district, query), 400, "request-invalid")
    assert document["detail"] == f"Missing or wrong: query {query.partition('=')[0]}."


@pytest.mark.parametrize(
    "cursor", ["x", "%00", b64u(b"1"), b64u(b"1.2.3"), b64u(b"-1.0"), b64u(b"01.0"), b64u(b"0.9007199254740992")]
)
async def test_a_cursor_that_is_none_of_ours(district: District, cursor: str) -> None:
    await refused(district, pull(district, f"after={cursor}"), 400, "cursor-unreadable")


async def test_a_cursor_that_is_too_long(district: District) -> None:
    await refused(district, pull(district, f"after={'A' * 65}"), 400, "request-invalid")


@pytest.mark.parametrize("cursor", [b"0.1", b"0.9007199254740991", b"2.0"])
async def test_a_cursor_ahead_of_the_lane(district: District, cursor: bytes) -> None:
    """Refused at once, and before anything of the other lane counts as shown."""
    await district.client(MARKET).events(TO_MARKET)
    async with asyncio.timeout(5):
        await refused(district, pull(district, f"wait=30&after={b64u(cursor)}"), 400, "cursor-ahead")


# --- Withdrawals and stale lists (J4, J5) ---


async def test_j5_a_withdrawal_that_matches_nothing_is_an_alarm(district: District) -> None:
    before = await district.table_counts()
    debtor = sample_records()[0]
    assert (await district.withdraw(debtor)) == {
        "listed": 0, "amended": 0, "unchanged": 0, "withdrawn": 0, "quarantined": 0, "unmatched": 1,
    }  # fmt: skip
    alarms = [line for line in district.logged() if line["event"] == "alarm"]
    assert [(line["code"], line["level"], line["count"]) for line in alarms] == [
        ("withdrawal-without-record", "error", 1)
    ]
    after = await district.table_counts()
    assert after["journal_leaf"] == before["journal_leaf"] + 1, "the alarm stands in the journal"
    assert after["entry"] == before["entry"]
    assert says_nothing_personal(district.log.getvalue())


async def test_j4_yesterdays_list_after_a_withdrawal_lists_nobody_again(district: District) -> None:
    records = sample_records()
    await district.push(*records)
    await district.withdraw(records[0])
    _, page = await district.pull(MARKET, TO_MARKET)
    request = district.signed(COURT, "POST", BATCHES, BODY, HEADERS)
    answer = (await district.send(request)).json()
    assert (answer["counts"]["unchanged"], answer["counts"]["quarantined"]) == (2, 1)
    assert [line["code"] for line in answer["quarantine"]] == ["stale-listing"]
    assert says_nothing_personal(json.dumps(answer, ensure_ascii=False) + district.log.getvalue())
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert events == []
    assert (await district.push(records[0], relist=True))["listed"] == 1
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert [event["kind"] for event in events] == ["upsert"]
