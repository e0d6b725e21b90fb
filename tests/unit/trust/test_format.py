"""The byte formats of docs/format.md, checked by a reader that was written from that page and uses none of our code.

What stands above the line is the stranger's reader: the standard library and `cryptography`. Below it our own code
meets the same vectors.
"""

import base64
import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, utils
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from gateway.trust import jws
from gateway.trust.event import delivery_leaf
from gateway.trust.keys import KeySet, SigningKey
from gateway.trust.seal import Draft, body_key, commit, open_body, record_leaf, salts, seal_batch, submission_commitment
from gateway.trust.verify import verify_event, verify_line
from schemas.catalog import DISHONEST_DEBTOR

VECTOR_FILE = Path(__file__).parents[2] / "data/vectors/format.json"
VECTORS: dict[str, Any] = json.loads(VECTOR_FILE.read_bytes())
RECORDS: list[dict[str, Any]] = VECTORS["records"]
EVENTS: list[dict[str, Any]] = VECTORS["events"]


def unb(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def b(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def jcs(value: object) -> bytes:
    """RFC 8785 for values without floats and with ASCII keys: the standard library's own escapes are the same."""
    return json.dumps(value, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def h(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def tree(leaves: list[bytes]) -> bytes:
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return h(b"\x01" + tree(leaves[:split]) + tree(leaves[split:]))


def climb(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """The root that an inclusion path leads to, by the recursive definition read backwards."""
    if size == 1:
        assert not path
        return leaf
    split = 1
    while split * 2 < size:
        split *= 2
    if index < split:
        return h(b"\x01" + climb(leaf, index, split, path[:-1]) + path[-1])
    return h(b"\x01" + path[-1] + climb(leaf, index - split, size - split, path[:-1]))


def open_token(token: str, typ: str, party: str) -> dict[str, Any]:
    header, payload, signature = token.split(".")
    jwk = next(key for key in VECTORS["jwks"]["keys"] if key["party"] == party)
    members = ("crv", "kty", "x", "y") if jwk["kty"] == "EC" else ("crv", "kty", "x")
    assert jwk["kid"] == b(h(jcs({name: jwk[name] for name in members})))
    assert unb(header) == jcs({"alg": jwk["alg"], "kid": jwk["kid"], "typ": typ})
    signed = f"{header}.{payload}".encode()
    if jwk["alg"] == "Ed25519":
        ed25519.Ed25519PublicKey.from_public_bytes(unb(jwk["x"])).verify(unb(signature), signed)
    else:
        numbers = ec.EllipticCurvePublicNumbers(
            int.from_bytes(unb(jwk["x"])), int.from_bytes(unb(jwk["y"])), ec.SECP256R1()
        )
        r, s = int.from_bytes(unb(signature)[:32]), int.from_bytes(unb(signature)[32:])
        numbers.public_key().verify(utils.encode_dss_signature(r, s), signed, ec.ECDSA(hashes.SHA256()))
    said: dict[str, Any] = json.loads(unb(payload))
    assert jcs(said) == unb(payload)
    return said


def look_up(record: Any, path: str) -> Any:
    stem, _, column = path.partition("[].")
    for name in stem.split("."):
        record = record[name]
    if not column or record is None:
        return record
    return [row[column] for row in record]


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["status"])
def test_a_stranger_rebuilds_s2_and_s3(record: dict[str, Any]) -> None:
    secret = unb(record["secret"])
    stream = hashlib.shake_256(b"fuyuan/salt/1" + secret).digest(16 * len(VECTORS["slots"]))
    assert [unb(salt) for salt in record["salts"]] == [stream[at : at + 16] for at in range(0, len(stream), 16)]
    commitments = [
        h(b"\x02" + unb(salt) + jcs([path, value]))
        for path, salt, value in zip(VECTORS["slots"], record["salts"], record["values"], strict=True)
    ]
    assert [unb(one) for one in record["commitments"]] == commitments
    leaf = {
        "type": "record/1",
        "feed": VECTORS["feed"],
        "schema_version": VECTORS["schema_version"],
        "record_id": record["record_id"],
        "revision": record["revision"],
        "status": record["status"],
        "digests": b(b"".join(commitments)),
    }
    assert record["leaf_data"].encode() == jcs(leaf)
    assert unb(record["leaf_hash"]) == h(b"\x00" + jcs(leaf))
    key = h(b"fuyuan/body/1" + secret)
    assert unb(record["body_key"]) == key
    name = f"{record['record_id']}|{record['revision']}".encode()
    assert AESGCM(key).decrypt(bytes(12), unb(record["body_encrypted"]), name) == record["body"].encode()


def test_a_stranger_opens_the_batch_header() -> None:
    root = tree([unb(record["leaf_hash"]) for record in RECORDS])
    opened = VECTORS["submission"]
    commitment = h(b"\x03" + unb(opened["salt"]) + h(opened["body"].encode()) + h(unb(opened["signature"])))
    assert open_token(VECTORS["batch"]["header"], "fuyuan-batch+jws", "gateway") == {
        "type": "batch/1",
        "issuer": "gateway",
        "provider": "court",
        "feed": VECTORS["feed"],
        "schema_version": VECTORS["schema_version"],
        "count": len(RECORDS),
        "root": b(root),
        "submission": b(commitment),
    }


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: f"{event['kind']}-{event['number']}")
def test_a_stranger_verifies_an_event(event: dict[str, Any]) -> None:
    proof, record = event["proof"], event["record"]
    leaf = None
    treated = {}
    if event["kind"] in ("upsert", "withdrawn"):
        hidden = unb(proof["hidden"])
        digests = b""
        for path in VECTORS["slots"]:
            if path in proof["salts"]:
                digests += h(b"\x02" + unb(proof["salts"][path]) + jcs([path, look_up(record, path)]))
            else:
                digests, hidden = digests + hidden[:32], hidden[32:]
        assert not hidden
        data = {name: record[name] for name in ("feed", "schema_version", "record_id", "status")}
        leaf = h(b"\x00" + jcs({**data, "type": "record/1", "revision": proof["revision"], "digests": b(digests)}))
        batch = open_token(proof["batch"], "fuyuan-batch+jws", "gateway")
        assert b(climb(leaf, proof["index"], batch["count"], [unb(node) for node in proof["path"]])) == batch["root"]
        treated = {path: look_up(record, path) for path in proof["treated"]}
        journal = proof["journal"]
        assert unb(journal["leaf"]["header"]) == h(proof["batch"].encode())
        checkpoint = open_token(journal["checkpoint"], "fuyuan-checkpoint+jws", "gateway")
        path = [unb(node) for node in journal["path"]]
        top = climb(h(b"\x00" + jcs(journal["leaf"])), journal["leaf"]["index"], checkpoint["size"], path)
        assert b(top) == checkpoint["root"]
    delivery = {
        "type": "delivery/1",
        "feed": record and record["feed"],
        "record_id": record and record["record_id"],
        "record_leaf": leaf and b(leaf),
        "treated": treated,
        **{name: event[name] for name in ("contract", "contract_version", "lane", "number", "kind", "cause", "notice")},
    }
    run = open_token(proof["run"], "fuyuan-run+jws", "gateway")
    assert event["number"] == run["first"] + proof["run_index"]
    assert (run["contract"], run["lane"]) == (event["contract"], event["lane"])
    hashed = h(b"\x00" + jcs(delivery))
    assert VECTORS["delivery_leaves"][proof["run_index"]] == b(hashed)
    assert b(climb(hashed, proof["run_index"], run["count"], [unb(node) for node in proof["run_path"]])) == run["root"]


def test_a_stranger_reads_receipts_heartbeat_and_contract() -> None:
    blocked, received = (open_token(token, "fuyuan-receipt+jws", "agency") for token in VECTORS["receipts"])
    assert blocked["event"]["leaf"] == VECTORS["delivery_leaves"][0]
    assert blocked["key"] == "debtors-to-agency/bulk/11/row-7"
    assert unb(received["range"]["digest"]) == tree([unb(leaf) for leaf in VECTORS["delivery_leaves"]])
    assert open_token(VECTORS["heartbeat"], "fuyuan-heartbeat+jws", "gateway")["heads"] == {"bulk": 12, "priority": 3}
    signed = VECTORS["contract"]
    for party, token in zip(("court", "agency"), signed["signatures"], strict=True):
        assert open_token(token, "fuyuan-contract+jws", party) == {
            "type": "contract/1",
            "contract": "debtors-to-agency",
            "version": 1,
            "party": party,
            "terms": b(h(jcs(signed["terms"]))),
        }


# ------------------------------------------------------------------------------------------------------------------


@pytest.fixture
def keys() -> KeySet:
    return KeySet.from_jwks(VECTORS["jwks"])


@pytest.fixture
def gateway(tmp_path: Path) -> SigningKey:
    path = tmp_path / "gateway.jwk"
    path.touch(mode=0o600)
    path.write_text(json.dumps(VECTORS["private_keys"]["gateway"]))
    return SigningKey.load(path)


def test_our_feed_still_has_the_slots_of_the_vectors() -> None:
    """Rule S1: slots never change within a schema version, or every commitment would."""
    assert DISHONEST_DEBTOR.slots == tuple(VECTORS["slots"])


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: record["status"])
def test_our_seal_makes_the_same_bytes(record: dict[str, Any]) -> None:
    secret = unb(record["secret"])
    opened = salts(secret, len(VECTORS["slots"]))
    assert opened == [unb(salt) for salt in record["salts"]]
    digests = b"".join(map(commit, opened, VECTORS["slots"], record["values"]))
    assert digests == b"".join(map(unb, record["commitments"]))
    named = {name: record[name] for name in ("record_id", "revision", "status")}
    leaf = record_leaf(feed=VECTORS["feed"], schema_version=VECTORS["schema_version"], digests=digests, **named)
    assert leaf.decode() == record["leaf_data"]
    assert b(body_key(secret)) == record["body_key"]
    body = open_body(secret, record["record_id"], record["revision"], unb(record["body_encrypted"]))
    assert body.decode() == record["body"]


def test_our_header_is_the_same_for_the_same_root(gateway: SigningKey) -> None:
    opened = VECTORS["submission"]
    signature = h(unb(opened["signature"]))
    commitment = submission_commitment(unb(opened["salt"]), h(opened["body"].encode()), signature)
    assert b(commitment) == opened["commitment"]
    payload = open_token(VECTORS["batch"]["header"], "fuyuan-batch+jws", "gateway")
    assert jws.sign(gateway, jws.BATCH, payload) == VECTORS["batch"]["header"]


def test_our_seal_commits_in_a_batch_as_it_does_alone(gateway: SigningKey) -> None:
    """The batch's own loop is written for speed; `commit` is written to be read."""
    drafts = [Draft(r["record_id"], r["revision"], r["status"], tuple(r["values"]), b"{}") for r in RECORDS]
    batch = seal_batch(
        gateway, issuer="gateway", provider="court", feed=DISHONEST_DEBTOR, records=drafts, submission=bytes(32)
    )
    for draft, record in zip(drafts, batch.records, strict=True):
        opened = salts(record.secret, len(DISHONEST_DEBTOR.slots))
        assert record.digests == b"".join(map(commit, opened, DISHONEST_DEBTOR.slots, draft.values))
    assert batch.root == tree([record.leaf_hash for record in batch.records])
    assert len({record.secret for record in batch.records}) == len(drafts)


def test_we_verify_every_document_of_the_vectors(keys: KeySet) -> None:
    for event, leaf in zip(EVENTS, VECTORS["delivery_leaves"], strict=True):
        verdict = verify_event(event, keys)
        assert (verdict.status, verdict.id) == ("valid", f"debtors-to-agency/bulk/{event['number']}")
        assert verdict.leaf == delivery_leaf(event) == unb(leaf)
    for kind, document in [
        *(("receipt", token) for token in VECTORS["receipts"]),
        ("checkpoint", VECTORS["checkpoint"]),
        ("heartbeat", VECTORS["heartbeat"]),
        ("contract", VECTORS["contract"]),
    ]:
        verdict = verify_line(json.dumps({kind: document}, indent=2).encode(), keys)
        assert (verdict.status, verdict.kind, verdict.reason) == ("valid", kind, None)
