"""By which keys of their own sources name records. An update list says the key beside the record; a delete list that
comes later says the key and nothing else.

A key is kept as the reader made it, under the provider's record key: a digest of a record, as sources take for one,
would itself be an oracle. A key of two records names neither. A record stands by the last key that it came under, and
whoever deletes an older one deletes nothing: sources tell a change so. All is written under the lock on the journal's
head, and what was found without it is looked up again there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from typing import Final

from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.journal.bulk import padded
from gateway.journal.chunks import NEITHER, Chunk, Named, Stated
from gateway.journal.heads import PARAMETERS
from gateway.journal.tables import source_key
from schemas.reading import Rejected, Withdrawal

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
    .values(record_id=bindparam("to_record"), superseded=bindparam("is_superseded"))
)
_FORGET: Final = delete(source_key).where(_OF_PROVIDER, source_key.c.record_id == bindparam("of_record"))
_SAID_ANEW: Final = (
    "the key is deleted of a record that the same submission says; send the deletion alone if it is meant"
)


async def resolved(connection: AsyncConnection, feed: str, provider: str, chunk: Chunk) -> Chunk:
    """The chunk with every deletion by a key that is known as the withdrawal of its record, or as the refusal of it."""
    wanted = [item.source_key for item in chunk.items if isinstance(item, Rejected) and item.source_key]
    if not wanted:
        return chunk
    found = await _find(connection, feed, provider, wanted)

    def known(item: Stated) -> Stated:
        if not isinstance(item, Rejected) or item.source_key is None:
            return item
        record_id, superseded = found.get(item.source_key, Named(NEITHER, superseded=False))
        if record_id == NEITHER:
            return item
        if record_id in chunk.said and not superseded:  # the newer version was refused, or has the very same key
            return Rejected(item.line, "deleted-and-listed", _SAID_ANEW, item.raw)
        return Withdrawal(item.line, (record_id,), item.status_reason, item.raw, superseded)

    named = {key: found.get(key, Named(NEITHER, superseded=False)) for key in wanted}
    return replace(chunk, items=[known(item) for item in chunk.items], named=named)


async def still_named(connection: AsyncConnection, feed: str, provider: str, named: Mapping[str, Named]) -> bool:
    """Whether the keys name what they were found to name. Called after the journal's head is locked."""
    found = await _find(connection, feed, provider, named)
    return all(found.get(key, Named(NEITHER, superseded=False)) == one for key, one in named.items())


async def remember(
    connection: AsyncConnection, feed: str, provider: str, keys: Mapping[str, str], new: frozenset[str]
) -> None:
    """What each key names from now on: key -> record id, the last of a record's keys last. `new` are the records that
    were never listed before, and so have no older key. Called after the journal's head is locked.
    """
    if not keys:
        return
    found = await _find(connection, feed, provider, keys)
    names = {
        key: NEITHER if key in found and found[key].record_id != record_id else record_id
        for key, record_id in keys.items()
    }
    last = {record_id: key for key, record_id in names.items()}
    changed: dict[str, Named] = {}
    for key, record_id in names.items():
        now = Named(record_id, superseded=record_id != NEITHER and last[record_id] != key)
        if found.get(key) != now:
            changed[key] = now
    of_provider = {"of_provider": provider, "of_feed": feed}
    rows = [
        {"provider": provider, "feed": feed, "key": key, "record_id": now.record_id, "superseded": now.superseded}
        for key, now in sorted(changed.items())
        if key not in found
    ]
    moves = [
        {**of_provider, "by_key": key, "to_record": now.record_id, "is_superseded": now.superseded}
        for key, now in sorted(changed.items())
        if key in found
    ]
    superseding = [
        {**of_provider, "of_record": now.record_id, "by_key": key}
        for key, now in sorted(changed.items())
        if now.record_id != NEITHER and now.record_id not in new and not now.superseded
    ]
    for statement, values in ((insert(source_key), rows), (_POINT, moves), (_SUPERSEDE, superseding)):
        if values:
            await connection.execute(statement, values)


async def forget(connection: AsyncConnection, feed: str, provider: str, record_id: str) -> None:
    """Nothing names the record any more."""
    await connection.execute(_FORGET, {"of_feed": feed, "of_provider": provider, "of_record": record_id})


async def _find(connection: AsyncConnection, feed: str, provider: str, keys: Iterable[str]) -> dict[str, Named]:
    """What each key that is known names."""
    found: dict[str, Named] = {}
    ordered = sorted(keys)
    for start in range(0, len(ordered), PARAMETERS):
        some = padded(ordered[start : start + PARAMETERS])
        rows = await connection.execute(_FOUND, {"of_feed": feed, "of_provider": provider, "keys": some})
        found |= {row.key: Named(row.record_id, bool(row.superseded)) for row in rows}
    return found
