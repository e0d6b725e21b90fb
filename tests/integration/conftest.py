"""The fixtures: the district (`tests/integration/district.py`), and an agency in it (`tests/integration/agency.py`)."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from gateway.clock import ManualClock
from gateway.demo.cast import make_cast
from gateway.settings import Settings
from gateway.wiring import open_gateway
from tests.databases import Databases
from tests.integration.agency import Agent, open_agency
from tests.integration.banking import Bank, open_bank
from tests.integration.controlling import ANSWERS, OFFICERS, REQUESTS, push
from tests.integration.departments import Reader, open_reader
from tests.integration.district import ROOT, District, Founded, open_district
from tests.integration.fed import Feed, open_feed
from tests.integration.following import Following, open_following
from tests.integration.fronts import Department, open_front_table
from tests.integration.spans import recorded_spans
from tests.integration.test_list_feeds import agree
from tests.servers.court_line import CourtLine, court_line
from tests.servers.kafka import Kafka
from tests.servers.mariadb import MariaDB
from tests.servers.postgres import Postgres
from tests.unit.adapters.feeds.controls import officer


@pytest.fixture(scope="session")
def founded(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Founded]:
    """A gateway's folder and database with every party admitted and every contract in force, to be copied."""
    folder = tmp_path_factory.mktemp("founded")
    clock = ManualClock()
    cast = make_cast(ROOT / "contracts/agreements", ROOT / "contracts/parties", folder / "party-keys", clock)

    async def found(database_url: str) -> None:
        running = await open_gateway(Settings(data_dir=folder / "gateway", database_url=database_url), clock)
        for party, key in cast.keys.items():
            await running.registry.admit({"id": party}, [key.public()])
        for signed in cast.contracts.values():
            await running.registry.activate(signed)
        await running.stop()

    with databases.fresh() as database_url:
        asyncio.run(found(database_url))
        yield Founded(folder / "gateway", cast, database_url, databases)


@pytest.fixture
def founded_copy(founded: Founded) -> Iterator[Founded]:
    with founded.copied() as copy:
        yield copy


@pytest.fixture
async def district(founded_copy: Founded, tmp_path: Path, log_lines: io.StringIO) -> AsyncIterator[District]:
    async with open_district(founded_copy, tmp_path, log_lines) as opened:
        yield opened


@pytest.fixture
async def agent(district: District, tmp_path: Path) -> AsyncIterator[Agent]:
    async with open_agency(district, tmp_path) as opened:
        yield opened


@pytest.fixture
async def controlled(district: District) -> District:
    for name in (OFFICERS, REQUESTS, ANSWERS):
        await agree(district, name)
    assert await push(district, officer()) == []
    return district


@pytest.fixture
async def feed(founded_copy: Founded, tmp_path: Path, log_lines: io.StringIO, kafka: Kafka) -> AsyncIterator[Feed]:
    async with open_feed(founded_copy, tmp_path, log_lines, kafka.bootstrap) as opened:
        yield opened


@pytest.fixture
async def following(feed: Feed, tmp_path: Path) -> AsyncIterator[Following]:
    async with open_following(feed, tmp_path) as opened:
        yield opened


@pytest.fixture
def spans() -> Iterator[InMemorySpanExporter]:
    with recorded_spans() as exporter:
        yield exporter


@pytest.fixture
def court() -> Iterator[CourtLine]:
    with court_line(CourtLine()) as opened:
        yield opened


@pytest.fixture
async def bank(court: CourtLine, tmp_path: Path, log_lines: io.StringIO) -> AsyncIterator[Bank]:
    async with open_bank(court, tmp_path) as opened:
        yield opened


@pytest.fixture
async def department(district: District, postgres: Postgres, tmp_path: Path) -> AsyncIterator[Department]:
    url = await asyncio.to_thread(postgres.create)
    async with open_front_table(district, url, "postgresql+asyncpg", tmp_path) as made:
        yield made
    await asyncio.to_thread(postgres.drop, url)


@pytest.fixture
async def on_mariadb(district: District, mariadb: MariaDB, tmp_path: Path) -> AsyncIterator[Department]:
    async with open_front_table(district, await asyncio.to_thread(mariadb.create), "mysql+asyncmy", tmp_path) as made:
        yield made


@pytest.fixture
def reader(district: District, tmp_path: Path) -> Iterator[Reader]:
    with open_reader(district, tmp_path) as opened:
        yield opened
