"""A department's interface over real HTTP, before a real gateway: what it may answer, and what must not come of it."""

import asyncio
import gzip
import json
import secrets
import sqlite3
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gateway.demo.cast import COURT
from gateway.errors import FuyuanError, Refused, Unavailable
from schemas.front import FrontAway
from tests.integration.departments import CODE, NAME, NO_TOTAL, WATERMARK, Reader, cases, record
from tests.integration.district import District
from tests.servers.interface import Department, Handler, interface_server


@pytest.fixture
def department() -> Iterator[Department]:
    with interface_server(secrets.token_urlsafe(18)) as started:
        yield started


@pytest.fixture
def reader(district: District, department: Department, tmp_path: Path) -> Reader:
    department.records = [record(number) for number in range(1, 6)]
    return Reader(district, department, tmp_path / "state" / "fetch.sqlite")


def then(do: Callable[[], object]) -> Callable[[Handler], bool]:
    """Something happens at the department just before it answers."""

    def trouble(_: Handler) -> bool:
        do()
        return False

    return trouble


def nothing() -> None:
    pass


def says(value: object, status: int = 200, **headers: str) -> Callable[[Handler], bool]:
    def trouble(handler: Handler) -> bool:
        handler.say(value, status, **headers)
        return True

    return trouble


async def test_listed_amended_and_gone_each_once(reader: Reader) -> None:
    records = reader.department.records
    assert (await reader.look())[1] == {"listed": 5}
    assert reader.department.pages() == ["1", "2", "3", "4"] * 2, "a reading counts when a second one has confirmed it"
    assert (await reader.look())[1] == {}
    records[0] = record(1, yw="支付货款")
    records[1] = record(2, czlx="D", scyy="全部履行")
    del records[2]
    assert (await reader.look())[1] == {"amended": 1, "withdrawn": 2}
    assert await reader.live() == cases(1, 4, 5)
    assert (await reader.look())[1] == {}


async def test_parameters_in_a_body_and_by_offset(reader: Reader) -> None:
    """The counterpart pages by number; what travels is what is looked at here."""
    pages = {"by": "offset", "parameter": "start", "size_parameter": "pageSize", "size": 2, "total": "data.total"}
    reader.department.troubles = [
        says({"code": "200", "data": {"list": [record(1), record(2)], "total": "3"}}),
        says({"code": "200", "data": {"list": [record(3)], "total": "3"}}),
        says({"code": "200", "data": {"list": [], "total": "3"}}),
    ] * 2
    assert (await reader.look(pages=pages, method="POST", parameters={"region": "410811"}))[1] == {"listed": 3}
    assert [one["start"] for one in reader.department.asked] == ["0", "2", "3"] * 2
    assert {one["region"] for one in reader.department.asked} == {"410811"}


async def test_a_cursor_leads_through_an_empty_page_and_never_in_a_circle(reader: Reader) -> None:
    pages = {"by": "cursor", "parameter": "cursor", "next": "data.next"}
    answers: list[dict[str, Any]] = [
        {"list": [record(1)], "next": "b"}, {"list": [], "next": "c"}, {"list": [record(2)], "next": ""},
    ]  # fmt: skip
    reader.department.troubles = [says({"code": 0, "data": one}) for one in answers] * 2
    assert (await reader.look(pages=pages))[1] == {"listed": 2}
    assert [one.get("cursor") for one in reader.department.asked] == [None, "b", "c"] * 2
    reader.department.troubles = [says({"code": 0, "data": {"list": [record(1)], "next": "b"}})] * 2
    with pytest.raises(Unavailable, match=r"interface-error.*no end"):
        await reader.look(pages=pages)


async def test_cursors_that_lead_in_a_wider_circle_or_nowhere(reader: Reader, monkeypatch: pytest.MonkeyPatch) -> None:
    """A, B, A; and empty pages, each with a cursor that was never seen."""
    monkeypatch.setattr("adapters.interfaces.front.MOST_PAGES", 5)
    pages = {"by": "cursor", "parameter": "cursor", "next": "data.next"}
    circle = [{"list": [record(1)], "next": "b"}, {"list": [record(2)], "next": "a"}] * 2
    nowhere = [{"list": [], "next": f"at-{number}"} for number in range(9)]
    for answers, asked in ((circle, 3), (nowhere, 6)):
        reader.department.asked.clear()
        reader.department.troubles = [says({"code": 0, "data": one}) for one in answers]
        with pytest.raises(Unavailable, match=r"interface-error.*no end"):
            await reader.look(pages=pages)
        assert len(reader.department.asked) == asked


async def test_a_page_number_that_means_nothing_behind_the_end(reader: Reader) -> None:
    """As some servers answer: the last page, again and again, and no total that would say so."""
    last = says({"code": 0, "data": {"list": [record(1), record(2)]}})
    reader.department.troubles = [last] * 9
    with pytest.raises(Unavailable, match=r"interface-error.*come twice"):
        await reader.look(**NO_TOTAL)
    assert len(reader.department.asked) == 2


async def test_every_request_has_a_digest_of_its_own_and_the_secret_never_travels(reader: Reader) -> None:
    department = reader.department
    await reader.look()
    assert len({one["x-tif-nonce"] for one in department.headers}) == len(department.headers)
    assert department.token not in json.dumps([department.headers, department.asked])
    replayed = urllib.request.Request(f"{department.url}?pageNum=1&pageSize=2", headers=department.headers[0])  # noqa: S310
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(replayed)  # noqa: ASYNC210, S310 - the counterpart has a thread of its own
    assert refused.value.code == 401
    refused.value.close()
    with pytest.raises(Unavailable, match="interface-refused"):
        await reader.look(token="another")
    with pytest.raises(ValueError, match="FUYUAN_FETCH_TOKEN_FILE"):
        await reader.look(token="")
    assert department.token not in reader.district.log.getvalue()


async def test_a_reading_goes_on_at_its_page(reader: Reader) -> None:
    reader.department.troubles = [then(nothing), then(nothing), says({"code": 0}, 503)]
    with pytest.raises(Unavailable, match="interface-away"):
        await reader.look()
    assert reader.department.pages() == ["1", "2", "3"]
    assert (await reader.look())[1] == {"listed": 5}
    assert reader.department.pages() == ["3", "4", "1", "2", "3", "4"]


async def test_a_reading_of_yesterday_begins_anew(reader: Reader) -> None:
    reader.department.troubles = [then(nothing), says({"code": 0}, 503)]
    with pytest.raises(Unavailable):
        await reader.look()
    reader.department.pages()
    tomorrow = {"now": lambda: datetime.now(UTC) + timedelta(days=1)}
    reader.department.clock_off = 86_400
    assert (await reader.look(**tomorrow))[1] == {"listed": 5}
    assert reader.department.pages() == ["1", "2", "3", "4"] * 2


class Killed(BaseException):
    pass


class KilledAfter:
    """Ends the run right after the gateway took the batch, before anything was written down."""

    def __init__(self, reader: Reader) -> None:
        self.client = reader.district.client(COURT)

    async def push(self, *given: Any, **named: Any) -> Any:
        await self.client.push(*given, **named)
        raise Killed


async def test_a_run_that_ends_behind_the_push_is_once(reader: Reader) -> None:
    with pytest.raises(Killed):
        await reader.look(client=KilledAfter(reader))
    size = (await reader.district.tree_head()).size
    assert (await reader.look())[1] == {"listed": 5}, "the answer that was not heard"
    assert (await reader.district.tree_head()).size == size


@pytest.mark.parametrize(
    ("answer", "code"),
    [
        ({"code": 500, "msg": "系统繁忙", "data": {"list": [], "total": 0}}, "interface-error.*error 500"),
        ({"code": NAME, "data": {"list": [], "total": 0}}, "interface-error"),
        ({"msg": "ok", "data": {"list": [], "total": 0}}, "interface-error"),
        ("<html>请登录</html>", "interface-error"),
        ({"code": 0, "data": None}, "front-changed.*data.list"),
        ({"code": 0, "data": {"list": [record(1)]}}, "front-changed.*data.total"),
    ],
)
async def test_a_200_with_an_error_inside_withdraws_nobody(reader: Reader, answer: object, code: str) -> None:
    await reader.look()
    size = (await reader.district.tree_head()).size
    reader.department.troubles = [says(answer)]
    with pytest.raises(FuyuanError, match=code) as refused:
        await reader.look()
    assert NAME not in str(refused.value)
    assert (await reader.district.tree_head()).size == size
    assert (await reader.look())[1] == {}


async def test_an_answer_that_is_no_json_or_packed_or_without_end(reader: Reader) -> None:
    def login(handler: Handler) -> bool:
        handler.send("<html>请登录</html>".encode())
        return True

    def bomb(handler: Handler) -> bool:
        handler.send(gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")
        return True

    def endless(handler: Handler) -> bool:
        handler.begin(200, {"Connection": "close"})
        try:
            while not handler.department.stopping.is_set():
                handler.wfile.write(b" " * 1_000_000)
        except OSError:
            handler.close_connection = True
        return True

    for trouble, said in ((login, "no JSON"), (bomb, "packed"), (endless, "more than 32 MiB")):
        reader.department.troubles = [trouble]
        with pytest.raises(Unavailable, match=f"interface-error.*{said}"):
            await reader.look()
    assert (await reader.look())[1] == {"listed": 5}


async def test_an_empty_page_in_the_middle_ends_nothing(reader: Reader) -> None:
    """With a total, and without one: then the page behind it tells."""
    await reader.look()
    size = (await reader.district.tree_head()).size
    reader.department.pages()
    reader.department.troubles = [then(nothing), says({"code": 0, "data": {"list": [], "total": 5}})]
    with pytest.raises(Unavailable, match=r"interface-short: .*behind 2 records of 5"):
        await reader.look()
    assert (await reader.look())[1] == {}
    assert reader.department.pages() == [*"122341234"], "it goes on at the page that was empty"
    reader.department.troubles = [then(nothing), says({"code": 0, "data": {"list": []}})]
    with pytest.raises(Unavailable, match="interface-short"):
        await reader.look(**NO_TOTAL)
    assert (await reader.look(**NO_TOTAL))[1] == {}
    assert (await reader.district.tree_head()).size == size


async def test_a_total_that_is_capped_hides_nobody(reader: Reader) -> None:
    """Both readings end alike at the cap; what stands behind it would never be seen, or be gone."""
    await reader.look()
    size = (await reader.district.tree_head()).size
    reader.department.most = 4
    with pytest.raises(Unavailable, match=r"interface-short: .*behind the 4 of its total"):
        await reader.look()
    assert (await reader.look(**NO_TOTAL))[1] == {}
    assert (await reader.district.tree_head()).size == size


@pytest.mark.parametrize("behind", [{"list": None, "total": 4}, {"list": [record(3), record(4)], "total": 4}])
async def test_behind_its_total_an_interface_may_have_no_list_or_its_last_page(
    reader: Reader, behind: dict[str, Any]
) -> None:
    del reader.department.records[4]
    reader.department.troubles = [then(nothing), then(nothing), says({"code": 0, "data": behind})] * 2
    assert (await reader.look())[1] == {"listed": 4}


async def test_an_interface_that_has_nothing_any_more_says_nothing(reader: Reader) -> None:
    await reader.look()
    reader.department.records = []
    with pytest.raises(Refused, match=r"front-changed.*may_be_empty"):
        await reader.look()
    empty = {"answer": {"ok": "code", "values": ["0"], "rows": "data.list", "may_be_empty": True}}
    with pytest.raises(Refused, match="mass-change"):
        await reader.look(**empty)
    assert (await reader.look(allow=5, **empty))[1] == {"withdrawn": 5}


async def test_a_page_that_shifts_while_it_is_read_loses_nobody(reader: Reader) -> None:
    """One is deleted on a page that was read, one is added at the end: the total is the same, and 3 is on no page."""
    await reader.look()
    records = reader.department.records

    def shift() -> None:
        del records[0]
        records.append(record(6))

    reader.department.pages()
    reader.department.troubles = [then(nothing), then(shift)]
    assert (await reader.look())[1] == {"listed": 1, "withdrawn": 1}
    assert await reader.live() == cases(2, 3, 4, 5, 6)
    assert reader.department.pages() == ["1", "2", "3", "4"] * 3


async def test_an_interface_that_never_stands_still_is_named(reader: Reader) -> None:
    records = reader.department.records

    def change() -> None:
        records[0] = record(1, yw=secrets.token_hex(4))

    reader.department.troubles = [then(change)] * 40
    with pytest.raises(Unavailable, match="interface-shifting"):
        await reader.look()
    reader.department.troubles.clear()
    assert (await reader.look())[1] == {"listed": 5}


async def test_two_records_under_one_key_are_no_list(reader: Reader) -> None:
    reader.department.records.append(record(1, ah="（2026）豫0811执99号"))
    with pytest.raises(Unavailable, match="two records have one key"):
        await reader.look()


async def test_a_file_of_pages_that_cannot_be_used(reader: Reader) -> None:
    pages = reader.state.with_name("pages")
    await asyncio.to_thread(pages.mkdir, parents=True)
    with pytest.raises(FrontAway, match="cannot be used"):
        await reader.look()
    await asyncio.to_thread(pages.rmdir)
    await asyncio.to_thread(pages.write_bytes, b"no database" * 100)
    with pytest.raises(FrontAway, match="cannot be used"):
        await reader.look()


async def test_a_reading_of_another_version_begins_anew(reader: Reader) -> None:
    reader.department.troubles = [then(nothing), says({"code": 0}, 503)]
    with pytest.raises(Unavailable):
        await reader.look()
    with closing(sqlite3.connect(reader.state.with_name("pages"), isolation_level=None)) as database:
        database.execute("UPDATE state SET body = json_insert(body, '$.of_another', 1)")
    reader.department.pages()
    assert (await reader.look())[1] == {"listed": 5}
    assert reader.department.pages() == ["1", "2", "3", "4"] * 2


@pytest.mark.parametrize("days", [2, -2])
async def test_a_clock_two_days_off_is_named_for_what_it_is(reader: Reader, days: int) -> None:
    """The platform says that the signature is wrong; the clock is."""
    off = timedelta(days=days)
    with pytest.raises(Unavailable, match=f"clock-apart.*17[23]... s {'ahead of' if days > 0 else 'behind'}"):
        await reader.look(now=lambda: datetime.now(UTC) + off)
    assert (await reader.look())[1] == {"listed": 5}
    reader.department.clock_off = off.total_seconds()
    with pytest.raises(Unavailable, match="clock-apart"):
        await reader.look()


async def test_silence_has_an_end_and_a_name(reader: Reader) -> None:
    def silent(handler: Handler) -> bool:
        handler.department.stopping.wait(30)
        return True

    def dripping(handler: Handler) -> bool:
        handler.begin(200, {"Connection": "close"})
        try:
            while not handler.department.stopping.wait(0.05):
                handler.wfile.write(b" ")
        except OSError:
            handler.close_connection = True
        return True

    for trouble in (silent, dripping):
        reader.department.troubles = [trouble]
        with pytest.raises(Unavailable, match="interface-silent"):
            await reader.look(seconds=0.5)
    assert (await reader.look())[1] == {"listed": 5}


async def test_a_member_that_vanished_overnight_stops_all(reader: Reader) -> None:
    await reader.look()
    for one in reader.department.records:
        del one["fbsj"]
    with pytest.raises(Refused, match="front-changed: no record has fbsj"):
        await reader.look()
    with pytest.raises(Refused, match="mass-change"):
        await reader.look(optional=["publishDate"])


async def test_a_poison_record_is_isolated_and_told(reader: Reader) -> None:
    poison: list[Any] = [record(7, ah=None), {"id": None, "ah": NAME}, "no record", "no record"]
    reader.department.records[2:2] = poison
    found = (await reader.look())[1]
    assert (found["listed"], found["quarantined"]) == (5, 3)
    assert (await reader.look())[1] == {}


async def test_by_watermark_what_is_new_is_asked_for(reader: Reader) -> None:
    at = datetime(2026, 10, 9, 8, 0, 0)  # noqa: DTZ001 - as interfaces write it
    reader.department.records = [record(n, gxsj=str(at + timedelta(hours=n))) for n in range(1, 4)]
    assert (await reader.look(**WATERMARK))[1] == {"listed": 3}
    reader.department.records.append(record(4, gxsj="2026-10-09 12:00:00"))
    reader.department.records.append(record(5, gxsj="2099-01-01 00:00:00"))
    reader.department.asked.clear()
    assert (await reader.look(**WATERMARK))[1] == {"listed": 2}
    assert {one["since"] for one in reader.department.asked} == {"2026-10-09 10:50:00"}, "600 s before the last mark"
    reader.department.asked.clear()
    assert (await reader.look(**WATERMARK))[1] == {}
    assert max(one["since"] for one in reader.department.asked) < "2099", "a mark ahead of the clock hides nothing"
    del reader.department.records[0]
    assert (await reader.look(refresh=True, **WATERMARK))[1] == {"withdrawn": 1}


async def test_by_watermark_one_new_record_without_a_member_stops_nothing(reader: Reader) -> None:
    """Many leave out what is null; only where all records are read does it say that a member has vanished."""
    reader.department.records = [record(n, gxsj=f"2026-10-09 0{n}:00:00") for n in range(1, 4)]
    await reader.look(**WATERMARK)
    new = record(4, gxsj="2026-10-09 12:00:00")
    del new["yw"]
    reader.department.records.append(new)
    assert (await reader.look(**WATERMARK))[1] == {"listed": 1}
    for one in reader.department.records:
        one.pop("yw", None)
    with pytest.raises(Refused, match="front-changed: no record has yw"):
        await reader.look(refresh=True, **WATERMARK)


async def test_marks_that_cannot_be_read_are_told(reader: Reader) -> None:
    """Silence would be for ever: each look would read it all, and what is new would have no place."""
    for unreadable in ("yesterday", None):
        reader.department.records = [record(n, gxsj=unreadable) for n in range(1, 4)]
        with pytest.raises(Refused, match="front-changed: no record has a time that can be read at gxsj"):
            await reader.look(**WATERMARK)
    reader.department.records = [record(1, gxsj="2026/1/5 8:00:00"), record(2, gxsj="yesterday"), record(3)]
    assert (await reader.look(**WATERMARK))[1] == {"listed": 3}


async def test_p1_no_record_in_log_or_error_and_no_page_left_behind(reader: Reader) -> None:
    reader.department.records.append({"id": None, "bzxr": {"mc": NAME}})
    await reader.look()
    assert NAME not in reader.district.log.getvalue()
    assert CODE not in reader.district.log.getvalue()
    pages = reader.state.with_name("pages")
    assert pages.stat().st_mode & 0o077 == 0
    assert CODE.encode() not in pages.read_bytes()
