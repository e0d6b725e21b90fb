"""What an agent relies on in any register of an agency; the rules bear the names that they have for a feed."""

from collections.abc import Callable, Sequence
from typing import Protocol

from adapters.conformance import rule
from schemas.canonical import JsonObject


class Register(Protocol):
    """What an agent asks of a register; `gateway.agent.enforce` says it in full."""

    def find(self, wanted: Sequence[tuple[str, str]]) -> Sequence["RegisterRow"]: ...
    def hold(self, op_id: str, row: str, measure: str, order: JsonObject) -> None: ...
    def release(self, op_id: str, row: str, measure: str) -> None: ...
    def close(self) -> None: ...


class RegisterRow(Protocol):
    @property
    def id(self) -> str: ...


def register_conforms(
    opened: Callable[[], Register], wanted: Sequence[tuple[str, str]], held: Callable[[], object]
) -> None:
    """A register: `wanted` are identifiers of one row or more, of which none is held; `held` is all that is held now,
    as something that can be compared. Each call goes to the register `opened` anew, as after a restart.
    """

    def ask(*calls: Callable[[Register], object]) -> None:
        register = opened()
        try:
            for call in calls:
                call(register)
        finally:
            register.close()

    found: list[str] = []
    ask(lambda register: found.extend(row.id for row in register.find([*wanted, *wanted])))
    rule("totals", found and len(set(found)) == len(found), "a row is not found, or found twice")
    for row in found:
        _holds_once(ask, row, held)
        _holds_twice(ask, row, held)


def _holds_once(ask: Callable[..., None], row: str, held: Callable[[], object]) -> None:
    """A hold and its release, each done again, and neither of a row that is not there."""

    def hold(register: Register) -> None:
        register.hold(f"hold/{row}", row, "a-measure", {})

    free = held()
    ask(hold)
    once = held()
    rule("once", once != free, "a hold holds nothing")
    ask(hold, hold)
    rule("once", held() == once, "the same hold done again, after a restart too, is another")
    ask(lambda register: register.hold(f"hold/nothing/{row}", "no-such-row", "a-measure", {}))
    ask(lambda register: register.release(f"release/nothing/{row}", "no-such-row", "a-measure"))
    rule("poison", held() == once, "an operation on a row that is not there changed another row")
    ask(lambda register: register.release(f"release/{row}", row, "a-measure"))
    rule("order", held() == free, "a release does not undo its hold")
    ask(hold)
    rule("order", held() == free, "a hold that was done before holds again behind its release")


def _holds_twice(ask: Callable[..., None], row: str, held: Callable[[], object]) -> None:
    """Under two measures: the row is free when both have let it go."""
    free = held()
    ask(lambda register: register.hold(f"hold/other/{row}", row, "another-measure", {}))
    other = held()
    ask(lambda register: register.hold(f"hold/again/{row}", row, "a-measure", {}))
    rule("once", free != other != held() != free, "a second measure holds nothing")
    ask(lambda register: register.release(f"release/again/{row}", row, "a-measure"))
    rule("order", held() == other, "a release lets go what another measure holds")
    ask(lambda register: register.release(f"release/other/{row}", row, "another-measure"))
    rule("order", held() == free, "a row that no measure holds is not free")
