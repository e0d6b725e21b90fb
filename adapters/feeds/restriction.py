"""From what a source said of an order restricting consumption (限制消费令) to the canonical record, or a refusal.

The habits are those of `adapters.feeds.debtor`. Unit and persons of an order are subjects alike, each with its own
doubts: a spoiled number of one stops no measure against the other.
"""

import re
from collections.abc import Sequence
from datetime import date
from typing import NamedTuple

from adapters.feeds.debtor import (
    Refused,
    Warnings,
    check_age,
    check_case,
    check_columns,
    check_text,
    entries,
    identifiers_beside,
    kind_of,
    read_day,
    read_identifiers,
    read_sum,
    source_of,
)
from adapters.feeds.said import SaidIdentifier
from schemas.canonical import JsonValue
from schemas.case_number import normalise_case_number
from schemas.names import kind_of_name, normalise_name, read_name
from schemas.record_id import record_id
from schemas.records.debtor import Case, Doubt, Kind, Warned, doubts_of
from schemas.records.restriction import ConsumptionRestriction, RestrictedSubject, Waiver
from schemas.text import said as said_text

FEED = "consumption-restriction"
ORDERS = "http://zxgk.court.gov.cn/xglfile"  # where the court publishes the orders
LONGEST_URL = 500

_BETWEEN_NAMES = re.compile("[、,，;；/|]")
_PATH = re.compile(r"/?\d+/(\d{4}-\d\d-\d\d)/[0-9A-Za-z_-]+\.pdf", re.ASCII)
_URL = re.compile(r"https?://[!-~]+", re.ASCII)
_DOUBTFUL: dict[str, Doubt] = {"kind-unclear": "kind"}  # every other warning on a subject is on its identifiers


class SaidSubject(NamedTuple):
    """One whom an order names. `kind` where the column is for units, or for persons."""

    name: str
    identifiers: tuple[SaidIdentifier, ...] = ()
    role: str = ""
    kind: Kind | None = None
    doubts: tuple[Doubt, ...] = ()


class SaidOrder(NamedTuple):
    """Texts as they stand; empty where nothing is said. The first subject is whom the row is about."""

    system: str
    case_number: str
    subjects: tuple[SaidSubject, ...]
    record: str = ""
    court: str = ""
    province: str = ""
    filed_on: JsonValue = None
    applicant: str = ""
    amount: JsonValue = None
    order_url: str = ""
    published_on: JsonValue = None
    # Only our own line says these.
    waivers: tuple[Waiver, ...] = ()
    source_updated_at: str | None = None
    status_reason: str | None = None
    record_id: str | None = None
    digest: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    doubts: tuple[Doubt, ...] = ()


def named(text: str, role: str = "", kind: Kind | None = None) -> tuple[SaidSubject, ...]:
    """The subjects that a text names: several where every part of it is a name by its looks."""
    parts = [part for part in _BETWEEN_NAMES.split(text) if part.strip()]
    if len(parts) < 2 or not all(kind_of_name(normalise_name(part)) for part in parts):
        parts = [text]
    return tuple(SaidSubject(part, (), role, kind) for part in parts if read_name(part))


def restriction(said: SaidOrder, raw: bytes, *, record_key: bytes, today: date) -> ConsumptionRestriction:
    """The canonical record. Raises `Refused`."""
    number = normalise_case_number(said.case_number)
    names = [one.name for one in said.subjects]
    check_columns(said.case_number, number, (said.province, said.court, *names))
    check_text(*names, said.court, said.case_number)
    warnings: Warnings = list(said.warnings)
    url, dated = _order_url(said.order_url, warnings)
    published = read_day(dated if _is_absent(said.published_on) else said.published_on, today, "published_on", warnings)
    if published is None and not any(field == "published_on" for _, field in warnings):
        warnings.append(("no-date", "published_on"))
    subjects = _subjects(said.subjects, published or today, warnings)
    if not subjects:
        raise Refused("no-subject", "the record names nobody: no name, no identifier")
    check_case(number, warnings)
    filed = read_day(said.filed_on, today, "case.filed_on", warnings)
    amount = read_sum(said.amount, "", "amount", warnings)
    first = subjects[0]
    return ConsumptionRestriction.made(
        feed=FEED,
        schema_version=1,
        record_id=said.record_id or record_id(record_key, FEED, number, first.kind, first.name or ""),
        revision=1,
        status="listed",
        status_reason=said.status_reason,
        doubts=doubts_of([field for _, field in warnings], said.doubts),
        subjects=subjects,
        case=Case.made(number=number, court=said_text(said.court), province=said_text(said.province), filed_on=filed),
        applicant=said_text(said.applicant),
        amount=amount,
        order_url=url,
        waivers=_waivers(said.waivers, subjects),
        published_on=published,
        source_updated_at=said.source_updated_at,
        source=source_of(said.system, said.record, said.digest, raw),
        warnings=tuple([Warned.made(code=code, field=field) for code, field in sorted(set(warnings))]),
    )


def _subjects(said: Sequence[SaidSubject], published: date, warnings: Warnings) -> tuple[RestrictedSubject, ...]:
    """Each once. Only the first decides whether the record can be read: a rounded number of another is left out."""
    found: list[RestrictedSubject] = []
    for place, one in enumerate(said):
        name = read_name(one.name)
        aside: Warnings = []
        if place:
            identifiers = list(identifiers_beside(one.identifiers, "subjects.identifiers", aside))
        else:
            identifiers = read_identifiers(one.identifiers, aside)
        if name is None and not identifiers:
            continue
        kind = kind_of(name, identifiers, one.kind, aside, path="subjects.kind")
        check_age(kind, None, identifiers, published)
        doubts = {*one.doubts, *(_DOUBTFUL.get(code, "identifiers") for code, _ in aside)}
        if name is not None and name.digits_removed:
            aside.append(("digits-removed", "subjects.name"))
        warnings += [(code, field.replace("subject.", "subjects.")) for code, field in aside]
        subject = RestrictedSubject.made(
            kind=kind,
            name=name.value if name else None,
            name_masked=name is not None and name.masked,
            role=said_text(one.role),
            identifiers=entries(identifiers),
            doubts=tuple(sorted(doubts)),
        )
        if all((other.name, other.kind) != (subject.name, subject.kind) or other.name is None for other in found):
            found.append(subject)
    return tuple(found)


def _order_url(text: str, warnings: Warnings) -> tuple[str | None, str | None]:
    """The order's address, whole, and the day in its path: the court files orders by the day they are published."""
    link = text.strip()
    if said_text(link) is None:
        return None, None
    path = link.removeprefix("http://zxgk.court.gov.cn").removeprefix("https://zxgk.court.gov.cn")
    if found := _PATH.fullmatch(path.removeprefix("/xglfile")):
        return f"{ORDERS}/{path.removeprefix('/xglfile').lstrip('/')}", found[1]
    if _URL.fullmatch(link) and len(link) <= LONGEST_URL:
        return link, None
    warnings.append(("odd-link", "order_url"))
    return None, None


def _waivers(waivers: Sequence[Waiver], subjects: Sequence[RestrictedSubject]) -> tuple[Waiver, ...]:
    """Each approval once, and only for whom the order names: a waiver for nobody would be one for anybody."""
    if len({one.number for one in waivers}) < len(waivers):
        raise Refused("waiver-twice", "two waivers of the order have one number")
    names = {subject.name for subject in subjects}
    spelled = [one.model_copy(update={"name": normalise_name(one.name)}) if one.name else one for one in waivers]
    if any(one.name is not None and one.name not in names for one in spelled):
        raise Refused("waiver-for-nobody", "a waiver is for a name that the order does not restrict")
    return tuple(spelled)


def _is_absent(value: JsonValue) -> bool:
    return value is None or (isinstance(value, str) and said_text(value) is None)
