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
    """At most `processes` processes, each begun when a long body comes and none is idle; until it is ready, and where
    all are at work, a thread reads. `close` it.
    """

    def __init__(self, reader: Reader, processes: int) -> None:
        self._reader = reader
        self._most = processes
        self._all: set[ReadingProcess] = set()
        self._idle: list[ReadingProcess] = []
        self._starting: set[asyncio.Task[None]] = set()

    @property
    def idle(self) -> tuple[int, ...]:
        """The ids of the processes that wait for something to read."""
        return tuple(process.pid for process in self._idle)

    async def chunks(self, asked: Asked) -> AsyncGenerator[Chunk]:
        """The body's chunks in order, at least one; close it where they are not all taken.

        Raises UnknownFeed, and Unavailable (`reading-stopped`) where the process ended.
        """
        process = self._take() if len(asked.body) > LONG_BYTES else None
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
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*(self._end(process) for process in set(self._all)))

    def _take(self) -> ReadingProcess | None:
        while self._idle:
            process = self._idle.pop()
            if process.is_alive:
                return process
            self._all.discard(process)
        if len(self._all) + len(self._starting) < self._most:
            task = asyncio.create_task(self._start(), name="reading-process")
            self._starting.add(task)
            task.add_done_callback(self._starting.discard)
        return None

    async def _start(self) -> None:
        process = await asyncio.to_thread(ReadingProcess, self._reader)
        self._all.add(process)
        try:
            await process.ready()
        except Unavailable:
            log.warning("reading-process-failed")
            await self._end(process)
        else:
            self._idle.append(process)

    async def _give_back(self, process: ReadingProcess, *, done: bool) -> None:
        """Idle again where its last body was read to the end; what is left of another one is read by nobody."""
        if done and process in self._all:
            self._idle.append(process)
        else:
            await self._end(process)

    async def _end(self, process: ReadingProcess) -> None:
        self._all.discard(process)
        await asyncio.to_thread(process.end)
