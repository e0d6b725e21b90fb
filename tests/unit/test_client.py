"""The typed client, against an application that checks each request as the gateway does."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field

import httpx
import pytest
from fastapi import FastAPI, Request

from gateway.api.problems import install_problems
from gateway.client import GatewayClient, GatewayProblem
from gateway.clock import ManualClock
from gateway.errors import Conflict, Unavailable
from gateway.retry import Patience
from gateway.trust.http_signature import verify_request
from gateway.trust.keys import PublicKey, SigningKey
from schemas.canonical import JsonObject

KEY = SigningKey.generate("court-a", ManualClock().now())
AUDIENCE = "fuyuan-test"
QUICK = Patience(attempts=4, first_seconds=0.001, longest_seconds=0.002)


@dataclass
class Gateway:
    """Verifies every request, keeps what it saw, and answers as told."""

    answer: Callable[[], JsonObject]
    seen: list[Request] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)

    async def find(self, kid: str) -> PublicKey | None:
        return KEY.public() if kid == KEY.kid else None

    async def remember(self, _: str, nonce: str, __: object) -> bool:
        fresh = nonce not in self.nonces
        self.nonces.add(nonce)
        return fresh

    async def take(self, request: Request) -> JsonObject:
        body = await request.body()
        await verify_request(
            method=request.method,
            path=request.scope["raw_path"].decode("ascii"),
            query=request.scope["query_string"].decode("ascii"),
            headers=request.headers,
            body=body,
            keys=self,
            audience=AUDIENCE,
            clock=ManualClock(),
            remember=self.remember,
        )
        self.seen.append(request)
        self.bodies.append(body)
        return self.answer()

    def client(self) -> GatewayClient:
        app = FastAPI()
        install_problems(app, max_body_bytes=1024)
        app.add_api_route("/{path:path}", self.take, methods=["GET", "POST"], response_model=None)
        transport = httpx.ASGITransport(app=app)
        return GatewayClient("http://gateway.test", KEY, AUDIENCE, ManualClock(), transport, patience=QUICK)


@pytest.fixture
def gateway() -> Gateway:
    return Gateway(lambda: {"batches": [], "counts": {"listed": 1}, "quarantine": []})


@pytest.fixture
async def client(gateway: Gateway) -> AsyncIterator[GatewayClient]:
    async with gateway.client() as client:
        yield client


async def test_push_is_signed_and_carries_its_key(gateway: Gateway, client: GatewayClient) -> None:
    result = await client.push("dishonest-debtor", b"[]", "application/json", "push-0001", relist=True)
    assert result.counts == {"listed": 1}
    request = gateway.seen[0]
    assert str(request.url) == "http://gateway.test/v1/feeds/dishonest-debtor/batches?mode=delta&relist=true"
    assert request.headers["idempotency-key"] == "push-0001"
    assert request.headers["content-type"] == "application/json"
    assert gateway.bodies == [b"[]"]


async def test_each_withdrawal_has_a_key_of_its_own(gateway: Gateway, client: GatewayClient) -> None:
    """A record that was listed again must be withdrawn again by the same words."""
    withdrawal: JsonObject = {"case_number": "（2019）皖1122执3591号", "name": "某", "status_reason": "performed"}
    await client.withdraw("dishonest-debtor", withdrawal)
    await client.withdraw("dishonest-debtor", withdrawal)
    first, second = (request.headers["idempotency-key"] for request in gateway.seen)
    assert first != second
    assert "（2019）皖1122执3591号".encode() in gateway.bodies[0]


async def test_p1_a_path_segment_cannot_reach_another_route(gateway: Gateway, client: GatewayClient) -> None:
    gateway.answer = lambda: {"contract": {"terms": {}}}
    assert await client.contract("../admin?x=1#y") == {"terms": {}}
    assert gateway.seen[0].scope["raw_path"] == b"/v1/contracts/..%2Fadmin%3Fx%3D1%23y"


async def test_reads(gateway: Gateway, client: GatewayClient) -> None:
    gateway.answer = lambda: {
        "events": [{"number": 1}],
        "next": "c2",
        "heads": "jws",
        "checkpoint": "jws",
        "feeds": ["a"],
    }
    page = await client.events("c-1", "c1", 10, 0.5)
    assert (page.events, page.next, page.heads) == ([{"number": 1}], "c2", "jws")
    assert await client.checkpoint() == "jws"
    assert await client.feeds() == ["a"]
    assert (await client.inclusion(1, 2))["next"] == "c2"
    assert (await client.consistency(1, 2))["next"] == "c2"
    assert (await client.keys())["next"] == "c2"
    assert [request.url.path + "?" + request.url.query for request in gateway.seen] == [
        "/v1/contracts/c-1/events?limit=10&wait=0.5&after=c1",
        "/v1/log/checkpoint?",
        "/v1/feeds?",
        "/v1/log/inclusion?leaf=1&size=2",
        "/v1/log/consistency?first=1&second=2",
        "/.well-known/jwks.json?",
    ]


async def test_receipts_go_as_one_array(gateway: Gateway, client: GatewayClient) -> None:
    assert (await client.send_receipts(["a.b.c"])).counts == {"listed": 1}
    assert gateway.bodies == [b'["a.b.c"]']


async def test_a_refusal_comes_back_as_its_problem_and_is_not_tried_again(
    gateway: Gateway, client: GatewayClient
) -> None:
    def refuse() -> JsonObject:
        raise Conflict("key-reused", "That key was used for another body.")

    gateway.answer = refuse
    with pytest.raises(GatewayProblem) as caught:
        await client.checkpoint()
    problem = caught.value
    assert (problem.status, problem.code, problem.detail) == (409, "key-reused", "That key was used for another body.")
    assert len(problem.error_id) == 16
    assert len(gateway.seen) == 1


async def test_503_is_tried_again_under_a_fresh_signature(gateway: Gateway, client: GatewayClient) -> None:
    def busy_twice() -> JsonObject:
        if len(gateway.seen) < 3:
            raise Unavailable("journal-busy", "Again in a moment.")
        return {"checkpoint": "jws"}

    gateway.answer = busy_twice
    assert await client.checkpoint() == "jws"
    assert len(gateway.nonces) == 3


async def test_503_is_given_up_after_the_last_attempt(gateway: Gateway, client: GatewayClient) -> None:
    def busy() -> JsonObject:
        raise Unavailable("journal-busy", "Again in a moment.")

    gateway.answer = busy
    with pytest.raises(GatewayProblem) as caught:
        await client.push("dishonest-debtor", b"[]", "application/json", "push-0001")
    assert caught.value.code == "journal-busy"
    assert len(gateway.seen) == QUICK.attempts


async def test_an_unreachable_gateway_is_unavailable_after_some_attempts() -> None:
    attempts = []

    def unreachable(request: httpx.Request) -> httpx.Response:
        attempts.append(request)
        raise httpx.ConnectError("no route to 10.0.0.1")

    transport = httpx.MockTransport(unreachable)
    async with GatewayClient("http://gateway.test", KEY, AUDIENCE, ManualClock(), transport, patience=QUICK) as client:
        with pytest.raises(Unavailable) as caught:
            await client.checkpoint()
    assert caught.value.code == "gateway-unreachable"
    assert "10.0.0.1" not in caught.value.detail
    assert len(attempts) == QUICK.attempts


@pytest.mark.parametrize(
    ("response", "status", "attempts"),
    [
        (httpx.Response(502, html="<h1>bad gateway</h1>"), 502, 4),
        (httpx.Response(403, html="<h1>blocked</h1>"), 403, 1),
        (httpx.Response(302, headers={"location": "http://elsewhere.test/"}), 302, 1),
        (httpx.Response(200, html="<h1>log in</h1>"), 502, 4),
        (httpx.Response(200, json=["an array"]), 502, 4),
        (httpx.Response(200, json={"checkpoint": 1}), 502, 1),
        (httpx.Response(200, json={}), 502, 1),
    ],
)
async def test_an_answer_that_no_gateway_wrote(response: httpx.Response, status: int, attempts: int) -> None:
    seen = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return response

    transport = httpx.MockTransport(answer)
    async with GatewayClient("http://gateway.test", KEY, AUDIENCE, ManualClock(), transport, patience=QUICK) as client:
        with pytest.raises(GatewayProblem) as caught:
            await client.checkpoint()
    assert (caught.value.code, caught.value.status, len(seen)) == ("answer-unreadable", status, attempts)


async def test_p2_a_wrong_audience_is_told(gateway: Gateway) -> None:
    app = gateway.client()._http._transport
    async with GatewayClient("http://gateway.test", KEY, "another", ManualClock(), app) as client:
        with pytest.raises(GatewayProblem) as caught:
            await client.checkpoint()
    assert (caught.value.status, caught.value.code) == (401, "audience-wrong")


async def test_no_proxy_is_taken_from_the_environment(gateway: Gateway, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALL_PROXY", "http://proxy.test:3128")
    async with GatewayClient("http://gateway.test", KEY, AUDIENCE, ManualClock()) as client:
        assert not client._http._mounts
