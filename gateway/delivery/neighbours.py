"""Telling the other gateways of one PostgreSQL that the journal has grown, so that their waiters need not poll.

A hint and no more: where it is lost, or its connection is cut, everybody still looks by itself (`POLL_SECONDS`).
"""

import asyncio

import asyncpg
import structlog
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.delivery.wakeup import POLL_SECONDS, Wakeup

log = structlog.get_logger(__name__)

CHANNEL = "fuyuan_journal"
AGAIN_SECONDS = 5.0


async def exchange_signals(engine: AsyncEngine, wakeup: Wakeup) -> None:
    """Until cancelled: pass this gateway's signals on, and the others' to those who wait here. Holds one connection."""
    while True:
        try:
            await _exchange(engine, wakeup)
        except (SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
            log.warning("neighbours-unheard")
        await asyncio.sleep(AGAIN_SECONDS)


async def _exchange(engine: AsyncEngine, wakeup: Wakeup) -> None:
    async with engine.connect() as connection:
        raw: asyncpg.Connection = (await connection.get_raw_connection()).driver_connection
        own = raw.get_server_pid()

        def heard(_: object, pid: int, *__: object) -> None:
            if pid != own:
                wakeup.hear()

        await raw.add_listener(CHANNEL, heard)
        try:
            said = wakeup.said
            while not raw.is_closed():
                ticket = wakeup.ticket()
                if wakeup.said != said:
                    said = wakeup.said
                    await raw.execute(f"NOTIFY {CHANNEL}")
                await wakeup.wait(ticket, POLL_SECONDS)
        finally:
            await connection.invalidate()  # it listens, so nobody else may have it
