"""Compact JWS as docs/format.md narrows it, with a JOSE library as the second opinion (rule S4)."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from joserfc import jws as jose
from joserfc.jwk import ECKey, OKPKey

from gateway.trust import jws
from gateway.trust.jws import BadJws
from gateway.trust.keys import KeySet, SigningKey
from schemas.canonical import b64u, canonical, unb64u

NOW = datetime(2026, 11, 23, 1, 2, 3, tzinfo=UTC)
SAID = {"type": "heartbeat/1", "name": "某公司", "n": [1, None, True]}
ALGORITHMS = pytest.mark.parametrize("alg", ["Ed25519", "ES256"])


@ALGORITHMS
def test_a_jose_library_reads_what_we_sign(alg: str) -> None:
    key = SigningKey.generate("gateway", NOW, alg)
    token = jws.sign(key, jws.HEARTBEAT, SAID)
    jwk = {name: str(value) for name, value in key.public().to_jwk().items() if name in ("kty", "crv", "x", "y")}
    theirs = OKPKey.import_key(jwk) if alg == "Ed25519" else ECKey.import_key(jwk)
    read = jose.deserialize_compact(token, theirs, algorithms=[alg])
    assert json.loads(read.payload) == SAID
    assert read.headers() == {"alg": alg, "kid": key.kid, "typ": jws.HEARTBEAT}


@ALGORITHMS
def test_we_read_what_a_jose_library_signs(alg: str) -> None:
    theirs: Any = OKPKey.generate_key("Ed25519") if alg == "Ed25519" else ECKey.generate_key("P-256")
    ours = {name: value for name, value in theirs.as_dict(private=False).items() if name in ("kty", "crv", "x", "y")}
    ends = dict.fromkeys(("retired_at", "revoked_at", "compromised_since"))
    jwk = {**ours, **ends, "kid": theirs.thumbprint(), "alg": alg, "use": "sig", "party": "court"}
    keys = KeySet.from_jwks({"keys": [{**jwk, "valid_from": "2026-11-23T01:02:03.004Z"}]})
    header = {"alg": alg, "kid": theirs.thumbprint(), "typ": jws.RECEIPT}
    token = jose.serialize_compact(header, canonical(SAID), theirs, algorithms=[alg])
    assert jws.verify(token, jws.RECEIPT, keys)[0] == SAID


@ALGORITHMS
def test_s4_only_the_one_spelling_passes(alg: str) -> None:
    key = SigningKey.generate("gateway", NOW, alg)
    keys = KeySet([key.public()])
    assert jws.verify(jws.sign(key, jws.RUN, SAID), jws.RUN, keys) == (SAID, key.public())
    head = {"alg": alg, "kid": key.kid, "typ": jws.RUN}
    headers = [
        canonical({**head, "alg": "none"}),
        canonical({**head, "alg": "EdDSA"}),
        canonical({**head, "alg": "ES256" if alg == "Ed25519" else "Ed25519"}),
        canonical({**head, "typ": jws.BATCH}),
        canonical({**head, "typ": "JWT"}),
        canonical({**head, "kid": SigningKey.generate("gateway", NOW).kid}),
        canonical({**head, "crit": []}),
        canonical({**head, "jwk": {}}),
        canonical({name: value for name, value in head.items() if name != "typ"}),
        json.dumps(head).encode(),
        json.dumps(dict(reversed(head.items())), separators=(",", ":")).encode(),
        b"{}",
        b"[]",
        b"",
    ]
    payloads = [json.dumps(SAID).encode(), b"[]", b"1", b"", b'{"a":1.0}', b'{"a":1,"a":1}', b'{"a":"\\u4e00"}']
    tokens = [(header, canonical(SAID)) for header in headers] + [(canonical(head), payload) for payload in payloads]
    for header, payload in tokens:
        signed = f"{b64u(header)}.{b64u(payload)}"
        with pytest.raises(BadJws):
            jws.verify(f"{signed}.{b64u(key.sign(signed.encode()))}", jws.RUN, keys)


def test_other_shapes_are_refused() -> None:
    key = SigningKey.generate("gateway", NOW)
    keys = KeySet([key.public()])
    token = jws.sign(key, jws.RUN, SAID)
    header, payload, signature = token.split(".")
    for wrong in (
        "",
        "..",
        f"{header}.{payload}",
        f"{header}.{payload}.",
        f"{token}.",
        f"{token}=",
        f" {token}",
        f"{token}\n",
        f"{header}..{signature}",
        f"{header}.{payload}.{b64u(unb64u(signature) + b'0')}",
        "é.é.é",
    ):
        with pytest.raises(BadJws):
            jws.verify(wrong, jws.RUN, keys)
