"""`fuyuan serve`: the gateway's HTTP server."""

from contextlib import suppress
from types import FrameType

import uvicorn

from gateway.api.app import create_app
from gateway.clock import SystemClock
from gateway.listen import check_address
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
        server.running = await open_gateway(settings, SystemClock())
        server.running.start()
        return server.running

    server = _Server(
        uvicorn.Config(
            create_app(settings, start),
            host=settings.host,
            port=settings.port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=10,
        )
    )
    with suppress(KeyboardInterrupt):
        server.run()


class _Server(uvicorn.Server):
    """Lets those who wait for events go when it is told to stop, rather than wait for them."""

    running: Running | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if self.running is not None:
            self.running.wakeup.closed = True
        super().handle_exit(sig, frame)
