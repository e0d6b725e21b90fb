"""Feeding Kafka: each lane of a contract that names it goes into a topic of its own (rules D3, D8-D11).

A lane is claimed, sent run by run up to its last number, and let go. The claim is a lease with a fencing epoch, so any
number of processes may try; whoever finds something new first sends it. A number is stored as sent once the broker
has acknowledged it; behind an error sending begins anew from there. What that sends twice readers pass over.

Bulk does not hold up priority: the lanes of all contracts are in flight side by side, and none keeps a database
connection while it waits for the broker.
"""

import asyncio
from collections.abc import Coroutine, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Final, TypeVar

import structlog
from opentelemetry.trace import SpanKind
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from contracts.lifecycle import IN_FORCE
from gateway import trace
from gateway.backoff import Backoff
from gateway.beside import SHORT
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

T = TypeVar("T")

BEATS_IN_A_LEASE: Final = 3  # heartbeats, within the lease that the contract gives them (rule D11)
IDLE_SECONDS: Final = 1.0
IN_FLIGHT: Final = 16  # runs of bulk: a withdrawal is sent behind what one request to the broker carries of them
BURST_SECONDS: Final = 5.0  # bursts that follow one another share a heartbeat


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
        """Claim the lane and send all that it has; the number of events sent. 0 where another process holds it.

        Raises Unavailable where the broker does not take it.
        """
        claim = await self._claims.claim(contract_id, lane)
        if claim is None:
            return 0
        count = 0
        run = await self._prepare(claim, claim.sent)
        while run is not None:
            if not await self._sender.enter(run, self._may_feed):
                run = await self._prepare(claim, claim.sent)  # the contract has changed meanwhile
                continue
            following = None
            if len(run.traces) < RUN:
                await self._produce(run)
            else:  # the next run is made while the broker takes this one
                following = await _beside(self._produce(run), self._prepare(claim, run.sealed.last))
            count += len(run.traces)
            stored = await self._claims.store(claim, run.sealed.last, goes_on=following is not None)
            if stored is None:
                log.warning("lane-lost", contract=contract_id, lane=lane)
                return count
            claim, run = stored, following
            if run is None and claim.held:
                run = await self._prepare(claim, claim.sent)
        if claim.held:
            await self._claims.let_go(claim)
        return count

    async def _prepare(self, claim: Claim, sent: int) -> Run | None:
        if claim.lane == "priority":
            return await self._sender.prepare(claim.contract, claim.lane, sent, self._may_feed)
        async with self._turn:
            await self._precedence.give_way()  # the one whose turn it is, so that those behind it wait too
            return await self._sender.prepare(claim.contract, claim.lane, sent, self._may_feed)

    async def _produce(self, run: Run) -> None:
        contract_id, lane = run.agreement.id, run.sealed.lane
        about = {"contract": contract_id, "lane": lane, "count": len(run.traces)}
        with trace.spans("produce", run.traces, kind=SpanKind.PRODUCER, **about) as begun:
            if len(run.traces) <= SHORT:
                messages = self._messages(run, begun)
            else:
                async with nullcontext() if lane == "priority" else self._turn:
                    messages = await asyncio.to_thread(self._messages, run, begun)
            async with nullcontext() if lane == "priority" else self._in_flight:
                await self._producer.send(topic_of(contract_id, lane), messages)

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

    def _messages(self, run: Run, begun: Mapping[str | None, str | None]) -> list[Message]:
        """One for each event, with the `traceparent` that was `begun` for its trace.

        One that is larger than a message may be is left out: the gap sends readers to pull.
        """
        messages = []
        for event, came_by in zip(run.sealed.events, run.traces, strict=True):
            message = write_event(event, gateway=self._gateway, at=run.sealed.at)
            message = replace(message, headers=trace.inject(message.headers, begun[came_by]))
            if message.size > LARGEST_MESSAGE:
                log.warning("event-too-large", contract=event["contract"], lane=run.sealed.lane, number=event["number"])
            else:
                messages.append(message)
        return messages


async def _beside(sending: Coroutine[None, None, None], preparing: Coroutine[None, None, T]) -> T:
    """Do both. What is being sent is waited for whatever becomes of the other, unless we are cancelled."""
    on_its_way = asyncio.create_task(sending)
    try:
        return await preparing
    except asyncio.CancelledError:
        on_its_way.cancel()
        raise
    finally:
        await on_its_way


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
