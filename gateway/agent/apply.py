"""Applying a verified page to the index, all in one transaction: records, holds, receipts, numbers (rule M7).

Numbers prove that nothing is missing, so a lane advances through contiguous numbers only. Causes give the order, so
of the events of one record the one with the greatest cause stands, in whatever order the lanes brought them (D4).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

from contracts.model import Terms
from gateway.agent.applicant import Keyed
from gateway.agent.event import Arrived, EventRef
from gateway.agent.history import note
from gateway.agent.holds import holds_of, judge_anew, leave, release_all
from gateway.agent.index import Change
from gateway.agent.match import may_block
from gateway.agent.receipts import Scribe
from gateway.agent.records import Live, cause_of, live_records, put_live, put_tombstone
from gateway.agent.standing import ENDED, Standing, read_terms
from gateway.trace import write_parent
from gateway.trust.documents import Lane
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import SUBJECTLESS

LONGEST_RECORD_ID = 128
CODE = re.compile(r"[a-z][a-z0-9-]{0,63}")


@dataclass(frozen=True, slots=True)
class Applied:
    """`new` events were applied. `gap`: a number was missing, so what lies behind it waits and must be pulled again."""

    standing: Standing
    new: int
    gap: bool


def apply_events(
    change: Change, scribe: Scribe, keyed: Keyed, standing: Standing, events: Sequence[Arrived], today: date
) -> Applied:
    """Apply what is new of `events`. The caller writes the standing that comes back in `change`.

    An event that was applied before changes nothing.
    """
    terms = read_terms(change, scribe.contract)
    taken: list[list[EventRef]] = []
    last: dict[Lane, tuple[str, list[EventRef]]] = {}  # the run that the lane is in, and what was taken of it
    gap = False
    for event in events:
        expected = standing.applied(event.ref.lane) + 1
        if event.ref.number < expected:
            continue
        if event.ref.number > expected:
            gap = True
            break
        standing = _take(change, scribe, keyed, standing, terms, event, today)
        standing = standing.with_applied(event.ref.lane, expected, event.ref.cause)
        run, refs = last.get(event.ref.lane, (None, []))
        if run != event.run:
            refs = []
            taken.append(refs)
            last[event.ref.lane] = event.run, refs
        refs.append(event.ref)
    # One receipt for each piece of a run: the gateway knows them by what it sealed together. Two gateways may have
    # sealed the same numbers, and their runs lie in a topic in turns.
    for refs in taken:
        scribe.received(change, refs, standing.checkpoint)
    return Applied(standing, sum(map(len, taken)), gap)


def _take(
    change: Change, scribe: Scribe, keyed: Keyed, standing: Standing, terms: Terms | None, event: Arrived, today: date
) -> Standing:
    record_id = _record_id(event.record)
    match event.kind:
        case "contract":
            return _contract(change, scribe, keyed, standing, event)
        case "void":
            return standing
        case _ if record_id is None:
            scribe.refused(change, event.ref, "record-unreadable")
            return standing
    note(change, keyed, event, scribe.clock.now())  # also what a faster lane has overtaken: it stood
    if event.ref.cause <= cause_of(change, keyed, record_id):
        return standing
    live = Live(record_id, event.ref, event.record or {}, event.revision or 0)
    if event.kind == "upsert" and (live.listed or live.record.get("feed") in SUBJECTLESS):
        put_live(change, keyed, live)
        judge_anew(change, scribe, keyed, live, terms, today)
        if terms is None or (terms.effects and may_block(live.record, live.listed, today, terms.effects.subjects)):
            change.put("pending", keyed.record(record_id), (write_parent() or "").encode())
        return standing
    if event.kind == "upsert":  # takes the place of what stood there, and cannot be used itself
        scribe.refused(change, event.ref, "record-unreadable")
    put_tombstone(change, keyed, record_id, event.ref.cause)
    change.delete("pending", keyed.record(record_id))
    for hold in holds_of(change, keyed, record_id):
        leave(change, scribe, keyed, hold, record_id, event.ref, _reason(event))
    return standing


def _contract(change: Change, scribe: Scribe, keyed: Keyed, standing: Standing, event: Arrived) -> Standing:
    """The contract began, changed, stopped or ended. Its events stand in one lane, and so come in order."""
    notice: Mapping[str, JsonValue] = event.notice or {}
    state, version = notice.get("state"), notice.get("version")
    if not isinstance(state, str) or not isinstance(version, int):
        scribe.refused(change, event.ref, "notice-unreadable")
        return replace(standing, state="unknown", opened_by=event.ref)
    if state in ENDED and notice.get("on_end") == "release":
        release_all(change, scribe, keyed, event.ref)
    if state == "active" and standing.state != "active":
        look_up_all(change, keyed)
    return replace(standing, state=state, version=version, opened_by=event.ref)


def look_up_all(change: Change, keyed: Keyed) -> None:
    """Every live record is looked up in the register once more: the contract began anew, or its terms changed."""
    for live in list(live_records(change, keyed)):
        change.put("pending", keyed.record(live.record_id))


def _record_id(record: JsonObject | None) -> str | None:
    record_id = record.get("record_id") if record else None
    return record_id if isinstance(record_id, str) and 0 < len(record_id.encode()) <= LONGEST_RECORD_ID else None


def _reason(event: Arrived) -> str:
    """Why a hold goes: the court's reason where that is a code, since a receipt repeats no free text."""
    reason = event.record.get("status_reason") if event.record else None
    return reason if isinstance(reason, str) and CODE.fullmatch(reason) else event.kind
