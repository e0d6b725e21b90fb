"""From a court's bytes to a sealed batch, and batch seals against a signature each."""

import gc
import hashlib
import os
import random
import time
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import orjson

from adapters.feeds import read
from gateway.cycles import collect_rarely
from gateway.journal.chunks import cut
from gateway.journal.plan import Plan, plan_chunk
from gateway.trust import jws
from gateway.trust.keyring import Keyring
from gateway.trust.keys import KeySet, SigningKey
from gateway.trust.merkle import Tree, leaf_hash, verify_inclusion
from gateway.trust.seal import Draft, commit, record_leaf, salts, seal_batch
from gateway.trust.vault import Vault
from schemas.canonical import JsonObject, b64u, unb64u
from schemas.catalog import Feed
from schemas.catalog import feed as find_feed
from schemas.identifiers import USCC_ALPHABET, uscc_passes
from tests.bench.figure import Figure, seconds
from tests.bench.screening import person

SAMPLE = Path(__file__).parents[1] / "data/samples/shixin_zxgk.jsonl"
NOW = datetime(2026, 11, 23, tzinfo=UTC)
TODAY = date(2026, 11, 23)
BATCH = 1000
GROUNDS = (
    "有履行能力而拒不履行生效法律文书确定义务的",
    "违反财产报告制度",
    "违反限制消费令",
    "其它规避执行",
    "伪造证据妨碍、抗拒执行,违反财产报告制度",
    "无正当理由拒不履行执行和解协议",
)
FOURTEEN = (  # what an agreement with effects shows and a block needs
    "doubts",
    "subject.kind",
    "subject.name",
    "subject.name_masked",
    "subject.identifiers[].scheme",
    "subject.identifiers[].value",
    "subject.identifiers[].masked",
    "subject.identifiers[].check",
    "case.number",
    "case.court",
    "performance",
    "grounds",
    "published_on",
    "listed_until",
)


def court_list(records: int, *, first: int = 1) -> bytes:
    """That many records in the court's own shape, each of another debtor in another case, with passing numbers.
    Lists with other firsts that do not overlap have no record in common.

    Only the court, the words of the lists and the days come back, as in a court's real list.
    """
    rows = [orjson.loads(line) for line in SAMPLE.read_bytes().splitlines()]
    return b"\n".join(
        orjson.dumps(_listing(rows[serial % len(rows)], serial)) for serial in range(first, first + records)
    )


def _listing(row: JsonObject, serial: int) -> JsonObject:
    dice = random.Random(serial)
    year, amount = dice.randint(2019, 2025), dice.randint(1_000, 9_000_000)
    filed = date(year, 1, 1) + timedelta(days=dice.randrange(365))
    name, number = person(serial)
    owner = {"iname": name, "cardNum": number, "age": year - int(number[6:10])}
    if row.get("businessEntity"):
        owner = {"iname": f"焦作市{name}商贸有限公司", "cardNum": company(serial), "businessEntity": name}
    return {
        **row,
        **owner,
        "id": serial,
        "caseCode": f"({year})豫0811执{serial}号",
        "courtName": "焦作市山阳区人民法院",
        "areaName": "河南",
        "gistId": f"（{year - 1}）豫0811民初{serial}号民事判决书",
        "gistUnit": "焦作市山阳区人民法院",
        "regDate": f"{filed:%Y年%m月%d日}",
        "publishDate": f"{filed + timedelta(days=dice.randrange(300)):%Y年%m月%d日}",
        "duty": str(row["duty"]).replace("元", f"元，另付利息{amount}元", 1),
        "disruptTypeName": dice.choice(GROUNDS),
    }


def company(serial: int) -> str:
    """A unified social credit code whose check holds, in a region that does not exist."""
    body = f"91{990000 + serial % 9999}MA{serial:07}"
    return next(body + last for last in USCC_ALPHABET if uscc_passes(body + last))


def run(*, quick: bool) -> list[Figure]:
    before = gc.get_threshold()
    collect_rarely()  # as the gateway does
    try:
        return _figures(quick=quick)
    finally:
        gc.set_threshold(*before)


def _figures(*, quick: bool) -> list[Figure]:
    batches = 5 if quick else 20  # more records than any cache holds
    keyring = Keyring(SigningKey.generate("fuyuan-gateway", NOW), Vault(os.urandom(32)), os.urandom(32))
    whole = find_feed("dishonest-debtor")
    fourteen = Feed(whole.name, whole.schema_version, whole.model, FOURTEEN)
    return [
        _parse_to_sealed(keyring, fourteen, batches),
        _parse_to_sealed(keyring, whole, batches),
        *_against_signatures(keyring),
    ]


def _parse_to_sealed(keyring: Keyring, feed: Feed, batches: int) -> Figure:
    data = court_list(BATCH * batches)
    key = keyring.record_key("shanyang-court")
    spent: Counter[str] = Counter()

    def whole() -> None:
        spent.clear()
        items = read(feed.name, data, record_key=key, today=TODAY)
        chunks = cut(feed, items, BATCH)
        while True:
            began = time.process_time()
            chunk = next(chunks, None)
            parsed = time.process_time()
            spent["parse"] += parsed - began
            if chunk is None:
                return
            plan: Plan = plan_chunk(feed, keyring, chunk, {}, relist=False)
            decided = time.process_time()
            spent["decide"] += decided - parsed
            drafts = [taken.draft for taken in plan.taken]
            sealed = seal_batch(
                keyring.signing,
                issuer="fuyuan-gateway",
                provider="shanyang-court",
                feed=feed,
                records=drafts,
                submission=bytes(32),
            )
            done = time.process_time()
            spent["seal"] += done - decided
            for record in sealed.records:
                keyring.vault.wrap(record.secret)
            spent["wrap"] += time.process_time() - done
            assert len(sealed.records) == BATCH

    def bare() -> None:
        for line in data.splitlines():
            orjson.loads(line)
            hashlib.sha256(line).digest()

    taken, beside = seconds(whole), seconds(bare)
    total = sum(spent.values())
    return Figure(
        f"parse to sealed, {len(feed.slots)} slots, batches of {BATCH}",
        BATCH * batches / taken,
        "records/s",
        "8,000",
        "the time of orjson.loads and one SHA-256 a record",
        taken / beside,
        {name: share / total for name, share in spent.items()},
    )


def _against_signatures(keyring: Keyring) -> list[Figure]:
    """Records of 14 slots: one batch seal, against the same commitments with an Ed25519 signature each."""
    feed = _Fourteen()
    drafts = [
        Draft(f"record-{number}", 1, "listed", tuple(f"value {number} {slot}" for slot in range(14)), b"{}")
        for number in range(BATCH)
    ]
    key = keyring.signing
    keys = KeySet([key.public()])

    def batch() -> list[bytes]:
        sealed = seal_batch(key, issuer=key.party, provider="p", feed=feed, records=drafts, submission=bytes(32))
        return [record.leaf_hash for record in sealed.records]

    def each() -> list[str]:
        tokens = []
        for draft in drafts:
            secret = os.urandom(32)
            leaf = _leaf(feed, draft, secret)
            tokens.append(jws.sign(key, "fuyuan-batch+jws", {"leaf": b64u(leaf_hash(leaf))}))
        return tokens

    secrets = [os.urandom(32) for _ in drafts]
    hashes = [leaf_hash(_leaf(feed, draft, secret)) for draft, secret in zip(drafts, secrets, strict=True)]
    tree = Tree(hashes)
    paths = [tree.path(index) for index in range(BATCH)]
    header = jws.sign(key, "fuyuan-batch+jws", {"root": b64u(tree.root)})
    tokens = [jws.sign(key, "fuyuan-batch+jws", {"leaf": b64u(hashed)}) for hashed in hashes]

    def verify_batch() -> None:
        payload, _ = jws.verify(header, "fuyuan-batch+jws", keys)
        top = unb64u(str(payload["root"]), 32)
        for index, (draft, secret) in enumerate(zip(drafts, secrets, strict=True)):
            verify_inclusion(leaf_hash(_leaf(feed, draft, secret)), index, BATCH, paths[index], top)

    def verify_each() -> None:
        for token, draft, secret in zip(tokens, drafts, secrets, strict=True):
            payload, _ = jws.verify(token, "fuyuan-batch+jws", keys)
            assert payload["leaf"] == b64u(leaf_hash(_leaf(feed, draft, secret)))

    sealing, signing = seconds(batch), seconds(each)
    checking, checking_each = seconds(verify_batch), seconds(verify_each)
    return [
        Figure(
            "batch seal, 14 slots",
            BATCH / sealing,
            "records/s",
            "1.8 x",
            "faster than a signature each",
            signing / sealing,
        ),
        Figure(
            "verification of a batch, 14 slots",
            BATCH / checking,
            "records/s",
            "2 x",
            "faster than a signature each",
            checking_each / checking,
        ),
    ]


class _Fourteen:
    name = "bench"
    schema_version = 1
    slots = tuple(f"part.field_{number}" for number in range(14))


def _leaf(feed: _Fourteen, draft: Draft, secret: bytes) -> bytes:
    digests = b"".join(
        commit(salt, path, value) for salt, path, value in zip(salts(secret, 14), feed.slots, draft.values, strict=True)
    )
    return record_leaf(
        feed=feed.name,
        schema_version=1,
        record_id=draft.record_id,
        revision=1,
        status=draft.status,
        digests=digests,
    )
