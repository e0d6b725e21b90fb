"""Following a contract by Kafka, beside the pull that fills every gap (rules D4, D8, D11, M7).

Only contiguous numbers are applied, and nothing that is not verified. Whatever is wrong with a topic, be it a gap, a
forged message, lost retention or silence, the answer is one: pull. While heartbeats come in time pull rests (`Beats`).
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, NoReturn

import structlog
from aiokafka.structs import ConsumerRecord
from opentelemetry.trace import SpanKind

from contracts.model import Terms
from gateway import trace
from gateway.agent.beats import Beats
from gateway.agent.pages import Pages
from gateway.agent.standing import Standing
from gateway.agent.topics import Topics, read_event
from gateway.backoff import Backoff
from gateway.clock import Clock, unstamp
from gateway.errors import Broken, FuyuanError, Unavailable
from gateway.pace import Pace
from gateway.trust.documents import LANES, Lane
from schemas.envelope import BadMessage, read_number

log = structlog.get_logger(__name__)

FETCH_SECONDS: Final = 0.5


@dataclass(frozen=True, slots=True)
class Next:
    """Of what was fetched: what follows the applied numbers, and whether more lies behind a gap."""

    records: list[ConsumerRecord]
    beyond: bool


class KafkaFollower:
    def __init__(self, topics: Topics, pages: Pages, clock: Clock, catch_up: Callable[[], Awaitable[bool]]) -> None:
        """`catch_up` pulls one page at once and says whether it brought anything new."""
        self._topics = topics
        self._pages = pages
        self._catch_up = catch_up
        self._beats = Beats(pages, clock)
        self._pace = Pace()
        self._in_a_list = False

    async def run(self) -> None:
        """Until cancelled."""
        backoff = Backoff()
        try:
            while True:
                try:
                    await self._follow(backoff)
                except FuyuanError as error:
                    self._beats.rest_no_more()
                    log.warning("kafka-left", code=error.code)
                    await asyncio.sleep(backoff.next())
        finally:
            self._beats.stop()

    async def _follow(self, backoff: Backoff) -> NoReturn:
        standing, terms = await self._pages.ground()
        if "kafka" not in terms.delivery:
            raise Unavailable("kafka-not-agreed", "The contract names no Kafka; the list comes by pull.")
        since = None if standing.fresh_at is None else unstamp(standing.fresh_at)
        await self._topics.open(standing.offsets, since)
        log.info("kafka-followed", contract=terms.id)
        try:
            while True:
                if await self.turn():
                    backoff.reset()
                else:
                    await asyncio.sleep(backoff.next())
        finally:
            await self._topics.close()

    def rest(self) -> float:
        """For how many seconds nothing need be pulled, since Kafka brings the list in time; a short time at once."""
        return self._beats.rest()

    async def turn(self) -> bool:
        """Fetch once and use it; whether all of it held. Raises FuyuanError where neither Kafka nor pull answers."""
        rest = self._pace.rest() if self._in_a_list else 0.0
        fetched = await self._topics.fetch(FETCH_SECONDS, rest=rest)
        if "bulk" in fetched.events:
            self._in_a_list = True
        elif not rest and not fetched.events:  # behind a withdrawal the list goes on
            self._in_a_list = False
        good = fetched.unreadable == 0
        if fetched.heartbeat is not None:
            good = self._beats.take(fetched.heartbeat) and good
        while fetched.events:
            standing, terms = await self._pages.ground()
            following = follow_on(fetched.events, standing)
            if following.records:
                good = await self._use(following, standing, terms, fetched.offsets) and good
            elif not following.beyond:
                await self._pages.brought([], terms, fetched.offsets)  # pull was faster; the topic is read all the same
            if not following.beyond or not good:
                break
            if not await self._catch_up():
                log.warning("numbers-missing", contract=terms.id)  # pull does not know them either, or not yet
                break
        if not good:
            log.error("message-refused")
            while await self._catch_up():
                pass
        await self._beats.use(fetched.offsets)
        return good

    async def _use(self, following: Next, standing: Standing, terms: Terms, offsets: Mapping[str, int]) -> bool:
        parents = [trace.extract(record.headers) for record in following.records]
        about = {"contract": terms.id, "count": len(parents)}
        try:
            with trace.spans("take", parents, kind=SpanKind.CONSUMER, **about):
                events = [read_event(record) for record in following.records]
                applied = await self._pages.brought(events, terms, {} if following.beyond else dict(offsets))
        except (BadMessage, Broken):
            return False
        self._beats.moved(standing.priority, applied)
        return True


def follow_on(events: Mapping[Lane, Sequence[ConsumerRecord]], standing: Standing) -> Next:
    """Of messages in the order of their topics, those that follow the applied numbers without a gap, priority first.

    What is applied already is passed over, in whatever order it comes.
    """
    records, beyond = [], False
    for lane in LANES:
        expected = standing.applied(lane) + 1
        for record in events.get(lane, ()):
            number = read_number(record.headers) or 0
            if number > expected:
                beyond = True
                break
            if number == expected:
                records.append(record)
                expected += 1
    return Next(records, beyond)
