"""Signed documents, keys and signed requests: any bytes hold, do not hold, or are refused; nothing else is raised."""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.errors import BadRequest, Broken, Unauthenticated
from gateway.trust import jws
from gateway.trust.http_signature import sign_request, verify_request
from gateway.trust.jws import BadJws
from gateway.trust.keys import BadKey, KeySet, PublicKey, SigningKey
from gateway.trust.receipt import read_receipt
from gateway.trust.verify import verify_line
from schemas.canonical import CanonicalError, canonical
from tests.fuzzing import Parser, examples, kept

from .conftest import District
from .test_verify import DOCUMENTS

DISTRICT = District()
LINES = [canonical(made(DISTRICT)) for made in DOCUMENTS.values()]
TOKENS = [DISTRICT.receipt().encode(), DISTRICT.heartbeat().encode()]
KEYS = DISTRICT.key_set()
KEY_FILES = [canonical(key.public().to_jwk()) for key in DISTRICT.keys.values()]
CLOCK = ManualClock()
COURT = SigningKey.generate("the-court", CLOCK.now())
TARGET = ("POST", "/v1/feeds/dishonest-debtor/batches", "mode=delta")


@dataclass(frozen=True)
class Directory:
    async def find(self, kid: str) -> PublicKey | None:
        return COURT.public() if kid == COURT.kid else None


async def first_time(_kid: str, _nonce: str, _until: datetime) -> bool:
    return True


SIGNED = sign_request(
    TARGET[0], "?".join(TARGET[1:]), {"content-type": "application/json", "idempotency-key": "push-0001"}, b"[]",
    key=COURT, audience="one", clock=CLOCK,
)  # fmt: skip
HEADERS = "\n".join(f"{name}: {value}" for name, value in SIGNED.items()).encode()


def request(data: bytes) -> None:
    """Fields, one a line, as a server splits them."""
    fields = dict(line.split(": ", 1) for line in data.decode("latin-1").split("\n") if ": " in line)
    fields = {"content-type": "application/json", "idempotency-key": "push-0001", **fields}
    method, path, query = TARGET
    verified = asyncio.run(
        verify_request(
            method=method, path=path, query=query, headers=fields, body=b"[]", keys=Directory(), audience="one",
            clock=CLOCK, remember=first_time,
        )
    )  # fmt: skip
    assert verified.party == "the-court"


def line(data: bytes) -> None:
    assert verify_line(data, KEYS).status in ("valid", "invalid", "unproven-time")


def key_file(data: bytes) -> None:
    KeySet.from_jwks(b'{"keys":[' + data + b"]}")


PARSERS = {
    "verify-line": Parser(line, LINES),
    "jws": Parser(lambda data: jws.verify(data.decode("latin-1"), jws.RECEIPT, KEYS), TOKENS, (BadJws,)),
    "receipt": Parser(lambda data: read_receipt(data.decode("latin-1"), KEYS), TOKENS, (BadRequest,)),
    "key": Parser(key_file, KEY_FILES, (BadKey, CanonicalError)),
    "key-set": Parser(KeySet.from_jwks, [canonical(KEYS.to_jwks())], (BadKey, CanonicalError)),
    "signed-request": Parser(request, [HEADERS], (Unauthenticated, BadRequest)),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(150))
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name](data.draw(PARSERS[name].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())


@settings(max_examples=examples(60))
@given(data=st.data())
def test_a_private_key_file_is_read_or_said_to_be_damaged(
    data: st.DataObject, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    COURT.save(folder / "good.jwk")
    good = Parser(lambda _: None, [(folder / "good.jwk").read_bytes()])
    bad = folder / "bad.jwk"
    bad.touch(mode=0o600)
    bad.write_bytes(data.draw(good.any_input()))
    with suppress(Broken):
        SigningKey.load(bad)
