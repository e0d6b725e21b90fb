"""`/v1/control-requests` and `/v1/control-answers`: what the court asks the police to look for, and what they answer.

An answer is acknowledged once the gateway has journalled it, and not before (rule J1). Whether it may be given is the
gateway's to say; the agent refuses by itself only what it knows to be cancelled, which may be news to the sender.
"""

from typing import Annotated, Final
from uuid import uuid4

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import Field, StringConstraints

from contracts.model import Terms
from gateway.agent.body import Body, read_body
from gateway.agent.parts import Parts
from gateway.agent.records import gone_records, is_gone, live_records, read_live
from gateway.agent.standing import read_ground, unknown_because
from gateway.api.answers import document
from gateway.api.bearer import check_bearer
from gateway.client import GatewayClient
from gateway.clock import Clock
from gateway.content import NDJSON
from gateway.errors import Refused, Unavailable
from schemas.canonical import JsonObject, canonical
from schemas.catalog import CONTROL_FEEDBACK, CONTROL_REQUEST

UNKNOWN: Final = "No such request was delivered to this agent."


class WhomToCall(Body):
    name: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    phone: Annotated[str, StringConstraints(min_length=3, max_length=32)] | None = None


class Given(Body):
    """One answer. `request` is the request's record id; `reference` the sender's own opaque number of the answer."""

    request: Annotated[str, StringConstraints(pattern="^[a-z2-7]{52}$")]
    answer: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,20}$")]
    reference: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
    occurred_at: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,40}$")] | None = None
    place: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    note: Annotated[str, StringConstraints(min_length=1, max_length=500)] | None = None
    contact: WhomToCall = Field(default_factory=WhomToCall)

    def line(self, court: str) -> JsonObject:
        """The canonical record, as a provider writes it."""
        return {
            "feed": CONTROL_FEEDBACK.name,
            "schema_version": CONTROL_FEEDBACK.schema_version,
            "status": "listed",
            "status_reason": None,
            "request": {"record_id": self.request, "from_party": court},
            "source_updated_at": None,
            **self.model_dump(exclude={"request"}),
        }


def add_control_routes(
    app: FastAPI, parts: Parts, clock: Clock, token: str | None, gateway: GatewayClient | None
) -> None:
    """The calls, behind the agent's token where there is one. Answers go out by `gateway`."""

    def admit(request: Request) -> None:
        if token is not None:
            check_bearer(request, token, whose="the agent's")

    @app.get("/v1/control-requests")
    def control_requests(request: Request) -> Response:
        """Every request that stands, and the ids of those that were taken back."""
        admit(request)
        return document(_requests(parts, clock))

    @app.post(
        "/v1/control-answers",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": Given.model_json_schema()}}}
        },
    )
    async def control_answers(request: Request) -> Response:
        """Answer one request; 200 once the gateway has journalled it."""
        admit(request)
        given = read_body(Given, await request.body(), "control-answer-unreadable")
        court = await run_in_threadpool(_asked_by, parts, given)
        if gateway is None:
            raise Unavailable("gateway-unreachable", "This agent has no line to its gateway.")
        # A fresh key each time: the answer's own number makes it one, and what was refused may be right later.
        result = await gateway.push(
            CONTROL_FEEDBACK.name, canonical(given.line(court)), NDJSON, f"answer-{uuid4().hex}"
        )
        for refused in result.quarantine:
            raise Refused(str(refused["code"]), f"The gateway does not take the answer: {refused['reason']}.")
        became = "known" if result.counts["unchanged"] else "taken"
        return document({"request": given.request, "reference": given.reference, "answer": given.answer, "is": became})


def _requests(parts: Parts, clock: Clock) -> JsonObject:
    with parts.index.read() as view:
        found, terms = read_ground(view, parts.contract)
        live = list(live_records(view, parts.keyed))
        gone = list(gone_records(view, parts.keyed))
    checked = _checked(terms)
    return {
        "contract": checked.id,
        "from": checked.provider.party,
        "unknown": unknown_because(found, checked, clock.now()),
        "requests": [
            {"event_id": f"{checked.id}/{one.ref.lane}/{one.ref.number}", "cause": one.ref.cause, "record": one.record}
            for one in live
        ],
        "cancelled": gone,
    }


def _asked_by(parts: Parts, given: Given) -> str:
    """The court whose request it is. Raises Refused (`unknown-request`, `request-cancelled`, `no-control-contract`)."""
    with parts.index.read() as view:
        _, terms = read_ground(view, parts.contract)
        known = read_live(view, parts.keyed, given.request) is not None
        gone = is_gone(view, parts.keyed, given.request)
    court = _checked(terms).provider.party
    if gone and given.answer != "released":
        raise Refused("request-cancelled", "The court has cancelled the request: lift the control, answer `released`.")
    if not known and not gone:
        raise Refused("unknown-request", UNKNOWN)
    return court


def _checked(terms: Terms | None) -> Terms:
    if terms is None:
        raise Unavailable("contract-unread", "The contract was not read yet; ask again in a moment.")
    if terms.feed != CONTROL_REQUEST.name:
        raise Refused("no-control-contract", "This agent follows a contract on something else than control requests.")
    return terms
