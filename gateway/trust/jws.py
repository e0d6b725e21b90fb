"""Compact JWS (RFC 7515) as docs/format.md section 3 narrows it: one header, one spelling, the key's own algorithm.

Written over `cryptography` rather than over a JOSE library: what is checked here is the exact bytes of header and
payload, which a library parses away, and none of what a library offers besides (algorithm negotiation, embedded keys,
`crit`) may ever happen. In the tests the library is the independent second opinion.
"""

from typing import Final

from gateway.trust.keys import BadSignature, KeySet, PublicKey, Signer
from schemas.canonical import CanonicalError, JsonObject, b64u, canonical, parse_strict, unb64u

BATCH: Final = "fuyuan-batch+jws"
RUN: Final = "fuyuan-run+jws"
CHECKPOINT: Final = "fuyuan-checkpoint+jws"
HEARTBEAT: Final = "fuyuan-heartbeat+jws"
RECEIPT: Final = "fuyuan-receipt+jws"
CONTRACT: Final = "fuyuan-contract+jws"
STATEMENT: Final = "fuyuan-statement+jws"


class BadJws(ValueError):
    """The token is not exactly what a holder of a known key signs. The message repeats nothing of it."""


def sign(key: Signer, typ: str, payload: JsonObject) -> str:
    """The compact JWS of a payload whose canonical spelling is exact (no floats, ASCII keys)."""
    signed = f"{b64u(_header(key.alg, key.kid, typ))}.{b64u(canonical(payload))}"
    return f"{signed}.{b64u(key.sign(signed.encode()))}"


def verify(token: str, typ: str, keys: KeySet) -> tuple[JsonObject, PublicKey]:
    """The payload and the key that signed it. The key's validity in time is the caller's to judge (rule S7).

    Raises `BadJws`: not three parts of canonical base64url, a header other than `{alg, kid, typ}` of a known key and
    this `typ` in canonical spelling, a payload that is no canonical JSON object, or a signature that does not fit.
    """
    parts = token.split(".")
    if len(parts) != 3:
        raise BadJws("a JWS has three parts")
    try:
        header, payload, signature = map(unb64u, parts)
        protected = parse_strict(header)
        claims = parse_strict(payload)
    except CanonicalError as error:
        raise BadJws(f"a part of the JWS cannot be read: {error}") from None
    match protected:
        case {"kid": str(kid)} if (key := keys.find(kid)) is not None:
            pass
        case _:
            raise BadJws("signed by no known key")
    if header != _header(key.alg, key.kid, typ):
        raise BadJws("the JWS header is not that of this kind of document and this key")
    if not isinstance(claims, dict) or canonical(claims) != payload:
        raise BadJws("the JWS payload is not canonical")
    try:
        key.verify(signature, token[: token.rindex(".")].encode())
    except BadSignature as error:
        raise BadJws(str(error)) from None
    return claims, key


def _header(alg: str, kid: str, typ: str) -> bytes:
    return canonical({"alg": alg, "kid": kid, "typ": typ})
