"""Orders restricting consumption, and debtors merely under enforcement: effects differ by feed (rules M1, M4, M5)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import orjson
import pytest

from contracts.model import Terms
from gateway.agent.applicant import read_applicant
from gateway.agent.listed import listed_in
from gateway.agent.match import Level, grade, may_block
from gateway.agent.screen import Request
from schemas.canonical import JsonObject

from .conftest import Agent, KeptRow, debtor, entry, org_code, person_id, told, upsert, withdrawn
from .test_screen import receipts

TODAY = date(2026, 11, 23)
BOTH = ("person", "organisation")
MEASURE = "spending-restriction"
UNIT, CODE = "焦城限消有限公司", org_code(12345678)
HEAD, HEAD_ID = "苏嘉川", person_id(7)


def subject(kind: str, name: str, *identifiers: JsonObject, **changed: object) -> JsonObject:
    parts: JsonObject = {
        "kind": kind, "name": name, "name_masked": False, "identifiers": list(identifiers), "doubts": [],
    }  # fmt: skip
    return {**parts, **changed}  # type: ignore[dict-item]


def waiver(today: date, **changed: object) -> JsonObject:
    first, last = today - timedelta(days=1), today + timedelta(days=1)
    return {
        "number": "批1", "name": HEAD, "action": "flight", "valid_from": first.isoformat(),
        "valid_until": last.isoformat(), **changed,
    }  # type: ignore[dict-item]  # fmt: skip


def order(**changed: object) -> JsonObject:
    """An order as a contract shows it: a unit, and the person who decides for it."""
    record: JsonObject = {
        "feed": "consumption-restriction", "schema_version": 1, "record_id": "o1", "status": "listed",
        "status_reason": None, "doubts": [], "waivers": [], "published_on": "2015-06-24",
        "subjects": [
            subject("organisation", UNIT, entry("cn-org", CODE)), subject("person", HEAD, entry("cn-id", HEAD_ID)),
        ],
        "case": {"number": "（2015）豫0811执1号", "court": "焦作市山阳区人民法院"},
    }  # fmt: skip
    return {**record, **changed}  # type: ignore[dict-item]


def judged(name: str, pair: tuple[str, str], record: JsonObject, kinds: tuple[str, ...] = BOTH) -> tuple[Level, str]:
    found = grade(read_applicant(name, [pair]), record, TODAY, kinds)
    return found.level, found.code


def asked(reference: str, name: str = HEAD, number: str = HEAD_ID, action: str = "flight") -> Request:
    return Request(reference, action, name, (("cn-id", number),))


@pytest.fixture
def restricting(agent: Agent, terms: Terms) -> Agent:
    """An agent whose contract restricts spending, with an empty list that is fresh."""
    assert terms.effects is not None
    effects = terms.effects.model_copy(update={"measure": MEASURE, "action": ("flight", "train", "property")})
    agent.put_terms(terms.model_copy(update={"feed": "consumption-restriction", "effects": effects}))
    agent.apply(told(1, 1, "active"))
    agent.be_fresh()
    return agent


def test_m5_every_subject_that_an_order_names_is_restricted() -> None:
    assert judged(UNIT, ("cn-org", CODE), order()) == (Level.BLOCK, "identifier-and-name")
    assert judged(HEAD, ("cn-id", HEAD_ID), order()) == (Level.BLOCK, "identifier-and-name")
    assert may_block(order(), listed_in(order()), TODAY, BOTH)


def test_an_order_has_no_period_and_stands_after_eleven_years() -> None:
    """What a dishonest-debtor listing of that age would be: `ask-the-court` (rule M6)."""
    old = debtor(HEAD, entry("cn-id", HEAD_ID), published_on="2015-06-24", grounds=["evades"])
    assert judged(HEAD, ("cn-id", HEAD_ID), old) == (Level.REVIEW, "ask-the-court")
    assert judged(HEAD, ("cn-id", HEAD_ID), order())[0] is Level.BLOCK


def test_m1_names_and_identifiers_of_two_subjects_are_not_mixed() -> None:
    assert judged(UNIT, ("cn-id", HEAD_ID), order()) == (Level.REVIEW, "name-contradicts")
    assert judged(HEAD, ("cn-id", person_id(8)), order())[0] is Level.NOTE


def test_m1_a_doubt_about_one_subject_is_none_about_another() -> None:
    doubtful = subject("person", HEAD, entry("cn-id", HEAD_ID), doubts=["identifiers"])
    record = order(subjects=[subject("organisation", UNIT, entry("cn-org", CODE)), doubtful])
    assert judged(UNIT, ("cn-org", CODE), record)[0] is Level.BLOCK
    assert judged(HEAD, ("cn-id", HEAD_ID), record) == (Level.REVIEW, "record-doubtful")
    assert judged(UNIT, ("cn-org", CODE), order(doubts=["period"])) == (Level.REVIEW, "record-doubtful")


@pytest.mark.parametrize("missing", ["waivers", "doubts", "published_on"])
def test_an_order_that_is_not_whole_blocks_nobody(missing: str) -> None:
    record = order()
    del record[missing]
    assert judged(HEAD, ("cn-id", HEAD_ID), record) == (Level.REVIEW, "field-missing")
    assert not may_block(record, listed_in(record), TODAY, BOTH)


def test_a_measure_bears_on_its_kinds_alone() -> None:
    assert judged(UNIT, ("cn-org", CODE), order(), ("person",)) == (Level.NONE, "measure-not-for-kind")
    assert judged(HEAD, ("cn-id", HEAD_ID), order(), ("person",))[0] is Level.BLOCK


@pytest.mark.parametrize("feed", ["judgment-debtor", "service-address", None])
def test_m5_a_person_merely_under_enforcement_is_never_blocked(feed: str | None) -> None:
    record = debtor(feed=feed)
    assert judged("张三", ("cn-id", person_id()), record) == (Level.NONE, "feed-never-blocks")
    assert not may_block(record, listed_in(record), TODAY, BOTH)


def test_m5_not_even_where_the_terms_had_effects(restricting: Agent) -> None:
    restricting.register.rows.append(KeptRow("row-1", "张三", (("cn-id", person_id()),)))
    restricting.apply(upsert("bulk", 1, 2, debtor(feed="judgment-debtor", state="ended-unperformed")))
    restricting.be_fresh()
    restricting.look_up()
    answer = restricting.screener.screen(asked("A-1", "张三", person_id()))
    assert (answer["decision"], restricting.holds()) == ("clear", {})


def test_m4_an_order_holds_rows_of_unit_and_person_until_it_is_lifted(restricting: Agent) -> None:
    restricting.register.rows += [
        KeptRow("row-1", UNIT, (("cn-org", CODE),)), KeptRow("row-2", HEAD, (("cn-id", HEAD_ID),)),
        KeptRow("row-3", HEAD, (("cn-id", person_id(8)),)),
    ]  # fmt: skip
    restricting.apply(upsert("bulk", 1, 2, order()))
    restricting.be_fresh()
    assert restricting.look_up() == 2
    assert restricting.holds() == {"row-1": ("o1",), "row-2": ("o1",)}
    restricting.apply(withdrawn(2, 3, "o1", "lifted"))
    assert restricting.holds() == {}


def test_m4_one_of_two_orders_lifted_releases_nobody(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order()), upsert("bulk", 2, 3, order(record_id="o2")))
    restricting.be_fresh()
    assert restricting.screener.screen(asked("A-1"))["decision"] == "block"
    restricting.apply(withdrawn(2, 4, "o1", "lifted"))
    restricting.be_fresh()
    assert restricting.holds() == {"A-1": ("o2",)}
    assert restricting.screener.screen(asked("A-2"))["decision"] == "block"


def test_a_person_taken_out_of_an_order_is_released_and_the_unit_is_not(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order()))
    restricting.be_fresh()
    restricting.screener.screen(asked("A-1"))
    restricting.screener.screen(Request("A-2", "flight", UNIT, (("cn-org", CODE),)))
    unit = order(status="amended", subjects=[subject("organisation", UNIT, entry("cn-org", CODE))])
    restricting.apply(upsert("priority", 2, 3, unit))
    assert restricting.holds() == {"A-2": ("o1",)}


def test_a_waiver_lets_exactly_one_application_pass(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order()))
    restricting.be_fresh()
    assert restricting.screener.screen(asked("A-0"))["decision"] == "block"
    amended = order(status="amended", waivers=[waiver(restricting.today)])
    restricting.apply(upsert("priority", 2, 3, amended))
    restricting.be_fresh()
    passed = restricting.screener.screen(asked("A-1"))
    (reason,) = passed["reasons"]
    assert (passed["decision"], reason["code"], reason["waiver"]) == ("clear", "waived", "批1")
    assert restricting.screener.screen(asked("A-2"))["decision"] == "block"
    assert restricting.screener.screen(asked("A-1"))["decision"] == "clear", "asked again: the same application"
    assert restricting.screener.screen(asked("A-0"))["standing"], "what was blocked before stays so"
    told_of = [(one["kind"], one["reference"], one["reason"]) for one in receipts(restricting)]
    assert ("matched", "A-1", "waived") in told_of
    assert orjson.dumps(passed).decode().find(HEAD_ID) == -1


@pytest.mark.parametrize(
    "changed",
    [
        {"action": "train"},
        {"name": UNIT},
        {"valid_until": "2020-01-01", "valid_from": "2020-01-01"},
        {"valid_from": "2999-01-01", "valid_until": "2999-01-01"},
        {"number": ""},
        {"number": None},
        {"valid_until": None},
    ],
)
def test_a_waiver_for_something_else_lets_nobody_pass(restricting: Agent, changed: dict[str, object]) -> None:
    restricting.apply(upsert("bulk", 1, 2, order(waivers=[waiver(restricting.today, **changed)])))
    restricting.be_fresh()
    assert restricting.screener.screen(asked("A-1"))["decision"] == "block"


def test_a_waiver_that_does_not_say_for_whom_lets_nobody_pass(restricting: Agent) -> None:
    shown = waiver(restricting.today)
    del shown["name"]
    restricting.apply(upsert("bulk", 1, 2, order(waivers=[shown])))
    restricting.be_fresh()
    assert restricting.screener.screen(asked("A-1"))["decision"] == "block"


def test_a_waiver_for_the_whole_order_is_used_up_by_whoever_comes_first(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order(waivers=[waiver(restricting.today, name=None)])))
    restricting.be_fresh()
    assert restricting.screener.screen(Request("A-1", "flight", UNIT, (("cn-org", CODE),)))["decision"] == "clear"
    assert restricting.screener.screen(asked("A-2"))["decision"] == "block"


def test_a_namesake_does_not_use_a_waiver_up(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order(waivers=[waiver(restricting.today)])))
    restricting.be_fresh()
    assert restricting.screener.screen(asked("A-1", number=person_id(8)))["reasons"] == ()
    assert restricting.screener.screen(asked("A-2"))["reasons"][0]["code"] == "waived"


def test_a_waiver_of_one_order_is_none_of_another_and_is_not_used_up(restricting: Agent) -> None:
    waived = order(waivers=[waiver(restricting.today)])
    restricting.apply(upsert("bulk", 1, 2, waived), upsert("bulk", 2, 3, order(record_id="o2")))
    restricting.be_fresh()
    assert restricting.screener.screen(asked("A-1"))["decision"] == "block"
    restricting.apply(withdrawn(2, 4, "o2", "lifted"))
    restricting.be_fresh()
    assert restricting.screener.screen(asked("A-2"))["decision"] == "clear"
    assert restricting.screener.screen(asked("A-3"))["decision"] == "block"


def test_an_order_that_a_person_must_look_at_is_looked_at_beside_a_waiver(restricting: Agent) -> None:
    waived = order(waivers=[waiver(restricting.today)])
    restricting.apply(upsert("bulk", 1, 2, waived), upsert("bulk", 2, 3, order(record_id="o2", doubts=["period"])))
    restricting.be_fresh()
    answer = restricting.screener.screen(asked("A-1"))
    assert answer["decision"] == "review"
    assert sorted(reason["code"] for reason in answer["reasons"]) == ["record-doubtful", "waived"]
    assert restricting.screener.screen(asked("A-2"))["decision"] == "block", "used up by the one that is reviewed"


def test_of_many_that_ask_at_once_one_passes(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order(waivers=[waiver(restricting.today)])))
    restricting.be_fresh()
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda place: restricting.screener.screen(asked(f"A-{place}")), range(24)))
    decisions = [answer["decision"] for answer in answers]
    assert (decisions.count("clear"), decisions.count("block")) == (1, 23)


def test_the_same_waiver_sent_again_is_used_up_still(restricting: Agent) -> None:
    waived = order(waivers=[waiver(restricting.today)])
    restricting.apply(upsert("bulk", 1, 2, waived))
    restricting.be_fresh()
    restricting.screener.screen(asked("A-1"))
    again = order(status="amended", waivers=[waiver(restricting.today), waiver(restricting.today, number="批2")])
    restricting.apply(upsert("priority", 2, 3, again))
    restricting.be_fresh()
    decisions = [restricting.screener.screen(asked(f"B-{place}"))["decision"] for place in range(3)]
    assert decisions == ["clear", "block", "block"]


def test_m8_the_kill_switch_uses_no_waiver_up(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order(waivers=[waiver(restricting.today)])))
    restricting.be_fresh()
    switch = restricting.directory / "kill-switch"
    switch.touch()
    assert restricting.screener.screen(asked("A-1"))["decision"] == "review"
    switch.unlink()
    assert restricting.screener.screen(asked("A-2"))["decision"] == "clear"


def test_a_decision_without_an_action_uses_no_waiver_up(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order(waivers=[waiver(restricting.today)])))
    restricting.be_fresh()
    assert restricting.screener.decide(HEAD, [("cn-id", HEAD_ID)]).decision == "block"
    assert restricting.screener.screen(asked("A-1"))["decision"] == "clear"


def test_what_the_counter_is_told_speaks_of_an_order(restricting: Agent) -> None:
    restricting.apply(upsert("bulk", 1, 2, order()))
    restricting.be_fresh()
    (reason,) = restricting.screener.screen(asked("A-1"))["reasons"]
    assert reason["explanation"] == "The identifier and the name are those of one whom a court's order restricts."
    assert (reason["ground"], reason["expires_on"]) == ("被采取限制消费措施", None)
