"""`fuyuan serve`: the gateway's HTTP server."""

import asyncio

from gateway import trace
from gateway.api.app import create_app
from gateway.clock import SystemClock
from gateway.cycles import collect_rarely
from gateway.journal.schema import prepare
from gateway.listen import check_address, serve_http
from gateway.log import catch_uncaught, configure_logging
from gateway.running import Running
from gateway.settings import Settings
from gateway.wiring import open_gateway


def serve(settings: Settings) -> None:
    """Serve until told to stop; what is in flight is finished first.

    Raises as `check_address` and `gateway.journal.schema.upgrade` do.
    """
    check_address(settings.host, settings.port)
    asyncio.run(prepare(settings.database_url))
    configure_logging(settings.log_format, settings.log_level)
    catch_uncaught()
    collect_rarely()
    started: list[Running] = []

    async def start() -> Running:
        running = await open_gateway(settings, SystemClock())
        started.append(running)
        running.start()
        return running

    def let_go() -> None:
        """Those who wait for events are answered, rather than waited for."""
        for running in started:
            running.wakeup.closed = True

    with trace.exporting(settings.otlp_endpoint, "fuyuan-gateway"):
        serve_http(create_app(settings, start), settings.host, settings.port, told=let_go)
