"""A district under load: one gateway over PostgreSQL and Kafka, ten agencies that follow by Kafka and send receipts.

The court lists at a steady rate; then a hundred thousand records at once. Meanwhile one debtor after another pays, and
the time counts from the withdrawal to the signed release in the court's hands.
"""

import asyncio
import sqlite3
import tempfile
import time
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median, quantiles

import httpx
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.load import load_agreement
from contracts.model import Terms
from deploy.kafka.broker import fetch
from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.demo.cast import COURT, sign
from gateway.demo.processes import free_port, start
from gateway.journal.engine import open_engine
from gateway.journal.tables import lane
from gateway.settings import Settings
from gateway.trust.keys import SigningKey
from gateway.wiring import open_gateway
from schemas.canonical import canonical
from tests.bench.figure import Figure
from tests.bench.sealing import court_list
from tests.faults.ordeal import FEED, Company
from tests.servers.kafka import make_kafka
from tests.servers.postgres import postgres_server

AGENCIES = 10
RATE = 210  # records a second that the court lists, each delivered to every agency
PUSH = 210  # records in one push
IDLE_ROUNDS = 20
PAYING = 700  # companies that are blocked before the load begins, and pay one after another
PAUSE_SECONDS = 1.0  # between one release and the next withdrawal
NUMERALS = "零一二三四五六七八九"
READY_SECONDS = 60.0
AGREEMENTS = Path(__file__).parents[2] / "contracts/agreements"
RECEIPTS = "receipts-from-agency-0"
REGISTER = 'table = "licences"\nrow = "licence_no"\nname = "holder"\n\n[identifiers]\ncn-org = "code"\n'


class Paying(Company):
    """One of many companies with a row in the first agency's register."""

    @property
    def name(self) -> str:
        return f"山阳{''.join(NUMERALS[int(digit)] for digit in f'{self.number:04d}')}贸易有限公司"


@dataclass
class District:
    """`companies` are blocked at the first agency and known to no other; nobody knows the debtors of `lines`."""

    court: GatewayClient
    engine: AsyncEngine
    register: Path
    lines: list[bytes]
    companies: list[Company] = field(default_factory=lambda: [Paying(number) for number in range(PAYING)])
    listed: int = 0
    read_up_to: str = ""

    async def acknowledged(self) -> int:
        """Deliveries of the court's list that were answered with a receipt, over all agencies."""
        total = select(func.coalesce(func.sum(lane.c.acknowledged), 0)).where(lane.c.contract.like("debtors-%"))
        async with self.engine.connect() as connection:
            return int((await connection.execute(total)).scalar_one())

    async def list_many(self, count: int) -> None:
        body = b"\n".join(self.lines[self.listed : self.listed + count])
        self.listed += count
        answer = await self.court.push(FEED, body, "application/x-ndjson", f"load-{self.listed:06d}")
        if answer.counts["listed"] != count:
            raise RuntimeError(f"{count} records were to be listed, not {answer.counts}")

    async def block_all(self) -> None:
        """List every company, and wait until all are blocked and the court has read that."""
        body = b"\n".join(company.line() for company in self.companies)
        await self.court.push(FEED, body, "application/x-ndjson", "companies")
        while self._held() < len(self.companies):  # noqa: ASYNC110 - another process writes the register
            await asyncio.sleep(0.1)
        while (page := await self.court.events(RECEIPTS, self.read_up_to)).events:
            self.read_up_to = page.next

    async def release(self) -> float:
        """Seconds from the next company's withdrawal to its release in the court's hands."""
        company = self.companies.pop()
        withdrawal = {"case_number": company.case, "name": company.name, "status_reason": "performed"}
        began = time.perf_counter()
        await self.court.withdraw(FEED, withdrawal)
        while True:
            page = await self.court.events(RECEIPTS, self.read_up_to, wait=20)
            self.read_up_to = page.next
            if any(event["record"]["kind"] == "released" for event in page.events if event["kind"] == "upsert"):
                return time.perf_counter() - began

    def _held(self) -> int:
        with closing(sqlite3.connect(self.register, timeout=30)) as connection:
            return int(connection.execute("SELECT count(DISTINCT row) FROM fuyuan_holds").fetchone()[0])


def run(*, quick: bool) -> list[Figure]:
    fetch()
    with tempfile.TemporaryDirectory(prefix="fuyuan-bench-") as folder, postgres_server() as postgres:
        kafka = make_kafka(Path(folder))
        assert kafka.broker is not None
        kafka.broker.start()
        try:
            return asyncio.run(
                _measure(
                    Path(folder), postgres.create(), kafka.bootstrap, 15 if quick else 300, 5_000 if quick else 100_000
                )
            )
        finally:
            kafka.broker.stop()


async def _measure(folder: Path, database_url: str, bootstrap: str, seconds: int, burst: int) -> list[Figure]:
    async with AsyncExitStack() as stack:
        lines = court_list(seconds * RATE + burst).splitlines()
        district = await _open(stack, folder, database_url, bootstrap, lines)
        await district.block_all()
        idle = [await district.release() for _ in range(IDLE_ROUNDS)]
        steady, rate = await _while(district, lambda: _steadily(district, seconds))
        during, burst_rate = await _while(district, lambda: _all_at_once(district, burst))
    at_rest = median(idle)
    return [
        Figure(
            f"{AGENCIES} agencies over Kafka, receipts back, {seconds} s",
            rate,
            "deliveries/s",
            ">= 2,000",
            "what the court listed",
            rate / (RATE * AGENCIES),
        ),
        _released(f"withdrawal to release, {RATE * AGENCIES:,} deliveries/s offered", steady, at_rest),
        Figure(f"the same agencies, {burst:,} records at once", burst_rate, "deliveries/s", "-"),
        _released(f"withdrawal to release, {burst:,} records at once", during, at_rest),
    ]


def _released(name: str, taken: list[float], at_rest: float) -> Figure:
    p99 = quantiles(taken, n=100, method="inclusive")[98]
    shares = {"median": median(taken) / p99, "slowest": max(taken) / p99}
    return Figure(
        f"{name}: p99 of {len(taken)}", p99 * 1000, "ms", "under 2,000 ms", "the median at rest", p99 / at_rest, shares
    )


async def _while(district: District, load: Callable[[], Coroutine[None, None, None]]) -> tuple[list[float], float]:
    """Releases while a load lasts, and the deliveries a second from its begin to the last receipt."""
    before, began = await district.acknowledged(), time.perf_counter()
    taken: list[float] = []
    loading = asyncio.create_task(load())
    while district.companies and (len(taken) < 2 or not loading.done()):
        taken.append(await district.release())
        await asyncio.sleep(PAUSE_SECONDS)
    await loading
    return taken, (await district.acknowledged() - before) / (time.perf_counter() - began)


async def _steadily(district: District, seconds: int) -> None:
    """Pushes at fixed times, however long each takes; then until every receipt is there."""
    began = time.perf_counter()
    for number in range(seconds * RATE // PUSH):
        await asyncio.sleep(max(0.0, began + number * PUSH / RATE - time.perf_counter()))
        await district.list_many(PUSH)
    await _settled(district)


async def _all_at_once(district: District, records: int) -> None:
    for _ in range(records // 1000):
        await district.list_many(1000)
    await _settled(district)


async def _settled(district: District) -> None:
    """Until all of the load that was listed so far is acknowledged."""
    query = select(func.count()).where(
        lane.c.contract.like("debtors-%"), lane.c.lane == "bulk", lane.c.acknowledged < lane.c.last
    )
    while True:
        async with district.engine.connect() as connection:
            if not (await connection.execute(query)).scalar_one():
                return
        await asyncio.sleep(0.2)


async def _open(stack: AsyncExitStack, folder: Path, database_url: str, bootstrap: str, lines: list[bytes]) -> District:
    """Found the district, start its processes, and wait until every agency is ready."""
    settings = Settings(data_dir=folder / "gateway", database_url=database_url, kafka_bootstrap=bootstrap)
    clock = SystemClock()
    names = [f"agency-{number}" for number in range(AGENCIES)]
    keys = {party: SigningKey.generate(party, clock.now()) for party in (COURT, *names)}
    running = await open_gateway(settings, clock)
    for party, key in keys.items():
        await running.registry.admit({"id": party}, [key.public()])
    for name in names:
        for terms in _terms(name, keys):
            sides = [keys[terms.provider.party], keys[terms.subscriber.party]]
            await running.registry.activate(sign(terms, sides))
    (folder / "jwks.json").write_bytes(canonical((await running.registry.keys()).to_jwks()))
    await running.stop()
    port = free_port()
    environment = {
        "FUYUAN_DATA_DIR": str(settings.data_dir),
        "FUYUAN_DATABASE_URL": database_url,
        "FUYUAN_PORT": str(port),
        "FUYUAN_KAFKA_BOOTSTRAP": bootstrap,
        "FUYUAN_LOG_LEVEL": "warning",
    }
    gateway = await start(stack, "gateway", ["gateway.cli", "serve"], port, folder, environment)
    agents = [await _agent(stack, folder, name, keys[name], gateway.url, bootstrap) for name in names]
    await _ready(agents)
    engine = open_engine(database_url)
    stack.push_async_callback(engine.dispose)
    court = await stack.enter_async_context(GatewayClient(gateway.url, keys[COURT], "fuyuan-gateway", clock))
    return District(court, engine, folder / names[0] / "register.sqlite", lines)


def _terms(name: str, keys: dict[str, SigningKey]) -> list[Terms]:
    """The court's list to this agency by Kafka, and its receipts back."""
    found = []
    for kind in ("debtors-to", "receipts-from"):
        terms = load_agreement(AGREEMENTS / f"{kind}-market-regulation.yaml").terms.model_dump(mode="json")
        for side in ("provider", "subscriber"):
            party = COURT if terms[side]["party"] == COURT else name
            terms[side] = {"party": party, "keys": [keys[party].kid]}
        delivery = ["pull", "kafka"] if kind == "debtors-to" else ["pull"]
        found.append(Terms.model_validate({**terms, "id": f"{kind}-{name}", "delivery": delivery}))
    return found


async def _agent(
    stack: AsyncExitStack, folder: Path, name: str, key: SigningKey, gateway_url: str, bootstrap: str
) -> str:
    """Start an agency's agent over a register of its own; the agent's address."""
    home = folder / name
    home.mkdir()
    key.save(home / "party.jwk")
    with closing(sqlite3.connect(home / "register.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE licences (licence_no TEXT PRIMARY KEY, holder TEXT, code TEXT)")
        if name == "agency-0":
            rows = [(company.row, company.name, company.code) for company in map(Paying, range(PAYING))]
            connection.executemany("INSERT INTO licences VALUES (?, ?, ?)", rows)
    (home / "register.toml").write_text(REGISTER, encoding="utf-8")
    port = free_port()
    environment = {
        "FUYUAN_GATEWAY_URL": gateway_url,
        "FUYUAN_AGENT_PORT": str(port),
        "FUYUAN_AGENT_DATA_DIR": str(home / "index"),
        "FUYUAN_AGENT_CONTRACT": f"debtors-to-{name}",
        "FUYUAN_AGENT_PARTY_KEY": str(home / "party.jwk"),
        "FUYUAN_AGENT_TRUSTED_KEYS": str(folder / "jwks.json"),
        "FUYUAN_AGENT_KAFKA_BOOTSTRAP": bootstrap,
        "FUYUAN_REGISTER_URL": f"sqlite:///{home / 'register.sqlite'}",
        "FUYUAN_REGISTER_MAPPING": str(home / "register.toml"),
        "FUYUAN_LOG_LEVEL": "warning",
    }
    return (await start(stack, name, ["gateway.cli", "agent"], port, folder, environment)).url


async def _ready(agents: list[str]) -> None:
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(trust_env=False) as http:
        for url in agents:
            while not (await http.get(f"{url}/readyz")).is_success:
                if time.monotonic() > deadline:
                    raise RuntimeError("an agent did not get ready")
                await asyncio.sleep(0.1)
