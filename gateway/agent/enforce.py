"""Standing rows: what a listed subject already has in the agency's own register is blocked too (rule M4).

A record that could block waits in `pending` until its subject was looked up. What the register holds is asked outside
of any transaction, so the index goes on while the register is slow or away; the records are looked at again when the
rows come back, and a hold is made only for one that still stands as it did.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from itertools import islice
from typing import Final, Protocol

from contracts.model import Effects
from gateway.agent.applicant import Keyed, UnreadableApplicant, read_applicant
from gateway.agent.holds import LONGEST_ROW, Hold, support, tell
from gateway.agent.index import Change, Index, View
from gateway.agent.marks import is_denied
from gateway.agent.match import Applicant, Level, grade
from gateway.agent.receipts import Scribe
from gateway.agent.records import Live, parse_live
from schemas.canonical import JsonObject
from schemas.identifiers import Identifier

AT_ONCE: Final = 500


class Row(Protocol):
    """One row of an agency's register. `id` is the agency's own opaque number, `identifiers` (scheme, value) pairs."""

    @property
    def id(self) -> str: ...
    @property
    def name(self) -> str | None: ...
    @property
    def identifiers(self) -> Sequence[tuple[str, str]]: ...


class Register(Protocol):
    """An agency's own tables. Each call may be made again; `hold` and `release` do nothing the second time.

    Raises OSError where the register cannot be reached or does not answer; the call is made again later.
    """

    def find(self, wanted: Sequence[tuple[str, str]]) -> Sequence[Row]:
        """Rows with any of these (scheme, value) pairs; a credit code and its organisation code find each other."""
        ...

    def hold(self, op_id: str, row: str, measure: str, order: JsonObject) -> None:
        """Block a row. `order` says on what basis, for which case, and whom to call."""
        ...

    def release(self, op_id: str, row: str, measure: str) -> None:
        """Undo `hold`."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Waiting:
    """A record that waits under `key`, `stored` as it stands in the index and `live` as read: None where it is gone."""

    key: bytes
    stored: bytes | None
    live: Live | None
    trace: str | None


@dataclass(frozen=True, slots=True)
class Task:
    """Records that wait to be looked up."""

    waiting: tuple[Waiting, ...]

    @property
    def wanted(self) -> list[tuple[str, str]]:
        """The identifiers that they are looked up by."""
        identifiers = (one for each in self.waiting if each.live is not None for one in each.live.identifiers)
        return list(dict.fromkeys((one.scheme, one.value) for one in identifiers if _may_find(one)))

    @property
    def traces(self) -> list[str | None]:
        """Those that they came by."""
        return [each.trace for each in self.waiting]


def next_task(index: Index, keyed: Keyed) -> Task | None:
    """The next records to look up; None where none waits."""
    with index.read() as view:
        found = tuple(
            _waiting(view, keyed, key, trace) for key, trace in islice(view.items("pending", keyed.prefix), AT_ONCE)
        )
    return Task(found) if found else None


def settle(
    change: Change, scribe: Scribe, keyed: Keyed, effects: Effects | None, task: Task, rows: Sequence[Row], today: date
) -> int:
    """Hold the rows that a record of the task blocks; the number of rows newly supported."""
    applicants = [(row, applicant) for row in rows if (applicant := _applicant(row)) is not None]
    by_key: dict[bytes, list[tuple[Row, Applicant]]] = {}
    for row, applicant in applicants:
        for key in dict.fromkeys(map(keyed.identifier, applicant.identifiers)):
            by_key.setdefault(key, []).append((row, applicant))
    count = 0
    for each in task.waiting:
        live = each.live
        if change.value("records", each.key) != each.stored:
            continue  # withdrawn, or amended and looked up again
        change.delete("pending", each.key)
        if live is None or effects is None:
            continue
        met = {
            row.id: (row, applicant)
            for one in live.identifiers
            if _may_find(one)
            for row, applicant in by_key.get(keyed.identifier(one), ())
        }
        for row, applicant in met.values():
            fits = grade(applicant, live.record, today, effects.subjects).level is Level.BLOCK
            if fits and not is_denied(change, keyed, live, row.id):
                count += _hold_row(change, scribe, keyed, effects, live, row.id, applicant)
    return count


def _waiting(view: View, keyed: Keyed, key: bytes, trace: bytes) -> Waiting:
    stored = view.value("records", key)
    live = None if stored is None else parse_live(key[len(keyed.prefix) :].decode(), stored)
    return Waiting(key, stored, live, trace.decode() or None)


def _hold_row(
    change: Change, scribe: Scribe, keyed: Keyed, effects: Effects, live: Live, row: str, applicant: Applicant
) -> int:
    hold = Hold("row", row, effects.measure, applicant)
    if not support(change, hold, keyed, scribe.contract, live.record_id):
        return 0
    scribe.about_row(change, "matched", live.ref, record_id=live.record_id, row=row, measure=effects.measure)
    tell(change, keyed, scribe.contract, hold.key, effects)
    scribe.about_row(change, "blocked", live.ref, record_id=live.record_id, row=row, measure=effects.measure)
    return 1


def _applicant(row: Row) -> Applicant | None:
    """The row as an applicant. Identifiers that cannot be read are left out: a register's old rows hold many."""
    if not 0 < len(row.id.encode()) <= LONGEST_ROW:
        return None
    identifiers: list[Identifier] = []
    for scheme, value in row.identifiers:
        try:
            identifiers += read_applicant(None, [(scheme, value)]).identifiers
        except UnreadableApplicant:
            continue
    name = read_applicant(row.name, []).name
    return Applicant(name, tuple(identifiers))


def _may_find(identifier: Identifier) -> bool:
    return not identifier.masked and identifier.check == "pass"
