"""Signed requests: every call of a machine carries a signature over itself (rule P2, RFC 9421 and RFC 9530).

    Content-Digest: sha-256=:...:                          of the body, also of an empty one
    Fuyuan-Audience: fuyuan-gateway                        which gateway is meant
    Signature-Input: fuyuan=("@method" "@path" "@query" "content-digest" "fuyuan-audience");created=1;keyid="";nonce=""
    Signature: fuyuan=:...:

The audience stands in a header of ours instead of `@authority`, because government proxies rewrite hosts.
`content-type` and `idempotency-key` are covered wherever the request has them; the set is exact, neither less nor
more. `keyid` is the RFC 7638 thumbprint; the algorithm is the key's, never the message's (RFC 9421 section 7.3.6).

The signature base is spelled here because the ready-made verifier reads the machine's clock by itself; in the tests
it is the independent second opinion.
"""

import base64
import hashlib
import hmac
import math
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import http_sf

from gateway.clock import Clock
from gateway.errors import BadRequest, Unauthenticated
from gateway.trust.keys import PublicKey, Signer

LABEL = "fuyuan"
AUDIENCE_HEADER = "fuyuan-audience"
DERIVED = ("@method", "@path", "@query")
FIELDS_NEEDED = ("content-digest", AUDIENCE_HEADER)
FIELDS_IF_PRESENT = ("content-type", "idempotency-key")
FIELDS_READ = frozenset({"signature", "signature-input", *FIELDS_NEEDED, *FIELDS_IF_PRESENT})
NONCE_BYTES = 16
KEYID_SHAPE = re.compile(r"[A-Za-z0-9_-]{43}")
NONCE_SHAPE = re.compile(r"[A-Za-z0-9_-]{22,64}")  # base64url of 128 bits at least
SKEW_SECONDS = 300

Remember = Callable[[str, str, datetime], Awaitable[bool]]


class KeyDirectory(Protocol):
    async def find(self, kid: str) -> PublicKey | None:
        """The key of that thumbprint, in force or not; None where nobody admitted has it."""
        ...


@dataclass(frozen=True, slots=True)
class Parameters:
    """Of a signature (RFC 9421 section 2.3). `order` is how they were signed."""

    created: int
    keyid: str
    nonce: str
    order: tuple[str, ...] = ("created", "keyid", "nonce")

    def spell(self, covered: Sequence[str]) -> str:
        """As an inner list of the components (RFC 9651 section 4.1.1.1); no value here holds a quote or a backslash."""
        spelled = {"created": str(self.created), "keyid": f'"{self.keyid}"', "nonce": f'"{self.nonce}"'}
        names = " ".join(f'"{name}"' for name in covered)
        return f"({names})" + "".join(f";{name}={spelled[name]}" for name in self.order)


@dataclass(frozen=True, slots=True)
class Verified:
    """Who sent a request: `party` is the key's, `created` the moment that the sender signed."""

    keyid: str
    party: str
    created: datetime
    nonce: str


def content_digest(body: bytes) -> str:
    """The Content-Digest field of a body (RFC 9530 section 2)."""
    return f"sha-256={_spell_bytes(hashlib.sha256(body).digest())}"


def sign_request(
    method: str,
    path_and_query: str,
    headers: Mapping[str, str],
    body: bytes,
    *,
    key: Signer,
    audience: str,
    clock: Clock,
) -> dict[str, str]:
    """The headers to add to a request. `path_and_query` is spelled as it goes on the wire, percent-encoded.

    Raises ValueError where a header that is covered stands twice or is not ASCII.
    """
    path, _, query = path_and_query.partition("?")
    added = {"content-digest": content_digest(body), AUDIENCE_HEADER: audience}
    fields = _fields([*headers.items(), *added.items()])
    covered = _components(fields)
    parameters = Parameters(math.floor(clock.now().timestamp()), key.kid, secrets.token_urlsafe(NONCE_BYTES))
    signature = key.sign(_base(covered, parameters, _values(method, path, query, fields)))
    return {
        **added,
        "signature-input": f"{LABEL}={parameters.spell(covered)}",
        "signature": f"{LABEL}={_spell_bytes(signature)}",
    }


async def verify_request(
    *,
    method: str,
    path: str,
    query: str,
    headers: Mapping[str, str],
    body: bytes | Callable[[], Awaitable[bytes]],
    keys: KeyDirectory,
    audience: str,
    clock: Clock,
    remember: Remember,
    skew_seconds: int = SKEW_SECONDS,
    oldest_seconds: int | None = None,
) -> Verified:
    """Prove who sent a request. `path` and `query` (without `?`) are as they came on the wire. Where `body` is a call,
    it is made once the signature holds, so that a stranger cannot fill the memory.

    `remember(keyid, nonce, until)` keeps a nonce in the store that all gateway processes share; False says that it
    was there already. A signature may be `oldest_seconds` old where it may wait on its way, else `skew_seconds`.

    Raises Unauthenticated (`signature-missing`, `signature-invalid`, `signature-stale`, `signature-replayed`,
    `audience-wrong`, `key-unknown`, `key-retired`) and BadRequest (`digest-mismatch`).
    """
    # 1. The two fields are there and say what they must; each covered field stands once.
    try:
        fields = _fields(headers.items())
    except ValueError:
        raise _invalid("a signed header stands twice; send each once") from None
    covered, parameters, signature = _read_signature(fields)

    # 2. It covers exactly what this request needs covered: a shorter list would leave parts open to change.
    needed = _components(fields)
    if missing := [name for name in FIELDS_NEEDED if name not in fields]:
        raise Unauthenticated("signature-missing", f"The request lacks: {', '.join(missing)}.")
    if sorted(covered) != sorted(needed):
        raise _invalid(f"it must cover exactly: {' '.join(needed)}")

    # 3. It was made just now, and for this gateway.
    now = clock.now()
    difference = math.floor(now.timestamp()) - parameters.created
    side, allowed = ("behind", oldest_seconds or skew_seconds) if difference > 0 else ("ahead of", skew_seconds)
    if abs(difference) > allowed:
        raise Unauthenticated(
            "signature-stale",
            f"The signature's time is {abs(difference)} s {side} the gateway's clock; {allowed} s are allowed. "
            "Set the sender's clock and sign anew.",
        )
    if not hmac.compare_digest(fields[AUDIENCE_HEADER].encode(), audience.encode()):
        raise Unauthenticated("audience-wrong", "The request was signed for another gateway; set the audience.")

    # 4. The key is known and may sign now, and the signature is its own.
    key = await keys.find(parameters.keyid)
    if key is None:
        raise Unauthenticated("key-unknown", "No admitted party has that key; ask the gateway's operator to enter it.")
    if not key.validity.current_at(now):
        raise Unauthenticated("key-retired", "That key is not in force; sign with the party's current key.")
    try:
        values = _values(method, path, query, fields)
        key.verify(signature, _base(covered, parameters, values))
    except ValueError:
        raise _invalid("it does not fit the request and the key") from None

    # 5. The body is the one that was signed.
    if not _digest_fits(fields["content-digest"], body if isinstance(body, bytes) else await body()):
        raise BadRequest("digest-mismatch", "The body is not the one that Content-Digest names; send it unchanged.")

    # 6. It comes for the first time. Last, so that only a proved request can fill the store.
    created = datetime.fromtimestamp(parameters.created, UTC)
    if not await remember(parameters.keyid, parameters.nonce, created + timedelta(seconds=skew_seconds + 1)):
        raise Unauthenticated("signature-replayed", "That signature was used before; sign each request anew.")
    return Verified(parameters.keyid, key.party, created, parameters.nonce)


def _fields(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """The header fields that matter here, by lower-case name. Raises ValueError where one stands twice."""
    fields: dict[str, str] = {}
    for name, value in headers:
        if (lower := name.lower()) in FIELDS_READ:
            if lower in fields:
                raise ValueError("a signed header stands twice")
            fields[lower] = value.strip(" \t")
    return fields


def _components(fields: Mapping[str, str]) -> list[str]:
    """What a request with these fields must cover, in the order in which it is signed here."""
    return [*DERIVED, *FIELDS_NEEDED, *(name for name in FIELDS_IF_PRESENT if name in fields)]


def _values(method: str, path: str, query: str, fields: Mapping[str, str]) -> dict[str, str]:
    """What each component stands for (RFC 9421 section 2)."""
    return {"@method": method, "@path": path or "/", "@query": f"?{query}", **fields}


def _base(covered: Sequence[str], parameters: Parameters, values: Mapping[str, str]) -> bytes:
    """The signature base (RFC 9421 section 2.5). Raises ValueError where a value is not printable ASCII."""
    lines = [*(f'"{name}": {values[name]}' for name in covered), f'"@signature-params": {parameters.spell(covered)}']
    if not all(line.isascii() and line.isprintable() for line in lines):
        raise ValueError("a signed value is not printable ASCII")
    return "\n".join(lines).encode("ascii")


def _spell_bytes(data: bytes) -> str:
    """A byte sequence (RFC 9651 section 4.1.8)."""
    return f":{base64.b64encode(data).decode()}:"


def _read_signature(fields: Mapping[str, str]) -> tuple[list[str], Parameters, bytes]:
    """The covered components, the parameters and the signature under our label; other labels are not ours to judge."""
    if "signature" not in fields or "signature-input" not in fields:
        raise Unauthenticated("signature-missing", "Sign the request (RFC 9421) with the party's key.")
    try:
        described = _dictionary(fields["signature-input"]).get(LABEL)
        signed = _dictionary(fields["signature"]).get(LABEL)
    except ValueError:
        raise _invalid("Signature-Input or Signature is no structured dictionary (RFC 9651)") from None
    match described, signed:
        case (list(items), dict(found)), (bytes(signature), {}):
            return [_plain_name(item) for item in items], _parameters(found), signature
    raise _invalid(f"Signature-Input and Signature must each have a member `{LABEL}`")


def _plain_name(item: object) -> str:
    match item:
        case (str(name), dict(parameters)) if not parameters:
            return name
    raise _invalid("components stand by their names, without parameters")


def _parameters(found: Mapping[str, object]) -> Parameters:
    """Created, keyid and nonce, in the order in which they were signed.

    An `alg` or anything else is refused: the key says what it is, not the message.
    """
    created, keyid, nonce = (found.get(name) for name in ("created", "keyid", "nonce"))
    if len(found) != 3 or type(created) is not int or not isinstance(keyid, str) or not isinstance(nonce, str):
        raise _invalid("its parameters must be exactly: created in seconds, keyid, nonce")
    if not KEYID_SHAPE.fullmatch(keyid) or not NONCE_SHAPE.fullmatch(nonce):
        raise _invalid("keyid is an RFC 7638 thumbprint, nonce 128 random bits or more, both base64url")
    return Parameters(created, keyid, nonce, tuple(found))


def _digest_fits(field: str, body: bytes) -> bool:
    try:
        member = _dictionary(field).get("sha-256")
    except ValueError:
        return False
    match member:
        case (bytes(digest), {}):
            return hmac.compare_digest(digest, hashlib.sha256(body).digest())
    return False


def _dictionary(field: str) -> dict[str, object]:
    """Raises ValueError where it is none."""
    parsed: object = http_sf.parse(field.encode(), tltype="dictionary")
    return parsed if isinstance(parsed, dict) else {}


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated("signature-invalid", f"The request's signature does not hold: {why}.")
