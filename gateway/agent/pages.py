"""Pages: whatever brought them, what was verified goes one way into the index (rules M3, M7, D11, D12).

Two sources bring pages, pull and Kafka, and both may at once: an event that is applied already changes nothing, and a
heartbeat older than what is known is passed over. So a reader changes from one to the other without repeat or gap.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import structlog

from contracts.model import Terms
from gateway.agent.apply import Applied, apply_events, look_up_all
from gateway.agent.index import Change
from gateway.agent.parts import Parts
from gateway.agent.standing import Standing, beaten, read_standing, read_terms, write_standing
from gateway.agent.trusted import Checked, Trust, check_tree
from gateway.client import EventPage, GatewayClient
from gateway.clock import Clock, china_date, unstamp
from gateway.errors import Broken
from gateway.trace import span
from gateway.trust.documents import LANES, Heartbeat, Lane
from schemas.canonical import JsonObject

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Ready:
    """What only waits to be written. `seen` is the tree that was seen last, None before the first; `proof` is what the
    gateway says of how the heartbeat's goes on from it, unverified.
    """

    checked: Checked
    seen: JsonObject | None
    proof: JsonObject


class Pages:
    def __init__(
        self,
        parts: Parts,
        clock: Clock,
        client: GatewayClient,
        read_trust: Callable[[], Trust],
        used: Callable[[], None],
    ) -> None:
        """`read_trust` reads the trusted keys; it is called again where their file changed, and behind a failure.
        `used` is called behind each page that was applied.
        """
        self._parts = parts
        self._clock = clock
        self._client = client
        self._read_trust = read_trust
        self._read_as = _written(parts.trusted_keys)
        self._trust = read_trust()
        self._used = used
        self._one_at_a_time = asyncio.Lock()

    async def ground(self) -> tuple[Standing, Terms]:
        """How far the list is applied, and the contract's terms, read from the gateway where they are not known yet.

        Raises FuyuanError where they cannot be read.
        """
        await self._renew_trust()
        standing, terms = self._parts.ground()
        if terms is None or standing.version > terms.version:
            terms = await self._read_contract()
        return standing, terms

    def known(self) -> tuple[Standing, Terms | None]:
        """The same as it stands; the terms None where they were not read yet."""
        return self._parts.ground()

    async def pulled(self, page: EventPage, standing: Standing, terms: Terms) -> Applied:
        """Use a page that was asked for behind `standing`. Raises Broken, and then it has left its mark (rule M3)."""
        try:
            with span("verify", count=len(page.events)):
                checked = await asyncio.to_thread(self._trust.page, page, terms, standing)
            applied = await self._use(checked, terms)
        except Broken as error:
            await asyncio.to_thread(self._mark, error.code)
            raise
        if applied.gap:
            raise Broken("numbers-missing", "A page skips numbers; what is missing is pulled again.")
        return applied

    async def brought(self, events: Sequence[JsonObject], terms: Terms, offsets: dict[str, int]) -> Applied:
        """Use what Kafka brought, read up to `offsets`. Raises Broken; what is missing then is there by pull."""
        with span("verify", count=len(events)):
            arrived = await asyncio.to_thread(self._trust.events, events, terms)
        return await self._use(Checked(arrived, None, offsets), terms)

    async def beat(self, heartbeat: Heartbeat, terms: Terms, offsets: dict[str, int]) -> None:
        """Use a heartbeat that Kafka brought and `open_heartbeat` has verified.

        Raises Broken, and then it has left its mark; FuyuanError where the gateway proves nothing now.
        """
        try:
            await self._use(Checked([], heartbeat, offsets), terms)
        except Broken as error:
            await asyncio.to_thread(self._mark, error.code)
            raise

    async def told(self, heads: Mapping[Lane, int]) -> None:
        """Keep how far a verified heartbeat says that the lanes reach, where the list does not reach so far yet."""

        def work(change: Change) -> None:
            standing = read_standing(change, self._parts.contract)
            write_standing(change, self._parts.contract, standing.with_heads(heads))

        standing, _ = self._parts.ground()
        if standing.with_heads(heads) != standing:
            await asyncio.to_thread(self._parts.index.write, work)

    def open_heartbeat(self, token: str) -> Heartbeat:
        """What a heartbeat says. Raises Broken."""
        return self._trust.heartbeat(token)

    async def renew_trust(self) -> None:
        """Read the trusted keys anew. Raises Refused, and then those that were read before stand."""
        self._trust = await asyncio.to_thread(self._read_trust)

    async def _use(self, checked: Checked, terms: Terms) -> Applied:
        log.debug("step", step="verify", count=len(checked.events))
        applied = None
        while applied is None:
            applied = await self._write(await self._make_ready(checked))
        log.debug("step", step="index", count=applied.new)
        if checked.heartbeat is not None and checked.heartbeat.contract_version > terms.version:
            await self._read_contract()
        self._used()
        return applied

    async def _make_ready(self, checked: Checked) -> Ready:
        """Fetch the proof that its heartbeat needs, unless a newer one was used. What the other source brings waits for
        no answer: so the lock is not held, and the list may go on past what the heartbeat says.
        """
        standing, _ = self._parts.ground()
        heartbeat = checked.heartbeat
        proof: JsonObject = {"path": []}
        if heartbeat is not None and _is_older(heartbeat, standing):
            checked = replace(checked, heartbeat=None)
        elif heartbeat is not None and standing.checkpoint and standing.tree_size < heartbeat.checkpoint.size:
            proof = await self._client.consistency(standing.tree_size, heartbeat.checkpoint.size)
        return Ready(checked, standing.checkpoint, proof)

    async def _write(self, ready: Ready) -> Applied | None:
        """None where the tree that was proved is not the one seen last any more: the other source was faster.

        Raises Broken where the journal does not go on from it: it was set back or forked (D12).
        """
        checked = ready.checked
        async with self._one_at_a_time:
            if checked.heartbeat is not None:
                standing, _ = self._parts.ground()
                if standing.checkpoint != ready.seen:
                    return None
                check_tree(standing, checked.heartbeat.checkpoint, ready.proof)
            with span("index"):
                return await asyncio.to_thread(self._parts.index.write, lambda change: self._apply(change, checked))

    async def _renew_trust(self) -> None:
        """A key that the operator has revoked counts no more from the next page on."""
        written = _written(self._parts.trusted_keys)
        if written != self._read_as:
            self._trust, self._read_as = await asyncio.to_thread(self._read_trust), written

    def _mark(self, code: str) -> None:
        """Decisions are `unknown` until a good page is pulled (rule M3)."""

        def work(change: Change) -> None:
            standing = read_standing(change, self._parts.contract)
            write_standing(change, self._parts.contract, replace(standing, failure=code))

        self._parts.index.write(work)

    def _apply(self, change: Change, checked: Checked) -> Applied:
        parts, now = self._parts, self._clock.now()
        standing = read_standing(change, parts.contract)
        applied = apply_events(change, parts.scribe, parts.keyed, standing, checked.events, china_date(now))
        standing = applied.standing
        if checked.offsets is None:
            standing = replace(standing, failure=None)
        else:
            standing = replace(standing, offsets=standing.offsets | _newer(checked, standing))
        heartbeat = checked.heartbeat
        if heartbeat is not None:
            standing = beaten(
                standing,
                at=unstamp(heartbeat.at),
                now=now,
                heads={lane: heartbeat.heads.of(lane) for lane in LANES},
                state=heartbeat.state,
                tree_size=heartbeat.checkpoint.size,
                tree_root=heartbeat.checkpoint.root,
            )
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


def _newer(checked: Checked, standing: Standing) -> dict[str, int]:
    """Up to where the topics were read. A heartbeat may have waited for its proof while others read on."""
    offsets = checked.offsets or {}
    if checked.heartbeat is None:
        return offsets
    return {lane: at for lane, at in offsets.items() if at > standing.offsets.get(lane, 0)}


def _is_older(heartbeat: Heartbeat, standing: Standing) -> bool:
    """Told before what is known already: the other source was faster, or it waited in its topic."""
    behind = any(heartbeat.heads.of(lane) < standing.applied(lane) for lane in LANES)
    return behind or heartbeat.checkpoint.size < standing.tree_size


def _written(file: Path) -> tuple[int, int, int] | None:
    """What tells one writing of a file from another; None where it is not there."""
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_mtime_ns, found.st_ino, found.st_size
