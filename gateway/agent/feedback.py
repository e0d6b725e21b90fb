"""Feedback (反馈, 异议) on one record: a signed receipt and the mark that it leaves, in one transaction (D12, M7)."""

from dataclasses import asdict, dataclass

from gateway.agent.applicant import Keyed
from gateway.agent.holds import Hold, holds_of, leave, tell
from gateway.agent.index import Change
from gateway.agent.marks import Said, newest, put_said, read_said
from gateway.agent.receipts import Scribe
from gateway.agent.records import Live, read_live
from gateway.agent.standing import read_standing, read_terms
from gateway.clock import stamp
from gateway.errors import Conflict, NotFound, Refused
from gateway.trace import write_parent
from schemas.feedback import Answer

UNKNOWN = "No such record stands at this agent."
NOT_HELD = "Nothing of that number is held for the record; GET /v1/holds shows what is."


@dataclass(frozen=True, slots=True)
class Given:
    """`answer` and `reason` as in `schemas.feedback`, `reference` the agency's own number, `row` what is held."""

    record_id: str
    answer: Answer
    reason: str | None
    row: str | None
    reference: str


def say(change: Change, scribe: Scribe, keyed: Keyed, given: Given) -> tuple[Said, bool]:
    """Say it of the record as it stands; whether it is new, for the same under the same number changes nothing.

    Raises NotFound (`unknown-record`, `row-not-held`), Conflict (`reference-reused`), Refused (`contract-closed`).
    """
    known = read_said(change, keyed, given.reference)
    if known is not None:
        if given != Given(known.record_id, known.answer, known.reason, known.row, known.reference):
            raise Conflict("reference-reused", "This reference was used for other feedback; take a new one.")
        return known, False
    if read_standing(change, scribe.contract).state == "closed":
        raise Refused("contract-closed", "The contract is closed; the court hears nothing more under it.")
    live = read_live(change, keyed, given.record_id)
    if live is None:
        raise NotFound("unknown-record", UNKNOWN)
    named = [hold for hold in holds_of(change, keyed, live.record_id) if hold.row == given.row]
    # A row of the register and an application may have one number; the row is meant, which stands longer.
    held = [hold for hold in named if hold.kind == "row"] or named
    said = Said(
        **asdict(given),
        at=stamp(scribe.clock.now()),
        revision=live.revision,
        is_of_register=_is_of_register(change, keyed, live, given, held),
    )
    put_said(change, keyed, said)
    scribe.feedback(
        change, said.answer, live.ref, record_id=live.record_id, row=said.row, reference=said.reference,
        reason=said.reason,
    )  # fmt: skip
    if said.row is None:
        _tell_all(change, scribe, keyed, live)
    elif said.denies:
        for hold in held:
            leave(change, scribe, keyed, hold, live.record_id, live.ref, said.reason)
    else:
        change.put("pending", keyed.record(live.record_id), (write_parent() or "").encode())  # and is held again
    return said, True


def _is_of_register(change: Change, keyed: Keyed, live: Live, given: Given, held: list[Hold]) -> bool:
    """Raises NotFound where there is nothing to say of the row: only what is held can be let go, and taken back."""
    if given.row is None:
        return False
    before = newest(change, keyed, live, given.row)
    denied = before is not None and before.denies
    is_of_register = any(hold.kind == "row" for hold in held) or (before is not None and before.is_of_register)
    if given.answer == "disputed" and (held or denied):
        return is_of_register
    if given.answer == "accepted" and denied and is_of_register:
        return True
    raise NotFound("row-not-held", NOT_HELD)


def _tell_all(change: Change, scribe: Scribe, keyed: Keyed, live: Live) -> None:
    """Whoever meets a hold in the register reads there that its ground is disputed."""
    terms = read_terms(change, scribe.contract)
    if terms is not None and terms.effects is not None:
        for hold in holds_of(change, keyed, live.record_id):
            tell(change, keyed, scribe.contract, hold.key, terms.effects)
