"""Front-end tables in a real PostgreSQL, before a real gateway: what a department's program does to its rows."""

import asyncio
import tracemalloc
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from adapters.fronts.mapping import FrontMapping
from adapters.fronts.sql import SqlFront
from gateway.client import GatewayClient, PushResult
from gateway.demo.cast import COURT
from gateway.errors import FuyuanError, Refused, Unavailable
from gateway.provider import Pusher
from gateway.ways_in.front import FrontTable, Survey
from gateway.ways_in.known import Known
from tests.integration.district import MARKET, TO_MARKET, District
from tests.integration.test_list_feeds import agree
from tests.servers.mariadb import MariaDB
from tests.servers.postgres import Postgres

NAME = "焦作市山阳区示例建材有限公司"
CODE = "91410811MA47YB0X60"
TABLE = (
    "CREATE TABLE sxbzxr (id BIGINT PRIMARY KEY, ah VARCHAR(60), bzxrmc VARCHAR(200), zjhm VARCHAR(40),"
    " fymc VARCHAR(80), fbsj DATE, yw TEXT, zt INT NOT NULL DEFAULT 0, fhxx VARCHAR(40), czlx CHAR(1) DEFAULT 'C',"
    " scyy VARCHAR(40), gxsj TIMESTAMP NOT NULL DEFAULT LOCALTIMESTAMP)"
)
MAPPING: dict[str, Any] = {
    "feed": "dishonest-debtor",
    "table": "sxbzxr",
    "key": ["id"],
    "columns": {
        "caseCode": "ah", "iname": "bzxrmc", "cardNum": "zjhm", "courtName": "fymc", "publishDate": "fbsj",
        "duty": "yw",
    },
    "named": {"case_number": "ah", "name": "bzxrmc"},
    "deletions": {"column": "czlx", "values": ["D"], "reason": "scyy", "gone": "performed"},
}  # fmt: skip
BY: dict[str, dict[str, Any]] = {
    "state": {"by": "state", "column": "zt", "new": ["0"], "taken": "1", "refused": "9", "verdict": "fhxx"},
    "watermark": {"by": "watermark", "column": "gxsj"},
    "refresh": {"by": "refresh"},
}


class Department:
    """The department's database with its table, and the way in beside it."""

    def __init__(self, district: District, url: str, engine: AsyncEngine, state: Path) -> None:
        self.district, self.url, self.engine, self.state = district, url, engine, state

    async def say(self, *statements: str, **values: object) -> None:
        async with self.engine.begin() as connection:
            for statement in statements:
                await connection.execute(text(statement), values)

    async def ask(self, statement: str) -> list[tuple[Any, ...]]:
        async with self.engine.connect() as connection:
            return [tuple(row) for row in await connection.execute(text(statement))]

    async def add(self, *numbers: int, **columns: object) -> None:
        for number in numbers:
            row = {
                "id": number, "ah": f"（2026）豫0811执{number}号", "bzxrmc": NAME, "zjhm": CODE,
                "fymc": "焦作市山阳区人民法院", "yw": "支付", **columns,
            }  # fmt: skip
            names = ", ".join(row)
            await self.say(
                f"INSERT INTO sxbzxr ({names}, fbsj) VALUES ({', '.join(':' + one for one in row)}, DATE '2026-10-09')",  # noqa: S608
                **row,
            )

    async def look(
        self, by: str, *, client: Pusher | None = None, refresh: bool = False, allow: int = 0, **changed: Any
    ) -> tuple[Survey, dict[str, int]]:
        """One run of the process, from its start to its end."""
        mapping = FrontMapping.model_validate({**MAPPING, "changes": BY[by], **changed})
        front, known = SqlFront(self.url, mapping), Known(self.state)
        table = FrontTable(front, known, client or self.district.client(COURT))
        try:
            found = await table.look(refresh=refresh, allow=allow)
        finally:
            known.close()
            await front.close()
        return found, {name: count for name, count in table.counts.items() if count}

    async def live(self) -> list[str]:
        """The case numbers that stand at an agency."""
        events, _ = await self.district.pull(MARKET, TO_MARKET)
        last: dict[str, Any] = {}
        for event in sorted((one for one in events if one["record"]), key=lambda one: int(one["cause"])):
            last[event["record"]["record_id"]] = event
        return sorted(one["record"]["case"]["number"] for one in last.values() if one["kind"] == "upsert")


def cases(*numbers: int) -> list[str]:
    return sorted(f"（2026）豫0811执{number}号" for number in numbers)


@asynccontextmanager
async def opened(district: District, url: str, driver: str, folder: Path) -> AsyncIterator[Department]:
    engine = create_async_engine(make_url(url).set(drivername=driver))
    try:
        made = Department(district, url, engine, folder / "state" / "front.sqlite")
        await made.say(TABLE)
        yield made
    finally:
        await engine.dispose()


@pytest.fixture
async def department(district: District, postgres: Postgres, tmp_path: Path) -> AsyncIterator[Department]:
    url = await asyncio.to_thread(postgres.create)
    async with opened(district, url, "postgresql+asyncpg", tmp_path) as made:
        yield made
    await asyncio.to_thread(postgres.drop, url)


@pytest.fixture
async def on_mariadb(district: District, mariadb: MariaDB, tmp_path: Path) -> AsyncIterator[Department]:
    async with opened(district, await asyncio.to_thread(mariadb.create), "mysql+asyncmy", tmp_path) as made:
        yield made


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


class Meanwhile:
    """The department writes while a batch is on its way."""

    def __init__(self, department: Department, statement: str) -> None:
        self.department, self.statement = department, statement

    async def push(
        self, feed: str, body: bytes, content_type: str, idempotency_key: str, *, relist: bool = False
    ) -> PushResult:
        result = await self.department.district.client(COURT).push(
            feed, body, content_type, idempotency_key, relist=relist
        )
        await self.department.say(self.statement)
        return result


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


@pytest.mark.parametrize("by", ["state", "watermark", "refresh"])
@pytest.mark.parametrize(
    "trouble",
    [
        "UPDATE sxbzxr SET czlx = 'D', zt = 0, gxsj = LOCALTIMESTAMP",
        "UPDATE sxbzxr SET zjhm = NULL, zt = 0, gxsj = LOCALTIMESTAMP",
    ],
)
async def test_the_mass_change_brake_stops_and_asks(department: Department, by: str, trouble: str) -> None:
    await department.add(*range(1, 26))
    await department.look(by)
    await department.say(trouble)
    with pytest.raises(Refused, match="--allow 25") as stopped:
        await department.look(by)
    assert stopped.value.code == "mass-change"
    assert await department.live() == cases(*range(1, 26))
    with pytest.raises(Refused):
        await department.look(by, allow=24)
    assert sum((await department.look(by, allow=25))[1].values()) == 25


async def test_an_emptied_table_withdraws_nobody_unasked(department: Department) -> None:
    await department.add(*range(1, 26))
    await department.look("refresh")
    await department.say("DELETE FROM sxbzxr")
    with pytest.raises(Refused, match="25 are gone"):
        await department.look("refresh")
    await department.add(*range(1, 26))
    assert (await department.look("refresh"))[1] == {}, "the export was only late"
    await department.say("DELETE FROM sxbzxr")
    assert (await department.look("refresh", allow=25))[1] == {"withdrawn": 25}


@pytest.mark.parametrize("by", ["state", "watermark", "refresh"])
async def test_a_column_that_vanished_overnight(department: Department, by: str) -> None:
    await department.add(1)
    await department.look(by)
    await department.say("ALTER TABLE sxbzxr RENAME COLUMN zjhm TO zjhm2", "UPDATE sxbzxr SET zt = 0")
    with pytest.raises(Refused, match=r"no column zjhm; nothing more is sent") as stopped:
        await department.look(by)
    assert stopped.value.code == "front-changed"
    await department.say("DROP TABLE sxbzxr")
    with pytest.raises(Refused, match="no such table"):
        await department.look(by)


async def test_two_rows_of_one_key_stop_the_refresh(department: Department) -> None:
    await department.add(1)
    await department.say("ALTER TABLE sxbzxr DROP CONSTRAINT sxbzxr_pkey", "INSERT INTO sxbzxr SELECT * FROM sxbzxr")
    with pytest.raises(Refused, match="two rows have one key"):
        await department.look("refresh")
    await department.say("ALTER TABLE sxbzxr ALTER COLUMN id DROP NOT NULL", "UPDATE sxbzxr SET id = NULL")
    with pytest.raises(Refused, match="never null"):
        await department.look("refresh")


async def test_a_registrys_next_address_takes_no_earlier_one_back(department: Department) -> None:
    """`service-address` is a history: a row that changed is a further statement, and a row that is gone was true."""
    await agree(department.district, "addresses-from-market-regulation")
    words = {"UNISCID": "xydm", "ENTNAME": "mc", "DOM": "zs", "REGSTATE_CN": "zt", "APPRDATE": "hzrq"}
    mapping = {
        "feed": "service-address", "table": "qydz", "key": ["xydm"], "columns": words, "deletions": {},
        "named": {"identifier": "xydm", "effective_from": "hzrq"},
    }  # fmt: skip
    await department.say(
        "CREATE TABLE qydz (xydm VARCHAR(18) PRIMARY KEY, mc TEXT, zs TEXT, zt TEXT, hzrq DATE)",
        f"INSERT INTO qydz VALUES ('{CODE}', '{NAME}', '焦作市山阳区丰收路1号', '存续', DATE '2026-01-06')",  # noqa: S608
    )
    registry = department.district.client(MARKET)
    assert (await department.look("refresh", client=registry, **mapping))[1] == {"listed": 1}
    await department.say("UPDATE qydz SET zs = '焦作市山阳区解放路2号', hzrq = DATE '2026-02-01'")
    assert (await department.look("refresh", client=registry, **mapping))[1] == {"listed": 1}
    await department.say("DELETE FROM qydz")
    assert (await department.look("refresh", client=registry, **mapping))[1] == {}


class Killed(BaseException):
    pass


class KilledAt:
    """Ends the run at its `left`th request: before the gateway has it, or right after."""

    def __init__(self, client: GatewayClient, left: int, *, after: bool) -> None:
        self.client, self.left, self.after = client, left, after

    async def push(
        self, feed: str, body: bytes, content_type: str, idempotency_key: str, *, relist: bool = False
    ) -> PushResult:
        self.left -= 1
        if self.left == 0 and not self.after:
            raise Killed
        result = await self.client.push(feed, body, content_type, idempotency_key, relist=relist)
        if self.left == 0:
            raise Killed
        return result


@pytest.mark.parametrize("by", ["state", "watermark", "refresh"])
async def test_a_run_that_ends_anywhere_is_once(
    department: Department, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two rows a request: each request in turn is the last one of a run, unsent or unheard of."""
    monkeypatch.setattr("gateway.ways_in.front.ROWS_AT_ONCE", 2)
    client = department.district.client(COURT)
    await department.add(1, 2, 3, 4, 5)
    for after in (False, True):
        with pytest.raises(Killed):
            await department.look(by, client=KilledAt(client, 2, after=after))
    await department.look(by)
    await department.say(
        "UPDATE sxbzxr SET yw = '新', zt = 0, gxsj = LOCALTIMESTAMP WHERE id < 3",
        "UPDATE sxbzxr SET ah = '（2026）豫0811执33号', zt = 0, gxsj = LOCALTIMESTAMP WHERE id = 3",
        "UPDATE sxbzxr SET czlx = 'D', zt = 0, gxsj = LOCALTIMESTAMP WHERE id = 4",
    )
    for number in (1, 1, 1):
        for after in (False, True):
            with pytest.raises(Killed):
                await department.look(by, client=KilledAt(client, number, after=after))
        monkeypatch.setattr("gateway.ways_in.front.ROWS_AT_ONCE", 1)
    await department.look(by)
    await department.look(by)
    assert await department.live() == cases(1, 2, 5, 33)
    assert (await department.look(by))[1] == {}
    events, _ = await department.district.pull(MARKET, TO_MARKET)
    kinds = Counter(event["kind"] for event in events if event["lane"] == "priority" and event["kind"] != "contract")
    assert kinds == {"upsert": 2, "withdrawn": 2}, "each change once, whatever was sent again"


async def test_there_and_back_again_while_no_answer_was_heard(department: Department) -> None:
    """Three batches of which the department's machine knows nothing; the third is in the bytes of the first."""
    client = department.district.client(COURT)
    await department.add(1)
    for words in ("甲", "乙"):
        await department.say("UPDATE sxbzxr SET yw = :yw", yw=words)
        with pytest.raises(Killed):
            await department.look("refresh", client=KilledAt(client, 1, after=True))
    await department.say("UPDATE sxbzxr SET yw = '甲'")
    assert (await department.look("refresh"))[1] == {"amended": 1}


async def test_one_process_for_one_table(department: Department) -> None:
    first = Known(department.state)
    with pytest.raises(FuyuanError, match="state-in-use"):
        Known(department.state)
    first.close()
    assert department.state.stat().st_mode & 0o077 == 0


async def test_a_row_too_large_for_a_request_is_refused_alone(department: Department) -> None:
    await department.add(1, 3)
    await department.add(2, yw="支" * 40_000)
    assert (await department.look("state"))[1] == {"listed": 2}
    assert await department.ask("SELECT zt, fhxx FROM sxbzxr WHERE id = 2") == [(9, "body-too-large")]


async def test_a_database_that_is_away_is_waited_for(department: Department) -> None:
    url = department.url
    department.url = url.replace(f":{url.rpartition(':')[2].partition('/')[0]}/", ":1/")
    with pytest.raises(Unavailable, match="front-away"):
        await department.look("refresh")
    department.url = make_url(url).set(password="wrong").render_as_string(hide_password=False)
    with pytest.raises(Unavailable, match="front-away"):
        await department.look("refresh")
    department.url = url
    assert (await department.look("refresh"))[1] == {}


async def test_p1_no_value_of_a_row_stands_in_a_log_or_an_error(department: Department) -> None:
    await department.add(*range(1, 26))
    await department.add(26, bzxrmc="", zjhm="")
    await department.look("state")
    await department.say("UPDATE sxbzxr SET czlx = 'D', zt = 0")
    with pytest.raises(Refused) as stopped:
        await department.look("state")
    await department.say("UPDATE sxbzxr SET czlx = 'C'", "ALTER TABLE sxbzxr ALTER COLUMN zt TYPE TEXT")
    await department.look("state")
    written = department.district.log.getvalue() + str(stopped.value)
    assert "rows-sent" in written
    assert "mass-change" in written
    assert not [value for value in (NAME, CODE, "豫0811执") if value in written]


async def test_the_file_of_what_was_sent_holds_no_more_than_a_withdrawal_needs(department: Department) -> None:
    await department.add(1, yw="借款合同")
    await department.look("refresh")
    held = department.state.read_bytes()
    assert CODE.encode() not in held
    assert "借款合同".encode() not in held


async def test_memory_does_not_grow_with_the_table(department: Department) -> None:
    """Each reading of the table, four times as long: what Python holds at its height stays as it was."""
    heights = []
    for rows in (4_000, 16_000):
        await department.say(
            "INSERT INTO sxbzxr (id, ah, bzxrmc, yw)"
            " SELECT n, '（2026）豫0811执' || n || '号', '名' || n, repeat('字', 200)"
            " FROM generate_series((SELECT count(*) FROM sxbzxr) + 1, :rows) n",
            rows=rows,
        )
        front = SqlFront(department.url, FrontMapping.model_validate({**MAPPING, "changes": BY["refresh"]}))
        known = Known(department.state)
        tracemalloc.start()
        try:
            killed = KilledAt(department.district.client(COURT), 1, after=False)
            with pytest.raises(Killed):
                await FrontTable(front, known, killed).look()
            heights.append(tracemalloc.get_traced_memory()[1])
        finally:
            tracemalloc.stop()
            known.close()
            await front.close()
    assert heights[1] < 1.5 * heights[0]
