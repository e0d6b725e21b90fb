"""Errors as problem details (RFC 9457), the body limit, and one redacted log line for each request (rule P1)."""

import io
import json
from collections.abc import AsyncIterator
from typing import Annotated

import httpx
import pytest
import structlog
from fastapi import FastAPI, Query, Request
from pydantic import BaseModel, ConfigDict

from gateway.api.problems import install_problems
from gateway.errors import FuyuanError, NotFound, Unauthenticated, Unavailable

NAME = "欧阳测试"
ID_NUMBER = "110101199003070038"
LIMIT = 2048


class Screening(BaseModel):
    model_config = ConfigDict(extra="forbid")
    reference: int


def application() -> FastAPI:
    app = FastAPI()
    install_problems(app, max_body_bytes=LIMIT)

    @app.get("/known/{name}")
    async def known(name: str) -> None:
        raise NotFound("unknown-contract", "No such contract.")

    @app.get("/unproved")
    async def unproved() -> None:
        raise Unauthenticated("signature-missing", "Sign it.")

    @app.get("/busy")
    async def busy() -> None:
        raise Unavailable("journal-busy", "Later.")

    @app.get("/bug/{name}")
    async def bug(name: str) -> None:
        raise RuntimeError(f"no such debtor: {name} {ID_NUMBER}")

    @app.get("/count")
    async def count(number: Annotated[int, Query(ge=0)], request: Request) -> dict[str, str]:
        structlog.contextvars.bind_contextvars(party="court-a")
        return {"error_id": request.state.error_id}

    @app.post("/bodies")
    async def bodies(request: Request) -> int:
        return len(await request.body())

    @app.post("/screenings")
    async def screenings(screening: Screening) -> int:
        return screening.reference

    return app


@pytest.fixture
async def http(log_lines: io.StringIO) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=application())
    async with httpx.AsyncClient(base_url="http://gateway.test", transport=transport) as client:
        yield client


def check(response: httpx.Response, status: int, code: str) -> dict[str, object]:
    """The answer is a whole problem document, tied to the response header."""
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert set(document) == {"type", "title", "status", "code", "detail", "error_id"}
    assert (response.status_code, document["status"], document["code"]) == (status, status, code)
    assert document["type"] == f"urn:fuyuan:problem:{code}"
    assert response.headers.get_list("request-id") == [document["error_id"]]
    return document


def logged(stream: io.StringIO) -> list[dict[str, object]]:
    """Our own lines. On a busy machine asyncio's debug mode adds one of its own about a slow callback."""
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    return [line for line in lines if line.get("library") != "asyncio"]


async def test_a_known_error_keeps_its_code(http: httpx.AsyncClient, log_lines: io.StringIO) -> None:
    document = check(await http.get(f"/known/{NAME}"), 404, "unknown-contract")
    assert document["detail"] == "No such contract."
    assert logged(log_lines)[-1] | {"ms": 0, "timestamp": ""} == {
        "event": "request", "level": "info", "method": "GET", "route": "/known/{name}", "status": 404, "ms": 0,
        "code": "unknown-contract", "error_id": document["error_id"], "timestamp": "",
    }  # fmt: skip


async def test_p1_an_unexpected_error_says_nothing_of_itself(http: httpx.AsyncClient, log_lines: io.StringIO) -> None:
    response = await http.get(f"/bug/{NAME}?id={ID_NUMBER}")
    document = check(response, 500, "internal")
    written = response.text + log_lines.getvalue()
    assert NAME not in written
    assert ID_NUMBER not in written
    assert "debtor" not in written
    unexpected, request = logged(log_lines)
    assert unexpected["error"] == "RuntimeError"
    assert any(str(frame).startswith("api/test_problems.py:") for frame in unexpected["frames"])
    assert unexpected["error_id"] == request["error_id"] == document["error_id"]


async def test_p1_a_validation_error_names_places_and_never_values(http: httpx.AsyncClient) -> None:
    document = check(await http.get("/count", params={"number": NAME}), 400, "request-invalid")
    assert document["detail"] == "Missing or wrong: query number."
    body = {"reference": NAME, ID_NUMBER: 1}
    document = check(await http.post("/screenings", json=body), 400, "request-invalid")
    assert document["detail"] == "Missing or wrong: body."


async def test_the_framework_s_own_refusals_are_problems_too(http: httpx.AsyncClient, log_lines: io.StringIO) -> None:
    check(await http.get(f"/nowhere/{NAME}"), 404, "not-found")
    assert logged(log_lines)[-1]["route"] == "none"
    response = await http.delete("/count")
    check(response, 405, "method-not-allowed")
    assert response.headers["allow"] == "GET"


async def test_headers_that_a_status_asks_for(http: httpx.AsyncClient) -> None:
    assert (await http.get("/unproved")).headers["www-authenticate"] == "Signature"
    assert (await http.get("/busy")).headers["retry-after"] == "1"


@pytest.mark.parametrize("path", ["/bodies", "/screenings"])
async def test_a_body_past_the_limit_is_refused_by_its_length(http: httpx.AsyncClient, path: str) -> None:
    headers = {"content-type": "application/json"}
    check(await http.post(path, content=b"x" * (LIMIT + 1), headers=headers), 413, "body-too-large")


@pytest.mark.parametrize("path", ["/bodies", "/screenings"])
async def test_a_body_past_the_limit_is_refused_while_it_streams(http: httpx.AsyncClient, path: str) -> None:
    sent = 0

    async def stream() -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1
            yield b"x" * 100

    headers = {"content-type": "application/json"}
    check(await http.post(path, content=stream(), headers=headers), 413, "body-too-large")
    assert sent == LIMIT // 100 + 1


async def test_a_body_of_the_limit_passes(http: httpx.AsyncClient) -> None:
    assert (await http.post("/bodies", content=b"x" * LIMIT)).json() == LIMIT


async def test_the_log_line_names_the_party_and_nothing_stays_behind(
    http: httpx.AsyncClient, log_lines: io.StringIO
) -> None:
    first = await http.get("/count", params={"number": 1})
    second = await http.get("/known/x")
    assert first.json()["error_id"] == first.headers["request-id"] != second.headers["request-id"]
    one, two = logged(log_lines)
    assert one["party"] == "court-a"
    assert "party" not in two
    assert structlog.contextvars.get_contextvars() == {}


def test_every_error_of_the_tree_has_a_status_and_a_title() -> None:
    kinds = FuyuanError.__subclasses__()
    assert len(kinds) >= 9
    assert all(400 <= kind.status < 600 and kind.title for kind in kinds if kind.__module__ == "gateway.errors")
