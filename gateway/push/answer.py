"""What a push through a topic is answered: the same intake as over HTTP, the same documents, the same codes."""

import base64
import hashlib
import re
import time
from collections.abc import Callable
from typing import Final

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway import trace
from gateway.clock import Clock
from gateway.content import READABLE_FEEDS, require_content
from gateway.delivery.access import reply_topic
from gateway.errors import BadRequest, FuyuanError, TooLarge, Unauthenticated
from gateway.intake import KEY_SHAPE, Intake, Result, Submission
from gateway.problem import MEDIA_TYPE, known, write_problem
from gateway.push.message import KEY, QUERY, RELIST, Arrived, Reply, verify_push, write_reply
from gateway.push_rights import check_provider
from gateway.retry import passing
from gateway.trust.http_signature import KeyDirectory
from gateway.trust.keys import Signer
from schemas.canonical import canonical
from schemas.envelope import Message

log = structlog.get_logger(__name__)

ID_BYTES: Final = 10
QUERIES: Final = {"": False, RELIST: True}  # whether it lists again (rule J4)
# Another gateway is journalling the very same push, so soon the answer is there.
IN_PROGRESS: Final = "submission-in-progress"

Count = Callable[[str, int], None]  # a feed, and the status that was answered


class Answers:
    """`signer` is the gateway's, `audience` the name that pushes must be signed for."""

    def __init__(
        self,
        engine: AsyncEngine,
        clock: Clock,
        intake: Intake,
        keys: KeyDirectory,
        signer: Signer,
        *,
        audience: str,
        skew_seconds: int,
        max_body_bytes: int,
        count: Count = lambda _feed, _status: None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._intake = intake
        self._keys = keys
        self._signer = signer
        self._audience = audience
        self._skew_seconds = skew_seconds
        self._max_body_bytes = max_body_bytes
        self._count = count

    async def answer(self, push: Arrived, party: str, feed: str) -> Message:
        """The reply to what stands in the topic of that party and feed. The same push again has the same answer.

        Raises FuyuanError only where trying again may help: then nothing is answered yet.
        """
        error_id = _error_id(push.place)
        began = time.perf_counter()
        came_by = trace.extract(push.headers)
        parent = None if came_by is None else trace.read_parent([came_by])
        with (
            structlog.contextvars.bound_contextvars(error_id=error_id, party=party, feed=feed),
            trace.span("take-push", kind=SpanKind.CONSUMER, parent=parent, feed=feed, party=party) as current,
        ):
            code: dict[str, str] = {}
            try:
                result = await self._take(push, party, feed)
                reply = Reply(201, "application/json", canonical(result.document()))
            except Exception as error:
                told = known(error)
                if passing(told) or told.code == IN_PROGRESS:
                    raise told from error
                if told is not error:
                    log.exception("unexpected")
                code = {"code": told.code}
                reply = _refusal(told, error_id)
            trace.note(current, status=reply.status, **code)
            ms = round((time.perf_counter() - began) * 1000, 1)
            log.info("push", topic=push.topic, status=reply.status, ms=ms, **code)
            self._count(feed, reply.status)
            return self._write(push, party, reply)

    async def _take(self, push: Arrived, party: str, feed: str) -> Result:
        """Who it is comes first, then what it says. The party is whom the topic and the signature both name."""
        if push.value is None:
            raise BadRequest(
                "message-unreadable",
                "The message holds no value that can be read; its header names are UTF-8, and it is not compressed.",
            )
        if len(push.value) > self._max_body_bytes:
            raise TooLarge("body-too-large", f"A body holds at most {self._max_body_bytes} bytes; send it in parts.")
        verified = await verify_push(
            push, keys=self._keys, audience=self._audience, clock=self._clock, skew_seconds=self._skew_seconds
        )
        if verified.party != party:
            raise Unauthenticated("topic-of-another", "The topic is another party's; push into your own.")
        fields = push.fields()
        key, query = fields.get(KEY, ""), fields.get(QUERY, "")
        if not re.fullmatch(KEY_SHAPE, key):
            raise BadRequest("request-invalid", "Missing or wrong: header Idempotency-Key.")
        if query not in QUERIES:
            raise BadRequest("request-invalid", f"Missing or wrong: header {QUERY}.")
        require_content(fields, READABLE_FEEDS)
        await check_provider(self._engine, party, feed)
        signature = fields["signature"].encode("latin-1")
        return await self._intake.submit(
            Submission(party, feed, key, push.value, signature, relist=QUERIES[query]),
        )

    def _write(self, push: Arrived, party: str, reply: Reply) -> Message:
        key = push.fields().get(KEY, "")
        return write_reply(
            reply_topic(party),
            reply,
            place=push.place,
            key=key if re.fullmatch(KEY_SHAPE, key) else None,
            signer=self._signer,
            audience=party,
            clock=self._clock,
        )


def _refusal(error: FuyuanError, error_id: str) -> Reply:
    return Reply(error.status, MEDIA_TYPE, write_problem(error.status, error.title, error.code, error.detail, error_id))


def _error_id(place: str) -> str:
    """Made of the place, so that a push that is read again has the same problem document."""
    return base64.b32encode(hashlib.sha256(place.encode()).digest()[:ID_BYTES]).decode().lower()
