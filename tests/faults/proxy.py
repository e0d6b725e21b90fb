"""A peer that fails as networks do: a TCP relay on loopback that can go slow, half-open or cut what it carries."""

import asyncio
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Literal

Mood = Literal["pass", "slow", "half-open", "cut"]

SLOW_PIECE = 512  # bytes, and then a pause
SLOW_PAUSE = 0.02
CUT_BEHIND = 2000  # at most so many bytes of an answer pass before the line is cut


class Proxy:
    """Relays to the first of `targets()` that takes a connection, in the mood it was told last."""

    def __init__(self, targets: Callable[[], list[int]], random_: random.Random) -> None:
        self.port = 0
        self._mood: Mood = "pass"
        self._through = asyncio.Event()
        self._through.set()
        self._targets = targets
        self._random = random_
        self._open: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    def turn(self, mood: Mood) -> None:
        self._mood = mood
        if mood == "half-open":
            self._through.clear()
        else:
            self._through.set()

    def forget(self) -> None:
        """The lines that are open carry nothing any more, and nobody is told; new ones are carried as before."""
        self._through.clear()
        self._through = asyncio.Event()
        self._through.set()

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        if self._server is not None:
            self._server.close()
        await self.hang_up()

    async def hang_up(self) -> None:
        """Cut every connection that is open, those of a half-open peer too."""
        for task in list(self._open):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            await self._relay(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            self._open.discard(task)
            writer.transport.abort()

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream = await self._connect()
        if upstream is None:
            return
        their_reader, their_writer = upstream
        try:
            asking = asyncio.create_task(self._copy(reader, their_writer))
            try:
                await self._copy(their_reader, writer)
            finally:
                asking.cancel()
                with suppress(asyncio.CancelledError, OSError):
                    await asking
        finally:
            their_writer.transport.abort()

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        for port in self._targets():
            with suppress(OSError):
                return await asyncio.open_connection("127.0.0.1", port)
        return None

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        through = self._through
        while data := await reader.read(1 << 16):
            await through.wait()  # half-open: it is there, and nothing comes through
            if self._mood == "cut":
                writer.write(data[: self._random.randrange(CUT_BEHIND)])
                await writer.drain()
                raise ConnectionAbortedError
            pieces = [data]
            if self._mood == "slow":
                pieces = [data[at : at + SLOW_PIECE] for at in range(0, len(data), SLOW_PIECE)]
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if self._mood == "slow":
                    await asyncio.sleep(SLOW_PAUSE)
