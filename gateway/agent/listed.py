"""Whom a delivered record is about: one subject of a list, or the unit and the persons of one order."""

from collections.abc import Mapping
from dataclasses import dataclass

from schemas.canonical import JsonObject, JsonValue
from schemas.identifiers import Identifier


@dataclass(frozen=True, slots=True)
class Listed:
    """One subject. `doubts`: those of the record and of the subject; None where either was not delivered."""

    subject: Mapping[str, JsonValue]
    identifiers: tuple[Identifier, ...]
    doubts: tuple[JsonValue, ...] | None

    @property
    def name(self) -> str:
        name = self.subject.get("name")
        return name if isinstance(name, str) else ""


def listed_in(record: Mapping[str, JsonValue]) -> tuple[Listed, ...]:
    """Every subject of a record. Responsible persons are none: a unit's record does not list them (rule M5)."""
    subject, subjects, doubts = record.get("subject"), record.get("subjects"), record.get("doubts")
    if isinstance(subject, dict):
        return (Listed(subject, _identifiers(subject), tuple(doubts) if isinstance(doubts, list) else None),)
    if not isinstance(subjects, list):
        return ()
    return tuple(Listed(one, _identifiers(one), _joined(doubts, one)) for one in subjects if isinstance(one, dict))


def identifiers_in(record: JsonObject) -> tuple[Identifier, ...]:
    """The identifiers of all its subjects."""
    return tuple(identifier for listed in listed_in(record) for identifier in listed.identifiers)


def _joined(doubts: JsonValue, subject: Mapping[str, JsonValue]) -> tuple[JsonValue, ...] | None:
    own = subject.get("doubts")
    return (*doubts, *own) if isinstance(doubts, list) and isinstance(own, list) else None


def _identifiers(subject: Mapping[str, JsonValue]) -> tuple[Identifier, ...]:
    """A subject's identifiers, as delivered; one that is not whole is left out."""
    found = subject.get("identifiers")
    if not isinstance(found, list):
        return ()
    identifiers = []
    for one in found:
        match one:
            case {"scheme": str(scheme), "value": str(value), "masked": bool(masked), "check": str(check)}:
                identifiers.append(Identifier(scheme, value, masked, check))  # type: ignore[arg-type]
    return tuple(identifiers)
