"""Bytes of a submission to items: cut, parse, recognise, normalise. Nothing a source writes makes it raise."""

from collections.abc import Callable, Iterator, Sequence
from datetime import date
from typing import TypeVar

import orjson

from adapters.feeds import enforcement_shapes, restriction_shapes
from adapters.feeds.debtor import Refused, debtor
from adapters.feeds.enforcement import enforcement
from adapters.feeds.enforcement_shapes import ENFORCEMENTS
from adapters.feeds.own import said_by_us, withdrawn_ids
from adapters.feeds.published import is_removed
from adapters.feeds.repair import repaired
from adapters.feeds.restriction import restriction
from adapters.feeds.restriction_shapes import RESTRICTIONS
from adapters.feeds.said import WrongValue
from adapters.feeds.shapes import LISTINGS, Shape, is_fragment, other_feed, row_of, trimmed
from adapters.feeds.split import Piece, split
from adapters.feeds.twice import key_stands_twice
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import CONSUMPTION_RESTRICTION, DISHONEST_DEBTOR, JUDGMENT_DEBTOR, Record, UnknownFeed
from schemas.identifiers import PlaceholderIdentifier, RoundedIdentifier, read_identifier
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from schemas.record_id import is_record_id

S = TypeVar("S")

READABLE = frozenset({DISHONEST_DEBTOR.name, CONSUMPTION_RESTRICTION.name, JUDGMENT_DEBTOR.name})
REPAIRED = ("repaired", "obligation")
CODES = ("cardNum", "partyCardNum", "PartyCardNum", "personNumber")  # keys that hold an identifier


def read(feed: str, data: bytes, *, record_key: bytes, today: date) -> Iterator[Item]:
    """One item for each input record, in order; `today` is the date in China. Raises `UnknownFeed`."""
    if feed not in READABLE:
        raise UnknownFeed("no adapter reads this feed")
    return (
        _read_piece(feed, line, piece, record_key=record_key, today=today) for line, piece in enumerate(split(data), 1)
    )


def _read_piece(feed: str, line: int, piece: Piece, *, record_key: bytes, today: date) -> Item:
    raw = piece.raw
    try:
        value, warned = _parse(raw)
        if piece.deletes:
            return _deleted(line, value, raw)
        record = _record(value)
        if withdrawal := _withdrawal(feed, line, record, raw, record_key):
            return withdrawal
        return Accepted(line, _made(feed, record, raw, repaired=warned, record_key=record_key, today=today), raw)
    except Refused as refused:
        return Rejected(line, refused.code, str(refused), raw)
    except WrongValue as wrong:
        return Rejected(line, "wrong-value", str(wrong), raw)


def _parse(raw: bytes) -> tuple[JsonValue, bool]:
    """The value, and whether it was repaired. Raises `Refused`."""
    try:
        value = orjson.loads(raw)
    except orjson.JSONDecodeError:
        value = repaired(raw)
        if value is None:
            reason = "it is no valid JSON, and no known damage" if raw else "the list is cut off here"
            raise Refused("unparseable", reason) from None
        return value, True
    if key_stands_twice(raw, value):
        raise Refused("unparseable", "a key stands twice in one object")
    return value, False


def _record(value: JsonValue) -> JsonObject:
    if not isinstance(value, dict):
        if isinstance(value, int | str) and _is_rounded(str(value)):
            raise Refused("rounded-identifier", "a lone number that a spreadsheet rounded, and no record")
        raise Refused("unknown-shape", "the record is no JSON object")
    return value if "caseCode" in value else trimmed(value)


def _is_rounded(text: str) -> bool:
    try:
        read_identifier(text)
    except RoundedIdentifier:
        return True
    except PlaceholderIdentifier:
        return False
    return False


def _deleted(line: int, value: JsonValue, raw: bytes) -> Item:
    if isinstance(value, str) and is_record_id(value):
        return Withdrawal(line, (value,), None, raw)
    raise Refused("unknown-shape", "an entry of the delete list is no record id of this gateway")


def _withdrawal(feed: str, line: int, record: JsonObject, raw: bytes, record_key: bytes) -> Withdrawal | None:
    """Comes first of all: no other defect may keep a debtor on the list (rule J5)."""
    if record.get("status") != "withdrawn" and not ("removeStatus" in record and is_removed(record)):
        return None
    if record.get("feed", feed) != feed:
        raise Refused("wrong-feed", "the withdrawal is for another feed")
    ids = withdrawn_ids(record, feed, record_key)
    if not ids:
        raise Refused("withdrawal-without-key", "a withdrawal needs the record id, or case number and name")
    reason = record.get("status_reason")
    return Withdrawal(line, ids, reason if isinstance(reason, str) else None, raw)


def _made(feed: str, record: JsonObject, raw: bytes, *, repaired: bool, record_key: bytes, today: date) -> Record:
    """The canonical record by the rows of the feed. Raises `Refused`, `WrongValue`."""
    if feed == CONSUMPTION_RESTRICTION.name:
        order = _said(feed, record, RESTRICTIONS, restriction_shapes.said_by_us)
        return restriction(order, raw, record_key=record_key, today=today)
    if feed == JUDGMENT_DEBTOR.name:
        enforced = _said(feed, record, ENFORCEMENTS, enforcement_shapes.said_by_us)
        return enforcement(enforced, raw, record_key=record_key, today=today)
    said = _said(feed, record, LISTINGS, said_by_us)
    if repaired:
        said = said._replace(warnings=(*said.warnings, REPAIRED))
    return debtor(said, raw, record_key=record_key, today=today)


def _said(feed: str, record: JsonObject, rows: Sequence[Shape[S]], own: Callable[[JsonObject], S]) -> S:
    if shape := row_of(record, rows):
        if float in map(type, record.values()):
            _check_fractions(record, shape.fractions)
        return shape.said(record)
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
