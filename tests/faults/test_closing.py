"""kill -9 while a contract is closed: in its transaction, right behind it, and before the agency has noted it (D7)."""

import asyncio
import random
import time
from pathlib import Path

import httpx
import pytest
from sqlalchemy import select

from gateway.clock import SystemClock
from gateway.journal.tables import activation
from gateway.running import Running
from gateway.wiring import open_gateway
from tests.faults.must_hold import check
from tests.faults.ordeal import PATIENCE, Kill, Ordeal, district

NOBODY = Kill("agent", "no such step", 1)
KILLS = [Kill("gateway", "close", 1), Kill("gateway", "closed", 1), Kill("agent", "close", 1)]


async def states(running: Running, contract: str) -> list[str]:
    async with running.engine.connect() as connection:
        found = select(activation.c.state).where(activation.c.contract == contract).order_by(activation.c.position)
        return list((await connection.execute(found)).scalars())


async def state_at_the_agency(ordeal: Ordeal) -> str | None:
    async with httpx.AsyncClient(trust_env=False, base_url=ordeal.url("agent")) as http:
        try:
            return str((await http.get("/v1/status")).json()["state"])
        except httpx.TransportError:
            return None


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kill", KILLS, ids=lambda kill: f"{kill.victim}-{kill.step}")
async def test_d7_whoever_dies_the_contract_is_closed_once(tmp_path: Path, kill: Kill) -> None:
    async with district(tmp_path) as ordeal:
        await ordeal.play(NOBODY, random.Random(1))
        assert ordeal.held()
        ordeal.round += 1
        await ordeal.kill(kill.victim)
        await ordeal.start(kill.victim, kill)
        operator = await open_gateway(ordeal.settings, SystemClock())
        try:
            await operator.registry.change_state(ordeal.contract, "end")
            deadline = time.monotonic() + PATIENCE
            while await state_at_the_agency(ordeal) != "closed":
                assert time.monotonic() < deadline, "not closed"
                await ordeal.keep_alive()
                await asyncio.sleep(0.1)
            assert await states(operator, ordeal.contract) == ["active", "ended", "closed"]
        finally:
            await operator.stop()
        assert (tmp_path / f"died-{ordeal.round}").exists(), "the step was never reached"
        for company in ordeal.companies:
            company.withdrawn = company.version  # released with the end
        await check(ordeal)
        assert ordeal.receipts["released"]
        assert sum(ordeal.receipts["closing"].values()) == 1
