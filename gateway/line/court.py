"""The court's service: one POST for each call, read to its end or not at all."""

import asyncio
import ssl
from pathlib import Path
from types import TracebackType
from typing import Final, Self

import httpx

from gateway.errors import Refused, Unavailable
from schemas.line import LARGEST_MESSAGE, Call, Line, LineFault

CONNECT_SECONDS: Final = 30.0  # as banks' own programs have them
ANSWER_SECONDS: Final = 180.0


class Court:
    """Use as `async with`. Every call may be made twice: reads, and feedback that is known by its number."""

    def __init__(
        self, url: str, line: Line, *, answer_seconds: float = ANSWER_SECONDS, ca_file: Path | None = None
    ) -> None:
        """Raises Refused (`line-settings`) where the certificates cannot be read."""
        self._url = url
        self._line = line
        self._seconds = answer_seconds
        timeout = httpx.Timeout(answer_seconds, connect=min(CONNECT_SECONDS, answer_seconds))
        # trust_env: a proxy named in the environment is none of this line's.
        self._http = httpx.AsyncClient(
            timeout=timeout, trust_env=False, follow_redirects=False, verify=_certificates(ca_file)
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._http.aclose()

    async def call(self, call: Call) -> str:
        """The payload that came back. Raises Unavailable (`line-away`) where nobody answers or the answer breaks off,
        LineFault where it is no answer of such a service.
        """
        headers = {"content-type": "text/xml; charset=UTF-8", "soapaction": '""', "accept-encoding": "identity"}
        content = self._line.write_envelope(call)
        try:
            async with (
                asyncio.timeout(self._seconds),  # a far side that lets fall a byte now and then would be waited for
                self._http.stream("POST", self._url, content=content, headers=headers) as response,
            ):
                body = await _whole(response)
                status = response.status_code
        except (httpx.HTTPError, httpx.InvalidURL, TimeoutError) as error:
            raise Unavailable("line-away", f"The court's line does not answer ({type(error).__name__}).") from None
        if status not in {200, 500}:  # SOAP says a fault with 500
            raise Unavailable("line-away", f"The court's line answers with status {status}.")
        return self._line.read_envelope(body)


def _certificates(file: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=file)
    except (OSError, ssl.SSLError) as error:
        raise Refused("line-settings", f"The line's certificates cannot be read ({type(error).__name__}).") from None


async def _whole(response: httpx.Response) -> bytes:
    if response.headers.get("content-encoding", "identity") != "identity":  # not asked for, and may hold any size
        raise LineFault("soap-unexpected")
    parts = bytearray()
    async for part in response.aiter_raw():
        parts += part
        if len(parts) > LARGEST_MESSAGE:
            raise LineFault("too-large")
    return bytes(parts)
