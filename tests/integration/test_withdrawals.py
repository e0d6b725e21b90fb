"""Withdrawal in all its kinds: what the court says, in the words of its lists, and what becomes of an agency's hold.

Law: 法释〔2017〕7号 articles 2 (periods), 10 (deletion), 11 (correction). docs/withdrawals.md is the table of it.
"""

import csv
import io
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.clock import CHINA, china_date
from gateway.content import CSV
from schemas.canonical import JsonObject
from tests.integration.agency import CODE, COMPANY, MEASURE, Agent, listing
from tests.integration.district import COURT, FEED, MARKET, TO_MARKET

HELD, FREE = [("licence-1", MEASURE)], list[tuple[str, str]]()
NAMESAKE_CODE = "12345679-6"
PERIODIC = "其他规避执行"  # ground 3, which runs for a period


def row(serial: int = 1, **changed: str) -> dict[str, str]:
    """A row of a clerk's table under the labels of the court's own pages."""
    return {
        "案号": f"（2026）豫0811执{serial}号",
        "被执行人姓名/名称": COMPANY,
        "身份证号码/组织机构代码": CODE,
        "执行法院": "焦作市山阳区人民法院",
        "失信被执行人行为具体情形": PERIODIC,
        "发布时间": "2026年02月01日",
        **changed,
    }


async def send_table(agent: Agent, *rows: Mapping[str, str]) -> dict[str, int]:
    """The clerk's table, pushed as CSV: the counts."""
    out = io.StringIO()
    writer = csv.DictWriter(out, dict.fromkeys(key for one in rows for key in one))
    writer.writeheader()
    writer.writerows(rows)
    agent.district.clock.advance(timedelta(seconds=1))
    key = f"table-{agent.district.clock.at.timestamp()}"
    return (await agent.district.client(COURT).push(FEED, out.getvalue().encode(), CSV, key)).counts


async def sent(agent: Agent, *records: JsonObject, relist: bool = False) -> str:
    """What became of records that the court pushed, and the agency then followed."""
    counts = await agent.district.push(*records, relist=relist)
    await agent.follow()
    return " ".join(f"{name} {count}" for name, count in counts.items() if count)


async def released(agent: Agent) -> list[str | None]:
    """The reasons in the receipts of release, in order."""
    return [one["reason"] for one in await agent.receipts() if one["kind"] == "released"]


def shown(agent: Agent) -> tuple[str | None, str | None]:
    """Case and last day, as whoever meets the hold in the agency's register reads them."""
    engine = create_engine(agent.url)
    with engine.begin() as connection:
        found = connection.execute(text("SELECT case_number, expires_on FROM fuyuan_holds")).one()
    engine.dispose()
    return found.case_number, found.expires_on


def at(agent: Agent, day: date, moment: time) -> None:
    """The clock stands there, by the time of China."""
    agent.district.clock.at = datetime.combine(day, moment, CHINA).astimezone(agent.district.clock.at.tzinfo)


def today(agent: Agent) -> date:
    return china_date(agent.district.clock.now())


# The seven grounds of article 10, each in another spelling that lists have.

GROUNDS: dict[str, tuple[dict[str, Any], str]] = {
    "(1) performed": ({"removeStatus": True, "removeReason": "被执行人已履行完毕"}, "performed"),
    "(2) settled": ({"是否删除": "是", "删除原因": "当事人达成执行和解协议且已履行完毕"}, "settled"),
    "(3) the applicant asks": ({"upstate": "delete", "删除原因": "申请执行人请求删除，法院同意"}, "applicant-asked"),
    "(4) no property, twice": ({"屏蔽原因": "终结本次执行程序后两次以上查控未发现可供执行财产"}, "no-property-found"),
    "(5) bankruptcy": ({"delFlag": "1", "删除原因": "因破产程序裁定中止执行"}, "suspended-by-bankruptcy"),
    "(5) retrial": ({"isDeleted": 1, "删除原因": "因审判监督程序裁定中止执行"}, "suspended-by-retrial"),
    "(6) not to be enforced": ({"撤下原因": "法院依法裁定不予执行"}, "not-enforced"),
    "(7) ended": ({"isRemoved": "true", "移除原因": "依法裁定终结执行"}, "enforcement-ended"),
    "its own words": ({"status": "withdrawn", "status_reason": "终结执行"}, "enforcement-ended"),
    "its own code": ({"status": "withdrawn", "status_reason": "settled"}, "settled"),
    "no word why": ({"removeStatus": "true"}, "withdrawn"),
}  # fmt: skip


async def test_article_10_each_ground_of_deletion_releases_with_its_code(agent: Agent) -> None:
    for serial, (ground, (said, _)) in enumerate(GROUNDS.items(), 1):
        assert await sent(agent, listing(serial)) == "listed 1", ground
        assert agent.held() == HELD, ground
        assert await sent(agent, {**listing(serial), **said}) == "withdrawn 1", ground
        assert agent.held() == FREE, ground
    assert await released(agent) == [code for _, code in GROUNDS.values()]
    assert (await agent.screen())["decision"] == "clear"


TOLD_BY_STATE = {
    "撤销": "revoked",
    "已解除": "lifted",
    "期限届满": "period-over",
    "破产中止": "suspended-by-bankruptcy",
    "中止执行": "suspended",
    "删除": "withdrawn",
}


async def test_article_11_a_table_that_says_revoked_releases_whatever_else_stands_in_it(agent: Agent) -> None:
    """J5: not even a column that nobody knows keeps a debtor on the list."""
    for serial, state in enumerate(TOLD_BY_STATE, 1):
        assert (await send_table(agent, row(serial)))["listed"] == 1
        await agent.follow()
        assert agent.held() == HELD
        assert (await send_table(agent, row(serial, 状态=state, 新栏目="另行通知")))["withdrawn"] == 1
        await agent.follow()
        assert agent.held() == FREE
    assert await released(agent) == list(TOLD_BY_STATE.values())


async def test_free_text_beside_a_deletion_stays_at_the_gateway(agent: Agent) -> None:
    await sent(agent, listing())
    await sent(agent, {**listing(), "删除原因": "经李某某说明情况"})
    events, _ = await agent.district.pull(MARKET, TO_MARKET)
    (gone,) = [event["record"] for event in events if event["kind"] == "withdrawn"]
    assert gone["status_reason"] is None
    assert await released(agent) == ["withdrawn"]


# The end of a period (article 2): to the day, in China, by the agency's own clock.


async def test_article_2_the_last_day_counts_and_the_next_one_releases_with_no_message(agent: Agent) -> None:
    last = today(agent) + timedelta(days=10)
    assert (await send_table(agent, row(失信期限届满日=f"{last:%Y年%m月%d日}")))["listed"] == 1
    await agent.follow()
    assert (agent.held(), shown(agent)) == (HELD, ("（2026）豫0811执1号", last.isoformat()))

    at(agent, last, time(0, 0, 1))
    await agent.follow()
    assert (await agent.screen("A-1"))["decision"] == "block"
    agent.wire.cut = True
    at(agent, last, time(23, 59, 59))
    await agent.follower.carry_out_once()
    assert agent.held() == HELD
    at(agent, last + timedelta(days=1), time(0, 0))
    await agent.follower.carry_out_once()
    assert agent.held() == FREE, "in China the day is over, in UTC it is not; nobody had to say so"

    agent.wire.cut = False
    await agent.follow()
    assert (await agent.screen("A-2"))["decision"] == "clear"
    assert (await agent.screen("A-1"))["standing"] is False
    assert await released(agent) == ["period-over", "period-over"]


async def test_article_2_an_extension_keeps_the_hold_and_tells_the_new_day(agent: Agent) -> None:
    first = today(agent) + timedelta(days=10)
    longer = first + timedelta(days=365)
    await send_table(agent, row(有效期至=first.isoformat()))
    await agent.follow()
    agent.parts.kill_switch.touch()  # it blocks nothing new, so nothing stops it
    assert (await send_table(agent, row(有效期至=longer.isoformat())))["amended"] == 1
    await agent.follow()
    assert (agent.held(), shown(agent)) == (HELD, ("（2026）豫0811执1号", longer.isoformat()))
    agent.parts.kill_switch.unlink()
    at(agent, first + timedelta(days=1), time(12))
    await agent.follow()
    assert agent.held() == HELD
    at(agent, longer + timedelta(days=1), time(0))
    await agent.follow()
    assert agent.held() == FREE
    assert await released(agent) == ["period-over"]


async def test_article_2_a_period_cut_short_releases_on_the_earlier_day(agent: Agent) -> None:
    first = today(agent) + timedelta(days=100)
    await send_table(agent, row(有效期至=first.isoformat()))
    await agent.follow()
    earlier = today(agent) + timedelta(days=2)
    await send_table(agent, row(有效期至=earlier.isoformat()))
    await agent.follow()
    assert shown(agent) == ("（2026）豫0811执1号", earlier.isoformat())
    at(agent, earlier + timedelta(days=1), time(0))
    await agent.follow()
    assert agent.held() == FREE


async def test_an_extension_that_arrives_after_the_end_holds_anew(agent: Agent) -> None:
    last = today(agent) + timedelta(days=3)
    await send_table(agent, row(有效期至=last.isoformat()))
    await agent.follow()
    at(agent, last + timedelta(days=2), time(9))
    await agent.follow()
    assert agent.held() == FREE
    longer = last + timedelta(days=365)
    assert (await send_table(agent, row(有效期至=longer.isoformat())))["amended"] == 1
    await agent.follow()
    assert (agent.held(), shown(agent)) == (HELD, ("（2026）豫0811执1号", longer.isoformat()))


async def test_an_extension_of_what_was_deleted_meanwhile_is_stale(agent: Agent) -> None:
    last = today(agent) + timedelta(days=3)
    await send_table(agent, row(有效期至=last.isoformat()))
    await send_table(agent, row(状态="已到期"))
    late = await send_table(agent, row(有效期至=(last + timedelta(days=365)).isoformat()))
    assert (late["quarantined"], late["listed"], late["amended"]) == (1, 0, 0)
    await agent.follow()
    assert agent.held() == FREE


async def test_a_period_in_words_is_doubtful_and_blocks_nobody(agent: Agent) -> None:
    """ "Two years" counts from a day that the table does not tell: M1."""
    assert (await send_table(agent, row(有效期至="两年")))["listed"] == 1
    await agent.follow()
    assert agent.held() == FREE
    assert (await agent.screen())["decision"] == "review"


# Correction (article 11): of what a record says, or of whom and which case it is about.


async def test_article_11_a_corrected_identifier_lets_the_wrong_one_go(agent: Agent) -> None:
    await sent(agent, listing())
    assert agent.held() == HELD
    assert await sent(agent, listing(cardNum=NAMESAKE_CODE)) == "amended 1"
    assert agent.held() == FREE
    assert await released(agent) == ["namesake"]
    assert (await agent.screen())["decision"] == "clear", "the name alone is nobody"


async def test_article_11_a_corrected_court_renews_what_the_register_is_told(agent: Agent) -> None:
    await sent(agent, listing())
    assert await sent(agent, listing(courtName="焦作市解放区人民法院")) == "amended 1"
    engine = create_engine(agent.url)
    with engine.begin() as connection:
        assert connection.execute(text("SELECT court FROM fuyuan_holds")).scalar_one() == "焦作市解放区人民法院"
    engine.dispose()
    assert agent.held() == HELD
    assert await released(agent) == []


@pytest.mark.parametrize("wrong", [{"iname": "焦城别家有限公司"}, {"caseCode": "（2026）豫0811执99号"}])
async def test_article_11_a_corrected_identity_is_a_withdrawal_and_a_listing(
    agent: Agent, wrong: dict[str, str]
) -> None:
    """Name and case make the record: under the right ones it is another record, and the wrong one must go."""
    mistaken = listing(**wrong)
    await sent(agent, mistaken)
    correction: JsonObject = {**mistaken, "删除原因": "信息有误，予以更正"}
    assert await sent(agent, correction, listing()) == "listed 1 withdrawn 1"
    assert agent.held() == HELD
    assert shown(agent)[0] == "（2026）豫0811执1号"
    assert [one["case_number"] for one in (await agent.screen())["reasons"]] == ["（2026）豫0811执1号"]
    assert await sent(agent, mistaken) == "quarantined 1", "yesterday's mistake is not made again"
    assert await sent(agent, {**listing(), "removeStatus": "1"}) == "withdrawn 1"
    assert agent.held() == FREE


# Suspension (article 10 (5)): the measures rest, the record is not deleted.


async def test_a_suspended_record_releases_and_is_resumed_by_its_own_word_alone(agent: Agent) -> None:
    await send_table(agent, row())
    await send_table(agent, row(状态="破产中止"))
    await agent.follow()
    assert agent.held() == FREE
    assert (await send_table(agent, row()))["quarantined"] == 1, "yesterday's table"
    assert (await send_table(agent, row(状态="恢复执行")))["listed"] == 1
    await agent.follow()
    assert (agent.held(), (await agent.screen())["decision"]) == (HELD, "block")
    assert (await send_table(agent, row(状态="恢复执行")))["unchanged"] == 1

    await send_table(agent, row(状态="破产中止"))
    assert (await send_table(agent, row(状态="恢复执行")))["quarantined"] == 1, "the word of the first time, come late"
    await agent.follow()
    assert agent.held() == FREE


@pytest.mark.parametrize("late", ["恢复执行", "正常"])
async def test_what_was_deleted_is_not_resumed(agent: Agent, late: str) -> None:
    """Suspended, then paid; the word that the enforcement goes on was on its way too long."""
    await send_table(agent, row())
    await send_table(agent, row(状态="中止执行"))
    assert (await send_table(agent, row(状态="中止执行")))["unchanged"] == 1
    assert (await send_table(agent, row(删除原因="已履行完毕")))["withdrawn"] == 1
    assert (await send_table(agent, row(状态=late)))["quarantined"] == 1
    assert (await send_table(agent, row(状态="中止执行")))["unchanged"] == 1, "and a deletion is not undone by a pause"
    assert (await send_table(agent, row(状态=late)))["quarantined"] == 1
    await agent.follow()
    assert agent.held() == FREE


async def test_j4_a_late_older_version_does_not_bring_back_what_was_deleted(agent: Agent) -> None:
    """The first version, the amended one, another list's copy of it, the listing without its date: none."""
    await sent(agent, listing())
    await sent(agent, listing(performance="部分未履行"))
    await sent(agent, {**listing(), "removeStatus": "1", "删除原因": "已履行完毕"})
    copies = (
        listing(),
        listing(performance="部分未履行"),
        listing(performance="部分履行", performedPart="一半"),
        listing(publishDate=""),
        {key.lower(): value for key, value in listing().items()},
    )
    for copy in copies:
        assert await sent(agent, copy) == "quarantined 1"
    assert (await send_table(agent, row()))["quarantined"] == 1
    await agent.follow()
    assert agent.held() == FREE


async def test_j4_a_late_copy_that_tells_the_kind_otherwise_is_no_new_record(agent: Agent) -> None:
    """The record's id holds the kind: a name alone tells none, a name with a citizen number is a person."""
    unclear = listing(iname="苏嘉川", cardNum="", businessEntity="", sexy="", age=0)
    clear = {**unclear, "cardNum": "999999198001010011"}
    assert await sent(agent, unclear) == "listed 1"
    assert await sent(agent, {**unclear, "removeStatus": "1", "删除原因": "已履行完毕"}) == "withdrawn 1"
    assert await sent(agent, clear) == "quarantined 1"
    assert await sent(agent, {**clear, "removeStatus": "1"}) == "unchanged 1"
    assert await sent(agent, clear, relist=True) == "listed 1"


# A resumed case (恢复执行): a new number (执恢) for the same debt.

RESUMED_CASE = "（2026）豫0811执恢7号"


async def test_a_resumed_case_stands_beside_the_old_one_until_both_are_gone(agent: Agent) -> None:
    """Where no list says that the two are one, removal is for a case (M4): the gateway withdraws nothing by guess."""
    await sent(agent, listing(1), listing(7, caseCode=RESUMED_CASE))
    assert (await agent.screen("A-1"))["decision"] == "block"
    await sent(agent, {**listing(1), "屏蔽原因": "终结本次执行程序"})
    assert (agent.held(), shown(agent)[0]) == (HELD, RESUMED_CASE), "what is left is what the register tells"
    assert [one["case_number"] for one in (await agent.screen("A-2"))["reasons"]] == [RESUMED_CASE]
    assert await sent(agent, listing(1)) == "quarantined 1"
    await sent(agent, {**listing(7, caseCode=RESUMED_CASE), "删除原因": "已履行完毕"})
    assert agent.held() == FREE
    assert await released(agent) == ["performed"] * 3


async def test_a_listing_that_names_the_case_it_resumes_takes_its_place(agent: Agent) -> None:
    await send_table(agent, row(1))
    await agent.follow()
    resumed = row(案号=RESUMED_CASE, 原案号="(2026)豫0811执1号")
    counts = await send_table(agent, resumed)
    assert (counts["listed"], counts["withdrawn"]) == (1, 1)
    await agent.follow()
    assert (agent.held(), shown(agent)[0]) == (HELD, RESUMED_CASE)
    counts = await send_table(agent, row(1), resumed)
    assert (counts["quarantined"], counts["unchanged"]) == (1, 1), "the old number does not come back"
    assert (await send_table(agent, {**resumed, "删除原因": "执行完毕"}))["withdrawn"] == 1
    await agent.follow()
    assert agent.held() == FREE
    assert (await released(agent))[-1] == "performed"


async def test_a_withdrawal_that_names_both_numbers_removes_the_debt_under_either(agent: Agent) -> None:
    await send_table(agent, row(1), row(案号=RESUMED_CASE))
    paid = row(案号=RESUMED_CASE, 原案号="（2026）豫0811执1号", 删除原因="已履行完毕")
    assert (await send_table(agent, paid))["withdrawn"] == 2
    await agent.follow()
    assert agent.held() == FREE


async def test_article_11_a_line_of_our_own_corrects_an_identity_in_one_statement(agent: Agent) -> None:
    mistaken = listing(iname="焦城别家有限公司")
    await sent(agent, mistaken)
    events, _ = await agent.district.pull(MARKET, TO_MARKET)
    record = events[-1]["record"]
    line = {
        **record,
        "status": "listed",
        "responsible_persons": [],
        "basis": [],
        "subject": {**record["subject"], "name": COMPANY, "sex": None, "age": None, "birth_year": None},
        "case": {**record["case"], "province": None, "filed_on": None},
        **dict.fromkeys(("obligation", "performed", "unperformed", "source_updated_at")),
        "replaces": {"case_number": mistaken["caseCode"], "name": mistaken["iname"]},
    }
    del line["record_id"]
    assert await sent(agent, line) == "listed 1 withdrawn 1"
    assert agent.held() == HELD
    assert await sent(agent, line) == "unchanged 1"
    nobody = {**line, "replaces": {"name": COMPANY}}
    assert await sent(agent, nobody) == "quarantined 1"
    assert await sent(agent, mistaken) == "quarantined 1"
