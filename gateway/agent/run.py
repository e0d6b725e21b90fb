"""`fuyuan agent`: the screening service, and the follower as a process of its own beside it (rule M7).

They share the index and nothing else: a follower that dies leaves screening able to say that its list grows stale, and
is started again.
"""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

import structlog

from gateway import trace
from gateway.agent.parts import open_parts
from gateway.agent.service import create_screening_app
from gateway.backoff import Backoff
from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.errors import Refused
from gateway.listen import check_address, serve_http
from gateway.log import catch_uncaught, configure_logging
from gateway.retry import Patience
from gateway.settings import Settings
from schemas.loopback import LOOPBACK

log = structlog.get_logger(__name__)

STOP_SECONDS = 10.0


def run_agent(settings: Settings) -> None:
    """Serve and follow until told to stop. The follower reads the same settings from environment and file.

    Raises Refused (`agent-exposed`) where others than this machine could ask without a token.
    """
    if settings.agent_host not in LOOPBACK and settings.agent_token_file is None:
        raise Refused("agent-exposed", "Set agent_token_file, or let the agent listen on loopback alone.")
    configure_logging(settings.log_format, settings.log_level)
    catch_uncaught()
    check_address(settings.agent_host, settings.agent_port)
    clock = SystemClock()
    parts = open_parts(settings, clock)
    gateway = GatewayClient(settings.gateway_url, parts.key, settings.audience, clock, patience=Patience(attempts=2))
    app = create_screening_app(
        parts, clock, gateway=gateway, background=keep_following, token_file=settings.agent_token_file
    )
    with trace.exporting(settings.otlp_endpoint, "fuyuan-agent"):
        serve_http(app, settings.agent_host, settings.agent_port)


@contextlib.asynccontextmanager
async def keep_following() -> AsyncIterator[None]:
    """A follower beside what runs inside; it is ended with it."""
    keeping = asyncio.create_task(_keep(), name="follower")
    try:
        yield
    finally:
        keeping.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await keeping


async def _keep() -> None:
    backoff = Backoff()
    while True:
        follower = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.agent", stdin=asyncio.subprocess.PIPE
        )
        try:
            await follower.wait()
        finally:
            await _end(follower)
        log.error("follower-died", status=follower.returncode)
        await asyncio.sleep(backoff.next())


async def _end(follower: asyncio.subprocess.Process) -> None:
    if follower.returncode is not None:
        return
    follower.terminate()
    try:
        async with asyncio.timeout(STOP_SECONDS):
            await follower.wait()
    except TimeoutError:
        follower.kill()
        await follower.wait()
