"""How far each lane of each contract is behind: what waits for a number, for topic or pull, and for its receipt."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import ColumnElement, ScalarSelect, and_, case, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.lifecycle import IN_FORCE
from gateway.clock import unstamp
from gateway.delivery.route import LANE_OF_STATUS
from gateway.journal.tables import activation, contract, delivery_log, entry, journal_leaf, kafka_lane, lane
from gateway.trust.documents import Lane
from schemas.catalog import RECEIPT


@dataclass(frozen=True, slots=True)
class LaneLag:
    """One lane as the tables have it. `last`, `shown`, `acknowledged` and `sent` are numbers of the lane.

    `sent` is None where no topic is fed: the contract names no Kafka, or its state lets it be pulled alone.

    Each `_since` is the moment from which the oldest of its kind waits, None where nothing does: `unrouted_since` for
    its number, `unsent_since` for the brokers, `unreceipted_since`, delivered or not, for a `received` receipt.
    `undelivered_since`: for the subscriber's pull; over Kafka, where what is on its way to a broker counts as shown,
    for the brokers or a receipt, whichever comes first.
    """

    contract: str
    subscriber: str
    feed: str
    state: str
    lane: str
    last: int
    shown: int
    acknowledged: int
    sent: int | None
    unrouted_since: datetime | None
    unsent_since: datetime | None
    undelivered_since: datetime | None
    unreceipted_since: datetime | None

    @property
    def receipted(self) -> bool:
        """Receipts are not receipted: of a contract for them, what was shown is all that there is to know (D12)."""
        return self.feed != RECEIPT.name

    @property
    def delivered(self) -> int:
        """The last number that the subscriber has, or can read in its topic."""
        return self.shown if self.sent is None else max(self.sent, self.acknowledged)

    @property
    def lag(self) -> int:
        """How many numbers the subscriber has not vouched for."""
        return self.last - (self.acknowledged if self.receipted else self.shown)


# Each status by itself, so that an index leads past all the others.
WALKED: Final = [(name, status) for name, statuses in LANE_OF_STATUS.items() for status in statuses]


async def read_lags(connection: AsyncConnection) -> Sequence[LaneLag]:
    """Every lane of every contract that is not closed, in one query of index look-ups, by contract and lane."""
    query = (
        select(
            lane,
            contract.c.subscriber,
            contract.c.feed,
            contract.c.state,
            kafka_lane.c.sent,
            *(_first_entry(name, status).label(f"{status}_at") for name, status in WALKED),
            _first_activation().label("activation_at"),
            _routed_at(kafka_lane.c.sent).label("unsent_at"),
            _routed_at(_delivered()).label("undelivered_at"),
            _routed_at(lane.c.acknowledged).label("unreceipted_at"),
        )
        .join(contract, contract.c.id == lane.c.contract)
        .outerjoin(
            kafka_lane,
            and_(
                kafka_lane.c.contract == lane.c.contract,
                kafka_lane.c.lane == lane.c.lane,
                contract.c.state.in_(IN_FORCE),
            ),
        )
        .where(contract.c.state != "closed")
        .order_by(lane.c.contract, lane.c.lane)
    )
    found = []
    for row in await connection.execute(query):
        firsts = (row.activation_at, *(row._mapping[f"{status}_at"] for _, status in WALKED))
        unrouted = [at for at in firsts if at is not None]
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
                sent=row.sent,
                unrouted_since=unstamp(min(unrouted)) if unrouted else None,
                unsent_since=_moment(row.unsent_at),
                undelivered_since=_moment(row.undelivered_at),
                unreceipted_since=_moment(row.unreceipted_at) if row.feed != RECEIPT.name else None,
            )
        )
    return found


def _first_entry(name: Lane, status: str) -> ScalarSelect[str]:
    """When the first entry of that status was journalled that the lane has still to walk over."""
    return (
        select(journal_leaf.c.appended_at)
        .join(entry, entry.c.leaf == journal_leaf.c.idx)
        .where(
            lane.c.lane == name,
            entry.c.feed == contract.c.feed,
            entry.c.provider == contract.c.provider,
            entry.c.status == status,
            entry.c.position > lane.c.routed,
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


def _delivered() -> ColumnElement[int]:
    """`LaneLag.delivered`."""
    return case(
        (kafka_lane.c.sent.is_(None), lane.c.shown),
        (kafka_lane.c.sent > lane.c.acknowledged, kafka_lane.c.sent),
        else_=lane.c.acknowledged,
    )


def _routed_at(reached: ColumnElement[int]) -> ScalarSelect[str]:
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
        .correlate(lane, kafka_lane)
        .scalar_subquery()
    )


def _moment(text: str | None) -> datetime | None:
    return None if text is None else unstamp(text)
