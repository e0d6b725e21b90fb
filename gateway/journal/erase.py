"""Erasing a record: its secrets and bodies go, the proofs of everything else keep verifying (rule J7)."""

from sqlalchemy import delete, select, update
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.clock import Clock
from gateway.errors import NotFound
from gateway.journal.append import Place, append_leaf, claim
from gateway.journal.source_keys import forget
from gateway.journal.statements import Statement, sign_statement
from gateway.journal.tables import entry, secret
from gateway.trust.keys import SigningKey


async def erase_record(
    engine: AsyncEngine, clock: Clock, key: SigningKey, feed: str, provider: str, record_id: str
) -> Place:
    """Erase every version of a record and say so in the journal. Raises NotFound where there is none."""
    statement = Statement("record-erased", {"feed": feed, "provider": provider, "record_id": record_id})
    async with engine.begin() as connection:
        claimed = await claim(connection, 1)
        positions = (
            (
                await connection.execute(
                    select(entry.c.position).where(
                        entry.c.feed == feed, entry.c.provider == provider, entry.c.record_id == record_id
                    )
                )
            )
            .scalars()
            .all()
        )
        if not positions:
            raise NotFound("unknown-record", "No such record; give the record id as the journal has it.")
        await connection.execute(delete(secret).where(secret.c.position.in_(positions)))
        await forget(connection, feed, provider, record_id)
        await connection.execute(update(entry).where(entry.c.position.in_(positions)).values(body=None))
        return await append_leaf(connection, clock, claimed, "statement", sign_statement(clock, key, statement))
