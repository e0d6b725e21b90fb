"""`fuyuan serve`: the gateway's HTTP server."""

import asyncio
import gc
from contextlib import suppress
from types import FrameType

import uvicorn

from gateway.api.app import create_app
from gateway.clock import SystemClock
from gateway.journal.schema import prepare
from gateway.listen import check_address
from gateway.log import catch_uncaught, configure_logging
from gateway.running import Running
from gateway.settings import Settings
from gateway.wiring import open_gateway

NEW_OBJECTS = 50_000  # between two looks for cycles


def collect_rarely() -> None:
    """Look for cycles less often than after Python's 700 new objects.

    A chunk of 1,000 records is some 27,000 objects that live until it is sealed. To walk them forty times took a tenth
    of a record's way in, and found nothing.
    """
    gc.set_threshold(NEW_OBJECTS)


def serve(settings: Settings) -> None:
    """Serve until told to stop; what is in flight is finished first.

    Raises as `check_address` and `gateway.journal.schema.upgrade` do.
    """
    check_address(settings.host, settings.port)
    asyncio.run(prepare(settings.database_url))
    configure_logging(settings.log_format, settings.log_level)
    catch_uncaught()
    collect_rarely()

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
