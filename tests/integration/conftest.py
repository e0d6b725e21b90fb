"""The district's fixtures; what it can do stands in `tests/integration/district.py`."""

import asyncio
import io
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from gateway.clock import ManualClock
from gateway.demo.cast import Cast, make_cast
from gateway.settings import Settings
from gateway.wiring import open_gateway
from tests.integration.district import ROOT, District, captured_log, open_district


@pytest.fixture
def log_lines() -> Iterator[io.StringIO]:
    with captured_log() as stream:
        yield stream


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


@pytest.fixture
async def district(founded: tuple[Path, Cast], tmp_path: Path, log_lines: io.StringIO) -> AsyncIterator[District]:
    async with open_district(founded, tmp_path, log_lines) as opened:
        yield opened
