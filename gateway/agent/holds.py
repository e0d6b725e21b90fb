"""Holds (拦截): what is blocked, and the records that it is blocked for (rule M4).

A hold is a register row, or a screening's reference, under one measure; it stands while at least one live record
supports it. Blocking is for a subject, removal for a case.
"""

from dataclasses import dataclass, replace
from datetime import date
from typing import Final, Literal

import orjson

from contracts.model import Effects, Terms
from gateway.agent.applicant import Keyed
from gateway.agent.event import EventRef
from gateway.agent.index import Change, View
from gateway.agent.marks import dispute_of
from gateway.agent.match import Applicant, Level, grade
from gateway.agent.outgoing import order, put_order
from gateway.agent.receipts import Scribe
from gateway.agent.records import Live, read_live
from gateway.agent.standing import read_terms
from schemas.canonical import JsonObject
from schemas.identifiers import Identifier

Support = tuple[str, str]  # (contract, record id)
LONGEST_ROW: Final = 200  # bytes; the key of the index and of the receipt hold it


@dataclass(frozen=True, slots=True)
class Hold:
    """`kind` tells a register's row from the reference of a screening. `applicant` is who stands there, `told` what the
    register was told with the hold of a row.
    """

    kind: Literal["row", "reference"]
    row: str
    measure: str
    applicant: Applicant
    supports: tuple[Support, ...] = ()
    told: JsonObject | None = None

    @property
    def key(self) -> bytes:
        return hold_key(self.kind, self.row, self.measure)


def hold_key(kind: str, row: str, measure: str) -> bytes:
    return "\0".join((kind, row, measure)).encode()


def read_hold(view: View, key: bytes) -> Hold | None:
    found = view.value("holds", key)
    return None if found is None else _parse(found)


def support(change: Change, hold: Hold, keyed: Keyed, contract: str, record_id: str) -> bool:
    """Let a record support a hold. Whether the support is new."""
    standing = read_hold(change, hold.key)
    supports, told = (standing.supports, standing.told) if standing else ((), None)
    added = (contract, record_id) not in supports
    if added:
        supports = tuple(sorted((*supports, (contract, record_id))))
        change.put("supports", keyed.record(record_id), hold.key)
    change.put("holds", hold.key, _spell(replace(hold, supports=supports, told=told)))
    return added


def tell(change: Change, keyed: Keyed, contract: str, key: bytes, effects: Effects) -> None:
    """Have the register told what the hold of a row stands on, where that is not what it was told.

    Of several records it is the one that stands longest, so that whoever reads the day at the counter, or lets go of
    the row on it, is not too early. What was withdrawn is no longer a ground, and nobody is told of it any more.
    """
    hold = read_hold(change, key)
    if hold is None or hold.kind != "row":
        return
    live = (read_live(change, keyed, record_id) for where, record_id in hold.supports if where == contract)
    orders = [_order(change, keyed, effects, one) for one in live if one is not None]
    if not orders or effects.measure != hold.measure:
        return
    before = _undisputed(hold.told or {})
    told = max(orders, key=lambda one: (one["expires_on"] is None, str(one["expires_on"]), _undisputed(one) == before))
    if told != {"disputed": None, **(hold.told or {})}:  # an older version did not say whether it is disputed
        put_order(change, "renew" if hold.told else "hold", hold.row, hold.measure, told)
        change.put("holds", key, _spell(replace(hold, told=told)))


def _order(view: View, keyed: Keyed, effects: Effects, live: Live) -> JsonObject:
    dispute = dispute_of(view, keyed, live)
    return order(effects, live.record, None if dispute is None else str(dispute))


def _undisputed(told: JsonObject) -> JsonObject:
    """What a dispute leaves as it is: the case that the register was told of stays the one."""
    return {**told, "disputed": None}


def holds_of(view: View, keyed: Keyed, record_id: str) -> list[Hold]:
    """The holds that a record supports."""
    found = (read_hold(view, key) for key in view.values("supports", keyed.record(record_id)))
    return [hold for hold in found if hold is not None]


def holds_on(view: View, row: str) -> list[Hold]:
    """Every hold on a row of the register, or for the screening of that reference."""
    keys = [key for kind in ("row", "reference") for key, _ in view.items("holds", hold_key(kind, row, ""))]
    return [hold for hold in (read_hold(view, key) for key in keys) if hold is not None and hold.row == row]


def leave(
    change: Change, scribe: Scribe, keyed: Keyed, hold: Hold, record_id: str, ref: EventRef, reason: str | None
) -> None:
    """Take a record's support away from a hold. One that nothing supports is released, for the event of `ref`."""
    change.delete("supports", keyed.record(record_id), hold.key)
    supports = tuple(one for one in hold.supports if one != (scribe.contract, record_id))
    if supports:
        change.put("holds", hold.key, _spell(replace(hold, supports=supports)))
        terms = read_terms(change, scribe.contract)
        if terms is not None and terms.effects is not None:
            tell(change, keyed, scribe.contract, hold.key, terms.effects)
        return
    change.delete("holds", hold.key)
    if hold.kind == "row":
        put_order(change, "release", hold.row, hold.measure)
    scribe.about_row(
        change,
        "released",
        ref,
        record_id=record_id,
        row=hold.row,
        measure=hold.measure,
        reference=hold.row if hold.kind == "reference" else None,
        reason=reason,
    )


def judge_anew(change: Change, scribe: Scribe, keyed: Keyed, live: Live, terms: Terms | None, today: date) -> None:
    """Take away the supports of a live record that it would not give today: amended, its period over, other terms."""
    for hold in holds_of(change, keyed, live.record_id):
        effects = terms.effects if terms else None
        if effects is None or effects.measure != hold.measure:
            reason: str | None = "contract-changed"
        else:
            judged = grade(hold.applicant, live.record, today, effects.subjects)
            reason = None if judged.level is Level.BLOCK else judged.code
        if reason is not None:
            leave(change, scribe, keyed, hold, live.record_id, live.ref, reason)
        elif effects is not None:
            tell(change, keyed, scribe.contract, hold.key, effects)


def supporting_ids(view: View, keyed: Keyed) -> list[str]:
    """Ids of the contract's records that support any hold."""
    return list(dict.fromkeys(key[len(keyed.prefix) :].decode() for key, _ in view.items("supports", keyed.prefix)))


def any_hold(view: View, keyed: Keyed) -> bool:
    """Whether a record of the contract supports any hold."""
    return next(iter(view.items("supports", keyed.prefix)), None) is not None


def sweep(change: Change, scribe: Scribe, keyed: Keyed, terms: Terms | None, today: date) -> None:
    """Judge every standing hold of the contract anew."""
    for record_id in supporting_ids(change, keyed):
        live = read_live(change, keyed, record_id)
        if live is not None:
            judge_anew(change, scribe, keyed, live, terms, today)


def release_all(change: Change, scribe: Scribe, keyed: Keyed, ref: EventRef) -> None:
    """The end of a contract that releases (rule D7): all that it supports goes."""
    for record_id in supporting_ids(change, keyed):
        for hold in holds_of(change, keyed, record_id):
            leave(change, scribe, keyed, hold, record_id, ref, "contract-ended")


def _parse(document: bytes) -> Hold:
    members = orjson.loads(document)
    return Hold(
        members["kind"],
        members["row"],
        members["measure"],
        _read_applicant(members["applicant"]),
        tuple((contract, record_id) for contract, record_id in members["supports"]),
        members.get("told"),
    )


def _spell(hold: Hold) -> bytes:
    applicant = hold.applicant
    return orjson.dumps(
        {
            "kind": hold.kind,
            "row": hold.row,
            "measure": hold.measure,
            "applicant": {
                "name": applicant.name,
                "identifiers": [list(one) for one in applicant.identifiers],
                "born_on": applicant.born_on,
            },
            "supports": hold.supports,
            "told": hold.told,
        }
    )


def _read_applicant(document: JsonObject) -> Applicant:
    kept = document["identifiers"]
    born_on = document["born_on"]
    identifiers = tuple(Identifier(*one) for one in kept) if isinstance(kept, list) else ()
    return Applicant(
        str(document["name"]), identifiers, date.fromisoformat(born_on) if isinstance(born_on, str) else None
    )
