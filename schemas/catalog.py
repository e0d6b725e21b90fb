"""The feeds: which model a feed's records have, and which slots, in which order, are committed to (rule S1)."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from operator import attrgetter
from pathlib import Path
from typing import Protocol

import orjson
from pydantic import BaseModel

from schemas.canonical import JsonObject, JsonValue
from schemas.records.address import ServiceAddress
from schemas.records.control import ControlFeedback, ControlOfficer, ControlRequest
from schemas.records.debtor import DishonestDebtor
from schemas.records.enforcement import JudgmentDebtor
from schemas.records.receipt import Receipt
from schemas.records.restriction import ConsumptionRestriction
from schemas.records.service_result import ServiceResult
from schemas.slots import parse_slot

ALWAYS_TRAVEL = ("feed", "schema_version", "record_id", "revision", "status")
NEVER_LEAVE = ("source", "warnings")
_PLAIN = frozenset({str, bool, int, type(None)})  # JSON has them as they are
PUBLISHED = Path(__file__).parent / "published"


class UnknownFeed(ValueError):
    """No feed has this name."""


class Record(Protocol):
    """What every feed's records have."""

    @property
    def feed(self) -> str: ...
    @property
    def schema_version(self) -> int: ...
    @property
    def record_id(self) -> str: ...
    @property
    def revision(self) -> int: ...
    @property
    def status(self) -> str: ...
    def model_dump_json(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Feed:
    """A feed in one schema version. `slots` never changes within it: every commitment depends on their order.

    `is_history`: a subscriber asks what stood on a day, so versions that were amended or withdrawn are shown too.
    `is_urgent`: each record changes how another one stands, so the first version too is an amendment, and travels in
    the priority lane (D1).
    """

    name: str
    schema_version: int
    model: type[BaseModel]
    slots: tuple[str, ...]
    is_history: bool = False
    is_urgent: bool = False
    _values: Callable[[Record], tuple[JsonValue, ...]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_values", _reader(self.slots))

    def values(self, record: Record) -> tuple[JsonValue, ...]:
        """The record's values in slot order, as JSON has them."""
        return self._values(record)

    def withheld(self, record: Record) -> JsonObject:
        """What the gateway keeps and never sends."""
        return {name: _json(getattr(record, name)) for name in NEVER_LEAVE if hasattr(record, name)}

    def published_on(self, record: Record) -> str | None:
        """The day the provider published the record, ISO, where the feed has one."""
        day = getattr(record, "published_on", None)
        return day.isoformat() if isinstance(day, date) else None


def tombstone_values(feed: Feed, status_reason: str | None) -> tuple[JsonValue, ...]:
    """The slots of a withdrawn version: all null but the reason."""
    return tuple(status_reason if slot == "status_reason" else None for slot in feed.slots)


def feed(name: str) -> Feed:
    """The feed of that name. Raises `UnknownFeed`."""
    try:
        return FEEDS[name]
    except KeyError:
        raise UnknownFeed("no feed has this name") from None


def schema_document(feed: Feed) -> bytes:
    """The feed's JSON Schema as it is published, its slots beside it."""
    schema = feed.model.model_json_schema(mode="serialization")
    document = {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema, "x-slots": feed.slots}
    return orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE)


def published_path(feed: Feed) -> Path:
    return PUBLISHED / f"{feed.name}.v{feed.schema_version}.json"


def _json(value: object) -> JsonValue:
    if value is None or isinstance(value, (str, int)):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, (tuple, list)):
        return [one if type(one) in _PLAIN else _json(one) for one in value]
    if isinstance(value, BaseModel):
        return {name: one if type(one) in _PLAIN else _json(one) for name, one in vars(value).items()}
    raise TypeError("a record holds something that JSON has not")


def _reader(paths: Sequence[str]) -> Callable[[Record], tuple[JsonValue, ...]]:
    """Reads all slots: one look-up fetches every value, then only lists and dates are turned into JSON."""
    slots = [parse_slot(path) for path in paths]
    fetch = attrgetter(*(".".join(slot.keys) for slot in slots))
    columns = [(place, attrgetter(slot.column)) for place, slot in enumerate(slots) if slot.column]
    plain = [place for place, slot in enumerate(slots) if not slot.column]

    def values(record: Record) -> tuple[JsonValue, ...]:
        found = list(fetch(record))
        for place, column in columns:
            rows = found[place]
            found[place] = [one if type(one) in _PLAIN else _json(one) for one in map(column, rows)] if rows else []
        for place in plain:
            value = found[place]
            if type(value) not in _PLAIN:
                found[place] = _json(value)
        return tuple(found)

    return values


def _slots(model: type[BaseModel], expected: Sequence[str]) -> tuple[str, ...]:
    """Checks once, at import, that every field of the model is a slot, always travels or never leaves."""
    tops = {path.partition(".")[0].removesuffix("[]") for path in expected}
    left = set(model.model_fields) - tops - set(ALWAYS_TRAVEL) - set(NEVER_LEAVE)
    if left:
        raise ValueError(f"fields without a slot: {sorted(left)}")
    return tuple(expected)


# Slots that many feeds have, each group in this order.
IDENTIFIER_SLOTS = (
    "subject.identifiers[].scheme",
    "subject.identifiers[].value",
    "subject.identifiers[].masked",
    "subject.identifiers[].check",
)
SUBJECT_SLOTS = ("subject.kind", "subject.name", "subject.name_masked", *IDENTIFIER_SLOTS)
_PERSONS = ("responsible_persons[].name", "responsible_persons[].role", "responsible_persons[].identifiers")
_CASE = ("case.number", "case.court", "case.province", "case.filed_on")
_BASIS = ("basis[].number", "basis[].issuer")

DISHONEST_DEBTOR = Feed(
    name="dishonest-debtor",
    schema_version=1,
    model=DishonestDebtor,
    slots=_slots(
        DishonestDebtor,
        [
            "status_reason",
            "doubts",
            *SUBJECT_SLOTS,
            "subject.sex",
            "subject.age",
            "subject.birth_year",
            *_PERSONS,
            *_CASE,
            *_BASIS,
            "obligation",
            "performance",
            "performed",
            "unperformed",
            "grounds",
            "published_on",
            "listed_until",
            "source_updated_at",
        ],
    ),
)

CONSUMPTION_RESTRICTION = Feed(
    name="consumption-restriction",
    schema_version=1,
    model=ConsumptionRestriction,
    slots=_slots(
        ConsumptionRestriction,
        [
            "status_reason",
            "doubts",
            "subjects[].kind",
            "subjects[].name",
            "subjects[].name_masked",
            "subjects[].role",
            "subjects[].identifiers",
            "subjects[].doubts",
            *_CASE,
            "applicant",
            "amount",
            "order_url",
            "waivers[].number",
            "waivers[].name",
            "waivers[].action",
            "waivers[].valid_from",
            "waivers[].valid_until",
            "published_on",
            "source_updated_at",
        ],
    ),
)

JUDGMENT_DEBTOR = Feed(
    name="judgment-debtor",
    schema_version=1,
    model=JudgmentDebtor,
    slots=_slots(
        JudgmentDebtor,
        [
            "status_reason",
            "doubts",
            *SUBJECT_SLOTS,
            "subject.sex",
            *_PERSONS,
            *_CASE,
            *_BASIS,
            "state",
            "amount",
            "unpaid",
            "ended_on",
            "source_updated_at",
        ],
    ),
)

SERVICE_ADDRESS = Feed(
    name="service-address",
    schema_version=1,
    model=ServiceAddress,
    slots=_slots(
        ServiceAddress,
        [
            "status_reason",
            "doubts",
            *SUBJECT_SLOTS,
            "occasion",
            "number",
            "state",
            "effective_from",
            "effective_until",
            "domicile.address",
            "domicile.postcode",
            "spare.address",
            "spare.postcode",
            "while_suspended.address",
            "while_suspended.postcode",
            "confirmed.address",
            "confirmed.postcode",
            "electronic.email",
            "electronic.consent",
            "electronic.consented_at",
            "contact.name",
            "contact.phone",
            "loan.number",
            "loan.lender",
            "source_updated_at",
        ],
    ),
    is_history=True,
)

SERVICE_RESULT = Feed(
    name="service-result",
    schema_version=1,
    model=ServiceResult,
    slots=_slots(
        ServiceResult,
        [
            "status_reason",
            "doubts",
            "reference",
            *SUBJECT_SLOTS,
            "statement.record_id",
            "statement.from_party",
            "statement.effective_from",
            "statement.use",
            "outcome",
            "reason",
            "occurred_on",
            "source_updated_at",
        ],
    ),
)

CONTROL_OFFICER = Feed(
    name="control-officer",
    schema_version=1,
    model=ControlOfficer,
    slots=_slots(
        ControlOfficer,
        ["status_reason", "certificate", "name", "phone", "valid_from", "valid_until", "source_updated_at"],
    ),
)

CONTROL_REQUEST = Feed(
    name="control-request",
    schema_version=1,
    model=ControlRequest,
    slots=_slots(
        ControlRequest,
        [
            "status_reason",
            "doubts",
            "number",
            "to",
            "target",
            *SUBJECT_SLOTS,
            "address",
            "photo",
            "vehicle.plate",
            "vehicle.plate_kind",
            "vehicle.vin",
            "vehicle.brand",
            "vehicle.colour",
            *_CASE,
            "documents[].kind",
            "documents[].number",
            "documents[].digest",
            "officers[].name",
            "officers[].certificate",
            "contact.name",
            "contact.phone",
            "valid_from",
            "valid_until",
            "source_updated_at",
        ],
    ),
)

CONTROL_FEEDBACK = Feed(
    name="control-feedback",
    schema_version=1,
    model=ControlFeedback,
    slots=_slots(
        ControlFeedback,
        [
            "status_reason",
            "reference",
            "request.record_id",
            "request.from_party",
            "answer",
            "reason",
            "note",
            "occurred_at",
            "place",
            "contact.name",
            "contact.phone",
            "source_updated_at",
        ],
    ),
    is_history=True,
    is_urgent=True,
)

RECEIPT = Feed(
    "receipt", 1, Receipt, _slots(Receipt, [name for name in Receipt.model_fields if name not in ALWAYS_TRAVEL])
)

FEEDS = {
    feed.name: feed
    for feed in (
        DISHONEST_DEBTOR,
        CONSUMPTION_RESTRICTION,
        JUDGMENT_DEBTOR,
        SERVICE_ADDRESS,
        SERVICE_RESULT,
        CONTROL_OFFICER,
        CONTROL_REQUEST,
        CONTROL_FEEDBACK,
        RECEIPT,
    )
}
# Whose records name nobody who could be looked up.
SUBJECTLESS = frozenset(
    feed.name for feed in FEEDS.values() if not {"subject", "subjects"} & set(feed.model.model_fields)
)
HISTORIES = frozenset(feed.name for feed in FEEDS.values() if feed.is_history)

if __name__ == "__main__":  # writes schemas/published/, for a new schema version
    for one in FEEDS.values():
        published_path(one).write_bytes(schema_document(one))
        sys.stdout.write(f"{published_path(one).name}\n")
