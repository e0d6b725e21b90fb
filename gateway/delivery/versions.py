"""Record versions as routing and sending need them: opened with their secrets, which are read anew each time (J7)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import islice

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.journal.tables import entry, secret
from gateway.trust.seal import open_body
from gateway.trust.vault import Vault
from schemas.canonical import JsonValue

POSITIONS = 500  # in one query


@dataclass(frozen=True, slots=True)
class Version:
    """One record version. `values` and `secret` are None once it is erased."""

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


async def read_versions(connection: AsyncConnection, vault: Vault, positions: Iterable[int]) -> dict[int, Version]:
    """The versions at these positions; positions that hold no record are absent."""
    found: dict[int, Version] = {}
    left = iter(sorted(set(positions)))
    while some := list(islice(left, POSITIONS)):
        rows = await connection.execute(
            select(entry, secret.c.wrapped)
            .outerjoin(secret, secret.c.position == entry.c.position)
            .where(entry.c.position.in_(some))
        )
        for row in rows:
            opened = None if row.wrapped is None else vault.unwrap(row.wrapped)
            values = None
            if opened is not None and row.body is not None:
                body = open_body(opened, row.record_id, row.revision, row.body)
                values = tuple(orjson.loads(body)["values"])
            found[row.position] = Version(
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
    return found


async def read_ancestors(
    connection: AsyncConnection, vault: Vault, versions: Sequence[Version], until: int
) -> dict[int, Version | None]:
    """For each version, the one of the same record that stood at position `until`: itself, an older one, or None."""
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
        older = await read_versions(
            connection, vault, [version.previous for version in walking.values() if version.previous is not None]
        )
        walking = {
            origin: older[version.previous] for origin, version in walking.items() if version.previous is not None
        }
    return standing
