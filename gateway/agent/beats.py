"""Heartbeats that Kafka brings: the newest is used once the list is as far as it says, and lets pull rest (rule D11).

A heartbeat costs a proof of the journal's consistency, over HTTP. It is fetched beside: where that line hangs, Kafka's
events are applied all the same.
"""

import asyncio
from datetime import datetime, timedelta
from typing import Final

import structlog

from contracts.model import Terms
from gateway.agent.apply import Applied
from gateway.agent.pages import Pages
from gateway.agent.standing import due_within
from gateway.clock import Clock, unstamp
from gateway.errors import Broken, FuyuanError
from gateway.trust.documents import LANES, Heartbeat

log = structlog.get_logger(__name__)

REST_SECONDS: Final = 0.5  # pull is told to rest so long at once, and an event waits so long for a heartbeat's proof
BEAT_SECONDS: Final = 5.0  # a heartbeat costs a proof of consistency, so of many only some are used
BEATS_WHILE_DUE: Final = 5  # and yet several in the time within which one is due
PROGRESS_SECONDS: Final = 5.0  # how long pull rests behind something new, and what was told of may be on its way
NEVER: Final = float("-inf")


class Beats:
    """Times are the event loop's, in seconds."""

    def __init__(self, pages: Pages, clock: Clock) -> None:
        self._pages = pages
        self._clock = clock
        self._beat: Heartbeat | None = None  # the newest that was not used yet
        self._newest: tuple[datetime, str] | None = None  # of all that came: its time and token
        self._after = NEVER  # none is used before
        self._using: asyncio.Task[None] | None = None
        self._good_until = NEVER  # by a heartbeat that was used
        self._new_at = NEVER  # when something new was applied
        self._heard_at = NEVER  # when a heartbeat came
        self._told = 0  # how far the priority lane reaches, as a heartbeat told
        self._moving_at = NEVER  # when that was told, or the lane moved towards it

    def take(self, token: str) -> bool:
        """Keep it to be used, unless it came before: one of the future would be fresh each time. False where it does
        not hold.
        """
        try:
            beat = self._pages.open_heartbeat(token)
        except Broken:
            return False
        at, now = unstamp(beat.at), _now()
        if self._newest is None or (at >= self._newest[0] and token != self._newest[1]):
            self._beat, self._newest = beat, (at, token)
            self._heard_at = now
            if self._pages.known()[0].priority >= self._told:  # else that is what is waited for
                self._told, self._moving_at = beat.heads.priority, now
        return True

    def moved(self, before: int, applied: Applied) -> None:
        """Kafka brought what was applied; the priority lane stood at `before`."""
        if applied.new:
            self._new_at = _now()
        if applied.standing.priority > before:
            self._moving_at = _now()

    async def use(self, offsets: dict[str, int]) -> None:
        """Use the newest where it is time. One that is not proved at once is left to itself."""
        if self._using is None and self._beat is not None and _now() >= self._after:
            self._using = asyncio.create_task(self._use(self._beat, offsets), name="heartbeat")
            await asyncio.wait({self._using}, timeout=REST_SECONDS)
        if self._using is not None and self._using.done():
            using, self._using = self._using, None
            using.result()  # raises what nobody expected

    def rest(self) -> float:
        """For how many seconds nothing need be pulled, since Kafka brings the list in time; a short time at once.

        A list that loads says nothing of the priority topic, which may be silent meanwhile: only heartbeats do, for
        they come in it. What they told of has a moment to come.
        """
        standing, terms = self._pages.known()
        if terms is None:
            return 0.0
        loading = min(self._new_at + PROGRESS_SECONDS, self._heard_at + due_within(terms).total_seconds())
        until = max(self._good_until, loading)
        if standing.priority < self._told:
            until = min(until, self._moving_at + PROGRESS_SECONDS)
        return max(0.0, min(until - _now(), REST_SECONDS))

    def rest_no_more(self) -> None:
        """Until the next heartbeat."""
        self._good_until = self._heard_at = NEVER

    def stop(self) -> None:
        if self._using is not None:
            self._using.cancel()

    async def _use(self, beat: Heartbeat, offsets: dict[str, int]) -> None:
        """Use it once the list is as far as it says; the events may come behind it."""
        pause = BEAT_SECONDS
        try:
            standing, terms = await self._pages.ground()
            heads = {lane: beat.heads.of(lane) for lane in LANES}
            if any(heads[lane] > standing.applied(lane) for lane in LANES):
                await self._pages.told(heads)
                return
            pause = min(pause, due_within(terms).total_seconds() / BEATS_WHILE_DUE)
            await self._pages.beat(beat, terms, offsets)
        except Broken as error:
            self.rest_no_more()
            log.error("page-refused", code=error.code)  # noqa: TRY400 - the code says it; an alarm, no bug
        except FuyuanError as error:
            self._good_until = NEVER
            self._after = _now() + pause
            log.warning("heartbeat-unproved", code=error.code)
            return  # it is tried again, or a newer one
        else:
            self._rest_behind(beat, terms)
        self._after = _now() + pause
        if self._beat is beat:
            self._beat = None

    def _rest_behind(self, beat: Heartbeat, terms: Terms) -> None:
        due = due_within(terms)
        age = max(timedelta(), self._clock.now() - unstamp(beat.at))  # one of the future counts as one of now
        if age < due:
            self._good_until = max(self._good_until, _now() + (due - age).total_seconds())


def _now() -> float:
    return asyncio.get_running_loop().time()
