"""The ids of the records that a withdrawal names. Nothing else in it can be wrong (rule J5)."""

from collections.abc import Iterable, Iterator, Mapping

from adapters.feeds.debtor import Refused
from adapters.feeds.restriction import SaidOrder
from adapters.feeds.said import WrongValue
from adapters.feeds.shapes import CASE_KEYS, NAME_KEYS, Row
from schemas.canonical import JsonObject, JsonValue
from schemas.case_number import normalise_case_number
from schemas.catalog import CONSUMPTION_RESTRICTION
from schemas.names import normalise_name
from schemas.record_id import is_record_id, record_id

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
    case, subject, subjects = record.get("case"), record.get("subject"), record.get("subjects")
    keys = (*(shape.case_number if shape else ()), "case_number", *CASE_KEYS[feed], "case")
    numbers = [*_texts(record, keys), *_texts(case, ("number",))]
    said = _names_said(record, shape) if shape else ()
    names = [*said, *_texts(record, ("name", *NAME_KEYS[feed])), *_texts(subject, ("name",))]
    if feed not in SEVERAL:
        names = names[:1]
    elif isinstance(subjects, list):
        names += [name for one in subjects for name in _texts(one, ("name",))]
    number = normalise_case_number(numbers[0]) if numbers else ""
    if not number:
        return ()
    spelled = dict.fromkeys(normalise_name(name) for name in names)
    return tuple(record_id(record_key, feed, number, kind, name) for name in spelled if name for kind in KINDS)


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
