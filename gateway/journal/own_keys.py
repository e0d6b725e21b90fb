"""The gateway's keys beside its journal: made for an empty one, and never for one that holds anything.

A gateway with new keys over a journal that stands would list every record a second time, under another id, and what
the court withdraws would find nothing of what was listed before (rule D7).
"""

from pathlib import Path
from typing import Final, Literal, TypeAlias

import orjson
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock
from gateway.errors import Broken
from gateway.journal.engine import JournalEngine
from gateway.journal.plan import fingerprint
from gateway.journal.tables import entry, journal_head, journal_leaf, quarantine, secret
from gateway.trust.keyring import Keyring, load_keyring
from gateway.trust.seal import open_body
from schemas.catalog import FEEDS

End: TypeAlias = Literal["oldest", "newest"]  # of what the journal holds

TRIED: Final = 100  # entries, of which one is surely a record that was listed
WRAPPED: Final = (
    (secret.c.wrapped, secret.c.position),
    (journal_leaf.c.opening, journal_leaf.c.idx),
    (quarantine.c.raw, quarantine.c.at),
)


async def open_keyring(engine: JournalEngine, directory: Path, party: str, clock: Clock) -> Keyring:
    """The three keys in `directory`. Those that are missing are made where the journal is empty, and only there.

    Raises Broken: `key-of-another-database` where the journal was begun under other keys, and as `load_keyring` does.
    """
    async with engine.connect() as connection:
        leaves = (await connection.execute(select(func.max(journal_head.c.leaves)))).scalar()
        keyring = load_keyring(directory, party, clock, make=not leaves)
        name = await foreign_file(connection, keyring, "oldest")
    if name is not None:
        raise Broken(
            "key-of-another-database",
            f"{name} belongs to another database; point key_dir at the right folder, or restore it from the backup.",
        )
    return keyring


async def foreign_file(connection: AsyncConnection, keyring: Keyring, end: End) -> str | None:
    """The name of a key file that the journal's oldest or newest content was not written with; None where all fit."""
    if not await _vault_fits(connection, keyring, end):
        return "vault.key"
    return None if await _records_key_fits(connection, keyring, end) else "records.key"


async def _vault_fits(connection: AsyncConnection, keyring: Keyring, end: End) -> bool:
    """Tried on one thing that was wrapped; an empty database fits any key."""
    for column, order in WRAPPED:
        query = select(column).where(column.is_not(None)).limit(1)
        wrapped = (await connection.execute(query.order_by(order if end == "oldest" else order.desc()))).scalar()
        if wrapped is not None:
            try:
                keyring.vault.unwrap(wrapped)
            except Broken:
                return False
            return True
    return True


async def _records_key_fits(connection: AsyncConnection, keyring: Keyring, end: End) -> bool:
    """Tried on a record that was listed: its content, under the key, has the fingerprint that is stored.

    By position and no other condition: without statistics PostgreSQL would look through the whole journal.
    """
    order = secret.c.position if end == "oldest" else secret.c.position.desc()
    some = await connection.execute(select(secret.c.position, secret.c.wrapped).order_by(order).limit(TRIED))
    wrapped = {row.position: row.wrapped for row in some}
    rows = await connection.execute(select(entry).where(entry.c.position.in_(wrapped)))
    for row in sorted(rows, key=lambda one: one.position, reverse=end == "newest"):
        known = FEEDS.get(row.feed)
        if row.status == "withdrawn" or row.body is None or known is None or row.schema_version != known.schema_version:
            continue
        body = open_body(keyring.vault.unwrap(wrapped[row.position]), row.record_id, row.revision, row.body)
        stored: bytes = row.content_mac
        return fingerprint(keyring, known, orjson.loads(body)["values"]) == stored
    return True
