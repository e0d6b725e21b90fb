"""Marks: what the agency last said of a record that it holds, of the version that it said it of, and of no other.

A mark changes no decision and hides no record: a listing is not suspended by an objection (失信 rules Art 12). Of a row
whose identity is disputed the record is no ground for a hold; that is all.
"""

from dataclasses import dataclass

import orjson

from gateway.agent.applicant import Keyed
from gateway.agent.index import Change, View
from gateway.agent.records import Live
from gateway.clock import china_date, unstamp
from schemas.feedback import NOT_THIS_PERSON, Answer


@dataclass(frozen=True, slots=True)
class Said:
    """One piece of feedback. `at` is when it was said; `revision` is the record's; `is_of_register`: whether `row` is a
    row of the agency's register, not the reference of a screening.
    """

    record_id: str
    answer: Answer
    reason: str | None
    row: str | None
    reference: str
    at: str
    revision: int
    is_of_register: bool = False

    @property
    def denies(self) -> bool:
        """Whether it says that the row's holder is another than the person listed."""
        return self.row is not None and self.reason == NOT_THIS_PERSON


@dataclass(frozen=True, slots=True)
class Dispute:
    """An objection that stands. `since` is RFC 3339 in UTC, `reason` a code."""

    since: str
    reason: str

    def __str__(self) -> str:
        """For people: the day in China, and the code."""
        return f"{china_date(unstamp(self.since)).isoformat()} {self.reason}"


def read_said(view: View, keyed: Keyed, reference: str) -> Said | None:
    """What was said under that number of the agency's."""
    found = view.value("feedback", keyed.record(reference))
    return None if found is None else Said(**orjson.loads(found))


def put_said(change: Change, keyed: Keyed, said: Said) -> None:
    """It is the newest now of its record, or of that row of it."""
    change.put("feedback", keyed.record(said.reference), orjson.dumps(said))
    change.put("newest", _about(keyed, said.record_id, said.row), said.reference.encode())


def newest(view: View, keyed: Keyed, live: Live, row: str | None = None) -> Said | None:
    """What was last said of this version of the record, or of one row of it."""
    reference = view.value("newest", _about(keyed, live.record_id, row))
    said = None if reference is None else read_said(view, keyed, reference.decode())
    return said if said is not None and said.revision == live.revision else None


def dispute_of(view: View, keyed: Keyed, live: Live, row: str | None = None) -> Dispute | None:
    """The objection that stands against the record, or against it as a ground for that row."""
    for said in (newest(view, keyed, live), None if row is None else newest(view, keyed, live, row)):
        if said is not None and said.answer == "disputed" and said.reason is not None:
            return Dispute(said.at, said.reason)
    return None


def is_denied(view: View, keyed: Keyed, live: Live, row: str) -> bool:
    """Whether the agency says that the holder of this row of its register is not the person listed."""
    said = newest(view, keyed, live, row)
    return said is not None and said.denies and said.is_of_register


def _about(keyed: Keyed, record_id: str, row: str | None) -> bytes:
    return keyed.record(record_id) + (b"" if row is None else b"\0" + row.encode())
