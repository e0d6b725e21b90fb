"""The ways in as processes: look, wait, look again, until told to stop.

Nothing has to be done at the end: killed at any point, the next run carries on.
"""

import asyncio
from datetime import timedelta
from pathlib import Path

import structlog

from gateway.backoff import Backoff
from gateway.clock import SystemClock
from gateway.errors import FuyuanError
from gateway.provider import open_client
from gateway.ways_in.watch import Watch

log = structlog.get_logger(__name__)

IN_QUARANTINE = 3  # exit status of a single run


async def watch_folder(
    feed: str, path: Path, *, gateway: str, key: Path, settle: float, every: float, marker: str | None, once: bool
) -> int:
    """Push what is put into the folder; `once`: what lies there now, and return 0, or 3 where a result says no."""
    async with open_client(gateway, key) as client:
        watch = Watch(path, feed, client, SystemClock(), timedelta(seconds=settle), marker)
        if once:
            first = await watch.look()
            if first.waiting:
                await asyncio.sleep(settle)
            found = await watch.look()
            refused = first.in_part + first.refused + found.in_part + found.refused
            return IN_QUARANTINE if refused else 0
        backoff = Backoff(first_seconds=every)
        while True:
            try:
                await watch.look()
            except FuyuanError as error:
                log.error("way-in-waits", feed=feed, code=error.code)  # noqa: TRY400 - its frames say nothing
                await asyncio.sleep(every + backoff.next())
            else:
                backoff.reset()
                await asyncio.sleep(every)
