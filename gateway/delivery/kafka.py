"""Feeding Kafka: each lane of a contract that names it goes into a topic of its own (rules D3, D8-D11).

A lane is claimed, sent run by run up to its last number, and let go. The claim is a lease with a fencing epoch, so any
number of processes may try; whoever finds something new first sends it. A number is stored as sent once the broker
has acknowledged it; behind an error sending begins anew from there. What that sends twice readers pass over.

A run is made with its messages, and then waits for all that may keep it. Only then is it entered as shown, under the
contract and the claim as they stand, and it goes out at once: what a contract does not allow any more is not sent late.

Bulk does not hold up priority: the lanes of all contracts are in flight side by side, and none keeps a database
connection while it waits for the broker.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeVar

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from contracts.lifecycle import IN_FORCE
from gateway import trace
from gateway.backoff import Backoff
from gateway.beside import beside
from gateway.broker import LARGEST_MESSAGE
from gateway.clock import Clock, china_date
from gateway.delivery.claims import Claim, Claims
from gateway.delivery.coverage import Agreement, read_agreement
from gateway.delivery.heartbeat import Heartbeats
from gateway.delivery.log import RUN
from gateway.delivery.producer import Producer
from gateway.delivery.send import Run, Sender
from gateway.delivery.wakeup import Wakeup
from gateway.errors import FuyuanError, NotFound
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import contract, kafka_lane
from gateway.journal.tables import lane as lane_table
from gateway.precedence import Precedence
from gateway.trust.documents import LANES, Lane
from schemas.envelope import Message, topic_of, write_event, write_heartbeat

log = structlog.get_logger(__name__)

S = TypeVar("S")
T = TypeVar("T")

BEATS_IN_A_LEASE: Final = 3  # heartbeats, within the lease that the contract gives them (rule D11)
IDLE_SECONDS: Final = 1.0
IN_FLIGHT: Final = 16  # runs of bulk: a withdrawal is sent behind what one request to the broker carries of them
BURST_SECONDS: Final = 5.0  # bursts that follow one another share a heartbeat


@dataclass(frozen=True, slots=True)
class Made:
    """A run that may be entered and go out: its messages, and for each the `traceparent` that its event came by."""

    run: Run
    messages: list[tuple[Message, str | None]]

    def carrying(self, begun: Mapping[str | None, str | None]) -> list[Message]:
        """The messages with the `traceparent` that was `begun` for each; once. The event loop copies none of them."""
        headers = {came_by: trace.inject([], parent) for came_by, parent in begun.items()}
        for message, came_by in self.messages:
            message.headers.extend(headers[came_by])
        return [message for message, _ in self.messages]


class KafkaLanes:
    def __init__(
        self,
        engine: JournalEngine,
        clock: Clock,
        sender: Sender,
        heartbeats: Heartbeats,
        producer: Producer,
        numbered: Wakeup,
        gateway: str,
        precedence: Precedence,
    ) -> None:
        """`numbered` is signalled when numbers were given; `gateway` is the party id in the messages' source."""
        self._engine = engine
        self._clock = clock
        self._sender = sender
        self._heartbeats = heartbeats
        self._producer = producer
        self._numbered = numbered
        self._gateway = gateway
        self._precedence = precedence
        self._claims = Claims(engine, clock)
        self._feeding: dict[tuple[str, Lane], asyncio.Task[None]] = {}
        self._beating: dict[str, asyncio.Task[None]] = {}
        self._in_flight = asyncio.Semaphore(IN_FLIGHT)
        self._turn = asyncio.Lock()  # one run of bulk is made at a time: a withdrawal has to get past it
        self._beat_at: dict[str, float] = {}
        self._beat_every: dict[tuple[str, int], float] = {}
        self._untold: set[str] = set()  # contracts that have sent something since
        self._beats_seen_to = float("-inf")

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                ticket = self._numbered.ticket()
                try:
                    for contract_id, lane in await self._behind():
                        self._feed(contract_id, lane)
                    await self._keep_beating()
                except SQLAlchemyError:
                    log.exception("feeding-failed")
                    await asyncio.sleep(IDLE_SECONDS)
                    continue
                await self._numbered.wait(ticket, IDLE_SECONDS)
        finally:
            tasks = [*self._feeding.values(), *self._beating.values()]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def close(self) -> None:
        """Leave the broker; behind `run`, or without it."""
        await self._producer.stop()

    async def drain(self, contract_id: str, lane: Lane) -> int:
        """Claim the lane and send all that it has; how many numbers. 0 where another process holds it.

        Raises Unavailable where the broker does not take it.
        """
        count = 0
        claim, made = await self._begin(contract_id, lane)
        while claim is not None and made is not None:
            if len(made.run.traces) < RUN:
                stored, made = await self._deliver(claim, made), None
            else:  # the next run is made while the broker takes this one
                stored, made = await _beside(self._deliver(claim, made), self._follow(claim, made.run.sealed.last))
            if stored is None:  # the contract has changed meanwhile, or somebody else has the lane
                claim, made = await self._begin(contract_id, lane)
                continue
            count += stored.sent - claim.sent
            claim = stored
            if made is None and claim.held:
                made = await self._follow(claim, claim.sent)
        if claim is not None and claim.held:
            await self._claims.let_go(claim)
        return count

    async def _begin(self, contract_id: str, lane: Lane) -> tuple[Claim | None, Made | None]:
        """Claim the lane, and make its next run. Claimed only once it is our turn: a lease does not last that long."""
        async with self._turn_of(lane):
            claim = await self._claims.claim(contract_id, lane)
            return claim, None if claim is None else await self._make(claim, claim.sent)

    async def _follow(self, claim: Claim, after: int) -> Made | None:
        """The run behind number `after`."""
        async with self._turn_of(claim.lane):
            return await self._make(claim, after)

    def _turn_of(self, lane: Lane) -> AbstractAsyncContextManager[None]:
        return nullcontext() if lane == "priority" else self._turn

    async def _make(self, claim: Claim, after: int) -> Made | None:
        if claim.lane == "bulk":
            await self._precedence.give_way()  # the one whose turn it is, so that those behind it wait too
        run = await self._sender.prepare(claim.contract, claim.lane, after, self._may_feed)
        return None if run is None else Made(run, await beside(len(run.traces), partial(self._messages, run)))

    async def _deliver(self, claim: Claim, made: Made) -> Claim | None:
        """Enter the run, send it, and store that the broker has it. None where the contract or the claim is not as it
        was.
        """
        run, topic = made.run, topic_of(claim.contract, claim.lane)
        about = {"contract": claim.contract, "lane": claim.lane, "count": len(run.traces)}
        async with nullcontext() if claim.lane == "priority" else self._in_flight:
            reached = await self._producer.reach(topic)
            if not await self._sender.enter(run, self._may_feed, partial(self._claims.renew, claim)):
                log.info("run-not-entered", contract=claim.contract, lane=claim.lane)
                return None
            with trace.spans("produce", run.traces, kind=SpanKind.PRODUCER, **about) as begun:
                await self._producer.send(topic, made.carrying(begun), reached)
        stored = await self._claims.store(claim, run.sealed.last)
        if stored is None:
            log.warning("lane-lost", contract=claim.contract, lane=claim.lane)
        return stored

    async def beat(self, contract_id: str) -> None:
        """Send a heartbeat. Raises Unavailable, and NotFound where there is nothing to tell of."""
        beat = await self._heartbeats.sign(contract_id)
        message = write_heartbeat(beat.token, contract=contract_id, gateway=self._gateway, at=beat.at)
        await self._producer.send(topic_of(contract_id, "priority"), [message])
        self._beat_at[contract_id] = asyncio.get_running_loop().time()

    async def _behind(self) -> Sequence[tuple[str, Lane]]:
        """The lanes that have more than was sent, priority first."""
        async with self._engine.single() as connection:
            found = [(row.contract, row.lane) for row in await connection.execute(_BEHIND)]
        return sorted(found, key=lambda one: LANES.index(one[1]))

    def _feed(self, contract_id: str, lane: Lane) -> None:
        if (contract_id, lane) not in self._feeding:
            task = asyncio.create_task(self._keep_draining(contract_id, lane), name=f"feed {contract_id} {lane}")
            self._feeding[contract_id, lane] = task

    async def _keep_draining(self, contract_id: str, lane: Lane) -> None:
        """Drain until it succeeds, then tell how far the lanes reach, where the other lane is not still on its way."""
        backoff = Backoff()
        sent = 0
        try:
            while True:
                try:
                    with self._precedence.taken() if lane == "priority" else self._precedence.list_going_out():
                        sent = await self.drain(contract_id, lane)
                    break
                except (FuyuanError, SQLAlchemyError) as error:
                    log.warning("lane-delayed", contract=contract_id, lane=lane, error=type(error).__name__)
                    await asyncio.sleep(backoff.next())
        finally:
            del self._feeding[contract_id, lane]
        if sent:
            self._numbered.signal()  # what was given meanwhile was not looked at
            if not any((contract_id, other) in self._feeding for other in LANES):
                self._untold.add(contract_id)
                if asyncio.get_running_loop().time() >= self._last_beat(contract_id) + BURST_SECONDS:
                    self._beat_soon(contract_id)

    async def _keep_beating(self) -> None:
        """A heartbeat for each contract whose last one grows old; looked after once a second."""
        now = asyncio.get_running_loop().time()
        if now < self._beats_seen_to + IDLE_SECONDS:
            return
        self._beats_seen_to = now
        async with self._engine.single() as connection:
            for row in (await connection.execute(_FED)).all():
                key = (row.id, row.version)
                if key not in self._beat_every:
                    agreement = await read_agreement(connection, row.id)
                    if agreement is None:
                        continue
                    lease = agreement.policy.terms.duties.heartbeat_lease_seconds
                    self._beat_every[key] = lease / BEATS_IN_A_LEASE
                # A little early, for it is looked after only now and then.
                due = self._last_beat(row.id) + self._beat_every[key] - IDLE_SECONDS
                if now >= (min(due, self._last_beat(row.id) + BURST_SECONDS) if row.id in self._untold else due):
                    self._beat_soon(row.id)

    def _last_beat(self, contract_id: str) -> float:
        return self._beat_at.get(contract_id, float("-inf"))

    def _beat_soon(self, contract_id: str) -> None:
        if contract_id not in self._beating:
            task = asyncio.create_task(self._try_beating(contract_id), name=f"beat {contract_id}")
            self._beating[contract_id] = task
            task.add_done_callback(lambda _: self._beating.pop(contract_id, None))

    async def _try_beating(self, contract_id: str) -> None:
        self._untold.discard(contract_id)
        try:
            await self.beat(contract_id)
        except NotFound:
            pass  # closed a moment ago
        except (FuyuanError, SQLAlchemyError) as error:
            log.warning("heartbeat-delayed", contract=contract_id, error=type(error).__name__)
            await asyncio.sleep(IDLE_SECONDS)

    def _may_feed(self, agreement: Agreement) -> bool:
        """By the contract as it stands now (D10). Behind its last day nothing goes out; who pulls learns of its end."""
        terms = agreement.policy.terms
        today = china_date(self._clock.now())
        return agreement.state in IN_FORCE and "kafka" in terms.delivery and today <= terms.valid_until

    def _messages(self, run: Run) -> list[tuple[Message, str | None]]:
        """One for each event. One that is larger than a message may be is left out: the gap sends readers to pull."""
        messages = []
        for event, came_by in zip(run.sealed.events, run.traces, strict=True):
            message = write_event(event, gateway=self._gateway, at=run.sealed.at)
            if message.size > LARGEST_MESSAGE:
                log.warning("event-too-large", contract=event["contract"], lane=run.sealed.lane, number=event["number"])
            else:
                messages.append((message, came_by))
        return messages


async def _beside(sending: Coroutine[None, None, S], making: Coroutine[None, None, T]) -> tuple[S, T]:
    """Do both. What is being sent is waited for whatever becomes of the other, unless we are cancelled."""
    on_its_way = asyncio.create_task(sending)
    try:
        made = await making
    except asyncio.CancelledError:
        on_its_way.cancel()
        raise
    finally:
        sent = await on_its_way
    return sent, made


# Made once: to build a statement costs as much as to carry it out.
_BEHIND: Final = (
    select(lane_table.c.contract, lane_table.c.lane)
    .join(kafka_lane, (kafka_lane.c.contract == lane_table.c.contract) & (kafka_lane.c.lane == lane_table.c.lane))
    .join(contract, contract.c.id == lane_table.c.contract)
    .where(contract.c.state.in_(IN_FORCE), lane_table.c.last > kafka_lane.c.sent)
)
_FED: Final = (
    select(contract.c.id, contract.c.version)
    .where(contract.c.state.in_(IN_FORCE), contract.c.id.in_(select(kafka_lane.c.contract)))
    .order_by(contract.c.id)
)
