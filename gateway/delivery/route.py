"""Routing: which number of which lane stands for which journal position, decided once and logged (D1, D2, D5, D6).

A lane walks the journal in order. Between activations it looks at the entries of the contract's provider and feed; at
an activation it compares all records live there under the old coverage and the new one. Each step of at most 500
entries moves the lane's cursor and writes the log in one transaction, which loses nothing to a rival: the cursor moves
only from where the step began.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from sqlalchemy import BigInteger, Select, bindparam, exists, func, insert, or_, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, stamp
from gateway.delivery.coverage import Agreement, Coverage, read_agreement
from gateway.delivery.log import RUN, Routed, pack
from gateway.delivery.versions import Version, Versions
from gateway.journal import tables
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import activation, contract, delivery_log, entry, journal_head
from gateway.trust.documents import LANES, Lane

log = structlog.get_logger(__name__)

LANE_OF_STATUS: dict[Lane, tuple[str, ...]] = {"bulk": ("listed",), "priority": ("amended", "withdrawn")}


@dataclass(frozen=True, slots=True)
class Reached:
    """Where a lane stands: decided up to position `routed`; within the next activation, compared up to `compared`."""

    routed: int
    compared: int


@dataclass(frozen=True, slots=True)
class Behind:
    """A lane that has something to decide: where it stands, and where the journal ended when that was looked up."""

    contract: str
    lane: Lane
    start: Reached
    until: int


@dataclass(frozen=True, slots=True)
class Step:
    """What one step decided: the numbers to give, and where the lane stands then."""

    routed: list[Routed]
    reached: Reached


class Router:
    """Gives the numbers. Any number of processes may route one contract: each step counts once (D2)."""

    def __init__(
        self, engine: JournalEngine, clock: Clock, versions: Versions, *, numbered: Callable[[], None] = lambda: None
    ) -> None:
        """`numbered` is called whenever numbers were given."""
        self._engine = engine
        self._clock = clock
        self._versions = versions
        self._numbered = numbered

    async def behind(self, contract_id: str | None = None) -> list[Behind]:
        """The lanes that have anything to decide, of one contract or of all: priority first, for withdrawals overtake,
        and then those that are furthest behind.
        """
        query = _BEHIND if contract_id is None else _BEHIND_OF_ONE
        async with self._engine.single() as connection:
            rows = (await connection.execute(query, {"contract": contract_id} if contract_id else None)).all()
        found = [Behind(row.contract, row.lane, Reached(row.routed, row.compared), row.size) for row in rows]
        return sorted(found, key=lambda one: (LANES.index(one.lane), one.start.routed))

    async def catch_up(self, contract_id: str, *, steps: int = 1_000_000) -> bool:
        """Route until nothing is left or `steps` are done; True where both lanes stand at the journal's end."""
        while behind := await self.behind(contract_id):
            if steps <= 0 or not await self.advance(behind[0]):
                return False
            steps -= 1
        return True

    async def advance(self, behind: Behind) -> bool:
        """One step of one lane, at most 500 entries; False where there is nothing to decide."""
        async with self._engine.single() as connection:  # what lies before `until` stands, and changes no more
            agreement = await read_agreement(connection, behind.contract)
            if agreement is None or agreement.state == "closed":
                return False
            step = await self._decide(connection, agreement, behind)
        if step is None:
            return False
        await self._write(behind, step)
        return True

    async def _decide(self, connection: AsyncConnection, agreement: Agreement, behind: Behind) -> Step | None:
        start = behind.start
        following = agreement.after(start.routed)
        until = following.position - 1 if following else behind.until
        current = agreement.before(start.routed + 1)
        if current is not None:
            where = {"feed": agreement.feed, "provider": agreement.provider, "behind": start.routed, "until": until}
            positions = (await connection.execute(_ENTRIES[behind.lane], where)).scalars().all()
            if positions:
                versions = await self._versions.read(connection, positions)
                routed = await self._transitions(connection, current, agreement, [versions[one] for one in positions])
                return Step(routed, Reached(positions[-1], 0))
        if following is None:
            return None
        return await self._compare(connection, agreement, behind.lane, start, following)

    async def _transitions(
        self, connection: AsyncConnection, current: Coverage, agreement: Agreement, rows: Sequence[Version]
    ) -> list[Routed]:
        """Rule D5: compare what was seen of the previous version with what is seen of the new one."""
        # While the contract is not open, the subscriber knows what stood when it was closed.
        known = await self._known(connection, rows, agreement.closed_since(current))
        routed: list[Routed] = []
        for version in rows:
            before = known[version.position]
            was_seen = before is not None and before.status != "withdrawn" and _sees(current, before)
            if version.status == "withdrawn":
                if was_seen:
                    routed.append(Routed(version.position, version.position, "withdrawn"))
            elif current.open:
                if _sees(current, version):
                    routed.append(Routed(version.position, version.position, "upsert"))
                elif was_seen:
                    routed.append(Routed(version.position, version.position, "drop"))
        return routed

    async def _known(
        self, connection: AsyncConnection, rows: Sequence[Version], until: int | None
    ) -> dict[int, Version | None]:
        """By position, the version that the subscriber knows behind each new one."""
        if until is not None:
            return await self._versions.ancestors(connection, rows, until)
        older = await self._versions.read(connection, [v.previous for v in rows if v.previous is not None])
        return {v.position: older.get(v.previous) if v.previous is not None else None for v in rows}

    async def _compare(
        self, connection: AsyncConnection, agreement: Agreement, lane: Lane, start: Reached, new: Coverage
    ) -> Step:
        """Rule D6: first snapshot, amendment and resumption are this one comparison."""
        old = agreement.before(new.position)
        finished = Step(
            [Routed(new.position, new.position, "contract")] if lane == "priority" else [], Reached(new.position, 0)
        )
        if not new.open or (lane == "priority" and old is None):
            return finished
        query = (
            _of_contract(agreement)
            .where(
                entry.c.position <= new.position,
                entry.c.position > start.compared,
                entry.c.status != "withdrawn",
                or_(entry.c.superseded_by.is_(None), entry.c.superseded_by > new.position),
            )
            .limit(RUN)
        )
        positions = (await connection.execute(query)).scalars().all()
        if not positions:
            return finished
        versions = await self._versions.read(connection, positions)
        rows = [versions[position] for position in positions]
        closed = agreement.closed_since(old) if old is not None else None
        known = await self._versions.ancestors(connection, rows, new.position if closed is None else closed)
        routed: list[Routed] = []
        for version in rows:
            before = known[version.position]
            was_seen = old is not None and before is not None and before.status != "withdrawn" and _sees(old, before)
            if _sees(new, version):
                # After a suspension numbers may have gone out as void, so everything is shown again.
                shown_alike = was_seen and old is not None and old.open and old.policy.shows_like(new.policy)
                if lane == "bulk" and not shown_alike:
                    routed.append(Routed(version.position, new.position, "upsert"))
            elif lane == "priority" and was_seen:
                routed.append(Routed(version.position, new.position, "drop"))
        return Step(routed, Reached(start.routed, positions[-1]))

    async def _write(self, behind: Behind, step: Step) -> None:
        """Rule D2: cursor and log in one transaction. A rival that moved the cursor first wins; this step is void."""
        contract_id, lane, start = behind.contract, behind.lane, behind.start
        count = len(step.routed)
        async with self._engine.begin() as connection:
            last = (
                await connection.execute(
                    _MOVE,
                    {
                        "of_contract": contract_id,
                        "of_lane": lane,
                        "from_routed": start.routed,
                        "from_compared": start.compared,
                        "to_routed": step.reached.routed,
                        "to_compared": step.reached.compared,
                        "count": count,
                    },
                )
            ).scalar()
            if last is None or not count:
                return
            await connection.execute(
                _LOG,
                {
                    "contract": contract_id,
                    "lane": lane,
                    "first": last - count + 1,
                    "numbers": count,
                    "packed": pack(step.routed),
                    "routed_at": stamp(self._clock.now()),
                },
            )
        self._numbered()
        log.debug("step", step="route", contract=contract_id, lane=lane, count=count)


def _sees(coverage: Coverage, version: Version) -> bool:
    """An erased version cannot be judged by its content; what was sent of it must still be taken back, so: yes."""
    return version.values is None or coverage.policy.sees(version.values)


def _behind(name: Lane) -> Select[str, str, int, int, int]:
    """One lane of each contract: each status is asked for by itself, so that an index leads past all the others."""
    table = tables.lane
    entries = [
        exists().where(
            entry.c.feed == contract.c.feed,
            entry.c.provider == contract.c.provider,
            entry.c.status == status,
            entry.c.position > table.c.routed,
        )
        for status in LANE_OF_STATUS[name]
    ]
    activations = exists().where(activation.c.contract == table.c.contract, activation.c.position > table.c.routed)
    size = select(func.coalesce(func.max(journal_head.c.size), 0)).scalar_subquery()
    return (
        select(table.c.contract, table.c.lane, table.c.routed, table.c.compared, size.label("size"))
        .join(contract, contract.c.id == table.c.contract)
        # Of a closed contract nobody reads a number any more (D7).
        .where(table.c.lane == name, contract.c.state != "closed", or_(activations, *entries))
    )


def _entries(name: Lane) -> Select[int]:
    """The next entries of a lane, in order; each status by itself, as above."""
    each = [
        select(entry.c.position)
        .where(
            entry.c.feed == bindparam("feed"),
            entry.c.provider == bindparam("provider"),
            entry.c.status == status,
            entry.c.position > bindparam("behind"),
            entry.c.position <= bindparam("until"),
        )
        .order_by(entry.c.position)
        .limit(RUN)
        .subquery()
        for status in LANE_OF_STATUS[name]
    ]
    found = union_all(*(select(one.c.position) for one in each)).subquery()
    return select(found.c.position).order_by(found.c.position).limit(RUN)


# Made once: to build a statement costs as much as to carry it out.
_BEHIND: Final = union_all(*map(_behind, LANES))
_BEHIND_OF_ONE: Final = union_all(*(_behind(lane).where(contract.c.id == bindparam("contract")) for lane in LANES))
_ENTRIES: Final = {lane: _entries(lane) for lane in LANES}
_MOVE: Final = (
    update(tables.lane)
    .where(
        tables.lane.c.contract == bindparam("of_contract"),
        tables.lane.c.lane == bindparam("of_lane"),
        tables.lane.c.routed == bindparam("from_routed"),
        tables.lane.c.compared == bindparam("from_compared"),
    )
    .values(
        routed=bindparam("to_routed"),
        compared=bindparam("to_compared"),
        last=tables.lane.c.last + bindparam("count", type_=BigInteger),
    )
    .returning(tables.lane.c.last)
)
_LOG: Final = insert(delivery_log)


def _of_contract(agreement: Agreement) -> Select[int]:
    return (
        select(entry.c.position)
        .where(entry.c.feed == agreement.feed, entry.c.provider == agreement.provider)
        .order_by(entry.c.position)
    )
