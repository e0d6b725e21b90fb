"""The newest version of each record, and what it was before (rules J4, J6)."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from itertools import islice
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.journal.bulk import padded
from gateway.journal.tables import entry
from gateway.journal.versions import Head

PARAMETERS = 500  # ids in one query, well under every engine's limit

# Made once: to build a statement costs as much as to carry it out.
_STANDING: Final = (
    (entry.c.feed == bindparam("feed"))
    & (entry.c.provider == bindparam("provider"))
    & entry.c.record_id.in_(bindparam("ids", expanding=True))
    & entry.c.superseded_by.is_(None)
)
_PLACES: Final = select(entry.c.record_id, entry.c.position).where(_STANDING)
_HEADS: Final = select(
    entry.c.record_id,
    entry.c.position,
    entry.c.revision,
    entry.c.status,
    entry.c.content_mac,
    entry.c.published_on,
    entry.c.suspended,
).where(_STANDING)


async def read_heads(
    connection: AsyncConnection, feed: str, provider: str, record_ids: Iterable[str]
) -> dict[str, Head]:
    """Heads by record id. A withdrawn head carries the fingerprints of all older versions, and their latest day."""
    heads: dict[str, Head] = {}
    withdrawn: list[str] = []
    ids = iter(sorted(record_ids))
    while some := list(islice(ids, PARAMETERS)):
        rows = await connection.execute(_HEADS, {"feed": feed, "provider": provider, "ids": padded(some)})
        for row in rows:
            heads[row.record_id] = Head(
                row.position,
                row.revision,
                row.status,
                row.content_mac,
                row.published_on,
                suspended=bool(row.suspended),
            )
            if row.status == "withdrawn":
                withdrawn.append(row.record_id)
    for record_id in withdrawn:
        versions = await connection.execute(
            select(entry.c.content_mac, entry.c.published_on).where(
                entry.c.feed == feed, entry.c.provider == provider, entry.c.record_id == record_id
            )
        )
        older = versions.all()
        head = heads[record_id]
        heads[record_id] = replace(
            head,
            published_on=max((row.published_on for row in older if row.published_on is not None), default=None),
            older=frozenset(row.content_mac for row in older),
        )
    return heads


async def unchanged_since(
    connection: AsyncConnection, feed: str, provider: str, expected: Mapping[str, int | None]
) -> bool:
    """Whether the heads that were decided against still stand. Called after the journal's head is locked.

    `expected` maps record ids to the position of their head, or None where there was none.
    """
    found: dict[str, int] = {}
    ids = iter(expected)
    while some := list(islice(ids, PARAMETERS)):
        rows = await connection.execute(_PLACES, {"feed": feed, "provider": provider, "ids": padded(some)})
        found.update((row.record_id, row.position) for row in rows)
    return all(found.get(record_id) == position for record_id, position in expected.items())
