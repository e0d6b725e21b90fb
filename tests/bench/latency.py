"""From a court's push to the block in an agency's register: real processes, idle, by long poll or over Kafka."""

import asyncio
import sqlite3
import tempfile
import time
from contextlib import closing
from pathlib import Path
from statistics import quantiles

import httpx

from gateway.demo.cast import COURT
from tests.bench.figure import Figure
from tests.faults.ordeal import FEED, Ordeal, district


def run(*, quick: bool) -> list[Figure]:
    with tempfile.TemporaryDirectory(prefix="fuyuan-bench-") as folder:
        return asyncio.run(measure(Path(folder), 12 if quick else 200))


async def measure(folder: Path, pushes: int, *, kafka: str | None = None) -> list[Figure]:
    """`kafka`: the bootstrap address of the brokers, where the agency follows by Kafka."""
    async with district(folder, kafka=None if kafka is None else "bench") as ordeal:
        ordeal.log_level = "info"
        if kafka is not None:
            ordeal.more = {"FUYUAN_KAFKA_BOOTSTRAP": kafka, "FUYUAN_AGENT_KAFKA_BOOTSTRAP": kafka}
        await ordeal.start("gateway")
        await ordeal.start("agent")
        await _ready(ordeal)
        taken, bare = [], []
        async with ordeal.client(COURT) as court:
            for number in range(pushes):
                company = ordeal.companies[number % len(ordeal.companies)]
                company.version += 1
                began = time.perf_counter()
                await court.push(FEED, company.line(), "application/x-ndjson", f"bench-{number:06d}", relist=True)
                pushed = time.perf_counter()
                await _until(ordeal, company.row, held=True)
                taken.append(time.perf_counter() - began)
                bare.append(pushed - began)
                withdrawal = {"case_number": company.case, "name": company.name, "status_reason": "performed"}
                await court.withdraw(FEED, withdrawal)
                await _until(ordeal, company.row, held=False)
                await asyncio.sleep(0.05)
    p50, p99 = _share(taken, 50), _share(taken, 99)
    push = _share(bare, 50)
    way = "long poll" if kafka is None else "over Kafka"
    return [
        Figure(
            f"push to blocked at the agency, idle, {way}: p99",
            p99 * 1000,
            "ms",
            "under 250 ms",
            "the median of the push alone (signed, journalled, answered)",
            p99 / push,
        ),
        Figure(f"push to blocked at the agency, idle, {way}: median", p50 * 1000, "ms", "-", "the same", p50 / push),
    ]


def _share(taken: list[float], percent: int) -> float:
    return quantiles(taken, n=100, method="inclusive")[percent - 1]


async def _ready(ordeal: Ordeal) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=ordeal.url("agent")) as http:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            try:
                if (await http.get("/readyz")).is_success:
                    return
            except httpx.TransportError:
                pass
            await asyncio.sleep(0.1)
    raise RuntimeError("the agent did not get ready")


async def _until(ordeal: Ordeal, row: str, *, held: bool) -> None:
    """Looks into the register itself every 2 ms."""
    deadline = time.monotonic() + 30
    with closing(sqlite3.connect(ordeal.folder / "register.sqlite", timeout=30)) as connection:
        while (connection.execute("SELECT 1 FROM fuyuan_holds WHERE row = ?", (row,)).fetchone() is not None) != held:
            if time.monotonic() > deadline:
                raise RuntimeError("the register did not follow")
            await asyncio.sleep(0.002)
