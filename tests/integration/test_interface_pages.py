"""The pages of a department's interface: a list that goes on changing, cursors in circles, totals that are none."""

import asyncio
import secrets
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gateway.errors import Unavailable
from schemas.front import FrontAway
from tests.integration.departments import NO_TOTAL, Reader, nothing, record, says, then
from tests.integration.sending import cases


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
