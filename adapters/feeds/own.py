"""Our own line: a canonical record. What it claims is checked anew; nothing is taken on trust."""

from datetime import date
from typing import TypeVar

import orjson
from pydantic import BaseModel, ValidationError

from adapters.feeds.debtor import Refused
from adapters.feeds.said import Said, SaidIdentifier, SaidPerson
from schemas.canonical import JsonObject, JsonValue
from schemas.records.debtor import DishonestDebtor, IdentifierEntry

M = TypeVar("M", bound=BaseModel)

_UNSAID: dict[str, JsonValue] = {"revision": 1, "record_id": "a" * 52, "doubts": [], "warnings": []}
_NO_SOURCE: dict[str, JsonValue] = {"system": "canonical", "record": None, "digest": "0" * 64}


def canonical_line(model: type[M], record: JsonObject) -> M:
    """A line of our own, whole. `record_id`, `revision`, `doubts`, `warnings`, `source` may be absent.

    Raises `Refused` with code `invalid-record`, naming the field and never its value.
    """
    unsaid = {key: value for key, value in _UNSAID.items() if key in model.model_fields}
    whole = {**unsaid, "source": _NO_SOURCE, **record}
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
