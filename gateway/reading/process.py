"""A process that reads, seen from the gateway: it is asked for one body after another, and sends chunk by chunk."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncGenerator
from multiprocessing import Pipe
from threading import Lock
from typing import Final

from gateway.errors import Unavailable
from gateway.journal.chunks import Chunk
from gateway.reading.asked import Asked
from gateway.settings import PREFIX
from schemas.reading import Reader

LONGEST_SECONDS: Final = 300.0  # for one chunk; who reads longer never ends


class ReadingProcess:
    """Begins at once, is `ready` a second later, and ends with the gateway, however that ends."""

    def __init__(self, reader: Reader) -> None:
        """`reader` is a function of a module, which the process imports by its name."""
        self._in_use = Lock()
        self._connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-P", "-m", "gateway.reading", str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                env={name: value for name, value in os.environ.items() if not name.upper().startswith(PREFIX)},
            )
        try:
            self._connection.send(reader)
        except OSError:
            self.end()
            raise

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        return self._process.poll() is None

    async def ready(self) -> None:
        """Until it can read. Raises Unavailable (`reading-stopped`) where it cannot."""
        await asyncio.to_thread(self._receive)  # an empty chunk

    async def chunks(self, asked: Asked) -> AsyncGenerator[Chunk]:
        """Raises UnknownFeed, Unavailable (`reading-stopped`), and what the reader raised without knowing."""
        await asyncio.to_thread(self._ask, asked)
        while True:
            said = await asyncio.to_thread(self._receive)
            if isinstance(said, Exception):
                raise said
            yield said
            if said.last:
                return

    def end(self) -> None:
        """At once, whatever it is at. It holds nothing that could be half written."""
        self._process.kill()
        self._process.wait()
        with self._in_use:  # whoever waits for it hears now that it is gone; its number may be another's once closed
            self._connection.close()

    def _ask(self, asked: Asked) -> None:
        try:
            with self._in_use:
                self._connection.send(asked)
        except OSError:
            raise _stopped() from None

    def _receive(self) -> Chunk | Exception:
        try:
            with self._in_use:
                if not self._connection.poll(LONGEST_SECONDS):
                    raise _stopped()
                said: Chunk | Exception = self._connection.recv()
        except (EOFError, OSError):
            raise _stopped() from None
        return said


def _stopped() -> Unavailable:
    return Unavailable("reading-stopped", "The list could not be read to its end; send it again, in smaller parts.")
