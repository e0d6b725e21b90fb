"""`fuyuan serve`: the gateway's HTTP server."""

import socket

import uvicorn

from gateway.api.app import create_app
from gateway.clock import SystemClock
from gateway.errors import Unavailable
from gateway.log import catch_uncaught, configure_logging
from gateway.running import Running
from gateway.settings import Settings
from gateway.wiring import open_gateway


def serve(settings: Settings) -> None:
    """Serve until told to stop; what is in flight is finished first. Raises as `check_address` does."""
    check_address(settings.host, settings.port)
    configure_logging(settings.log_format, settings.log_level)
    catch_uncaught()

    async def start() -> Running:
        running = await open_gateway(settings, SystemClock())
        running.start()
        return running

    uvicorn.run(
        create_app(settings, start),
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=10,
    )


def check_address(host: str, port: int) -> None:
    """Say early what the server would only log without its words. Raises Unavailable (`address-unusable`)."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        raise Unavailable("address-unusable", f"Cannot listen on port {port}: {error.strerror}.") from None
