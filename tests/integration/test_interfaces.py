"""A department's interface over real HTTP, before a real gateway: what it may answer, and what must not come of it."""

import gzip
import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.demo.cast import COURT
from gateway.errors import FuyuanError, Refused, Unavailable
from tests.integration.departments import WATERMARK, Reader, record, says
from tests.integration.sending import CODE, NAME, cases
from tests.servers.interface import Handler


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


async def test_an_interface_that_has_nothing_any_more_says_nothing(reader: Reader) -> None:
    await reader.look()
    reader.department.records = []
    with pytest.raises(Refused, match=r"front-changed.*may_be_empty"):
        await reader.look()
    empty = {"answer": {"ok": "code", "values": ["0"], "rows": "data.list", "may_be_empty": True}}
    with pytest.raises(Refused, match="mass-change"):
        await reader.look(**empty)
    assert (await reader.look(allow=5, **empty))[1] == {"withdrawn": 5}


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
    reader.department.records = [record(n, gxsj=f"2026-10-09 0{n}:00:00") for n in range(1, 5)]
    new = reader.department.records.pop()
    for one in (new, reader.department.records[-1]):  # the last one is read again, for the overlap
        del one["yw"]
    await reader.look(**WATERMARK)
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
