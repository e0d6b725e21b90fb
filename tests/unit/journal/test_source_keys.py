"""Delete lists that name records by the source's own key, in a later submission: one is read as a source writes it."""

import asyncio
from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from adapters.feeds import read
from gateway.intake import Result, Submission
from gateway.journal import tables
from gateway.journal.chunks import Chunk, cut
from gateway.journal.erase import erase_record
from gateway.journal.source_keys import remember, resolved, still_named
from schemas.catalog import feed as find_feed
from schemas.reading import Withdrawal
from tests.small_gateway import COURT, Gateway
from tests.unit.adapters.feeds.conftest import TODAY, UNIT
from tests.unit.adapters.feeds.test_address import LOAN
from tests.unit.adapters.feeds.test_enforcement import PUBLIC
from tests.unit.adapters.feeds.test_restriction import CHINESE
from tests.unit.adapters.feeds.test_service_result import ROW

FEEDS: dict[str, dict[str, Any]] = {
    "dishonest-debtor": UNIT,
    "consumption-restriction": CHINESE,
    "judgment-debtor": PUBLIC,
    "service-address": LOAN,
    "service-result": ROW,
}
FIRST, SECOND = "d41d8cd98f00b204e9800998ecf8427e", "0cc175b9c0f1b6a831c399e269772661"


async def send(gateway: Gateway, feed: str, updates: list[dict[str, Any]], deletes: list[object]) -> Result:
    """One message of the update and delete list, as a submission of its own."""
    return await send_body(gateway, feed, {"updateList": updates, "deleteList": deletes, "index": "x", "type": "y"})


async def send_body(gateway: Gateway, feed: str, message: dict[str, Any]) -> Result:
    gateway.sent += 1
    body = orjson.dumps(message)
    items = read(feed, body, record_key=gateway.keyring.record_key(COURT), today=TODAY)
    submission = Submission(COURT, feed, f"message-{gateway.sent}", body)
    return await gateway.intake.submit_items(submission, find_feed(feed), items)


def counted(result: Result) -> dict[str, int]:
    return {name: count for name, count in result.counts.items() if count}


@pytest.mark.parametrize("feed", FEEDS)
async def test_a_key_of_an_earlier_submission_withdraws_its_record(gateway: Gateway, feed: str) -> None:
    record = {**FEEDS[feed], "md5": FIRST}
    assert counted(await send(gateway, feed, [record], [])) == {"listed": 1}
    assert counted(await send(gateway, feed, [], [SECOND])) == {"quarantined": 1}
    assert counted(await send(gateway, feed, [], [FIRST])) == {"withdrawn": 1}
    assert counted(await send(gateway, feed, [], [{"md5": FIRST}])) == {"unchanged": 1}


@pytest.mark.parametrize("feed", FEEDS)
async def test_a_delete_list_names_records_as_any_withdrawal_does(gateway: Gateway, feed: str) -> None:
    assert counted(await send(gateway, feed, [FEEDS[feed]], [])) == {"listed": 1}
    assert counted(await send(gateway, feed, [], [FEEDS[feed]])) == {"withdrawn": 1}


async def test_an_update_that_deletes_its_old_key_withdraws_nothing(gateway: Gateway) -> None:
    """So sources tell a change: the new version under a new digest, the old digest among the deletions."""
    feed = "judgment-debtor"
    await send(gateway, feed, [{**PUBLIC, "md5": FIRST}], [])
    changed = {**PUBLIC, "caseState": "终结本次执行程序", "md5": SECOND}
    assert counted(await send(gateway, feed, [changed], [FIRST])) == {"amended": 1, "unchanged": 1}
    assert counted(await send(gateway, feed, [], [FIRST])) == {"unchanged": 1}
    assert counted(await send(gateway, feed, [], [SECOND])) == {"withdrawn": 1}


async def test_a_key_of_two_records_names_neither(gateway: Gateway) -> None:
    other = {**PUBLIC, "caseCode": "(2018)豫0811执0087号"}
    await send(gateway, "judgment-debtor", [{**PUBLIC, "md5": FIRST}], [])
    await send(gateway, "judgment-debtor", [{**other, "md5": FIRST}], [])
    refused = await send(gateway, "judgment-debtor", [], [FIRST])
    assert [one["code"] for one in refused.quarantine] == ["withdrawal-without-key"]


async def test_a_key_of_another_feed_or_provider_names_nothing(gateway: Gateway) -> None:
    await send(gateway, "judgment-debtor", [{**PUBLIC, "md5": FIRST}], [])
    assert counted(await send(gateway, "dishonest-debtor", [], [FIRST])) == {"quarantined": 1}
    body = orjson.dumps({"deleteList": [FIRST]})
    items = read("judgment-debtor", body, record_key=gateway.keyring.record_key("another-court"), today=TODAY)
    submission = Submission("another-court", "judgment-debtor", "message-x", body)
    result = await gateway.intake.submit_items(submission, find_feed("judgment-debtor"), items)
    assert counted(result) == {"quarantined": 1}


async def test_no_key_is_kept_as_the_source_wrote_it(gateway: Gateway) -> None:
    await send(gateway, "judgment-debtor", [{**PUBLIC, "md5": FIRST}], [])
    table = tables.source_key
    async with gateway.engine.connect() as connection:
        assert (await connection.execute(select(func.count()).where(table.c.key == FIRST))).scalar_one() == 0
        assert (await connection.execute(select(func.count()).select_from(table))).scalar_one() == 1


LIST = "judgment-debtor"
KEYED = {**PUBLIC, "md5": FIRST}
CHANGED = {**PUBLIC, "caseState": "终结本次执行程序"}
ROUNDED = {**CHANGED, "partyCardNum": 1.5e17, "md5": SECOND}


def others(count: int) -> list[dict[str, Any]]:
    return [{**PUBLIC, "caseCode": f"(2018)豫0811执1{number}号"} for number in range(count)]


def codes(result: Result) -> list[str]:
    return [str(one["code"]) for one in result.quarantine]


@pytest.mark.parametrize("between", [0, 4])
async def test_a_record_under_two_keys_stands_by_the_last(gateway: Gateway, between: int) -> None:
    await send(gateway, LIST, [KEYED, *others(between), {**PUBLIC, "md5": SECOND}], [])
    assert counted(await send(gateway, LIST, [], [FIRST])) == {"unchanged": 1}
    assert counted(await send(gateway, LIST, [], [SECOND])) == {"withdrawn": 1}


@pytest.mark.parametrize("between", [0, 4])
async def test_the_keys_of_one_record_change_back_and_forth(gateway: Gateway, between: int) -> None:
    await send(gateway, LIST, [KEYED, {**PUBLIC, "md5": SECOND}, *others(between), KEYED], [])
    assert counted(await send(gateway, LIST, [], [SECOND])) == {"unchanged": 1}
    assert counted(await send(gateway, LIST, [], [FIRST])) == {"withdrawn": 1}


@pytest.mark.parametrize("between", [0, 4])
async def test_a_new_version_that_is_refused_keeps_the_old_one(gateway: Gateway, between: int) -> None:
    await send(gateway, LIST, [KEYED], [])
    refused = await send(gateway, LIST, [ROUNDED, *others(between)], [FIRST])
    assert codes(refused) == ["rounded-identifier", "deleted-and-listed"]
    assert refused.counts["withdrawn"] == 0
    two = [{**CHANGED, "md5": SECOND}, *others(between), {**PUBLIC, "caseState": "已结案", "md5": "third"}]
    alike = await send(gateway, LIST, two, [FIRST])
    assert alike.counts["withdrawn"] == 0
    assert "alike-in-batch" in codes(alike)


async def test_a_new_version_that_is_refused_keeps_the_one_of_its_own_submission(gateway: Gateway) -> None:
    result = await send(gateway, LIST, [KEYED, ROUNDED], [FIRST])
    assert codes(result) == ["rounded-identifier", "deleted-and-listed"]
    assert result.counts["listed"] == 1
    assert counted(await send(gateway, LIST, [], [FIRST])) == {"withdrawn": 1}  # alone, it is meant


@pytest.mark.parametrize("between", [0, 4])
async def test_where_a_chunk_ends_decides_nothing(gateway: Gateway, between: int) -> None:
    """Deletions first, so many that the update comes in another chunk."""
    await send(gateway, LIST, [KEYED], [])
    for again, expected in (
        ({**CHANGED, "md5": SECOND}, {"amended": 1, "unchanged": 1}),  # the key is superseded
        ({**CHANGED, "md5": SECOND}, {"unchanged": 2}),
        (CHANGED, {"unchanged": 2}),  # a record without a key supersedes none
    ):
        message = {"deleteList": [FIRST, *map(str, range(between))], "updateList": [again]}
        result = await send_body(gateway, LIST, message)
        assert {**counted(result), "quarantined": 0} == {**expected, "quarantined": 0}, codes(result)
    same = await send(gateway, LIST, [{**CHANGED, "md5": SECOND}, *others(between)], [])
    assert same.counts["unchanged"] == 1
    message = {"deleteList": [SECOND, *map(str, range(between))], "updateList": [CHANGED]}
    result = await send_body(gateway, LIST, message)
    assert codes(result)[0] == "deleted-and-listed"
    assert result.counts["withdrawn"] == 0


@pytest.mark.parametrize("reason", ["中止执行", ["中止执行"], {"x": 1}, 5])
async def test_a_deletion_by_key_keeps_its_reason_and_no_odd_one_stops_it(gateway: Gateway, reason: object) -> None:
    await send(gateway, LIST, [KEYED], [])
    assert counted(await send(gateway, LIST, [], [{"md5": FIRST, "removeReason": reason}])) == {"withdrawn": 1}
    async with gateway.engine.connect() as connection:
        suspended = (await connection.execute(select(tables.entry.c.suspended).order_by("position"))).scalars().all()
    assert suspended[-1] is (True if reason == "中止执行" else None)


@pytest.mark.parametrize("feed", FEEDS)
async def test_an_update_list_deletes_by_key_too(gateway: Gateway, feed: str) -> None:
    await send(gateway, feed, [{**FEEDS[feed], "md5": FIRST}], [])
    assert counted(await send(gateway, feed, [{"md5": FIRST, "upstate": "delete"}], [])) == {"withdrawn": 1}


async def test_two_gateways_say_the_same_keys_in_opposite_orders(gateway: Gateway) -> None:
    records = [{**one, "md5": f"key {number}"} for number, one in enumerate(others(6))]
    await send(gateway, LIST, others(6), [])
    turned = [send(gateway, LIST, some, []) for some in (records, records[::-1]) for _ in range(4)]
    for result in await asyncio.gather(*turned):
        assert counted(result) == {"unchanged": 6}
    gone = await send(gateway, LIST, [], [one["md5"] for one in records])
    assert counted(gone) == {"withdrawn": 6}


async def test_what_a_key_names_is_looked_up_again_under_the_lock(gateway: Gateway) -> None:
    await send(gateway, LIST, [KEYED], [])
    key = gateway.keyring.record_key(COURT)
    (chunk,) = cut(find_feed(LIST), read(LIST, orjson.dumps({"deleteList": [FIRST]}), record_key=key, today=TODAY), 3)
    async with gateway.engine.begin() as connection:
        known: Chunk = await resolved(connection, LIST, COURT, chunk)
        (item,) = known.items
        assert isinstance(item, Withdrawal)
        assert await still_named(connection, LIST, COURT, known.named)
        await remember(connection, LIST, COURT, {"x" * 52: item.record_ids[0]}, frozenset())
        assert not await still_named(connection, LIST, COURT, known.named)


async def test_no_key_names_an_erased_record(gateway: Gateway) -> None:
    await send(gateway, LIST, [KEYED, {**others(1)[0], "md5": SECOND}], [])
    async with gateway.engine.connect() as connection:
        first = (await connection.execute(select(tables.entry.c.record_id).order_by("position").limit(1))).scalar_one()
    await erase_record(gateway.engine, gateway.clock, gateway.keyring.signing, LIST, COURT, first)
    assert codes(await send(gateway, LIST, [], [FIRST])) == ["withdrawal-without-key"]
    assert counted(await send(gateway, LIST, [], [SECOND])) == {"withdrawn": 1}


async def test_an_older_key_of_the_same_submission_withdraws_nothing(gateway: Gateway) -> None:
    both = [KEYED, {**PUBLIC, "md5": SECOND}]
    assert counted(await send(gateway, LIST, both, [FIRST])) == {"listed": 1, "unchanged": 2}
    assert counted(await send(gateway, LIST, both, [SECOND])) == {"unchanged": 2, "withdrawn": 1}


async def test_of_keys_that_two_gateways_say_at_once_one_stands(gateway: Gateway) -> None:
    await send(gateway, LIST, others(6), [])
    said = [[{**one, "md5": f"{turn} of {number}"} for number, one in enumerate(others(6))] for turn in range(6)]
    await asyncio.gather(*(send(gateway, LIST, records, []) for records in said))
    table = tables.source_key
    async with gateway.engine.connect() as connection:
        standing = (
            await connection.execute(select(func.count()).select_from(table).where(table.c.superseded.is_(False)))
        ).scalar_one()
    assert standing == 6
