"""What a contract would show, for the official who is to sign it: counts over real records, an example without any."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from contracts.model import Terms
from contracts.policy import FeedShape, Projected, Source, compile_policy
from schemas.canonical import JsonObject, JsonValue

How = Literal["shown", "treated", "withheld"]

# Nobody's: the code is all zeros but its check character, the case is of year 2000 and court 00.
_EXAMPLES: dict[str, JsonValue] = {
    "case.court": "示例人民法院",
    "case.number": "（2000）示0000执1号",
    "doubts": [],
    "grounds": ["able-but-refuses"],
    "performance": "none",
    "responsible_persons[].identifiers": [[]],
    "subject.age": 40,
    "subject.birth_year": 1980,
    "subject.identifiers[].check": ["none"],
    "subject.identifiers[].masked": [True],
    "subject.identifiers[].scheme": ["cn-id"],
    "subject.identifiers[].value": ["0000001980****0000"],
    "subject.kind": "person",
    "subject.name": "示例甲",
    "subject.name_masked": False,
}


@dataclass(frozen=True, slots=True)
class FieldPreview:
    """One slot. `filled`: records in which it has a value, of those that the row filter shows."""

    slot: str
    how: How
    filled: int


@dataclass(frozen=True, slots=True)
class Preview:
    """`records`: how many there were; `seen`: how many the row filter shows. `example` holds synthetic values only."""

    records: int
    seen: int
    fields: tuple[FieldPreview, ...]
    example: JsonObject


def preview(terms: Terms, feed: FeedShape, records: Iterable[Source]) -> Preview:
    """The preview over `records`, of which only counts come out. Raises PolicyError as `compile_policy` does."""
    policy = compile_policy(terms, feed)
    example = policy.project(
        Source(
            feed=feed.name,
            schema_version=feed.schema_version,
            record_id="example",
            status="listed",
            revision=1,
            values=tuple(_example(slot) for slot in feed.slots),
        )
    )
    total = 0
    seen = 0
    filled = [0] * len(feed.slots)
    for record in records:
        total += 1
        if not policy.sees(record.values):
            continue
        seen += 1
        for place, value in enumerate(record.values):
            filled[place] += value is not None and value != []
    fields = tuple(
        FieldPreview(slot, _how(example, slot), count) for slot, count in zip(feed.slots, filled, strict=True)
    )
    return Preview(total, seen, fields, example.record)


def _how(projected: Projected, slot: str) -> How:
    if slot in projected.shown:
        return "shown"
    return "treated" if slot in projected.treated else "withheld"


def _example(slot: str) -> JsonValue:
    """A value that is nobody's: from the table, a date for a date, else the slot's own name in brackets."""
    if slot in _EXAMPLES:
        return _EXAMPLES[slot]
    value = "2000-01-01" if slot.endswith(("_on", "_until", "_at")) else f"[{slot}]"
    return [value] if "[]" in slot else value
