"""Appending to the journal: positions, the leaf, its tree nodes and its entries, inside the caller's transaction."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from sqlalchemy import BigInteger, bindparam, insert, select, tuple_, update
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, stamp
from gateway.errors import Unavailable
from gateway.journal.bulk import insert_rows
from gateway.journal.tables import entry, journal_head, journal_leaf, journal_node, secret
from gateway.trace import write_parent
from gateway.trust.merkle import append_nodes, frontier, leaf_hash
from gateway.trust.seal import journal_leaf_data

LeafKind = Literal["batch", "contract", "key", "statement", "closing"]

# Made once: to build a statement costs as much as to carry it out.
_CLAIM: Final = (
    update(journal_head)
    .where(journal_head.c.id == 1)
    .values(size=journal_head.c.size + bindparam("positions", type_=BigInteger), leaves=journal_head.c.leaves + 1)
    .returning(journal_head.c.size, journal_head.c.leaves)
)
_LOCK: Final = select(journal_head.c.size).where(journal_head.c.id == 1).with_for_update()
_LEAF: Final = insert(journal_leaf)
_NODE: Final = insert(journal_node)
_NODES: Final = select(journal_node).where(
    tuple_(journal_node.c.level, journal_node.c.idx).in_(bindparam("coordinates", expanding=True))
)
_FOLLOW: Final = update(entry).where(entry.c.position == bindparam("old")).values(superseded_by=bindparam("new"))


@dataclass(frozen=True, slots=True)
class NewEntry:
    """One record version, sealed and ready to stand at a position."""

    feed: str
    schema_version: int
    provider: str
    record_id: str
    revision: int
    status: str
    leaf_hash: bytes
    digests: bytes
    body: bytes
    content_mac: bytes
    published_on: str | None
    previous: int | None
    wrapped_secret: bytes
    suspended: bool | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was appended: the leaf's index, its first position, and when."""

    leaf: int
    first_position: int
    count: int
    appended_at: str


async def claim(connection: AsyncConnection, positions: int) -> tuple[int, int]:
    """Take `positions` positions and one leaf: (first position, leaf index). The transaction's first statement (J2)."""
    row = (await connection.execute(_CLAIM, {"positions": positions})).first()
    if row is None:
        raise Unavailable("journal-not-ready", "The journal has not been set up; start the gateway once.")
    return row.size - positions + 1, row.leaves - 1


async def lock_head(connection: AsyncConnection) -> None:
    """Wait for whoever claims, and keep others waiting: for what is written in one order and takes no position."""
    await connection.execute(_LOCK)


async def append_leaf(
    connection: AsyncConnection,
    clock: Clock,
    claimed: tuple[int, int],
    kind: LeafKind,
    document: bytes,
    *,
    count: int = 1,
    opening: bytes | None = None,
) -> Place:
    """Write the leaf that was claimed and the tree nodes it completes."""
    first_position, index = claimed
    appended_at = stamp(clock.now())
    data = journal_leaf_data(
        index=index, first_position=first_position, count=count, kind=kind, document=document, appended_at=appended_at
    )
    hashed = leaf_hash(data)
    await connection.execute(
        _LEAF,
        {
            "idx": index,
            "first_position": first_position,
            "positions": count,
            "kind": kind,
            "document": document,
            "opening": opening,
            "appended_at": appended_at,
            "hash": hashed,
            "traceparent": write_parent(),
        },
    )
    edge = await read_nodes(connection, frontier(index))
    new = append_nodes(index, [hashed], edge)
    await connection.execute(_NODE, [{"level": level, "idx": at, "hash": node} for level, at, node in new])
    return Place(leaf=index, first_position=first_position, count=count, appended_at=appended_at)


async def append_entries(connection: AsyncConnection, place: Place, entries: Sequence[NewEntry]) -> None:
    """Write the record versions of a batch at the leaf's positions, and mark the versions they follow (J6)."""
    first = place.first_position
    await insert_rows(
        connection,
        entry,
        [
            (
                first + offset,
                place.leaf,
                new.feed,
                new.schema_version,
                new.provider,
                new.record_id,
                new.revision,
                new.status,
                new.leaf_hash,
                new.digests,
                new.body,
                new.content_mac,
                new.published_on,
                new.previous,
                None,  # superseded_by
                new.suspended,
            )
            for offset, new in enumerate(entries)
        ],
    )
    await insert_rows(connection, secret, [(first + offset, new.wrapped_secret) for offset, new in enumerate(entries)])
    followed = [
        {"old": new.previous, "new": first + offset} for offset, new in enumerate(entries) if new.previous is not None
    ]
    if followed:
        await connection.execute(_FOLLOW, followed)


async def read_nodes(
    connection: AsyncConnection, coordinates: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], bytes]:
    """The stored hashes of perfect subtrees at (level, index)."""
    if not coordinates:
        return {}
    rows = await connection.execute(_NODES, {"coordinates": list(coordinates)})
    return {(row.level, row.idx): row.hash for row in rows}
