"""What a hostile or careless party could try where several parts of the gateway meet."""

import hashlib
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from gateway.agent.run import run_agent
from gateway.client import GatewayProblem
from gateway.clock import ManualClock
from gateway.demo.cast import COURT
from gateway.errors import Conflict, Refused
from gateway.journal.tables import journal_leaf
from gateway.settings import Settings
from gateway.trust import jws
from gateway.trust.keyring import load_keyring
from gateway.trust.seal import submission_commitment
from gateway.wiring import open_gateway
from schemas.canonical import b64u, canonical
from tests.integration.district import (
    BATCHES,
    FROM_MARKET,
    MARKET,
    NDJSON,
    TO_MARKET,
    District,
    Event,
    sample_records,
)

DEBTORS = sample_records()


async def receipts_of_market(district: District) -> list[dict[str, Any]]:
    events, _ = await district.pull(COURT, FROM_MARKET)
    return [event["record"] for event in events if event["kind"] == "upsert"]


async def shown_event(district: District) -> Event:
    await district.push(DEBTORS[0])
    events, _ = await district.pull(MARKET, TO_MARKET)
    return next(event for event in events if event["kind"] == "upsert")


# A clerk enters yesterday's file of keys again; a stolen key is in nobody's hands any more.


@pytest.mark.parametrize("end", ["retired_at", "revoked_at", "compromised_since"])
async def test_s7_a_key_that_ended_stays_ended(district: District, end: str) -> None:
    registry, now = district.running.registry, district.clock.now()
    key = district.cast.keys[MARKET].public()
    ended = replace(key, validity=replace(key.validity, **{end: now}))
    await registry.enter_key(ended)
    for again in (key, replace(key, validity=replace(key.validity, **{end: now + timedelta(days=1)}))):
        with pytest.raises(Conflict, match="key-ended"):
            await registry.admit({"id": MARKET}, [again])
    with pytest.raises(GatewayProblem, match="key-retired"):
        await district.client(MARKET).events(TO_MARKET)
    earlier = replace(key, validity=replace(ended.validity, compromised_since=now - timedelta(hours=1)))
    await registry.enter_key(earlier)  # how long it was lost may turn out later


async def test_s7_a_key_is_not_made_older(district: District) -> None:
    key = district.cast.keys[MARKET].public()
    older = replace(key, validity=replace(key.validity, valid_from=key.validity.valid_from - timedelta(days=1)))
    with pytest.raises(Conflict, match="key-ended"):
        await district.running.registry.enter_key(older)


# An agency signs one thing today and another tomorrow.


async def test_d12_the_first_receipt_of_a_kind_stands(district: District) -> None:
    event = await shown_event(district)
    first = await district.receipt(event, "blocked", reason="first")
    second = await district.receipt(event, "blocked", reason="second")
    client = district.client(MARKET)
    assert (await client.send_receipts([first])).counts["listed"] == 1
    counts = (await client.send_receipts([second])).counts
    assert (counts["unchanged"], counts["amended"]) == (1, 0)
    assert [one["jws"] for one in await receipts_of_market(district)] == [first]


async def test_d12_two_receipts_of_a_kind_at_once(district: District) -> None:
    event = await shown_event(district)
    tokens = [await district.receipt(event, "blocked", reason=reason) for reason in ("first", "second")]
    counts = (await district.client(MARKET).send_receipts(tokens)).counts
    assert (counts["listed"], counts["unchanged"], counts["quarantined"]) == (1, 1, 0)
    assert [one["jws"] for one in await receipts_of_market(district)] == tokens[:1]


async def test_d12_a_screening_is_about_a_record_of_the_contract(district: District) -> None:
    """No agency can tell the court that it blocked for a record that was never on the contract's list."""
    event = await shown_event(district)
    payload = await district.receipt_payload(event) | {
        "event": None, "row": None, "reference": "A-1", "key": "A-1",
    }  # fmt: skip
    for strange in ("a" * 52, None):
        with pytest.raises(GatewayProblem, match="receipt-mismatch"):
            await district.client(MARKET).send_receipts([district.sign(payload | {"record_id": strange})])
    assert (await district.client(MARKET).send_receipts([district.sign(payload)])).counts["listed"] == 1


# A contract whose period is over.


async def test_d10_nothing_is_shown_behind_the_contracts_period(district: District) -> None:
    event = await shown_event(district)
    district.clock.at = district.clock.at.replace(year=district.cast.contracts[TO_MARKET].terms.valid_until.year + 1)
    await district.push(DEBTORS[1])
    events, page = await district.pull(MARKET, TO_MARKET)
    assert [one["kind"] for one in events if one["kind"] == "upsert"] == []
    assert (await district.heartbeat(page.heads)).state == "ended"
    await district.withdraw(DEBTORS[0])
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert [(one["kind"], one["record"]["record_id"]) for one in events] == [
        ("withdrawn", event["record"]["record_id"])
    ], "D7: what was shown is taken back all the same"


# A thief of the machine's files.


def test_p1_the_database_is_its_owners_alone(district: District) -> None:
    kept = [district.running.settings.data_dir]
    url = district.running.engine.url
    if url.get_backend_name() == "sqlite":
        kept.append(Path(str(url.database)).parent)
    found = [path for folder in kept for path in folder.rglob("*") if path.is_file()]
    assert any(path.name.startswith("journal.sqlite") for path in found) == (len(kept) > 1)
    assert [path.name for path in found if path.stat().st_mode & 0o077] == []


# A stranger who sends much.


async def test_p2_a_strangers_body_is_never_read(district: District) -> None:
    asked = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal asked
        for _ in range(10):
            asked += 1
            yield b"x" * 1024

    async with httpx.AsyncClient(transport=district.transport, trust_env=False) as http:
        good = district.signed(COURT, "POST", BATCHES, b"{}", {"content-type": NDJSON, "idempotency-key": "k" * 8})
        headers = dict(good.headers) | {"signature": "fuyuan=:" + "A" * 86 + "==:"}
        del headers["content-length"]
        answer = await http.post(str(good.url), headers=headers, content=endless())
    assert (answer.status_code, asked) == (401, 0)


# Yesterday's list, with a word changed, behind a correction of the date.


async def test_j4_a_listing_older_than_any_version_that_was_withdrawn_is_stale(district: District) -> None:
    old = DEBTORS[0] | {"publishDate": "2026年03月01日"}
    await district.push(old)
    await district.push(old | {"publishDate": "2025年03月01日"})
    await district.withdraw(old)
    counts = await district.push(old | {"duty": "another word"})
    assert (counts["listed"], counts["quarantined"]) == (0, 1)


# An auditor who opens what a provider once submitted.


async def test_s5_a_withdrawals_commitment_opens_with_the_body_that_was_signed(district: District) -> None:
    await district.push(DEBTORS[0])
    body = canonical({"case_number": DEBTORS[0]["caseCode"], "name": DEBTORS[0]["iname"]})
    headers = {"content-type": "application/json", "idempotency-key": "withdraw-1"}
    request = district.signed(COURT, "POST", "/v1/feeds/dishonest-debtor/withdrawals", body, headers)
    [batch] = (await district.send(request)).json()["batches"]
    header, _ = jws.verify(batch["header"], jws.BATCH, await district.keys())
    async with district.running.engine.connect() as connection:
        opening = select(journal_leaf.c.opening).where(journal_leaf.c.idx == batch["leaf"])
        wrapped = (await connection.execute(opening)).scalar_one()
    settings = district.running.settings
    salt = load_keyring(settings.key_dir, settings.party, district.clock).vault.unwrap(wrapped)
    signature = request.headers["signature"].encode()
    opened = submission_commitment(salt, hashlib.sha256(body).digest(), hashlib.sha256(signature).digest())
    assert header["submission"] == b64u(opened)


# A clerk who lets the whole network ask.


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.8"])  # noqa: S104 - what is refused
def test_the_agent_listens_to_others_only_with_a_token(host: str) -> None:
    with pytest.raises(Refused, match="agent-exposed"):
        run_agent(Settings(agent_host=host))


# Somebody sends again what went by, to the one of two gateways whose clock is behind.


async def test_p2_a_gateway_whose_clock_is_ahead_forgets_nothing_that_another_would_take_again(
    district: District,
) -> None:
    now = district.clock.now()
    sender = replace(district, clock=ManualClock(now + timedelta(minutes=4)))
    request = sender.signed(MARKET, "GET", f"/v1/contracts/{TO_MARKET}/events")
    assert (await district.send(request)).status_code == 200
    ahead = ManualClock(now + timedelta(minutes=8))  # it too takes what that sender signs
    other = await open_gateway(district.running.settings, ahead)
    try:
        ahead.advance(timedelta(minutes=5))
        district.clock.advance(timedelta(minutes=5))
        assert await other.nonces.remember("k" * 43, "another", ahead.now())
    finally:
        await other.stop()
    again = await district.send(request)
    assert (again.status_code, again.json()["code"]) == (401, "signature-replayed")
