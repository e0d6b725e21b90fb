"""Where a party was to be served on a day, and by which statement: worked out from all that was told, in any order.

- A statement holds from its first day to its last. What was withdrawn or dropped answers for no day.
- A registry's statement that names the domicile says everything; one that does not (a suspension, a deregistration)
  adds to what stands. Of several, the one whose first day is latest counts.
- A confirmation in a loan contract stands by itself: it bears on disputes of that contract alone.
- The domicile is the default. While the party is suspended, the address for service of documents takes its place
  (市场主体登记管理条例 article 30). A party that is deregistered can be served nowhere.
- An e-mail address is one only behind the day of a consent (民事诉讼法 article 90).

Which of two counts that begin on one day is settled by what they say, never by which came first; `contested` tells it.
"""

from collections.abc import Iterable, Sequence
from datetime import date
from itertools import groupby

from gateway.agent.history import Told
from gateway.agent.listed import identifiers_in
from gateway.clock import china_date, unstamp
from schemas.canonical import JsonObject, JsonValue
from schemas.identifiers import Identifier, org_code_of

CONFIRMATION = "confirmation"


def where(told: Sequence[Told], party: Identifier, day: date, known_at: str | None = None) -> JsonObject:
    """The answer for a day; `known_at` (RFC 3339, UTC) asks what this side knew at that moment."""
    holding = [one for one in standing(told, party, known_at) if _holds(one, day)]
    registered = sorted((one for one in holding if _text(one, "occasion") != CONFIRMATION), key=_order, reverse=True)
    confirmed = sorted((one for one in holding if _text(one, "occasion") == CONFIRMATION), key=_loan)
    base = next((one for one in registered if _text(one, "domicile", "address")), None)
    adding = [one for one in registered if base is None or one is base or (_begins(one) >= _begins(base))]
    said = [one for one in adding if one is base or not _text(one, "domicile", "address")]
    by_state = next((one for one in said if _text(one, "state") not in (None, "unknown")), None)
    state = None if by_state is None else _text(by_state, "state")
    loans = [_confirmed(list(of_one), day) for _, of_one in groupby(confirmed, key=_loan)]
    return {
        "on": day.isoformat(),
        "known_at": known_at,
        "state": None if by_state is None else {"state": state, "by": by_state.record_id},
        "serve_at": _serve_at(said, state),
        "electronic": _electronic(said, day) if state != "deregistered" else None,
        "contact": _contact(said),
        "confirmed": [loan for loan, _ in loans],
        "contested": sorted({*_contested(registered, base), *(one for _, some in loans for one in some)}),
    }


def standing(told: Iterable[Told], party: Identifier, known_at: str | None = None) -> list[Told]:
    """The newest version of each statement about the party that was not taken back, in the order of record ids.

    A statement whose identifier was corrected is no longer about the one that it named before.
    """
    newest: dict[str, Told] = {}
    for one in told:
        before = newest.get(one.record_id)
        if (known_at is None or one.taken_at <= known_at) and (before is None or before.ref.cause < one.ref.cause):
            newest[one.record_id] = one
    return [one for _, one in sorted(newest.items()) if one.kind == "upsert" and _is_about(one, party)]


def _is_about(one: Told, party: Identifier) -> bool:
    named = [other for other in identifiers_in(one.record or {}) if not other.masked and other.check != "fail"]
    return any(_is_same(other, party) for other in named)


def _is_same(one: Identifier, other: Identifier) -> bool:
    if one.scheme == other.scheme:
        return one.value == other.value
    return _org(one) is not None and _org(one) == _org(other)


def _org(identifier: Identifier) -> str | None:
    """A credit code has the organisation code in it."""
    if identifier.scheme == "cn-uscc" and len(identifier.value) == len("91999999MA3X12345U"):
        return org_code_of(identifier.value)
    return identifier.value if identifier.scheme == "cn-org" else None


def _holds(one: Told, day: date) -> bool:
    """ISO days sort as text. A statement whose first day is not shown holds for none."""
    first, last = _text(one, "effective_from"), _text(one, "effective_until")
    return first is not None and first <= day.isoformat() and (last is None or day.isoformat() <= last)


def _serve_at(said: Sequence[Told], state: str | None) -> list[JsonObject]:
    """The default first."""
    if state == "deregistered":
        return []
    first = _place(said, "while-suspended") if state == "suspended" else None
    return [place for place in (first or _place(said, "domicile"), _place(said, "spare")) if place is not None]


def _place(said: Sequence[Told], use: str) -> JsonObject | None:
    member = use.replace("-", "_")
    for one in said:
        if address := _text(one, member, "address"):
            return {"use": use, "address": address, "postcode": _text(one, member, "postcode"), "by": one.record_id}
    return None


def _electronic(said: Sequence[Told], day: date) -> JsonObject | None:
    """The newest that speaks of it. `why_not` is a code where the address may not be used."""
    for one in said:
        email, consent = _text(one, "electronic", "email"), _text(one, "electronic", "consent")
        if email is None and consent in (None, "unstated"):
            continue
        at = _text(one, "electronic", "consented_at")
        why_not = _why_not(email, consent, at, day)
        shown = email if why_not is None else None
        return {"email": shown, "consented_at": at, "why_not": why_not, "by": one.record_id}
    return None


def _why_not(email: str | None, consent: str | None, at: str | None, day: date) -> str | None:
    if consent == "refused":
        return "consent-refused"
    if consent != "given":
        return "consent-missing"
    if at is None:
        return "consent-undated"
    if (at if len(at) == len("2026-01-31") else china_date(unstamp(at)).isoformat()) > day.isoformat():
        return "consent-later"
    return "address-missing" if email is None else None


def _contact(said: Sequence[Told]) -> JsonObject | None:
    for one in said:
        name, phone = _text(one, "contact", "name"), _text(one, "contact", "phone")
        if name or phone:
            return {"name": name, "phone": phone, "by": one.record_id}
    return None


def _confirmed(of_one: list[Told], day: date) -> tuple[JsonObject, list[str]]:
    """What one loan contract says, and which statements about it contradict each other."""
    said = sorted(of_one, key=_order, reverse=True)[:1]
    place = _place(said, "confirmed")
    answer: JsonObject = {
        "loan": {"number": _text(said[0], "loan", "number"), "lender": _text(said[0], "loan", "lender")},
        "serve_at": [] if place is None else [place],
        "electronic": _electronic(said, day),
        "contact": _contact(said),
        "by": said[0].record_id,
    }
    return answer, _contested(of_one, said[0], "confirmed")


def _contested(those: Iterable[Told], chosen: Told | None, member: str = "domicile") -> list[str]:
    """Statements from the same day that name another address, with the one that was chosen; none where all agree."""
    if chosen is None:
        return []
    address = _text(chosen, member, "address")
    others = [
        one.record_id
        for one in those
        if _begins(one) == _begins(chosen) and _text(one, member, "address") not in (None, address)
    ]
    return [chosen.record_id, *others] if others else []


def _begins(one: Told) -> str:
    return _text(one, "effective_from") or ""


def _order(one: Told) -> tuple[str, str, str]:
    return _begins(one), _text(one, "source_updated_at") or "", one.record_id


def _loan(one: Told) -> tuple[str, str]:
    """A confirmation whose contract is not shown stands by itself."""
    number = _text(one, "loan", "number")
    return (number, "") if number else ("", one.record_id)


def _text(one: Told, *names: str) -> str | None:
    value: JsonValue = one.record
    for name in names:
        value = value.get(name) if isinstance(value, dict) else None
    return value if isinstance(value, str) and value else None
