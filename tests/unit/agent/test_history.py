"""The history of statements in a real index: never overwritten, whatever the lanes bring first."""

from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.agent.addresses import where
from gateway.agent.event import Arrived
from gateway.agent.history import Told, expire, told_of
from gateway.agent.records import live_records
from schemas.canonical import JsonObject
from tests.unit.agent.conftest import RUN, Agent, debtor, ref, upsert
from tests.unit.agent.statements import OTHER, UNIT, statement

DAY = date(2026, 6, 1)


def withdrawn(number: int, cause: int, record_id: str) -> Arrived:
    record = {
        "feed": "service-address", "schema_version": 1, "record_id": record_id, "status": "withdrawn",
        "status_reason": "mistaken",
    }  # fmt: skip
    return Arrived(ref("priority", number, cause), "withdrawn", record, None, RUN)


def drop(number: int, cause: int, record_id: str) -> Arrived:
    record: JsonObject = {"feed": "service-address", "record_id": record_id}
    return Arrived(ref("priority", number, cause), "drop", record, None, RUN)


def history(agent: Agent, party: Any = UNIT) -> list[Told]:
    with agent.index.read() as view:
        return told_of(view, agent.keyed, party)


def kept(agent: Agent) -> dict[bytes, bytes]:
    with agent.index.read() as view:
        return dict(view.items("history"))


def told(agent: Agent) -> list[tuple[str, str, int]]:
    return [(one.record_id, one.kind, one.ref.cause) for one in history(agent)]


def test_an_amendment_and_a_withdrawal_leave_what_stood(agent: Agent) -> None:
    agent.apply(upsert("bulk", 1, 5, statement("s1")))
    agent.apply(upsert("priority", 1, 6, statement("s1", status="amended", spare={"address": "x", "postcode": None})))
    agent.apply(withdrawn(2, 7, "s1"))
    first, second, news = history(agent)
    assert (first.record, first.kept["effective_from"]) == (statement("s1"), "2026-01-06")
    assert second.record is not None
    assert second.record["spare"] == {"address": "x", "postcode": None}
    assert (news.kind, news.reason, news.record) == ("withdrawn", "mistaken", None)
    assert where(history(agent), UNIT, DAY)["serve_at"] == []
    assert where([first, second], UNIT, DAY)["serve_at"][0]["by"] == "s1"


def test_what_another_lane_overtook_is_kept_all_the_same(agent: Agent) -> None:
    agent.apply(withdrawn(1, 7, "s1"), upsert("bulk", 1, 5, statement("s1")))
    assert told(agent) == [("s1", "upsert", 5), ("s1", "withdrawn", 7)]
    assert where(history(agent), UNIT, DAY)["serve_at"] == []


def test_the_same_event_again_changes_nothing(agent: Agent) -> None:
    agent.apply(upsert("bulk", 1, 5, statement("s1")))
    before = kept(agent)
    agent.clock.advance(timedelta(days=1))
    agent.apply(upsert("bulk", 2, 5, statement("s1", spare={"address": "another", "postcode": None})))
    assert kept(agent) == before


def test_only_statements_have_a_history_and_each_party_its_own(agent: Agent) -> None:
    agent.apply(upsert("bulk", 1, 5, debtor()), upsert("bulk", 2, 6, statement("s1", party=OTHER)))
    assert (len(kept(agent)), history(agent), len(history(agent, OTHER))) == (1, [], 1)


def test_a_statement_blocks_nobody_and_waits_for_no_register(agent: Agent) -> None:
    agent.apply(upsert("bulk", 1, 5, statement("s1")))
    assert agent.holds() == {}
    agent.look_up()
    assert agent.register.held == set()


def test_retention_takes_the_content_of_what_was_withdrawn_and_leaves_that_it_stood(agent: Agent) -> None:
    agent.apply(upsert("bulk", 1, 5, statement("s1")), upsert("bulk", 2, 6, statement("s2", "2026-02-01")))
    agent.apply(withdrawn(1, 7, "s1"), drop(2, 8, "s3"))

    def after(days: int) -> int:
        return agent.index.write(lambda change: expire(change, agent.keyed, 30, agent.today + timedelta(days=days)))

    assert after(29) == 0
    assert after(30) == 1
    assert after(30) == 0, "once"
    first, news, other = history(agent)
    assert (first.record, first.event, first.kept["effective_from"]) == (None, None, "2026-01-06")
    assert first.ref.leaf
    assert (news.kind, other.record_id) == ("withdrawn", "s2")
    assert other.record is not None, "what stands is kept, however old"
    assert where(history(agent), UNIT, DAY)["serve_at"][0]["by"] == "s2"


@st.composite
def journals(draw: st.DrawFn) -> list[tuple[str, JsonObject | None]]:
    """What a provider said, in the order of the journal: (record id, statement), None for a withdrawal."""
    said: list[tuple[str, JsonObject | None]] = []
    for record_id in (f"s{serial}" for serial in range(draw(st.integers(1, 4)))):
        begins = draw(st.sampled_from(["2026-01-06", "2026-02-01", "2026-03-01"]))
        places = draw(st.lists(st.sampled_from("甲乙丙"), min_size=1, max_size=3))
        domiciles: list[JsonObject] = [{"address": place, "postcode": None} for place in places]
        said += [(record_id, statement(record_id, begins, domicile=domicile)) for domicile in domiciles]
        if draw(st.booleans()):
            said.append((record_id, None))
    order = draw(st.permutations(range(len(said))))
    return [said[place] for place in _in_order_of_each_record(said, list(order))]


def _in_order_of_each_record(said: list[tuple[str, JsonObject | None]], order: list[int]) -> list[int]:
    """Any order of all, in which those of one record stand as they were said."""
    left = {record_id: [place for place, (other, _) in enumerate(said) if other == record_id] for record_id, _ in said}
    return [left[said[place][0]].pop(0) for place in order]


def lanes_of(journal: list[tuple[str, JsonObject | None]]) -> dict[str, list[Arrived]]:
    """Both lanes as they are routed: first versions in one, amendments and withdrawals in the other."""
    lanes: dict[str, list[Arrived]] = {"bulk": [], "priority": []}
    seen: set[str] = set()
    for cause, (record_id, record) in enumerate(journal, 1):
        lane = "priority" if record_id in seen else "bulk"
        seen.add(record_id)
        number = len(lanes[lane]) + 1
        event = withdrawn(number, cause, record_id) if record is None else upsert(lane, number, cause, record)
        lanes[lane].append(event)
    return lanes


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_whatever_lane_is_faster_the_history_and_every_answer_are_the_same_and_nothing_is_overwritten(
    make_agent: Callable[[], Agent], data: st.DataObject
) -> None:
    lanes = lanes_of(data.draw(journals()))
    picks = data.draw(st.permutations(["bulk"] * len(lanes["bulk"]) + ["priority"] * len(lanes["priority"])))
    straight, mixed = make_agent(), make_agent()
    straight.apply(*lanes["bulk"], *lanes["priority"])
    before: dict[bytes, bytes] = {}
    for lane in picks:
        mixed.apply(lanes[lane].pop(0))
        after = kept(mixed)
        assert before.items() <= after.items()
        before = after
    assert history(mixed) == history(straight)
    with mixed.index.read() as view:
        live = {one.record_id for one in live_records(view, mixed.keyed)}
    for day in ("2026-01-05", "2026-01-31", "2026-02-28", "2026-12-31"):
        answers = [where(history(one), UNIT, date.fromisoformat(day)) for one in (mixed, straight)]
        assert answers[0] == answers[1]
        assert {place["by"] for place in answers[0]["serve_at"]} <= live


@pytest.mark.parametrize("kind", ["withdrawn", "drop"])
def test_a_history_is_there_for_whoever_stood_in_it(agent: Agent, kind: str) -> None:
    agent.apply(upsert("bulk", 1, 5, statement("s1")))
    agent.apply(withdrawn(1, 6, "s1") if kind == "withdrawn" else drop(1, 6, "s1"))
    assert [one.kind for one in history(agent)] == ["upsert", kind]
    assert where(history(agent), UNIT, DAY)["serve_at"] == []
