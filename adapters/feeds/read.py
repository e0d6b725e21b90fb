"""Bytes of a submission to items: cut, parse, recognise, normalise. Nothing a source writes makes it raise."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import orjson

from adapters.feeds.adapter import AnyAdapter, Row
from adapters.feeds.debtor import Refused
from adapters.feeds.piece import Piece
from adapters.feeds.registry import ADAPTERS
from adapters.feeds.removal import is_removed, removal_reason
from adapters.feeds.repair import repaired
from adapters.feeds.said import WrongValue
from adapters.feeds.shapes import is_fragment, other_feed, recognised
from adapters.feeds.source_keys import NAME, SourceKeys
from adapters.feeds.submission import pieces
from adapters.feeds.twice import key_stands_twice
from adapters.feeds.withdrawal import BESIDE, replaced, withdrawn_ids
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import UnknownFeed
from schemas.identifiers import PlaceholderIdentifier, RoundedIdentifier, read_identifier
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from schemas.record_id import is_record_id

REPAIRED = ("repaired", "obligation")


def read(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    """One item for each input record, in order; `today` is the date in China. Raises `UnknownFeed`."""
    adapter = ADAPTERS.get(feed)
    if adapter is None:
        raise UnknownFeed("no adapter reads this feed")
    keys = SourceKeys(feed, record_key)
    return (
        _read_piece(adapter, line, piece, keys, record_key=record_key, today=today)
        for line, piece in enumerate(pieces(data), 1)
    )


def _read_piece(
    adapter: AnyAdapter, line: int, piece: Piece, keys: SourceKeys, *, record_key: bytes, today: date
) -> Item:
    """`keys` are those of the source's own that were met, for the deletions that follow."""
    raw, listing, shape = piece.raw, None, None
    try:
        value, warned = _value(piece)
        if piece.deletes:
            return _deleted(adapter, line, value, raw, keys, record_key)
        record, shape = recognised(_record(value))
        if withdrawal := _withdrawal(adapter, line, record, shape, raw, keys, record_key):
            return withdrawal
        listing = record
        said = _said(adapter, record, shape)
        if warned:
            said = said._replace(warnings=(*said.warnings, REPAIRED))
        found = adapter.make(said, raw, record_key=record_key, today=today)
        instead = replaced(record, adapter.feed, shape, record_key, found.record_id)
        return Accepted(line, found, raw, instead, keys.took(record, found.record_id))
    except Refused as refused:
        code, reason = refused.code, str(refused)
    except WrongValue as wrong:
        code, reason = "wrong-value", str(wrong)
    about = () if listing is None or code == "wrong-feed" else _about(listing, adapter, shape, record_key)
    keys.refused(about)
    return Rejected(line, code, reason, raw, record_ids=about)


def _value(piece: Piece) -> tuple[JsonValue, bool]:
    """The value, and whether it was repaired. Raises `Refused`."""
    if piece.fault is not None:
        raise Refused(piece.fault.code, piece.fault.reason)
    if piece.row is not None:
        return piece.row, False
    return _parse(piece.raw if piece.utf8 is None else piece.utf8)


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
    inner = value.get("_source")
    return inner if isinstance(inner, dict) else value  # a hit of a search index holds the record


def _is_rounded(text: str) -> bool:
    try:
        read_identifier(text)
    except RoundedIdentifier:
        return True
    except PlaceholderIdentifier:
        return False
    return False


def _deleted(adapter: AnyAdapter, line: int, value: JsonValue, raw: bytes, keys: SourceKeys, record_key: bytes) -> Item:
    """An entry of a delete list: a record id, a record that says what it is known by, or the source's own key alone."""
    own, reason = value, None
    if isinstance(value, dict):
        record, shape = recognised(value)
        reason = removal_reason(record)
        if ids := _ids(record, adapter, shape, record_key):
            return Withdrawal(line, ids, reason, raw)
        own = value.get(NAME)
    if isinstance(own, str) and is_record_id(own):
        return Withdrawal(line, (own,), reason, raw)
    return keys.deletion(line, own, reason, raw)


def _withdrawal(
    adapter: AnyAdapter,
    line: int,
    record: JsonObject,
    shape: Row | None,
    raw: bytes,
    keys: SourceKeys,
    record_key: bytes,
) -> Item | None:
    """Comes first of all: no other defect may keep a debtor on the list (rule J5)."""
    if record.get("status") != "withdrawn" and not is_removed(record, shape.states if shape else None):
        return None
    if record.get("feed", adapter.feed) != adapter.feed:
        raise Refused("wrong-feed", "the withdrawal is for another feed")
    ids = _ids(record, adapter, shape, record_key)
    if not ids and record.get(NAME):
        return keys.deletion(line, record[NAME], removal_reason(record), raw)
    if not ids:
        raise Refused("withdrawal-without-key", f"a withdrawal needs the record id, or {adapter.known_by}")
    return Withdrawal(line, ids, removal_reason(record), raw)


def _about(record: JsonObject, adapter: AnyAdapter, shape: Row | None, record_key: bytes) -> tuple[str, ...]:
    """The ids that a refused record may have, as far as it says what it is known by."""
    try:
        return _ids(record, adapter, shape, record_key)
    except (Refused, WrongValue):
        return ()


def _ids(record: JsonObject, adapter: AnyAdapter, shape: Row | None, record_key: bytes) -> tuple[str, ...]:
    """The ids of the records that a withdrawal names, by what a record of the feed is known by."""
    own = record.get("record_id")
    if isinstance(own, str) and is_record_id(own):
        return (own,)
    if adapter.ids is None:
        return withdrawn_ids(record, adapter.feed, shape, record_key)
    if shape is not None and shape.feed != adapter.feed:
        raise Refused("wrong-feed", f"the keys are those of feed {shape.feed}")
    return adapter.ids(record, shape, record_key)


def _said(adapter: AnyAdapter, record: JsonObject, shape: Row | None) -> Any:
    """What the record says, in the adapter's own form. Raises `Refused`, `WrongValue`."""
    feed = adapter.feed
    if shape:
        if shape.feed != feed:
            raise Refused("wrong-feed", f"the keys are those of feed {shape.feed}")
        if float in map(type, record.values()):
            _refuse_fractions(record, shape)
        for key, values in shape.only.items():
            if key in record and str(record[key]) not in values:
                raise Refused("wrong-feed", "the record says of itself that it is of another list")
        return shape.said(record)
    if "feed" in record:
        if record["feed"] != feed:
            raise Refused("wrong-feed", "the record names another feed")
        return adapter.own({key: value for key, value in record.items() if key not in BESIDE})
    if other := other_feed(record, feed):
        raise Refused("wrong-feed", f"the keys are those of feed {other}")
    if is_fragment(record):
        raise Refused("not-a-listing", "this is one person of a unit's record, and no record")
    raise Refused("unknown-shape", "the keys are those of no known list")


def _refuse_fractions(record: JsonObject, shape: Row) -> None:
    """But for amounts a list holds no fractions and no number past 64 bits: some program read a code as a number.

    Raises `Refused`.
    """
    fractions = {key for key, value in record.items() if isinstance(value, float)}
    if not fractions.isdisjoint(shape.identifiers):
        raise Refused("rounded-identifier", "the identifier was written as a number, and its digits are lost")
    if not fractions.isdisjoint(shape.known - shape.ignored - shape.amounts):
        raise Refused("wrong-value", "a field holds a fraction or a number too large")
