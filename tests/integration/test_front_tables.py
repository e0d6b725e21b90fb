"""Front-end tables in a real PostgreSQL, before a real gateway: what a department's program does to its rows."""

import orjson
import pytest

from adapters.fronts.mapping import FrontMapping
from adapters.fronts.sql import SqlFront
from gateway.client import PushResult
from gateway.demo.cast import COURT
from gateway.errors import Refused
from gateway.ways_in.front import FrontTable, Survey
from gateway.ways_in.known import Known
from gateway.ways_in.run import show_refusals
from tests.integration.fronts import BY, MAPPING, Department, Meanwhile
from tests.integration.sending import CODE, NAME, cases


@pytest.mark.parametrize("by", ["state", "watermark", "refresh"])
async def test_listed_amended_and_deleted_each_once(department: Department, by: str) -> None:
    await department.add(1, 2)
    assert (await department.look(by))[1] == {"listed": 2}
    assert (await department.look(by))[1] == {}
    await department.say("UPDATE sxbzxr SET yw = '支付货款', zt = 0, gxsj = LOCALTIMESTAMP WHERE id = 1")
    assert (await department.look(by))[1] == {"amended": 1}
    await department.say("UPDATE sxbzxr SET czlx = 'D', scyy = '全部履行', zt = 0, gxsj = LOCALTIMESTAMP WHERE id = 2")
    assert (await department.look(by))[1] == {"withdrawn": 1}
    assert (await department.look(by))[1] == {}
    assert await department.live() == cases(1)


@pytest.mark.parametrize("by", ["state", "watermark", "refresh"])
async def test_the_same_on_mariadb(on_mariadb: Department, by: str) -> None:
    await test_listed_amended_and_deleted_each_once(on_mariadb, by)
    await on_mariadb.say("DELETE FROM sxbzxr WHERE id = 1")
    assert (await on_mariadb.look(by, refresh=True))[1] == {"withdrawn": 1}
    await on_mariadb.say("ALTER TABLE sxbzxr RENAME COLUMN zjhm TO zjhm2")
    with pytest.raises(Refused, match="no column zjhm"):
        await on_mariadb.look(by)


async def test_states_on_mariadb_are_written_back_with_the_verdict(on_mariadb: Department) -> None:
    await test_states_are_written_back_with_the_verdict(on_mariadb)
    await on_mariadb.add(4, 5)
    await on_mariadb.look("state", client=Meanwhile(on_mariadb, "UPDATE sxbzxr SET yw = '新' WHERE id = 4"))
    assert await on_mariadb.ask("SELECT id, zt FROM sxbzxr WHERE id > 3 ORDER BY id") == [(4, 0), (5, 1)]


@pytest.mark.parametrize("by", ["state", "watermark", "refresh"])
async def test_there_and_back_again_is_two_changes(department: Department, by: str) -> None:
    """The third statement is in the bytes of the first, and is another statement all the same."""
    await department.add(1)
    await department.look(by)
    for words in ("甲", "支付"):
        await department.say("UPDATE sxbzxr SET yw = :yw, zt = 0, gxsj = LOCALTIMESTAMP", yw=words)
        assert (await department.look(by))[1] == {"amended": 1}


async def test_states_are_written_back_with_the_verdict(department: Department) -> None:
    await department.add(1, 3)
    await department.add(2, bzxrmc="", zjhm="")
    assert (await department.look("state"))[1] == {"listed": 2, "quarantined": 1}
    told = await department.ask("SELECT id, zt, fhxx FROM sxbzxr ORDER BY id")
    assert told == [(1, 1, None), (2, 9, "no-subject"), (3, 1, None)]
    known = Known(department.state)
    assert list(known.refusals()) == [("[2]", "no-subject")]
    known.close()
    await department.say(f"UPDATE sxbzxr SET bzxrmc = '{NAME}', zjhm = '{CODE}', zt = 0 WHERE id = 2")  # noqa: S608
    assert (await department.look("state"))[1] == {"listed": 1}
    assert await department.ask("SELECT zt, fhxx FROM sxbzxr WHERE id = 2") == [(1, None)]


async def test_a_row_written_while_it_was_sent_keeps_its_state(department: Department) -> None:
    await department.add(1, 2)
    await department.look("state", client=Meanwhile(department, "UPDATE sxbzxr SET yw = '新' WHERE id = 1"))
    assert await department.ask("SELECT id, zt FROM sxbzxr ORDER BY id") == [(1, 0), (2, 1)]
    assert (await department.look("state"))[1] == {"amended": 1}


async def test_a_row_that_commits_late_is_not_missed(department: Department) -> None:
    await department.add(1, 2)
    await department.look("watermark")
    await department.add(3)
    await department.say("UPDATE sxbzxr SET gxsj = LOCALTIMESTAMP - INTERVAL '5 minutes' WHERE id = 3")
    assert (await department.look("watermark"))[1] == {"listed": 1}


async def test_a_clock_two_days_ahead_hides_nothing(department: Department) -> None:
    await department.add(1)
    await department.say("UPDATE sxbzxr SET gxsj = LOCALTIMESTAMP + INTERVAL '2 days'")
    await department.look("watermark")
    await department.add(2)
    assert (await department.look("watermark"))[1] == {"listed": 1}


async def test_a_row_that_is_gone_is_withdrawn_by_the_refresh(department: Department) -> None:
    await department.add(1, 2)
    await department.look("watermark")
    await department.say("DELETE FROM sxbzxr WHERE id = 2")
    assert (await department.look("watermark"))[1] == {}
    found, counts = await department.look("watermark", refresh=True)
    assert (found, counts) == (Survey(known=2, gone=1), {"withdrawn": 1})
    assert await department.live() == cases(1)


async def test_a_table_loaded_anew_under_new_keys_withdraws_nobody(department: Department) -> None:
    await department.add(1, 2)
    await department.look("refresh")
    await department.say("UPDATE sxbzxr SET id = id + 100")
    assert (await department.look("refresh"))[1] == {"unchanged": 2}
    assert await department.live() == cases(1, 2)


async def test_a_case_number_put_right_takes_the_old_one_back(department: Department) -> None:
    await department.add(1, 2)
    await department.look("refresh")
    await department.say("UPDATE sxbzxr SET ah = '（2026）豫0811执11号' WHERE id = 1")
    assert (await department.look("refresh"))[1] == {"listed": 1, "withdrawn": 1}
    await department.say("UPDATE sxbzxr SET ah = '(2026)豫0811执 011号' WHERE id = 1")
    assert (await department.look("refresh"))[1].get("withdrawn") is None, "the same number, written otherwise"
    assert await department.live() == cases(2, 11)


class Nameless:
    """As long as `on`, withdrawals arrive without the name: the gateway refuses them."""

    def __init__(self, department: Department) -> None:
        self.client, self.on, self.withdrawals = department.district.client(COURT), True, 0

    async def push(
        self, feed: str, body: bytes, content_type: str, idempotency_key: str, *, relist: bool = False
    ) -> PushResult:
        lines = [orjson.loads(line) for line in body.splitlines()]
        for line in (one for one in lines if one.get("status") == "withdrawn"):
            self.withdrawals += 1
            if self.on:
                del line["name"]
        body = b"\n".join(map(orjson.dumps, lines))
        return await self.client.push(feed, body, content_type, idempotency_key, relist=relist)


async def test_a_refused_withdrawal_of_what_a_row_said_before_is_kept_and_shown(
    department: Department, capsys: pytest.CaptureFixture[str]
) -> None:
    await department.add(1, 2)
    await department.look("state")
    await department.say("UPDATE sxbzxr SET ah = '（2026）豫0811执11号', zt = 0 WHERE id = 1")
    nameless = Nameless(department)
    for times in (1, 2):
        counts = (await department.look("state", client=nameless))[1]
        assert (counts["quarantined"], nameless.withdrawals) == (1, times), "each run tries it again"
    assert show_refusals(department.state) == 0
    assert capsys.readouterr().out == '{"key":[1],"code":"withdrawal-without-key","of":"withdrawal"}\n'
    assert await department.live() == cases(1, 2, 11)
    assert department.district.log.getvalue().count("withdrawal-refused") == 1
    nameless.on = False
    assert (await department.look("state", client=nameless))[1] == {"withdrawn": 1}
    assert await department.live() == cases(2, 11)
    assert (await department.look("state", client=nameless))[1] == {}
    show_refusals(department.state)
    assert capsys.readouterr().out == ""


async def test_one_run_sends_a_refused_withdrawal_again_by_a_refresh_only(department: Department) -> None:
    """Each time is another line in the gateway's quarantine."""
    await department.add(1)
    await department.look("state")
    await department.say("UPDATE sxbzxr SET ah = '（2026）豫0811执11号', zt = 0")
    nameless = Nameless(department)
    mapping = FrontMapping.model_validate({**MAPPING, "changes": BY["state"]})
    front, known = SqlFront(department.url, mapping), Known(department.state)
    table = FrontTable(front, known, nameless)
    for refresh, times in ((False, 1), (False, 1), (True, 2)):
        await table.look(refresh=refresh)
        assert nameless.withdrawals == times
    known.close()
    await front.close()


async def test_two_rows_that_said_one_record_withdraw_it_once(department: Department) -> None:
    """One withdrawal twice in a batch would be refused, both of it, and the record stand."""
    await department.add(1)
    await department.look("refresh")
    await department.add(2, ah="（2026）豫0811执1号")
    await department.say("UPDATE sxbzxr SET ah = '（2026）豫0811执11号' WHERE id = 1")
    await department.look("refresh", client=Meanwhile(department, "SELECT 1"))
    await department.say("UPDATE sxbzxr SET ah = '（2026）豫0811执' || (20 + id) || '号'")
    await department.look("refresh")
    assert await department.live() == cases(21, 22)


@pytest.mark.parametrize(
    "mend", ["DELETE FROM sxbzxr WHERE id = 2", "UPDATE sxbzxr SET ah = '（2026）豫0811执2号' WHERE id = 2"]
)
async def test_two_rows_of_one_record_are_refused_until_one_is_put_right(department: Department, mend: str) -> None:
    await department.add(1, yw="甲")
    await department.add(2, ah="（2026）豫0811执1号", yw="乙")
    assert (await department.look("refresh"))[1] == {"quarantined": 2}
    assert (await department.look("refresh"))[1] == {}
    await department.say(mend)
    await department.look("refresh")
    await department.look("refresh")
    assert cases(1)[0] in await department.live()
    assert (await department.look("refresh"))[1] == {}


async def test_a_refresh_of_a_table_with_states_leaves_them(department: Department) -> None:
    await department.add(1, 2)
    await department.look("state")
    await department.say("UPDATE sxbzxr SET yw = '新' WHERE id = 1", "DELETE FROM sxbzxr WHERE id = 2")
    assert (await department.look("state", refresh=True))[1] == {"amended": 1, "withdrawn": 1}
    assert await department.ask("SELECT id, zt FROM sxbzxr") == [(1, 1)]


async def test_two_rows_that_change_places(department: Department) -> None:
    await department.add(1, 2)
    await department.look("refresh")
    await department.say(
        "UPDATE sxbzxr SET ah = CASE id WHEN 1 THEN '（2026）豫0811执2号' ELSE '（2026）豫0811执1号' END"
    )
    assert (await department.look("refresh"))[1] == {"unchanged": 2}
    assert await department.live() == cases(1, 2)
