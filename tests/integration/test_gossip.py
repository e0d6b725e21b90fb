"""Rule D12: a receipt carries the newest tree that the agency has verified, and a journal that was forked gives itself
away. Rule D3: what was taken back is not shown again to one who reads from the start."""

from sqlalchemy import select

from gateway.demo.cast import COURT
from gateway.journal.tables import journal_leaf
from gateway.trust import jws
from schemas.canonical import b64u
from tests.integration.district import FEED, MARKET, NDJSON, SAMPLES, TO_MARKET, District


async def statements(district: District) -> list[object]:
    keys = await district.running.registry.keys()
    async with district.running.engine.connect() as connection:
        documents = await connection.execute(select(journal_leaf.c.document).where(journal_leaf.c.kind == "statement"))
        return [jws.verify(one.decode(), jws.STATEMENT, keys)[0]["code"] for one in documents.scalars()]


async def push(district: District) -> None:
    body = (SAMPLES / "shixin_zxgk.jsonl").read_bytes()
    await district.client(COURT).push(FEED, body, NDJSON, "push-0001")


async def answer(district: District, checkpoint: dict[str, object]) -> None:
    events, _ = await district.pull(MARKET, TO_MARKET)
    bulk = [event for event in events if event["lane"] == "bulk"]
    payload, _ = jws.verify(await district.received(bulk), jws.RECEIPT, await district.keys())
    receipt = district.sign({**payload, "checkpoint": checkpoint})
    await district.client(MARKET).send_receipts([receipt])


async def test_d12_a_receipt_that_has_seen_this_journal_raises_no_alarm(district: District) -> None:
    await push(district)
    seen = await district.checkpoint(await district.client(COURT).checkpoint())
    await answer(district, {"size": seen.size, "root": seen.root})
    assert await statements(district) == []


async def test_d12_a_receipt_that_has_seen_another_journal_is_an_alarm(district: District) -> None:
    await push(district)
    await answer(district, {"size": 3, "root": b64u(bytes(32))})
    assert await statements(district) == ["journal-forked"]


async def test_d12_so_is_one_that_has_seen_more_than_there_is(district: District) -> None:
    await push(district)
    await answer(district, {"size": 10**6, "root": b64u(bytes(32))})
    assert await statements(district) == ["journal-forked"]


async def test_d3_who_reads_from_the_start_is_not_shown_what_was_taken_back(district: District) -> None:
    await push(district)
    first, _ = await district.pull(MARKET, TO_MARKET)
    record = next(event["record"] for event in first if event["kind"] == "upsert")
    await district.client(COURT).withdraw(FEED, {"record_id": record["record_id"], "status_reason": "performed"})
    again, _ = await district.pull(MARKET, TO_MARKET)
    kinds = {(event["lane"], event["number"]): event["kind"] for event in again}
    numbers = {(event["lane"], event["number"]) for event in first if event["record"] == record}
    assert {kinds[number] for number in numbers} == {"void"}
    assert [event["kind"] for event in again if event["lane"] == "priority"] == ["contract", "withdrawn"]
