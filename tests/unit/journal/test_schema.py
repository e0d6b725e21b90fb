"""The schema by revisions: it equals the tables, is adopted where it is older than revisions, and carries data on."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, MetaData, inspect, text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import Refused, Unavailable
from gateway.journal import schema
from gateway.journal.engine import open_engine
from gateway.journal.schema import FIRST, check, upgrade
from gateway.journal.tables import metadata
from tests.databases import Databases
from tests.small_gateway import Gateway, debtor

SCRIPT = ScriptDirectory.from_config(schema._config())
NEWEST = SCRIPT.get_current_head()


@pytest.fixture
def empty_url(databases: Databases) -> Iterator[str]:
    url = databases.server.create()
    yield url
    databases.server.drop(url)


@pytest.fixture
async def empty(empty_url: str) -> AsyncIterator[AsyncEngine]:
    engine = open_engine(empty_url)
    yield engine
    await engine.dispose()


async def move(engine: AsyncEngine, step: Callable[..., None], to: str) -> None:
    def run(connection: Connection) -> None:
        config = schema._config()
        config.attributes["connection"] = connection
        step(config, to)

    async with engine.begin() as connection:
        await connection.run_sync(run)


def first_tables() -> MetaData:
    found: MetaData = SCRIPT.get_revision(FIRST).module.metadata
    return found


async def test_an_empty_database_becomes_what_the_tables_say(empty: AsyncEngine) -> None:
    assert await upgrade(empty) is None
    standing = await check(empty)
    assert standing.differences == ()
    assert standing.revision == standing.newest == NEWEST
    assert await upgrade(empty) == NEWEST


async def test_what_differs_is_named(gateway: Gateway) -> None:
    async with gateway.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE quarantine ADD COLUMN extra INTEGER"))
    standing = await check(gateway.engine)
    assert not standing.sound
    assert standing.differences == ("remove_column: quarantine.extra",)


async def test_many_gateways_that_start_together_upgrade_once(empty_url: str) -> None:
    engines = [open_engine(empty_url) for _ in range(5)]
    await asyncio.gather(*map(upgrade, engines))
    async with engines[0].connect() as connection:
        assert (await connection.execute(text("SELECT count(*) FROM journal_head"))).scalar_one() == 1
    for engine in engines:
        await engine.dispose()


async def test_a_journal_older_than_revisions_is_adopted_with_what_it_holds(empty: AsyncEngine) -> None:
    async with empty.begin() as connection:
        await connection.run_sync(first_tables().create_all)
        await connection.execute(text("INSERT INTO journal_head (id, size, leaves) VALUES (1, 7, 3)"))
    assert await upgrade(empty) is None
    assert (await check(empty)).sound
    async with empty.connect() as connection:
        assert (await connection.execute(text("SELECT size, leaves FROM journal_head"))).all() == [(7, 3)]


async def test_tables_of_somebody_else_are_left_alone(empty: AsyncEngine) -> None:
    async with empty.begin() as connection:
        await connection.execute(text("CREATE TABLE journal_head (id INTEGER PRIMARY KEY, other INTEGER)"))
    with pytest.raises(Unavailable, match="database-foreign"):
        await upgrade(empty)
    async with empty.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["journal_head"]


async def test_a_database_of_a_newer_gateway_is_refused(gateway: Gateway) -> None:
    async with gateway.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(Unavailable, match="database-newer: The database stands at revision 9999"):
        await upgrade(gateway.engine)


async def test_data_is_carried_from_the_first_revision_to_the_newest(
    gateway: Gateway, carried: Callable[[], Awaitable[list[object]]]
) -> None:
    """Down to the first revision and up again, with records in it; what the first one has is what must stay."""
    await gateway.registry.activate(gateway.contract())
    await gateway.put(debtor("甲"), debtor("乙乙"))
    await gateway.put("甲")
    before = await carried()
    await move(gateway.engine, command.downgrade, FIRST)
    await upgrade(gateway.engine)
    assert await carried() == before
    assert (await check(gateway.engine)).sound
    assert (await gateway.put(debtor("丙丙丙"))).counts["listed"] == 1


@pytest.fixture
def carried(gateway: Gateway) -> Callable[[], Awaitable[list[object]]]:
    async def read() -> list[object]:
        async with gateway.engine.connect() as connection:
            return [
                sorted(map(repr, (await connection.execute(table.select())).all()))
                for table in first_tables().sorted_tables
            ]

    return read


async def test_every_revision_can_be_taken_back(empty: AsyncEngine) -> None:
    await upgrade(empty)
    await move(empty, command.downgrade, "base")
    async with empty.connect() as connection:
        assert await connection.run_sync(lambda sync: inspect(sync).get_table_names()) == ["alembic_version"]
    await upgrade(empty)
    assert (await check(empty)).sound


async def test_text_compares_by_its_bytes_whatever_the_systems_locale(gateway: Gateway) -> None:
    if gateway.engine.dialect.name == "postgresql":
        query = text(
            "SELECT table_name || '.' || column_name FROM information_schema.columns WHERE table_schema = 'public'"
            " AND data_type IN ('text', 'character varying') AND collation_name IS DISTINCT FROM 'C'"
            " AND table_name <> 'alembic_version'"
        )
        async with gateway.engine.connect() as connection:
            assert (await connection.execute(query)).scalars().all() == []
    assert {table.name for table in metadata.sorted_tables} >= {"entry", "party"}


@pytest.mark.parametrize("url", ["", "postgresql://host/name", "mysql+aiomysql://u:secret@host/name", "sqlite:///x"])
def test_another_database_is_refused_in_words(url: str) -> None:
    with pytest.raises(Refused, match="database-url") as caught:
        open_engine(url)
    assert "secret" not in str(caught.value)
