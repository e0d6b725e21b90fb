"""`python -m gateway.reading FD`: reads for the gateway that started it, over the pipe FD, until that is closed.

gateway: reader, then Asked, Asked ...      here: READY, then the chunks of each; an exception in place of one
"""

import signal
import sys
from collections.abc import Iterator
from multiprocessing.connection import Connection
from traceback import extract_tb
from typing import Final

from gateway.cycles import collect_rarely
from gateway.journal.chunks import Chunk
from gateway.reading.asked import Asked, read_chunks
from schemas.catalog import UnknownFeed
from schemas.reading import Reader

READY: Final = Chunk([])


def main() -> None:
    # A gateway that is told to stop finishes what is in flight, with what this process reads.
    for told in (signal.SIGINT, signal.SIGTERM):
        signal.signal(told, signal.SIG_IGN)
    collect_rarely()
    with Connection(int(sys.argv[1])) as gateway:
        try:
            reader: Reader = gateway.recv()
            gateway.send(READY)
            while True:
                _read(gateway, reader, gateway.recv())
        except (EOFError, OSError):  # the gateway is gone
            return


def _read(gateway: "Connection[object, object]", reader: Reader, asked: Asked) -> None:
    """Sends the chunks, or what went wrong behind some of them."""
    chunks: Iterator[Chunk] | None = None
    while True:
        said: Chunk | Exception
        try:
            chunks = chunks or read_chunks(reader, asked)
            said = next(chunks)
        except UnknownFeed as error:
            said = error
        except Exception as error:  # noqa: BLE001 - told to the gateway, without what it says of the body
            where = extract_tb(error.__traceback__)[-1]
            said = RuntimeError(f"{type(error).__name__} at {where.name}, line {where.lineno}")
        gateway.send(said)
        if isinstance(said, Exception) or said.last:
            return


if __name__ == "__main__":
    main()
