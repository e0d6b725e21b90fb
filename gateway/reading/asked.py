"""What is to be read, and the reading of it, wherever that is done."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from datetime import date
from typing import NamedTuple

from gateway.journal.chunks import Chunk, cut
from schemas.catalog import feed as find_feed
from schemas.reading import Reader


class Asked(NamedTuple):
    """One body of a feed. `today` is the date in China, `size` how many records a chunk has at most."""

    feed: str
    body: bytes
    record_key: bytes
    today: date
    size: int


def read_chunks(reader: Reader, asked: Asked) -> Iterator[Chunk]:
    """Raises UnknownFeed."""
    feed = find_feed(asked.feed)
    return cut(feed, reader(feed.name, asked.body, asked.record_key, asked.today), asked.size)


async def in_threads(chunks: Iterator[Chunk]) -> AsyncGenerator[Chunk]:
    """Each chunk as it is asked for, made beside the event loop."""
    while True:
        chunk = await asyncio.to_thread(next, chunks)
        yield chunk
        if chunk.last:
            return
