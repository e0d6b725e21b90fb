"""Front-end tables in trouble: mass changes, columns that vanish, runs that are killed, a database that is away."""

import tracemalloc
from collections import Counter

import pytest
from sqlalchemy import make_url

from adapters.fronts.mapping import FrontMapping
from adapters.fronts.sql import SqlFront
from gateway.client import GatewayProblem, PushResult
from gateway.demo.cast import COURT
from gateway.errors import FuyuanError, Refused, Unavailable
from gateway.ways_in.front import FrontTable
from gateway.ways_in.known import Known
from tests.integration.district import MARKET, TO_MARKET
from tests.integration.fronts import BY, MAPPING, Department
from tests.integration.killed import Killed, KilledAt
from tests.integration.sending import CODE, NAME, cases
from tests.integration.test_list_feeds import agree


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


class Proxy:
    """One on the way that lets no body pass, with a page of its own."""

    async def push(self, *_: object, **__: object) -> PushResult:
        raise GatewayProblem(413, "answer-unreadable", "The answer is not a gateway's; check the address.", "")


async def test_a_proxy_that_finds_a_row_too_large_refuses_none(department: Department) -> None:
    await department.add(1, 2)
    with pytest.raises(GatewayProblem, match="answer-unreadable"):
        await department.look("state", client=Proxy())
    assert await department.ask("SELECT zt FROM sxbzxr") == [(0,), (0,)]
    assert (await department.look("state"))[1] == {"listed": 2}


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
