"""Ways in for providers: batches and withdrawals."""

from typing import Annotated, Literal

import orjson
from fastapi import APIRouter, Header, Query, Request

from gateway.api.answers import document
from gateway.api.sender import Parts, Proved
from gateway.content import JSON, READABLE_FEEDS, require_content
from gateway.errors import BadRequest, NotFound
from gateway.intake import KEY_SHAPE, Submission
from gateway.push_rights import check_provider, feeds_of

router = APIRouter(prefix="/v1/feeds", tags=["providers"])

Key = Annotated[str, Header(alias="Idempotency-Key", pattern=f"^{KEY_SHAPE}$")]


@router.post("/{feed}/batches", status_code=201)
async def push(
    request: Request,
    feed: str,
    sender: Proved,
    parts: Parts,
    idempotency_key: Key,
    mode: Annotated[Literal["delta"], Query()] = "delta",
    relist: Annotated[bool, Query()] = False,
) -> object:
    """Journal a batch: a JSON array, NDJSON, CSV or XLSX. The answer lists the sealed headers and the counts."""
    require_content(request.headers, READABLE_FEEDS)
    await check_provider(parts.engine, sender.party, feed)
    submission = Submission(sender.party, feed, idempotency_key, sender.body, sender.signature, relist=relist)
    return document((await parts.intake.submit(submission)).document(), status=201)


@router.post("/{feed}/withdrawals", status_code=201)
async def withdraw(request: Request, feed: str, sender: Proved, parts: Parts, idempotency_key: Key) -> object:
    """Take records back, by record id or by case number and name. Needs nothing but the key of the record (J5)."""
    require_content(request.headers, JSON)
    await check_provider(parts.engine, sender.party, feed)
    lines = _withdrawal_lines(sender.body)
    submission = Submission(
        sender.party, feed, "withdraw/" + idempotency_key, lines, sender.signature, sent=sender.body
    )
    return document((await parts.intake.submit(submission)).document(), status=201)


def _withdrawal_lines(body: bytes) -> bytes:
    """The withdrawals as the reader knows them: lines with `status: withdrawn`."""
    try:
        sent = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("body-unreadable", "Send a JSON object, or an array of them.") from None
    objects = sent if isinstance(sent, list) else [sent]
    if not objects or not all(isinstance(one, dict) for one in objects):
        raise BadRequest("body-unreadable", "Send a JSON object, or an array of them.")
    return b"\n".join(orjson.dumps({**one, "status": "withdrawn"}) for one in objects)


@router.get("")
async def feeds(sender: Proved, parts: Parts) -> object:
    """The feeds the sender may push to."""
    if not (names := await feeds_of(parts.engine, sender.party)):
        raise NotFound("no-feeds", "No contract names the sender as provider; ask the gateway's operator.")
    return document({"feeds": names})
