"""Bytes of a submission to items: cut, parse, recognise, normalise. Nothing a source writes makes it raise."""

from collections.abc import Iterator
from datetime import date

import orjson

from adapters.feeds.debtor import Refused, debtor
from adapters.feeds.other_lists import OTHER_LISTS, named_ids, read_other_list
from adapters.feeds.own import said_by_us, withdrawn_ids
from adapters.feeds.published import is_removed
from adapters.feeds.repair import repaired
from adapters.feeds.said import Said, WrongValue
from adapters.feeds.shapes import is_fragment, other_feed, shape_of, trimmed
from adapters.feeds.split import Piece, split
from adapters.feeds.twice import key_stands_twice
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import DISHONEST_DEBTOR, UnknownFeed
from schemas.identifiers import PlaceholderIdentifier, RoundedIdentifier, read_identifier
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from schemas.record_id import is_record_id

READABLE = frozenset({DISHONEST_DEBTOR.name}) | OTHER_LISTS
REPAIRED = ("repaired", "obligation")


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
        if feed in OTHER_LISTS:
            return Accepted(line, read_other_list(feed, record, raw, record_key=record_key, today=today), raw)
        said = _said(feed, record)
        if warned:
            said = said._replace(warnings=(*said.warnings, REPAIRED))
        return Accepted(line, debtor(said, raw, record_key=record_key, today=today), raw)
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
    ids = (named_ids if feed in OTHER_LISTS else withdrawn_ids)(record, feed, record_key)
    if not ids:
        raise Refused("withdrawal-without-key", "a withdrawal needs the record id, or case number and name")
    reason = record.get("status_reason")
    return Withdrawal(line, ids, reason if isinstance(reason, str) else None, raw)


def _said(feed: str, record: JsonObject) -> Said:
    if shape := shape_of(record):
        if float in map(type, record.values()):
            raise _fraction(record)
        return shape.said(record)
    if "feed" in record:
        if record["feed"] != feed:
            raise Refused("wrong-feed", "the record names another feed")
        return said_by_us(record)
    if other := other_feed(record):
        raise Refused("wrong-feed", f"the keys are those of feed {other}")
    if is_fragment(record):
        raise Refused("not-a-listing", "this is one person of a unit's record, and no record")
    raise Refused("unknown-shape", "the keys are those of no known list")


def _fraction(record: JsonObject) -> ValueError:
    """A list holds no fractions and no number past 64 bits: some program read a code as a number."""
    if isinstance(record.get("cardNum"), float):
        return Refused("rounded-identifier", "the identifier was written as a number, and its digits are lost")
    return Refused("wrong-value", "a field holds a fraction or a number too large")
