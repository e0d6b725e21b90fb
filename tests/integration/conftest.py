"""The district's fixtures; what it can do stands in `tests/integration/district.py`."""

import asyncio
import io
import logging
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog

from gateway.api.app import create_app
from gateway.clock import ManualClock
from gateway.demo.cast import Cast, make_cast
from gateway.log import configure_logging
from gateway.running import Running
from gateway.settings import Settings
from gateway.wiring import open_gateway
from tests.integration.district import ROOT, District

MAX_BODY_BYTES = 64 * 1024


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    """The process's log as `fuyuan serve` writes it, JSON lines at debug level; undone afterwards."""
    handlers, level = logging.root.handlers, logging.root.level
    stream = io.StringIO()
    configure_logging("json", "debug", stream=stream)
    yield stream
    structlog.reset_defaults()
    structlog.contextvars.clear_contextvars()
    logging.captureWarnings(False)
    logging.root.handlers = handlers
    logging.root.setLevel(level)


@pytest.fixture(scope="session")
def founded(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Cast]:
    """A gateway's folder with every party admitted and every contract in force, to be copied for each test."""
    folder = tmp_path_factory.mktemp("founded")
    clock = ManualClock()
    cast = make_cast(ROOT / "contracts/agreements", ROOT / "contracts/parties", folder / "party-keys", clock)

    async def found() -> None:
        running = await open_gateway(Settings(data_dir=folder / "gateway"), clock)
        for party, key in cast.keys.items():
            await running.registry.admit({"id": party}, [key.public()])
        for signed in cast.contracts.values():
            await running.registry.activate(signed)
        await running.stop()

    asyncio.run(found())
    return folder / "gateway", cast


@asynccontextmanager
async def open_district(founded: tuple[Path, Cast], folder: Path, log: io.StringIO) -> AsyncIterator[District]:
    data, cast = founded
    shutil.copytree(data, folder / "gateway")
    clock = ManualClock()
    settings = Settings(data_dir=folder / "gateway", max_body_bytes=MAX_BODY_BYTES)
    running = await open_gateway(settings, clock)

    async def start() -> Running:
        return running

    app = create_app(settings, start)
    app.state.running = running
    try:
        yield District(running, cast, clock, httpx.ASGITransport(app=app), log)
    finally:
        await running.stop()


@pytest.fixture
async def district(founded: tuple[Path, Cast], tmp_path: Path, log_lines: io.StringIO) -> AsyncIterator[District]:
    async with open_district(founded, tmp_path, log_lines) as opened:
        yield opened
