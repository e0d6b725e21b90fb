"""The state machine of a control request, over every run of answers."""

from datetime import date, timedelta
from typing import get_args

from hypothesis import given
from hypothesis import strategies as st

from schemas.control_states import ENDED, FOLLOWING, Answer, State, objection

ANSWERS: tuple[Answer, ...] = get_args(Answer)
LAST_DAY = date(2026, 12, 22)
days = st.integers(-40, 40).map(lambda days: LAST_DAY + timedelta(days))
# What happens to a request: an answer about a day, or the court's cancel.
happenings = st.lists(st.one_of(st.none(), st.tuples(st.sampled_from(ANSWERS), days)), max_size=12)


def played(run: list[tuple[Answer, date] | None]) -> tuple[list[tuple[Answer, date]], State, int | None]:
    """The answers that stood, the state in the end, and how many stood before the first cancel."""
    state, stood, cancelled_at = State(None, cancelled=False, valid_until=LAST_DAY), list[tuple[Answer, date]](), None
    for one in run:
        if one is None:
            state = State(state.last, cancelled=True, valid_until=LAST_DAY)
            cancelled_at = len(stood) if cancelled_at is None else cancelled_at
        elif objection(state, *one) is None:
            state = state.after(one[0])
            stood.append(one)
    return stood, state, cancelled_at


@given(happenings)
def test_every_run_begins_with_the_polices_decision_and_ends_once(run: list[tuple[Answer, date] | None]) -> None:
    stood, state, cancelled_at = played(run)
    said = [answer for answer, _ in stood]
    if said and cancelled_at != 0:
        assert said[0] in ("accepted", "refused")
    assert all(answer not in ENDED for answer in said[:-1]), "nothing follows an end"
    assert state.over == bool(said and said[-1] in ENDED)
    assert said.count("accepted") <= 1
    assert "handed-over" not in said or said[-2] in ("in-force", "sighted")


@given(happenings)
def test_a_cancel_overtakes_everything(run: list[tuple[Answer, date] | None]) -> None:
    stood, state, cancelled_at = played([*run, None])
    behind = [answer for answer, _ in stood[cancelled_at:]]
    assert behind in ([], ["released"])
    for answer in ANSWERS:
        allowed = objection(state, answer, LAST_DAY) is None
        assert allowed == (answer == "released" and not state.over)
    assert state.unconfirmed == (not state.over)
    if state.unconfirmed:
        lifted = state.after("released")
        assert lifted.over
        assert not lifted.unconfirmed
        assert all(objection(lifted, answer, LAST_DAY) == "request-over" for answer in ANSWERS)


@given(happenings)
def test_behind_the_last_day_nothing_begins_and_before_it_nothing_expires(
    run: list[tuple[Answer, date] | None],
) -> None:
    stood, _, _ = played(run)
    for answer, on in stood:
        assert on <= LAST_DAY or answer in ENDED
        assert on > LAST_DAY or answer != "expired"


@given(st.sampled_from([None, *ANSWERS]), st.sampled_from(ANSWERS), days)
def test_every_state_says_of_every_answer_whether_it_may_follow(last: Answer | None, answer: Answer, on: date) -> None:
    found = objection(State(last, cancelled=False, valid_until=LAST_DAY), answer, on)
    if answer not in FOLLOWING[last]:
        assert found is not None
    assert (found == "request-over") == (last in ENDED)


def test_what_was_begun_can_always_be_ended() -> None:
    """No state is a trap: whoever is sought may be let go on every day, cancelled or not."""
    for last in ("accepted", "in-force", "sighted"):
        for cancelled in (False, True):
            for on in (LAST_DAY, LAST_DAY + timedelta(days=1)):
                assert objection(State(last, cancelled=cancelled, valid_until=LAST_DAY), "released", on) is None
