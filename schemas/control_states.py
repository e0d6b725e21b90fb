"""How a control request stands: which answer may follow which, and what a cancel leaves to be said. No state is kept.

    asked -> refused
    asked -> accepted -> in-force -> sighted ... -> handed-over | released | expired
    cancelled, wherever it stood -> released, which confirms the cancel

A request that was accepted may be sighted before the control is in force, and sighted any number of times. Behind the
last day nothing new begins; what was begun is ended by `expired` or `released`, or handed over.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Final, Literal

Answer = Literal["accepted", "refused", "in-force", "sighted", "handed-over", "released", "expired"]
Reason = Literal[
    "answer-out-of-order", "request-cancelled", "request-over", "request-expired", "not-yet-expired", "already-answered"
]

ENDED: Final[frozenset[Answer]] = frozenset({"refused", "handed-over", "released", "expired"})
_UNDER_WAY: Final[frozenset[Answer]] = frozenset({"sighted", "handed-over", "released", "expired"})
FOLLOWING: Final[Mapping[Answer | None, frozenset[Answer]]] = {
    None: frozenset({"accepted", "refused"}),
    "accepted": _UNDER_WAY - {"handed-over"} | {"in-force"},
    "in-force": _UNDER_WAY,
    "sighted": _UNDER_WAY | {"in-force"},
    **dict.fromkeys(ENDED, frozenset()),
}
_BEGINS: Final[frozenset[Answer]] = frozenset({"accepted", "in-force", "sighted"})


@dataclass(frozen=True, slots=True)
class State:
    """`last` is the newest answer that stands. `valid_until` is the control's last day."""

    last: Answer | None
    cancelled: bool
    valid_until: date

    @property
    def over(self) -> bool:
        """Whether nobody is sought for it any more, and nothing is owed."""
        return self.last in ENDED

    @property
    def unconfirmed(self) -> bool:
        """Whether it was cancelled and nobody has said yet that the control is lifted."""
        return self.cancelled and not self.over

    def after(self, answer: Answer) -> "State":
        """Behind an answer that may be given."""
        return State(answer, self.cancelled, self.valid_until)


def read_answer(word: object) -> Answer:
    """Raises ValueError where the word is no answer."""
    for answer in FOLLOWING:
        if answer is not None and answer == word:
            return answer
    raise ValueError("no answer")


def objection(state: State, answer: Answer, on: date) -> Reason | None:
    """Why this answer, of something that happened on day `on`, cannot stand; None where it can."""
    if state.over:
        return "request-over"
    if state.cancelled:  # overtakes everything: all that is left is to lift the control
        return None if answer == "released" else "request-cancelled"
    if answer not in FOLLOWING[state.last]:
        return "already-answered" if answer == state.last else "answer-out-of-order"
    if answer in _BEGINS and on > state.valid_until:
        return "request-expired"
    if answer == "expired" and on <= state.valid_until:
        return "not-yet-expired"
    return None
