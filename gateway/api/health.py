"""For operators: is it up, is it caught up, and how far is each lane."""

from fastapi import APIRouter, Request, Response

from gateway.api.answers import document
from gateway.api.bearer import check_bearer
from gateway.api.sender import Parts
from gateway.metrics import CONTENT_TYPE
from gateway.readiness import check_ready

router = APIRouter(tags=["operators"])


@router.get("/healthz")
async def healthz() -> object:
    return document({"status": "up"})


@router.get("/readyz")
async def readyz(parts: Parts) -> object:
    """200 where the journal answers and every lane is caught up; else a problem document that says what is not."""
    reading = await check_ready(parts)
    return document({"status": "ready", "leaves": reading.leaves, "positions": reading.positions})


@router.get("/metrics")
async def metrics(request: Request, parts: Parts) -> Response:
    """For Prometheus, with the operators' bearer token: contract ids and how they fare are not public."""
    check_bearer(request, request.app.state.metrics_token, whose="the operators'")
    return Response(await parts.metrics.render(), media_type=CONTENT_TYPE)
