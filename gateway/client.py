"""The typed client of the gateway's HTTP face: every request signed (rule P2), every answer checked for its shape.

Every call here may be sent twice: reads, and writes that carry an idempotency key or are idempotent by content. So all
are tried again, each time with a fresh signature, while the gateway cannot be reached.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self
from urllib.parse import quote
from uuid import uuid4

import httpx
import orjson
from opentelemetry.trace import SpanKind

from gateway import trace
from gateway.clock import Clock
from gateway.errors import FuyuanError, Unavailable
from gateway.problem import MEDIA_TYPE
from gateway.retry import Patience, retrying
from gateway.trust.documents import Lane
from gateway.trust.http_signature import FIELDS_IF_PRESENT, sign_request
from gateway.trust.keys import Signer
from schemas.canonical import JsonObject, JsonValue, canonical, canonical_any

TIMEOUT_SECONDS = 30.0


class GatewayProblem(FuyuanError):
    """The gateway said no: its problem document. `error_id` finds the lines in its log."""

    title = "The gateway refused"

    def __init__(self, status: int, code: str, detail: str, error_id: str) -> None:
        super().__init__(code, detail)
        self.status = status
        self.error_id = error_id


@dataclass(frozen=True, slots=True)
class PushResult:
    """`counts` by listed, amended, unchanged, withdrawn, quarantined, unmatched; `batches` holds the sealed headers."""

    batches: list[JsonObject]
    counts: dict[str, int]
    quarantine: list[JsonObject]


@dataclass(frozen=True, slots=True)
class EventPage:
    """`next` is the cursor behind the events, `heads` the signed heartbeat (a compact JWS, rule D11)."""

    events: list[JsonObject]
    next: str
    heads: str


@dataclass(frozen=True, slots=True)
class ReceiptResult:
    counts: dict[str, int]
    batches: list[JsonObject]


class GatewayClient:
    """One party's connection to one gateway. Use as `async with`, or call `close`.

    Each call raises GatewayProblem where the gateway refuses (`answer-unreadable` where something else answered), and
    Unavailable (`gateway-unreachable`) where nothing answers.
    """

    def __init__(
        self,
        base_url: str,
        key: Signer,
        audience: str,
        clock: Clock,
        transport: httpx.AsyncBaseTransport | None = None,
        *,
        patience: Patience = Patience(),  # noqa: B008 - frozen
    ) -> None:
        self._key = key
        self._audience = audience
        self._clock = clock
        self._patience = patience
        # trust_env: a proxy named in the environment must not see loopback traffic.
        self._http = httpx.AsyncClient(
            base_url=base_url, transport=transport, timeout=TIMEOUT_SECONDS, trust_env=False, follow_redirects=False
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        await self._http.aclose()

    async def push(
        self,
        feed: str,
        body: bytes,
        content_type: str,
        idempotency_key: str,
        *,
        relist: bool = False,
    ) -> PushResult:
        """Send a batch of records as a provider. `relist` lists records again that were withdrawn (rule J4)."""
        query = {"mode": "delta"} | ({"relist": "true"} if relist else {})
        path = f"/v1/feeds/{_segment(feed)}/batches"
        return read_pushed(await self._post(path, body, content_type, idempotency_key, query))

    async def withdraw(
        self, feed: str, withdrawal: "JsonObject | Sequence[JsonObject]", idempotency_key: str | None = None
    ) -> PushResult:
        """Withdraw by `record_id`, or by `case_number` and `name`, with a `status_reason`; one or many.

        The default key is fresh for each call, so that a record listed again can be withdrawn again in the same words.
        """
        path = f"/v1/feeds/{_segment(feed)}/withdrawals"
        key = idempotency_key or f"withdraw-{uuid4().hex}"
        return read_pushed(await self._post(path, canonical_any(withdrawal), "application/json", key))

    async def feeds(self) -> list[str]:
        """The feeds this party may push to."""
        return [feed for feed in _list(await self._get("/v1/feeds"), "feeds") if isinstance(feed, str)]

    async def events(
        self, contract: str, after: "str | Mapping[Lane, int]" = "", limit: int = 500, wait: float = 0
    ) -> EventPage:
        """The events behind `after`, waiting up to `wait` seconds where there are none yet.

        `after` is the cursor of the page before, or the last number that is known of each lane.
        """
        query = {"limit": str(limit), "wait": f"{wait:g}"}
        if isinstance(after, Mapping):
            query |= {lane: str(number) for lane, number in after.items()}
        elif after:
            query["after"] = after
        page = await self._get(f"/v1/contracts/{_segment(contract)}/events", query, wait=wait)
        return EventPage(_objects(page, "events"), _text(page, "next"), _text(page, "heads"))

    async def contract(self, contract: str) -> JsonObject:
        """The signed contract in force: `terms` and `signatures`."""
        return _member(await self._get(f"/v1/contracts/{_segment(contract)}"), "contract")

    async def send_receipts(self, receipts: Sequence[str]) -> ReceiptResult:
        """Hand in signed receipts (compact JWS). All are journalled, or none; the same again changes nothing."""
        answer = await self._post("/v1/receipts", canonical(list(receipts)), "application/json")
        return ReceiptResult(_counts(answer), _objects(answer, "batches"))

    async def checkpoint(self) -> str:
        """The newest signed checkpoint (a compact JWS)."""
        return _text(await self._get("/v1/log/checkpoint"), "checkpoint")

    async def inclusion(self, leaf: int, size: int) -> JsonObject:
        """The proof that leaf number `leaf` is in the tree of `size` leaves."""
        return await self._get("/v1/log/inclusion", {"leaf": str(leaf), "size": str(size)})

    async def consistency(self, first: int, second: int) -> JsonObject:
        """The proof that the tree of `second` leaves begins with the tree of `first`."""
        return await self._get("/v1/log/consistency", {"first": str(first), "second": str(second)})

    async def keys(self) -> JsonObject:
        """Every public key that the gateway knows, as a JWK set (docs/format.md section 8)."""
        return await self._get("/.well-known/jwks.json")

    async def _get(self, path: str, query: dict[str, str] | None = None, *, wait: float = 0) -> JsonObject:
        return await self._send(self._http.build_request("GET", path, params=query, timeout=TIMEOUT_SECONDS + wait))

    async def _post(
        self,
        path: str,
        body: bytes,
        content_type: str,
        idempotency_key: str | None = None,
        query: dict[str, str] | None = None,
    ) -> JsonObject:
        headers = {"content-type": content_type}
        if idempotency_key is not None:
            headers["idempotency-key"] = idempotency_key
        return await self._send(self._http.build_request("POST", path, params=query, headers=headers, content=body))

    async def _send(self, request: httpx.Request) -> JsonObject:
        return await retrying(lambda: self._try(request), self._patience)

    async def _try(self, request: httpx.Request) -> JsonObject:
        """One attempt, under a signature and a span of its own. `traceparent` is not signed: proxies may change it."""
        with trace.span("call-gateway", kind=SpanKind.CLIENT, method=request.method) as current:
            request.headers.pop(trace.HEADER, None)
            if parent := trace.write_parent():
                request.headers[trace.HEADER] = parent
            answer = await self._exchange(request)
            trace.note(current, status=answer.status_code)
            return read_answer(answer.status_code, answer.headers.get("content-type", ""), answer.content)

    async def _exchange(self, request: httpx.Request) -> httpx.Response:
        signed = sign_request(
            request.method,
            request.url.raw_path.decode("ascii"),
            {name: request.headers[name] for name in FIELDS_IF_PRESENT if name in request.headers},
            request.content,
            key=self._key,
            audience=self._audience,
            clock=self._clock,
        )
        request.headers.update(signed)
        try:
            return await self._http.send(request)
        except httpx.RequestError as error:
            raise Unavailable(
                "gateway-unreachable", f"The gateway does not answer ({type(error).__name__}); is it running?"
            ) from None


def read_answer(status: int, content_type: str, body: bytes) -> JsonObject:
    """The answer's JSON object. Raises GatewayProblem."""
    success = 200 <= status < 300
    try:
        answer = orjson.loads(body)
    except orjson.JSONDecodeError:
        answer = None
    if success and isinstance(answer, dict):
        return answer
    if content_type.startswith(MEDIA_TYPE) and isinstance(answer, dict):
        raise GatewayProblem(status, *(str(answer.get(name, "")) for name in ("code", "detail", "error_id")))
    raise _unreadable(502 if success else status)


def read_pushed(answer: JsonObject) -> PushResult:
    """Raises GatewayProblem (`answer-unreadable`)."""
    return PushResult(_objects(answer, "batches"), _counts(answer), _objects(answer, "quarantine"))


def _segment(text: str) -> str:
    return quote(text, safe="")


def _list(answer: JsonObject, name: str) -> list[JsonValue]:
    value = answer.get(name)
    if not isinstance(value, list):
        raise _unreadable()
    return value


def _objects(answer: JsonObject, name: str) -> list[JsonObject]:
    return [value for value in _list(answer, name) if isinstance(value, dict)]


def _text(answer: JsonObject, name: str) -> str:
    value = answer.get(name)
    if not isinstance(value, str):
        raise _unreadable()
    return value


def _member(answer: JsonObject, name: str) -> JsonObject:
    value = answer.get(name)
    if not isinstance(value, dict):
        raise _unreadable()
    return value


def _counts(answer: JsonObject) -> dict[str, int]:
    return {name: count for name, count in _member(answer, "counts").items() if isinstance(count, int)}


def _unreadable(status: int = 502) -> GatewayProblem:
    return GatewayProblem(status, "answer-unreadable", "The answer is not a gateway's; check the address.", "")
