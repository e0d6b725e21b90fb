"""`POST /v1/service-addresses`: the court's systems ask where a party was served on a day, and by which statement.

A body and no query: an identifier in a URL would stand in every proxy's log (rule P1). A party of whom nothing is known
has the same answer as one whose statements this side may not see.
"""

from typing import Annotated, Final

from fastapi import FastAPI, Request, Response
from fastapi.concurrency import run_in_threadpool
from pydantic import StringConstraints

from contracts.model import Terms
from gateway.agent.addresses import standing, where
from gateway.agent.applicant import UnreadableApplicant, read_applicant
from gateway.agent.body import Body, Day, GivenIdentifier, read_body
from gateway.agent.history import Told, told_of
from gateway.agent.parts import Parts
from gateway.agent.standing import read_ground, unknown_because
from gateway.api.answers import document
from gateway.api.bearer import check_bearer
from gateway.clock import Clock, china_date
from gateway.errors import Refused, Unavailable
from schemas.canonical import JsonObject
from schemas.catalog import SERVICE_ADDRESS
from schemas.identifiers import Identifier

FATES: Final = {"upsert": "stated", "withdrawn": "withdrawn", "drop": "dropped"}


class Question(Body):
    """Where was this party to be served on day `on` (today where it is absent)? `known_at`: as this side knew it then.
    `history` adds every version of every statement that ever came, and what became of it.
    """

    identifier: GivenIdentifier
    on: Day = None
    known_at: Annotated[str, StringConstraints(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")] | None = None
    history: bool = False


def add_address_routes(app: FastAPI, parts: Parts, clock: Clock, token: str | None) -> None:
    """The call, behind the agent's token where there is one."""

    @app.post(
        "/v1/service-addresses",
        openapi_extra={
            "requestBody": {"required": True, "content": {"application/json": {"schema": Question.model_json_schema()}}}
        },
    )
    async def service_addresses(request: Request) -> Response:
        """Where a party was to be served on a day, and by which statement."""
        if token is not None:
            check_bearer(request, token, whose="the agent's")
        question = read_body(Question, await request.body(), "question-unreadable")
        return document(await run_in_threadpool(answer, parts, clock, question))


def answer(parts: Parts, clock: Clock, question: Question) -> JsonObject:
    """Raises Refused (`applicant-unreadable`, `no-address-contract`), Unavailable (`contract-unread`)."""
    party = _party(question.identifier)
    now = clock.now()
    with parts.index.read() as view:
        found, terms = read_ground(view, parts.contract)
        told = told_of(view, parts.keyed, party)
    if terms is None:
        raise Unavailable("contract-unread", "The contract was not read yet; ask again in a moment.")
    if terms.feed != SERVICE_ADDRESS.name:
        raise Refused("no-address-contract", "This agent follows a contract on something else than addresses.")
    stand = {one.record_id: one for one in standing(told, party, question.known_at)}
    said = where(told, party, question.on or china_date(now), question.known_at)
    return {
        "contract": terms.id,
        "from": terms.provider.party,
        "unknown": unknown_because(found, terms, now),
        **said,
        "statements": [_statement(terms, stand[by]) for by in sorted(_named(said))],
        "history": [_version(terms, one) for one in sorted(told, key=_cause)] if question.history else None,
    }


def _statement(terms: Terms, one: Told) -> JsonObject:
    """A statement that the answer rests on, with its event, which `fuyuan verify` checks with public keys alone."""
    return {
        **_identity(terms, one),
        "subject": (one.record or {}).get("subject"),
        "source_updated_at": (one.record or {}).get("source_updated_at"),
        "event": one.event,
    }


def _version(terms: Terms, one: Told) -> JsonObject:
    amended = one.record is not None and one.record.get("status") == "amended"
    return {
        **_identity(terms, one),
        "became": "amended" if amended else FATES[one.kind],
        "reason": one.reason,
        "record": one.record,
        "event": one.event,
    }


def _identity(terms: Terms, one: Told) -> JsonObject:
    ref = one.ref
    return {
        "record_id": one.record_id,
        "revision": one.revision,
        "occasion": one.kept.get("occasion"),
        "number": one.kept.get("number"),
        "effective_from": one.kept.get("effective_from"),
        "effective_until": one.kept.get("effective_until"),
        "event_id": f"{terms.id}/{ref.lane}/{ref.number}",
        "cause": ref.cause,
        "leaf": ref.leaf,
        "taken_at": one.taken_at,
    }


def _named(said: object) -> set[str]:
    """Every statement that an answer names as its ground."""
    match said:
        case dict():
            own = {said["by"]} if isinstance(said.get("by"), str) else set()
            contested = said.get("contested")
            return own.union(contested if isinstance(contested, list) else (), *map(_named, said.values()))
        case list():
            return set().union(*map(_named, said))
    return set()


def _cause(one: Told) -> int:
    return one.ref.cause


def _party(asked: GivenIdentifier) -> Identifier:
    try:
        (found,) = read_applicant(None, [(asked.scheme, asked.value)]).identifiers
    except UnreadableApplicant as error:
        raise Refused("applicant-unreadable", f"{error}.") from None
    if found.masked or found.check == "fail" or found.scheme == "other":
        raise Refused(
            "applicant-unreadable", "identifier: of no kind that is known, masked, or its check does not hold."
        )
    return found
