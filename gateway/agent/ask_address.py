"""`fuyuan address`: the question to the court's own agent, from a terminal."""

from pathlib import Path

import httpx
import orjson

from gateway.api.bearer import read_token
from gateway.errors import BadRequest, FuyuanError, Unavailable
from schemas.canonical import JsonObject
from schemas.identifiers import read_identifier

TIMEOUT_SECONDS = 30.0


def ask_address(
    agent: str, token_file: Path | None, identifier: str, *, on: str | None, known_at: str | None, history: bool
) -> JsonObject:
    """The agent's answer. Raises FuyuanError with the agent's own code, Unavailable (`agent-unreachable`)."""
    question = {"identifier": _identifier(identifier), "on": on, "known_at": known_at, "history": history}
    headers = {} if token_file is None else {"authorization": f"Bearer {read_token(token_file)}"}
    try:
        # The agent is asked directly: an identifier goes through no proxy that the environment names.
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as http:
            response = http.post(f"{agent}/v1/service-addresses", json=question, headers=headers)
    except httpx.HTTPError as error:
        raise Unavailable("agent-unreachable", f"The agent does not answer ({type(error).__name__}).") from None
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise Unavailable("agent-unreachable", "What answers there is no agent.")
    if response.status_code != httpx.codes.OK:
        raise FuyuanError(str(found.get("code", "agent-refused")), str(found.get("detail", "The agent refused.")))
    return found


def show(answer: JsonObject) -> str:
    """The answer as a person reads it."""
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


def _identifier(text: str) -> JsonObject:
    try:
        found = read_identifier(text)
    except ValueError:
        found = None
    if found is None:
        raise BadRequest("question-unreadable", "Give an identifier as it is printed, or - to read it from stdin.")
    return {"scheme": found.scheme, "value": found.value}
