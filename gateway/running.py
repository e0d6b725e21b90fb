"""A running gateway: its parts, and the background work between start and stop."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog
from sqlalchemy.exc import SQLAlchemyError

from gateway.admin.registry import Registry
from gateway.clock import Clock
from gateway.control.clocks import Clocks
from gateway.delivery.coverage import contract_ids
from gateway.delivery.heartbeat import Heartbeats
from gateway.delivery.kafka import KafkaLanes
from gateway.delivery.neighbours import exchange_signals
from gateway.delivery.pull import Pull
from gateway.delivery.reconcile import Reconciler
from gateway.delivery.route import Behind, Router
from gateway.delivery.wakeup import Wakeup
from gateway.intake import Intake
from gateway.journal.engine import JournalEngine
from gateway.journal.nonces import Nonces
from gateway.journal.proofs import Proofs
from gateway.metrics import Metrics
from gateway.precedence import LONGEST_SECONDS, Precedence
from gateway.push.topics import PushTopics
from gateway.reading.reading import Reading
from gateway.receipt_delays import Delays
from gateway.receipts import Receipts
from gateway.settings import Settings

log = structlog.get_logger(__name__)

IDLE_SECONDS = 1.0
ABREAST = 4  # priority lanes that are routed at once, where the database has several writers
PASS_SECONDS = 0.05  # of steps, before it is looked anew for what overtakes them


@dataclass(slots=True)
class Running:
    """What the HTTP face and the commands call. Made by `gateway.wiring.open_gateway`; `stop` it, started or not."""

    settings: Settings
    engine: JournalEngine
    clock: Clock
    registry: Registry
    reading: Reading
    intake: Intake
    receipts: Receipts
    pull: Pull
    proofs: Proofs
    nonces: Nonces
    router: Router
    heartbeats: Heartbeats
    kafka: KafkaLanes | None
    pushes: PushTopics | None
    wakeup: Wakeup
    metrics: Metrics
    delays: Delays
    clocks: Clocks
    precedence: Precedence
    reconciler: Reconciler | None = None
    _abreast: asyncio.Semaphore = field(init=False)
    _bulk_at: float = float("-inf")  # when a step of bulk was last routed
    _background: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._abreast = asyncio.Semaphore(ABREAST if self.engine.dialect.name == "postgresql" else 1)

    def start(self) -> None:
        """Begin the background work. Routing is part of it, so that a snapshot is ready before its subscriber asks."""
        self._background.append(asyncio.create_task(self._route(), name="routing"))
        self._background.append(asyncio.create_task(self.clocks.run(), name="control-clocks"))
        if self.engine.dialect.name == "postgresql":
            neighbours = exchange_signals(self.engine, self.wakeup)
            self._background.append(asyncio.create_task(neighbours, name="neighbours"))
        if self.kafka is not None:
            self._background.append(asyncio.create_task(self.kafka.run(), name="kafka"))
        if self.pushes is not None:
            self._background.append(asyncio.create_task(self.pushes.run(), name="pushes"))
        if self.reconciler is not None:
            self._background.append(asyncio.create_task(self.reconciler.run(), name="reconciling"))

    async def stop(self) -> None:
        """End the background work and what reads beside it, and close the database."""
        for task in self._background:
            task.cancel()
        ended = await asyncio.gather(*self._background, return_exceptions=True)
        for task, error in zip(self._background, ended, strict=True):
            if isinstance(error, Exception):
                log.error("background-ended", step=task.get_name(), exc_info=error)
        if self.kafka is not None:
            await self.kafka.close()
        if self.pushes is not None:
            await self.pushes.close()
        await self.reading.close()
        await self.engine.dispose()

    @property
    def background_ended(self) -> bool:
        """Whether some of the background work is over, by an error that nobody expected."""
        return any(task.done() for task in self._background)

    async def _route(self) -> None:
        while True:
            ticket = self.wakeup.ticket()
            try:
                moved = await self._route_each(ticket)
            except SQLAlchemyError:
                log.exception("routing-failed")
                self.metrics.count_routing_failure()
                await asyncio.sleep(IDLE_SECONDS)
                continue
            if not moved:
                await self.wakeup.wait(ticket, IDLE_SECONDS)

    async def _route_each(self, ticket: int) -> bool:
        """One step for each lane that is behind, priority first, until the journal grows: a withdrawal may wait for a
        step or a moment, not for all that a long list gives to do. False where nothing was to be done.
        """
        before = self.clock.now()
        async with self.engine.single() as connection:
            ids = await contract_ids(connection)
        behind = await self.router.behind()
        for contract_id in set(ids) - {one.contract for one in behind}:
            self.heartbeats.complete(contract_id, before)
        moved = await self._route_priority([one for one in behind if one.lane == "priority"])
        now = asyncio.get_running_loop().time
        until = now() + PASS_SECONDS

        def grown() -> bool:
            return self.wakeup.ticket() != ticket

        for one in (each for each in behind if each.lane == "bulk"):
            await self.precedence.give_way(unless=grown)
            overtaken = grown() and (self.precedence.is_taken or now() >= until)
            if moved and overtaken and now() < self._bulk_at + LONGEST_SECONDS:
                break
            moved = await self.router.advance(one) or moved
            self._bulk_at = now()
        return moved

    async def _route_priority(self, behind: Sequence[Behind]) -> bool:
        """One step for each, some side by side: of ten agencies the last one shall not wait for the other nine."""

        async def advance(one: Behind) -> bool:
            async with self._abreast:
                return await self.router.advance(one)

        if not behind:
            return False
        with self.precedence.taken():
            steps = await asyncio.gather(*map(advance, behind), return_exceptions=True)
        for step in steps:
            if isinstance(step, BaseException):  # none is left at work when it is told
                raise step
        return True in steps
