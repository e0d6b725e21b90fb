"""Claims: who feeds a lane of Kafka now. A claim is a lease with a fencing epoch, so any number of processes may try
(rule D9).
"""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import bindparam, case, select, update
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, stamp
from gateway.delivery.coverage import Agreement
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import contract, kafka_lane
from gateway.journal.tables import lane as lane_table
from gateway.trust.documents import Lane

LEASE: Final = timedelta(seconds=15)  # longer than a run that is entered is on its way


@dataclass(frozen=True, slots=True)
class Claim:
    """One lane held by this process, under its fencing epoch. `sent`: the last number that the broker has. `held`:
    whether the lease goes on; it was let go where nothing more was there to send.
    """

    contract: str
    lane: Lane
    epoch: int
    sent: int
    held: bool = True


class Claims:
    """Those of one process."""

    def __init__(self, engine: JournalEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._owner = os.urandom(16).hex()
        self._held: dict[tuple[str, Lane], tuple[str, datetime]] = {}  # another's leases, and since when we see them

    async def claim(self, contract_id: str, lane: Lane) -> Claim | None:
        """The lane, where nobody else holds it. Its holder renews the lease, so one that we have seen unchanged for as
        long as it lasts is over, however far ahead the clock was by which a gateway that died wrote it.
        """
        now, key = self._clock.now(), (contract_id, lane)
        until, since = self._held.get(key, ("", now))
        this = {"of_contract": contract_id, "of_lane": lane}
        mine = {
            "mine": self._owner,
            "now": stamp(now),
            "over": until if now - since > LEASE else None,
            "lease": stamp(now + LEASE),
        }
        async with self._engine.single() as connection:
            row = (await connection.execute(_CLAIM, this | mine)).first()
            if row is not None:
                self._held.pop(key, None)
                return Claim(contract_id, lane, row.epoch, row.sent)
            held = (await connection.execute(_HELD, this)).scalar()
        if held is not None and held != until:
            self._held[key] = held, now
        return None

    async def renew(self, claim: Claim, connection: AsyncConnection, agreement: Agreement) -> bool:
        """Begin the lease anew, in a transaction that enters a run; until its end whoever changes the contract waits.

        False where somebody else has claimed the lane since, or the contract is not as it was.
        """
        as_it_was = {"in_state": agreement.state, "in_version": agreement.version}
        lease = {"lease": stamp(self._clock.now() + LEASE)}
        renewed = await connection.execute(_RENEW, _of(claim) | as_it_was | lease)
        return renewed.rowcount == 1

    async def store(self, claim: Claim, sent: int) -> Claim | None:
        """The broker has all up to `sent`; the lane is let go where nothing more is there to send. None where somebody
        else has claimed it since.
        """
        reached = {"reached": sent, "lease": stamp(self._clock.now() + LEASE)}
        async with self._engine.single() as connection:
            until = (await connection.execute(_STORE, _of(claim) | reached)).scalar()
        return None if until is None else replace(claim, sent=sent, held=until != "")

    async def let_go(self, claim: Claim) -> None:
        with suppress(SQLAlchemyError):  # the lease ends by itself
            async with self._engine.single() as connection:
                await connection.execute(_LET_GO, _of(claim))


def _of(claim: Claim) -> dict[str, object]:
    return {"of_contract": claim.contract, "of_lane": claim.lane, "of_epoch": claim.epoch}


# Made once: to build a statement costs as much as to carry it out.
_THIS: Final = (kafka_lane.c.contract == bindparam("of_contract")) & (kafka_lane.c.lane == bindparam("of_lane"))
_HELD: Final = select(kafka_lane.c.until).where(_THIS)
_CLAIM: Final = (
    update(kafka_lane)
    .where(
        _THIS,
        (kafka_lane.c.until < bindparam("now"))
        | (kafka_lane.c.owner == bindparam("mine"))
        | (kafka_lane.c.until == bindparam("over")),
    )
    .values(owner=bindparam("mine"), epoch=kafka_lane.c.epoch + 1, until=bindparam("lease"))
    .returning(kafka_lane.c.epoch, kafka_lane.c.sent)
)
# Changes that only the claim's holder can make: the epoch fences out one who lost it.
_OWN: Final = update(kafka_lane).where(_THIS, kafka_lane.c.epoch == bindparam("of_epoch"))
_LET_GO: Final = _OWN.values(until="")
_AS_IT_WAS: Final = (
    select(contract.c.id)
    .where(
        contract.c.id == bindparam("of_contract"),
        contract.c.state == bindparam("in_state"),
        contract.c.version == bindparam("in_version"),
    )
    # Whoever changes the contract waits: PostgreSQL would else let a run be entered behind a revocation.
    .with_for_update(read=True)
)
_RENEW: Final = _OWN.where(_AS_IT_WAS.exists()).values(until=bindparam("lease"))
_LAST: Final = (
    select(lane_table.c.last)
    .where(lane_table.c.contract == bindparam("of_contract"), lane_table.c.lane == bindparam("of_lane"))
    .scalar_subquery()
)
_STORE: Final = _OWN.values(
    sent=bindparam("reached"), until=case((bindparam("reached") < _LAST, bindparam("lease")), else_="")
).returning(kafka_lane.c.until)
