"""The line as a process: look, wait, look again, until told to stop. Killed at any point, the next run carries on."""

import sys
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import orjson
import structlog

from gateway.clock import SystemClock
from gateway.errors import Refused
from gateway.line.court import Court
from gateway.line.cycle import Cycle
from gateway.line.desk import Desk
from gateway.line.kept import Requests, refused
from gateway.provider import NOT_ALL_TAKEN
from gateway.settings import Settings
from gateway.trust.private_file import read_secret
from gateway.ways_in.run import keep_looking
from schemas.line import Line
from schemas.loopback import is_in_the_clear

log = structlog.get_logger(__name__)

NOT_WELL = ("unread", "unreadable-list", "returned", "refused", "unfinished", "failed", "postponed")


async def run_line(
    line: Line,
    settings: Settings,
    desk: Path,
    state: Path,
    *,
    every: float,
    answer_seconds: float,
    keep_days: int,
    once: bool,
) -> int:
    """`once`: one look, the counts on stdout, and 0, or 3 where something was refused or has to wait."""
    async with AsyncExitStack() as stack:
        kept = Requests(state)
        stack.callback(kept.close)
        ca_file = settings.line_ca_file
        court = Court(settings.line_url or "", line, answer_seconds=answer_seconds, ca_file=ca_file)
        await stack.enter_async_context(court)
        cycle = Cycle(line, court, Desk(desk), kept, SystemClock(), timedelta(seconds=every), keep_days)
        if once:
            await cycle.look()
            sys.stdout.write(orjson.dumps({"counts": cycle.counts}).decode() + "\n")
            return NOT_ALL_TAKEN if any(cycle.counts[name] for name in NOT_WELL) else 0

        async def look() -> None:
            try:
                await cycle.look()
            finally:
                if cycle.counts:
                    log.info("line-looked", counts=dict(cycle.counts))
                    cycle.counts.clear()

        return await keep_looking(look, "line", every, SystemClock())


def show_refused(state: Path) -> int:
    """Each request that something is wrong with: number, state and code, one JSON line each."""
    for number, where, code in refused(state):
        sys.stdout.write(orjson.dumps({"number": number, "state": where, "code": code}).decode() + "\n")
    return 0


def login_of(settings: Settings) -> tuple[str, str]:
    """User and password of the line. Raises Refused (`line-settings`), Broken (`secret-file-open`, `-damaged`)."""
    if settings.line_url is None or settings.line_user is None or settings.line_password_file is None:
        raise Refused("line-settings", "Set FUYUAN_LINE_URL, FUYUAN_LINE_USER and FUYUAN_LINE_PASSWORD_FILE.")
    if is_in_the_clear(settings.line_url) and not settings.line_unencrypted:
        raise Refused(
            "line-settings",
            "http lets anybody on the way read the login and the accounts; https, or FUYUAN_LINE_UNENCRYPTED=true.",
        )
    return settings.line_user, read_secret(settings.line_password_file)
