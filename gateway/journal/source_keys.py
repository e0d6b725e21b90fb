"""By which keys of their own sources name records. An update list says the key beside the record; a delete list that
comes later says the key and nothing else.

A key is kept as the reader made it, under the provider's record key: a digest of a record, as sources take for one,
would itself be an oracle. A key of two records names neither. A record that came again under a new key stands by that
one, and whoever deletes the old key deletes nothing: sources tell a change so.
"""

from dataclasses import replace
from typing import Final

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.journal.bulk import padded
from gateway.journal.heads import PARAMETERS
from gateway.journal.plan import Chunk
from gateway.journal.tables import source_key
from schemas.reading import Accepted, Item, Rejected, Withdrawal

NEITHER: Final = ""  # in place of a record id: two records came under this key

_OF_PROVIDER: Final = (source_key.c.provider == bindparam("of_provider")) & (source_key.c.feed == bindparam("of_feed"))
_FOUND: Final = select(source_key.c.key, source_key.c.record_id, source_key.c.superseded).where(
    _OF_PROVIDER, source_key.c.key.in_(bindparam("keys", expanding=True))
)
_SUPERSEDE: Final = (
    update(source_key)
    .where(
        _OF_PROVIDER, source_key.c.record_id == bindparam("of_record"), source_key.c.key != bindparam("by_key"),
        source_key.c.superseded.is_(False),
    )
    .values(superseded=True)
)  # fmt: skip
_POINT: Final = (
    update(source_key)
    .where(_OF_PROVIDER, source_key.c.key == bindparam("by_key"))
    .values(record_id=bindparam("to_record"), superseded=False)
)


async def resolved(connection: AsyncConnection, feed: str, provider: str, chunk: Chunk) -> Chunk:
    """The chunk with every deletion by a key that is known as the withdrawal of its record."""
    wanted = [item.source_key for item in chunk.items if isinstance(item, Rejected) and item.source_key]
    if not wanted:
        return chunk
    found = await _find(connection, feed, provider, wanted)
    listed = {item.record.record_id: item.source_key for item in chunk.items if isinstance(item, Accepted)}

    def known(item: Item) -> Item:
        if not isinstance(item, Rejected) or item.source_key is None:
            return item
        record_id, superseded = found.get(item.source_key, (NEITHER, False))
        if record_id == NEITHER:
            return item
        superseded = superseded or listed.get(record_id, item.source_key) != item.source_key
        return Withdrawal(item.line, (record_id,), None, item.raw, superseded)

    return replace(chunk, items=[known(item) for item in chunk.items])


async def remember(connection: AsyncConnection, feed: str, provider: str, keys: dict[str, str]) -> None:
    """What each key names from now on: key -> record id."""
    if not keys:
        return
    found = await _find(connection, feed, provider, list(keys))
    of_provider = {"of_provider": provider, "of_feed": feed}
    changed = {key: record_id for key, record_id in keys.items() if found.get(key) != (record_id, False)}
    rows = [
        {"provider": provider, "feed": feed, "key": key, "record_id": record_id, "superseded": False}
        for key, record_id in changed.items()
        if key not in found
    ]
    moved = [
        {**of_provider, "by_key": key, "to_record": record_id if found[key][0] == record_id else NEITHER}
        for key, record_id in changed.items()
        if key in found
    ]
    superseding = [
        {**of_provider, "of_record": record_id, "by_key": key}
        for key, record_id in changed.items()
        if record_id != NEITHER
    ]
    for statement, values in ((insert(source_key), rows), (_POINT, moved), (_SUPERSEDE, superseding)):
        if values:
            await connection.execute(statement, values)


async def _find(connection: AsyncConnection, feed: str, provider: str, keys: list[str]) -> dict[str, tuple[str, bool]]:
    """Of each key that is known: the record's id, and whether the record came under another key since."""
    found: dict[str, tuple[str, bool]] = {}
    for start in range(0, len(keys), PARAMETERS):
        some = padded(keys[start : start + PARAMETERS])
        rows = await connection.execute(_FOUND, {"of_feed": feed, "of_provider": provider, "keys": some})
        found |= {row.key: (row.record_id, bool(row.superseded)) for row in rows}
    return found
