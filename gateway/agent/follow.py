"""Following a contract: read, verify, apply, and carry out what follows from it. Loops side by side, for ever.

One pulls, one follows Kafka where that is set, and both write the index. One looks up in the register what waits, and
judges standing holds anew each day. One tells the register, so that a release waits for no look-up of a long list. Two
send receipts, those of the screening process too: what was done at once, what was received when more of it is there.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Final

import structlog

from gateway.agent.closing import Closing
from gateway.agent.enforce import AT_ONCE, Register, Row, Task, next_task, settle
from gateway.agent.history import expire
from gateway.agent.holds import sweep
from gateway.agent.index import Change
from gateway.agent.kafka import KafkaFollower
from gateway.agent.outbox import Outbox
from gateway.agent.pages import Pages
from gateway.agent.parts import Parts
from gateway.agent.standing import (
    is_due,
    read_ground,
    read_standing,
    read_terms,
    unknown_because,
    write_standing,
)
from gateway.agent.topics import Topics
from gateway.agent.trusted import Trust
from gateway.backoff import Backoff
from gateway.client import GatewayClient
from gateway.clock import Clock, china_date
from gateway.errors import Broken, FuyuanError
from gateway.pace import Pace
from gateway.trace import span, spans
from gateway.trust.documents import Lane

log = structlog.get_logger(__name__)

LONGEST_WAIT_SECONDS: Final = 25.0
BESIDE_KAFKA_SECONDS: Final = 2.0  # a pull that waits longer would bring what Kafka brings too
LEASE_SHARE: Final = 3  # a heartbeat comes at least this often within its lease
IDLE_SECONDS: Final = 1.0
WATCH_SECONDS: Final = 0.1  # how soon what the screening process wrote is noticed
FASTEST_SECONDS: Final = 0.1  # between two empty pages, where the gateway does not let us wait


class Follower:
    def __init__(
        self,
        parts: Parts,
        clock: Clock,
        client: GatewayClient,
        read_trust: Callable[[], Trust],
        register: Register | None,
        topics: Topics | None = None,
    ) -> None:
        """`read_trust` as for `Pages`. `topics`: the contract's, where it is to be followed by Kafka as well."""
        self._parts = parts
        self._clock = clock
        self._client = client
        self._register = register
        self._outbox = Outbox(parts.index, register, client.send_receipts, kill_switch=parts.kill_switch)
        self._closing = Closing(parts, client.send_receipts)
        self._wake = asyncio.Event()
        self._wake_telling = asyncio.Event()
        self._wake_soon = asyncio.Event()
        self._wake_patient = asyncio.Event()
        self._pages = Pages(parts, clock, client, read_trust, self._applied)
        self._pulled_well = True
        self._pace = Pace()
        self._kafka = None if topics is None else KafkaFollower(topics, self._pages, clock, self._catch_up)

    async def run(self) -> None:
        """Until cancelled. Once the contract is closed, nothing is read any more."""
        async with asyncio.TaskGroup() as group:
            pulling = group.create_task(self._pull(), name="pull")
            if self._kafka is not None:
                following = group.create_task(self._kafka.run(), name="kafka")
                pulling.add_done_callback(lambda _: following.cancel())
            group.create_task(_again(self._match, self._wake), name="match")
            group.create_task(_again(self._carry_out, self._wake_telling), name="orders")
            group.create_task(_again(self._outbox.send_soon, self._wake_soon), name="receipts")
            group.create_task(_again(self._send_patiently, self._wake_patient), name="receipts with time")
            group.create_task(self._watch(), name="watch")

    async def pull_once(self, wait: float | None = None) -> int:
        """One page; the number of events that were new. Raises FuyuanError; an unverified page leaves its mark."""
        standing, terms = await self._pages.ground()
        if wait is None:
            longest = LONGEST_WAIT_SECONDS if self._kafka is None else BESIDE_KAFKA_SECONDS
            wait = min(longest, terms.duties.heartbeat_lease_seconds / LEASE_SHARE)
        behind: dict[Lane, int] = {"priority": standing.priority, "bulk": standing.bulk}
        page = await self._client.events(self._parts.contract, behind, wait=wait)
        return (await self._pages.pulled(page, standing, terms)).new

    async def carry_out_once(self) -> bool:
        """Judge standing holds anew if that is due, look up what waits, empty the outbox; True where all was done."""
        matched = await self._match()
        carried_out = await self._carry_out()
        sent = await self._outbox.send() and await self._closing.close_if_done()
        return sent and matched and carried_out

    async def _match(self) -> bool:
        """Judge standing holds anew if that is due, and look up in the register what waits."""
        try:
            while await asyncio.to_thread(self._sweep_and_look_up):
                self._wake_telling.set()
                await self._pace.free()
        except OSError as error:
            log.warning("register-unreachable", error=type(error).__name__)
            return False
        else:
            return True
        finally:
            self._wake_telling.set()
            self._wake_senders()

    async def _carry_out(self) -> bool:
        carried_out = await self._outbox.carry_out()
        self._wake_senders()
        return carried_out

    async def _send_patiently(self) -> bool:
        """Send the receipts that have time; where nothing is left to do and the contract is over, close it."""
        return await self._outbox.send_patiently() and await self._closing.close_if_done()

    async def _pull(self) -> None:
        """Page by page, until the contract is closed; while Kafka brings the list in time there is nothing to pull."""
        backoff = Backoff()
        loop = asyncio.get_running_loop()
        while not self._closing.is_closed():
            if self._kafka is not None and self._pulled_well and (rest := self._kafka.rest()):
                await asyncio.sleep(rest)
                continue
            began = loop.time()
            try:
                with span("pull"):
                    new = await self.pull_once()
            except FuyuanError as error:
                self._pulled_well = False
                if isinstance(error, Broken):
                    log.error("page-refused", code=error.code)  # noqa: TRY400 - the code says it; an alarm, no bug
                    with contextlib.suppress(FuyuanError):
                        await self._pages.renew_trust()
                else:
                    log.warning("pull-failed", code=error.code)
                await asyncio.sleep(backoff.next())
                continue
            self._pulled_well = True
            backoff.reset()
            if not new:
                await asyncio.sleep(max(0.0, FASTEST_SECONDS - (loop.time() - began)))

    async def _catch_up(self) -> bool:
        """Pull once without waiting; whether anything was new. Raises FuyuanError."""
        return bool(await self.pull_once(wait=0))

    def _applied(self) -> None:
        self._wake.set()
        self._wake_telling.set()
        self._wake_senders()

    def _wake_senders(self) -> None:
        self._wake_soon.set()
        self._wake_patient.set()

    async def _watch(self) -> None:
        """Notice what the screening process puts into the outbox."""
        seen = 0
        while True:
            if (number := self._parts.index.last_number()) != seen:
                seen = number
                self._wake_telling.set()
                self._wake_senders()
            await asyncio.sleep(WATCH_SECONDS)

    def _sweep_and_look_up(self) -> bool:
        self._sweep()  # before each look-up: a release hangs on it, and the list may be long
        return self._look_up()

    def _sweep(self) -> None:
        today = china_date(self._clock.now())
        if not is_due(self._parts.ground()[0], today):
            return

        def work(change: Change) -> None:
            parts = self._parts
            terms = read_terms(change, parts.contract)
            if terms is not None:
                sweep(change, parts.scribe, parts.keyed, terms, today)
                expire(change, parts.keyed, terms.duties.retention.content_days, today)
                standing = read_standing(change, parts.contract)
                write_standing(change, parts.contract, replace(standing, rescan=False, swept_on=today.isoformat()))

        self._parts.index.write(work)

    def _look_up(self) -> bool:
        """Hold what stands in the register of those that wait; True where more may wait behind them."""
        register = self._register
        if register is None or self._parts.kill_switch.exists():
            return False
        task = next_task(self._parts.index, self._parts.keyed)
        if task is None or unknown_because(*self._parts.ground(), self._clock.now()) is not None:
            return False
        with spans("match", task.traces, count=len(task.waiting)):
            rows = register.find(task.wanted) if task.wanted else []
            log.debug("step", step="match", count=self._settle(task, rows))
        return len(task.waiting) == AT_ONCE

    def _settle(self, task: Task, rows: Sequence[Row]) -> int:
        """By the terms as they stand now: the contract may have ended, or changed, while the register was asked."""
        parts, now = self._parts, self._clock.now()

        def work(change: Change) -> int:
            standing, terms = read_ground(change, parts.contract)
            if terms is None or unknown_because(standing, terms, now) is not None:
                return 0  # what waits goes on waiting
            return settle(change, parts.scribe, parts.keyed, terms.effects, task, rows, china_date(now))

        return parts.index.write(work)


async def _again(work: Callable[[], Awaitable[bool]], wake: asyncio.Event) -> None:
    """Do `work` when woken, and now and then anyway, for a day may have begun; later where it failed."""
    backoff = Backoff()
    while True:
        wake.clear()
        if await work():
            backoff.reset()
            pause = IDLE_SECONDS
        else:
            pause = backoff.next()
        with contextlib.suppress(TimeoutError):
            # Not wait_for: in Python 3.11 it swallows a cancellation that comes in the same moment.
            async with asyncio.timeout(pause):
                await wake.wait()
