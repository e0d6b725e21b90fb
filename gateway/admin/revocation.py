"""What a revoked contract's journal entries say: how far its lanes were, and what lay open until it was shut (D10)."""

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.journal.tables import activation, journal_leaf
from gateway.journal.tables import lane as lane_table
from schemas.canonical import JsonObject


async def lane_heads(connection: AsyncConnection, contract_id: str) -> dict[str, dict[str, int]]:
    """Of each lane the last number that was handed out, and the last that a receipt covers."""
    rows = await connection.execute(select(lane_table).where(lane_table.c.contract == contract_id))
    return {row.lane: {"acknowledged": row.acknowledged, "shown": row.shown} for row in rows}


async def open_span(connection: AsyncConnection, contract_id: str) -> JsonObject:
    """What the subscriber could read between revocation and now: `since`, the revocation's position, and of each lane
    the first and the last number that was handed out by now and not acknowledged then; null where there is none.
    """
    now = await lane_heads(connection, contract_id)
    revoked = (
        await connection.execute(
            select(journal_leaf.c.first_position, journal_leaf.c.document)
            .join(activation, activation.c.position == journal_leaf.c.first_position)
            .where(activation.c.contract == contract_id, activation.c.state == "revoking")
            .order_by(activation.c.position.desc())
            .limit(1)
        )
    ).one()
    then = orjson.loads(revoked.document).get("lanes", now)  # entries of older journals lack them
    spans = {lane: (then[lane]["acknowledged"] + 1, now[lane]["shown"]) for lane in now}
    return {
        "since": revoked.first_position,
        "lanes": {lane: [first, last] if first <= last else None for lane, (first, last) in spans.items()},
    }
