"""The clock and the database: whether times can be trusted, and whether what is acknowledged is really kept."""

import shutil
import stat
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

from sqlalchemy import select, text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.clock import CHINA, china_date, stamp, unstamp
from gateway.doctor.finding import Finding, in_words
from gateway.journal import schema
from gateway.journal.tables import journal_leaf

SLACK: Final = timedelta(seconds=5)  # between two machines that a time service keeps
MEBIBYTE: Final = 1024 * 1024
LITTLE, TOO_LITTLE = 2048 * MEBIBYTE, 256 * MEBIBYTE  # bytes free on the disk
TIME_SERVICE: Final = "Let a time service (chrony, systemd-timesyncd) keep this machine's clock."


async def check_clock(connection: AsyncConnection, now: datetime, skew: timedelta) -> list[Finding]:
    """Against the newest journal entry, and the clock of a database server; SQLite has this machine's own."""
    newest = (
        await connection.execute(select(journal_leaf.c.appended_at).order_by(journal_leaf.c.idx.desc()).limit(1))
    ).scalar()
    found = []
    if newest is not None and (ahead := unstamp(newest) - now) > SLACK:
        found.append(
            Finding(
                "error",
                "clock",
                "clock-set-back",
                f"The journal's newest entry is {in_words(ahead)} ahead of this machine's clock: it was set back.",
                f"{TIME_SERVICE} Agents answer unknown until the clock has passed that entry.",
            )
        )
    if connection.dialect.name == "postgresql":
        at: datetime = (await connection.execute(text("SELECT clock_timestamp()"))).scalar_one()
        found += compare_clocks(now, at, skew)
    if now.astimezone(CHINA).utcoffset() != timedelta(hours=8):
        found.append(
            Finding(
                "error",
                "clock",
                "time-zones",
                "This machine's time zone data is wrong for China.",
                "Install the package tzdata; days of listings and contracts depend on it.",
            )
        )
    today = f"It is {stamp(now)}, in China {china_date(now)}."
    return found or [Finding("ok", "clock", "clock", today)]


def compare_clocks(now: datetime, at: datetime, skew: timedelta) -> list[Finding]:
    """This machine's and the database's. Beyond `skew` signed requests are refused."""
    apart = abs(now - at)
    if apart <= SLACK:
        return []
    level: Final = "error" if apart > skew else "warning"
    words = f"This machine's clock and the database's are {in_words(apart)} apart."
    return [Finding(level, "clock", "clocks-apart", words, TIME_SERVICE)]


async def check_database(engine: AsyncEngine) -> list[Finding]:
    """Version, durability, schema, and of SQLite the disk. Raises OperationalError where it is away, and as
    `schema.check` does.
    """
    async with engine.connect() as connection:
        if connection.dialect.name == "sqlite":
            version, found = await _sqlite(connection)
        else:
            version, found = await _postgres(connection)
    standing = await schema.check(engine)
    if standing.revision != standing.newest:
        found.append(
            Finding(
                "error",
                "database",
                "schema-outdated",
                f"The schema stands at revision {standing.revision or 'none'}, this fuyuan needs {standing.newest}.",
                "Run one version of fuyuan everywhere; `fuyuan serve` brings the schema up when it starts.",
            )
        )
    elif standing.differences:
        found.append(
            Finding(
                "error",
                "database",
                "schema-differs",
                f"The tables are not as this fuyuan made them ({standing.differences[0]}).",
                "Undo what was changed by hand, or restore the backup.",
            )
        )
    if engine.dialect.name == "sqlite" and engine.url.database:  # a server's disk is not this machine's
        found += check_disk(shutil.disk_usage(Path(engine.url.database).parent).free)
    return found or [Finding("ok", "database", "database", f"{version}, schema {standing.revision}.")]


def check_disk(free: int) -> list[Finding]:
    """`free` in bytes, where the journal's file is."""
    if free >= LITTLE:
        return []
    words = f"{free // MEBIBYTE} MiB are left on the disk of the journal's file."
    level: Final = "error" if free < TOO_LITTLE else "warning"
    return [Finding(level, "database", "disk-full", words, "Make room; a full disk refuses every record.")]


async def _sqlite(connection: AsyncConnection) -> tuple[str, list[Finding]]:
    version = (await connection.execute(text("SELECT sqlite_version()"))).scalar_one()
    mode = (await connection.execute(text("PRAGMA journal_mode"))).scalar_one()
    synchronous = (await connection.execute(text("PRAGMA synchronous"))).scalar_one()
    found = []
    if mode != "wal" or synchronous < 2:
        found.append(
            Finding(
                "error",
                "database",
                "not-durable",
                f"SQLite runs with journal_mode {mode} and synchronous {synchronous}.",
                "Keep the file on a local disk: a network share does not allow WAL.",
            )
        )
    return f"SQLite {version}", found


async def _postgres(connection: AsyncConnection) -> tuple[str, list[Finding]]:
    version = (await connection.execute(text("SHOW server_version"))).scalar_one()
    needed = ("fsync", "full_page_writes")
    found = [
        Finding(
            "error",
            "database",
            "not-durable",
            f"PostgreSQL runs with {name} off: what is acknowledged may be gone after a power cut.",
            f"Set {name} = on in postgresql.conf and reload it.",
        )
        for name in needed
        if (await connection.execute(text(f"SHOW {name}"))).scalar_one() != "on"
    ]
    return f"PostgreSQL {version}", found


def check_database_file(path: Path) -> list[Finding]:
    """Of SQLite, before it is opened, which would set the mode right."""
    if not path.is_file():
        return [
            Finding(
                "error",
                "database",
                "database-missing",
                "The journal's file is not there.",
                "Start the gateway once, or point FUYUAN_DATABASE_URL at it.",
            )
        ]
    if stat.S_IMODE(path.stat().st_mode) & 0o077:
        return [
            Finding(
                "error", "database", "database-open", "The journal's file can be read by others.", f"chmod 600 {path}."
            )
        ]
    return []
