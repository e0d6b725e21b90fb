"""Applying pages: causes give order, numbers prove completeness, holds equal the live records (D4, D5, M4, M7)."""

from collections import Counter
from collections.abc import Callable

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.agent.event import Arrived
from schemas.canonical import JsonObject, unb64u

from .conftest import CONTRACT, RUN, Agent, KeptRow, debtor, drop, entry, person_id, ref, told, upsert, withdrawn

ROWS = [KeptRow(f"licence-{n}", f"张三{n}", (("cn-id", person_id(n)),)) for n in range(3)]
ROW_OF = {person_id(n): row.id for n, row in enumerate(ROWS)}


def receipts(agent: Agent) -> list[JsonObject]:
    """The payloads of all receipts in the outbox, in order."""
    with agent.index.read() as view:
        return [payload(orjson.loads(value)["token"]) for _, value in view.items("receipts")]


def payload(token: str) -> JsonObject:
    return orjson.loads(unb64u(token.split(".")[1]))


def register_work(agent: Agent) -> list[tuple[str, str]]:
    with agent.index.read() as view:
        items = [orjson.loads(value) for _, value in view.items("orders")]
    return [(item["kind"], item["row"]) for item in items]


def one_of(number: int, person: int = 0, **changed: object) -> JsonObject:
    return debtor(f"张三{person}", entry("cn-id", person_id(person)), record_id=f"r{number}", **changed)


def test_m4_a_hold_stands_until_its_last_record_goes(agent: Agent) -> None:
    agent.register.rows = ROWS
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)), upsert("bulk", 2, 3, one_of(2)))
    agent.look_up()
    assert agent.holds() == {"licence-0": ("r1", "r2")}
    agent.apply(withdrawn(2, 4, "r1"))
    assert agent.holds() == {"licence-0": ("r2",)}
    agent.apply(withdrawn(3, 5, "r2"))
    assert agent.holds() == {}
    assert register_work(agent) == [("hold", "licence-0"), ("release", "licence-0")]
    counts = Counter((one["kind"], one["key"]) for one in receipts(agent))
    assert set(counts.values()) == {1}
    released = [one for one in receipts(agent) if one["kind"] == "released"]
    assert [one["key"] for one in released] == [f"{CONTRACT}/priority/3/licence-0"]
    assert released[0]["reason"] == "performed"


def test_m7_matched_and_blocked_come_in_order_and_are_bound_to_the_event(agent: Agent) -> None:
    agent.register.rows = ROWS
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)))
    agent.look_up()
    about = [one for one in receipts(agent) if one["kind"] != "received"]
    assert [one["kind"] for one in about] == ["matched", "blocked"]
    assert {one["key"] for one in about} == {f"{CONTRACT}/bulk/1/licence-0"}
    assert about[0]["event"] == {"lane": "bulk", "number": 1, "cause": 2, "leaf": ref("bulk", 1, 2).leaf}


def test_d12_received_acknowledges_a_range_of_each_lane(agent: Agent) -> None:
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)), upsert("bulk", 2, 3, one_of(2)))
    keys = [one["key"] for one in receipts(agent) if one["kind"] == "received"]
    assert keys == [f"{CONTRACT}/priority/1-1", f"{CONTRACT}/bulk/1-2"]


def test_m7_a_gap_stops_the_lane_and_nothing_is_skipped(agent: Agent) -> None:
    applied = agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)), upsert("bulk", 3, 4, one_of(3)))
    assert applied.gap
    assert (agent.standing().priority, agent.standing().bulk) == (1, 1)
    assert set(agent.live()) == {"r1"}


def test_d4_a_repeated_page_changes_nothing(agent: Agent) -> None:
    page = (told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)), upsert("bulk", 2, 3, one_of(2)))
    agent.apply(*page)
    before = len(receipts(agent))
    assert agent.apply(*page).new == 0
    assert len(receipts(agent)) == before


def test_d4_a_withdrawal_that_overtakes_its_listing_leaves_a_tombstone(agent: Agent) -> None:
    agent.register.rows = ROWS
    agent.apply(told(1, 1, "active"), withdrawn(2, 9, "r1"), upsert("bulk", 1, 2, one_of(1)))
    agent.look_up()
    assert agent.live() == {}
    assert agent.holds() == {}


def test_m4_an_amendment_that_no_longer_fits_releases(agent: Agent) -> None:
    agent.register.rows = ROWS
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)))
    agent.look_up()
    agent.apply(upsert("priority", 2, 3, one_of(1, person=0, status="amended", doubts=["kind"])))
    agent.look_up()
    assert agent.holds() == {}


@pytest.mark.parametrize(("on_end", "stays"), [("release", False), ("keep-until-withdrawn", True)])
def test_d7_the_end_of_a_contract_does_with_holds_what_it_says(agent: Agent, on_end: str, stays: bool) -> None:
    agent.register.rows = ROWS
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)))
    agent.look_up()
    agent.apply(told(2, 3, "ended", on_end))
    assert bool(agent.holds()) is stays
    agent.apply(withdrawn(3, 4, "r1"))
    assert agent.holds() == {}


def test_d6_a_contract_that_is_taken_up_again_holds_again(agent: Agent) -> None:
    agent.register.rows = ROWS
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)))
    agent.look_up()
    agent.apply(told(2, 3, "ended"))
    agent.look_up()
    assert agent.holds() == {}
    agent.apply(told(3, 4, "active", version=2))
    agent.look_up()
    assert agent.holds() == {"licence-0": ("r1",)}
    counts = Counter((one["kind"], one["key"]) for one in receipts(agent))
    assert set(counts.values()) == {1}


def test_a_record_that_cannot_be_read_is_refused_and_takes_the_old_one_away(agent: Agent) -> None:
    broken = {**one_of(1, status="amended"), "subject": None}
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)), upsert("priority", 2, 3, broken))
    assert agent.live() == {}
    assert [(one["key"], one["reason"]) for one in receipts(agent) if one["kind"] == "refused"] == [
        (f"{CONTRACT}/priority/2", "record-unreadable")
    ]


def test_p1_no_name_or_identifier_stands_in_a_key_or_a_tombstone(agent: Agent) -> None:
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, one_of(1)), withdrawn(2, 3, "r1"))
    agent.apply(upsert("bulk", 2, 4, one_of(2)))
    with agent.index.read() as view:
        found = {db: list(view.items(db)) for db in agent.index.dbs}
    marks = ("张三0".encode(), person_id(0).encode())
    for db, items in found.items():
        for key, value in items:
            assert not any(mark in key for mark in marks)
            if db != "records" or b'"gone"' in value:
                assert not any(mark in value for mark in marks)


@st.composite
def histories(draw: st.DrawFn) -> list[Arrived]:
    """What a gateway would send for some records' lives: causes rise, each lane numbers its own."""
    priority, bulk, cause = 1, 0, 1
    live: set[int] = set()
    seen: set[int] = set()
    events = [told(1, 1, "active")]
    state = "active"
    for _ in range(draw(st.integers(1, 14))):
        cause += 1
        step = draw(st.sampled_from(("list", "list", "amend", "withdraw", "drop", "void", "end", "open")))
        record = draw(st.integers(0, 3))
        person = draw(st.integers(0, 2))
        if step == "list" and record not in live and state == "active":
            bulk += 1
            live.add(record)
            seen.add(record)
            events.append(upsert("bulk", bulk, cause, one_of(record, person)))
        elif step == "amend" and record in live and state == "active":
            priority += 1
            doubts = draw(st.sampled_from(([], ["kind"])))
            events.append(upsert("priority", priority, cause, one_of(record, person, status="amended", doubts=doubts)))
        elif step in ("withdraw", "drop") and record in live:
            priority += 1
            live.discard(record)
            make = withdrawn if step == "withdraw" else drop
            events.append(make(priority, cause, f"r{record}"))
        elif step == "void":
            bulk += 1
            events.append(Arrived(ref("bulk", bulk, cause), "void", None, None, RUN))
        elif step == "end" and state == "active":
            priority += 1
            state = "ended"
            events.append(told(priority, cause, state, draw(st.sampled_from(("release", "keep-until-withdrawn")))))
        elif step == "open" and state == "ended":
            priority += 1
            state = "active"
            events.append(told(priority, cause, state))
    return events


def ends_in(agent: Agent) -> tuple:
    agent.look_up()
    standing = agent.standing()
    return agent.live(), (standing.priority, standing.bulk, standing.state, standing.cause), agent.holds()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(histories(), st.data())
def test_d4_any_interleaving_of_the_lanes_ends_as_the_order_of_causes_does(
    make_agent: Callable[[], Agent], history: list[Arrived], data: st.DataObject
) -> None:
    """Rule D4, with repeats and look-ups in between; rule M4: holds equal the live records that support them."""
    ordered, shuffled = make_agent(), make_agent()
    ordered.register.rows = shuffled.register.rows = ROWS
    for event in history:
        ordered.apply(event)
        ordered.look_up()
    lanes = {lane: [event for event in history if event.ref.lane == lane] for lane in ("priority", "bulk")}
    sent = {"priority": 0, "bulk": 0}
    while any(sent[lane] < len(lanes[lane]) for lane in lanes):
        lane = data.draw(st.sampled_from([lane for lane in lanes if sent[lane] < len(lanes[lane])]))
        size = data.draw(st.integers(1, 4))
        back = data.draw(st.integers(0, min(2, sent[lane])))
        shuffled.apply(*lanes[lane][sent[lane] - back : sent[lane] + size])
        sent[lane] = min(len(lanes[lane]), sent[lane] + size)
        if data.draw(st.booleans()):
            shuffled.look_up()
    live, standing, holds = ends_in(shuffled)
    assert (live, standing) == ends_in(ordered)[:2]
    if standing[2] == "active":
        assert holds == ends_in(ordered)[2]
        supported: dict[str, list[str]] = {}
        for record_id, record in sorted(live.items()):
            identifier = record["subject"]["identifiers"][0]["value"]
            if not record["doubts"]:
                supported.setdefault(ROW_OF[identifier], []).append(record_id)
        assert holds == {row: tuple(ids) for row, ids in supported.items()}
    else:
        assert all(record in live for ids in holds.values() for record in ids)
    counts = Counter((one["kind"], one["key"]) for one in receipts(shuffled))
    assert set(counts.values()) == {1}
    for agent in (ordered, shuffled):
        agent.index.close()
