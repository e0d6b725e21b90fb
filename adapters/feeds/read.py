"""Bytes of a submission to items: cut, parse, recognise, normalise. Nothing a source writes makes it raise."""

from collections.abc import Callable, Iterator, Mapping
from datetime import date

import orjson

from adapters.feeds import address_shapes, control, enforcement_shapes, restriction_shapes, service_result
from adapters.feeds.address import SaidAddress, address, stated_ids
from adapters.feeds.debtor import Refused, debtor
from adapters.feeds.enforcement import SaidEnforcement, enforcement
from adapters.feeds.own import said_by_us
from adapters.feeds.piece import Piece
from adapters.feeds.removal import is_removed, removal_reason
from adapters.feeds.repair import repaired
from adapters.feeds.restriction import SaidOrder, restriction
from adapters.feeds.said import WrongValue
from adapters.feeds.shapes import AnySaid, Row, is_fragment, other_feed, recognised
from adapters.feeds.submission import pieces
from adapters.feeds.twice import key_stands_twice
from adapters.feeds.withdrawal import BESIDE, replaced, withdrawn_ids
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import (
    CONSUMPTION_RESTRICTION,
    CONTROL_FEEDBACK,
    CONTROL_OFFICER,
    CONTROL_REQUEST,
    DISHONEST_DEBTOR,
    JUDGMENT_DEBTOR,
    SERVICE_ADDRESS,
    SERVICE_RESULT,
    Record,
    UnknownFeed,
)
from schemas.identifiers import PlaceholderIdentifier, RoundedIdentifier, read_identifier
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from schemas.record_id import is_record_id

# What a line of our own says, for each feed that is read.
OWN: Mapping[str, Callable[[JsonObject], AnySaid | control.SaidControl]] = {
    DISHONEST_DEBTOR.name: said_by_us,
    CONSUMPTION_RESTRICTION.name: restriction_shapes.said_by_us,
    JUDGMENT_DEBTOR.name: enforcement_shapes.said_by_us,
    SERVICE_ADDRESS.name: address_shapes.said_by_us,
    SERVICE_RESULT.name: service_result.said_by_us,
    CONTROL_OFFICER.name: control.said_officer,
    CONTROL_REQUEST.name: control.said_request,
    CONTROL_FEEDBACK.name: control.said_feedback,
}
BY_CASE = "case number and name"
KNOWN_BY = {  # what a withdrawal names a record by, where that is no case
    SERVICE_ADDRESS.name: "the party's identifier and the day from which the statement holds",
    SERVICE_RESULT.name: "the number of the attempt",
    CONTROL_OFFICER.name: "the number of the certificate",
    CONTROL_REQUEST.name: "the number of the request",
    CONTROL_FEEDBACK.name: "the request's record id and the answer's number",
}
REPAIRED = ("repaired", "obligation")
SOURCE_KEY = "md5"  # by which update and delete lists name a record


def read(feed: str, data: bytes, *, record_key: bytes, today: date) -> Iterator[Item]:
    """One item for each input record, in order; `today` is the date in China. Raises `UnknownFeed`."""
    if feed not in OWN:
        raise UnknownFeed("no adapter reads this feed")
    keyed: dict[str, str] = {}
    return (
        _read_piece(feed, line, piece, keyed, record_key=record_key, today=today)
        for line, piece in enumerate(pieces(data), 1)
    )


def _read_piece(feed: str, line: int, piece: Piece, keyed: dict[str, str], *, record_key: bytes, today: date) -> Item:
    """`keyed` holds the record id behind each key of the source's own that was met, for the deletions that follow."""
    raw = piece.raw
    try:
        value, warned = _value(piece)
        if piece.deletes:
            return _deleted(feed, line, value, raw, keyed, record_key)
        record, shape = recognised(_record(value))
        if withdrawal := _withdrawal(feed, line, record, shape, raw, record_key):
            return withdrawal
        said = _said(feed, record, shape)
        if warned:
            said = said._replace(warnings=(*said.warnings, REPAIRED))
        found = _made(said, raw, record_key=record_key, today=today)
        if isinstance(key := record.get(SOURCE_KEY), str):
            same = keyed.setdefault(key, found.record_id) == found.record_id
            keyed[key] = found.record_id if same else ""  # a key of two records names neither
        return Accepted(line, found, raw, replaced(record, feed, shape, record_key, found.record_id))
    except Refused as refused:
        return Rejected(line, refused.code, str(refused), raw)
    except WrongValue as wrong:
        return Rejected(line, "wrong-value", str(wrong), raw)


def _made(said: AnySaid | control.SaidControl, raw: bytes, *, record_key: bytes, today: date) -> Record:
    """The canonical record. Raises `Refused`."""
    if isinstance(said, SaidOrder):
        return restriction(said, raw, record_key=record_key, today=today)
    if isinstance(said, SaidEnforcement):
        return enforcement(said, raw, record_key=record_key, today=today)
    if isinstance(said, SaidAddress):
        return address(said, raw, record_key=record_key, today=today)
    if isinstance(said, service_result.SaidResult):
        return service_result.service_result(said, raw, record_key=record_key, today=today)
    if isinstance(said, control.SaidControl):
        return control.control(said, raw, record_key=record_key, today=today)
    return debtor(said, raw, record_key=record_key, today=today)


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


def _deleted(feed: str, line: int, value: JsonValue, raw: bytes, keyed: Mapping[str, str], record_key: bytes) -> Item:
    """An entry of a delete list: a record id, a record that names case and debtor, a key met before in this list."""
    if isinstance(value, str) and (found := value if is_record_id(value) else keyed.get(value)):
        return Withdrawal(line, (found,), None, raw)
    if isinstance(value, dict):
        record, shape = recognised(value)
        if ids := _ids(record, feed, shape, record_key):
            return Withdrawal(line, ids, removal_reason(record), raw)
    reason = "the delete list names a record by a key that is not ours; send record id, or what the record is known by"
    raise Refused("withdrawal-without-key", reason)


def _withdrawal(
    feed: str, line: int, record: JsonObject, shape: Row | None, raw: bytes, record_key: bytes
) -> Withdrawal | None:
    """Comes first of all: no other defect may keep a debtor on the list (rule J5)."""
    if record.get("status") != "withdrawn" and not is_removed(record, shape.states if shape else None):
        return None
    if record.get("feed", feed) != feed:
        raise Refused("wrong-feed", "the withdrawal is for another feed")
    ids = _ids(record, feed, shape, record_key)
    if not ids:
        raise Refused("withdrawal-without-key", f"a withdrawal needs the record id, or {KNOWN_BY.get(feed, BY_CASE)}")
    return Withdrawal(line, ids, removal_reason(record), raw)


def _ids(record: JsonObject, feed: str, shape: Row | None, record_key: bytes) -> tuple[str, ...]:
    """The ids of the records that a withdrawal names, by what a record of the feed is known by."""
    own = record.get("record_id")
    if isinstance(own, str) and is_record_id(own):
        return (own,)
    if feed not in KNOWN_BY:
        return withdrawn_ids(record, feed, shape, record_key)
    if shape is not None and shape.feed != feed:
        raise Refused("wrong-feed", f"the keys are those of feed {shape.feed}")
    if feed == SERVICE_RESULT.name:
        return service_result.result_ids(record, record_key)
    if feed in control.FEEDS:
        return control.control_ids(feed, record, record_key)
    said = _said_anyhow(record, shape.said if shape is not None else address_shapes.said_in_withdrawal)
    return stated_ids(said, record_key) if isinstance(said, SaidAddress) else ()


def _said_anyhow(record: JsonObject, say: Callable[[JsonObject], AnySaid]) -> AnySaid | None:
    """What a withdrawal says of the record it means, without the fields that hold what they cannot (rule J5)."""
    while True:
        try:
            return say(record)
        except WrongValue as wrong:
            if wrong.name not in record:
                return None
            record = {key: value for key, value in record.items() if key != wrong.name}


def _said(feed: str, record: JsonObject, shape: Row | None) -> AnySaid | control.SaidControl:
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
        return OWN[feed]({key: value for key, value in record.items() if key not in BESIDE})
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
