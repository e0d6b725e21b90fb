"""The screening service: the agency's own systems ask, on loopback by default, whether an application may go on.

One request is one JSON object, many are NDJSON, answered line by line in the same order. Nothing is done for a body of
which any line cannot be read.
"""

import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Annotated, Final

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, StringConstraints

from gateway.agent.address_service import add_address_routes
from gateway.agent.applicant import UnreadableApplicant
from gateway.agent.body import Body, Day, GivenIdentifier, read_body
from gateway.agent.control_service import add_control_routes
from gateway.agent.feedback_service import add_feedback_routes
from gateway.agent.metrics import AgentMetrics
from gateway.agent.parts import Parts
from gateway.agent.screen import Request as Asked
from gateway.agent.screen import Screener
from gateway.agent.status import read_status
from gateway.api.answers import document
from gateway.api.bearer import check_bearer, read_token
from gateway.api.problems import install_problems
from gateway.client import GatewayClient
from gateway.clock import Clock
from gateway.errors import BadRequest, FuyuanError, Refused, Unavailable, WrongType
from gateway.metrics import CONTENT_TYPE
from schemas.canonical import JsonObject, canonical
from schemas.feedback import is_identity_number

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
MOST_LINES: Final = 10_000
NDJSON: Final = "application/x-ndjson"

Background = Callable[[], AbstractAsyncContextManager[None]]


class Screening(Body):
    """One application. `reference` is the agency's own opaque number for it: it makes the call idempotent and goes
    into receipts, so it must never be a name or an identity number. `keep` keeps a `clear` answer too.
    """

    reference: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
    action: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,63}$")]
    name: Annotated[str, StringConstraints(max_length=200)] | None = None
    identifiers: Annotated[list[GivenIdentifier], Field(max_length=10)] = Field(default_factory=list)
    birth_date: Day = None
    keep: bool = False

    def asked(self) -> Asked:
        pairs = tuple((one.scheme, one.value) for one in self.identifiers)
        return Asked(self.reference, self.action, self.name, pairs, self.birth_date, self.keep)


def create_screening_app(
    parts: Parts,
    clock: Clock,
    *,
    gateway: GatewayClient | None = None,
    background: Background | None = None,
    token_file: Path | None = None,
) -> FastAPI:
    """The application; `background` runs beside it (the follower's keeper), answers of the police go out by `gateway`.
    Where there is a token, all but the health checks ask for it.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            if background is None:
                yield
            else:
                async with background():
                    yield
        finally:
            if gateway is not None:
                await gateway.close()
            parts.index.close()

    app = FastAPI(title="fuyuan agent", summary="Screening against the court's list", lifespan=lifespan, redoc_url=None)
    metrics = AgentMetrics(parts.contract, lambda: read_status(parts, clock))
    install_problems(app, max_body_bytes=MAX_BODY_BYTES, count=metrics.count_request)
    screener = Screener(parts.index, parts.scribe, clock, parts.kill_switch)
    token = None if token_file is None else read_token(token_file)
    _add_routes(app, parts, clock, screener, metrics, token)
    add_address_routes(app, parts, clock, token)
    add_control_routes(app, parts, clock, token, gateway)
    add_feedback_routes(app, parts, token)
    return app


def _add_routes(
    app: FastAPI, parts: Parts, clock: Clock, screener: Screener, metrics: AgentMetrics, token: str | None
) -> None:
    def admit(request: Request) -> None:
        if token is not None:
            check_bearer(request, token, whose="the agent's")

    def screen(asked: Asked) -> JsonObject:
        began = time.perf_counter()
        answer = _screen(screener, asked)
        metrics.count_decision(str(answer["decision"]), time.perf_counter() - began)
        return answer

    @app.post(
        "/v1/screenings",
        openapi_extra={
            "requestBody": {
                "required": True,
                "content": {"application/json": {"schema": Screening.model_json_schema()}},
            }
        },
    )
    async def screenings(request: Request) -> Response:
        """A decision on one application, or on each of many."""
        admit(request)
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind == "application/json":
            asked = _read(await request.body(), 1).asked()
            return document(await run_in_threadpool(screen, asked))
        if kind == NDJSON:
            many = _read_lines(await request.body())
            answers = await run_in_threadpool(lambda: b"".join(_answer_all(screen, many)))
            return Response(answers, media_type=NDJSON)
        raise WrongType("content-type", f"Send application/json or {NDJSON}.")

    @app.get("/healthz")
    async def healthz() -> Response:
        return document({"status": "up"})

    @app.get("/readyz")
    def readyz() -> Response:
        """200 where the list is complete and fresh, so that decisions can be made on it, and has caught up."""
        status = read_status(parts, clock)
        if status.unknown is not None:
            said = "No decision can be made on the list as it stands; GET /v1/status says more."
            raise Unavailable(status.unknown, said)
        if status.lagging:
            raise Unavailable("list-behind", "The list has not caught up; decisions are made until its lease is over.")
        return document({"status": "ready"})

    @app.get("/v1/status")
    def status(request: Request) -> Response:
        admit(request)
        return document(read_status(parts, clock).document())

    @app.get("/metrics")
    def render_metrics(request: Request) -> Response:
        """For Prometheus, behind the same token as the rest."""
        admit(request)
        return Response(metrics.render(), media_type=CONTENT_TYPE)


def _screen(screener: Screener, asked: Asked) -> JsonObject:
    try:
        return screener.screen(asked)
    except UnreadableApplicant as error:
        raise Refused("applicant-unreadable", f"{error}.") from None


def _answer_all(screen: Callable[[Asked], JsonObject], many: list[Asked]) -> Iterator[bytes]:
    """One line for each request; a problem in one does not stop the others."""
    for asked in many:
        try:
            answer = screen(asked)
        except FuyuanError as error:
            problem: JsonObject = {"status": error.status, "code": error.code, "detail": error.detail}
            answer = {"reference": asked.reference, "problem": problem}
        yield canonical(answer) + b"\n"


def _read_lines(body: bytes) -> list[Asked]:
    lines = body.split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    if not 0 < len(lines) <= MOST_LINES:
        raise BadRequest("screening-unreadable", f"Send between 1 and {MOST_LINES} lines.")
    return [_read(line, number).asked() for number, line in enumerate(lines, start=1)]


def _read(data: bytes, line: int) -> Screening:
    found = read_body(Screening, data, "screening-unreadable", line)
    if is_identity_number(found.reference):
        raise Refused("reference-personal", f"Line {line}: the reference is an identity number; it goes into receipts.")
    return found
