"""Screening: one application against the list (rules M1-M3, M8).

`clear` is answered from a read transaction alone, and nothing of it is kept unless that is asked for. A `block` is one
write transaction that looks at the records again: the hold, the answer under its reference, and the receipts stand
together or not at all.
"""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from pathlib import Path
from typing import Final

import orjson

from contracts.model import Terms
from gateway.agent.applicant import Keyed, read_applicant
from gateway.agent.decision import Decision, ListVersion, Reason, duty, reason
from gateway.agent.holds import LONGEST_ROW, Hold, hold_key, support
from gateway.agent.index import Change, Index, View
from gateway.agent.marks import dispute_of
from gateway.agent.match import Applicant, Grade, Level, grade
from gateway.agent.receipts import Scribe
from gateway.agent.records import Live, by_identifiers, by_likeness, read_live
from gateway.agent.standing import Standing, moment, parse_standing, read_terms, unknown_because
from gateway.agent.waivers import Waiver, use, waiver_for
from gateway.clock import Clock, china_date
from gateway.errors import Conflict, Refused
from schemas.canonical import JsonObject, JsonValue

MOST_REASONS: Final = 20

Identifiers = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Request:
    """One application. `reference` is the agency's own opaque number for it. `keep`: keep a `clear` answer too."""

    reference: str
    action: str
    name: str | None
    identifiers: tuple[tuple[str, str], ...]
    born_on: date | None = None
    keep: bool = False


@dataclass(frozen=True, slots=True)
class Ground:
    """On what a decision stands: the contract, how far the list is applied, and why it cannot be relied on, if so."""

    standing: Standing
    terms: Terms | None
    unknown: str | None
    now: datetime

    @property
    def today(self) -> date:
        return china_date(self.now)


@dataclass(frozen=True, slots=True)
class Judged:
    """A decision, the records that block, and the waivers that let the application pass those that would."""

    decision: Decision
    blocking: tuple[Live, ...] = ()
    waived: tuple[Waiver, ...] = ()

    def is_kept(self, request: Request) -> bool:
        """Whether the answer is stored: what changes nothing and stops nobody is not, unless that is asked for."""
        if self.decision.decision == "clear":
            return request.keep or bool(self.waived)
        return self.decision.decision != "unknown"


class Screener:
    def __init__(self, index: Index, scribe: Scribe, clock: Clock, kill_switch: Path) -> None:
        self._index = index
        self._scribe = scribe
        self._clock = clock
        self._kill_switch = kill_switch
        self._contract = scribe.contract
        self._name = self._contract.encode()
        self._keyed = Keyed(index.key, self._contract)
        # One attribute, replaced as a whole: threads share it.
        self._cached: tuple[tuple[bytes, bytes], Standing, Terms | None] = ((b"", b""), Standing(), None)
        self._clear: Decision | None = None

    def screen(self, request: Request) -> JsonObject:
        """The decision on a request, as it is answered; a stored one where the reference was decided before.

        Raises Conflict (`reference-reused`), Refused (`action-not-covered`, `reference-too-long`), UnreadableApplicant.
        """
        applicant = read_applicant(request.name, request.identifiers, request.born_on)
        asked = self._keyed.request(
            orjson.dumps([request.action, request.name, request.identifiers, request.born_on, request.keep])
        )
        if not 0 < len(request.reference.encode()) <= LONGEST_ROW:
            raise Refused("reference-too-long", f"A reference has at most {LONGEST_ROW} bytes.")
        with self._index.read() as view:
            ground = self._ground(view)
            stored = self._stored(view, request.reference, asked)
            if stored is not None:
                return stored
            _check_action(ground, request.action)
            judged = self._decide(view, ground, applicant, request.action)
        if not judged.is_kept(request):
            return {"reference": request.reference, **judged.decision.document()}
        return self._index.write(lambda change: self._keep(change, request, asked, applicant))

    def decide(self, name: str | None, identifiers: Identifiers, born_on: date | None = None) -> Decision:
        """The decision alone: nothing is stored, nobody is held."""
        return self.decide_many([(name, identifiers, born_on)])[0]

    def decide_many(self, applicants: Iterable[tuple[str | None, Identifiers, date | None]]) -> list[Decision]:
        """Decisions on one state of the list. Most applicants are in no list, and are told so by look-ups alone."""
        keyed = self._keyed
        decisions: list[Decision] = []
        with self._index.read() as view:
            ground = self._ground(view)
            listed, likely = view.finder("identifiers"), view.finder("names")
            clear = self._clear_now(ground) if ground.unknown is None else None
            for name, pairs, born_on in applicants:
                if clear is not None and pairs and name and born_on is None:
                    for scheme, value in pairs:
                        key = keyed.plain(scheme, value)
                        if key is None or listed(key):
                            break
                    else:
                        if not likely(keyed.name(name)):
                            decisions.append(clear)
                            continue
                decisions.append(self._decide(view, ground, read_applicant(name, pairs, born_on), None).decision)
        return decisions

    def _ground(self, view: View) -> Ground:
        seen = (view.value("standing", self._name) or b"", view.value("terms", self._name) or b"")
        cached = self._cached
        if seen != cached[0]:
            standing = parse_standing(seen[0]) if seen[0] else Standing()
            cached = self._cached = (seen, standing, read_terms(view, self._contract))
        _, standing, terms = cached
        now = self._clock.now()
        return Ground(standing, terms, unknown_because(standing, terms, now), now)

    def _decide(self, view: View, ground: Ground, applicant: Applicant, action: str | None) -> Judged:
        """`action`: what is applied for; without one no waiver covers it."""
        terms = ground.terms
        warnings = _warnings(applicant)
        if ground.unknown is not None or terms is None:
            business = terms.on_stale if terms else "closed"
            return Judged(
                Decision("unknown", self._list(ground), cause=ground.unknown, business=business, warnings=warnings)
            )
        found = self._grades(view, ground, terms, applicant)
        if not found:
            return Judged(replace(self._clear_now(ground), warnings=warnings))
        blocking = [live for live, one in found if one.level is Level.BLOCK]
        switched_off = bool(blocking) and self._kill_switch.exists()
        waived: dict[str, Waiver] = {}
        if action is not None and not switched_off:
            waived = self._waived(view, blocking, applicant, action, ground.today)
        reasons = tuple(
            self._reason(view, terms, live, one, waived.get(live.record_id), switched_off=switched_off)
            for live, one in found[:MOST_REASONS]
        )
        if blocking and not switched_off and not waived:
            measure = terms.effects.measure if terms.effects else None
            return Judged(Decision("block", self._list(ground), reasons, measure, warnings=warnings), tuple(blocking))
        used = tuple(waived.values())
        if len(used) == len(found):
            return Judged(Decision("clear", self._list(ground), reasons, warnings=warnings), waived=used)
        review = duty(terms.review, ground.today)
        return Judged(Decision("review", self._list(ground), reasons, review=review, warnings=warnings), waived=used)

    def _waived(
        self, view: View, blocking: Sequence[Live], applicant: Applicant, action: str, today: date
    ) -> dict[str, Waiver]:
        """A waiver of each order that blocks, by record id; none at all where one order has none for this purchase."""
        found: dict[str, Waiver] = {}
        for live in blocking:
            waiver = waiver_for(view, self._keyed, live, applicant.name, action, today)
            if waiver is None:
                return {}
            found[live.record_id] = waiver
        return found

    def _reason(
        self, view: View, terms: Terms, live: Live, one: Grade, waiver: Waiver | None, *, switched_off: bool
    ) -> Reason:
        disputed = dispute_of(view, self._keyed, live)
        if waiver is not None:
            return reason(self._contract, terms, live, one, code="waived", waiver=waiver.number, disputed=disputed)
        off = switched_off and one.level is Level.BLOCK
        return reason(self._contract, terms, live, one, code="kill-switch" if off else None, disputed=disputed)

    def _grades(self, view: View, ground: Ground, terms: Terms, applicant: Applicant) -> list[tuple[Live, Grade]]:
        """Records that ask for a block or a review, those that block first, then the newest first."""
        if terms.effects is None:
            return []
        ids = by_identifiers(view, self._keyed, applicant.identifiers) | by_likeness(view, self._keyed, applicant)
        found = []
        for record_id in ids:
            live = read_live(view, self._keyed, record_id)
            if live is not None:
                judged = grade(applicant, live.record, ground.today, terms.effects.subjects)
                if judged.level >= Level.REVIEW:
                    found.append((live, judged))
        return sorted(found, key=lambda one: (-one[1].level, -one[0].ref.cause))

    def _keep(self, change: Change, request: Request, asked: bytes, applicant: Applicant) -> JsonObject:
        """Decide again under the write lock, and keep what comes out."""
        ground = self._ground(change)
        stored = self._stored(change, request.reference, asked)
        if stored is not None:
            return stored
        judged = self._decide(change, ground, applicant, request.action)
        decision, blocking = judged.decision, judged.blocking
        answer = {"reference": request.reference, **decision.document()}
        if not judged.is_kept(request):
            return answer
        for waiver in judged.waived:
            use(change, self._keyed, waiver, request.reference)
        if judged.waived:
            self._scribe.about_screening(
                change, "matched", request.reference, record_id=judged.waived[0].record_id,
                measure=ground.terms.effects.measure if ground.terms and ground.terms.effects else None,
                reason="waived",
            )  # fmt: skip
        if decision.measure is not None:
            hold = Hold("reference", request.reference, decision.measure, applicant)
            for live in blocking:
                support(change, hold, self._keyed, self._contract, live.record_id)
            for kind in ("matched", "blocked"):
                self._scribe.about_screening(
                    change, kind, request.reference, record_id=blocking[0].record_id, measure=decision.measure
                )  # fmt: skip
        change.put_document("answers", self._keyed.record(request.reference), {"asked": asked.hex(), "answer": answer})
        return self._with_hold(change, answer)

    def _stored(self, view: View, reference: str, asked: bytes) -> JsonObject | None:
        stored = view.document("answers", self._keyed.record(reference))
        if stored is None:
            return None
        if stored["asked"] != asked.hex():
            raise Conflict("reference-reused", "This reference was used for another application; take a new one.")
        answer = stored["answer"]
        return self._with_hold(view, self._with_disputes(view, answer)) if isinstance(answer, dict) else None

    def _with_hold(self, view: View, answer: JsonObject) -> JsonObject:
        """A stored block tells whether it still stands: the answer stays, the hold may have been released."""
        if answer["decision"] != "block":
            return answer
        key = hold_key("reference", str(answer["reference"]), str(answer["measure"]))
        return {**answer, "standing": view.value("holds", key) is not None}

    def _with_disputes(self, view: View, answer: JsonObject) -> JsonObject:
        """A stored answer tells which of its grounds the agency disputes by now."""
        reasons, told = answer["reasons"], list[JsonValue]()
        for one in reasons if isinstance(reasons, list) else ():
            if isinstance(one, dict):
                live = read_live(view, self._keyed, str(one["record_id"]))
                dispute = None if live is None else dispute_of(view, self._keyed, live, str(answer["reference"]))
                told.append({**one, "disputed": None if dispute is None else asdict(dispute)})
        return {**answer, "reasons": told}

    def _clear_now(self, ground: Ground) -> Decision:
        version = self._list(ground)
        if self._clear is None or self._clear.list != version:
            self._clear = Decision("clear", version)
        return self._clear

    def _list(self, ground: Ground) -> ListVersion | None:
        standing = ground.standing
        if standing.fresh_at is None:
            return None
        return ListVersion(
            contract=self._contract,
            contract_version=ground.terms.version if ground.terms else standing.version,
            cause=standing.cause,
            bulk=standing.bulk,
            priority=standing.priority,
            age_seconds=max(0, int((ground.now - moment(standing.fresh_at)).total_seconds())),
        )


def _check_action(ground: Ground, action: str) -> None:
    if ground.terms is None:
        return
    covered = ground.terms.effects.action if ground.terms.effects else ()
    if action not in covered:
        raise Refused(
            "action-not-covered", f"The contract covers {', '.join(covered) or 'no action'}; ask for one of these."
        )


def _warnings(applicant: Applicant) -> tuple[str, ...]:
    return ("identifier-check-failed",) if any(one.check == "fail" for one in applicant.identifiers) else ()
