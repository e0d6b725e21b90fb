"""From what a source said of a debtor under enforcement (被执行人) to the canonical record, or a refusal.

The habits are those of `adapters.feeds.debtor`. What it becomes blocks nobody, and never enters the dishonest list.
"""

from datetime import date
from typing import NamedTuple

from adapters.feeds.debtor import (
    Warnings,
    check_age,
    entries,
    kind_of,
    people_of,
    read_basis,
    read_day,
    read_debtor,
    read_sum,
    source_of,
)
from adapters.feeds.said import SaidIdentifier, SaidPerson
from adapters.feeds.vocabulary import SEXES
from schemas.canonical import JsonValue
from schemas.record_id import record_id
from schemas.records.debtor import Case, Doubt, Kind, Warned, doubts_of
from schemas.records.enforcement import JudgmentDebtor, JudgmentSubject, State
from schemas.text import said as said_text

FEED = "judgment-debtor"

_STATES: dict[str, State] = {
    "0": "open",
    "执行中": "open",
    "恢复执行": "open",
    "open": "open",
    "已结案": "closed",
    "结案": "closed",
    "终结执行": "closed",
    "执行完毕": "closed",
    "closed": "closed",
    "终结本次执行程序": "ended-unperformed",
    "终结本次执行": "ended-unperformed",
    "终本": "ended-unperformed",
    "ended-unperformed": "ended-unperformed",
}


class SaidEnforcement(NamedTuple):
    """Texts as they stand; empty where nothing is said. `state` is None where the shape has no word for it."""

    system: str
    case_number: str
    name: str
    identifiers: tuple[SaidIdentifier, ...] = ()
    record: str = ""
    sex: str = ""
    responsible: tuple[SaidPerson, ...] = ()
    court: str = ""
    province: str = ""
    filed_on: JsonValue = None
    basis: tuple[tuple[str, str], ...] = ()
    state: str | None = None
    amount: JsonValue = None
    amount_unit: str = ""
    unpaid: JsonValue = None
    unpaid_unit: str = ""
    ended_on: JsonValue = None
    # Only our own line says these.
    kind: Kind | None = None
    source_updated_at: str | None = None
    status_reason: str | None = None
    record_id: str | None = None
    digest: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    doubts: tuple[Doubt, ...] = ()


def enforcement(said: SaidEnforcement, raw: bytes, *, record_key: bytes, today: date) -> JudgmentDebtor:
    """The canonical record. Raises `Refused`."""
    warnings: Warnings = list(said.warnings)
    number, name, identifiers = read_debtor(
        said.case_number, said.name, said.identifiers, said.court, said.province, warnings
    )
    sex = SEXES.get(said.sex.strip())
    kind = kind_of(
        name, identifiers, said.kind, warnings, unit_fields=bool(said.responsible), personal_fields=sex is not None
    )
    filed = read_day(said.filed_on, today, "case.filed_on", warnings)
    check_age(kind, None, identifiers, filed or today)
    people = people_of(said.responsible, warnings)
    state = _state(said.state, warnings)
    amount = read_sum(said.amount, said.amount_unit, "amount", warnings)
    unpaid = read_sum(said.unpaid, said.unpaid_unit, "unpaid", warnings)
    ended = read_day(said.ended_on, today, "ended_on", warnings)
    spelled = name.value if name else None
    return JudgmentDebtor.made(
        feed=FEED,
        schema_version=1,
        record_id=said.record_id or record_id(record_key, FEED, number, kind, spelled or ""),
        revision=1,
        status="listed",
        status_reason=said.status_reason,
        doubts=doubts_of([field for _, field in warnings], said.doubts),
        subject=JudgmentSubject.made(
            kind=kind,
            name=spelled,
            name_masked=name is not None and name.masked,
            identifiers=entries(identifiers),
            sex=sex,
        ),
        responsible_persons=people,
        case=Case.made(number=number, court=said_text(said.court), province=said_text(said.province), filed_on=filed),
        basis=read_basis(said.basis),
        state=state,
        amount=amount,
        unpaid=unpaid,
        ended_on=ended,
        source_updated_at=said.source_updated_at,
        source=source_of(said.system, said.record, said.digest, raw),
        warnings=tuple([Warned.made(code=code, field=field) for code, field in sorted(set(warnings))]),
    )


def _state(said: str | None, warnings: Warnings) -> State:
    """How the case stands. Without a word the debtor is under enforcement; a word that is not known tells nothing."""
    word = said_text(said or "")
    if word is None:
        if said is not None:
            warnings.append(("no-state", "state"))
        return "open"
    if word not in _STATES:
        if word != "unknown":
            warnings.append(("state-unknown", "state"))
        return "unknown"
    return _STATES[word]
