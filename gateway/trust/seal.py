"""The seal: salted commitments to every slot, a Merkle tree over the batch, one signature (rules S1-S6).

    secret -> salts -> commitment of each slot -> record leaf -> batch root -> batch header, a JWS

docs/format.md sections 2 to 4 give the bytes. One secret belongs to one record version; forgetting it makes the body
unreadable and every hidden commitment meaningless, and changes no hash (J7).
"""

import hashlib
import os
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final, Protocol

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.errors import Broken
from gateway.trust import jws
from gateway.trust.keys import Signer
from gateway.trust.merkle import root
from schemas.canonical import JsonObject, JsonValue, b64u, b64u_bytes, canonical

SECRET_BYTES: Final = 32
SALT_BYTES: Final = 16
SALT_PURPOSE: Final = b"fuyuan/salt/1"
BODY_PURPOSE: Final = b"fuyuan/body/1"
ONLY_NONCE: Final = bytes(12)  # a body key encrypts one body, once


class Slotted(Protocol):
    """What sealing needs of a feed (`schemas.catalog.Feed`): its name, schema version and slots, in order (S1)."""

    @property
    def name(self) -> str: ...
    @property
    def schema_version(self) -> int: ...
    @property
    def slots(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Draft:
    """A record version before it is sealed: its values in slot order, and its body as canonical JSON."""

    record_id: str
    revision: int
    status: str
    values: tuple[JsonValue, ...]
    body: bytes


@dataclass(frozen=True, slots=True)
class SealedRecord:
    """A record version in its batch. `digests`: 32 bytes a slot; `body`: encrypted under a key made from `secret`."""

    record_id: str
    revision: int
    status: str
    digests: bytes
    leaf_hash: bytes
    secret: bytes
    body: bytes


@dataclass(frozen=True, slots=True)
class SealedBatch:
    """`header` is the compact JWS over `root` and what the records have in common."""

    header: str
    root: bytes
    records: tuple[SealedRecord, ...]


def salts(secret: bytes, slots: int) -> list[bytes]:
    """16 bytes a slot, in slot order (S3)."""
    stream = hashlib.shake_256(SALT_PURPOSE + secret).digest(SALT_BYTES * slots)
    return list(_salts(slots).unpack(stream))


@cache
def _salts(slots: int) -> struct.Struct:
    return struct.Struct(f"{SALT_BYTES}s" * slots)


def commit(salt: bytes, path: str, value: JsonValue) -> bytes:
    """The commitment to one slot (S2): 32 bytes."""
    said = slot_prefix(path) + orjson.dumps(value, option=orjson.OPT_SORT_KEYS) + b"]"
    return hashlib.sha256(b"\x02" + salt + said).digest()


def slot_prefix(path: str) -> bytes:
    """The canonical bytes of [path, value] up to the value."""
    return b"[" + canonical(path) + b","


def record_leaf(*, feed: str, schema_version: int, record_id: str, revision: int, status: str, digests: bytes) -> bytes:
    """The data of a record's leaf (S2); its Merkle hash is `leaf_hash` of it."""
    others = canonical(
        {
            "type": "record/1",
            "feed": feed,
            "schema_version": schema_version,
            "record_id": record_id,
            "revision": revision,
            "status": status,
        }
    )
    # `digests` comes first in canonical order; so long a text is not looked through for what nobody needs to escape.
    return b'{"digests":"' + b64u_bytes(digests) + b'",' + others[1:]


def seal_batch(
    key: Signer, *, issuer: str, provider: str, feed: Slotted, records: Sequence[Draft], submission: bytes
) -> SealedBatch:
    """Seal record versions of one feed and provider, in order. `submission` is the commitment of S5.

    Raises ValueError where there is no record, or one has not a value for each slot.
    """
    if not records:
        raise ValueError("a batch holds at least one record")
    prefixes = [slot_prefix(path) for path in feed.slots]
    nulls = [prefix + b"null]" for prefix in prefixes]
    randomness = os.urandom(SECRET_BYTES * len(records))
    sealed = tuple(
        _seal_record(feed, prefixes, nulls, draft, randomness[start : start + SECRET_BYTES])
        for start, draft in zip(range(0, len(randomness), SECRET_BYTES), records, strict=True)
    )
    top = root([record.leaf_hash for record in sealed])
    header = jws.sign(
        key,
        jws.BATCH,
        {
            "type": "batch/1",
            "issuer": issuer,
            "provider": provider,
            "feed": feed.name,
            "schema_version": feed.schema_version,
            "count": len(sealed),
            "root": b64u(top),
            "submission": b64u(submission),
        },
    )
    return SealedBatch(header, top, sealed)


def _seal_record(feed: Slotted, prefixes: list[bytes], nulls: list[bytes], draft: Draft, secret: bytes) -> SealedRecord:
    # The one hot loop of intake: everything that does not depend on the value was spelled before.
    sha256, dumps, sort_keys = hashlib.sha256, orjson.dumps, orjson.OPT_SORT_KEYS
    digests = b"".join(
        [
            sha256(b"\x02" + salt + (null if value is None else prefix + dumps(value, None, sort_keys) + b"]")).digest()
            for salt, prefix, null, value in zip(
                salts(secret, len(prefixes)), prefixes, nulls, draft.values, strict=True
            )
        ]
    )
    leaf = record_leaf(
        feed=feed.name,
        schema_version=feed.schema_version,
        record_id=draft.record_id,
        revision=draft.revision,
        status=draft.status,
        digests=digests,
    )
    return SealedRecord(
        record_id=draft.record_id,
        revision=draft.revision,
        status=draft.status,
        digests=digests,
        leaf_hash=sha256(b"\x00" + leaf).digest(),
        secret=secret,
        body=_body_cipher(secret).encrypt(ONLY_NONCE, draft.body, _body_name(draft.record_id, draft.revision)),
    )


def open_body(secret: bytes, record_id: str, revision: int, body: bytes) -> bytes:
    """The canonical JSON of a record version. Raises `Broken` where secret, name and body do not belong together."""
    try:
        return _body_cipher(secret).decrypt(ONLY_NONCE, body, _body_name(record_id, revision))
    except InvalidTag:
        raise Broken(
            "body-damaged", "A stored record does not open with its secret; restore it from the backup."
        ) from None


def body_key(secret: bytes) -> bytes:
    """The AES-256 key of one record version's body (S3)."""
    return hashlib.sha256(BODY_PURPOSE + secret).digest()


def submission_commitment(salt: bytes, body_digest: bytes, signature_digest: bytes) -> bytes:
    """The salted commitment to what the provider sent and signed (S5); `salt` is 32 random bytes."""
    return hashlib.sha256(b"\x03" + salt + body_digest + signature_digest).digest()


def journal_leaf_document(
    *, index: int, first_position: int, count: int, kind: str, document: bytes, appended_at: str
) -> JsonObject:
    """A leaf of the journal's own tree (docs/format.md section 4). `document` is the bytes that it stands for."""
    return {
        "type": "journal/1",
        "index": index,
        "first_position": first_position,
        "count": count,
        "kind": kind,
        "header": b64u(hashlib.sha256(document).digest()),
        "appended_at": appended_at,
    }


def journal_leaf_data(
    *, index: int, first_position: int, count: int, kind: str, document: bytes, appended_at: str
) -> bytes:
    """The canonical bytes of `journal_leaf_document`."""
    return canonical(
        journal_leaf_document(
            index=index,
            first_position=first_position,
            count=count,
            kind=kind,
            document=document,
            appended_at=appended_at,
        )
    )


def _body_cipher(secret: bytes) -> AESGCM:
    return AESGCM(body_key(secret))


def _body_name(record_id: str, revision: int) -> bytes:
    return b"%s|%d" % (record_id.encode(), revision)
