"""Who reads a body: a thread, or for a long one a process that waits for such."""

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import Final

import structlog

from gateway.errors import Unavailable
from gateway.journal.chunks import Chunk
from gateway.reading.asked import Asked, in_threads, read_chunks
from gateway.reading.process import ReadingProcess
from schemas.reading import Reader

log = structlog.get_logger(__name__)

LONG_BYTES: Final = 256 * 1024  # a few hundred records: a shorter body is read before a process has been asked


class Reading:
    """At most `processes` processes, each begun when a long body comes and none is idle, in a second. Where all are
    at work, and where none can be begun, a thread reads. `close` it.
    """

    def __init__(self, reader: Reader, processes: int) -> None:
        self._reader = reader
        self._most = processes
        self._all: set[ReadingProcess] = set()
        self._idle: list[ReadingProcess] = []
        self._starting: set[asyncio.Task[None]] = set()
        self._begun = 0  # processes that are there or begin

    @property
    def idle(self) -> tuple[int, ...]:
        """The ids of the processes that wait for something to read."""
        return tuple(process.pid for process in self._idle)

    async def chunks(self, asked: Asked) -> AsyncGenerator[Chunk]:
        """The body's chunks in order, at least one; close it where they are not all taken.

        Raises UnknownFeed, and Unavailable (`reading-stopped`) where the process ended.
        """
        process = await self._take() if len(asked.body) > LONG_BYTES else None
        read = in_threads(read_chunks(self._reader, asked)) if process is None else process.chunks(asked)
        done = False
        try:
            async with aclosing(read):
                async for chunk in read:
                    done = chunk.last
                    yield chunk
        finally:
            if process is not None:
                await self._give_back(process, done=done)

    async def close(self) -> None:
        self._most = 0
        await asyncio.gather(*self._starting)  # a process that is half begun can be ended by nobody
        await asyncio.gather(*(self._end(process) for process in set(self._all)))

    async def _take(self) -> ReadingProcess | None:
        for dead in [process for process in self._idle if not process.is_alive]:
            self._idle.remove(dead)
            await self._end(dead)
        if not self._idle and self._begun < self._most:
            self._begun += 1
            task = asyncio.create_task(self._start(), name="reading-process")
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
            await asyncio.shield(task)  # it is there for the next one where this one is told to stop
        return self._idle.pop() if self._idle else None

    async def _start(self) -> None:
        process = None
        try:
            process = await asyncio.to_thread(ReadingProcess, self._reader)
            await process.ready()
        except (Unavailable, OSError):
            log.warning("reading-process-failed")
            self._begun -= 1
            if process is not None:
                await asyncio.to_thread(process.end)
            return
        self._all.add(process)
        self._idle.append(process)

    async def _give_back(self, process: ReadingProcess, *, done: bool) -> None:
        """Idle again where its last body was read to the end; what is left of another one is read by nobody."""
        if done and process in self._all:
            self._idle.append(process)
        else:
            await self._end(process)

    async def _end(self, process: ReadingProcess) -> None:
        if process in self._all:
            self._all.remove(process)
            self._begun -= 1
        await asyncio.to_thread(process.end)
