"""Pace: on a crowded machine, who works off a long list looks before each step whether a core is free.

Programs that never wait stand in the system's queue together, and all that is urgent and wakes for a moment stands
behind them. So they look first, as stations on one wire do: where it is busy they look again a random moment later. Of
lists alone the cores stay busy, and no list takes longer for it. Where others keep every core busy, an agent's list
makes a step in each LONGEST_SECONDS.
"""

import asyncio
import os
import random
from collections.abc import Callable
from pathlib import Path
from typing import Final

LOAD: Final = Path("/proc/loadavg")
AGAIN_SECONDS: Final = (0.02, 0.08)
LONGEST_SECONDS: Final = 1.0


class Pace:
    """Of one list's work, which rests for `longest` seconds at most before each step."""

    def __init__(self, longest: float = LONGEST_SECONDS) -> None:
        self._longest = longest
        self._since: float | None = None

    def rest(self) -> float:
        """For how many seconds to wait, and then to ask again; 0 where the next step may begin."""
        now = asyncio.get_running_loop().time()
        if self._since is None:
            self._since = now
        if is_crowded() and now < self._since + self._longest:
            return random.uniform(*AGAIN_SECONDS)  # noqa: S311 - no secret
        self._since = None
        return 0.0

    async def free(self, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Wait until the next step may begin, or there is nothing to wait for."""
        while not unless() and (rest := self.rest()):  # noqa: ASYNC110 - nothing tells it
            await asyncio.sleep(rest)


def is_crowded() -> bool:
    """Whether other threads are at work, or ready to be, on every core; never where the system does not tell.

    Source: proc_loadavg(5), the fourth field of `/proc/loadavg`, which counts the one that asks.
    """
    try:
        running, _, _ = LOAD.read_text().split()[3].partition("/")
        return int(running) > (os.cpu_count() or 1)
    except (OSError, IndexError, ValueError):
        return False
