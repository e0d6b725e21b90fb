"""A small district of real processes that are killed at chosen points, and what must hold afterwards."""

import asyncio
import os
import random
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import orjson
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.delivery.route import LANE_OF_STATUS
from gateway.demo.cast import COURT, Cast, make_cast
from gateway.demo.processes import free_port
from gateway.errors import FuyuanError
from gateway.journal.engine import open_engine
from gateway.journal.tables import entry, lane
from gateway.settings import Settings
from gateway.trust.documents import LANES
from gateway.trust.keys import KeySet
from gateway.wiring import open_gateway
from schemas.canonical import canonical

FEED = "dishonest-debtor"
AGENCY = "shanyang-market-regulation"
PATIENCE = 60.0  # seconds for everything to come to rest after a kill
ARMED = Path(__file__).parent / "armed"
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

GATEWAY_STEPS = ("parse", "seal", "append", "acknowledge", "route", "send", "receipt")
AGENT_STEPS = ("verify", "index", "match", "outbox", "receipt")


@dataclass(frozen=True)
class Kill:
    """Who dies (gateway, or agent: its follower), after the nth line that names the step; `any` is every step."""

    victim: str
    step: str
    nth: int


@dataclass
class Company:
    """A company with a row in the agency's register. `version` is what its record says; 0 while it is not listed."""

    number: int
    version: int = 0
    withdrawn: int = 0

    @property
    def code(self) -> str:
        body = f"6919{self.number:04d}"
        left = 11 - sum(w * int(c) for w, c in zip(ORG_WEIGHTS, body, strict=True)) % 11
        return f"{body}-{ {10: 'X', 11: '0'}.get(left, str(left)) }".replace(" ", "")

    @property
    def name(self) -> str:
        return f"山阳{'甲乙丙丁戊己庚辛壬癸子丑'[self.number]}贸易有限公司"

    @property
    def row(self) -> str:
        return f"row-{self.number}"

    @property
    def case(self) -> str:
        return f"（2026）豫0811执{self.number + 1}号"

    def line(self) -> bytes:
        """Its line in the court's list, in the court's own shape."""
        return orjson.dumps(
            {
                "id": 1,
                "iname": self.name,
                "caseCode": self.case,
                "cardNum": self.code,
                "businessEntity": "",
                "courtName": "焦作市山阳区人民法院",
                "areaName": "河南",
                "partyTypeName": "581",
                "gistId": f"（2025）豫0811民初{self.version}号",
                "regDate": "2026年01月05日",
                "gistUnit": "焦作市山阳区人民法院",
                "duty": "支付货款",
                "performance": "全部未履行",
                "disruptTypeName": "有履行能力而拒不履行生效法律文书确定义务",
                "publishDate": "2026年02月05日",
            }
        )


@dataclass
class Ordeal:
    folder: Path
    cast: Cast
    keys: KeySet
    settings: Settings
    ports: dict[str, int]
    more: dict[str, str] = field(default_factory=dict)  # settings of all processes, by their environment names
    gateway_url: str = ""  # where the agent finds the gateway; the first gateway where it is empty
    companies: list[Company] = field(default_factory=lambda: [Company(number) for number in range(12)])
    processes: dict[str, asyncio.subprocess.Process] = field(default_factory=dict)
    died: Counter[str] = field(default_factory=Counter)
    tree: tuple[int, bytes] | None = None
    round: int = 0
    log_level: str = "debug"
    load: int = 0  # records listed in each round beside those that are looked at
    applications: dict[str, str] = field(default_factory=dict)
    receipts: dict[str, Counter[str]] = field(default_factory=dict)  # by kind, by key: what the court has read
    receipts_cursor: str = ""

    # --- processes

    @property
    def contract(self) -> str:
        return self.cast.contract_to(AGENCY).id

    @property
    def gateways(self) -> list[str]:
        return [name for name in self.ports if name != "agent"]

    def _environment(self, name: str, kill: Kill | None) -> dict[str, str]:
        environment = {key: value for key, value in os.environ.items() if not key.startswith(("FUYUAN_", "VICTIM_"))}
        environment |= {
            "FUYUAN_DATA_DIR": str(self.settings.data_dir),
            "FUYUAN_DATABASE_URL": self.settings.database_url,
            "FUYUAN_PORT": str(self.ports.get(name, 0)),
            "FUYUAN_LOG_LEVEL": self.log_level,
            "FUYUAN_GATEWAY_URL": self.gateway_url or self.url("gateway"),
            "FUYUAN_AGENT_PORT": str(self.ports["agent"]),
            "FUYUAN_AGENT_DATA_DIR": str(self.folder / "index"),
            "FUYUAN_AGENT_CONTRACT": self.contract,
            "FUYUAN_AGENT_PARTY_KEY": str(self.folder / "parties" / f"{AGENCY}.jwk"),
            "FUYUAN_AGENT_TRUSTED_KEYS": str(self.folder / "jwks.json"),
            "FUYUAN_REGISTER_URL": f"sqlite:///{self.folder / 'register.sqlite'}",
            "FUYUAN_REGISTER_MAPPING": str(self.folder / "register.toml"),
            **self.more,
        }
        if kill is not None:
            environment |= {
                "PYTHONPATH": str(ARMED),
                "VICTIM_STEP": kill.step,
                "VICTIM_NTH": str(kill.nth),
                "VICTIM_ONCE": str(self.folder / f"died-{self.round}"),
            }
        return environment

    async def start(self, name: str, kill: Kill | None = None) -> None:
        """Start a process of ours; it may be armed to die."""
        command = "agent" if name == "agent" else "serve"
        with (self.folder / f"{name}.log").open("ab") as log:
            self.processes[name] = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "gateway.cli", command,
                env=self._environment(name, kill), stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    async def kill(self, name: str) -> None:
        process = self.processes.pop(name)
        if process.returncode is None:
            process.kill()
        await process.wait()

    async def keep_alive(self) -> None:
        """Start again what has died."""
        for name, process in list(self.processes.items()):
            if process.returncode is not None:
                await self.start(name)

    async def stop(self) -> None:
        for process in self.processes.values():
            if process.returncode is None:
                process.terminate()
                await process.wait()

    def url(self, name: str) -> str:
        return f"http://127.0.0.1:{self.ports[name]}"

    def client(self, party: str, gateway: str = "gateway") -> GatewayClient:
        return GatewayClient(self.url(gateway), self.cast.keys[party], "fuyuan-gateway", SystemClock())

    async def insist(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Make a call until it is answered, whatever dies meanwhile."""
        deadline = time.monotonic() + PATIENCE
        while True:
            await self.keep_alive()
            try:
                return await call()
            except (FuyuanError, httpx.TransportError) as error:
                if time.monotonic() > deadline:
                    raise AssertionError(f"not answered in {PATIENCE:.0f} s: {error}") from error
                await asyncio.sleep(0.1)

    # --- one round

    async def play(self, kill: Kill, random_: random.Random) -> None:
        """One round: the victim is armed, the court and an applicant do their work, everything comes to rest."""
        self.round += 1
        if self.processes:
            await self.kill(kill.victim)
        for name in self.ports:
            if name not in self.processes:
                await self.start(name, kill if name == kill.victim else None)
        await self.work(random_)
        await self.rest()
        self.died[f"{kill.victim}/{kill.step}"] += (self.folder / f"died-{self.round}").exists()

    async def work(self, random_: random.Random) -> None:
        """The court lists four companies and withdraws two, and one applies at the agency's counter."""
        if self.load:
            await self._burden()
        listed = random_.sample(self.companies, 4)
        for company in listed:
            company.version += 1
        body = b"\n".join(company.line() for company in listed)
        key = f"round-{self.round:05d}"
        async with self.client(COURT, random_.choice(self.gateways)) as court:
            answer = await self.insist(lambda: court.push(FEED, body, "application/x-ndjson", key, relist=True))
            assert answer.counts["quarantined"] == 0
            assert answer.counts["listed"] + answer.counts["amended"] == 4
            for company in random_.sample(self.companies, 2):
                await self._withdraw(court, company)
        await self._apply(random_.choice(self.companies))

    async def _burden(self) -> None:
        """Companies that the agency has never heard of, each in one case of this round."""
        case = self.companies[0].case
        lines = [
            self.companies[0].line().replace(case.encode(), f"（2026）豫0811执{self.round}{number:05d}号".encode())
            for number in range(self.load)
        ]
        strangers = b"\n".join(lines).replace(self.companies[0].code.encode(), b"76543210-3")
        async with self.client(COURT) as court:
            key = f"burden-{self.round:05d}"
            answer = await self.insist(lambda: court.push(FEED, strangers, "application/x-ndjson", key))
        assert answer.counts["listed"] == self.load

    async def _withdraw(self, court: GatewayClient, company: Company) -> None:
        if not company.version or company.withdrawn == company.version:
            return
        withdrawal = {"case_number": company.case, "name": company.name, "status_reason": "performed"}
        key = f"round-{self.round:05d}-{company.number}"
        answer = await self.insist(lambda: court.withdraw(FEED, withdrawal, key))
        assert answer.counts["withdrawn"] == 1
        company.withdrawn = company.version

    async def _apply(self, company: Company) -> None:
        """An application at the agency's counter; a decision may be `unknown` while the agent cannot know."""
        reference = f"application-{self.round}"
        application = {
            "reference": reference,
            "action": "licence",
            "name": company.name,
            "identifiers": [{"scheme": "cn-org", "value": company.code}],
        }
        async with httpx.AsyncClient(trust_env=False, base_url=self.url("agent")) as http:
            answer = await self.insist(lambda: http.post("/v1/screenings", json=application))
        assert answer.status_code == 200, answer.text
        self.applications[reference] = answer.json()["decision"]

    async def rest(self) -> None:
        """Wait until the agent has all of the list, its register shows that, and all that was to be said was said."""
        deadline = time.monotonic() + PATIENCE
        engine = open_engine(self.settings.database_url)
        try:
            while not (
                await self._agent_is_done() and self.held() == self.to_be_held() and await self._is_level(engine)
            ):
                await self.keep_alive()
                if time.monotonic() > deadline:
                    raise AssertionError(
                        f"not at rest after {PATIENCE:.0f} s: held {self.held() ^ self.to_be_held()} differ, the agent "
                        f"stands at {await self.reached()}, its lanes at {await self._lanes(engine)}"
                    )
                await asyncio.sleep(0.05)
        finally:
            await engine.dispose()

    async def _lanes(self, engine: AsyncEngine) -> dict[str, int] | None:
        """The last number of each lane; None while the journal holds what may have to be given one."""
        async with engine.connect() as connection:
            lasts: dict[str, int] = {}
            for row in await connection.execute(select(lane).where(lane.c.contract == self.contract)):
                to_come = select(entry.c.position).where(
                    entry.c.feed == FEED, entry.c.status.in_(LANE_OF_STATUS[row.lane]), entry.c.position > row.routed
                )
                if (await connection.execute(to_come.limit(1))).first() is not None:
                    return None
                lasts[row.lane] = row.last
            return lasts

    async def _is_level(self, engine: AsyncEngine) -> bool:
        try:
            return await self._lanes(engine) == await self.reached()
        except (SQLAlchemyError, OSError):  # the database may be what died
            return False

    async def _agent_is_done(self) -> bool:
        async with httpx.AsyncClient(trust_env=False, base_url=self.url("agent")) as http:
            try:
                status = await http.get("/v1/status")
                ready = await http.get("/readyz")
            except httpx.TransportError:
                return False
        return ready.is_success and status.is_success and status.json()["outbox"] == 0

    async def reached(self) -> dict[str, int]:
        """The last number of each lane that the agent has applied."""
        async with httpx.AsyncClient(trust_env=False, base_url=self.url("agent")) as http:
            shown = (await self.insist(lambda: http.get("/v1/status"))).json()["list"]
        return {lane: shown[lane] for lane in LANES}

    def to_be_held(self) -> set[str]:
        return {company.row for company in self.companies if company.version > company.withdrawn}

    def held(self) -> set[str]:
        with closing(sqlite3.connect(self.folder / "register.sqlite", timeout=30)) as connection:
            rows = connection.execute("SELECT row FROM fuyuan_holds").fetchall()
        return {row for (row,) in rows if row.startswith("row-")}


@asynccontextmanager
async def district(
    folder: Path,
    *,
    gateways: Sequence[str] = ("gateway",),
    database_url: str | None = None,
    kafka: str | None = None,
) -> AsyncIterator[Ordeal]:
    """A district with a court and one agency, its register filled, nothing started yet.

    With `kafka`, a word that ends the contracts' names, the agency's contract names Kafka.
    """
    settings = Settings(data_dir=folder / "gateway", **({} if database_url is None else {"database_url": database_url}))
    (folder / "parties").mkdir()
    cast = make_cast(settings.agreements_dir, settings.parties_dir, folder / "parties", SystemClock(), kafka=kafka)
    running = await open_gateway(settings, SystemClock())
    for party, key in cast.keys.items():
        await running.registry.admit({"id": party}, [key.public()])
    for signed in cast.contracts.values():
        if AGENCY in (signed.terms.provider.party, signed.terms.subscriber.party):
            await running.registry.activate(signed)
    keys = await running.registry.keys()
    await running.stop()
    (folder / "jwks.json").write_bytes(canonical(keys.to_jwks()))
    ports = {name: free_port() for name in (*gateways, "agent")}
    ordeal = Ordeal(folder, cast, keys, settings, ports)
    with closing(sqlite3.connect(folder / "register.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE licences (licence_no TEXT PRIMARY KEY, holder TEXT, code TEXT)")
        connection.executemany(
            "INSERT INTO licences VALUES (?, ?, ?)",
            [(company.row, company.name, company.code) for company in ordeal.companies],
        )
    (folder / "register.toml").write_text(
        'table = "licences"\nrow = "licence_no"\nname = "holder"\n\n[identifiers]\ncn-org = "code"\n', encoding="utf-8"
    )
    try:
        yield ordeal
    finally:
        await ordeal.stop()
