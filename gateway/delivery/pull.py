"""Pull: a page for one subscriber, the signed heads of both lanes, and waiting for what is not there yet (D1, D11)."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import orjson
from sqlalchemy import select

from contracts.lifecycle import IN_FORCE
from gateway.clock import Clock, china_date
from gateway.delivery.coverage import Agreement, read_agreement, unknown_contract
from gateway.delivery.cursor import Cursor
from gateway.delivery.heartbeat import Heartbeats
from gateway.delivery.route import Router
from gateway.delivery.send import Page, Sender
from gateway.delivery.wakeup import Wakeup
from gateway.errors import BadRequest, Conflict
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import contract_version
from gateway.journal.tables import lane as lane_table
from gateway.trace import span
from gateway.trust.documents import LANES
from schemas.canonical import JsonObject

STEPS_IN_A_REQUEST = 20  # of routing, at most 500 entries each; the background router does the rest


class Pull:
    def __init__(
        self,
        engine: JournalEngine,
        clock: Clock,
        heartbeats: Heartbeats,
        router: Router,
        sender: Sender,
        wakeup: Wakeup,
        end: Callable[[str], Awaitable[object]],
    ) -> None:
        """`end` ends a contract, given its id; it raises Conflict where somebody else was first."""
        self._engine = engine
        self._clock = clock
        self._heartbeats = heartbeats
        self._router = router
        self._sender = sender
        self._wakeup = wakeup
        self._end = end

    async def page(self, subscriber: str, contract_id: str, after: Cursor, limit: int, wait: float) -> tuple[Page, str]:
        """Events behind `after` and a heartbeat. Waits up to `wait` seconds where there is nothing.

        Raises NotFound where the contract is not the subscriber's, BadRequest where the cursor is ahead of the lanes.
        """
        deadline = asyncio.get_running_loop().time() + wait
        while True:
            ticket = self._wakeup.ticket()
            await self._end_if_over(await self._own(subscriber, contract_id))
            await self._check_reached(contract_id, after)
            before = self._clock.now()
            with span("route", contract=contract_id):
                complete = await self._router.catch_up(contract_id, steps=STEPS_IN_A_REQUEST)
            if complete:
                self._heartbeats.complete(contract_id, before)
            with span("send", contract=contract_id):
                page = await self._sender.page(contract_id, after, limit)
            left = deadline - asyncio.get_running_loop().time()
            if page.events or left <= 0 or self._wakeup.closed:
                return page, (await self._heartbeats.sign(contract_id)).token
            await self._wakeup.wait(ticket, left)

    async def signed_contract(self, party: str, contract_id: str) -> JsonObject:
        """The signed version in force, for either party to it."""
        async with self._engine.connect() as connection:
            agreement = await read_agreement(connection, contract_id)
            if agreement is None or party not in (agreement.subscriber, agreement.provider):
                raise unknown_contract()
            document = (
                await connection.execute(
                    select(contract_version.c.document).where(
                        contract_version.c.contract == contract_id, contract_version.c.version == agreement.version
                    )
                )
            ).scalar_one()
        found: JsonObject = orjson.loads(document)
        return found

    async def _own(self, subscriber: str, contract_id: str) -> Agreement:
        async with self._engine.single() as connection:
            agreement = await read_agreement(connection, contract_id)
        if agreement is None or agreement.subscriber != subscriber or agreement.state == "closed":
            raise unknown_contract()
        return agreement

    async def _end_if_over(self, agreement: Agreement) -> None:
        """Behind its last day a contract is ended before anything is shown under it (D7, D10).

        Done here and not by the clock alone: the reader has just signed a time near ours, so a clock that ran away
        ends nothing, and releases nobody.
        """
        over = china_date(self._clock.now()) > agreement.policy.terms.valid_until
        if over and agreement.state in IN_FORCE:
            with suppress(Conflict):
                await self._end(agreement.id)

    async def _check_reached(self, contract_id: str, after: Cursor) -> None:
        """Before anything is sent: a number that a cursor names was given once, and lanes only grow."""
        async with self._engine.single() as connection:
            rows = await connection.execute(select(lane_table).where(lane_table.c.contract == contract_id))
            heads = {row.lane: row.last for row in rows}
        if any(after.of(lane) > heads[lane] for lane in LANES):
            raise BadRequest("cursor-ahead", "The cursor is ahead of the journal; start again from the beginning.")
