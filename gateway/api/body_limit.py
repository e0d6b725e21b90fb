"""No request body is read past its limit, whatever Content-Length says or leaves out."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from gateway.errors import TooLarge


class BodyLimit:
    """ASGI middleware. Raises TooLarge (`body-too-large`) to whoever reads the body."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._most = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        for name, value in scope["headers"]:
            if name == b"content-length" and value.isdigit() and int(value) > self._most:
                raise self._too_large()
        seen = 0

        async def counted() -> Message:
            nonlocal seen
            message = await receive()
            seen += len(message.get("body", b""))
            if seen > self._most:
                raise self._too_large()
            return message

        await self._app(scope, counted, send)

    def _too_large(self) -> TooLarge:
        return TooLarge("body-too-large", f"A body holds at most {self._most} bytes; send it in parts.")
