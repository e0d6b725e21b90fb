"""One call to an agent on behalf of a command, and its answer."""

from pathlib import Path

import httpx
import orjson

from gateway.api.bearer import read_token
from gateway.errors import FuyuanError, Unavailable
from gateway.settings import Settings
from schemas.canonical import JsonObject

TIMEOUT_SECONDS = 60.0  # an agent may have to ask its gateway first


def agent_url(given: str | None, settings: Settings) -> str:
    """Where a command finds the agent: where it is told, else where an agent of these settings listens."""
    return given or f"http://{settings.agent_host}:{settings.agent_port}"


def ask(agent: str, token_file: Path | None, method: str, path: str, body: JsonObject | None = None) -> JsonObject:
    """The agent's answer. Raises FuyuanError with the agent's own code, Unavailable (`agent-unreachable`)."""
    headers = {} if token_file is None else {"authorization": f"Bearer {read_token(token_file)}"}
    try:
        # The agent is asked directly: an identifier goes through no proxy that the environment names.
        with httpx.Client(trust_env=False, timeout=TIMEOUT_SECONDS) as http:
            response = http.request(method, f"{agent}{path}", json=body, headers=headers)
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
