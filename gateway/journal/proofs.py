"""Checkpoints and proofs of the journal's own tree (RFC 9162), read in a handful of rows."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, stamp
from gateway.errors import BadRequest
from gateway.journal.append import read_nodes
from gateway.journal.engine import JournalEngine
from gateway.journal.tables import journal_head, journal_leaf
from gateway.trust import jws
from gateway.trust.keys import SigningKey
from gateway.trust.merkle import consistency_nodes, frontier, inclusion_nodes, root_from
from gateway.trust.seal import journal_leaf_document
from schemas.canonical import JsonObject, b64u


@dataclass(frozen=True, slots=True)
class TreeHead:
    """The tree over the first `size` leaves: its root, 32 bytes, and how many positions the leaves cover."""

    size: int
    root: bytes
    positions: int


async def read_tree_head(connection: AsyncConnection) -> TreeHead:
    row = (await connection.execute(select(journal_head))).one()
    nodes = await read_nodes(connection, frontier(row.leaves))
    return TreeHead(row.leaves, root_from(row.leaves, nodes), row.size)


class Proofs:
    """What `/v1/log` answers. Every answer can be checked with public keys alone."""

    def __init__(self, engine: JournalEngine, clock: Clock, key: SigningKey) -> None:
        self._engine = engine
        self._clock = clock
        self._key = key

    async def checkpoint(self) -> str:
        """A freshly signed checkpoint: a compact JWS."""
        async with self._engine.connect() as connection:
            head = await read_tree_head(connection)
        return jws.sign(
            self._key,
            jws.CHECKPOINT,
            {
                "type": "checkpoint/1",
                "origin": self._key.party,
                "size": head.size,
                "root": b64u(head.root),
                "positions": head.positions,
                "at": stamp(self._clock.now()),
            },
        )

    async def inclusion(self, leaf: int, size: int) -> JsonObject:
        """The leaf and its path in the tree of `size` leaves. Raises BadRequest where there is no such leaf or size."""
        async with self._engine.connect() as connection:
            row = (await connection.execute(select(journal_leaf).where(journal_leaf.c.idx == leaf))).first()
            await _check_size(connection, size)
            if row is None or leaf >= size:
                raise BadRequest("no-such-leaf", "There is no such leaf in a tree of that size.")
            nodes = await read_nodes(connection, inclusion_nodes(leaf, size).coordinates)
        return {
            "leaf": journal_leaf_document(
                index=row.idx,
                first_position=row.first_position,
                count=row.positions,
                kind=row.kind,
                document=row.document,
                appended_at=row.appended_at,
            ),
            "path": [b64u(node) for node in inclusion_nodes(leaf, size).fold(nodes)],
        }

    async def consistency(self, first: int, second: int) -> JsonObject:
        """That the tree of `second` leaves begins with the tree of `first`. Raises BadRequest for wrong sizes."""
        async with self._engine.single() as connection:
            await _check_size(connection, second)
            if not 0 < first <= second:
                raise BadRequest("no-such-size", "Sizes run from 1 up, the older one first.")
            plan = consistency_nodes(first, second)
            nodes = await read_nodes(connection, plan.coordinates)
        return {"path": [b64u(node) for node in plan.fold(nodes)]}


async def _check_size(connection: AsyncConnection, size: int) -> None:
    leaves = (await connection.execute(select(journal_head.c.leaves))).scalar_one()
    if not 0 < size <= leaves:
        raise BadRequest("no-such-size", "The journal has no tree of that size.")
