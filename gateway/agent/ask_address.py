"""`fuyuan address`: the question to the court's own agent, from a terminal."""

from pathlib import Path

from gateway.agent.ask import ask
from gateway.errors import BadRequest
from schemas.canonical import JsonObject
from schemas.identifiers import read_identifier


def ask_address(
    agent: str, token_file: Path | None, identifier: str, *, on: str | None, known_at: str | None, history: bool
) -> JsonObject:
    """The agent's answer. Raises FuyuanError with the agent's own code, Unavailable (`agent-unreachable`)."""
    question: JsonObject = {
        "identifier": _identifier(identifier),
        "on": on,
        "known_at": known_at,
        "history": history,
    }
    return ask(agent, token_file, "POST", "/v1/service-addresses", question)


def _identifier(text: str) -> JsonObject:
    try:
        found = read_identifier(text)
    except ValueError:
        found = None
    if found is None:
        raise BadRequest("question-unreadable", "Give an identifier as it is printed, or - to read it from stdin.")
    return {"scheme": found.scheme, "value": found.value}
