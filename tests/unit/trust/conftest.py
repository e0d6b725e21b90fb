"""A small district for the trust tests: a gateway, a court and an agency with real keys, sealed batches and runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest

from contracts.model import Terms, signature_payload
from contracts.policy import Source, compile_policy
from gateway.clock import stamp
from gateway.trust import jws
from gateway.trust.disclose import disclose, nothing_disclosed
from gateway.trust.event import delivery_leaf
from gateway.trust.keys import KeySet, PublicKey, SigningKey
from gateway.trust.merkle import Tree, leaf_hash
from gateway.trust.run import SealedRun, seal_run
from gateway.trust.seal import Draft, SealedBatch, journal_leaf_data, journal_leaf_document, seal_batch
from schemas.canonical import JsonObject, JsonValue, b64u, canonical
from schemas.catalog import DISHONEST_DEBTOR as FEED
from schemas.catalog import tombstone_values

START = datetime(2026, 11, 23, 1, 2, 3, 4000, tzinfo=UTC)
SHOWN = (
    "status_reason",
    "subject.kind",
    "subject.identifiers[]",
    "case.number",
    "grounds",
    "published_on",
)
TREATED: Mapping[str, str] = {"subject.name": "mask", "case.filed_on": "year"}


def values(**changed: JsonValue) -> tuple[JsonValue, ...]:
    """A debtor's values in slot order. The name holds what JSON escapes and what UTF-16 needs two units for."""
    said: dict[str, JsonValue] = {
        "doubts": [],
        "subject.kind": "organisation",
        "subject.name": '某"公司\\u4e00\x1f𠮷',
        "subject.name_masked": False,
        "subject.identifiers[].scheme": ["cn-uscc", "cn-org"],
        "subject.identifiers[].value": ["91350900691912868K", "69191286-8"],
        "subject.identifiers[].masked": [False, False],
        "subject.identifiers[].check": ["pass", "pass"],
        "responsible_persons[].name": [],
        "responsible_persons[].role": [],
        "responsible_persons[].identifiers": [],
        "case.number": "（2019）皖1122执3591号",
        "case.court": "来安县人民法院",
        "case.filed_on": "2019-07-09",
        "basis[].number": [None],
        "basis[].issuer": ["来安县人民法院"],
        "obligation": "履行\x1f义务",
        "performance": "none",
        "grounds": ["able-but-refuses"],
        "published_on": "2019-07-13",
        **changed,
    }
    return tuple(said.get(slot) for slot in FEED.slots)


def draft(number: int = 1, status: str = "listed", said: tuple[JsonValue, ...] | None = None) -> Draft:
    known = tombstone_values(FEED, "performed") if status == "withdrawn" else values()
    known = known if said is None else said
    return Draft(f"{'a' * 51}{'abcdefgh'[number % 8]}", 1, status, known, canonical({"values": list(known)}))


@dataclass
class District:
    """Keys by party, and what they make. `roles` says which key seals, sends and signs checkpoints."""

    keys: dict[str, SigningKey] = field(default_factory=dict)
    ends: dict[str, dict[str, datetime]] = field(default_factory=dict)

    def key(self, party: str, alg: str = "Ed25519") -> SigningKey:
        if party not in self.keys:
            self.keys[party] = SigningKey.generate(party.rstrip("+"), START, alg)
        return self.keys[party]

    def key_set(self) -> KeySet:
        def public(name: str) -> PublicKey:
            ends = {end: stamp(at) for end, at in self.ends.get(name, {}).items()}
            return PublicKey.from_jwk({**self.keys[name].public().to_jwk(), **ends})

        return KeySet(public(name) for name in self.keys)

    def terms(self, fields: Sequence[str] = SHOWN, treatments: Mapping[str, str] = TREATED) -> Terms:
        return Terms.model_validate(
            {
                "id": "debtors-to-agency",
                "version": 1,
                "feed": FEED.name,
                "schema_version": FEED.schema_version,
                "title": "失信被执行人信息协议",
                "provider": {"party": "court", "keys": [self.key("court").kid]},
                "subscriber": {"party": "agency", "keys": [self.key("agency").kid]},
                "purpose": "依法限制",
                "legal_basis": [{"law": "法释〔2017〕7号", "article": "第八条"}],
                "fields": [*fields, *treatments],
                "treatments": treatments,
                "rows": {"all": []},
                "effects": None,
                "duties": {
                    "heartbeat_lease_seconds": 120,
                    "receipt_within_minutes": 60,
                    "release_within": "1 working day",
                    "no_joining": True,
                    "retention": {"content_days": 0, "proof_years": 3},
                },
                "on_stale": "open",
                "on_end": "release",
                "valid_from": "2026-01-01",
                "valid_until": "2028-12-31",
            }
        )

    def contract(self) -> JsonObject:
        terms = self.terms()
        signatures = [
            jws.sign(self.key(party), jws.CONTRACT, signature_payload(terms, party)) for party in ("court", "agency")
        ]
        return {"terms": terms.model_dump(mode="json"), "signatures": signatures}

    def batch(self, drafts: Sequence[Draft], sealer: str = "gateway") -> SealedBatch:
        key = self.key(sealer)
        return seal_batch(key, issuer=key.party, provider="court", feed=FEED, records=drafts, submission=bytes(32))

    def checkpoint(self, leaf: bytes, at: datetime, signer: str = "gateway") -> tuple[str, list[bytes]]:
        """A journal of five leaves, `leaf` the fourth, and its path."""
        tree = Tree([leaf_hash(data) for data in (b"1", b"2", b"3", leaf, b"5")])
        key = self.key(signer)
        said: JsonObject = {
            "type": "checkpoint/1",
            "origin": key.party,
            "size": 5,
            "root": b64u(tree.root),
            "positions": 90,
            "at": stamp(at),
        }
        return jws.sign(key, jws.CHECKPOINT, said), tree.path(3)

    def journal(self, header: str, count: int, appended: datetime, at: datetime, signer: str = "gateway") -> JsonObject:
        """An event's `journal`: the batch header's leaf in a checkpoint."""
        appended_at = stamp(appended)
        leaf = {"index": 3, "first_position": 17, "count": count, "kind": "batch", "appended_at": appended_at}
        document = journal_leaf_document(document=header.encode(), **leaf)  # type: ignore[arg-type]
        data = journal_leaf_data(document=header.encode(), **leaf)  # type: ignore[arg-type]
        checkpoint, path = self.checkpoint(data, at, signer)
        return {"leaf": document, "path": [b64u(node) for node in path], "checkpoint": checkpoint}

    def event(
        self, batch: SealedBatch, drafts: Sequence[Draft], index: int, number: int, terms: Terms | None = None
    ) -> JsonObject:
        """The event of one sealed record, its run still to be sealed."""
        one, record = drafts[index], batch.records[index]
        projected = compile_policy(terms or self.terms(), FEED).project(
            Source(FEED.name, FEED.schema_version, one.record_id, one.status, one.revision, one.values)
        )
        proof = disclose(
            projected=projected,
            slots=FEED.slots,
            secret=record.secret,
            digests=record.digests,
            batch=batch.header,
            index=index,
            path=Tree([sealed.leaf_hash for sealed in batch.records]).path(index),
        )
        kind = "withdrawn" if one.status == "withdrawn" else "upsert"
        return bare_event(number, kind, projected.record, proof)

    def run(self, events: Sequence[JsonObject], at: datetime = START, signer: str = "gateway") -> SealedRun:
        key = self.key(signer)
        return seal_run(
            key,
            gateway=key.party,
            contract="debtors-to-agency",
            lane="bulk",
            first=int(str(events[0]["number"])),
            events=events,
            leaves=[delivery_leaf(event) for event in events],
            at=stamp(at),
        )

    def sealed_event(self, journal_at: datetime | None = None) -> JsonObject:
        """The second of three events over a batch of three, in the journal too where `journal_at` is given."""
        drafts = [draft(number) for number in range(3)]
        batch = self.batch(drafts)
        events = [self.event(batch, drafts, index, 11 + index) for index in range(3)]
        if journal_at is not None:
            for event in events:
                event["proof"]["journal"] = self.journal(batch.header, 3, START, journal_at)
        return self.run(events).events[1]

    def receipt(self, **changed: JsonValue) -> str:
        said: JsonObject = {
            "type": "receipt/1",
            "agency": "agency",
            "contract": "debtors-to-agency",
            "kind": "blocked",
            "key": "debtors-to-agency/bulk/12/row-7",
            "at": stamp(START + timedelta(minutes=1)),
            "event": {"lane": "bulk", "number": 12, "cause": 17, "leaf": b64u(bytes(32))},
            "range": None,
            "reference": None,
            "record_id": "a" * 52,
            "measure": "credit-restriction",
            "row": "row-7",
            "reason": None,
            "checkpoint": {"size": 5, "root": b64u(bytes(32))},
            **changed,
        }
        return jws.sign(self.key("agency"), jws.RECEIPT, said)

    def heartbeat(self, signer: str = "gateway", **changed: JsonValue) -> str:
        key = self.key(signer)
        said: JsonObject = {
            "type": "heartbeat/1",
            "gateway": key.party,
            "contract": "debtors-to-agency",
            "contract_version": 1,
            "state": "active",
            "heads": {"bulk": 12, "priority": 3},
            "checkpoint": {"size": 5, "root": b64u(bytes(32))},
            "at": stamp(START),
            **changed,
        }
        return jws.sign(key, jws.HEARTBEAT, said)


def bare_event(number: int, kind: str, record: JsonObject | None, proof: JsonObject) -> JsonObject:
    return {
        "contract": "debtors-to-agency",
        "contract_version": 1,
        "lane": "bulk",
        "number": number,
        "kind": kind,
        "cause": 17,
        "record": record,
        "notice": {"state": "ended", "version": 1, "on_end": "release"} if kind == "contract" else None,
        "proof": proof,
    }


def event_without_record(number: int, kind: str) -> JsonObject:
    record: JsonObject | None = {"feed": FEED.name, "record_id": "a" * 52} if kind == "drop" else None
    return bare_event(number, kind, record, nothing_disclosed())


@pytest.fixture
def district() -> District:
    return District()
