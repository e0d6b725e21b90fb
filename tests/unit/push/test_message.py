"""Rule P2 in a topic: what a push and its reply are signed over, and that nothing of either can be changed."""

import base64
import hashlib
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.clock import ManualClock
from gateway.errors import FuyuanError
from gateway.push.message import Arrived, Reply, verify_push, verify_reply, write_push, write_reply
from gateway.trust.keys import KeySet, PublicKey, SigningKey
from schemas.envelope import Message

CLOCK = ManualClock()
COURT, GATEWAY = (SigningKey.generate(party, CLOCK.now()) for party in ("the-court", "fuyuan-gateway"))
KEYS = KeySet([COURT.public(), GATEWAY.public()])
PUSHED, REPLIES = "fuyuan.in.the-court.dishonest-debtor", "fuyuan.out.the-court.receipts"


@dataclass(frozen=True)
class Directory:
    async def find(self, kid: str) -> PublicKey | None:
        return KEYS.find(kid)


def push(*, relist: bool = False) -> Arrived:
    written = write_push(
        PUSHED, b"[]", "application/json", "key-00001", relist=relist, signer=COURT, audience="one", clock=CLOCK
    )
    return Arrived(PUSHED, 0, 7, written.value, written.headers)


def reply() -> Message:
    told = Reply(201, "application/json", b"{}")
    return write_reply(
        REPLIES, told, place=push().place, key="key-00001", signer=GATEWAY, audience="the-court", clock=CLOCK
    )


async def check_push(message: Arrived) -> str:
    verified = await verify_push(message, keys=Directory(), audience="one", clock=CLOCK, skew_seconds=300)
    return verified.party


async def check_reply(message: Arrived) -> Reply:
    return await verify_reply(message, keys=KEYS, gateway="fuyuan-gateway", audience="the-court", clock=CLOCK)


def base_of(path: str, query: str, fields: dict[str, str]) -> bytes:
    """As docs/format.md section 11 and RFC 9421 section 2.5 say."""
    parameters = fields["signature-input"].removeprefix("fuyuan=")
    lines = [
        '"@method": PRODUCE',
        f'"@path": {path}',
        f'"@query": ?{query}',
        *(
            f'"{name}": {fields[name]}'
            for name in ("content-digest", "fuyuan-audience", "content-type", "idempotency-key")
        ),
        f'"@signature-params": {parameters}',
    ]
    return "\n".join(lines).encode()


@pytest.mark.parametrize(("relist", "query"), [(False, ""), (True, "relist=true")])
async def test_a_push_is_signed_as_the_format_says(relist: bool, query: str) -> None:
    message = push(relist=relist)
    assert await check_push(message) == "the-court"
    fields = {name: (value or b"").decode() for name, value in message.headers}
    signature = base64.b64decode(fields["signature"].removeprefix("fuyuan=").strip(":"))
    COURT.public().verify(signature, base_of(f"/{PUSHED}", query, fields))
    digest = base64.b64encode(hashlib.sha256(b"[]").digest()).decode()
    assert fields["content-digest"] == f"sha-256=:{digest}:"
    assert fields.get("fuyuan-query", "") == query


async def test_a_reply_is_signed_as_the_format_says() -> None:
    message = reply()
    told = await check_reply(Arrived(REPLIES, 0, 1, message.value, message.headers))
    assert told == Reply(201, "application/json", b"{}")
    assert message.key == b"key-00001"
    fields = {name: value.decode() for name, value in message.headers}
    signature = base64.b64decode(fields["signature"].removeprefix("fuyuan=").strip(":"))
    query = f"in={PUSHED}/0/7&status=201"
    GATEWAY.public().verify(signature, base_of(f"/{REPLIES}", query, fields))
    assert (fields["fuyuan-in"], fields["fuyuan-status"]) == (f"{PUSHED}/0/7", "201")


@given(data=st.data(), of_reply=st.booleans())
async def test_nothing_of_either_can_be_changed(data: st.DataObject, of_reply: bool) -> None:
    written = reply()
    good = Arrived(REPLIES, 0, 1, written.value, written.headers) if of_reply else push(relist=True)
    headers = dict(good.headers)
    name = data.draw(st.sampled_from([*headers, "topic", "value"]))
    other = data.draw(st.text("abcxyz019", min_size=1))
    match name:
        case "topic":
            bad = replace(good, topic=good.topic + other)
        case "value":
            bad = replace(good, value=other.encode())
        case _ if data.draw(st.booleans()):
            bad = replace(good, headers=[pair for pair in good.headers if pair[0] != name])
        case _:
            bad = replace(good, headers=[*(headers | {name: other.encode() + (headers[name] or b"")}).items()])
    with pytest.raises(FuyuanError):
        await (check_reply(bad) if of_reply else check_push(bad))
