"""Opening the journal's database: one URL, SQLite by default, PostgreSQL where it is named."""

from pathlib import Path
from typing import Any

from sqlalchemy import event, insert, select
from sqlalchemy.engine import make_url
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.journal.tables import journal_head, metadata


def open_engine(url: str) -> AsyncEngine:
    """An engine over the journal. `url` is an SQLAlchemy URL with an async driver."""
    parsed = make_url(url)
    if parsed.get_backend_name() != "sqlite":
        return create_async_engine(parsed, pool_pre_ping=True, hide_parameters=True)
    if parsed.database and parsed.database != ":memory:":
        _keep_private(Path(parsed.database))
    engine = create_async_engine(parsed, connect_args={"timeout": 30}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return engine


def _keep_private(database: Path) -> None:
    """Its owner's alone, whatever the umask says; SQLite gives the files beside it the same mode."""
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    database.touch(mode=0o600)
    database.chmod(0o600)


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver's own transaction control would leave reads outside the transaction; `_begin_sqlite` states it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # rule J1: an acknowledged batch survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    connection.exec_driver_sql("BEGIN")


async def create_tables(engine: AsyncEngine) -> None:
    """Make what is missing. Safe to call at every start."""
    async with engine.begin() as connection:
        await connection.run_sync(metadata.create_all)
        if (await connection.execute(select(journal_head.c.id))).first() is None:
            await connection.execute(insert(journal_head).values(id=1, size=0, leaves=0))
