"""From what a source said of a debtor to the canonical record, with a warning for every oddity, or a refusal.

A refusal's reason repeats no value. Hard stops: nobody named, a minor (法释〔2017〕7号 article 4), a number that a
spreadsheet rounded, columns that are shifted. Everything else becomes a warning, and where it touches kind,
identifiers or period a doubt, so that the record never blocks by itself (rule M1).
"""

import hashlib
from collections.abc import Iterable, Sequence
from datetime import date
from typing import Literal

from adapters.feeds.said import Said, SaidIdentifier, SaidPerson
from adapters.feeds.vocabulary import SEXES
from schemas.amounts import UnreadableAmount, read_amount
from schemas.canonical import JsonValue
from schemas.case_number import looks_like_case_number, normalise_case_number
from schemas.dates import read_date
from schemas.identifiers import (
    CORPORATE,
    PERSONAL,
    Identifier,
    PlaceholderIdentifier,
    RoundedIdentifier,
    birth_date,
    birth_year_shown,
    read_identifier,
)
from schemas.names import Name, kind_of_name, read_name
from schemas.record_id import record_id
from schemas.records.debtor import (
    Basis,
    Case,
    DishonestDebtor,
    IdentifierEntry,
    Kind,
    ResponsiblePerson,
    Source,
    Subject,
    Warned,
    doubts_of,
)
from schemas.text import is_garbled
from schemas.text import said as said_text

ADULT = 18
OLDEST = 150
_EVER = date(2200, 1, 1)  # a listing may end in the future
_NO_DATE = "0001-01-01"  # what a program writes where it has no date

Warnings = list[tuple[str, str]]


class Refused(ValueError):
    """The record is for the quarantine. `code` is stable; the message repeats no value."""

    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code = code


def debtor(said: Said, raw: bytes, *, record_key: bytes, today: date) -> DishonestDebtor:
    """The canonical record. Raises `Refused`."""
    warnings: Warnings = list(said.warnings)
    number, name, identifiers = read_debtor(
        said.case_number, said.name, said.identifiers, said.court, said.province, warnings
    )
    age = _age(said.age, warnings)
    sex = SEXES.get(said.sex.strip())
    kind = kind_of(
        name,
        identifiers,
        said.kind,
        warnings,
        unit_fields=said.unit_fields,
        personal_fields=age is not None or sex is not None,
    )
    published = read_day(said.published_on, today, "published_on", warnings, needed=True)
    check_age(kind, age, identifiers, published or today, birth_year=said.birth_year)
    until = read_day(said.listed_until, _EVER, "listed_until", warnings)
    filed = read_day(said.filed_on, today, "case.filed_on", warnings)
    if said.performance is None:
        warnings.append(("performance-unknown", "performance"))
    if not said.grounds:
        warnings.append(("no-grounds", "grounds"))
    elif "other" in said.grounds:
        warnings.append(("ground-unknown", "grounds"))
    people = people_of(said.responsible, warnings)
    if warnings:
        warnings = sorted(set(warnings))
    spelled = name.value if name else None
    return DishonestDebtor.made(
        feed="dishonest-debtor",
        schema_version=1,
        record_id=said.record_id or record_id(record_key, "dishonest-debtor", number, kind, spelled or ""),
        revision=1,
        status="listed",
        status_reason=said.status_reason,
        doubts=doubts_of([field for _, field in warnings], said.doubts) if warnings else said.doubts,
        subject=Subject.made(
            kind=kind,
            name=spelled,
            name_masked=name is not None and name.masked,
            identifiers=entries(identifiers),
            sex=sex,
            age=age,
            birth_year=said.birth_year,
        ),
        responsible_persons=people,
        case=Case.made(number=number, court=said_text(said.court), province=said_text(said.province), filed_on=filed),
        basis=read_basis(said.basis),
        obligation=said_text(said.obligation),
        performance=said.performance or "unknown",
        performed=said_text(said.performed),
        unperformed=said_text(said.unperformed),
        grounds=said.grounds,
        published_on=published,
        listed_until=until,
        source_updated_at=said.source_updated_at,
        source=source_of(said.system, said.record, said.digest, raw),
        warnings=tuple([Warned.made(code=code, field=field) for code, field in warnings]),
    )


def read_debtor(
    case_number: str, name: str, identifiers: Iterable[SaidIdentifier], court: str, province: str, warnings: Warnings
) -> tuple[str, Name | None, list[Identifier]]:
    """The case's number, the name and the identifiers of a record's one debtor. Raises `Refused`."""
    number = normalise_case_number(case_number)
    read = read_name(name)
    check_columns(case_number, number, (province, court, name))
    check_text(name, court, case_number)
    found = read_identifiers(identifiers, warnings)
    if read is None and not found:
        raise Refused("no-subject", "the record names nobody: no name, no identifier")
    check_case(number, warnings)
    if read is not None and read.digits_removed:
        warnings.append(("digits-removed", "subject.name"))
    return number, read, found


def check_case(number: str, warnings: Warnings) -> None:
    """Raises `Refused` where no case is named."""
    if not number:
        raise Refused("no-case-number", "the record names no case")
    if not looks_like_case_number(number):
        warnings.append(("odd-case-number", "case.number"))


def source_of(system: str, record: str, digest: str | None, raw: bytes) -> Source:
    """Where a record comes from; the digest of its raw bytes, unless our own line says one."""
    return Source.made(system=system, record=record or None, digest=digest or hashlib.sha256(raw).hexdigest())


def check_columns(said: str, number: str, others: Sequence[str]) -> None:
    """A case number in another column says that all columns moved; nothing in such a record can be trusted.

    `said` is the case number as it stands, `number` in its one spelling.
    """
    if any("号" in other and looks_like_case_number(normalise_case_number(other)) for other in others):
        raise Refused("shifted-columns", "a case number stands where another field belongs")
    if number and said[0] not in "(（" and read_date(said, _EVER):  # no date begins with one
        raise Refused("shifted-columns", "a date stands where the case number belongs")


def check_text(*texts: str) -> None:
    """Raises `Refused` where bytes of one encoding were read as another, which makes other names of names."""
    if any(map(is_garbled, texts)):
        raise Refused("garbled-text", "bytes of one encoding were read as another in name, court or case")


def read_identifiers(said: Iterable[SaidIdentifier], warnings: Warnings) -> list[Identifier]:
    found: list[Identifier] = []
    for one in said:
        try:
            identifier = read_identifier(one.text)
        except PlaceholderIdentifier:
            warnings.append(("placeholder", "subject.identifiers"))
            continue
        except RoundedIdentifier:
            raise Refused("rounded-identifier", "a spreadsheet rounded the identifier; its digits are lost") from None
        if identifier is None:
            continue
        identifier = _as_named(identifier, one, warnings)
        if identifier.check == "fail":
            warnings.append(("check-failed", "subject.identifiers"))
        if identifier not in found:
            found.append(identifier)
    return found


def _as_named(identifier: Identifier, said: SaidIdentifier, warnings: Warnings) -> Identifier:
    """A source's own name for a scheme counts only where the number itself tells nothing else."""
    if said.scheme in (None, identifier.scheme):
        return identifier
    if identifier.scheme == "other" and said.scheme not in ("cn-id", "cn-uscc", "cn-org"):
        return Identifier(said.scheme, identifier.value, masked=identifier.masked, check="none")
    warnings.append(("scheme-differs", "subject.identifiers"))
    return identifier


def kind_of(
    name: Name | None,
    identifiers: Sequence[Identifier],
    said: Kind | None,
    warnings: Warnings,
    *,
    unit_fields: bool = False,
    personal_fields: bool = False,
    path: str = "subject.kind",
) -> Kind:
    """Identifier, name and fields together; unknown, with a warning on `path`, where they say nothing, or contradict
    each other.

    Never the type code: units are listed under the code for persons. What fails its check says nothing.
    """
    evidence: set[Kind | None] = {said, kind_of_name(name.value) if name else None}
    for identifier in identifiers:
        if identifier.check != "fail":
            evidence.add(_kind_shown(identifier))
    if unit_fields:
        evidence.add("organisation")
    if personal_fields:
        evidence.add("person")
    evidence.discard(None)
    if evidence == {"person"}:
        return "person"
    if evidence == {"organisation"}:
        return "organisation"
    warnings.append(("kind-unclear", path))
    return "unknown"


def _kind_shown(identifier: Identifier) -> Literal["person", "organisation"] | None:
    if identifier.scheme in PERSONAL:
        return "person"
    return "organisation" if identifier.scheme in CORPORATE else None


def _age(text: str, warnings: Warnings) -> int | None:
    text = text.strip()
    if text in ("", "0"):
        return None
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= OLDEST:
        return int(text)
    warnings.append(("age-impossible", "subject.age"))
    return None


def check_age(
    kind: Kind, age: int | None, identifiers: Sequence[Identifier], published: date, *, birth_year: int | None = None
) -> None:
    """Minors are never listed. A citizen number that passes its check is believed before the age field."""
    proved = False
    young = kind != "organisation" and age is not None and age < ADULT
    young = young or (birth_year is not None and published.year - birth_year < ADULT)
    for identifier in identifiers:
        if born := birth_date(identifier):
            young = (young and proved) or years_between(born, published) < ADULT
            proved = True
        elif not proved and (year := birth_year_shown(identifier)):
            young = young or published.year - year < ADULT
    if young:
        raise Refused("minor", "the debtor was under 18 on the publication date; tell the court")


def years_between(born: date, day: date) -> int:
    """Completed years of age on a day."""
    return day.year - born.year - ((day.month, day.day) < (born.month, born.day))


def read_day(value: JsonValue, last: date, field: str, warnings: Warnings, *, needed: bool = False) -> date | None:
    if value is None or (isinstance(value, str) and (said_text(value) is None or value.startswith(_NO_DATE))):
        if needed:
            warnings.append(("no-date", field))
        return None
    day = read_date(value, last)
    if day is None:
        warnings.append(("impossible-date", field))
    return day


def read_sum(value: JsonValue, unit: str, field: str, warnings: Warnings) -> str | None:
    """An amount of money, or None with a warning where it cannot be read."""
    try:
        return read_amount(value, unit)
    except UnreadableAmount:
        warnings.append(("amount-unreadable", field))
        return None


def people_of(said: Iterable[SaidPerson], warnings: Warnings) -> tuple[ResponsiblePerson, ...]:
    """They answer for the unit and are not listed by that; what is odd about them does not touch the subject."""
    if not said:
        return ()
    people = []
    for one in said:
        name = read_name(one.name)
        if name is None:
            continue
        identifiers = entries(identifiers_beside(one.identifiers, "responsible_persons", warnings))
        people.append(ResponsiblePerson.made(name=name.value, role=said_text(one.role), identifiers=identifiers))
    return tuple(people)


def identifiers_beside(said: Iterable[SaidIdentifier], field: str, warnings: Warnings) -> Sequence[Identifier]:
    """Identifiers of somebody who does not decide over the record: none where a spreadsheet rounded one."""
    aside: Warnings = []
    try:
        found = read_identifiers(said, aside)
    except Refused as refused:
        warnings.append((refused.code, field))
        return ()
    warnings.extend((code, field) for code, _ in aside)
    return found


def entries(identifiers: Sequence[Identifier]) -> tuple[IdentifierEntry, ...]:
    return tuple(
        [
            IdentifierEntry.made(scheme=scheme, value=value, masked=masked, check=check)
            for scheme, value, masked, check in identifiers
        ]
    )


def read_basis(said: Iterable[tuple[str, str]]) -> tuple[Basis, ...]:
    pairs = [(normalise_case_number(number) or None, said_text(issuer)) for number, issuer in said]
    return tuple([Basis.made(number=number, issuer=issuer) for number, issuer in pairs if number or issuer])
