"""An event's leaves, rebuilt from what the event shows: the record leaf of its batch, the delivery leaf of its run.

The gateway builds the delivery leaf with the same function as the agency, so it cannot send what would not verify.
"""

import hashlib
from functools import lru_cache
from typing import Final

import orjson

from gateway.trust.documents import BadDocument, Event, read
from gateway.trust.merkle import HASH_BYTES, leaf_hash
from gateway.trust.seal import SALT_BYTES, record_leaf, slot_prefix
from schemas.canonical import JsonObject, b64u, canonical, check_canonical, unb64u
from schemas.catalog import UnknownFeed, feed
from schemas.slots import flatten, nest

ALWAYS: Final = ("feed", "schema_version", "record_id", "status")  # members of every record that is shown
STATUSES: Final = {"upsert": ("listed", "amended"), "withdrawn": ("withdrawn",)}
SPELLED: Final = (str, bool, type(None), int)  # spelled as they are; a float that is no number would be spelled null
RECORD_PARTS: Final = ("batch", "index", "path", "revision", "salts", "hidden")


def read_event(event: JsonObject) -> Event:
    """The event with exactly its members, those that its kind has (docs/format.md section 5). Raises `BadDocument`."""
    found = read(Event, event)
    proof, record = found.proof, found.record
    parts = [getattr(proof, name) is not None for name in RECORD_PARTS]
    with_record = found.kind in STATUSES
    if parts != [with_record] * len(parts):
        raise BadDocument("proof: the batch members stand for upsert and withdrawn, and for them alone")
    if not with_record and (proof.treated or proof.journal):
        raise BadDocument("proof: nothing to treat and no batch to look up in the journal")
    if (found.notice is not None) != (found.kind == "contract"):
        raise BadDocument("notice: stands for a contract event, and for it alone")
    if record is None:
        fits = found.kind in ("void", "contract")
    elif with_record:
        fits = record.get("status") in STATUSES[found.kind] and type(record.get("schema_version")) is int
    else:
        fits = found.kind == "drop" and set(record) == {"feed", "record_id"}
    named = record is None or (isinstance(record.get("feed"), str) and isinstance(record.get("record_id"), str))
    if not fits or not named:
        raise BadDocument("record: not what this kind of event has")
    return found


def delivery_leaf(event: JsonObject) -> bytes:
    """The Merkle hash of the event's delivery leaf: 32 bytes. Raises ValueError where the event is not a whole one."""
    found = read_event(event)
    return leaf_hash(delivery_data(found, rebuild_record_leaf(found)))


def delivery_data(event: Event, leaf: bytes | None) -> bytes:
    """The data of the delivery leaf (docs/format.md section 5); `leaf` is the record leaf's Merkle hash."""
    record = event.record or {}
    treated = event.proof.treated
    changed = flatten(record, treated) if treated else {}
    check_canonical([event.notice, changed])
    return canonical(
        {
            "type": "delivery/1",
            "contract": event.contract,
            "contract_version": event.contract_version,
            "lane": event.lane,
            "number": event.number,
            "kind": event.kind,
            "cause": event.cause,
            "feed": record.get("feed"),
            "record_id": record.get("record_id"),
            "record_leaf": None if leaf is None else b64u(leaf),
            "treated": changed,
            "notice": event.notice,
        }
    )


def rebuild_record_leaf(event: Event) -> bytes | None:
    """The Merkle hash of the record's leaf, from shown values, salts and hidden digests; None where there is no record.

    Raises ValueError where the record shows a slot without a salt, one that the feed does not have, or is not whole.
    """
    record, proof = event.record, event.proof
    if record is None or proof.salts is None or proof.hidden is None or proof.revision is None:
        return None
    slots = _slots(record["feed"], record["schema_version"])
    salts, treated = proof.salts, frozenset(proof.treated)
    if len(treated) != len(proof.treated) or not treated.isdisjoint(salts):
        raise BadDocument("proof.treated: a slot stands twice")
    if not treated.union(salts) <= slots.keys():
        raise BadDocument("proof: names a slot that the feed does not have")
    fields = {name: value for name, value in record.items() if name not in ALWAYS}
    values = flatten(fields, [*salts, *proof.treated])
    if nest(values) != fields:
        raise BadDocument("record: shows a field that the proof does not cover")
    hidden = unb64u(proof.hidden, HASH_BYTES * (len(slots) - len(salts)))
    sha256, dumps, sort_keys = hashlib.sha256, orjson.dumps, orjson.OPT_SORT_KEYS
    digests = []
    at = 0
    for path, prefix in slots.items():
        if path in salts:
            value = values[path]
            if type(value) not in SPELLED:
                check_canonical(value)
            opened = unb64u(salts[path], SALT_BYTES) + prefix + dumps(value, None, sort_keys) + b"]"
            digests.append(sha256(b"\x02" + opened).digest())
        else:
            digests.append(hidden[at : at + HASH_BYTES])
            at += HASH_BYTES
    return leaf_hash(
        record_leaf(
            feed=record["feed"],
            schema_version=record["schema_version"],
            record_id=record["record_id"],
            revision=proof.revision,
            status=record["status"],
            digests=b"".join(digests),
        )
    )


@lru_cache(maxsize=64)
def _slots(name: str, schema_version: int) -> dict[str, bytes]:
    """The feed's slots in order, each with the bytes that its commitment begins with."""
    try:
        found = feed(name)
    except UnknownFeed:
        raise BadDocument("record.feed: no feed that is known here") from None
    if found.schema_version != schema_version:
        raise BadDocument("record.schema_version: none that is known here")
    return {path: slot_prefix(path) for path in found.slots}
