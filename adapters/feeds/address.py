"""From what a source said of where a party can be served (送达地址) to the canonical record, or a refusal.

A statement is known by the party's identifier, the line it stands in (the registry's own, or one loan contract), its
first day and the source's number of it, so that two changes are two statements and the same one sent again is one.
"""

import re
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, date, datetime, time
from typing import NamedTuple

from adapters.feeds.address_words import CONSENTS, OCCASIONS, STATES, bare_word
from adapters.feeds.debtor import (
    Refused,
    Warnings,
    check_text,
    entries,
    kind_of,
    read_day,
    read_identifiers,
    source_of,
)
from adapters.feeds.said import SaidIdentifier
from schemas.canonical import JsonValue
from schemas.dates import CHINA, read_date
from schemas.identifiers import Identifier
from schemas.names import read_name
from schemas.record_id import record_id
from schemas.records.address import (
    AddressedParty,
    Consent,
    Contact,
    Electronic,
    Loan,
    Occasion,
    PartyState,
    Place,
    ServiceAddress,
)
from schemas.records.debtor import Doubt, Kind, Warned, doubts_of
from schemas.text import said as said_text
from schemas.text import visible

FEED = "service-address"
LONGEST = 500
_EVER = date(2200, 1, 1)  # a statement may begin, and a suspension end, in the future
_POSTCODE = re.compile(r"\d{6}", re.ASCII)
_EMAIL = re.compile(r"[^@\s]{1,64}@[^@\s]{1,250}\.[^@\s]{2,}")
_CLOCK = re.compile(
    r"(\d{4})[-/.年](\d{1,2})[-/.月](\d{1,2})日?[T ](\d{1,2}):(\d{2})(?::(\d{2})(?:\.\d{1,6})?)?", re.ASCII
)
_MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(?::\d\d(?:\.\d{1,6})?)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


class SaidPlace(NamedTuple):
    """A postal address, as it stands."""

    address: str = ""
    postcode: str = ""


class SaidAddress(NamedTuple):
    """Texts as they stand; empty where nothing is said.

    `for_service` is the address for service of legal documents (法律文书送达地址): it takes the domicile's place while
    the party is suspended, and is the spare one otherwise; `while_suspended` is the former alone. `effective_from` are
    the days of all that the statement tells of: it holds from the last of them.
    """

    system: str
    name: str
    identifiers: tuple[SaidIdentifier, ...]
    effective_from: tuple[JsonValue, ...]
    record: str = ""
    occasion: str = ""
    number: str = ""
    state: str = ""
    effective_until: JsonValue = None
    domicile: SaidPlace = SaidPlace()
    spare: SaidPlace = SaidPlace()
    for_service: SaidPlace = SaidPlace()
    while_suspended: SaidPlace = SaidPlace()
    confirmed: SaidPlace = SaidPlace()
    email: str = ""
    consent: str = ""
    consented_at: JsonValue = None
    contact_name: str = ""
    contact_phone: str = ""
    loan_number: str = ""
    lender: str = ""
    # Only our own line says these.
    kind: Kind | None = None
    source_updated_at: str | None = None
    status_reason: str | None = None
    record_id: str | None = None
    digest: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    doubts: tuple[Doubt, ...] = ()


def address(said: SaidAddress, raw: bytes, *, record_key: bytes, today: date) -> ServiceAddress:
    """The canonical record. Raises `Refused`."""
    warnings: Warnings = list(said.warnings)
    places = (said.domicile, said.spare, said.for_service, said.while_suspended, said.confirmed)
    check_text(said.name, said.contact_name, *(one.address for one in places))
    name = read_name(said.name)
    identifiers = read_identifiers(said.identifiers, warnings)
    if name is None and not identifiers:
        raise Refused("no-subject", "the record names nobody: no name, no identifier")
    whole = whole_identifiers(identifiers)
    if not whole:
        raise Refused("no-identifier", "no identifier of the party is whole and passes its check, so none can find it")
    kind = kind_of(name, identifiers, said.kind, warnings)
    if name is not None and name.digits_removed:
        warnings.append(("digits-removed", "subject.name"))
    state, occasion = _state(said, warnings), _occasion(said, warnings)
    begins = last_day(said)
    if begins is None:
        raise Refused("no-effective-date", "the record does not say from which day it holds")
    ends = read_day(said.effective_until, _EVER, "effective_until", warnings)
    if ends is not None and ends < begins:
        raise Refused("period-reversed", "the statement ends before it begins")
    if is_suspended(state, occasion):
        spare, while_suspended = said.spare, _either(said.while_suspended, said.for_service)
    else:
        spare, while_suspended = _either(said.spare, said.for_service), said.while_suspended
    return ServiceAddress.made(
        feed=FEED,
        schema_version=1,
        record_id=said.record_id or statement_id(record_key, whole[0], _line(said), begins, said.number),
        revision=1,
        status="listed",
        status_reason=said.status_reason,
        doubts=doubts_of([field for _, field in warnings], said.doubts),
        subject=AddressedParty.made(
            kind=kind,
            name=name.value if name else None,
            name_masked=name is not None and name.masked,
            identifiers=entries(identifiers),
        ),
        occasion=occasion,
        number=_text(said.number, "number", warnings),
        state=state,
        effective_from=begins,
        effective_until=ends,
        domicile=_place(said.domicile, "domicile", warnings),
        spare=_place(spare, "spare", warnings),
        while_suspended=_place(while_suspended, "while_suspended", warnings),
        confirmed=_place(said.confirmed, "confirmed", warnings),
        electronic=_electronic(said, today, warnings),
        contact=Contact.made(
            name=_text(said.contact_name, "contact.name", warnings),
            phone=_text(said.contact_phone, "contact.phone", warnings),
        ),
        loan=Loan.made(
            number=_text(said.loan_number, "loan.number", warnings), lender=_text(said.lender, "loan.lender", warnings)
        ),
        source_updated_at=said.source_updated_at,
        source=source_of(said.system, said.record, said.digest, raw),
        warnings=tuple([Warned.made(code=code, field=field) for code, field in sorted(set(warnings))]),
    )


def stated_ids(said: SaidAddress, record_key: bytes) -> tuple[str, ...]:
    """The ids of the statements that a withdrawal may mean: one for each whole identifier. None without a day."""
    begins = last_day(said)
    if begins is None:
        return ()
    try:
        whole = whole_identifiers(read_identifiers(said.identifiers, []))
    except Refused:
        return ()
    return tuple(statement_id(record_key, one, _line(said), begins, said.number) for one in whole)


def statement_id(key: bytes, party: Identifier, line: str, begins: date, number: str) -> str:
    """`line` is the loan contract's number, empty for the registry's own statements."""
    return record_id(key, FEED, party.scheme, party.value, line, begins.isoformat(), said_text(number) or "")


def whole_identifiers(identifiers: Iterable[Identifier]) -> list[Identifier]:
    """Those by which a party can be found, a credit code before all others."""
    whole = [one for one in identifiers if not one.masked and one.check != "fail" and one.scheme != "other"]
    return sorted(whole, key=lambda one: one.scheme != "cn-uscc")


def last_day(said: SaidAddress) -> date | None:
    """From when the statement holds: the same whenever it is read."""
    return max((day for one in said.effective_from if (day := read_day(one, _EVER, "", []))), default=None)


def is_suspended(state: PartyState, occasion: Occasion | None) -> bool:
    return state == "suspended" or occasion == "suspension"


def read_time(value: JsonValue, last: date) -> str | None:
    """A moment in UTC where the time of day is said, else the calendar day in China; None where it can be neither."""
    day = read_date(value, last)
    if day is None or not isinstance(value, str):
        return day.isoformat() if day else None
    text = visible(value).strip()
    if _MOMENT.fullmatch(text):
        return _stamp(datetime.fromisoformat(text))
    if found := _CLOCK.fullmatch(text):
        hour, minute, second = (int(part or 0) for part in found.groups()[3:])
        with suppress(ValueError):  # no such time of day
            return _stamp(datetime.combine(day, time(hour, minute, second), CHINA))
    return day.isoformat()


def _stamp(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _line(said: SaidAddress) -> str:
    return said_text(said.loan_number) or ""


def _state(said: SaidAddress, warnings: Warnings) -> PartyState:
    word = bare_word(said.state)
    if not word:
        return _SHOWN_BY.get(OCCASIONS.get(bare_word(said.occasion)), "unknown")
    if word not in STATES:
        warnings.append(("state-unknown", "state"))
        return "unknown"
    return STATES[word]


_SHOWN_BY: dict[Occasion | None, PartyState] = {
    "registration": "operating",
    "suspension": "suspended",
    "resumption": "operating",
    "deregistration": "deregistered",
}


def _occasion(said: SaidAddress, warnings: Warnings) -> Occasion | None:
    word = bare_word(said.occasion)
    if word and word not in OCCASIONS:
        warnings.append(("occasion-unknown", "occasion"))
        return None
    return "confirmation" if not word and _line(said) else OCCASIONS.get(word)


def _either(first: SaidPlace, second: SaidPlace) -> SaidPlace:
    return first if said_text(first.address) else second


def _place(said: SaidPlace, field: str, warnings: Warnings) -> Place:
    """A postcode without an address is none of anything."""
    where = _text(said.address, f"{field}.address", warnings)
    code = said_text(visible(said.postcode))
    if code is not None and not _POSTCODE.fullmatch(code):
        warnings.append(("odd-postcode", f"{field}.postcode"))
        code = None
    return Place.made(address=where, postcode=code if where else None)


def _electronic(said: SaidAddress, today: date, warnings: Warnings) -> Electronic:
    email = said_text(visible(said.email))
    if email is not None and not _EMAIL.fullmatch(email):
        warnings.append(("email-unreadable", "electronic.email"))
        email = None
    word = bare_word(said.consent)
    if word not in CONSENTS:
        warnings.append(("consent-unknown", "electronic.consent"))
    consent: Consent = CONSENTS.get(word, "unstated")
    at = read_time(said.consented_at, today)
    if at is None and said_text(str(said.consented_at or "")) is not None:
        warnings.append(("impossible-date", "electronic.consented_at"))
    if not word and at is not None:
        consent = "given"  # who writes down when it was given says that it was
    return Electronic.made(email=email, consent=consent, consented_at=at)


def _text(said: str, field: str, warnings: Warnings) -> str | None:
    found = said_text(said)
    if found is not None and len(found) > LONGEST:
        warnings.append(("too-long", field))
        return None
    return found
