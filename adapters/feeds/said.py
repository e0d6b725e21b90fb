"""What a source says of one debtor, in its own words: the one form between a key set and the canonical record."""

from typing import NamedTuple

from schemas.canonical import JsonObject, JsonValue
from schemas.identifiers import Scheme
from schemas.records.debtor import Doubt, Ground, Kind, Performance


class WrongValue(ValueError):
    """A field holds what it cannot hold. `name` is the field's, and the message holds no value."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name} holds a value of the wrong kind")
        self.name = name


class SaidIdentifier(NamedTuple):
    """`scheme` only where the source itself names it."""

    text: str
    scheme: Scheme | None = None


class SaidPerson(NamedTuple):
    """A responsible person of a unit."""

    name: str
    role: str
    identifiers: tuple[SaidIdentifier, ...]


class Said(NamedTuple):
    """Texts as they stand; empty where nothing is said. `unit_fields` where keys are filled that only a unit has."""

    system: str
    record: str
    case_number: str
    name: str
    identifiers: tuple[SaidIdentifier, ...]
    age: str
    sex: str
    court: str
    province: str
    filed_on: JsonValue
    basis: tuple[tuple[str, str], ...]
    obligation: str
    performance: Performance | None
    performed: str
    unperformed: str
    grounds: tuple[Ground, ...]
    published_on: JsonValue
    responsible: tuple[SaidPerson, ...]
    unit_fields: bool
    birth_year: int | None = None
    listed_until: JsonValue = None
    status_reason: str | None = None
    # Only our own line says these.
    kind: Kind | None = None
    source_updated_at: str | None = None
    record_id: str | None = None
    digest: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    doubts: tuple[Doubt, ...] = ()


def text(record: JsonObject, name: str) -> str:
    """The text of a field; a whole number as its digits, nothing for null. Raises `WrongValue` for anything else."""
    value = record.get(name)
    if type(value) is str:
        return value
    if value is None:
        return ""
    if type(value) is int:
        return str(value)
    raise WrongValue(name)
