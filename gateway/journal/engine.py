"""Opening the journal's database: one URL, SQLite by default, PostgreSQL where it is named.

What differs between the two is set here, so that one code path serves both: `connect` reads one snapshot, `begin`
writes and waits its turn, a committed write is on the disk, and an engine that is away raises OperationalError.
"""

import ipaddress
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import asyncpg
from sqlalchemy import event
from sqlalchemy.engine import URL, ExceptionContext, make_url
from sqlalchemy.exc import ArgumentError, InvalidatePoolError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from gateway.errors import BadRequest, Refused

DRIVERS = frozenset({"sqlite+aiosqlite", "postgresql+asyncpg"})
BUSY_SECONDS = 30  # how long a writer waits for its turn
CACHE_KIB = 32 * 1024  # of pages that one connection to SQLite keeps; its own 2 MiB hold no index of a long list
LOG_PAGES = 4000  # of the write-ahead log before it is carried over; with its own 1000 each long batch waits for that
MODE_TRIES, MODE_PAUSE_SECONDS = 100, 0.02

# A gateway that hangs inside a transaction lets go of the journal's head before those who wait for it give up.
POSTGRES_LIMITS: Final[Mapping[str, str]] = {
    "idle_in_transaction_session_timeout": "10s",
    "lock_timeout": f"{BUSY_SECONDS}s",
    "statement_timeout": "60s",
    "tcp_keepalives_idle": "30",
    "tcp_keepalives_interval": "10",
    "tcp_keepalives_count": "3",
}
ANSWER_SECONDS = 65  # longer than the server's own limits: only a server that is gone does not answer by then
CONNECT_SECONDS = 10
PING_SECONDS = 5
USED: Final = "used"  # when a connection was last seen to answer
FRESH_SECONDS: Final = 1.0  # for how long it is taken to answer still

# SQLSTATE classes and codes of a server that cannot serve now: connection, rollback, resources, not in the state for
# it, operator's intervention, system; idle too long in a transaction; a standby.
_AWAY = ("08", "40", "53", "55", "57", "58", "25P03", "25006")
_UNSPELLABLE = frozenset({"22021", "22P05"})  # PostgreSQL's text holds no NUL


class JournalEngine(AsyncEngine):
    """`connect` is for reading, in one snapshot; `begin` is for writing, one after the other where they meet; `single`
    is for a statement of either kind that needs no transaction around it, or for several that read what changes no
    more: it saves two of three round trips.
    """

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[AsyncConnection]:
        async with self.connect() as connection:
            await connection.execution_options(**_WRITING[self.dialect.name])
            async with connection.begin():
                yield connection

    @asynccontextmanager
    async def single(self) -> AsyncIterator[AsyncConnection]:
        async with self.connect() as connection:
            await connection.execution_options(**_SINGLE[self.dialect.name])
            yield connection


# On PostgreSQL a writer sees what was committed while it waited for the journal's head; a snapshot would not.
_WRITING: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"sqlite_begin": "BEGIN IMMEDIATE"},
    "postgresql": {"isolation_level": "READ COMMITTED"},
}

_SINGLE: Mapping[str, Mapping[str, Any]] = {
    "sqlite": {"sqlite_begin": None},
    "postgresql": {"isolation_level": "AUTOCOMMIT"},
}


def open_engine(url: str, *, connections: int = 10, patient: bool = False) -> JournalEngine:
    """An engine over the journal. `url` is an SQLAlchemy URL of one of DRIVERS.

    `connections` is how many it keeps to PostgreSQL at most; a `patient` one sets no time limit, for migrations.
    Raises Refused (`database-url`).
    """
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    if parsed is None or parsed.drivername not in DRIVERS:
        raise Refused("database-url", f"FUYUAN_DATABASE_URL must begin with one of: {', '.join(sorted(DRIVERS))}.")
    if parsed.get_backend_name() == "sqlite":
        return _open_sqlite(parsed)
    return _open_postgres(parsed, connections, patient=patient)


def _open_sqlite(url: URL) -> JournalEngine:
    if url.database and url.database != ":memory:":
        _keep_private(Path(url.database))
        _log_ahead(Path(url.database))
    engine = create_async_engine(url, connect_args={"timeout": BUSY_SECONDS}, hide_parameters=True)
    event.listen(engine.sync_engine, "connect", _prepare_sqlite)
    event.listen(engine.sync_engine, "begin", _begin_sqlite)
    return JournalEngine(engine.sync_engine)


def _keep_private(database: Path) -> None:
    """Its owner's alone, whatever the umask says; SQLite gives the files beside it the same mode."""
    database.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    database.touch(mode=0o600)
    database.chmod(0o600)


def _log_ahead(database: Path) -> None:
    """Have it use a write-ahead log, which stands in the file from then on. To change that SQLite waits for nobody: of
    several that start together all but one would hear that it is locked. What else is wrong its first user hears.
    """
    for _ in range(MODE_TRIES):
        try:
            with closing(sqlite3.connect(database)) as connection:
                connection.execute("PRAGMA journal_mode=WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorname != "SQLITE_BUSY":
                return
            sleep(MODE_PAUSE_SECONDS)
        except sqlite3.DatabaseError:
            return
        else:
            return


def _prepare_sqlite(connection: Any, _: ConnectionPoolEntry) -> None:
    # The driver's own transaction control would leave reads outside the transaction; `_begin_sqlite` states it.
    connection.isolation_level = None
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")  # rule J1: an acknowledged batch survives a power cut
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute(f"PRAGMA cache_size=-{CACHE_KIB}")
    cursor.execute(f"PRAGMA wal_autocheckpoint={LOG_PAGES}")
    cursor.close()


def _begin_sqlite(connection: Any) -> None:
    begin = connection.get_execution_options().get("sqlite_begin", "BEGIN")
    if begin is not None:
        connection.exec_driver_sql(begin)


def _open_postgres(url: URL, connections: int, *, patient: bool) -> JournalEngine:
    arguments: dict[str, Any] = {
        "async_creator_fn": _connect_postgres,
        "timeout": CONNECT_SECONDS,
        "command_timeout": None if patient else ANSWER_SECONDS,
        "server_settings": {"application_name": "fuyuan"},  # a pooler refuses others before a session begins
    }
    if "ssl" not in url.query and not _is_near(url):
        arguments["ssl"] = "verify-full"
    engine = create_async_engine(
        url,
        connect_args=arguments,
        isolation_level="REPEATABLE READ",
        pool_size=connections,
        max_overflow=0,
        pool_timeout=BUSY_SECONDS,
        hide_parameters=True,
    )
    event.listen(engine.sync_engine, "connect", _preparing_postgres({} if patient else POSTGRES_LIMITS))
    event.listen(engine.sync_engine, "checkout", _ping_postgres)
    event.listen(engine.sync_engine, "handle_error", _translate, retval=True)
    return JournalEngine(engine.sync_engine)


def _is_near(url: URL) -> bool:
    """Whether the server is reached without a network: a socket's folder, or loopback."""
    host = url.host or str(url.query.get("host", "/"))
    if host == "localhost" or host.startswith("/"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


async def _connect_postgres(**arguments: Any) -> asyncpg.Connection:
    try:
        return await asyncpg.connect(**arguments)
    except (OSError, asyncpg.InterfaceError) as error:  # neither SQLAlchemy nor `_translate` sees these
        raise OperationalError(None, None, error, hide_parameters=True) from error


def _ping_postgres(connection: Any, entry: ConnectionPoolEntry, _: object) -> None:
    """Before a connection is used again after a while: one that does not answer is dropped with all others, and made
    anew.

    Not SQLAlchemy's own `pool_pre_ping`: that waits as long as a statement may take, and a timeout passes through it.
    """
    before, entry.info[USED] = entry.info[USED], monotonic()
    if entry.info[USED] - before < FRESH_SECONDS:
        return
    try:
        connection.run_async(lambda asyncpg_connection: asyncpg_connection.execute("SELECT 1", timeout=PING_SECONDS))
    except (OSError, asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError) as error:
        raise InvalidatePoolError from error


def _preparing_postgres(limits: Mapping[str, str]) -> Callable[[Any, ConnectionPoolEntry], None]:
    # Rule J1, whatever the server's default says; `local` and the stronger ones are the operator's choice.
    statement = (
        "SELECT set_config('synchronous_commit', 'on', false) WHERE current_setting('synchronous_commit') = 'off' "
        "UNION ALL SELECT set_config(name, value, false) FROM unnest($1::text[], $2::text[]) AS limits (name, value)"
    )

    def prepare(connection: Any, entry: ConnectionPoolEntry) -> None:
        entry.info[USED] = monotonic()
        cursor = connection.cursor()
        cursor.execute(statement, ([*limits], [*limits.values()]))
        cursor.close()
        connection.commit()

    return prepare


def _translate(context: ExceptionContext) -> BaseException | None:
    """What the driver raises where PostgreSQL is away has many names; SQLite has one, and the callers know that."""
    original = context.original_exception
    if not isinstance(original, Exception):  # a cancellation stays one
        return None
    state = getattr(original, "sqlstate", None)
    if state in _UNSPELLABLE:
        return BadRequest("text-unusable", "A text holds a character that cannot be kept; leave it out.")
    if isinstance(original, TimeoutError):
        context.is_disconnect = True  # nobody knows what it still does
    names = {kind.__name__ for kind in type(original).__mro__}
    away = (
        context.is_disconnect
        or isinstance(original, OSError)
        or (isinstance(state, str) and state.startswith(_AWAY))
        or not names.isdisjoint({"InterfaceError", "InternalClientError", "InvalidCachedStatementError"})
    )
    if not away or isinstance(context.sqlalchemy_exception, OperationalError):
        return None
    return OperationalError(context.statement, None, original, hide_parameters=True)
