"""How far each lane of each contract is behind: what waits for a number, for the agency's pull, and for its receipt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, ScalarSelect, and_, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import unstamp
from gateway.delivery.route import LANE_OF_STATUS
from gateway.journal.tables import activation, contract, delivery_log, entry, journal_leaf, lane
from gateway.trust.documents import LANES
from schemas.catalog import RECEIPT


@dataclass(frozen=True, slots=True)
class LaneLag:
    """One lane as the tables have it. `last`, `shown` and `acknowledged` are numbers of the lane.

    Each `_since` is the moment from which the oldest of its kind waits, None where nothing does: `unrouted_since` for
    its number, `unshown_since` for the subscriber's pull, `unreceipted_since`, shown or not, for a `received` receipt.
    """

    contract: str
    subscriber: str
    feed: str
    state: str
    lane: str
    last: int
    shown: int
    acknowledged: int
    unrouted_since: datetime | None
    unshown_since: datetime | None
    unreceipted_since: datetime | None

    @property
    def receipted(self) -> bool:
        """Receipts are not receipted: of a contract for them, what was shown is all that there is to know (D12)."""
        return self.feed != RECEIPT.name

    @property
    def lag(self) -> int:
        """How many numbers the subscriber has not vouched for."""
        return self.last - (self.acknowledged if self.receipted else self.shown)


async def read_lags(connection: AsyncConnection) -> Sequence[LaneLag]:
    """Every lane of every contract that is not closed, in one query of index look-ups, by contract and lane."""
    query = (
        select(
            lane,
            contract.c.subscriber,
            contract.c.feed,
            contract.c.state,
            _first_entry().label("entry_at"),
            _first_activation().label("activation_at"),
            _routed_at(lane.c.shown).label("unshown_at"),
            _routed_at(lane.c.acknowledged).label("unreceipted_at"),
        )
        .join(contract, contract.c.id == lane.c.contract)
        .where(contract.c.state != "closed")
        .order_by(lane.c.contract, lane.c.lane)
    )
    found = []
    for row in await connection.execute(query):
        unrouted = [at for at in (row.entry_at, row.activation_at) if at is not None]
        found.append(
            LaneLag(
                contract=row.contract,
                subscriber=row.subscriber,
                feed=row.feed,
                state=row.state,
                lane=row.lane,
                last=row.last,
                shown=row.shown,
                acknowledged=row.acknowledged,
                unrouted_since=unstamp(min(unrouted)) if unrouted else None,
                unshown_since=_moment(row.unshown_at),
                unreceipted_since=_moment(row.unreceipted_at) if row.feed != RECEIPT.name else None,
            )
        )
    return found


def _first_entry() -> ScalarSelect[str]:
    """When the first entry was journalled that the lane has still to walk over."""
    of_lane = or_(*(and_(lane.c.lane == name, entry.c.status.in_(LANE_OF_STATUS[name])) for name in LANES))
    return (
        select(journal_leaf.c.appended_at)
        .join(entry, entry.c.leaf == journal_leaf.c.idx)
        .where(
            entry.c.feed == contract.c.feed,
            entry.c.provider == contract.c.provider,
            entry.c.position > lane.c.routed,
            of_lane,
        )
        .order_by(entry.c.position)
        .limit(1)
        .correlate(lane, contract)
        .scalar_subquery()
    )


def _first_activation() -> ScalarSelect[str]:
    return (
        select(journal_leaf.c.appended_at)
        .join(activation, activation.c.position == journal_leaf.c.first_position)
        .where(activation.c.contract == lane.c.contract, activation.c.position > lane.c.routed)
        .order_by(activation.c.position)
        .limit(1)
        .correlate(lane)
        .scalar_subquery()
    )


def _routed_at(reached: Column[int]) -> ScalarSelect[str]:
    """When the number behind `reached` was given; null where there is none."""
    return (
        select(delivery_log.c.routed_at)
        .where(
            reached < lane.c.last,
            delivery_log.c.contract == lane.c.contract,
            delivery_log.c.lane == lane.c.lane,
            delivery_log.c.first <= reached + 1,
        )
        .order_by(delivery_log.c.first.desc())
        .limit(1)
        .correlate(lane)
        .scalar_subquery()
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else unstamp(text)
