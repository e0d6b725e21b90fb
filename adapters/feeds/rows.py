"""The rows of the table for lists beside that of dishonest debtors: a shape is told by its keys alone.

As there, a row has keys that must be there and keys that may; one that it does not know may say that the record was
taken off its list, so a record with such a key is no record of that row.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from adapters.feeds.debtor import Refused
from adapters.feeds.shapes import is_fragment, other_feed
from schemas.canonical import JsonObject

S = TypeVar("S")  # what a row makes of a record

CODES = ("cardNum", "partyCardNum", "PartyCardNum", "personNumber")  # keys that hold an identifier


@dataclass(frozen=True, slots=True)
class Row(Generic[S]):
    """The keys that must be there, all keys that may be, what they say, and which of them are amounts."""

    name: str
    required: frozenset[str]
    known: frozenset[str]
    said: Callable[[JsonObject], S]
    amounts: frozenset[str] = frozenset()


def said_in(feed: str, record: JsonObject, rows: Sequence[Row[S]], own: Callable[[JsonObject], S]) -> S:
    """What a record of `feed` says, by the row whose keys it has, or by `own` in our own form.

    Raises `Refused` where it is of another feed or of no shape that is known, `WrongValue` for a value of another kind.
    """
    keys = record.keys()
    for row in rows:
        if row.required <= keys <= row.known:
            if float in map(type, record.values()):
                _check_fractions(record, row.amounts)
            return row.said(record)
    if "feed" in record:
        if record["feed"] != feed:
            raise Refused("wrong-feed", "the record names another feed")
        return own(record)
    if other := other_feed(record, feed):
        raise Refused("wrong-feed", f"the keys are those of feed {other}")
    if is_fragment(record):
        raise Refused("not-a-listing", "this is one person of a unit's record, and no record")
    raise Refused("unknown-shape", "the keys are those of no known list")


def _check_fractions(record: JsonObject, amounts: frozenset[str]) -> None:
    """But for amounts a list holds no fractions and no number past 64 bits: some program read a code as a number."""
    if any(isinstance(record.get(key), float) for key in CODES):
        raise Refused("rounded-identifier", "the identifier was written as a number, and its digits are lost")
    if any(isinstance(value, float) for key, value in record.items() if key not in amounts):
        raise Refused("wrong-value", "a field holds a fraction or a number too large")
