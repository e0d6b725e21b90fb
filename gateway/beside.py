"""Work beside the event loop: what takes long is done in a thread, where it keeps nobody waiting."""

import asyncio
import sys
from collections.abc import Callable
from typing import Final, TypeVar

T = TypeVar("T")

SHORT: Final = 20  # records or events; so few are done sooner than a busy process gets to a thread
SHORT_BYTES: Final = 256 * 1024  # unless they are long
SOON, SELDOM = 0.0005, 0.005  # seconds that such a thread keeps the event loop waiting; Python's own is the latter


def switch_soon() -> None:
    """For a process whose threads work long while its event loop has much to answer. It costs a fifth of the work."""
    sys.setswitchinterval(SOON)


def switch_seldom() -> None:
    """As Python does by itself."""
    sys.setswitchinterval(SELDOM)


async def beside(count: int, work: Callable[[], T], *, size: int = 0) -> T:
    """What comes of `work` on so many records or events, of `size` bytes together at most."""
    return work() if count <= SHORT and size <= SHORT_BYTES else await asyncio.to_thread(work)
