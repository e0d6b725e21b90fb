"""A whole district in one process: the gateway's real application and database, the real client, real agreements."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from gateway.api.app import create_app
from gateway.client import GatewayClient
from gateway.clock import ManualClock
from gateway.demo.cast import Cast, make_cast
from gateway.running import Running
from gateway.settings import Settings
from gateway.wiring import open_gateway

ROOT = Path(__file__).parents[2]
SAMPLES = ROOT / "tests/data/samples"


@dataclass
class District:
    """The running gateway with every party admitted and every contract in force."""

    running: Running
    cast: Cast
    clock: ManualClock
    app: httpx.ASGITransport
    folder: Path

    def client(self, party: str) -> GatewayClient:
        return GatewayClient(
            "http://gateway.test",
            self.cast.keys[party],
            self.running.settings.audience,
            self.clock,
            transport=self.app,
        )

    async def admit_all(self) -> None:
        for party, key in self.cast.keys.items():
            await self.running.registry.admit({"id": party}, [key.public()])
        for signed in self.cast.contracts.values():
            await self.running.registry.activate(signed)


@pytest.fixture
async def district(tmp_path: Path) -> AsyncIterator[District]:
    clock = ManualClock()
    keys = tmp_path / "party-keys"
    keys.mkdir()
    settings = Settings(data_dir=tmp_path / "gateway")
    cast = make_cast(ROOT / "contracts/agreements", ROOT / "contracts/parties", keys, clock)
    running = await open_gateway(settings, clock)

    async def start() -> Running:
        return running

    app = create_app(settings, start)
    app.state.running = running
    district = District(running, cast, clock, httpx.ASGITransport(app=app), tmp_path)
    await district.admit_all()
    try:
        yield district
    finally:
        await running.stop()
