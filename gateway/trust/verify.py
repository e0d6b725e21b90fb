"""Verifying with public keys alone: events, receipts, checkpoints, heartbeats and contracts (docs/format.md section 9).

An event is checked in this order:

1. the JSON is strict and has exactly the members of its kind;
2. the run header's signature, by a key of its `gateway`;
3. the shown fields and salts, with the hidden digests, rebuild the record leaf, and with it the delivery leaf;
4. the batch header's signature, by a key of its `issuer`, which is the gateway or the provider itself (S6), and the
   record leaf is in the batch;
5. where `journal` is given: the leaf is the batch header's, it is in the checkpoint, the checkpoint is the gateway's;
6. the delivery leaf is in the run; number, contract and lane agree with the run header;
7. the keys' validity at the signing time (S7).

A verdict's reason is one of a fixed list of sentences and never repeats what the document says.
"""

import hashlib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Generic, Literal, TypeAlias, TypeVar

from pydantic import BaseModel

from gateway.clock import unstamp
from gateway.trust import jws
from gateway.trust.documents import (
    BadDocument,
    BatchHeader,
    Checkpoint,
    ContractSignature,
    Event,
    Heartbeat,
    JournalProof,
    RunHeader,
    Sides,
    read,
)
from gateway.trust.event import read_event, rebuild
from gateway.trust.jws import BadJws
from gateway.trust.keys import KeySet, PublicKey
from gateway.trust.merkle import HASH_BYTES, BadProof, KnownTree, leaf_hash, verify_inclusion
from gateway.trust.receipt import open_receipt
from gateway.trust.validity import BadTime, Signed, Standing, judge
from schemas.canonical import CanonicalError, JsonObject, JsonValue, canonical, check_canonical, parse_strict, unb64u

Status: TypeAlias = Literal["valid", "unproven-time", "invalid"]
Kind: TypeAlias = Literal["event", "receipt", "checkpoint", "heartbeat", "contract", "unknown"]
Document = TypeVar("Document", bound=BaseModel)

HEADERS_KEPT: Final = 64  # verified headers with their trees, for each key set
PATHS_KEPT: Final = 8192  # decoded path hashes
UNPROVEN: Final = "a key has ended since, and no checkpoint from before its end includes the entry"
# A JSON escape: the hex digits of \u have two spellings, and only one may pass, or a flipped bit would mean nothing.
ESCAPE: Final = re.compile(rb"\\(?:u([0-9A-Fa-f]{4})|.)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What verifying one document came to.

    `reason` is None where it is valid. `id` names the document by its own ids. `by` names the parties whose keys
    signed it, so that a reader sees who vouches. `leaf` is a verified event's delivery leaf hash, for receipts.
    """

    status: Status
    kind: Kind
    reason: str | None = None
    id: str | None = None
    by: tuple[str, ...] = ()
    leaf: bytes | None = None


def verify_line(line: bytes, keys: KeySet) -> Verdict:
    """Whatever stands in `line`, as `fuyuan verify` takes it: one JSON value, white space between tokens allowed."""
    try:
        value = _parse(line)
    except (CanonicalError, RecursionError) as error:
        return Verdict("invalid", "unknown", _reason(error))
    if isinstance(value, dict):
        if "proof" in value:
            return verify_event(value, keys)
        match list(value.items()):
            case [("receipt", str(token))]:
                return verify_receipt(token, keys)
            case [("checkpoint", str(token))]:
                return verify_checkpoint(token, keys)
            case [("heartbeat", str(token))]:
                return verify_heartbeat(token, keys)
            case [("contract", dict(signed))]:
                return verify_contract(signed, keys)
    return Verdict("invalid", "unknown", "neither an event nor a receipt, checkpoint, heartbeat or contract")


def verify_event(event: JsonObject, keys: KeySet) -> Verdict:
    """One event. `keys` says whom the verifier trusts as gateway and as issuer, for a key speaks for its party alone.

    Events of one batch or run are cheap after the first where the same `KeySet` object is given.
    """
    found: Event | None = None
    try:
        # 1. The members. (That the JSON is strict is for whoever parsed it: `verify_line`.)
        found = read_event(event)
        standing, by, leaf = _check_event(found, _headers(keys))
    except (ValueError, TypeError, RecursionError) as error:
        return Verdict("invalid", "event", _reason(error), None if found is None else _event_id(found))
    return _verdict(standing, "event", _event_id(found), by, leaf)


def _check_event(event: Event, headers: "_Headers") -> tuple[Standing, tuple[str, ...], bytes]:
    proof = event.proof
    # 2. The run header is signed by the gateway.
    run = headers.run(proof.run)
    signatures = [run.signed]
    checkpoint: Signed | None = None
    # 3. Both leaves are rebuilt from what the event shows.
    leaves = rebuild(event)
    if leaves.record is not None:
        of_record, record_leaf = leaves.record
        # 4. The batch header is signed by its issuer, and the record leaf is in the batch.
        batch = headers.batch(of_record.batch)
        header = batch.document
        if header.issuer not in (run.document.gateway, header.provider):
            raise BadDocument("batch: sealed neither by the gateway nor by the provider")
        if (header.feed, header.schema_version) != (of_record.feed, of_record.schema_version):
            raise BadDocument("record: of another feed or version than its batch")
        batch.tree.verify(record_leaf, of_record.index, _path(of_record.path))
        # 5. The batch header is in the journal, where the event says so.
        sealed = batch.signed
        if proof.journal is not None:
            checkpoint = _check_journal(proof.journal, of_record.batch, header, run.document.gateway, headers)
            sealed = Signed(sealed.key, unstamp(proof.journal.leaf.appended_at), journalled=True)
        signatures.insert(0, sealed)
    # 6. The delivery leaf is in the run, in the place that its number says.
    if (run.document.contract, run.document.lane) != (event.contract, event.lane):
        raise BadDocument("run: of another contract or lane")
    if event.number != run.document.first + proof.run_index:
        raise BadDocument("number: not the one at that place of the run")
    run.tree.verify(leaves.delivery_leaf, proof.run_index, _path(proof.run_path))
    # 7. The keys were in force.
    by = tuple({one.key.party: None for one in signatures})
    return judge(signatures, checkpoint), by, leaves.delivery_leaf


def _check_journal(
    proof: JournalProof, batch_token: str, batch: BatchHeader, gateway: str, headers: "_Headers"
) -> Signed:
    leaf = proof.leaf
    header = hashlib.sha256(batch_token.encode()).digest()
    if leaf.kind != "batch" or unb64u(leaf.header) != header or leaf.count != batch.count:
        raise BadDocument("proof.journal: the leaf is not that of the batch")
    checkpoint, key = headers.checkpoint(proof.checkpoint)
    if checkpoint.origin != gateway:
        raise BadDocument("proof.journal: the checkpoint is not the gateway's")
    data = canonical(leaf.model_dump())
    verify_inclusion(leaf_hash(data), leaf.index, checkpoint.size, _path(proof.path), unb64u(checkpoint.root))
    return Signed(key, unstamp(checkpoint.at))


def verify_receipt(token: str, keys: KeySet) -> Verdict:
    """A receipt, by a key of its agency."""

    def check() -> Verdict:
        receipt, key = open_receipt(token, keys)
        about = receipt.contract
        if receipt.event is not None:
            about += f"/{receipt.event.lane}/{receipt.event.number}"
        elif receipt.range is not None:
            about += f"/{receipt.range.lane}/{receipt.range.first}-{receipt.range.last}"
        return _verdict(judge([Signed(key, unstamp(receipt.at))]), "receipt", f"{receipt.kind} {about}", (key.party,))

    return _checked("receipt", check)


def verify_checkpoint(token: str, keys: KeySet) -> Verdict:
    """A checkpoint, by a key of its origin."""

    def check() -> Verdict:
        checkpoint, key = _open(Checkpoint, jws.CHECKPOINT, token, keys, "origin")
        standing = judge([Signed(key, unstamp(checkpoint.at))])
        return _verdict(standing, "checkpoint", f"{checkpoint.origin}/{checkpoint.size}", (key.party,))

    return _checked("checkpoint", check)


def verify_heartbeat(token: str, keys: KeySet) -> Verdict:
    """A heartbeat, by a key of its gateway."""

    def check() -> Verdict:
        heartbeat, key = open_heartbeat(token, keys)
        standing = judge([Signed(key, unstamp(heartbeat.at))])
        return _verdict(standing, "heartbeat", heartbeat.contract, (key.party,))

    return _checked("heartbeat", check)


def open_heartbeat(token: str, keys: KeySet) -> tuple[Heartbeat, PublicKey]:
    """What a heartbeat says, and the key behind it, whenever that was in force. Raises `BadJws` or `BadDocument`."""
    return _open(Heartbeat, jws.HEARTBEAT, token, keys, "gateway")


def verify_contract(signed: JsonObject, keys: KeySet) -> Verdict:
    """A contract `{"terms", "signatures"}`: the provider's and the subscriber's word on the very terms (S7)."""

    def check() -> Verdict:
        terms, signatures = signed.get("terms"), signed.get("signatures")
        if set(signed) != {"terms", "signatures"} or not isinstance(terms, dict) or not isinstance(signatures, list):
            raise BadDocument("contract: has terms and signatures, and nothing else")
        sides = read(Sides, terms)
        check_canonical(terms)
        digest = hashlib.sha256(canonical(terms)).digest()
        if len(signatures) != 2:
            raise BadDocument("signatures: the provider's and the subscriber's, in that order")
        parties = []
        for side, token in zip((sides.provider, sides.subscriber), signatures, strict=True):
            if not isinstance(token, str):
                raise BadDocument("signatures: each is a JWS")
            said, key = _open(ContractSignature, jws.CONTRACT, token, keys, "party")
            if said.party != side.party:
                raise BadDocument("signatures: the provider's and the subscriber's, in that order")
            if key.kid not in side.keys:
                raise BadDocument("signatures: signed by a key that the terms do not name")
            if (said.contract, said.version, unb64u(said.terms)) != (sides.id, sides.version, digest):
                raise BadDocument("signatures: for other terms than these")
            parties.append(Signed(key, None))
        by = tuple(one.key.party for one in parties)
        return _verdict(judge(parties), "contract", f"{sides.id}/{sides.version}", by)

    return _checked("contract", check)


@dataclass(frozen=True, slots=True)
class _Header(Generic[Document]):
    """A header whose signature holds, with the tree under it. `signed`: by its own word, where it says when."""

    document: Document
    signed: Signed
    tree: KnownTree


class _Headers:
    """Verified headers under one key set, the last few kept: a page of events shares them."""

    def __init__(self, keys: KeySet) -> None:
        self._keys = keys
        self.batch = lru_cache(HEADERS_KEPT)(self._batch)
        self.run = lru_cache(HEADERS_KEPT)(self._run)
        self.checkpoint = lru_cache(HEADERS_KEPT)(self._checkpoint)

    def _batch(self, token: str) -> _Header[BatchHeader]:
        document, key = _open(BatchHeader, jws.BATCH, token, self._keys, "issuer")
        return _Header(document, Signed(key, None), KnownTree(document.count, unb64u(document.root)))

    def _run(self, token: str) -> _Header[RunHeader]:
        document, key = _open(RunHeader, jws.RUN, token, self._keys, "gateway")
        return _Header(document, Signed(key, unstamp(document.at)), KnownTree(document.count, unb64u(document.root)))

    def _checkpoint(self, token: str) -> tuple[Checkpoint, PublicKey]:
        return _open(Checkpoint, jws.CHECKPOINT, token, self._keys, "origin")


@lru_cache(maxsize=8)
def _headers(keys: KeySet) -> _Headers:
    return _Headers(keys)


def _open(model: type[Document], typ: str, token: str, keys: KeySet, signer: str) -> tuple[Document, PublicKey]:
    """The document in a JWS of that `typ`, signed by a key of the party that its member `signer` names."""
    payload, key = jws.verify(token, typ, keys)
    document = read(model, payload)
    if payload[signer] != key.party:
        raise BadDocument(f"{signer}: signed by another party's key")
    return document, key


def _parse(line: bytes) -> JsonValue:
    value = parse_strict(line)
    if any(digits != digits.lower() for digits in ESCAPE.findall(line)):
        raise CanonicalError("an escape is not spelled in lower case")
    return value


@lru_cache(maxsize=PATHS_KEPT)
def _hash(text: str) -> bytes:
    return unb64u(text, HASH_BYTES)


def _path(texts: Sequence[str]) -> list[bytes]:
    return [_hash(text) for text in texts]


def _event_id(event: Event) -> str:
    return f"{event.contract}/{event.lane}/{event.number}"


def _checked(kind: Kind, check: Callable[[], Verdict]) -> Verdict:
    try:
        return check()
    except (ValueError, TypeError, RecursionError) as error:
        return Verdict("invalid", kind, _reason(error))


def _verdict(standing: Standing, kind: Kind, name: str, by: tuple[str, ...], leaf: bytes | None = None) -> Verdict:
    return Verdict(standing, kind, UNPROVEN if standing == "unproven-time" else None, name, by, leaf)


def _reason(error: Exception) -> str:
    """Only our own errors have texts that are known to repeat nothing of the document."""
    if isinstance(error, BadDocument | BadJws | BadProof | BadTime | CanonicalError):
        return str(error)
    return "a value in it is not what its place asks for"
