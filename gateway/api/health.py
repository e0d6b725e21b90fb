"""For operators: is it up, and does it stand at the journal's end."""

from fastapi import APIRouter

from gateway.api.answers import document
from gateway.api.sender import Parts

router = APIRouter(tags=["operators"])


@router.get("/healthz")
async def healthz() -> object:
    return document({"status": "up"})


@router.get("/readyz")
async def readyz(parts: Parts) -> object:
    """200 where the journal answers; the router's own backlog does not make the gateway unready to take records."""
    head = await parts.tree_head()
    return document({"status": "ready", "leaves": head.size, "positions": head.positions})
