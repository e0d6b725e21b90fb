"""The ways in as processes: look, wait, look again, until told to stop.

Nothing has to be done at the end: killed at any point, the next run carries on.
"""

import asyncio
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import datetime, timedelta
from pathlib import Path

import orjson
import structlog

from gateway.backoff import Backoff
from gateway.clock import Clock, SystemClock
from gateway.errors import FuyuanError, Unavailable
from gateway.provider import NOT_ALL_TAKEN, open_client
from gateway.ways_in.front import FrontTable
from gateway.ways_in.known import Known
from gateway.ways_in.watch import Watch, WatchedFolder
from schemas.front import Front

log = structlog.get_logger(__name__)

ALARM_AFTER = timedelta(hours=1)  # without one look that went well
LONGEST_LOOK = timedelta(hours=2)  # what was sent until then is known to the next


async def watch_folder(
    feed: str,
    folder: WatchedFolder,
    *,
    gateway: str,
    key: Path,
    settle: float,
    every: float,
    marker: str | None,
    once: bool,
) -> int:
    """Push what is put into the folder; `once`: what lies there now, and return 0.

    3 where a result says no, or a file is left: one that is still written to, or that cannot be read.
    """
    async with open_client(gateway, key) as client:
        watch = Watch(folder, feed, client, SystemClock(), timedelta(seconds=settle), marker)
        if once:
            first = await watch.look()
            if first.waiting:
                await asyncio.sleep(settle)
            found = await watch.look()
            refused = first.in_part + first.refused + found.in_part + found.refused
            return NOT_ALL_TAKEN if refused or found.waiting else 0
        return await keep_looking(watch.look, feed, every, SystemClock())


async def send_front(
    front: Front, state: Path, *, gateway: str, key: Path, every: float, once: bool, refresh: bool, allow: int
) -> int:
    """Send what changes in a table or interface; `once` or by a refresh: what has changed until now, and 0 or 3."""
    async with AsyncExitStack() as stack:
        stack.push_async_callback(front.close)
        known = Known(state)
        stack.callback(known.close)
        table = FrontTable(front, known, await stack.enter_async_context(open_client(gateway, key)))
        if once or refresh:
            await table.look(refresh=refresh, allow=allow)
            sys.stdout.write(orjson.dumps({"counts": table.counts}).decode() + "\n")
            return NOT_ALL_TAKEN if table.counts["quarantined"] else 0

        async def look() -> None:
            nonlocal allow
            await table.look(allow=allow)
            allow = 0  # it was said of what stood there then

        return await keep_looking(look, front.feed, every, SystemClock())


def show_refusals(state: Path) -> int:
    """The key of each row that is refused as it stands, with the code: one JSON line each.

    Then, with `of`, the key of each whose earlier record could not be withdrawn.
    """
    known = Known(state)
    for key, code in known.refusals():
        sys.stdout.write(orjson.dumps({"key": orjson.loads(key), "code": code}).decode() + "\n")
    for key, code in known.standing():
        said = {"key": orjson.loads(key), "code": code, "of": "withdrawal"}
        sys.stdout.write(orjson.dumps(said).decode() + "\n")
    known.close()
    return 0


async def keep_looking(look: Callable[[], Awaitable[object]], feed: str, every: float, clock: Clock) -> int:
    """For ever. What goes wrong is logged, and may have passed by the next look; after an hour of it, with an alarm.

    A look without an end is given up, and has cost more than that hour.
    """
    backoff = Backoff(first_seconds=every)
    since: datetime | None = None
    while True:
        since = since or clock.now()
        try:
            await _whole(look)
        except Exception as error:  # noqa: BLE001 - what nobody expected must not end it without an alarm
            code = error.code if isinstance(error, FuyuanError) else "internal"
            frames: dict[str, object] = {} if isinstance(error, FuyuanError) else {"exc_info": error}
            log.error("way-in-waits", feed=feed, code=code, **frames)  # noqa: TRY400
            if clock.now() - since >= ALARM_AFTER:
                log.error("alarm", code=code, feed=feed, kind="way-in-stopped")  # noqa: TRY400
                since = clock.now()
            await asyncio.sleep(every + backoff.next())
        else:
            backoff.reset()
            since = None
            await asyncio.sleep(every)


async def _whole(look: Callable[[], Awaitable[object]]) -> None:
    """Raises Unavailable (`look-endless`)."""
    try:
        async with asyncio.timeout(LONGEST_LOOK.total_seconds()) as end:
            await look()
    except TimeoutError:
        if not end.expired():
            raise
        raise Unavailable("look-endless", "A look had no end and was given up; the next begins where it can.") from None
