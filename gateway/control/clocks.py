"""Missed clocks of enforcement control: each one is an entry in the journal, and the gateway's own statement (rule P3).

Any number of gateways look; the transaction that writes the statement also marks the clock, so it is told once.
"""

import asyncio
from typing import Any, Final

import structlog
from sqlalchemy import Row, select, update
from sqlalchemy.exc import SQLAlchemyError

from gateway.clock import Clock, stamp
from gateway.control.register import Owed
from gateway.errors import FuyuanError
from gateway.journal.append import append_leaf, claim
from gateway.journal.engine import JournalEngine
from gateway.journal.statements import Statement, sign_statement
from gateway.journal.tables import control_clock
from gateway.trust.keys import SigningKey

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 1.0
AT_ONCE: Final = 100
CODE: Final = "control-clock-missed"


class ToldAlready(Exception):
    """Another gateway has told of this clock, or it has ended meanwhile; nothing is written."""


class Clocks:
    """`tell_missed` looks once; `run` goes on until cancelled."""

    def __init__(self, engine: JournalEngine, clock: Clock, key: SigningKey) -> None:
        self._engine = engine
        self._clock = clock
        self._key = key

    async def run(self) -> None:
        while True:
            try:
                told = await self.tell_missed()
            except (FuyuanError, SQLAlchemyError):
                log.exception("control-clocks-failed")
                told = 0
            if told < AT_ONCE:
                await asyncio.sleep(LOOK_SECONDS)

    async def tell_missed(self) -> int:
        """Journal a statement for each clock that ran out; how many this gateway told of."""
        now = stamp(self._clock.now())
        async with self._engine.single() as connection:
            query = select(control_clock).where(_RUNNING, control_clock.c.due_at < now)
            due = (await connection.execute(query.order_by(control_clock.c.due_at).limit(AT_ONCE))).all()
        told = 0
        for row in due:
            try:
                await self._tell(row, now)
            except ToldAlready:
                continue
            owed: Owed = row.owed
            log.error("alarm", code=CODE, owed=owed, court=row.court, police=row.police)
            told += 1
        return told

    async def _tell(self, row: Row[Any], now: str) -> None:
        table = control_clock
        about = {name: getattr(row, name) for name in ("court", "police", "request", "owed", "due_at")}
        statement = Statement(CODE, {**about, "answer": row.answer or None})
        document = sign_statement(self._clock, self._key, statement)
        async with self._engine.begin() as connection:
            claimed = await claim(connection, 1)  # first, so that gateways that tell of one clock stand in line (J2)
            marked = await connection.execute(
                update(table)
                .where(
                    table.c.court == row.court,
                    table.c.request == row.request,
                    table.c.owed == row.owed,
                    table.c.answer == row.answer,
                    table.c.due_at == row.due_at,
                    _RUNNING,
                )
                .values(missed_at=now)
            )
            if marked.rowcount != 1:
                raise ToldAlready
            await append_leaf(connection, self._clock, claimed, "statement", document)


_RUNNING: Final = control_clock.c.ended_at.is_(None) & control_clock.c.missed_at.is_(None)
