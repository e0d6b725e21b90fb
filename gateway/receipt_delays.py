"""How long an agency took: from what a receipt is about to the receipt, for the metrics (rule D12)."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Final

import orjson
from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, stamp, unstamp
from gateway.delivery.log import RUN
from gateway.intake import Result
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import delivery_log, entry, journal_leaf
from gateway.metrics import Metrics
from gateway.trust.documents import Lane, Receipt, read
from schemas.canonical import parse_strict, unb64u
from schemas.feedback import NOT_THIS_PERSON
from schemas.records.receipt import ReceiptKind

NEAR: Final = 10_000  # numbers; ranges that begin among so many are looked up together
TIMED: Final = frozenset({"blocked", "released"})
AT_ONCE: Final = 500  # positions in one query


@dataclass(frozen=True, slots=True)
class Delays:
    """`observe` counts the receipts of one request that was journalled just now."""

    engine: JournalEngine
    clock: Clock
    metrics: Metrics

    async def observe(self, body: bytes, result: Result, began: datetime) -> None:
        """`body` is the JSON array of tokens, all verified. `began` is when the request came: where nothing was
        journalled since, they had all been sent before.

        A `blocked` receipt for a screening tells when an application came, not how fast the agency is; it is left out,
        and so is what an agency releases because it disputes an identity.
        """
        if not any(str(batch["appended_at"]) >= stamp(began) for batch in result.batches):
            return
        now, receipts = self.clock.now(), _payloads(body)
        ranges = sorted(
            (one.contract, one.range.lane, one.range.first) for one in receipts if one.kind == "received" and one.range
        )
        timed = [
            one for one in receipts if one.kind in TIMED and one.event is not None and one.reason != NOT_THIS_PERSON
        ]
        async with self.engine.single() as connection:
            for (contract, lane, _), some in groupby(ranges, key=lambda one: (*one[:2], one[2] // NEAR)):
                for given in await _given_at(connection, contract, lane, [first for _, _, first in some]):
                    self._observe(contract, "received", now, given)
            known = await _journalled_at(connection, {one.event.cause for one in timed if one.event is not None})
        for one in timed:
            if one.event is not None and one.event.cause in known:
                self._observe(one.contract, one.kind, now, known[one.event.cause])

    def _observe(self, contract: str, kind: ReceiptKind, now: datetime, since: datetime) -> None:
        self.metrics.observe_receipt(contract, kind, max(0.0, (now - since).total_seconds()))


def _payloads(body: bytes) -> list[Receipt]:
    return [read(Receipt, parse_strict(unb64u(token.split(".")[1]))) for token in orjson.loads(body)]


async def _given_at(
    connection: AsyncConnection, contract: str, lane: Lane, numbers: Sequence[int]
) -> Sequence[datetime]:
    """When each of these numbers, which ascend, was given. The first of a range waited longest."""
    where = {"contract": contract, "lane": lane, "begin": numbers[0] - RUN + 1, "last": numbers[-1]}
    rows = (await connection.execute(_GIVEN, where)).all()
    places = [bisect_right(rows, number, key=lambda row: row.first) for number in numbers]
    return [unstamp(rows[place - 1].routed_at) for place in places if place]


# Made once: to build a statement costs as much as to carry it out.
_GIVEN: Final = (
    select(delivery_log.c.first, delivery_log.c.routed_at)
    .where(
        delivery_log.c.contract == bindparam("contract"),
        delivery_log.c.lane == bindparam("lane"),
        delivery_log.c.first.between(bindparam("begin"), bindparam("last")),  # no run is longer than RUN
    )
    .order_by(delivery_log.c.first)
)


async def _journalled_at(connection: AsyncConnection, causes: set[int]) -> dict[int, datetime]:
    """When the entry or the activation at each position came into the journal."""
    known: dict[int, datetime] = {}
    ordered = sorted(causes)
    for start in range(0, len(ordered), AT_ONCE):
        some = ordered[start : start + AT_ONCE]
        entries = (
            select(entry.c.position, journal_leaf.c.appended_at)
            .join(journal_leaf, journal_leaf.c.idx == entry.c.leaf)
            .where(entry.c.position.in_(some))
        )
        activations = select(journal_leaf.c.first_position, journal_leaf.c.appended_at).where(
            journal_leaf.c.first_position.in_(some), journal_leaf.c.kind == "contract"
        )
        for query in (entries, activations):
            known |= {position: unstamp(at) for position, at in await connection.execute(query)}
    return known
