"""Receipts that are not the sender's, not for what was shown, or not readable: none of them is taken (D12)."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from gateway.demo.cast import COURT
from gateway.trust.keys import SigningKey
from gateway.trust.merkle import root
from schemas.canonical import b64u, canonical
from tests.integration.district import (
    FEED,
    FROM_MARKET,
    MARKET,
    NDJSON,
    RECEIPTS,
    TO_MARKET,
    TRADING,
    District,
    Event,
    sample_records,
)
from tests.integration.refusals import BODY, JSON, PERSONAL, refused


@pytest.fixture
async def shown(district: District) -> Event:
    """The first listing that market regulation was shown."""
    await district.client(COURT).push(FEED, BODY, NDJSON, "push-0001")
    events, _ = await district.pull(MARKET, TO_MARKET)
    return next(event for event in events if event["kind"] == "upsert")


async def hand_in(
    district: District, code: str, *tokens: str, party: str = MARKET, status: int = 422
) -> dict[str, Any]:
    body = canonical(list(tokens))
    return await refused(district, district.signed(party, "POST", RECEIPTS, body, JSON), status, code)


async def test_d12_a_receipt_for_anothers_contract(district: District, shown: Event) -> None:
    payload = await district.receipt_payload(shown)
    theirs = {"contract": "debtors-to-credit-platform", "key": "debtors-to-credit-platform/bulk/1/7"}
    known = await hand_in(district, "receipt-not-yours", district.sign(payload | theirs))
    nowhere = {"contract": "no-such-contract", "key": "no-such-contract/bulk/1/7"}
    unknown = await hand_in(district, "receipt-not-yours", district.sign(payload | nowhere))
    assert known["detail"] == unknown["detail"], "P1: unknown and forbidden answer alike"


async def test_d12_a_receipt_signed_by_another(district: District, shown: Event) -> None:
    payload = await district.receipt_payload(shown)
    good = district.sign(payload)
    await hand_in(district, "receipt-not-yours", good, party=TRADING)
    forged = district.sign(payload, by=district.cast.keys[TRADING])
    await hand_in(district, "receipt-unreadable", forged, status=400)
    stranger = SigningKey.generate(MARKET, district.clock.now())
    await hand_in(district, "receipt-unreadable", district.sign(payload, by=stranger), status=400)


async def test_d12_a_receipt_by_a_retired_key(district: District, shown: Event) -> None:
    token = await district.receipt(shown)
    old = district.cast.keys[MARKET].public()
    fresh = SigningKey.generate(MARKET, district.clock.now())
    await district.running.registry.enter_key(fresh.public())
    district.clock.advance(timedelta(hours=1))
    retired = replace(old, validity=replace(old.validity, retired_at=district.clock.now()))
    await district.running.registry.enter_key(retired)
    request = district.signed(MARKET, "POST", RECEIPTS, canonical([token]), JSON, key=fresh)
    await refused(district, request, 400, "receipt-unreadable")


async def test_d12_a_receipt_for_a_number_that_was_not_sent(district: District, shown: Event) -> None:
    for number in (4, 500, 2**53 - 1):
        payload = with_event(await district.receipt_payload(shown), number=number)
        await hand_in(district, "receipt-unsent", district.sign(payload))


async def test_d12_a_receipt_for_what_was_routed_and_not_read(district: District) -> None:
    """The number is there, and nobody was shown it."""
    await district.client(COURT).push(FEED, BODY, NDJSON, "push-0001")
    page = await district.client(MARKET).events(TO_MARKET, limit=2)
    event = page.events[1]
    payload = with_event(await district.receipt_payload(event), number=2)
    await hand_in(district, "receipt-unsent", district.sign(payload))


def with_event(payload: dict[str, Any], **changed: Any) -> dict[str, Any]:
    event = payload["event"] | changed
    key = f"{payload['contract']}/{event['lane']}/{event['number']}/{payload['row']}"
    return payload | {"event": event, "key": key}


async def test_d12_a_receipt_for_other_content(district: District, shown: Event) -> None:
    payload = await district.receipt_payload(shown)
    other = with_event(payload, leaf=b64u(bytes(32)))
    await hand_in(district, "receipt-mismatch", district.sign(other))
    await hand_in(district, "receipt-mismatch", district.sign(with_event(payload, cause=shown["cause"] + 1)))
    await hand_in(district, "receipt-mismatch", district.sign(payload | {"record_id": "a" * 52}))


async def test_d12_a_range_that_was_not_sent_or_holds_something_else(district: District, shown: Event) -> None:
    events, _ = await district.pull(MARKET, TO_MARKET)
    bulk = [event for event in events if event["lane"] == "bulk"]
    longer = [*bulk, bulk[-1] | {"number": 4}]
    token = await district.received(bulk)
    await hand_in(district, "receipt-unsent", await received_to(district, longer, 4))
    await hand_in(district, "receipt-mismatch", await received_to(district, bulk[:2], 3))
    await hand_in(district, "receipt-mismatch", await received_to(district, list(reversed(bulk)), 3, first=1))
    assert (await district.client(MARKET).send_receipts([token])).counts["listed"] == 1


async def received_to(district: District, events: list[Event], last: int, first: int | None = None) -> str:
    """A receipt for a range up to `last` with the digest of these events."""
    leaves = [await district.leaf(event) if event["number"] < 4 else bytes(32) for event in events]
    first = first or events[0]["number"]
    payload = await district.receipt_payload(events[0], "received")
    span = {"lane": "bulk", "first": first, "last": last, "digest": b64u(root(leaves))}
    key = f"{TO_MARKET}/bulk/{first}-{last}"
    return district.sign(payload | {"event": None, "range": span, "key": key, "row": None, "record_id": None})


async def test_d12_receipts_are_not_receipted(district: District, shown: Event) -> None:
    await district.client(MARKET).send_receipts([await district.receipt(shown)])
    events, _ = await district.pull(COURT, FROM_MARKET)
    answer = next(event for event in events if event["kind"] == "upsert")
    token = await district.receipt(answer, measure=None)
    await hand_in(district, "receipt-of-receipt", token, party=COURT)


async def test_d12_one_bad_receipt_and_none_is_taken(district: District, shown: Event) -> None:
    good = await district.receipt(shown)
    bad = district.sign(with_event(await district.receipt_payload(shown), number=4))
    await hand_in(district, "receipt-unsent", good, bad)
    assert (await district.client(MARKET).send_receipts([good])).counts["listed"] == 1


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"[1]", b'["x"]', b'["a.b.c"]', b"[" * 5000])
async def test_receipts_that_cannot_be_read(district: District, body: bytes) -> None:
    await refused(district, district.signed(MARKET, "POST", RECEIPTS, body, JSON), 400, "receipt-unreadable")


async def test_p1_a_receipt_that_names_people_where_it_may_not(district: District, shown: Event) -> None:
    payload = await district.receipt_payload(shown)
    for changed in (
        {PERSONAL[0]: 1},
        {"kind": PERSONAL[0]},
        {"event": {PERSONAL[0]: PERSONAL[1]}},
        {"at": PERSONAL[0]},
    ):
        await hand_in(district, "receipt-unreadable", district.sign(payload | changed), status=400)


async def test_d12_feedback_is_one_of_its_words_on_a_record_that_was_shown(district: District, shown: Event) -> None:
    """Codes from closed lists, an opaque number, and nothing else; of no other record, and of no news."""
    bound = await district.receipt_payload(shown)
    said = {
        **bound, "kind": "disputed", "reason": "content-inaccurate", "reference": "D-1", "key": "D-1", "measure": None,
        "row": None,
    }  # fmt: skip
    for changed in (
        {"reason": None},
        {"reason": "identity-missing"},
        {"reason": PERSONAL[0]},
        {"kind": "accepted"},
        {"reference": None, "key": bound["key"]},
        {"key": "D-2"},
        {"reference": PERSONAL[0], "key": PERSONAL[0]},
        {"reference": PERSONAL[1], "key": PERSONAL[1]},
        {"measure": "market-entry-restriction"},
        {"row": "7"},
        {"record_id": None},
        {"event": None},
    ):
        await hand_in(district, "receipt-unreadable", district.sign(said | changed), status=400)
    await hand_in(district, "receipt-mismatch", district.sign(said | {"record_id": "a" * 52}))
    await hand_in(district, "receipt-unsent", district.sign(said | {"event": said["event"] | {"number": 4}}))
    events, page = await district.pull(MARKET, TO_MARKET)
    news = next(event for event in events if event["kind"] == "contract")
    told = (await district.receipt_payload(news))["event"]
    await hand_in(district, "receipt-mismatch", district.sign(said | {"event": told}))
    assert (await district.client(MARKET).send_receipts([district.sign(said)])).counts["listed"] == 1
    again = said | {"reason": "to-be-deleted"}
    assert (await district.client(MARKET).send_receipts([district.sign(again)])).counts["listed"] == 0
    seen, _ = await district.pull(COURT, FROM_MARKET)
    stands = [(one["record"]["kind"], one["record"]["reason"]) for one in seen if one["kind"] == "upsert"]
    assert stands == [("disputed", "content-inaccurate")], "the first of a key stands"
    assert (await district.withdraw(sample_records()[0]))["withdrawn"] == 1
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    (gone,) = events
    late = said | {"reference": "D-2", "key": "D-2", "event": (await district.receipt_payload(gone))["event"]}
    await hand_in(district, "receipt-mismatch", district.sign(late))
