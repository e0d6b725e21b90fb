"""Our own line: a canonical record, or a withdrawal. What it claims is checked anew; nothing is taken on trust."""

from collections.abc import Mapping
from datetime import date
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from adapters.feeds.debtor import Refused
from adapters.feeds.said import Said, SaidIdentifier, SaidPerson
from schemas.canonical import JsonObject, JsonValue
from schemas.case_number import normalise_case_number
from schemas.names import normalise_name
from schemas.record_id import is_record_id, record_id
from schemas.records.debtor import DishonestDebtor, IdentifierEntry

M = TypeVar("M", bound=BaseModel)

KINDS = ("person", "organisation", "unknown")
_UNSAID: dict[str, JsonValue] = {"revision": 1, "record_id": "a" * 52, "doubts": [], "warnings": []}
_NO_SOURCE: dict[str, JsonValue] = {"system": "canonical", "record": None, "digest": "0" * 64}


def withdrawn_ids(record: JsonObject, feed: str, record_key: bytes) -> tuple[str, ...]:
    """The ids that a withdrawal names: its own, or one for each kind of subject where it gives case number and name.

    Nothing else in it can be wrong (rule J5). Empty where it names no record.
    """
    own = record.get("record_id")
    if isinstance(own, str) and is_record_id(own):
        return (own,)
    case, subject = record.get("case"), record.get("subject")
    number = _first(record.get("case_number"), record.get("caseCode"), case and _member(case, "number"), case)
    name = _first(record.get("name"), record.get("iname"), subject and _member(subject, "name"))
    number, name = normalise_case_number(number), normalise_name(name)
    if not number or not name:
        return ()
    return tuple(record_id(record_key, feed, number, kind, name) for kind in KINDS)


def _member(value: JsonValue, name: str) -> JsonValue:
    return value.get(name) if isinstance(value, Mapping) else None


def _first(*values: JsonValue) -> str:
    return next((value for value in values if isinstance(value, str) and value), "")


def canonical_line(model: type[M], record: JsonObject) -> M:
    """A line of our own, whole. `record_id`, `revision`, `doubts`, `warnings`, `source` may be absent.

    Raises `Refused` with code `invalid-record`, naming the field and never its value.
    """
    whole = {**_UNSAID, "source": _NO_SOURCE, **record}
    try:
        return model.model_validate_json(orjson.dumps(whole))
    except ValidationError as error:
        raise Refused("invalid-record", f"the canonical record is not valid: {_where(error)}") from None
    except (TypeError, orjson.JSONEncodeError):
        raise Refused("invalid-record", "the canonical record holds a value that JSON has not") from None


def said_by_us(record: JsonObject) -> Said:
    """A canonical record as what a source says. Raises `Refused` (`invalid-record`)."""
    line = canonical_line(DishonestDebtor, record)
    return Said(
        system=line.source.system,
        record=line.source.record or "",
        digest=None if line.source.digest == _NO_SOURCE["digest"] else line.source.digest,
        case_number=line.case.number,
        name=line.subject.name or "",
        identifiers=said_identifiers(line.subject.identifiers),
        age=str(line.subject.age or ""),
        sex=line.subject.sex or "",
        court=line.case.court or "",
        province=line.case.province or "",
        filed_on=iso(line.case.filed_on),
        basis=tuple((one.number or "", one.issuer or "") for one in line.basis),
        obligation=line.obligation or "",
        performance=line.performance,
        performed=line.performed or "",
        unperformed=line.unperformed or "",
        grounds=line.grounds,
        published_on=iso(line.published_on),
        responsible=tuple(
            SaidPerson(one.name, one.role or "", said_identifiers(one.identifiers)) for one in line.responsible_persons
        ),
        unit_fields=False,
        kind=line.subject.kind,
        birth_year=line.subject.birth_year,
        listed_until=iso(line.listed_until),
        source_updated_at=line.source_updated_at,
        status_reason=line.status_reason,
        record_id=line.record_id if "record_id" in record else None,
        warnings=tuple((one.code, one.field) for one in line.warnings),
        doubts=line.doubts,
    )


def said_identifiers(entries: tuple[IdentifierEntry, ...]) -> tuple[SaidIdentifier, ...]:
    return tuple(SaidIdentifier(one.value, one.scheme) for one in entries)


def iso(day: date | None) -> str | None:
    return day.isoformat() if day else None


def _where(error: ValidationError) -> str:
    """The place and kind of the first fault. An unknown key is not named: it may itself be a personal value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = first["loc"][:-1] if first["type"] == "extra_forbidden" else first["loc"]
    return f"{'.'.join(map(str, place)) or 'record'}: {first['type']}"
