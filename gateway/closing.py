"""Closing (终止): the subscriber's signed closing receipt ends for good what a contract still delivers (rule D7).

It closes a contract that was revoked or has ended, once every number that was given under it is acknowledged. What it
says of the holds is the agency's own word; the provider can compare its `blocked` and `released` receipts.
"""

from typing import Final

import structlog
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.lifecycle import IllegalTransition, transition
from gateway.admin.registry import step
from gateway.clock import Clock
from gateway.delivery.coverage import Agreement, read_agreement, unknown_contract
from gateway.delivery.route import LANE_OF_STATUS, Router
from gateway.errors import Refused, Unavailable
from gateway.journal.tables import entry
from gateway.journal.tables import lane as lane_table
from gateway.trust.documents import LANES, Receipt

log = structlog.get_logger(__name__)

STEPS_AT_ONCE: Final = 20  # of routing, at most 500 entries each; the background router does the rest


class Closing:
    """`check` before anything is journalled, `close` in the transaction that journals the receipt."""

    def __init__(self, engine: AsyncEngine, clock: Clock, router: Router) -> None:
        self._engine = engine
        self._clock = clock
        self._router = router

    async def check(self, receipt: Receipt) -> None:
        """Whether the receipt may close its contract, or has done so.

        Raises Refused (`contract-not-over`, `receipt-mismatch`, `receipts-outstanding`), and Unavailable
        (`journal-ahead`) where what may be a withdrawal has no number yet.
        """
        await self._router.catch_up(receipt.contract, steps=STEPS_AT_ONCE)
        async with self._engine.connect() as connection:
            await _check(connection, receipt)

    async def close(self, receipt: Receipt, connection: AsyncConnection) -> None:
        """Close the contract, unless it is closed. Raises as `check`: a withdrawal may have come since."""
        agreement = await _check(connection, receipt)
        if agreement.state != "closed":
            await step(connection, self._clock, agreement.id, "close")
            log.debug("step", step="close", contract=agreement.id)


async def _check(connection: AsyncConnection, receipt: Receipt) -> Agreement:
    agreement = await read_agreement(connection, receipt.contract)
    if agreement is None:
        raise unknown_contract()
    if agreement.state != "closed":
        try:
            transition(agreement.state, "close")
        except IllegalTransition:
            raise Refused(
                "contract-not-over",
                f"The contract is {agreement.state}; go on following it, and close it once it is revoked or ended.",
            ) from None
    end = next(one for one in reversed(agreement.coverages) if one.state != "closed")
    if receipt.event is None or receipt.event.cause != end.position:
        # A receipt for an earlier end must not close what was taken up again since.
        raise Refused("receipt-mismatch", "A closing receipt is for the event that told the contract's end, no other.")
    if agreement.state != "closed":
        await _check_delivered(connection, agreement)
    return agreement


async def _check_delivered(connection: AsyncConnection, agreement: Agreement) -> None:
    """Every number is acknowledged, and nothing in the journal still waits for one."""
    rows = await connection.execute(select(lane_table).where(lane_table.c.contract == agreement.id))
    lanes = {row.lane: row for row in rows}
    waiting = await connection.execute(
        select(entry.c.position)
        .where(
            entry.c.feed == agreement.feed,
            entry.c.provider == agreement.provider,
            entry.c.position > lanes["priority"].routed,
            entry.c.status.in_(LANE_OF_STATUS["priority"]),  # of listings nothing is shown any more
        )
        .limit(1)
    )
    if waiting.first() is not None or any(agreement.after(lanes[lane].routed) is not None for lane in LANES):
        raise Unavailable("journal-ahead", "The journal has grown since; send the closing receipt again in a moment.")
    if any(lanes[lane].acknowledged < lanes[lane].last for lane in LANES):
        missing = " and ".join(
            f"{lane} {lanes[lane].acknowledged + 1} to {lanes[lane].last}"
            for lane in LANES
            if lanes[lane].acknowledged < lanes[lane].last
        )
        raise Refused("receipts-outstanding", f"Acknowledge {missing} first, with `received` receipts; then close.")
