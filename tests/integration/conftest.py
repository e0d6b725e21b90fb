"""The district's fixtures; what it can do stands in `tests/integration/district.py`."""

import io
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import structlog

from gateway.api.app import create_app
from gateway.clock import ManualClock
from gateway.demo.cast import make_cast
from gateway.log import configure_logging
from gateway.running import Running
from gateway.settings import Settings
from gateway.wiring import open_gateway
from tests.integration.district import ROOT, District


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


@asynccontextmanager
async def open_district(folder: Path, log: io.StringIO, **changed: int) -> AsyncIterator[District]:
    clock = ManualClock()
    keys = folder / "party-keys"
    keys.mkdir()
    settings = Settings(data_dir=folder / "gateway", **changed)
    cast = make_cast(ROOT / "contracts/agreements", ROOT / "contracts/parties", keys, clock)
    running = await open_gateway(settings, clock)

    async def start() -> Running:
        return running

    app = create_app(settings, start)
    app.state.running = running
    district = District(running, cast, clock, httpx.ASGITransport(app=app), log)
    for party, key in cast.keys.items():
        await running.registry.admit({"id": party}, [key.public()])
    for signed in cast.contracts.values():
        await running.registry.activate(signed)
    try:
        yield district
    finally:
        await running.stop()


@pytest.fixture
async def district(tmp_path: Path, log_lines: io.StringIO) -> AsyncIterator[District]:
    async with open_district(tmp_path, log_lines) as opened:
        yield opened
