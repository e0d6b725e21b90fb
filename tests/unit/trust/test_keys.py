"""Keys: two algorithms behind one port, written down strictly (rules S4 and S7, docs/format.md section 8)."""

import json
import stat
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gateway.errors import Broken, Conflict
from gateway.trust.keys import BadKey, BadSignature, KeySet, PublicKey, SigningKey
from schemas.canonical import CanonicalError, b64u, canonical, unb64u

NOW = datetime(2026, 11, 23, 1, 2, 3, 4567, tzinfo=UTC)
ALGORITHMS = pytest.mark.parametrize("alg", ["Ed25519", "ES256"])


@ALGORITHMS
def test_s4_sign_and_verify(alg: str) -> None:
    key, other = (SigningKey.generate("court", NOW, alg) for _ in range(2))
    signature = key.sign(b"data")
    assert len(signature) == 64
    key.public().verify(signature, b"data")
    for wrong, data in ((signature, b"date"), (bytes(64), b"data"), (signature[:63], b"data"), (b"", b"data")):
        with pytest.raises(BadSignature):
            key.public().verify(wrong, data)
    with pytest.raises(BadSignature):
        other.public().verify(signature, b"data")


@ALGORITHMS
def test_a_key_file_is_the_owners_alone(alg: str, tmp_path: Path) -> None:
    key, path = SigningKey.generate("court", NOW, alg), tmp_path / "keys" / "court.jwk"
    key.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = SigningKey.load(path)
    assert (loaded.kid, loaded.party, loaded.alg, loaded.public()) == (key.kid, "court", alg, key.public())
    key.public().verify(loaded.sign(b"data"), b"data")
    with pytest.raises(Conflict):
        key.save(path)
    for mode in (0o640, 0o604, 0o660):
        path.chmod(mode)
        with pytest.raises(Broken) as refused:
            SigningKey.load(path)
        assert refused.value.code == "key-file-open"


@ALGORITHMS
def test_a_damaged_key_file_says_so_and_tells_nothing_of_the_key(alg: str, tmp_path: Path) -> None:
    key, other, path = SigningKey.generate("court", NOW, alg), SigningKey.generate("court", NOW, alg), tmp_path / "k"
    key.save(path)
    other.save(tmp_path / "o")
    jwk = json.loads(path.read_bytes())
    secret = jwk["d"]
    others = json.loads((tmp_path / "o").read_bytes())["d"]
    damaged = ({**jwk, "d": others}, {**jwk, "d": secret[:-1]}, {**jwk, "d": None}, {**jwk, "kid": other.kid}, [], {})
    for document in (*damaged, {**jwk, "d": b64u(bytes(32))}):
        path.write_bytes(canonical(document))
        with pytest.raises(Broken) as refused:
            SigningKey.load(path)
        assert refused.value.code == "key-file-damaged"
        assert secret not in str(refused.value)
    assert secret not in repr(key)
    assert others not in repr(other)


@ALGORITHMS
def test_a_public_key_is_read_only_as_it_is_written(alg: str) -> None:
    key = SigningKey.generate("court", NOW, alg).public()
    jwk = key.to_jwk()
    assert PublicKey.from_jwk(jwk) == key
    assert json.loads(canonical(jwk)) == jwk
    wrong = [
        {**jwk, "kid": SigningKey.generate("court", NOW, alg).kid},
        {**jwk, "alg": "ES256" if alg == "Ed25519" else "Ed25519"},
        {**jwk, "alg": "none"},
        {**jwk, "alg": "EdDSA"},
        {**jwk, "use": "enc"},
        {**jwk, "crv": "X25519"},
        {**jwk, "d": b64u(bytes(32))},
        {**jwk, "x": str(jwk["x"]) + "="},
        {**jwk, "x": b64u(unb64u(str(jwk["x"]))[:31])},
        {**jwk, "party": "Court One"},
        {**jwk, "party": None},
        {**jwk, "valid_from": None},
        {**jwk, "valid_from": "2026-11-23T01:02:03Z"},
        {**jwk, "retired_at": 5},
        *({name: value for name, value in jwk.items() if name != left} for left in jwk),
    ]
    for one in wrong:
        with pytest.raises(BadKey):
            PublicKey.from_jwk(one)


def test_a_point_off_the_curve_is_no_key() -> None:
    jwk = SigningKey.generate("court", NOW, "ES256").public().to_jwk()
    with pytest.raises(BadKey):
        PublicKey.from_jwk({**jwk, "y": b64u(bytes(31) + b"\x05")})


def test_the_thumbprint_is_rfc_7638s() -> None:
    """The Ed25519 example of RFC 8037 appendix A.3."""
    jwk = {
        "kty": "OKP",
        "crv": "Ed25519",
        "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        "alg": "Ed25519",
        "use": "sig",
        "kid": "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k",
        "party": "court",
        "valid_from": "2026-11-23T01:02:03.004Z",
        "retired_at": None,
        "revoked_at": None,
        "compromised_since": None,
    }
    assert PublicKey.from_jwk(jwk).kid == jwk["kid"]


def test_a_time_in_memory_is_no_finer_than_on_paper() -> None:
    key = SigningKey.generate("court", NOW).public()
    assert key.validity.valid_from == NOW - timedelta(microseconds=567)
    assert PublicKey.from_jwk(key.to_jwk()).validity == key.validity


def test_key_sets() -> None:
    court, agency = (SigningKey.generate(party, NOW).public() for party in ("court", "agency"))
    keys = KeySet([court, agency])
    assert KeySet.from_jwks(keys.to_jwks()).to_jwks() == keys.to_jwks()
    assert KeySet.from_jwks(canonical(keys.to_jwks())).find(court.kid) == court
    assert keys.of_party("agency") == (agency,)
    assert keys.find("x") is None
    twice = {"keys": [court.to_jwk(), court.to_jwk()]}
    for wrong in (twice, {}, {"keys": {}}, {"keys": [1]}, {**keys.to_jwks(), "more": 1}):
        with pytest.raises(BadKey):
            KeySet.from_jwks(wrong)
    for unread in (b"{", b'{"keys": [], "keys": []}', b"\xff"):
        with pytest.raises(CanonicalError):
            KeySet.from_jwks(unread)


@pytest.mark.parametrize(
    ("party", "alg"), [("Court", "Ed25519"), ("ab", "Ed25519"), ("court", "RS256"), ("a/b", "ES256")]
)
def test_what_cannot_be_is_not_made(party: str, alg: str) -> None:
    with pytest.raises(BadKey):
        SigningKey.generate(party, NOW, alg)
