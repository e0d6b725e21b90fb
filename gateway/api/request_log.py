"""One log line for each request, and the error id that ties a problem document to it.

The path and the query are never logged, only the route's template: they hold what people put there (rule P1).
"""

import base64
import secrets
import time
from collections.abc import Callable

import structlog
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import FuyuanError

log = structlog.get_logger(__name__)

HEADER = b"request-id"
ID_BYTES = 10

Answer = Callable[[BaseException, str], tuple[str, Response]]
Count = Callable[[str, int], None]  # a route's template, and the status that was answered


class RequestLog:
    """Outermost ASGI middleware. An error that nothing inside has handled is answered here by `answer`."""

    def __init__(self, app: ASGIApp, answer: Answer, count: Count) -> None:
        self._app = app
        self._answer = answer
        self._count = count

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        error_id = base64.b32encode(secrets.token_bytes(ID_BYTES)).decode().lower()
        state = scope.setdefault("state", {})
        state["error_id"] = error_id
        status = 0

        async def answered(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), (HEADER, error_id.encode())]
            await send(message)

        began = time.perf_counter()
        outside = structlog.contextvars.get_contextvars()
        structlog.contextvars.bind_contextvars(error_id=error_id)
        try:
            try:
                await self._app(scope, receive, answered)
            except Exception as error:
                state["code"], response = self._answer(error, error_id)
                if not isinstance(error, FuyuanError):
                    log.exception("unexpected")
                if status:
                    raise  # the answer has begun; only a broken connection tells the reader so
                await response(scope, receive, answered)
        finally:
            route = getattr(scope.get("route"), "path", "none")
            self._count(route, status)
            log.info(
                "request",
                method=scope["method"],
                route=route,
                status=status,
                ms=round((time.perf_counter() - began) * 1000, 1),
                **({"code": state["code"]} if "code" in state else {}),
            )
            structlog.contextvars.clear_contextvars()
            structlog.contextvars.bind_contextvars(**outside)
