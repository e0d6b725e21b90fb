"""`/v1/feedback` and `/v1/holds`: what the agency says of a record that it got, and what is held, for which records."""

from typing import Annotated

from fastapi import FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import StringConstraints

from gateway.agent.applicant import Keyed
from gateway.agent.body import Body, read_body
from gateway.agent.feedback import Given, say
from gateway.agent.holds import LONGEST_ROW, Hold, holds_on
from gateway.agent.index import View
from gateway.agent.marks import newest
from gateway.agent.parts import Parts
from gateway.agent.records import read_live
from gateway.api.answers import document
from gateway.api.bearer import check_bearer
from gateway.errors import BadRequest, Refused
from schemas.canonical import JsonObject
from schemas.feedback import REASONS, Answer, is_identity_number, may_have_row


class Feedback(Body):
    """`record` is the record's id, `reference` the agency's own opaque number of what it says. `row` is what is held
    for the record, where only its identity is disputed: a row of the register, or the reference of a screening.
    """

    record: Annotated[str, StringConstraints(pattern="^[a-z2-7]{52}$")]
    answer: Answer
    reference: Annotated[str, StringConstraints(pattern=r"^[!-~]{1,128}$")]
    reason: Annotated[str, StringConstraints(pattern=r"^[a-z-]{1,40}$")] | None = None
    row: Annotated[str, StringConstraints(min_length=1, max_length=LONGEST_ROW)] | None = None

    def given(self) -> Given:
        """Raises Refused (`reference-personal`, `unknown-reason`), BadRequest (`feedback-unreadable`)."""
        if is_identity_number(self.reference):
            raise Refused("reference-personal", "The reference is an identity number; it goes into receipts.")
        reasons = REASONS[self.answer]
        if self.reason not in reasons:
            known = ", ".join(sorted(filter(None, reasons))) or "none"
            raise Refused("unknown-reason", f"The reasons of `{self.answer}` are: {known}.")
        if self.row is not None and not may_have_row(self.answer, self.reason):
            raise BadRequest("feedback-unreadable", "A row stands with `not-this-person`, or to take that back.")
        return Given(self.record, self.answer, self.reason, self.row, self.reference)


def add_feedback_routes(app: FastAPI, parts: Parts, token: str | None) -> None:
    """The calls, behind the agent's token where there is one. The follower sends the receipts."""

    def admit(request: Request) -> None:
        if token is not None:
            check_bearer(request, token, whose="the agent's")

    @app.post(
        "/v1/feedback",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": Feedback.model_json_schema()}}}
        },
    )
    async def feedback(request: Request) -> Response:
        """Accept, reject or dispute one record; 200 once it is kept, and will be sent whatever happens."""
        admit(request)
        given = read_body(Feedback, await request.body(), "feedback-unreadable").given()
        return document(await run_in_threadpool(_say, parts, given))

    @app.get("/v1/holds")
    def holds(request: Request, row: Annotated[str, Query(min_length=1, max_length=LONGEST_ROW)]) -> Response:
        """What is held on a row of the register, or for a screening's reference, and for which records."""
        admit(request)
        with parts.index.read() as view:
            found = [_shown(view, parts.keyed, parts.contract, hold) for hold in holds_on(view, row)]
        return document({"contract": parts.contract, "row": row, "holds": found})


def _say(parts: Parts, given: Given) -> JsonObject:
    said, is_new = parts.index.write(lambda change: say(change, parts.scribe, parts.keyed, given))
    return {
        "record": said.record_id,
        "answer": said.answer,
        "reason": said.reason,
        "row": said.row,
        "reference": said.reference,
        "at": said.at,
        "is": "taken" if is_new else "known",
    }


def _shown(view: View, keyed: Keyed, contract: str, hold: Hold) -> JsonObject:
    live = [read_live(view, keyed, record_id) for where, record_id in hold.supports if where == contract]
    records = []
    for one in live:
        if one is not None:
            said, case = newest(view, keyed, one), one.record.get("case")
            words = ("answer", "reason", "reference", "at")
            records.append(
                {
                    "record": one.record_id,
                    "case": case.get("number") if isinstance(case, dict) else None,
                    "said": None if said is None else {name: getattr(said, name) for name in words},
                }
            )
    return {"kind": hold.kind, "measure": hold.measure, "records": records}
