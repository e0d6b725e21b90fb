"""One span for each request, under the trace that its sender names."""

from opentelemetry.trace import SpanKind
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway import trace

HEADER = trace.HEADER.encode()


class Traced:
    """ASGI middleware around the request log, whose line then carries the trace id. Paths are not told."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        parent = trace.read_parent(value.decode("latin-1") for name, value in scope["headers"] if name == HEADER)
        with trace.span("request", kind=SpanKind.SERVER, parent=parent, method=scope["method"]) as current:

            async def answered(message: Message) -> None:
                if message["type"] == "http.response.start":
                    trace.note(current, status=message["status"])
                await send(message)

            try:
                await self._app(scope, receive, answered)
            finally:
                route = getattr(scope.get("route"), "path", "none")
                current.update_name(route)
                trace.note(current, route=route, error_id=scope["state"]["error_id"])
