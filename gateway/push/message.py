"""A provider's push and the reply to it as Kafka messages, signed as requests are (docs/format.md section 11).

What a request says in its path stands in the topic's name, and what it says in its query in a header.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from starlette.datastructures import Headers

from gateway.clock import Clock
from gateway.errors import Unauthenticated
from gateway.trust.http_signature import KeyDirectory, Verified, sign_request, verify_request
from gateway.trust.keys import KeySet, PublicKey, Signer
from schemas.envelope import Message

METHOD: Final = "PRODUCE"
KEY: Final = "idempotency-key"
QUERY: Final = "fuyuan-query"  # of a push
STATUS: Final = "fuyuan-status"  # of a reply
ANSWERED: Final = "fuyuan-in"  # of a reply: the place of the push
RELIST: Final = "relist=true"
OLDEST_SECONDS: Final = 7 * 24 * 3600  # of a push's signature, for it may wait in the topic


@dataclass(frozen=True, slots=True)
class Arrived:
    """A message as it stands in a topic. `value` is None where it has none, or where nothing of it can be read."""

    topic: str
    partition: int
    offset: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]] = ()

    @property
    def place(self) -> str:
        return place_of(self.topic, self.partition, self.offset)

    def fields(self) -> Headers:
        """The headers as those of a request, where one may stand twice. Any byte can be read as latin-1: what is not
        ASCII then fails as a signature.
        """
        return Headers(raw=[(name.lower().encode(), value or b"") for name, value in self.headers])


@dataclass(frozen=True, slots=True)
class Reply:
    """What the gateway answers: a status of HTTP, and the document that HTTP would bring with it."""

    status: int
    content_type: str
    body: bytes


def place_of(topic: str, partition: int, offset: int) -> str:
    """What a reply names the push by."""
    return f"{topic}/{partition}/{offset}"


def write_push(
    topic: str, body: bytes, content_type: str, key: str, *, relist: bool, signer: Signer, audience: str, clock: Clock
) -> Message:
    """`key` is the idempotency key; `audience` the gateway's."""
    query = RELIST if relist else ""
    fields = {"content-type": content_type, KEY: key}
    fields |= sign_request(METHOD, f"/{topic}?{query}", fields, body, key=signer, audience=audience, clock=clock)
    return Message(body, _spell(fields | ({QUERY: query} if query else {})))


async def verify_push(push: Arrived, *, keys: KeyDirectory, audience: str, clock: Clock, skew_seconds: int) -> Verified:
    """Who signed it. The nonce is not remembered, for a push is read again behind a crash; its idempotency key makes it
    count once.

    Raises as `verify_request` does.
    """
    fields = push.fields()
    return await verify_request(
        method=METHOD,
        path=f"/{push.topic}",
        query=fields.get(QUERY, ""),
        headers=fields,
        body=push.value or b"",
        keys=keys,
        audience=audience,
        clock=clock,
        remember=_forget,
        skew_seconds=skew_seconds,
        oldest_seconds=OLDEST_SECONDS,
    )


def write_reply(
    topic: str, reply: Reply, *, place: str, key: str | None, signer: Signer, audience: str, clock: Clock
) -> Message:
    """To the push at `place` under the idempotency key `key`, None where it cannot be told; `audience` is the party."""
    fields = {"content-type": reply.content_type} | ({} if key is None else {KEY: key})
    target = f"/{topic}?{_reply_query(place, reply.status)}"
    fields |= sign_request(METHOD, target, fields, reply.body, key=signer, audience=audience, clock=clock)
    fields |= {STATUS: str(reply.status), ANSWERED: place}
    return Message(reply.body, _spell(fields), None if key is None else key.encode())


async def verify_reply(message: Arrived, *, keys: KeySet, gateway: str, audience: str, clock: Clock) -> Reply:
    """The reply, once it is proved to be that gateway's. Raises as `verify_request` does, and Unauthenticated
    (`reply-of-another`).
    """
    fields = message.fields()
    place, status = fields.get(ANSWERED, ""), fields.get(STATUS, "")
    verified = await verify_request(
        method=METHOD,
        path=f"/{message.topic}",
        query=_reply_query(place, status),
        headers=fields,
        body=message.value or b"",
        keys=_Held(keys),
        audience=audience,
        clock=clock,
        remember=_forget,
    )
    if verified.party != gateway:
        raise Unauthenticated("reply-of-another", "The reply is signed by another party than the gateway.")
    return Reply(int(status), fields["content-type"], message.value or b"")


@dataclass(frozen=True, slots=True)
class _Held:
    keys: KeySet

    async def find(self, kid: str) -> PublicKey | None:
        return self.keys.find(kid)


async def _forget(_keyid: str, _nonce: str, _until: datetime) -> bool:
    return True


def _reply_query(place: str, status: int | str) -> str:
    return f"in={place}&status={status}"


def _spell(fields: dict[str, str]) -> list[tuple[str, bytes]]:
    return [(name, value.encode("ascii")) for name, value in fields.items()]


def read_header(headers: Iterable[tuple[str, bytes | None]], name: str) -> str:
    """The first of that name, empty where there is none. Nothing of it is verified."""
    return next(((value or b"").decode("latin-1") for found, value in headers if found == name), "")
