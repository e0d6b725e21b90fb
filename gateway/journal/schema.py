"""The database's schema, step by step: brought to what this code needs, or checked against it (alembic).

A revision is a file in `migrations/versions`, named by its number. Gateways of one version may start together: one of
them upgrades, the others wait and find it done. What stands in a transaction fails as a whole.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.exc import DBAPIError, OperationalError, ProgrammingError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.errors import Unavailable
from gateway.journal.engine import open_engine
from gateway.journal.tables import journal_head, metadata

FIRST: Final = "0001"
TURN: Final = 0x6675_7975_616E  # the advisory lock of PostgreSQL that one who upgrades holds: `fuyuan`


@dataclass(frozen=True, slots=True)
class Standing:
    """The database's revision, None for an empty one; the newest that this code knows; what differs from the tables."""

    revision: str | None
    newest: str | None
    differences: tuple[str, ...]

    @property
    def sound(self) -> bool:
        return self.revision == self.newest and not self.differences


async def upgrade(engine: AsyncEngine) -> str | None:
    """Bring the database to the newest revision: the one it had before. Safe to call at every start.

    Raises Unavailable: `database-newer` where a newer gateway made it, `database-foreign` where tables of these names
    are not ours, `database-behind` where this user has no right to change it; and as `check` does.
    """
    config = _config()
    with _in_words():
        async with engine.connect() as connection:
            before = await read_revision(connection)
        if before == newest_revision():
            return before
        patient = open_engine(engine.url.render_as_string(hide_password=False), patient=True)
        try:
            async with patient.begin() as connection:
                return await connection.run_sync(_upgrade, config)
        except ProgrammingError as error:
            raise Unavailable(
                "database-behind",
                f"The database stands at revision {before or 'none'} and this user may not change it; "
                "run `fuyuan database upgrade` as the owner of its tables.",
            ) from error
        finally:
            await patient.dispose()


async def prepare(url: str) -> None:
    """As `upgrade`, before anything else is opened."""
    engine = open_engine(url)
    try:
        await upgrade(engine)
    finally:
        await engine.dispose()


async def check(engine: AsyncEngine) -> Standing:
    """How the database stands, changing nothing.

    Raises Unavailable: `journal-away` where it does not answer, `database-refused` where it does not let us in.
    """
    with _in_words():
        async with engine.connect() as connection:
            return await connection.run_sync(_standing, newest_revision())


@contextmanager
def _in_words() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        raise Unavailable(
            "journal-away", "The database does not answer; see that it runs, and what FUYUAN_DATABASE_URL says."
        ) from error
    except DBAPIError as error:
        raise Unavailable(
            "database-refused",
            "The database does not let this user in, or is not there; see what FUYUAN_DATABASE_URL says.",
        ) from error


def _config() -> Config:
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    return config


async def read_revision(connection: AsyncConnection) -> str | None:
    """The database's revision; None for an empty one. One query."""
    return await connection.run_sync(_revision)


@cache
def newest_revision() -> str | None:
    """The newest revision that this code knows."""
    return ScriptDirectory.from_config(_config()).get_current_head()


def _upgrade(connection: Connection, config: Config) -> str | None:
    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:turn)"), {"turn": TURN})
    script = ScriptDirectory.from_config(config)
    config.attributes["connection"] = connection
    before = _revision(connection)
    if before is None and inspect(connection).has_table(journal_head.name):
        _adopt(connection, config, script)
    elif before is not None and before not in {known.revision for known in script.walk_revisions()}:
        raise Unavailable(
            "database-newer",
            f"The database stands at revision {before}, which this version does not know; run the newer fuyuan.",
        )
    command.upgrade(config, "head")
    return before


def _adopt(connection: Connection, config: Config, script: ScriptDirectory) -> None:
    """A journal that was made before revisions were kept: revision 0001, if it is really that."""
    first: MetaData = script.get_revision(FIRST).module.metadata
    if differences := _differences(connection, first):
        raise Unavailable(
            "database-foreign",
            f"The database holds tables that are not revision {FIRST} ({differences[0]}); name an empty one.",
        )
    command.stamp(config, FIRST)


def _revision(connection: Connection) -> str | None:
    return MigrationContext.configure(connection).get_current_revision()


def _standing(connection: Connection, newest: str | None) -> Standing:
    return Standing(_revision(connection), newest, _differences(connection, metadata))


def _differences(connection: Connection, wanted: MetaData) -> tuple[str, ...]:
    """What is missing, too much or other, one word a difference and the names it is about."""
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return tuple(_words(found) for found in compare_metadata(context, wanted))


def _words(found: object) -> str:
    """Such as `add_column: entry.body`: what would have to be done. Names only."""
    if isinstance(found, list):
        return "; ".join(map(_words, found))
    kind, *parts = found if isinstance(found, tuple) else (str(found),)
    names = [part if isinstance(part, str) else getattr(part, "name", None) for part in parts]
    return f"{kind}: {'.'.join(name for name in names if name)}"
