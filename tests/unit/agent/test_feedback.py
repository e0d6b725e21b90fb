"""Feedback: one receipt for each number of the agency's, and a mark on the version that it was said of."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from random import Random
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gateway.agent.feedback import Given, say
from gateway.agent.marks import Said, dispute_of
from gateway.agent.records import read_live
from gateway.agent.screen import Request
from gateway.agent.standing import read_standing, write_standing
from gateway.clock import stamp
from gateway.errors import Conflict, FuyuanError, NotFound, Refused
from schemas.canonical import JsonObject, unb64u

from .conftest import CONTRACT, Agent, KeptRow, debtor, person_id, ref, told, upsert, withdrawn

ROW = KeptRow("licence-1", "张三", (("cn-id", person_id()),))


def tell(agent: Agent, answer: Any, reference: str, record: str = "r1", **changed: Any) -> tuple[Said, bool]:
    words = {"reason": None, "row": None} | changed
    return agent.index.write(
        lambda change: say(change, agent.scribe, agent.keyed, Given(record, answer, reference=reference, **words))
    )


def dispute(agent: Agent, reference: str = "D-1", reason: str = "content-inaccurate", **changed: Any) -> bool:
    return tell(agent, "disputed", reference, reason=reason, **changed)[1]


def mark(agent: Agent, record: str = "r1") -> str | None:
    """The reason of the dispute that stands."""
    with agent.index.read() as view:
        live = read_live(view, agent.keyed, record)
        found = None if live is None else dispute_of(view, agent.keyed, live)
    return None if found is None else found.reason


def receipts(agent: Agent) -> list[JsonObject]:
    with agent.index.read() as view:
        tokens = [orjson.loads(value)["token"] for _, value in view.items("receipts")]
    payloads = [orjson.loads(unb64u(token.split(".")[1])) for token in tokens]
    return [one for one in payloads if one["kind"] != "received"]


def orders(agent: Agent) -> list[tuple[str, str, str | None]]:
    with agent.index.read() as view:
        items = [orjson.loads(value) for _, value in view.items("orders")]
    return [(one["kind"], one["row"], one["told"] and one["told"]["disputed"]) for one in items]


def asked(reference: str = "A-1") -> Request:
    return Request(reference, "licence", "张三", (("cn-id", person_id()),))


@pytest.fixture
def holding(agent: Agent) -> Agent:
    """An agent that holds the row of 张三."""
    agent.register.rows = [ROW]
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, debtor(), revision=1))
    agent.be_fresh()
    assert agent.look_up() == 1
    return agent


def test_d12_what_is_said_is_one_receipt_bound_to_the_event(holding: Agent) -> None:
    assert dispute(holding)
    assert not dispute(holding), "the same under the same number"
    (receipt,) = [one for one in receipts(holding) if one["kind"] == "disputed"]
    names = ("key", "reference", "record_id", "reason", "row", "measure")
    assert [receipt[name] for name in names] == ["D-1", "D-1", "r1", "content-inaccurate", None, None]
    assert receipt["event"] == {"lane": "bulk", "number": 1, "cause": 2, "leaf": ref("bulk", 1, 2).leaf}


def test_art_12_a_dispute_unblocks_nobody_and_is_shown_wherever_the_record_is(holding: Agent) -> None:
    before = holding.screener.screen(asked())
    assert before["reasons"][0]["disputed"] is None
    since = stamp(holding.clock.now())
    dispute(holding)
    told_now = {"since": since, "reason": "content-inaccurate"}
    for answer in (holding.screener.screen(asked()), holding.screener.screen(asked("A-2"))):
        assert (answer["decision"], answer["standing"]) == ("block", True)
        assert [one["disputed"] for one in answer["reasons"]] == [told_now]
    assert holding.holds() == {"A-1": ("r1",), "A-2": ("r1",), "licence-1": ("r1",)}
    assert orders(holding) == [
        ("hold", "licence-1", None),
        ("renew", "licence-1", "2026-11-23 content-inaccurate"),
    ], "the register is told, and holds on"


def test_the_newest_word_counts_and_an_old_one_sent_again_does_not(holding: Agent) -> None:
    dispute(holding)
    tell(holding, "accepted", "D-2")
    assert mark(holding) is None
    assert not dispute(holding), "it was said before"
    assert mark(holding) is None
    dispute(holding, "D-3", "to-be-deleted")
    assert mark(holding) == "to-be-deleted"
    tell(holding, "rejected", "D-4", reason="duplicate")
    assert mark(holding) is None
    assert [one["kind"] for one in receipts(holding)][2:] == ["disputed", "accepted", "disputed", "rejected"]


def test_a_number_stands_for_one_word(holding: Agent) -> None:
    dispute(holding)
    for changed in ({"reason": "to-be-deleted"}, {"reason": "not-this-person", "row": "licence-1"}):
        with pytest.raises(Conflict, match="reference-reused"):
            dispute(holding, **changed)
    assert (mark(holding), holding.holds()) == ("content-inaccurate", {"licence-1": ("r1",)})


@pytest.mark.parametrize("news", ["newer", "withdrawn"])
def test_a_mark_is_over_with_its_version(holding: Agent, news: str) -> None:
    dispute(holding)
    newer = upsert("priority", 2, 9, debtor(status="amended"), revision=2)
    holding.apply(newer if news == "newer" else withdrawn(2, 9, "r1"))
    assert mark(holding) is None
    assert not dispute(holding), "an answer that got lost is asked for again"
    assert mark(holding) is None
    answer = holding.screener.screen(asked())
    assert answer["decision"] == ("block" if news == "newer" else "clear")


def test_a_version_that_is_shown_anew_keeps_its_mark(holding: Agent) -> None:
    """As after an amendment of the contract: the court has not answered by that."""
    dispute(holding)
    dispute(holding, "D-2", "not-this-person", row="licence-1")
    holding.apply(upsert("priority", 2, 9, debtor(performance="part"), revision=1))
    holding.look_up()
    assert (mark(holding), holding.holds()) == ("content-inaccurate", {})


def test_m4_a_row_whose_holder_is_another_is_let_go_and_not_held_again(holding: Agent) -> None:
    dispute(holding, reason="not-this-person", row="licence-1")
    assert holding.holds() == {}
    assert orders(holding)[-1][:2] == ("release", "licence-1")
    *_, said, released = receipts(holding)
    assert [(one["kind"], one["row"], one["reason"]) for one in (said, released)] == [
        ("disputed", "licence-1", "not-this-person"),
        ("released", "licence-1", "not-this-person"),
    ]
    holding.index.write(lambda change: change.put("pending", holding.keyed.record("r1")))
    assert (holding.look_up(), holding.holds()) == (0, {})
    assert holding.screener.screen(asked())["decision"] == "block", "of that row, and of nobody else"
    assert mark(holding) is None

    holding.apply(upsert("priority", 2, 9, debtor(status="amended"), revision=2))
    assert holding.look_up() == 1, "the court's new word is judged anew"


def test_a_row_that_was_let_go_by_mistake_is_held_again(holding: Agent) -> None:
    dispute(holding, reason="not-this-person", row="licence-1")
    assert tell(holding, "accepted", "D-2", row="licence-1")[1]
    assert (holding.look_up(), holding.holds()) == (1, {"licence-1": ("r1",)})
    assert [one[0] for one in orders(holding)] == ["hold", "release", "hold"]
    with pytest.raises(NotFound, match="row-not-held"):
        tell(holding, "accepted", "D-3", row="licence-1")


def test_another_record_goes_on_holding_the_row(holding: Agent) -> None:
    holding.apply(upsert("bulk", 2, 3, debtor(record_id="r2"), revision=1))
    holding.look_up()
    dispute(holding, reason="not-this-person", row="licence-1")
    assert holding.holds() == {"licence-1": ("r2",)}


def test_an_application_that_is_another_persons_is_let_go(holding: Agent) -> None:
    holding.screener.screen(asked())
    dispute(holding, reason="not-this-person", row="A-1")
    answer = holding.screener.screen(asked())
    assert (answer["decision"], answer["standing"]) == ("block", False)
    assert answer["reasons"][0]["disputed"]["reason"] == "not-this-person"
    assert holding.holds() == {"licence-1": ("r1",)}
    with pytest.raises(NotFound, match="row-not-held"):  # an application is screened again, not held again
        tell(holding, "accepted", "D-2", row="A-1")


def test_an_application_that_was_denied_says_nothing_of_a_row_of_the_same_number(holding: Agent) -> None:
    holding.screener.screen(asked("licence-2"))
    dispute(holding, reason="not-this-person", row="licence-2")
    holding.register.rows = [ROW, replace(ROW, id="licence-2")]
    holding.index.write(lambda change: change.put("pending", holding.keyed.record("r1")))
    holding.look_up()
    assert holding.holds() == {"licence-1": ("r1",), "licence-2": ("r1",)}


def test_what_is_not_there_answers_alike(holding: Agent) -> None:
    """Unknown, withdrawn, of another contract: nobody learns which."""
    holding.apply(upsert("bulk", 2, 3, debtor(record_id="r2"), revision=1), withdrawn(2, 4, "r2"))
    other = holding.keyed.record("r1")
    holding.index.write(lambda change: change.put("records", b"another!" + other[8:].replace(b"r1", b"r3"), b"{}"))
    seen: list[FuyuanError] = []
    for record in ("r2", "r3", "r4"):
        with pytest.raises(NotFound, match="unknown-record") as refused:
            dispute(holding, record=record)
        seen.append(refused.value)
    assert len({str(one) for one in seen}) == 1
    for row in ("licence-9", "A-1"):
        with pytest.raises(NotFound, match="row-not-held"):
            dispute(holding, reason="not-this-person", row=row)
    with pytest.raises(NotFound, match="row-not-held"):
        tell(holding, "accepted", "D-1", row="licence-1")
    assert [one["kind"] for one in receipts(holding)] == ["matched", "blocked"]


def test_nothing_is_said_under_a_closed_contract(holding: Agent) -> None:
    holding.index.write(
        lambda change: write_standing(change, CONTRACT, replace(read_standing(change, CONTRACT), state="closed"))
    )
    with pytest.raises(Refused, match="contract-closed"):
        dispute(holding)


WORDS: dict[str | None, str] = {None: "accepted", "duplicate": "rejected"}  # by reason; all others dispute
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from([None, "duplicate", "content-inaccurate", "to-be-deleted"])),
        st.tuples(st.sampled_from(["again", "version", "shown", "gone"]), st.none()),
    ),
    max_size=12,
)


@given(STEPS, st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_order_ends_with_the_newest_word_on_the_newest_version(
    make_agent: Callable[[], Agent], steps: list[tuple[str, str | None]], chance: Random
) -> None:
    agent = make_agent()
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, debtor(), revision=1))
    number, revision, live = 1, 1, True
    said: list[str | None] = []  # the reason of each word, by number
    expected: str | None = None
    for step, reason in steps:
        if step == "say" and live:
            said.append(reason)
            word = WORDS.get(reason, "disputed")
            assert tell(agent, word, f"D-{len(said)}", reason=reason)[1]
            expected = reason if word == "disputed" else None
        elif step == "again" and said:
            serial = chance.randrange(len(said))
            word = WORDS.get(said[serial], "disputed")
            assert not tell(agent, word, f"D-{serial + 1}", reason=said[serial])[1]
        elif step == "gone" and live:
            number, revision, live, expected = number + 1, revision + 1, False, None
            agent.apply(withdrawn(number, 10 + number, "r1"))
        elif step in ("version", "shown"):
            if step == "version" or not live:
                revision, live, expected = revision + 1, True, None
            number += 1
            agent.apply(upsert("priority", number, 10 + number, debtor(), revision=revision))
        assert mark(agent) == expected
    assert [one["reference"] for one in receipts(agent)] == [f"D-{serial + 1}" for serial in range(len(said))]


DENYING = st.lists(st.sampled_from(["deny", "take-back", "look-up", "version", "shown", "gone"]), max_size=12)


@given(DENYING)
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_m4_in_any_order_a_row_is_held_by_the_newest_version_alone_and_never_where_it_is_denied(
    make_agent: Callable[[], Agent], steps: list[str]
) -> None:
    agent = make_agent()
    agent.register.rows = [ROW]
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, debtor(), revision=1))
    agent.be_fresh()
    agent.look_up()
    number, revision, live, denied = 1, 1, True, False
    for serial, step in enumerate(steps):
        if step in ("deny", "take-back"):
            allowed = denied or (step == "deny" and bool(agent.holds()))
            word, reason = ("disputed", "not-this-person") if step == "deny" else ("accepted", None)
            with nullcontext() if allowed else pytest.raises(NotFound):
                tell(agent, word, f"D-{serial}", reason=reason, row="licence-1")
            denied = step == "deny" if allowed else denied
        elif step == "look-up":
            agent.look_up()
        elif step == "gone" and live:
            number, revision, live, denied = number + 1, revision + 1, False, False
            agent.apply(withdrawn(number, 10 + number, "r1"))
        elif step in ("version", "shown"):
            if step == "version" or not live:
                revision, live, denied = revision + 1, True, False
            number += 1
            agent.apply(upsert("priority", number, 10 + number, debtor(), revision=revision))
        assert not (agent.holds() and (denied or not live))
    agent.look_up()
    assert agent.holds() == ({"licence-1": ("r1",)} if live and not denied else {})
