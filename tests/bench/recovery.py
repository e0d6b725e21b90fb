"""From kill -9 in the midst of a push to ready again, over a journal of a million entries, on both engines."""

import asyncio
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from statistics import median

import httpx

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.demo.cast import COURT
from gateway.demo.processes import free_port
from gateway.errors import FuyuanError
from gateway.intake import Submission
from gateway.retry import Patience
from gateway.settings import Settings
from gateway.trust.keys import SigningKey
from gateway.wiring import open_gateway
from tests.bench.figure import Figure
from tests.bench.sealing import court_list
from tests.bench.sharing import FEED, found
from tests.servers.postgres import postgres_server

ENTRIES = 1_000_000
FEW = 1_000
AT_ONCE = 10_000  # records in one submission
KILLS = 5


def run(*, quick: bool) -> list[Figure]:
    entries = 20_000 if quick else ENTRIES
    figures = []
    with tempfile.TemporaryDirectory(prefix="fuyuan-bench-") as folder:
        figures.append(asyncio.run(_compare("SQLite", Path(folder), None, None, entries)))
    with tempfile.TemporaryDirectory(prefix="fuyuan-bench-") as folder, postgres_server() as server:
        few, many = server.create(), server.create()
        figures.append(asyncio.run(_compare("PostgreSQL", Path(folder), few, many, entries)))
    return figures


async def _compare(engine: str, folder: Path, few: str | None, many: str | None, entries: int) -> Figure:
    small = await _recovery(folder / "small", few, FEW)
    large = await _recovery(folder / "large", many, entries)
    return Figure(
        f"kill -9 to ready, {entries:,} entries, {engine}: slowest of {KILLS}",
        max(large),
        "s",
        "under 5 s",
        f"the median with {FEW:,} entries",
        max(large) / median(small),
    )


async def _recovery(folder: Path, database_url: str | None, entries: int) -> list[float]:
    """Seconds from each start behind a kill until the gateway says that it is ready."""
    settings = Settings(data_dir=folder, **({} if database_url is None else {"database_url": database_url}))
    key = await _fill(settings, entries)
    port = free_port()
    environment = {
        "FUYUAN_DATA_DIR": str(folder),
        "FUYUAN_DATABASE_URL": settings.database_url,
        "FUYUAN_PORT": str(port),
        "FUYUAN_LOG_LEVEL": "warning",
    }
    url = f"http://127.0.0.1:{port}"
    taken = []
    for number in range(KILLS + 1):
        began = time.perf_counter()
        process = await asyncio.create_subprocess_exec(sys.executable, "-m", "gateway.cli", "serve", env=environment)
        try:
            await _ready(url)
            taken.append(time.perf_counter() - began)
            await _push_into_the_void(url, key, number, process)
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    return taken[1:]  # the first start came behind no kill


async def _fill(settings: Settings, entries: int) -> SigningKey:
    running = await open_gateway(settings, SystemClock())
    (contract,) = await found(running, 1)
    key = SigningKey.generate(COURT, running.clock.now())
    await running.registry.admit({"id": COURT}, [key.public()])
    for first in range(0, entries, AT_ONCE):
        body = court_list(min(AT_ONCE, entries - first), first=first + 1)
        await running.intake.submit(Submission(COURT, FEED, f"fill-{first:09d}", body))
    await running.router.catch_up(contract)
    await running.stop()
    return key


async def _push_into_the_void(url: str, key: SigningKey, number: int, process: asyncio.subprocess.Process) -> None:
    """Kill the gateway while it takes a push."""
    async with GatewayClient(url, key, "fuyuan-gateway", SystemClock(), patience=Patience(attempts=1)) as court:
        body = court_list(2_000, first=2 * ENTRIES + number * 2_000)
        pushing = asyncio.create_task(court.push(FEED, body, "application/x-ndjson", f"void-{number}"))
        await asyncio.sleep(0.2)
        process.kill()
        with suppress(FuyuanError):
            await pushing


async def _ready(url: str) -> None:
    async with httpx.AsyncClient(trust_env=False, base_url=url) as http:
        while True:
            with suppress(httpx.TransportError):
                if (await http.get("/readyz")).is_success:
                    return
            await asyncio.sleep(0.02)
