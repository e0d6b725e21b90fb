"""Following a contract: pull, verify, apply, and carry out what follows from it. Three loops side by side, for ever.

One pulls, and writes the index. One looks up in the register what waits, judges standing holds anew each day, and
carries out what the register is to be told. One sends receipts, its own and those of the screening process.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import structlog

from contracts.model import Terms
from gateway.agent.apply import Applied, apply_events, look_up_all
from gateway.agent.backoff import Backoff
from gateway.agent.closing import Closing
from gateway.agent.enforce import Register, Row, Task, next_task, settle
from gateway.agent.holds import sweep
from gateway.agent.index import Change
from gateway.agent.outbox import Outbox
from gateway.agent.parts import Parts
from gateway.agent.standing import (
    Standing,
    beaten,
    is_due,
    read_standing,
    read_terms,
    unknown_because,
    write_standing,
)
from gateway.agent.trusted import Checked, Trust, check_tree
from gateway.client import GatewayClient
from gateway.clock import Clock, china_date, unstamp
from gateway.errors import Broken, FuyuanError
from schemas.canonical import JsonObject

log = structlog.get_logger(__name__)

LONGEST_WAIT_SECONDS: Final = 25.0
LEASE_SHARE: Final = 3  # a heartbeat comes at least this often within its lease
IDLE_SECONDS: Final = 0.05  # how soon what the screening process wrote is noticed
FASTEST_SECONDS: Final = 0.1  # between two empty pages, where the gateway does not let us wait


@dataclass(frozen=True, slots=True)
class Ground:
    standing: Standing
    terms: Terms | None


class Follower:
    def __init__(
        self,
        parts: Parts,
        clock: Clock,
        client: GatewayClient,
        read_trust: Callable[[], Trust],
        register: Register | None,
    ) -> None:
        """`read_trust` reads the trusted keys; it is called again where their file changed, and behind a failure."""
        self._parts = parts
        self._clock = clock
        self._client = client
        self._read_trust = read_trust
        self._read_as = _written(parts.trusted_keys)
        self._trust = read_trust()
        self._register = register
        self._outbox = Outbox(parts.index, register, client.send_receipts, kill_switch=parts.kill_switch)
        self._closing = Closing(parts, client.send_receipts)
        self._wake = asyncio.Event()
        self._wake_sending = asyncio.Event()

    async def run(self) -> None:
        """Until cancelled. Once the contract is closed, nothing is pulled any more."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._pull(), name="pull")
            group.create_task(_again(self._on_register, self._wake), name="register")
            group.create_task(_again(self._tell, self._wake_sending), name="receipts")

    async def pull_once(self, wait: float | None = None) -> int:
        """One page; the number of events that were new. Raises FuyuanError; an unverified page leaves its mark."""
        await asyncio.to_thread(self._renew_trust)
        ground = await asyncio.to_thread(self._ground)
        terms = ground.terms
        if terms is None or ground.standing.version > terms.version:
            terms = await self._read_contract()
        if wait is None:
            wait = min(LONGEST_WAIT_SECONDS, terms.duties.heartbeat_lease_seconds / LEASE_SHARE)
        page = await self._client.events(self._parts.contract, ground.standing.cursor, wait=wait)
        try:
            checked = await asyncio.to_thread(self._trust.page, page, terms, ground.standing)
            await self._check_tree(checked, ground.standing)
        except Broken as error:
            await asyncio.to_thread(self._mark, error.code)
            raise
        log.debug("step", step="verify", count=len(checked.events))
        applied = await asyncio.to_thread(self._parts.index.write, lambda change: self._apply(change, checked))
        log.debug("step", step="index", count=applied.new)
        if checked.heartbeat.contract_version > terms.version:
            await self._read_contract()
        self._wake.set()
        self._wake_sending.set()
        if applied.gap:
            raise Broken("numbers-missing", "A page skips numbers; what is missing is pulled again.")
        return applied.new

    async def carry_out_once(self) -> bool:
        """Judge standing holds anew if that is due, look up what waits, empty the outbox; True where all was done."""
        carried_out = await self._on_register()
        return await self._tell() and carried_out

    async def _tell(self) -> bool:
        """Send what is to be told; where nothing is left of that and the contract is over, close it."""
        return await self._outbox.send() and await self._closing.close_if_done()

    async def _on_register(self) -> bool:
        await asyncio.to_thread(self._sweep)
        try:
            found = await asyncio.to_thread(self._look_up)
        except OSError as error:
            log.warning("register-unreachable", error=type(error).__name__)
            found = False
        carried_out = await self._outbox.carry_out()
        self._wake_sending.set()
        return carried_out and found

    async def _pull(self) -> None:
        backoff = Backoff()
        loop = asyncio.get_running_loop()
        while not await asyncio.to_thread(self._closing.is_closed):
            began = loop.time()
            try:
                new = await self.pull_once()
            except FuyuanError as error:
                if isinstance(error, Broken):
                    log.error("page-refused", code=error.code)  # noqa: TRY400 - the code says it; an alarm, no bug
                    with contextlib.suppress(FuyuanError):
                        self._trust = await asyncio.to_thread(self._read_trust)
                else:
                    log.warning("pull-failed", code=error.code)
                await asyncio.sleep(backoff.next())
                continue
            backoff.reset()
            if not new:
                await asyncio.sleep(max(0.0, FASTEST_SECONDS - (loop.time() - began)))

    async def _check_tree(self, checked: Checked, standing: Standing) -> None:
        """The journal goes on from the tree that was seen last, or it was set back or forked (D12)."""
        seen, shown = standing.checkpoint, checked.heartbeat.checkpoint
        proof: JsonObject = {"path": []}
        if seen is not None and standing.tree_size < shown.size:
            proof = await self._client.consistency(standing.tree_size, shown.size)
        check_tree(standing, shown, proof)

    def _renew_trust(self) -> None:
        """A key that the operator has revoked counts no more from the next page on."""
        written = _written(self._parts.trusted_keys)
        if written != self._read_as:
            self._trust, self._read_as = self._read_trust(), written

    def _ground(self) -> Ground:
        with self._parts.index.read() as view:
            return Ground(read_standing(view, self._parts.contract), read_terms(view, self._parts.contract))

    def _mark(self, code: str) -> None:
        """Decisions are `unknown` until a good page comes (rule M3)."""

        def work(change: Change) -> None:
            standing = read_standing(change, self._parts.contract)
            write_standing(change, self._parts.contract, replace(standing, failure=code))

        self._parts.index.write(work)

    def _apply(self, change: Change, checked: Checked) -> Applied:
        parts, now = self._parts, self._clock.now()
        standing = read_standing(change, parts.contract)
        applied = apply_events(change, parts.scribe, parts.keyed, standing, checked.events, china_date(now))
        heartbeat = checked.heartbeat
        standing = beaten(
            replace(applied.standing, failure=None),
            at=unstamp(heartbeat.at),
            now=now,
            heads={"priority": heartbeat.heads.priority, "bulk": heartbeat.heads.bulk},
            state=heartbeat.state,
            tree_size=heartbeat.checkpoint.size,
            tree_root=heartbeat.checkpoint.root,
        )
        if not applied.gap:
            standing = replace(standing, cursor=checked.cursor)
        write_standing(change, parts.contract, standing)
        return applied

    async def _read_contract(self) -> Terms:
        signed = await self._client.contract(self._parts.contract)
        terms = self._trust.terms(signed)
        await asyncio.to_thread(self._parts.index.write, lambda change: self._take_terms(change, terms))
        log.info("contract-read", contract=terms.id, version=terms.version)
        return terms

    def _take_terms(self, change: Change, terms: Terms) -> None:
        """Terms that change what is blocked change standing holds too."""
        contract = self._parts.contract
        before = read_terms(change, contract)
        change.put("terms", contract.encode(), terms.model_dump_json().encode())
        if before is not None and before.effects != terms.effects:
            standing = read_standing(change, contract)
            write_standing(change, contract, replace(standing, rescan=True))
            look_up_all(change, self._parts.keyed)

    def _sweep(self) -> None:
        today = china_date(self._clock.now())
        if not is_due(self._ground().standing, today):
            return

        def work(change: Change) -> None:
            parts = self._parts
            terms = read_terms(change, parts.contract)
            if terms is not None:
                sweep(change, parts.scribe, parts.keyed, terms, today)
                standing = read_standing(change, parts.contract)
                write_standing(change, parts.contract, replace(standing, rescan=False, swept_on=today.isoformat()))

        self._parts.index.write(work)

    def _look_up(self) -> bool:
        """Hold what stands in the register; True where nothing waits that could be looked up now."""
        register = self._register
        if register is None:
            return True
        while not self._parts.kill_switch.exists():
            task = next_task(self._parts.index, self._parts.keyed)
            ground = self._ground()
            if task is None or unknown_because(ground.standing, ground.terms, self._clock.now()) is not None:
                return True
            rows = register.find(task.wanted) if task.wanted else []
            log.debug("step", step="match", count=self._settle(task, rows, ground.terms))
        return True

    def _settle(self, task: Task, rows: Sequence[Row], terms: Terms | None) -> int:
        parts, today = self._parts, china_date(self._clock.now())
        effects = terms.effects if terms else None
        return parts.index.write(lambda change: settle(change, parts.scribe, parts.keyed, effects, task, rows, today))


def _written(file: Path) -> tuple[int, int, int] | None:
    """What tells one writing of a file from another; None where it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size


async def _again(work: Callable[[], Awaitable[bool]], wake: asyncio.Event) -> None:
    """Do `work` when woken, and soon anyway, for another process may have left some; later where it failed."""
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
