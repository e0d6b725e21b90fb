"""Keys: who may sign, for how long, and how a key is written down (rules S4 and S7, docs/format.md section 8).

Ed25519 (RFC 8032) and ES256 (FIPS 186-5, P-256, as JWS writes it: r || s) sign through one port, `Signer`, so
that a key in an HSM is one more class. A key is named by its RFC 7638 thumbprint.
"""

import hashlib
import os
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, Protocol, TypeAlias, get_args

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from gateway.clock import stamp, unstamp
from gateway.errors import Broken, Conflict
from gateway.trust.private_file import open_to_others
from schemas.canonical import CanonicalError, JsonObject, JsonValue, b64u, canonical, parse_strict, unb64u

Alg: TypeAlias = Literal["Ed25519", "ES256"]
PublicHalf: TypeAlias = Ed25519PublicKey | ec.EllipticCurvePublicKey
PrivateHalf: TypeAlias = Ed25519PrivateKey | ec.EllipticCurvePrivateKey

PARTY: Final = re.compile(r"[a-z0-9-]{3,64}")
COORDINATE: Final = 32  # bytes of an Ed25519 key and of each P-256 coordinate; a signature is two of them
ES256_HASH: Final = ec.ECDSA(hashes.SHA256())
OURS: Final = ("alg", "compromised_since", "kid", "party", "retired_at", "revoked_at", "use", "valid_from")
SHAPES: Final[dict[Alg, tuple[str, str, tuple[str, ...]]]] = {  # kty, crv, coordinates
    "Ed25519": ("OKP", "Ed25519", ("x",)),
    "ES256": ("EC", "P-256", ("x", "y")),
}


class BadKey(ValueError):
    """A JWK or key set that is not exactly what docs/format.md section 8 says."""


class BadSignature(ValueError):
    """The signature is not the key's over these bytes."""


class Signer(Protocol):
    """Whatever can sign for a party: a key file, an HSM."""

    @property
    def kid(self) -> str: ...
    @property
    def party(self) -> str: ...
    @property
    def alg(self) -> str: ...
    def sign(self, data: bytes) -> bytes: ...


@dataclass(frozen=True, slots=True)
class Validity:
    """From when to when a key's word counts. `compromised_since` may lie before `revoked_at`: it was noticed later."""

    valid_from: datetime
    retired_at: datetime | None = None
    revoked_at: datetime | None = None
    compromised_since: datetime | None = None

    @property
    def end(self) -> datetime | None:
        """The moment from which nothing new by this key counts; None while it is current."""
        ends = [at for at in (self.retired_at, self.revoked_at, self.compromised_since) if at is not None]
        return min(ends, default=None)

    @property
    def distrusted(self) -> bool:
        """Revoked or compromised: somebody else may hold it, so its own word on when it signed counts for nothing."""
        return self.revoked_at is not None or self.compromised_since is not None

    def current_at(self, at: datetime) -> bool:
        return self.valid_from <= at and (self.end is None or at < self.end)


@dataclass(frozen=True, slots=True)
class PublicKey:
    """One party's public key (公钥)."""

    kid: str
    party: str
    alg: Alg
    validity: Validity
    half: PublicHalf

    def verify(self, signature: bytes, data: bytes) -> None:
        """Raises `BadSignature`."""
        if len(signature) != 2 * COORDINATE:
            raise BadSignature("the signature is not 64 bytes")
        try:
            match self.half:
                case Ed25519PublicKey():
                    self.half.verify(signature, data)
                case _:
                    r, s = (int.from_bytes(half) for half in (signature[:COORDINATE], signature[COORDINATE:]))
                    self.half.verify(encode_dss_signature(r, s), data, ES256_HASH)
        except InvalidSignature:
            raise BadSignature("the signature does not fit the data and the key") from None

    def to_jwk(self) -> JsonObject:
        validity = self.validity
        return {
            **_coordinates(self.half),
            "alg": self.alg,
            "compromised_since": _spell(validity.compromised_since),
            "kid": self.kid,
            "party": self.party,
            "retired_at": _spell(validity.retired_at),
            "revoked_at": _spell(validity.revoked_at),
            "use": "sig",
            "valid_from": stamp(validity.valid_from),
        }

    @classmethod
    def from_jwk(cls, jwk: Mapping[str, JsonValue]) -> "PublicKey":
        """Raises `BadKey` unless every member is there, none is more, and `kid` is the thumbprint."""
        alg = _alg(jwk.get("alg"))
        kty, crv, names = SHAPES[alg]
        if set(jwk) != {*OURS, "kty", "crv", *names}:
            raise BadKey("a key must have exactly the members of docs/format.md section 8")
        if (jwk["kty"], jwk["crv"], jwk["use"]) != (kty, crv, "sig"):
            raise BadKey("kty, crv, alg and use do not fit each other")
        half = _public_half(alg, [_bytes(jwk[name]) for name in names])
        if _coordinates(half) != {name: jwk[name] for name in ("kty", "crv", *names)}:
            raise BadKey("the key is not spelled the one canonical way")
        kid = thumbprint(half)
        if jwk["kid"] != kid:
            raise BadKey("kid is not the key's thumbprint")
        party = jwk["party"]
        if not isinstance(party, str) or not PARTY.fullmatch(party):
            raise BadKey("party is no party's id")
        valid_from = _time(jwk["valid_from"])
        if valid_from is None:
            raise BadKey("valid_from is missing")
        ends = [_time(jwk[name]) for name in ("retired_at", "revoked_at", "compromised_since")]
        return cls(kid, party, alg, Validity(valid_from, *ends), half)


@dataclass(frozen=True, slots=True, repr=False)
class SigningKey:
    """One party's private key (私钥). Its repr tells nothing of it."""

    _public: PublicKey
    _half: PrivateHalf

    @property
    def kid(self) -> str:
        return self._public.kid

    @property
    def party(self) -> str:
        return self._public.party

    @property
    def alg(self) -> Alg:
        return self._public.alg

    def public(self) -> PublicKey:
        return self._public

    def sign(self, data: bytes) -> bytes:
        """64 bytes over `data`."""
        match self._half:
            case Ed25519PrivateKey():
                return self._half.sign(data)
            case _:
                r, s = decode_dss_signature(self._half.sign(data, ES256_HASH))
                return r.to_bytes(COORDINATE) + s.to_bytes(COORDINATE)

    @classmethod
    def generate(cls, party: str, now: datetime, alg: str = "Ed25519") -> "SigningKey":
        """A fresh key, valid from `now`. Raises `BadKey` for a party or algorithm that cannot be."""
        if not PARTY.fullmatch(party):
            raise BadKey("a party's id is 3 to 64 of a-z, 0-9 and -")
        half: PrivateHalf = (
            Ed25519PrivateKey.generate() if _alg(alg) == "Ed25519" else ec.generate_private_key(ec.SECP256R1())
        )
        # Through the written form: a time in memory must not be finer than the one on paper.
        return cls._of(half, party, Validity(unstamp(stamp(now))))

    @classmethod
    def load(cls, path: Path) -> "SigningKey":
        """Read a key file. Raises `Broken` where others can read it or it holds no key."""
        with path.open("rb") as file:
            if open_to_others(path, os.fstat(file.fileno()).st_mode):
                raise Broken("key-file-open", f"{path.name} can be read by others; chmod 600 it.")
            data = file.read()
        try:
            jwk = parse_strict(data)
            if not isinstance(jwk, dict):
                raise BadKey("not a JWK")
            secret = _bytes(jwk.pop("d", None))
            public = PublicKey.from_jwk(jwk)
            key = cls._of(_private_half(public.alg, secret), public.party, public.validity)
            if key.kid != public.kid:
                raise BadKey("the private half belongs to another key")
        except ValueError as error:
            raise Broken("key-file-damaged", f"{path.name} holds no private key: {error}.") from None
        return key

    def save(self, path: Path) -> None:
        """Write a key file that only its owner can read. Raises `Conflict` rather than overwrite one."""
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        except FileExistsError:
            raise Conflict("key-file-exists", f"{path.name} is there already; a key is never overwritten.") from None
        with os.fdopen(descriptor, "wb") as file:
            file.write(canonical({**self._public.to_jwk(), "d": b64u(_secret(self._half))}) + b"\n")
            file.flush()
            os.fsync(file.fileno())

    @classmethod
    def _of(cls, half: PrivateHalf, party: str, validity: Validity) -> "SigningKey":
        public = half.public_key()
        alg: Alg = "Ed25519" if isinstance(half, Ed25519PrivateKey) else "ES256"
        return cls(PublicKey(thumbprint(public), party, alg, validity, public), half)


class KeySet:
    """Public keys by thumbprint: all that a verifier needs, and all that it trusts."""

    def __init__(self, keys: Iterable[PublicKey]) -> None:
        self._keys: dict[str, PublicKey] = {}
        for key in keys:
            if key.kid in self._keys:
                raise BadKey("a key stands twice")
            self._keys[key.kid] = key

    def __iter__(self) -> Iterator[PublicKey]:
        return iter(self._keys.values())

    def __len__(self) -> int:
        return len(self._keys)

    def find(self, kid: str, at: datetime | None = None) -> PublicKey | None:
        """The key of that thumbprint; with `at`, only where it may sign at that moment."""
        key = self._keys.get(kid)
        return key if key is None or at is None or key.validity.current_at(at) else None

    def of_party(self, party: str) -> tuple[PublicKey, ...]:
        return tuple(key for key in self if key.party == party)

    def current(self, at: datetime) -> "KeySet":
        """Only the keys that may sign at that moment."""
        return KeySet(key for key in self if key.validity.current_at(at))

    def as_of(self, now: datetime) -> "KeySet":
        """The set as it stands at `now`: an end that lies ahead is no end yet, a key not yet valid is not in it."""

        def passed(at: datetime | None) -> datetime | None:
            return at if at is not None and at <= now else None

        def standing(key: PublicKey) -> PublicKey:
            was = key.validity
            ends = map(passed, (was.retired_at, was.revoked_at, was.compromised_since))
            return replace(key, validity=Validity(was.valid_from, *ends))

        return KeySet(standing(key) for key in self if key.validity.valid_from <= now)

    def to_jwks(self) -> JsonObject:
        """RFC 7517 section 5."""
        return {"keys": [key.to_jwk() for key in self]}

    @classmethod
    def from_jwks(cls, jwks: "bytes | JsonObject") -> "KeySet":
        """Raises `BadKey`, or `CanonicalError` where the bytes are no strict JSON."""
        document = parse_strict(jwks) if isinstance(jwks, bytes) else jwks
        if not isinstance(document, dict) or set(document) != {"keys"} or not isinstance(document["keys"], list):
            raise BadKey("a key set is an object with one member, keys, a list")
        keys = []
        for jwk in document["keys"]:
            if not isinstance(jwk, dict):
                raise BadKey("a key is an object")
            keys.append(PublicKey.from_jwk(jwk))
        return cls(keys)


def thumbprint(half: PublicHalf) -> str:
    """RFC 7638 with SHA-256, base64url: 43 characters."""
    return b64u(hashlib.sha256(canonical(_coordinates(half))).digest())


def _coordinates(half: PublicHalf) -> JsonObject:
    if isinstance(half, Ed25519PublicKey):
        return {"kty": "OKP", "crv": "Ed25519", "x": b64u(half.public_bytes(Encoding.Raw, PublicFormat.Raw))}
    numbers = half.public_numbers()
    x, y = (b64u(number.to_bytes(COORDINATE)) for number in (numbers.x, numbers.y))
    return {"kty": "EC", "crv": "P-256", "x": x, "y": y}


def _public_half(alg: Alg, coordinates: list[bytes]) -> PublicHalf:
    if alg == "Ed25519":
        return Ed25519PublicKey.from_public_bytes(coordinates[0])
    x, y = map(int.from_bytes, coordinates)
    try:
        return ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    except ValueError:
        raise BadKey("the point is not on the curve") from None


def _private_half(alg: Alg, secret: bytes) -> PrivateHalf:
    if alg == "Ed25519":
        return Ed25519PrivateKey.from_private_bytes(secret)
    return ec.derive_private_key(int.from_bytes(secret), ec.SECP256R1())


def _secret(half: PrivateHalf) -> bytes:
    if isinstance(half, Ed25519PrivateKey):
        return half.private_bytes_raw()
    return half.private_numbers().private_value.to_bytes(COORDINATE)


def _alg(value: JsonValue) -> Alg:
    for alg in get_args(Alg):
        if value == alg:
            known: Alg = alg
            return known
    raise BadKey("alg is none that this system knows")


def _bytes(value: JsonValue) -> bytes:
    if not isinstance(value, str):
        raise BadKey("a coordinate is missing")
    try:
        return unb64u(value, COORDINATE)
    except CanonicalError:
        raise BadKey("a coordinate is not 32 bytes of base64url") from None


def _spell(at: datetime | None) -> str | None:
    return None if at is None else stamp(at)


def _time(value: JsonValue) -> datetime | None:
    if value is None:
        return None
    try:
        return unstamp(str(value))
    except ValueError:
        raise BadKey("a time is not written as 2026-11-23T01:02:03.004Z") from None
