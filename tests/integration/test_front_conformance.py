"""Front-end tables on real PostgreSQL and MariaDB, held to the conformance suite."""

import asyncio
from collections.abc import Iterator

import pytest
from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from adapters.conformance import front_conforms
from adapters.fronts import sql
from adapters.fronts.mapping import FrontMapping
from tests.integration.fronts import BY, MAPPING, TABLE
from tests.integration.sending import CODE, NAME
from tests.servers.mariadb import MariaDB
from tests.servers.postgres import Postgres

DRIVERS = {"postgres": "postgresql+asyncpg", "mariadb": "mysql+asyncmy"}
ROW = (
    "INSERT INTO sxbzxr (id, ah, bzxrmc, zjhm, fymc, fbsj) VALUES (:id, :ah, :name, :code, '山阳区法院', '2026-10-09')"
)


@pytest.fixture(params=DRIVERS)
def empty(request: pytest.FixtureRequest) -> Iterator[tuple[str, str]]:
    """A database with nothing in it, and the driver by which a department's program reaches it."""
    server: Postgres | MariaDB = request.getfixturevalue(request.param)
    url = server.create()
    yield url, DRIVERS[request.param]
    if isinstance(server, Postgres):
        server.drop(url)


@pytest.mark.parametrize("by", BY)
async def test_a_front_end_table_conforms(empty: tuple[str, str], by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sql, "PAGE", 2)
    url, driver = empty
    engine = create_async_engine(make_url(url).set(drivername=driver))
    async with engine.begin() as connection:
        await connection.execute(text(TABLE))
        for number in range(1, 8):
            name, code = ("", "") if number == 4 else (NAME, CODE)
            row = {"id": number, "ah": f"（2026）豫0811执{number}号", "name": name, "code": code}
            await connection.execute(text(ROW), row)
    await asyncio.shield(engine.dispose())
    mapping = FrontMapping.model_validate({**MAPPING, "changes": BY[by]})
    gone = mapping.model_copy(update={"columns": {**mapping.columns, "duty": "no_such_column"}})
    await front_conforms(lambda: sql.SqlFront(url, mapping), lambda: sql.SqlFront(url, gone), [NAME, CODE, "豫0811执"])
