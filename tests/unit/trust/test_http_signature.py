"""Rule P2: machines sign each request."""

import base64
import hashlib
import json
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, algorithms
from hypothesis import assume, given
from hypothesis import strategies as st

from gateway.clock import ManualClock, SystemClock
from gateway.errors import BadRequest, FuyuanError, Unauthenticated
from gateway.trust.http_signature import Verified, sign_request, verify_request
from gateway.trust.keys import PublicKey, SigningKey, Validity
from schemas.canonical import unb64u

AUDIENCE = "fuyuan-test"
TARGET = "/v1/feeds/dishonest-debtor/batches?mode=delta"
BODY = b'[{"iname":"x"}]'
HEADERS = {"content-type": "application/json", "idempotency-key": "push-0001"}


@dataclass
class Directory:
    """The keys of the admitted parties, by thumbprint."""

    keys: dict[str, PublicKey]

    async def find(self, kid: str) -> PublicKey | None:
        return self.keys.get(kid)


@dataclass
class Nonces:
    seen: dict[tuple[str, str], datetime] = field(default_factory=dict)

    async def remember(self, kid: str, nonce: str, until: datetime) -> bool:
        return self.seen.setdefault((kid, nonce), until) is until


@dataclass
class Gate:
    """A gateway's door: verifies what comes, with everything else held fixed."""

    directory: Directory
    clock: ManualClock = field(default_factory=ManualClock)
    nonces: Nonces = field(default_factory=Nonces)

    async def __call__(
        self,
        headers: dict[str, str],
        *,
        method: str = "POST",
        target: str = TARGET,
        body: bytes = BODY,
        audience: str = AUDIENCE,
    ) -> Verified:
        path, _, query = target.partition("?")
        return await verify_request(
            method=method,
            path=path,
            query=query,
            headers=headers,
            body=body,
            keys=self.directory,
            audience=audience,
            clock=self.clock,
            remember=self.nonces.remember,
        )


KEY = SigningKey.generate("court-a", ManualClock().now())
ES256_KEY = SigningKey.generate("court-b", ManualClock().now(), "ES256")
STRANGER = SigningKey.generate("court-a", ManualClock().now())


@pytest.fixture
def gate() -> Gate:
    return Gate(Directory({KEY.kid: KEY.public(), ES256_KEY.kid: ES256_KEY.public()}))


def signed(
    method: str = "POST",
    target: str = TARGET,
    headers: dict[str, str] | None = None,
    body: bytes = BODY,
    *,
    key: SigningKey = KEY,
    clock: ManualClock | None = None,
) -> dict[str, str]:
    plain = HEADERS if headers is None else headers
    return plain | sign_request(method, target, plain, body, key=key, audience=AUDIENCE, clock=clock or ManualClock())


async def refused(gate: Gate, headers: dict[str, str], **sent: object) -> str:
    with pytest.raises(FuyuanError) as caught:
        await gate(headers, **sent)
    assert not gate.nonces.seen, "a request that is refused must not fill the store"
    return caught.value.code


@pytest.mark.parametrize("key", [KEY, ES256_KEY], ids=["Ed25519", "ES256"])
async def test_p2_a_signed_request_proves_its_party(gate: Gate, key: SigningKey) -> None:
    verified = await gate(signed(key=key))
    assert (verified.party, verified.keyid) == (key.party, key.kid)
    assert verified.created == gate.clock.now()


async def test_p2_an_empty_body_and_an_empty_query_are_covered_too(gate: Gate) -> None:
    headers = signed("GET", "/v1/log/checkpoint", {}, b"")
    assert await gate(headers, method="GET", target="/v1/log/checkpoint", body=b"")
    assert '"content-digest"' in headers["signature-input"]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"method": "PUT"}, "signature-invalid"),
        ({"target": TARGET.replace("debtor", "debtors")}, "signature-invalid"),
        ({"target": TARGET.replace("delta", "full")}, "signature-invalid"),
        ({"target": TARGET.replace("?", "%3F")}, "signature-invalid"),
        ({"body": BODY + b" "}, "digest-mismatch"),
        ({"body": b""}, "digest-mismatch"),
        ({"audience": "another-gateway"}, "audience-wrong"),
    ],
)
async def test_p2_a_changed_request_is_refused(gate: Gate, change: dict[str, object], code: str) -> None:
    assert await refused(gate, signed(), **change) == code


@pytest.mark.parametrize("name", ["content-type", "idempotency-key"])
async def test_p2_a_covered_header_cannot_be_changed_dropped_or_added(gate: Gate, name: str) -> None:
    headers = signed()
    assert await refused(gate, headers | {name: "text/csv"}) == "signature-invalid"
    assert await refused(gate, {k: v for k, v in headers.items() if k != name}) == "signature-invalid"
    without = {k: v for k, v in HEADERS.items() if k != name}
    assert await refused(gate, signed(headers=without) | {name: "added"}) == "signature-invalid"


@pytest.mark.parametrize("name", ["signature", "signature-input", "content-digest", "fuyuan-audience"])
async def test_p2_a_missing_field_is_named(gate: Gate, name: str) -> None:
    assert await refused(gate, {k: v for k, v in signed().items() if k != name}) == "signature-missing"


async def test_p2_a_header_that_stands_twice_is_refused(gate: Gate) -> None:
    headers = signed()
    assert await refused(gate, headers | {"Idempotency-Key": "push-0001"}) == "signature-invalid"


@pytest.mark.parametrize("off", [-301, 301, 86_400])
async def test_p2_a_stale_signature_says_how_far_the_clocks_are_apart(gate: Gate, off: int) -> None:
    headers = signed(clock=ManualClock(gate.clock.now() - timedelta(seconds=off)))
    with pytest.raises(Unauthenticated, match=f"{abs(off)} s {'behind' if off > 0 else 'ahead of'}") as caught:
        await gate(headers)
    assert caught.value.code == "signature-stale"


@pytest.mark.parametrize("off", [-300, 300])
async def test_p2_the_allowed_skew_is_allowed(gate: Gate, off: int) -> None:
    assert await gate(signed(clock=ManualClock(gate.clock.now() - timedelta(seconds=off))))


async def test_p2_a_replay_is_refused_for_as_long_as_the_signature_is_fresh(gate: Gate) -> None:
    headers = signed()
    verified = await gate(headers)
    with pytest.raises(Unauthenticated) as caught:
        await gate(headers)
    assert caught.value.code == "signature-replayed"
    until = gate.nonces.seen[verified.keyid, verified.nonce]
    gate.clock.at = until
    assert await gate_code(gate, headers) == "signature-stale", "the store forgets only what is stale by itself"


async def gate_code(gate: Gate, headers: dict[str, str]) -> str:
    with pytest.raises(FuyuanError) as caught:
        await gate(headers)
    return caught.value.code


async def test_p2_unknown_retired_and_revoked_keys(gate: Gate) -> None:
    assert await refused(gate, signed(key=STRANGER)) == "key-unknown"
    now = gate.clock.now()
    before, after = now - timedelta(days=9), now + timedelta(seconds=1)
    for validity in (
        Validity(before, retired_at=now),
        Validity(before, revoked_at=now),
        Validity(before, compromised_since=now),
        Validity(after),
    ):
        gate.directory.keys[KEY.kid] = replace(KEY.public(), validity=validity)
        assert await refused(gate, signed()) == "key-retired"
    gate.directory.keys[KEY.kid] = replace(KEY.public(), validity=Validity(before, retired_at=after))
    assert await gate(signed())


async def test_p2_another_party_cannot_sign_under_a_known_thumbprint(gate: Gate) -> None:
    headers = signed(key=STRANGER)
    headers["signature-input"] = headers["signature-input"].replace(STRANGER.kid, KEY.kid)
    assert await refused(gate, headers) == "signature-invalid"


def resigned(edit: tuple[str, str]) -> dict[str, str]:
    """A request whose sender signs an edited component list or parameter honestly, with the right key."""
    headers = signed()
    parameters = headers["signature-input"].removeprefix("fuyuan=").replace(*edit)
    names = parameters[1 : parameters.index(")")].replace('"', "").split()
    path, _, query = TARGET.partition("?")
    values = {"@method": "POST", "@path": path, "@query": "?" + query, **headers}
    base = "".join(f'"{name}": {values.get(name, "")}\n' for name in names) + f'"@signature-params": {parameters}'
    signature = base64.b64encode(KEY.sign(base.encode())).decode()
    return headers | {"signature-input": f"fuyuan={parameters}", "signature": f"fuyuan=:{signature}:"}


async def test_p2_the_resigning_of_this_test_is_sound(gate: Gate) -> None:
    assert await gate(resigned(("x" * 50, "")))
    assert await gate(resigned(('"@method" "@path"', '"@path" "@method"'))), "the order is the sender's"


@pytest.mark.parametrize(
    "edit",
    [
        ('"@method" ', ""),
        ('"@path" ', ""),
        ('"@query" ', ""),
        ('"content-digest" ', ""),
        ('"fuyuan-audience" ', ""),
        (' "content-type"', ""),
        (' "idempotency-key"', ""),
        ('"@method"', '"@method" "@method"'),
        ('"@method"', '"@method" "@authority"'),
        ('"content-digest"', '"content-digest";sf'),
        (";created=", ";created=1;made="),
        (";nonce=", ";tag="),
        (";created=", ';alg="ed25519";created='),
        (";created=", ";expires=9999999999;created="),
    ],
)
async def test_p2_a_component_list_or_parameters_other_than_ours_are_never_trusted(
    gate: Gate, edit: tuple[str, str]
) -> None:
    assert await refused(gate, resigned(edit)) == "signature-invalid"


async def test_p2_a_short_nonce_is_refused(gate: Gate) -> None:
    headers = signed()
    nonce = headers["signature-input"].rpartition('nonce="')[2].rstrip('"')
    assert len(base64.urlsafe_b64decode(nonce + "==")) >= 16
    assert await refused(gate, resigned((';nonce="', ';nonce="short";x="'))) == "signature-invalid"


@given(
    name=st.sampled_from(["signature", "signature-input", "content-digest", "fuyuan-audience"]),
    value=st.one_of(
        st.text(st.characters(max_codepoint=255, exclude_categories=["Cc"]), max_size=60),
        st.from_regex(
            r"fuyuan=\((\"@?[a-z-]+\" ?){0,3}\)(;[a-z]+=(-?[0-9]{1,15}|\"[a-z]*\"|:[A-Za-z=]*:)){0,4}", fullmatch=True
        ),
    ),
)
async def test_p2_whatever_stands_in_the_fields_is_answered_by_a_known_error(name: str, value: str) -> None:
    gate = Gate(Directory({KEY.kid: KEY.public()}))
    headers = signed()
    if headers[name] != value.strip(" \t"):
        assert await refused(gate, headers | {name: value}) in {
            "signature-missing", "signature-invalid", "signature-stale", "audience-wrong", "digest-mismatch",
        }  # fmt: skip


@given(st.data())
async def test_p2_a_flipped_character_anywhere_in_the_fields_is_caught(data: st.DataObject) -> None:
    gate = Gate(Directory({KEY.kid: KEY.public()}))
    headers = signed()
    name = data.draw(st.sampled_from(sorted(headers)))
    at = data.draw(st.integers(0, len(headers[name]) - 1))
    flipped = chr(ord(headers[name][at]) ^ (1 << data.draw(st.integers(0, 6))))
    changed = headers[name][:at] + flipped + headers[name][at + 1 :]
    assume(name != "signature" or at != len(changed) - 4)  # base64's last character has bits that say nothing
    await refused(gate, headers | {name: changed})


def test_p2_a_header_that_cannot_be_signed_is_refused_by_the_signer() -> None:
    with pytest.raises(ValueError, match="ASCII"):
        sign_request("GET", "/", {"content-type": "数据"}, b"", key=KEY, audience=AUDIENCE, clock=ManualClock())
    with pytest.raises(ValueError, match="twice"):
        sign_request("GET", "/", {"A": "", "content-digest": ""}, b"", key=KEY, audience=AUDIENCE, clock=ManualClock())


# The ready-made implementation of RFC 9421 as an independent second opinion, both ways.


@dataclass
class Message:
    method: str
    url: str
    headers: dict[str, str]


@dataclass
class Resolver:
    """Our key, read from its file by the other implementation."""

    private: Ed25519PrivateKey

    def resolve_public_key(self, _: str) -> object:
        return self.private.public_key()

    def resolve_private_key(self, _: str) -> object:
        return self.private


@pytest.fixture
def resolver(tmp_path: Path) -> Resolver:
    KEY.save(tmp_path / "key.jwk")
    secret = unb64u(json.loads((tmp_path / "key.jwk").read_bytes())["d"])
    return Resolver(Ed25519PrivateKey.from_private_bytes(secret))


@pytest.mark.filterwarnings("ignore::http_message_signatures.signatures.SignatureVerifyWarning")
def test_p2_another_implementation_verifies_what_we_sign(resolver: Resolver) -> None:
    headers = HEADERS | sign_request("POST", TARGET, HEADERS, BODY, key=KEY, audience=AUDIENCE, clock=SystemClock())
    verifier = HTTPMessageVerifier(signature_algorithm=algorithms.ED25519, key_resolver=resolver)
    verifier.allow_label_only_selection = True
    results = verifier.verify(Message("POST", f"https://gateway.example{TARGET}", headers), expect_label="fuyuan")
    assert len(results) == 1
    assert results[0].label == "fuyuan"
    assert len(results[0].covered_components) == 8
    digest = base64.b64encode(hashlib.sha256(BODY).digest()).decode()
    assert headers["content-digest"] == f"sha-256=:{digest}:"


async def test_p2_we_verify_what_another_implementation_signs(gate: Gate, resolver: Resolver) -> None:
    ours = signed()
    message = Message(
        "POST",
        f"https://gateway.example{TARGET}",
        {k: v for k, v in ours.items() if not k.startswith("signature")},
    )
    HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=resolver).sign(
        message,
        key_id=KEY.kid,
        created=gate.clock.now(),
        nonce="n" * 22,
        label="fuyuan",
        include_alg=False,
        use_existing_digest=True,
        covered_component_ids=(
            "@method", "@path", "@query", "content-digest", "fuyuan-audience", "content-type", "idempotency-key",
        ),
    )  # fmt: skip
    verified = await gate({name.lower(): value for name, value in message.headers.items()})
    assert verified.party == "court-a"
    with pytest.raises(BadRequest):
        await gate({name.lower(): value for name, value in message.headers.items()}, body=b"other")
