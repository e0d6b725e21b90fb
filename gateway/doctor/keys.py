"""Keys: are the files there and their owner's alone, do they belong to this database, and until when are they good."""

from datetime import datetime
from pathlib import Path
from typing import Final, get_args

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import china_date
from gateway.doctor.finding import SOON, Finding
from gateway.journal.own_keys import End, foreign_file
from gateway.journal.tables import party_key
from gateway.trust.keyring import KEY_FILES, Keyring
from gateway.trust.keys import PublicKey
from gateway.trust.private_file import open_to_others

ENDS: Final[tuple[End, ...]] = get_args(End)


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
                "Point FUYUAN_KEY_DIR at the folder, or restore it; a gateway makes one beside an empty journal alone.",
            )
        ]
    return [found for name in KEY_FILES if (found := check_file(directory / name)) is not None]


async def check_keyring(connection: AsyncConnection, keyring: Keyring, now: datetime) -> list[Finding]:
    """Whether the three keys are this database's, and the signing key is current."""
    found = []
    for end in ENDS:
        name = await foreign_file(connection, keyring, end)
        if name is not None:
            found.append(_foreign(name, end))
            break
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


def _foreign(name: str, end: End) -> Finding:
    return Finding(
        "error",
        "keys",
        "key-of-another-database",
        f"{name} does not belong to this database: the {end} of what is stored was written with another.",
        "Restore the key from the backup of this database; start nothing before.",
    )
