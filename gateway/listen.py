"""The address a server of ours listens on, and serving there until told to stop."""

import signal
import socket
from collections.abc import Callable
from contextlib import suppress
from types import FrameType
from typing import Final

import uvicorn
from fastapi import FastAPI

from gateway.errors import Unavailable

STOP_SECONDS: Final = 10  # for what is in flight; behind it connections are cut, and nothing of them is acknowledged


def check_address(host: str, port: int) -> None:
    """Say early what the server would only log without its words. Raises Unavailable (`address-unusable`)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise Unavailable("address-unusable", f"Cannot listen on port {port}: {error.strerror}.") from None


def serve_http(app: FastAPI, host: str, port: int, *, told: Callable[[], None] = lambda: None) -> None:
    """Serve until SIGTERM or SIGINT, finish what is in flight, and return: to be told to stop is no failure.

    `told` is called in the signal's handler, before anything else is done.
    """
    server = _Server(
        uvicorn.Config(
            app,
            host=host,
            port=port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
        ),
        told,
    )
    # The server raises the signal once more when all is done, for whoever stood here before; that would end the
    # process as if it had been killed.
    before = signal.signal(signal.SIGTERM, lambda _signal, _frame: None)
    try:
        with suppress(KeyboardInterrupt):
            server.run()
    finally:
        signal.signal(signal.SIGTERM, before)


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, told: Callable[[], None]) -> None:
        super().__init__(config)
        self._told = told

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._told()
        super().handle_exit(sig, frame)
