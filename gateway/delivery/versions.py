"""Record versions as routing and sending need them: opened with their secrets, which are read anew each time (J7)."""

import asyncio
from collections import OrderedDict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any, Final, NamedTuple

import orjson
from sqlalchemy import Row, Select, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.policy import Projection
from gateway.journal.bulk import padded
from gateway.journal.tables import entry, secret
from gateway.trust.seal import open_body
from gateway.trust.vault import Vault
from schemas.canonical import JsonObject, JsonValue

POSITIONS = 500  # in one query
KEPT = 4096  # opened versions, a few KB each
NEW = 8000  # of them just journalled, and not read since
NEW_SECONDS = 30  # for so long at most: what nobody reads is held opened by nobody
SHOWN = 4  # projections of a version that are kept with it, a few KB each


@dataclass(frozen=True, slots=True)
class Disclosed:
    """A version as contracts of one projection show it: the event's record, those of its values that are shown in
    changed form, and the proof before the run's members. Events of several contracts share these; nobody changes them.
    """

    record: JsonObject
    treated: JsonObject
    proof: JsonObject


@dataclass(frozen=True, slots=True)
class Version:
    """One record version. `values` and `secret` are None once it is erased. What was `disclosed` of it is forgotten
    with it.
    """

    position: int
    leaf: int
    feed: str
    schema_version: int
    record_id: str
    revision: int
    status: str
    previous: int | None
    superseded: bool
    digests: bytes
    leaf_hash: bytes
    secret: bytes | None
    values: tuple[JsonValue, ...] | None
    disclosed: dict[Projection, Disclosed] = field(default_factory=dict, compare=False, repr=False)

    def keep(self, projection: Projection, disclosed: Disclosed) -> None:
        """For the next contract that shows the same. Where there is no room for another, all begin anew: to drop one
        would have to look through what another thread fills.
        """
        if len(self.disclosed) >= SHOWN:
            self.disclosed.clear()
        self.disclosed[projection] = disclosed

    def now(self, *, superseded: bool) -> "Version":
        """The same version as it stands at this moment."""
        return self if superseded == self.superseded else replace(self, superseded=superseded)


class _Reading(NamedTuple):
    """A query by positions: one for each of them, one for all that stand between two."""

    each: Select[Any]
    between: Select[Any]

    async def rows(self, connection: AsyncConnection, positions: Sequence[int]) -> Sequence[Row[Any]]:
        """Those at these positions, which ascend. A batch stands side by side: to name its ends costs a fifth."""
        if positions[-1] - positions[0] == len(positions) - 1:
            found = await connection.execute(self.between, {"first": positions[0], "last": positions[-1]})
        else:
            found = await connection.execute(self.each, {"positions": padded(list(positions))})
        rows: Sequence[Row[Any]] = found.all()
        return rows


def _reading(columns: Select[Any]) -> _Reading:
    return _Reading(
        columns.where(entry.c.position.in_(bindparam("positions", expanding=True))),
        columns.where(entry.c.position.between(bindparam("first"), bindparam("last"))),
    )


# Made once: to build a statement costs as much as to carry it out.
_STANDING: Final = _reading(
    select(entry.c.position, entry.c.superseded_by, secret.c.wrapped).outerjoin(
        secret, secret.c.position == entry.c.position
    )
)
_CONTENT: Final = _reading(select(entry))


class Versions:
    """Reads record versions, and shares the opened ones between all contracts that stand at one place (D9).

    What is kept decides nothing: a version's secret and its successor are read anew each time, so an erased record is
    gone for everybody at once, and a superseded one is seen to be so.
    """

    def __init__(self, vault: Vault, *, kept: int = KEPT) -> None:
        self._vault = vault
        self._kept = kept
        self._opened: OrderedDict[int, tuple[bytes, Version]] = OrderedDict()
        self._new: OrderedDict[int, tuple[bytes, Version]] = OrderedDict()

    def note(self, journalled: Iterable[tuple[bytes, Version]]) -> None:
        """Versions that were just journalled here, each with its wrapped secret: routing need not open what was sealed
        a moment ago. They keep no place from what is shared: where routing is far behind, they are forgotten.
        """
        for wrapped, version in journalled:
            if version.position not in self._opened:
                self._new[version.position] = (wrapped, version)
        while len(self._new) > NEW:
            self._new.popitem(last=False)
        if self._new:
            asyncio.get_running_loop().call_later(NEW_SECONDS, self._forget, next(reversed(self._new)))

    def _forget(self, until: int) -> None:
        while self._new and next(iter(self._new)) <= until:
            self._new.popitem(last=False)

    async def read(self, connection: AsyncConnection, positions: Iterable[int]) -> dict[int, Version]:
        """The versions at these positions; positions that hold no record are absent."""
        found: dict[int, Version] = {}
        left = iter(sorted(set(positions)))
        while some := list(islice(left, POSITIONS)):
            missing = {}
            for row in await _STANDING.rows(connection, some):
                known = self._opened.get(row.position) or self._new.pop(row.position, None)
                if known is None or known[0] != row.wrapped:
                    missing[row.position] = row.wrapped
                else:
                    self._opened[row.position] = known
                    self._opened.move_to_end(row.position)
                    found[row.position] = known[1].now(superseded=row.superseded_by is not None)
            if missing:
                found |= await self._open(connection, missing)
        while len(self._opened) > self._kept:
            self._opened.popitem(last=False)
        return found

    async def _open(self, connection: AsyncConnection, wrapped: Mapping[int, bytes | None]) -> dict[int, Version]:
        rows = await _CONTENT.rows(connection, sorted(wrapped))
        found = {row.position: self._version(row, wrapped[row.position]) for row in rows}
        for position, version in found.items():
            token = wrapped[position]
            if token is None:
                self._opened.pop(position, None)
            else:
                self._opened[position] = (token, version)
        return found

    def _version(self, row: Row[Any], wrapped: bytes | None) -> Version:
        opened = None if wrapped is None else self._vault.unwrap(wrapped)
        values = None
        if opened is not None and row.body is not None:
            body = open_body(opened, row.record_id, row.revision, row.body)
            values = tuple(orjson.loads(body)["values"])
        return Version(
            position=row.position,
            leaf=row.leaf,
            feed=row.feed,
            schema_version=row.schema_version,
            record_id=row.record_id,
            revision=row.revision,
            status=row.status,
            previous=row.previous,
            superseded=row.superseded_by is not None,
            digests=row.digests,
            leaf_hash=row.leaf_hash,
            secret=opened,
            values=values,
        )

    async def ancestors(
        self, connection: AsyncConnection, versions: Sequence[Version], until: int
    ) -> dict[int, Version | None]:
        """For each version, the one of its record that stood at position `until`: itself, an older one, or None."""
        standing: dict[int, Version | None] = {}
        walking = {version.position: version for version in versions}
        while walking:
            for origin, version in list(walking.items()):
                if version.position <= until:
                    standing[origin] = version
                    del walking[origin]
                elif version.previous is None:
                    standing[origin] = None
                    del walking[origin]
            older = await self.read(
                connection, [version.previous for version in walking.values() if version.previous is not None]
            )
            walking = {
                origin: older[version.previous] for origin, version in walking.items() if version.previous is not None
            }
        return standing
