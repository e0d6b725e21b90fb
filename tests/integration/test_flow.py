"""The straight flow over HTTP: a list goes in, agencies read and answer it, a debtor is released, the court sees it."""

import hashlib
from collections import Counter
from typing import Any

import pytest

from gateway.content import CSV, XLSX
from gateway.demo.cast import AGENCIES, COURT
from gateway.trust.merkle import leaf_hash, verify_consistency, verify_inclusion
from gateway.trust.verify import verify_line
from schemas.canonical import b64u, canonical, unb64u
from tests.integration.district import (
    FEED,
    FROM_MARKET,
    MARKET,
    NDJSON,
    SAMPLES,
    TO_MARKET,
    District,
    Event,
    sample_records,
)
from tests.unit.adapters.feeds.tables import as_csv, as_xlsx, table_of

FILES = {"shixin_zxgk.jsonl": 3, "shixin_baidu.jsonl": 9, "shixin_baidu_raw.jsonl.txt": 1}
RECORDS = sum(FILES.values())


async def push_samples(district: District) -> Counter[str]:
    totals: Counter[str] = Counter()
    for name in FILES:
        body = (SAMPLES / name).read_bytes()
        totals.update((await district.client(COURT).push(FEED, body, NDJSON, f"push-{name}")).counts)
    return totals


def of_lane(events: list[Event], lane: str) -> list[Event]:
    return [event for event in events if event["lane"] == lane]


async def test_every_sample_record_is_accounted_for(district: District) -> None:
    totals = await push_samples(district)
    assert totals["listed"] + totals["quarantined"] == totals.total() == RECORDS
    again = await push_samples(district)
    assert again == totals, "J3: the same key and body, the same answer"
    unchanged = await district.client(COURT).push(
        FEED, (SAMPLES / "shixin_zxgk.jsonl").read_bytes(), NDJSON, "again-01"
    )
    assert (unchanged.counts["unchanged"], unchanged.batches) == (3, [])


@pytest.mark.parametrize("kind", [CSV, XLSX])
async def test_a_table_of_the_same_list_changes_nothing(kind: str, district: District) -> None:
    client, body = district.client(COURT), (SAMPLES / "shixin_zxgk.jsonl").read_bytes()
    assert (await client.push(FEED, body, NDJSON, "as-a-list")).counts["listed"] == 3
    table = table_of(sample_records())
    again = await client.push(FEED, as_xlsx(table) if kind == XLSX else as_csv(table, "gb18030"), kind, "as-a-table")
    assert (again.counts["unchanged"], again.batches, again.quarantine) == (3, [], [])


async def test_d1_each_agency_reads_what_its_contract_shows(district: District) -> None:
    listed = (await push_samples(district))["listed"]
    record_ids = []
    for agency in AGENCIES:
        terms = district.cast.contract_to(agency)
        events, page = await district.pull(agency, terms.id, limit=4)  # small pages, every event verified
        bulk = of_lane(events, "bulk")
        assert [event["number"] for event in bulk] == list(range(1, len(bulk) + 1))
        assert [event["kind"] for event in of_lane(events, "priority")] == ["contract"]
        assert {event["kind"] for event in bulk} == {"upsert"}
        if terms.rows.model_dump(mode="json") == {"all": []}:
            assert len(bulk) == listed
        else:
            assert {event["record"]["subject"]["kind"] for event in bulk} <= {"organisation", "unknown"}
            assert 0 < len(bulk) < listed
        heads = (await district.heartbeat(page.heads)).heads
        assert (heads.bulk, heads.priority) == (len(bulk), 1)
        record_ids.append({event["record"]["record_id"] for event in bulk})
    assert record_ids[0] == record_ids[1] > record_ids[2], "S8: record ids are alike for all"


async def test_from_listing_to_release_and_back_to_the_court(district: District) -> None:
    await push_samples(district)
    events, page = await district.pull(MARKET, TO_MARKET)
    bulk = of_lane(events, "bulk")
    debtor = sample_records()[0]
    event = next(event for event in bulk if event["record"]["subject"]["name"] == debtor["iname"])

    receipts = [await district.received(bulk), await district.receipt(event)]
    taken = await district.client(MARKET).send_receipts(receipts)
    assert taken.counts["listed"] == len(receipts)
    again = await district.client(MARKET).send_receipts(receipts)
    assert again == taken, "D12: the same again changes nothing"

    seen, court_page = await district.pull(COURT, FROM_MARKET)
    answers = [event["record"] for event in of_lane(seen, "bulk")]
    assert [answer["kind"] for answer in answers] == ["received", "blocked"]
    assert [answer["jws"] for answer in answers] == receipts, "the court holds the agency's own signature"
    assert answers[1]["subject_record"] == event["record"]["record_id"]
    for answer in answers:
        assert verify_line(canonical({"receipt": answer["jws"]}), await district.keys()).status == "valid"

    assert (await district.withdraw(debtor))["withdrawn"] == 1
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert [(event["kind"], event["lane"], event["number"]) for event in events] == [("withdrawn", "priority", 2)]
    assert events[0]["record"]["record_id"] == event["record"]["record_id"]
    assert events[0]["record"]["status_reason"] == "performed"
    assert events[0]["record"]["subject"]["name"] is None
    assert events[0]["cause"] > event["cause"], "D4: the withdrawal is the later word"

    await district.client(MARKET).send_receipts([await district.receipt(events[0], "released")])
    seen, _ = await district.pull(COURT, FROM_MARKET, court_page.next)
    assert [answer["record"]["kind"] for answer in seen] == ["released"]
    assert seen[0]["record"]["cause"] == events[0]["cause"]


async def test_a_withdrawal_overtakes_listings_that_are_still_unread(district: District) -> None:
    """Rule D1: the priority lane comes first in a page."""
    await push_samples(district)
    await district.withdraw(sample_records()[0])
    page = await district.client(MARKET).events(TO_MARKET, limit=3)
    assert [event["kind"] for event in page.events] == [
        "contract",
        "withdrawn",
        "void",
    ]  # what it took back is not shown


async def test_the_journal_proves_what_it_sealed(district: District) -> None:
    client = district.client(MARKET)
    older = await district.checkpoint(await client.checkpoint())
    body = (SAMPLES / "shixin_zxgk.jsonl").read_bytes()
    pushed = await district.client(COURT).push(FEED, body, NDJSON, "push-0001")
    newer = await district.checkpoint(await client.checkpoint())
    assert newer.size > older.size

    grown = await client.consistency(older.size, newer.size)
    verify_consistency(older.size, newer.size, path_of(grown), unb64u(older.root), unb64u(newer.root))

    (batch,) = pushed.batches
    proof = await client.inclusion(int(str(batch["leaf"])), newer.size)
    assert proof["leaf"]["header"] == b64u(hashlib.sha256(str(batch["header"]).encode()).digest())
    verify_inclusion(leaf_hash(canonical(proof["leaf"])), batch["leaf"], newer.size, path_of(proof), unb64u(newer.root))


def path_of(proof: dict[str, Any]) -> list[bytes]:
    return [unb64u(node) for node in proof["path"]]


async def test_the_contract_in_force_is_there_for_its_parties(district: District) -> None:
    for party in (MARKET, COURT):
        contract = await district.client(party).contract(TO_MARKET)
        assert verify_line(canonical({"contract": contract}), await district.keys()).status == "valid"
