"""Decisions: what is answered, kept, and held (rules M1-M4, M7, M8, D11)."""

from dataclasses import replace
from datetime import timedelta

import orjson
import pytest

from contracts.model import Terms
from gateway.agent.screen import Request
from gateway.agent.standing import write_standing
from gateway.errors import Conflict, Refused
from schemas.canonical import JsonObject, unb64u

from .conftest import CONTRACT, Agent, debtor, entry, person_id, told, upsert, withdrawn

MEASURE = "market-entry-restriction"
MASKED = f"{person_id()[:10]}****{person_id()[-4:]}"


def asked(reference: str = "A-1", name: str = "张三", number: str = person_id(), **changed: object) -> Request:
    return Request(reference, "licence", name, (("cn-id", number),), **changed)


@pytest.fixture
def listed(agent: Agent) -> Agent:
    """An agent whose fresh list holds 张三."""
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, debtor()))
    agent.be_fresh()
    return agent


def receipts(agent: Agent) -> list[JsonObject]:
    with agent.index.read() as view:
        tokens = [orjson.loads(value)["token"] for _, value in view.items("receipts")]
    payloads = [orjson.loads(unb64u(token.split(".")[1])) for token in tokens]
    return [one for one in payloads if one["kind"] != "received"]


def test_m1_a_listed_applicant_is_blocked_and_held(listed: Agent) -> None:
    answer = listed.screener.screen(asked())
    assert answer["decision"] == "block"
    assert answer["measure"] == MEASURE
    assert answer["standing"] is True
    (reason,) = answer["reasons"]
    assert (reason["code"], reason["key"], reason["record_id"]) == ("identifier-and-name", "cn-id", "r1")
    assert (reason["case_number"], reason["court"]) == ("（2025）豫0811执1号", "焦作市山阳区人民法院")
    assert reason["contact"]
    assert reason["legal_basis"]
    assert person_id() not in orjson.dumps(answer).decode()
    assert listed.holds() == {"A-1": ("r1",)}
    assert [(one["kind"], one["key"], one["reference"]) for one in receipts(listed)] == [
        ("matched", "A-1", "A-1"),
        ("blocked", "A-1", "A-1"),
    ]


def test_a_stranger_is_clear_and_nothing_of_it_is_kept(listed: Agent) -> None:
    answer = listed.screener.screen(asked(name="李四", number=person_id(9)))
    assert (answer["decision"], answer["reasons"]) == ("clear", ())
    with listed.index.read() as view:
        assert view.count("answers") == 0
        assert view.count("holds") == 0


def test_a_clear_answer_is_kept_where_that_is_asked_for(listed: Agent) -> None:
    listed.screener.screen(asked(name="李四", number=person_id(9), keep=True))
    with pytest.raises(Conflict, match="reference-reused"):
        listed.screener.screen(asked())


def test_the_same_reference_and_request_has_the_same_answer_and_one_receipt(listed: Agent) -> None:
    first = listed.screener.screen(asked())
    listed.clock.advance(timedelta(seconds=30))
    assert listed.screener.screen(asked()) == orjson.loads(orjson.dumps(first))
    assert len(receipts(listed)) == 2


def test_the_same_reference_for_another_request_is_a_conflict(listed: Agent) -> None:
    listed.screener.screen(asked())
    with pytest.raises(Conflict) as raised:
        listed.screener.screen(asked(name="李四"))
    assert raised.value.code == "reference-reused"


def test_m4_a_screenings_hold_is_released_with_its_record_and_the_answer_says_so(listed: Agent) -> None:
    listed.screener.screen(asked())
    listed.apply(withdrawn(2, 3, "r1"))
    listed.be_fresh()
    assert listed.holds() == {}
    assert listed.screener.screen(asked())["standing"] is False
    assert listed.screener.screen(asked("A-2"))["decision"] == "clear"
    released = receipts(listed)[-1]
    assert (released["kind"], released["key"]) == ("released", f"{CONTRACT}/priority/2/A-1")
    assert (released["reference"], released["row"]) == ("A-1", "A-1")


def test_m4_a_hold_stands_on_every_record_that_blocks(listed: Agent) -> None:
    listed.apply(upsert("bulk", 2, 3, debtor(record_id="r2")))
    listed.be_fresh()
    answer = listed.screener.screen(asked())
    assert [reason["record_id"] for reason in answer["reasons"]] == ["r2", "r1"]
    assert listed.holds() == {"A-1": ("r1", "r2")}


def test_m2_a_likeness_is_reviewed_under_a_due_date(agent: Agent) -> None:
    agent.apply(
        told(1, 1, "active"), upsert("bulk", 1, 2, debtor("张三", entry("cn-id", MASKED, masked=True, check="none")))
    )
    agent.be_fresh()
    answer = agent.screener.screen(asked())
    assert answer["decision"] == "review"
    assert answer["review"] == {"proceed": True, "due_on": "2026-11-26", "on_lapse": "clear"}
    assert agent.holds() == {}
    assert receipts(agent) == []
    assert agent.screener.screen(asked()) == orjson.loads(orjson.dumps(answer))


def test_m2_a_namesake_is_clear(listed: Agent) -> None:
    assert listed.screener.screen(asked(number=person_id(2)))["decision"] == "clear"


def test_m8_the_kill_switch_blocks_nothing_new_and_releases_go_on(listed: Agent) -> None:
    listed.screener.screen(asked())
    (listed.directory / "kill-switch").touch()
    answer = listed.screener.screen(asked("A-2"))
    assert (answer["decision"], answer["reasons"][0]["code"]) == ("review", "kill-switch")
    assert listed.holds() == {"A-1": ("r1",)}
    listed.apply(withdrawn(2, 3, "r1"))
    assert listed.holds() == {}


@pytest.mark.parametrize("name", ["张三", "李四"])
def test_d11_a_stale_list_answers_unknown_never_clear(listed: Agent, terms: Terms, name: str) -> None:
    listed.clock.advance(timedelta(seconds=terms.duties.heartbeat_lease_seconds - 1))
    assert listed.screener.screen(asked("A-1", name))["decision"] != "unknown"
    listed.clock.advance(timedelta(seconds=1))
    answer = listed.screener.screen(asked("A-2", name))
    assert (answer["decision"], answer["cause"], answer["business"]) == ("unknown", "list-stale", "open")
    with listed.index.read() as view:
        assert view.value("answers", listed.keyed.record("A-2")) is None


@pytest.mark.parametrize(
    ("changed", "cause"),
    [
        ({"failure": "event-unverified"}, "verification-failed"),
        ({"state": "suspended"}, "contract-not-active"),
        ({"beat": "suspended"}, "contract-not-active"),
        ({"state": "revoked"}, "contract-ended"),
        ({"state": "ended"}, "contract-ended"),
        ({"fresh_at": None}, "list-incomplete"),
        ({"version": 2}, "contract-unread"),
    ],
)
def test_m3_unknown_says_why(listed: Agent, changed: JsonObject, cause: str) -> None:
    standing = replace(listed.standing(), **changed)
    listed.index.write(lambda change: write_standing(change, CONTRACT, standing))
    assert listed.screener.screen(asked())["cause"] == cause
    assert listed.screener.decide("李四", [("cn-id", person_id(9))]).cause == cause


def test_m3_an_agent_that_never_read_its_contract_is_closed(make_agent) -> None:
    agent = make_agent()
    agent.index.write(lambda change: change.delete("terms", CONTRACT.encode()))
    answer = agent.screener.screen(asked())
    assert (answer["decision"], answer["business"]) == ("unknown", "closed")


def test_m3_a_contract_past_its_last_day_is_over_without_any_event(listed: Agent, terms: Terms) -> None:
    listed.clock.advance(terms.valid_until - listed.today + timedelta(days=1))
    listed.be_fresh()
    assert listed.screener.screen(asked())["cause"] == "contract-ended"


def test_an_action_that_the_contract_does_not_cover_is_refused(listed: Agent) -> None:
    with pytest.raises(Refused) as raised:
        listed.screener.screen(Request("A-1", "tender", "张三", (("cn-id", person_id()),)))
    assert raised.value.code == "action-not-covered"


def test_many_are_decided_as_one_by_one(listed: Agent) -> None:
    listed.apply(
        upsert("bulk", 2, 3, debtor("王五", entry("cn-id", MASKED, masked=True, check="none"), record_id="r2"))
    )
    listed.be_fresh()
    wrong = person_id()[:-1] + ("0" if person_id()[-1] != "0" else "1")
    many = [
        ("张三", [("cn-id", person_id())], None),
        ("李四", [("cn-id", person_id(9))], None),
        ("王五", [("cn-id", person_id())], None),
        ("王五", [("cn-id", person_id(3))], None),
        ("张三", [("cn-id", wrong)], None),
        (None, [("cn-id", person_id())], None),
        ("张三", [], None),
    ]
    decided = listed.screener.decide_many(many)
    assert decided == [listed.screener.decide(*one) for one in many]
    assert [one.decision for one in decided] == ["block", "clear", "review", "clear", "clear", "review", "clear"]
    assert decided[4].warnings == ("identifier-check-failed",)
