"""An event's leaves, rebuilt from what the event shows: the record leaf of its batch, the delivery leaf of its run.

The gateway builds the delivery leaf with the same function as the agency, so it cannot send what would not verify.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, NamedTuple

import orjson

from gateway.trust.documents import BadDocument, Event, read
from gateway.trust.merkle import HASH_BYTES, leaf_hash
from gateway.trust.seal import SALT_BYTES, record_leaf, slot_prefix
from schemas import catalog
from schemas.canonical import JsonObject, JsonValue, b64u, canonical, check_canonical, unb64u
from schemas.slots import Columns, Form, form

ALWAYS: Final = ("feed", "schema_version", "record_id", "status")  # members of every record that is shown
TOLD: Final = ("contract", "contract_version", "lane", "number", "kind", "cause", "notice")  # repeated in the leaf
STATUSES: Final = {"upsert": ("listed", "amended"), "withdrawn": ("withdrawn",)}
# What is spelled as it is. Of anything else a float may be part, and one that is no number would be spelled null.
PLAIN: Final = frozenset({str, bool, int, type(None)})


@dataclass(frozen=True, slots=True)
class RecordProof:
    """The part of a proof that ties the shown record to its batch (docs/format.md section 5)."""

    feed: str
    schema_version: int
    record_id: str
    status: str
    batch: str
    index: int
    path: list[str]
    revision: int
    salts: dict[str, str]
    hidden: str


def read_event(event: JsonObject) -> Event:
    """The event, where it has exactly the members of its kind (docs/format.md section 5). Raises `BadDocument`.

    What an event with a record must have besides is `rebuild`'s to say.
    """
    found = read(Event, event)
    if (found.notice is not None) != (found.kind == "contract"):
        raise BadDocument("notice: stands for a contract event, and for it alone")
    if found.kind in STATUSES:
        return found
    proof, record = found.proof, found.record
    parts = (proof.batch, proof.index, proof.path, proof.revision, proof.salts, proof.hidden, proof.journal)
    if proof.treated or any(part is not None for part in parts):
        raise BadDocument("proof: the batch members stand for upsert and withdrawn, and for them alone")
    match found.kind, record:
        case "drop", {"feed": str(), "record_id": str()} if record is not None and len(record) == 2:
            return found
        case (("void" | "contract"), None):
            return found
    raise BadDocument("record: not what this kind of event has")


def record_proof(event: Event) -> RecordProof | None:
    """What ties the record to its batch; None for the kinds of event that show none. Raises `BadDocument`."""
    if event.kind not in STATUSES:
        return None
    proof = event.proof
    match event.record:
        case {"feed": str(feed), "schema_version": int(version), "record_id": str(record_id), "status": str(status)}:
            if status not in STATUSES[event.kind] or version is True:
                raise BadDocument("record: status and version do not fit the kind of event")
        case _:
            raise BadDocument("record: lacks what always travels")
    batch, index, path, revision = proof.batch, proof.index, proof.path, proof.revision
    salts, hidden = proof.salts, proof.hidden
    if batch is None or index is None or path is None or revision is None or salts is None or hidden is None:
        raise BadDocument("proof: lacks a member that this kind of event has")
    return RecordProof(feed, version, record_id, status, batch, index, path, revision, salts, hidden)


def delivery_leaf(event: JsonObject) -> bytes:
    """The Merkle hash of the event's delivery leaf: 32 bytes. Raises ValueError where the event is not a whole one."""
    return rebuild(read_event(event)).delivery_leaf


class OfRecord(NamedTuple):
    """A shown record's proof with its leaf's Merkle hash as the event rebuilds it."""

    proof: RecordProof
    leaf: bytes


@dataclass(frozen=True, slots=True)
class Leaves:
    """The Merkle hashes of both leaves; `record` is None where the event shows none."""

    record: OfRecord | None
    delivery_leaf: bytes


def rebuild(event: Event) -> Leaves:
    """Both leaves from shown values, salts and hidden digests.

    Raises ValueError where the record shows a field that the proof does not cover, or lacks one that it does.
    """
    record = event.record or {}
    changed: JsonObject = {}
    of_record = None
    if (proof := record_proof(event)) is not None:
        slots = _slots(proof.feed, proof.schema_version)
        shown = (*proof.salts, *event.proof.treated)
        if len(set(shown)) != len(shown) or not slots.keys() >= set(shown):
            raise BadDocument("proof: names a slot twice, or one that the feed does not have")
        values = open_record(record, shown)
        changed = {path: values[path] for path in event.proof.treated}
        leaf = leaf_hash(
            record_leaf(
                feed=proof.feed,
                schema_version=proof.schema_version,
                record_id=proof.record_id,
                revision=proof.revision,
                status=proof.status,
                digests=_digests(slots, proof.salts, proof.hidden, values),
            )
        )
        of_record = OfRecord(proof, leaf)
    if changed or event.notice is not None:
        check_canonical([event.notice, changed])
    told = {name: getattr(event, name) for name in TOLD}
    return Leaves(of_record, _delivery_leaf(told, record, None if of_record is None else of_record.leaf, changed))


def known_delivery_leaf(event: JsonObject, record: JsonObject | None, leaf: bytes | None, treated: JsonObject) -> bytes:
    """As `delivery_leaf`, for who made the event and has its record's leaf: rebuilding that costs as much as the rest.

    `treated` holds the values that are shown in changed form.
    """
    return _delivery_leaf(event, record or {}, leaf, treated)


def _delivery_leaf(told: JsonObject, record: JsonObject, leaf: bytes | None, treated: JsonObject) -> bytes:
    delivery: JsonObject = {
        "type": "delivery/1",
        **{name: told[name] for name in TOLD},
        "feed": record.get("feed"),
        "record_id": record.get("record_id"),
        "record_leaf": None if leaf is None else b64u(leaf),
        "treated": treated,
    }
    return leaf_hash(canonical(delivery))


def open_record(record: JsonObject, paths: tuple[str, ...]) -> JsonObject:
    """The value of each slot path, from a record that holds these slots and what always travels, and nothing else.

    As `schemas.slots.flatten`, and exact: raises `BadDocument` for a field more or less.
    """
    found: JsonObject = {}
    try:
        expected = form(paths)
    except ValueError:
        raise BadDocument("proof: one slot lies within another") from None
    _walk(expected, {name: value for name, value in record.items() if name not in ALWAYS}, found)
    return found


def _walk(expected: Form, value: JsonValue, found: JsonObject) -> None:
    if type(value) is not dict or value.keys() != expected.keys():
        raise BadDocument("record: shows other fields than the proof covers")
    for key, inner in expected.items():
        match inner:
            case str():
                found[inner] = value[key]
            case Columns():
                _walk_list(inner.paths, value[key], found)
            case _:
                _walk(inner, value[key], found)


def _walk_list(columns: Mapping[str, str], rows: JsonValue, found: JsonObject) -> None:
    if rows is None:
        found.update(dict.fromkeys(columns.values()))
        return
    if type(rows) is not list or not all(type(row) is dict and row.keys() == columns.keys() for row in rows):
        raise BadDocument("record: shows other fields than the proof covers")
    for column, path in columns.items():
        found[path] = [row[column] for row in rows]


def _digests(slots: Mapping[str, bytes], salts: Mapping[str, str], hidden: str, values: JsonObject) -> bytes:
    """Every slot's commitment, in slot order: opened where there is a salt, else the next of the hidden ones."""
    others = unb64u(hidden, HASH_BYTES * (len(slots) - len(salts)))
    sha256, dumps, sort_keys = hashlib.sha256, orjson.dumps, orjson.OPT_SORT_KEYS
    digests = []
    at = 0
    for path, prefix in slots.items():
        if path in salts:
            value = values[path]
            if type(value) not in PLAIN and not (type(value) is list and PLAIN.issuperset(map(type, value))):
                check_canonical(value)
            opened = unb64u(salts[path], SALT_BYTES) + prefix + dumps(value, None, sort_keys) + b"]"
            digests.append(sha256(b"\x02" + opened).digest())
        else:
            digests.append(others[at : at + HASH_BYTES])
            at += HASH_BYTES
    return b"".join(digests)


@lru_cache(maxsize=64)
def _slots(name: str, schema_version: int) -> dict[str, bytes]:
    """The feed's slots in order, each with the bytes that its commitment begins with."""
    try:
        found = catalog.feed(name)
    except catalog.UnknownFeed:
        raise BadDocument("record.feed: no feed that is known here") from None
    if found.schema_version != schema_version:
        raise BadDocument("record.schema_version: none that is known here")
    return {path: slot_prefix(path) for path in found.slots}
