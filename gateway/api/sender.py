"""Who sent this request: the signature is checked before anything of the body is read (rule P2)."""

from dataclasses import dataclass
from typing import Annotated, cast

import structlog
from fastapi import Depends, Request
from opentelemetry.trace import get_current_span

from gateway.running import Running
from gateway.trace import note
from gateway.trust.http_signature import verify_request


@dataclass(frozen=True, slots=True)
class Sender:
    """A proved party and the body it signed. `signature` is the request's own, for the commitment of S5."""

    party: str
    body: bytes
    signature: bytes


def running(request: Request) -> Running:
    return cast("Running", request.app.state.running)


async def sender(request: Request, parts: Annotated[Running, Depends(running)]) -> Sender:
    """Raises Unauthenticated with the code of what is wrong."""
    # latin-1 reads any byte: what is not ASCII then fails as a signature, and not as a bug of ours.
    verified = await verify_request(
        method=request.method,
        path=request.scope["raw_path"].decode("latin-1"),
        query=request.scope["query_string"].decode("latin-1"),
        headers=request.headers,
        body=request.body,
        keys=parts.registry,
        audience=parts.settings.audience,
        clock=parts.clock,
        skew_seconds=parts.settings.signature_skew_seconds,
        remember=parts.nonces.remember,
    )
    structlog.contextvars.bind_contextvars(party=verified.party)
    note(get_current_span(), party=verified.party)
    return Sender(verified.party, await request.body(), request.headers["signature"].encode("latin-1"))


Proved = Annotated[Sender, Depends(sender)]
Parts = Annotated[Running, Depends(running)]
