"""The life of a contract (协议生命周期), and what each state lets through (rules D7, D10).

    draft -sign-> signed -activate-> active <-suspend / resume-> suspended
    active, suspended -revoke-> revoking -confirm-> revoked -close-> closed
    active, suspended -end-> ended -activate (a renewal)-> active
    ended -close-> closed

`revoking`: revoked, but not yet shown that the subscriber can read nothing more. `ended`: past `valid_until`. `close`:
the subscriber's signed closing receipt is there. A suspended contract is resumed, never re-activated, and a revoked one
is never taken up again: that needs a new contract with a new id.
"""

from typing import Final, Literal

State = Literal["draft", "signed", "active", "suspended", "revoking", "revoked", "ended", "closed"]
Action = Literal["sign", "activate", "suspend", "resume", "revoke", "confirm", "end", "close"]

# Agreed, and neither revoked nor over. Only in these a contract's topics are fed and read, where it names Kafka; in any
# other what takes back is there by pull.
IN_FORCE: Final[frozenset[State]] = frozenset({"active", "suspended"})

_NEXT: dict[tuple[State, Action], State] = {
    ("draft", "sign"): "signed",
    ("signed", "activate"): "active",
    ("active", "activate"): "active",  # a new version takes the place of the old one
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

_CONTENT = frozenset({"upsert"})
# What takes back, numbers or tells the state: it carries nothing new about anybody, and goes on until `closed` (D7).
_TAKING_BACK = frozenset({"withdrawn", "drop", "void", "contract", "heartbeat"})

_LETS_THROUGH: dict[State, frozenset[str]] = {
    "active": _CONTENT | _TAKING_BACK,
    "suspended": _TAKING_BACK,
    "revoking": _TAKING_BACK,
    "revoked": _TAKING_BACK,
    "ended": _TAKING_BACK,
}


class IllegalTransition(ValueError):
    """The state has no such way out."""


def transition(state: State, action: Action) -> State:
    """The state behind `action`. Raises IllegalTransition where the state does not allow it."""
    try:
        return _NEXT[state, action]
    except KeyError:
        raise IllegalTransition(f"a contract that is {state} cannot {action}") from None


def may_send(state: State, kind: str) -> bool:
    """Whether an event of that kind may leave in that state. What is not named here is denied (D10)."""
    return kind in _LETS_THROUGH.get(state, frozenset())
