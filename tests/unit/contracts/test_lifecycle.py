"""Rules D7 and D10: every way through a contract's life, and what each state lets through."""

from itertools import product
from typing import get_args

import pytest

from contracts.lifecycle import Action, IllegalTransition, State, may_send, transition

LEGAL = {
    ("draft", "sign"): "signed",
    ("signed", "activate"): "active",
    ("active", "activate"): "active",
    ("active", "suspend"): "suspended",
    ("suspended", "resume"): "active",
    ("active", "revoke"): "revoking",
    ("suspended", "revoke"): "revoking",
    ("revoking", "confirm"): "revoked",
    ("active", "end"): "ended",
    ("suspended", "end"): "ended",
    ("ended", "activate"): "active",
    ("revoked", "close"): "closed",
    ("ended", "close"): "closed",
}


@pytest.mark.parametrize(("state", "action"), list(product(get_args(State), get_args(Action))))
def test_every_transition_is_the_agreed_one_or_raises(state: State, action: Action) -> None:
    if (state, action) in LEGAL:
        assert transition(state, action) == LEGAL[state, action]
    else:
        with pytest.raises(IllegalTransition):
            transition(state, action)


def test_what_was_revoked_never_shows_a_record_again() -> None:
    reached: set[State] = {"revoking"}
    while True:
        further = {LEGAL[state, action] for state, action in LEGAL if state in reached} | reached
        if further == reached:
            break
        reached = further  # type: ignore[assignment]
    assert not any(may_send(state, "upsert") for state in reached)


@pytest.mark.parametrize("state", get_args(State))
def test_d10_a_listing_leaves_only_under_an_active_contract(state: State) -> None:
    assert may_send(state, "upsert") == (state == "active")


@pytest.mark.parametrize("kind", ["withdrawn", "drop", "void", "contract", "heartbeat"])
@pytest.mark.parametrize("state", get_args(State))
def test_d7_taking_back_goes_on_until_the_closing_receipt(state: State, kind: str) -> None:
    assert may_send(state, kind) == (state not in ("draft", "signed", "closed"))


@pytest.mark.parametrize("state", get_args(State))
def test_d10_an_unknown_kind_is_denied(state: State) -> None:
    assert not may_send(state, "anything-else")


def test_d10_an_unknown_state_is_denied() -> None:
    assert not may_send("resurrected", "withdrawn")  # type: ignore[arg-type]
