"""Sending: what each number shows now, under the contract as it stands at this moment (rules D3, D7, D10, J7)."""

from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final, TypeAlias

import structlog
from sqlalchemy import BigInteger, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.lifecycle import may_send
from contracts.policy import Policy, Source, Values
from gateway.beside import beside
from gateway.clock import Clock, stamp
from gateway.delivery.coverage import Agreement, read_agreement, unknown_contract
from gateway.delivery.cursor import Cursor
from gateway.delivery.log import RUN, Routed, unpack
from gateway.delivery.versions import Disclosed, Version, Versions
from gateway.errors import NotFound
from gateway.journal.bulk import insert_unless_there
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import delivery_log, entry, journal_leaf, provision
from gateway.journal.tables import lane as lane_table
from gateway.trust.disclose import disclose, nothing_disclosed
from gateway.trust.documents import LANES, Lane
from gateway.trust.event import known_delivery_leaf
from gateway.trust.keyring import Keyring
from gateway.trust.merkle import Tree
from gateway.trust.run import SealedRun, seal_run
from schemas.canonical import JsonObject
from schemas.catalog import HISTORIES

log = structlog.get_logger(__name__)

Holds: TypeAlias = Callable[[AsyncConnection, Agreement], Awaitable[bool]]

BATCHES_KEPT = 64  # decoded batch trees shared by all contracts that stand at one place (D9); they hold no content


@dataclass(frozen=True, slots=True)
class Numbered:
    """One number of a lane with what the log says of it."""

    number: int
    routed: Routed


@dataclass(frozen=True, slots=True)
class Batch:
    """What every event of one journal batch shares: its header, its tree, and the trace by which it came."""

    header: str
    first_position: int
    tree: Tree
    trace: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """A sealed run under the contract as it stood, and for each of its events the `traceparent` of the push that it
    came by, where one is known.
    """

    agreement: Agreement
    sealed: SealedRun
    traces: list[str | None]


@dataclass(frozen=True, slots=True)
class Page:
    """Sealed events, the cursor behind them, and whether anything was in it."""

    events: list[JsonObject]
    next: Cursor


class Sender:
    """Shows the numbers. Nothing that it keeps decides what may be shown (D10)."""

    def __init__(self, engine: JournalEngine, clock: Clock, keyring: Keyring, versions: Versions) -> None:
        self._engine = engine
        self._clock = clock
        self._keyring = keyring
        self._versions = versions
        self._batches: OrderedDict[int, Batch] = OrderedDict()

    async def page(self, contract_id: str, after: Cursor, limit: int) -> Page:
        """At most `limit` events behind `after`, priority first, as runs sealed for this subscriber."""
        events: list[JsonObject] = []
        reached = {lane: after.of(lane) for lane in LANES}
        runs: list[SealedRun] = []
        async with self._engine.connect() as connection:
            agreement = await read_agreement(connection, contract_id)
            if agreement is None:
                raise unknown_contract()
            for lane in LANES:
                numbers = await _numbers(connection, contract_id, lane, after.of(lane), limit - len(events))
                for start in range(0, len(numbers), RUN):
                    run = (await self._run(connection, agreement, lane, numbers[start : start + RUN])).sealed
                    runs.append(run)
                    events.extend(run.events)
                    reached[lane] = numbers[start : start + RUN][-1].number
        if runs:
            async with self._engine.begin() as connection:
                await self._record(connection, agreement, runs)
            log.debug("step", step="send", contract=contract_id, count=len(events))
        return Page(events, Cursor(priority=reached["priority"], bulk=reached["bulk"]))

    async def prepare(self, contract_id: str, lane: Lane, after: int, may: Callable[[Agreement], bool]) -> Run | None:
        """The next run behind number `after` of one lane, at most 500 events; `enter` it before it goes out.

        None where nothing is left, or where `may` denies it by the contract as it stands at this moment (D10).
        """
        async with self._engine.single() as connection:  # `enter` looks whether the contract is still as it was
            agreement = await read_agreement(connection, contract_id)
            if agreement is None or not may(agreement):
                return None
            numbers = await _numbers(connection, contract_id, lane, after, RUN)
            return await self._run(connection, agreement, lane, numbers) if numbers else None

    async def enter(self, run: Run, may: Callable[[Agreement], bool], holds: Holds) -> bool:
        """Enter a prepared run as shown (D3). False where `holds`, asked in the same transaction, says that the
        contract or the claim is not as it was, or `may` denies it now (D10): then nothing of it may go out.
        """
        async with self._engine.begin() as connection:
            if not await holds(connection, run.agreement) or not may(run.agreement):
                return False
            await self._record(connection, run.agreement, [run.sealed])
        log.debug("step", step="send", contract=run.agreement.id, lane=run.sealed.lane, count=len(run.traces))
        return True

    async def _run(
        self, connection: AsyncConnection, agreement: Agreement, lane: Lane, numbers: Sequence[Numbered]
    ) -> Run:
        positions = [one.routed.position for one in numbers if one.routed.kind != "contract"]
        versions = await self._versions.read(connection, positions)
        batches = await self._batches_of(connection, {version.leaf for version in versions.values()})
        return await beside(len(numbers), partial(self._made, agreement, lane, numbers, versions, batches))

    def _made(
        self,
        agreement: Agreement,
        lane: Lane,
        numbers: Sequence[Numbered],
        versions: Mapping[int, Version],
        batches: Mapping[int, Batch],
    ) -> Run:
        events, leaves, traces = [], [], []
        for one in numbers:
            version = versions.get(one.routed.position)
            batch = None if version is None else batches[version.leaf]
            event, leaf = _event(agreement, lane, one, version, batch)
            events.append(event)
            leaves.append(leaf)
            traces.append(None if batch is None else batch.trace)
        sealed = seal_run(
            self._keyring.signing,
            gateway=self._keyring.signing.party,
            contract=agreement.id,
            lane=lane,
            first=numbers[0].number,
            events=events,
            leaves=leaves,
            at=stamp(self._clock.now()),
        )
        return Run(agreement, sealed, traces)

    async def _batches_of(self, connection: AsyncConnection, leaves: Iterable[int]) -> dict[int, Batch]:
        """The batches of these leaves. A page of single receipts may need more of them than are kept for the next."""
        needed: dict[int, Batch] = {}
        for leaf in leaves:
            batch = self._batches.pop(leaf, None) or await _read_batch(connection, leaf)
            needed[leaf] = self._batches[leaf] = batch
        while len(self._batches) > BATCHES_KEPT:
            self._batches.popitem(last=False)
        return needed

    async def _record(self, connection: AsyncConnection, agreement: Agreement, runs: Sequence[SealedRun]) -> None:
        """Keep what was shown, as leaf hashes: the record of provision, and what receipts are checked against (D12)."""
        at = stamp(self._clock.now())
        for run in runs:
            await connection.execute(_SHOW, {"of_contract": agreement.id, "of_lane": run.lane, "reached": run.last})
            shown: dict[str, object] = {
                "contract": agreement.id,
                "lane": run.lane,
                "first": run.first,
                "root": run.root,
                "numbers": len(run.events),
                "version": agreement.version,
                "leaves": b"".join(run.leaves),
                "shown_at": at,
            }
            await insert_unless_there(connection, provision, shown)  # the same run was shown before, and that stands


def _event(
    agreement: Agreement, lane: Lane, one: Numbered, version: Version | None, batch: Batch | None
) -> tuple[JsonObject, bytes]:
    """The event before its run is sealed, and its delivery leaf's hash."""
    kind, disclosed = _shown(agreement, one.routed, version, batch)
    record: JsonObject | None = None
    if disclosed is not None:
        record = disclosed.record
    elif kind == "drop" and version is not None:
        record = {"feed": version.feed, "record_id": version.record_id}
    event: JsonObject = {
        "contract": agreement.id,
        "contract_version": agreement.version,
        "lane": lane,
        "number": one.number,
        "kind": kind,
        "cause": one.routed.cause,
        "record": record,
        "notice": _notice(agreement, one.routed) if kind == "contract" else None,
        "proof": nothing_disclosed() if disclosed is None else disclosed.proof,
    }
    if disclosed is None or version is None:
        return event, known_delivery_leaf(event, record, None, {})
    return event, known_delivery_leaf(event, record, version.leaf_hash, disclosed.treated)


def _shown(
    agreement: Agreement, routed: Routed, version: Version | None, batch: Batch | None
) -> tuple[str, Disclosed | None]:
    """What this number may show now: its kind, and what is disclosed. Deny is the default."""
    if routed.kind in ("contract", "drop"):
        return routed.kind, None
    if version is None or batch is None or not may_send(agreement.state, routed.kind):
        return "void", None
    if version.values is None or version.secret is None:
        # Erased: a listing is void; a withdrawal still takes back what was delivered, without its reason (J7, D7).
        return ("drop" if routed.kind == "withdrawn" else "void"), None
    policy = agreement.policy
    # What a later version corrected or took back is not shown again to one who reads from the start: that later
    # version has a number of its own. In a history it stood all the same.
    is_over = version.superseded and version.feed not in HISTORIES
    if routed.kind == "upsert" and (is_over or not policy.sees(version.values)):
        return "void", None
    disclosed = version.disclosed.get(policy.projection)
    if disclosed is None:
        disclosed = _disclose(policy, version, version.values, version.secret, batch)
        version.keep(policy.projection, disclosed)
    return routed.kind, disclosed


def _disclose(policy: Policy, version: Version, values: Values, secret: bytes, batch: Batch) -> Disclosed:
    """The version as the contract shows it, whatever its number there; the proof still lacks the run's members."""
    projected = policy.project(
        Source(
            feed=version.feed,
            schema_version=version.schema_version,
            record_id=version.record_id,
            revision=version.revision,
            status=version.status,
            values=values,
        )
    )
    index = version.position - batch.first_position
    proof = disclose(
        projected=projected,
        slots=policy.feed.slots,
        secret=secret,
        digests=version.digests,
        batch=batch.header,
        index=index,
        path=batch.tree.path(index),
    )
    return Disclosed(projected.record, dict(projected.treated), proof)


async def _read_batch(connection: AsyncConnection, leaf: int) -> Batch:
    row = (await connection.execute(select(journal_leaf).where(journal_leaf.c.idx == leaf))).one()
    of_batch = entry.c.position.between(row.first_position, row.first_position + row.positions - 1)
    hashes = await connection.execute(select(entry.c.leaf_hash).where(of_batch).order_by(entry.c.position))
    return Batch(row.document.decode(), row.first_position, Tree(hashes.scalars().all()), row.traceparent)


# Made once: to build a statement costs as much as to carry it out.
_SHOW: Final = (
    update(lane_table)
    .where(
        lane_table.c.contract == bindparam("of_contract"),
        lane_table.c.lane == bindparam("of_lane"),
        lane_table.c.shown < bindparam("reached"),
    )
    .values(shown=bindparam("reached"))
)
_NUMBERS: Final = (
    select(delivery_log)
    .where(
        delivery_log.c.contract == bindparam("contract"),
        delivery_log.c.lane == bindparam("lane"),
        delivery_log.c.first > bindparam("after", type_=BigInteger) + 1 - RUN,  # no run is longer
        delivery_log.c.first + delivery_log.c.numbers > bindparam("after", type_=BigInteger) + 1,
    )
    .order_by(delivery_log.c.first)
    .limit(bindparam("most", type_=BigInteger))
)


async def _numbers(connection: AsyncConnection, contract_id: str, lane: Lane, after: int, limit: int) -> list[Numbered]:
    if limit <= 0:
        return []
    rows = await connection.execute(_NUMBERS, {"contract": contract_id, "lane": lane, "after": after, "most": limit})
    numbers: list[Numbered] = []
    for row in rows:
        numbers += [
            Numbered(row.first + offset, routed)
            for offset, routed in enumerate(unpack(row.packed))
            if row.first + offset > after
        ]
        if len(numbers) >= limit:
            break
    return numbers[:limit]


def _notice(agreement: Agreement, routed: Routed) -> JsonObject:
    """What a contract event tells: the state and version that began at its position, and what becomes of holds (D7)."""
    coverage = agreement.before(routed.position + 1)
    if coverage is None:
        raise NotFound("unknown-contract", "The contract has no activation at that position.")
    return {"state": coverage.state, "version": coverage.version, "on_end": coverage.policy.terms.on_end}
