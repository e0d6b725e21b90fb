"""Telling those who wait that the journal has grown, without losing a signal between looking and waiting."""

import asyncio
from contextlib import suppress

POLL_SECONDS = 0.5  # another process may have appended; its signal may not reach this one (neighbours.py)


class Wakeup:
    """One signal for all who wait in this process."""

    def __init__(self) -> None:
        self.closed = False  # nobody shall wait any more: the server stops
        self.said = 0  # how often this process signalled, for its neighbours
        self._generation = 0
        self._changed = asyncio.Event()

    def ticket(self) -> int:
        """Taken before looking; `wait` returns at once if anything was signalled since."""
        return self._generation

    def signal(self) -> None:
        """The journal has grown, or a contract has changed, by this process."""
        self.said += 1
        self.hear()

    def hear(self) -> None:
        """The same, by another process."""
        self._generation += 1
        self._changed.set()
        self._changed = asyncio.Event()

    async def wait(self, ticket: int, seconds: float) -> None:
        """Until a signal after `ticket`, or `seconds` have passed, or it is time to look for another's appends."""
        if self._generation != ticket:
            return
        # Not wait_for: in Python 3.11 it swallows a cancellation that comes in the same moment.
        with suppress(TimeoutError):
            async with asyncio.timeout(min(seconds, POLL_SECONDS)):
                await self._changed.wait()
