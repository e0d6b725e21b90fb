"""Precedence: a withdrawal overtakes a long list in every step of its way, not in its lane alone.

What has precedence says so while it is under way; bulk gives way before it is journalled, routed, and made into a run,
and what threads do for it lets the event loop in sooner.
It waits a moment at most, for a court that withdraws without end must not stop its own list.

And a list that comes in gives way to those that go out: journalled as fast as it can be, it is delivered no sooner, and
withdrawals stand behind all that it does.
"""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from gateway.beside import SHORT, switch_seldom, switch_soon
from gateway.journal.chunks import Listing, Stated
from gateway.pace import Pace
from schemas.catalog import RECEIPT, Feed
from schemas.reading import Rejected, Withdrawal

ROUTINE: Final = frozenset({"received", "accepted", "rejected"})  # receipts that change nothing for anybody
LONGEST_SECONDS: Final = 0.5  # that something has precedence, and that a step of bulk gives way
NEXT_SECONDS: Final = 0.1  # for what follows from a step of precedence to begin
LOOK_SECONDS: Final = 0.01
RECORD_SECONDS: Final = 0.001  # for each record of a list, that it waits at most before it is journalled
_RECEIPT_KIND: Final = RECEIPT.slots.index("kind")


class Precedence:
    """One for all the work of a process."""

    def __init__(self) -> None:
        self._under_way: dict[object, float] = {}  # until when each has it
        self._until = float("-inf")
        self._lists_going_out = 0

    @property
    def is_taken(self) -> bool:
        return asyncio.get_running_loop().time() < max((self._until, *self._under_way.values()))

    @contextmanager
    def taken(self) -> Iterator[None]:
        """Bulk gives way to what is done in here, and for NEXT_SECONDS to what follows from it.

        What takes long, as with a broker that is away, has precedence for LONGEST_SECONDS only.
        """
        loop, this = asyncio.get_running_loop(), object()
        self._under_way[this] = loop.time() + LONGEST_SECONDS
        switch_soon()
        try:
            yield
        finally:
            del self._under_way[this]
            self._until = loop.time() + NEXT_SECONDS
            loop.call_later(2 * NEXT_SECONDS, self._rest)

    @contextmanager
    def list_going_out(self) -> Iterator[None]:
        """A list is delivered in here."""
        self._lists_going_out += 1
        try:
            yield
        finally:
            self._lists_going_out -= 1

    async def let_out(self, records: int) -> None:
        """Before so many more of a list are journalled: while others go out and every core is at work, wait."""
        await Pace(records * RECORD_SECONDS).free(unless=lambda: not self._lists_going_out)

    def _rest(self) -> None:
        if not self.is_taken:
            switch_seldom()

    async def give_way(self, *, unless: Callable[[], bool] = lambda: False) -> None:
        """Before a step of bulk: wait while something has precedence, and `unless` does not hold, but not for ever."""
        now = asyncio.get_running_loop().time
        deadline = now() + LONGEST_SECONDS
        while self.is_taken and now() < deadline and not unless():  # noqa: ASYNC110 - it ends by the clock
            await asyncio.sleep(LOOK_SECONDS)


def overtakes(feed: Feed, items: Sequence[Stated]) -> bool:
    """Whether these few have precedence: withdrawals, orders, receipts of what was done to a row, and disputes."""
    return len(items) <= SHORT and any(_is_urgent(feed, item) for item in items)


def is_list(feed: Feed, items: Sequence[Stated]) -> bool:
    """Whether these are many, and nobody waits for one of them."""
    return len(items) > SHORT and not any(_is_urgent(feed, item) for item in items)


def _is_urgent(feed: Feed, item: Stated) -> bool:
    match item:
        case Withdrawal() | Rejected(source_key=str()):  # which is a deletion by the source's own key
            return True
        case Listing() if feed is RECEIPT:
            return item.values()[_RECEIPT_KIND] not in ROUTINE
        case Listing():
            return feed.is_urgent
        case _:
            return False
