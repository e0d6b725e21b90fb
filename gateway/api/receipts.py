"""Signed receipts from the agencies."""

from contextlib import suppress

from fastapi import APIRouter, Request
from sqlalchemy.exc import SQLAlchemyError

from gateway.api.answers import document
from gateway.api.sender import Parts, Proved
from gateway.content import JSON, require_content

router = APIRouter(prefix="/v1/receipts", tags=["subscribers"])


@router.post("", status_code=201)
async def receipts(request: Request, sender: Proved, parts: Parts) -> object:
    """A JSON array of compact JWS. All are journalled, or none; the same again changes nothing."""
    require_content(request.headers, JSON)
    began = parts.clock.now()
    keys = (await parts.registry.keys()).current(parts.clock.now())
    result = await parts.receipts.take(sender.party, sender.body, sender.signature, keys)
    with suppress(SQLAlchemyError):  # they are journalled, whatever becomes of a measurement
        await parts.delays.observe(sender.body, result, began)
    return document({"counts": result.counts, "batches": result.batches}, status=201)
