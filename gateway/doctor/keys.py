"""Keys: are the files there and their owner's alone, do they belong to this database, and until when are they good."""

from datetime import datetime
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import china_date
from gateway.doctor.finding import SOON, Finding
from gateway.errors import Broken
from gateway.journal.plan import fingerprint
from gateway.journal.tables import entry, journal_leaf, party_key, quarantine, secret
from gateway.trust.keyring import Keyring
from gateway.trust.keys import PublicKey
from gateway.trust.private_file import open_to_others
from gateway.trust.seal import open_body
from schemas.catalog import feed as find_feed

KEY_FILES: Final = ("signing.jwk", "vault.key", "records.key")


def check_file(path: Path) -> Finding | None:
    """What is wrong with a file that only its owner may read; None where nothing is."""
    try:
        mode = path.stat().st_mode
        path.open("rb").close()
    except FileNotFoundError:
        return Finding("error", "keys", "key-file-missing", f"{path.name} is not there.", "Restore it from the backup.")
    except OSError:
        return Finding(
            "error",
            "keys",
            "key-file-unreadable",
            f"{path.name} cannot be read by this user.",
            "Run as the user that owns it.",
        )
    if open_to_others(path, mode):
        return Finding(
            "error", "keys", "key-file-open", f"{path.name} can be read by others than its owner.", "chmod 600 it."
        )
    return None


def check_key_files(directory: Path) -> list[Finding]:
    """Of the gateway. Raises nothing: what cannot be looked at is a finding."""
    if not directory.is_dir():
        return [
            Finding(
                "error",
                "keys",
                "key-dir-missing",
                "The folder of the gateway's keys is not there.",
                "Start the gateway once, or point FUYUAN_KEY_DIR at the folder.",
            )
        ]
    return [found for name in KEY_FILES if (found := check_file(directory / name)) is not None]


async def check_keyring(connection: AsyncConnection, keyring: Keyring, now: datetime) -> list[Finding]:
    """Whether the three keys are this database's, and the signing key is current."""
    found = [] if await _vault_fits(connection, keyring) else [_foreign("vault.key", "what is stored cannot be opened")]
    if not found and not await _records_key_fits(connection, keyring):
        found.append(_foreign("records.key", "records would come in under other ids"))
    entered = (await connection.execute(select(party_key.c.jwk).where(party_key.c.kid == keyring.signing.kid))).scalar()
    if entered is None:
        return [
            *found,
            Finding(
                "error",
                "keys",
                "signing-key-unknown",
                "The signing key is not entered in this database.",
                "Start the gateway once, which enters it, if this key and this database belong together.",
            ),
        ]
    key = PublicKey.from_jwk(orjson.loads(entered))
    return found + check_end(key, now, f"The gateway's signing key {key.kid[:8]}")


def check_end(key: PublicKey, now: datetime, called: str) -> list[Finding]:
    """Whether a key is current, and for how long."""
    remedy = "Make a new key, enter it, and hand it to those who pin it, before this one ends."
    if not key.validity.current_at(now):
        return [Finding("error", "keys", "key-not-current", f"{called} is not in force.", remedy)]
    end = key.validity.end
    if end is not None and end - now < SOON:
        return [Finding("warning", "keys", "key-ends-soon", f"{called} ends on {china_date(end)}.", remedy)]
    return []


async def _vault_fits(connection: AsyncConnection, keyring: Keyring) -> bool:
    """Tried on one thing that was wrapped; an empty database fits any key."""
    for column, order in (
        (secret.c.wrapped, secret.c.position),
        (journal_leaf.c.opening, journal_leaf.c.idx),
        (quarantine.c.raw, quarantine.c.id),
    ):
        wrapped = (
            await connection.execute(select(column).where(column.is_not(None)).order_by(order.desc()).limit(1))
        ).scalar()
        if wrapped is not None:
            try:
                keyring.vault.unwrap(wrapped)
            except Broken:
                return False
            return True
    return True


async def _records_key_fits(connection: AsyncConnection, keyring: Keyring) -> bool:
    """Tried on the newest record that was listed: its content, under the key, has the fingerprint that is stored."""
    row = (
        await connection.execute(
            select(entry, secret.c.wrapped)
            .join(secret, secret.c.position == entry.c.position)
            .where(entry.c.status != "withdrawn", entry.c.body.is_not(None))
            .order_by(entry.c.position.desc())
            .limit(1)
        )
    ).first()
    if row is None:
        return True
    body = open_body(keyring.vault.unwrap(row.wrapped), row.record_id, row.revision, row.body)
    values = orjson.loads(body)["values"]
    known: bytes = row.content_mac
    return fingerprint(keyring, find_feed(row.feed), values) == known


def _foreign(name: str, because: str) -> Finding:
    return Finding(
        "error",
        "keys",
        "key-of-another-database",
        f"{name} does not belong to this database: {because}.",
        "Restore the key from the backup of this database; start nothing before.",
    )
