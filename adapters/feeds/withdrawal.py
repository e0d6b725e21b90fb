"""The ids of the records that a withdrawal names. Nothing else in it can be wrong (rule J5)."""

import re
from collections.abc import Iterable, Iterator, Mapping

from adapters.feeds import labels
from adapters.feeds.adapter import Row
from adapters.feeds.debtor import Refused
from adapters.feeds.restriction import SaidOrder
from adapters.feeds.said import WrongValue
from adapters.feeds.shapes import CASE_KEYS, NAME_KEYS
from schemas.canonical import JsonObject, JsonValue
from schemas.case_number import normalise_case_number
from schemas.catalog import CONSUMPTION_RESTRICTION
from schemas.names import normalise_name
from schemas.reading import Replaced
from schemas.record_id import is_record_id, record_id
from schemas.withdrawal_reasons import CORRECTED, RENUMBERED

_BETWEEN = re.compile("[、,，;；]")
BESIDE = frozenset({"replaces", *labels.ORIGINAL_CASE})
"""What a line says beside its record: which other records it takes the place of."""

KINDS = ("person", "organisation", "unknown")
SEVERAL = frozenset({CONSUMPTION_RESTRICTION.name})
"""Feeds whose records name several subjects: an order listed for the unit and for its person is lifted for both."""


def withdrawn_ids(record: JsonObject, feed: str, shape: Row | None, record_key: bytes) -> tuple[str, ...]:
    """The record's own id, or one for each kind of subject where it gives case number and name.

    Keys are those of its shape, of our own form, and of any list of the feed. Empty where it names no record.
    Raises `Refused` where the shape is another feed's: its case would be taken for one of this list.
    """
    own = record.get("record_id")
    if isinstance(own, str) and is_record_id(own):
        return (own,)
    if shape is not None and shape.feed != feed:
        raise Refused("wrong-feed", f"the keys are those of feed {shape.feed}")
    case = record.get("case")
    keys = (*(shape.case_number if shape else ()), "case_number", *CASE_KEYS[feed], "case")
    numbers = [*_texts(record, keys), *_texts(case, ("number",))][:1]
    return _ids(record, feed, shape, record_key, [*numbers, *_original_cases(record)] if numbers else [])


def replaced(record: JsonObject, feed: str, shape: Row | None, record_key: bytes, own: str) -> Replaced | None:
    """The records whose place this listing takes, by its word: our own `replaces`, or the number that its case had
    before it was resumed. `own` is the listing's id. Raises `Refused` where it names no record.
    """
    if BESIDE.isdisjoint(record):
        return None
    if feed not in CASE_KEYS:
        raise Refused("wrong-value", "a record of this feed takes the place of none; withdraw that one")
    reason, ids = CORRECTED, list[str]()
    if shape is None:
        named = record.get("replaces")
        for one in named if isinstance(named, list) else [named]:
            found = withdrawn_ids(one, feed, None, record_key) if isinstance(one, dict) else ()
            if named is not None and not found:
                raise Refused("withdrawal-without-key", "`replaces` needs the record id, or case number and name")
            ids += found
    if not ids:
        reason, ids = RENUMBERED, list(_ids(record, feed, shape, record_key, _original_cases(record)))
    ids = [one for one in dict.fromkeys(ids) if one != own]
    return Replaced(tuple(ids), reason) if ids else None


def _original_cases(record: JsonObject) -> list[str]:
    return [number for said in _texts(record, labels.ORIGINAL_CASE) for number in _BETWEEN.split(said)]


def _ids(record: JsonObject, feed: str, shape: Row | None, record_key: bytes, said: Iterable[str]) -> tuple[str, ...]:
    """An id for each of these cases, each name that the record gives, and each kind that it may have been listed as."""
    numbers = [number for one in said if (number := normalise_case_number(one))]
    if not numbers:
        return ()
    subject, subjects = record.get("subject"), record.get("subjects")
    named = _names_said(record, shape) if shape else ()
    names = [*named, *_texts(record, ("name", *NAME_KEYS[feed])), *_texts(subject, ("name",))]
    if feed not in SEVERAL:
        names = names[:1]
    elif isinstance(subjects, list):
        names += [name for one in subjects for name in _texts(one, ("name",))]
    spelled = [name for name in dict.fromkeys(map(normalise_name, names)) if name]
    return tuple(
        record_id(record_key, feed, number, kind, name) for number in numbers for name in spelled for kind in KINDS
    )


def _names_said(record: JsonObject, shape: Row) -> tuple[str, ...]:
    """The names as the listing has them, where a key holds several or more than a name."""
    try:
        said = shape.said(record)
    except WrongValue:
        return tuple(_texts(record, shape.names))
    names = [one.name for one in said.subjects] if isinstance(said, SaidOrder) else [said.name]
    return tuple(name for name in names if name)


def _texts(place: JsonValue, keys: Iterable[str]) -> Iterator[str]:
    if isinstance(place, Mapping):
        yield from (value for key in keys if isinstance(value := place.get(key), str) and value)
