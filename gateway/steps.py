"""Steps in order, while what comes next is made ready beside them."""

import asyncio
from collections.abc import Coroutine


class Steps:
    """One is at work at a time."""

    def __init__(self) -> None:
        self._at_work: asyncio.Task[None] | None = None

    async def then(self, step: Coroutine[None, None, None]) -> None:
        """Begin `step` when the one before is done. Raises what that one raised."""
        try:
            await self.done()
        except BaseException:
            step.close()
            raise
        self._at_work = asyncio.create_task(step)

    async def done(self) -> None:
        if self._at_work is not None:
            await self._at_work

    async def leave(self) -> None:
        """Wait for what is at work still, whatever comes of it: what it journals stands."""
        if self._at_work is not None:
            await asyncio.gather(self._at_work, return_exceptions=True)
