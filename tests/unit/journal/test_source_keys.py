"""Delete lists that name records by the source's own key, in a later submission: one is read as a source writes it."""

from typing import Any

import orjson
import pytest
from sqlalchemy import func, select

from adapters.feeds import read
from gateway.intake import Result, Submission
from gateway.journal import tables
from schemas.catalog import feed as find_feed
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
    gateway.sent += 1
    body = orjson.dumps({"updateList": updates, "deleteList": deletes, "index": "x", "type": "y"})
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
