"""Waivers (批准的消费): a court lets one purchase pass that its order forbids (限制高消费规定 article 8).

A waiver is used up by the first application that it lets pass, and the use is kept under the application's reference in
the same transaction, so that exactly one passes, whatever is asked again or by whom.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from gateway.agent.applicant import Keyed
from gateway.agent.index import Change, View
from gateway.agent.records import Live
from schemas.canonical import JsonValue
from schemas.names import name_key


@dataclass(frozen=True, slots=True)
class Waiver:
    """An approval that lets an application pass one order."""

    record_id: str
    number: str


def waiver_for(view: View, keyed: Keyed, live: Live, name: str, action: str, today: date) -> Waiver | None:
    """The first unused waiver of the order for this purchase. `name`: of the applicant, whom the order restricts."""
    waivers = live.record.get("waivers")
    for one in waivers if isinstance(waivers, list) else ():
        if isinstance(one, dict) and _covers(one, name, action, today):
            waiver = Waiver(live.record_id, str(one["number"]))
            if view.value("waivers", keyed.waiver(waiver.record_id, waiver.number)) is None:
                return waiver
    return None


def use(change: Change, keyed: Keyed, waiver: Waiver, reference: str) -> None:
    """It lets this application pass, and no other."""
    change.put("waivers", keyed.waiver(waiver.record_id, waiver.number), reference.encode())


def _covers(waiver: Mapping[str, JsonValue], name: str, action: str, today: date) -> bool:
    """Only where all of it was delivered: a waiver of which nobody knows whom it is for lets nobody pass."""
    match waiver:
        case {
            "number": str(number), "name": str() | None as whom, "action": str(kind),
            "valid_from": str(first), "valid_until": str(last),
        }:  # fmt: skip
            in_time = bool(number) and first <= today.isoformat() <= last  # ISO days sort as text
            return in_time and kind == action and (whom is None or name_key(whom) == name_key(name))
    return False
