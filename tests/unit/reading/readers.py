"""Readers that a process can import by name, and that do what no reader shall do."""

import os
import signal
import sys
from collections.abc import Iterator
from datetime import date

from adapters.feeds import read
from schemas.reading import Item


def ends_itself(feed: str, data: bytes, key: bytes, today: date) -> Iterator[Item]:
    """As if the system had ended it, for want of memory, behind the first records."""
    for number, item in enumerate(read(feed, data, key, today)):
        if number == 4 and "gateway.reading" in sys.orig_argv:
            os.kill(os.getpid(), signal.SIGKILL)
        yield item


def stumbles(feed: str, data: bytes, key: bytes, today: date) -> Iterator[Item]:
    """Over what it read, and says it."""
    raise KeyError(data.decode())
