"""An agency in the district: the agent over a real index and a real register, and the line to the gateway."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
from sqlalchemy import create_engine, text

from adapters.registers.sql import RegisterMapping, SqlRegister
from gateway.agent.follow import Follower
from gateway.agent.parts import Parts, open_parts
from gateway.agent.service import create_screening_app
from gateway.agent.topics import Topics
from gateway.agent.trusted import Trust, read_trusted_keys
from gateway.client import GatewayClient
from gateway.retry import Patience
from gateway.settings import Settings
from schemas.canonical import canonical
from tests.integration.district import COURT, FROM_MARKET, MARKET, TO_MARKET, District

COMPANY, CODE, CREDIT_CODE = "焦城试验有限公司", "69191286-8", "91999999691912868A"
MEASURE = "market-entry-restriction"


def listing(serial: int = 1, **changed: Any) -> dict[str, Any]:
    """A record as zxgk publishes it; ground 1 has no period, so it stands however old it is."""
    return {
        "id": serial,
        "iname": COMPANY,
        "caseCode": f"（2026）豫0811执{serial}号",
        "age": 0,
        "sexy": "",
        "cardNum": CODE,
        "businessEntity": "李某某",
        "courtName": "焦作市山阳区人民法院",
        "areaName": "河南",
        "partyTypeName": "581",
        "gistId": "（2025）豫0811民初1号",
        "regDate": "2026年01月05日",
        "gistUnit": "焦作市山阳区人民法院",
        "duty": "见判决书",
        "performance": "全部未履行",
        "performedPart": "暂无",
        "unperformPart": "暂无",
        "disruptTypeName": "有履行能力而拒不履行生效法律文书确定义务",
        "publishDate": "2026年02月01日",
        **changed,
    }


@dataclass
class Agent:
    district: District
    parts: Parts
    follower: Follower
    register: SqlRegister
    url: str
    web: httpx.AsyncClient
    wire: "Wire"
    gateway: GatewayClient

    async def follow(self) -> None:
        """Until nothing is new and nothing is left to do."""
        while await self.follower.pull_once(wait=0):
            pass
        assert await self.follower.carry_out_once()

    async def screen(self, reference: str = "A-1", **changed: Any) -> dict[str, Any]:
        answer = await self.web.post("/v1/screenings", json=application(reference, **changed))
        found: dict[str, Any] = answer.json()
        return found

    async def receipts(self) -> list[dict[str, Any]]:
        """What the court reads under its own contract."""
        events, _ = await self.district.pull(COURT, FROM_MARKET)
        return [event["record"] for event in events if event["kind"] == "upsert"]

    def held(self) -> list[tuple[str, str]]:
        engine = create_engine(self.url)
        with engine.begin() as connection:
            rows = connection.execute(text('SELECT "row", measure FROM fuyuan_holds ORDER BY 1')).all()
        engine.dispose()
        return [tuple(row) for row in rows]


class Wire(httpx.AsyncBaseTransport):
    """The line to the gateway, with somebody on it who may change an answer."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.change: Callable[[bytes], bytes] | None = None
        self.cut = False
        self.held: asyncio.Event | None = None  # the next proof of consistency is answered when it is set
        self.forged = False  # proofs of consistency are
        self.asked = 0
        self.open = 0  # requests that were not answered yet
        self.paths: list[str] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.asked += 1
        self.paths.append(request.url.path)
        if self.cut:
            raise httpx.ConnectError("cut")
        self.open += 1
        try:
            if self.held is not None and request.url.path.endswith("/consistency"):
                held, self.held = self.held, None
                await held.wait()
            response = await self._inner.handle_async_request(request)
        finally:
            self.open -= 1
        if self.forged and request.url.path.endswith("/consistency"):
            return httpx.Response(200, json={"path": []})
        if self.change is None or not request.url.path.endswith("/events"):
            return response
        body = self.change(await response.aread())
        return httpx.Response(response.status_code, headers={"content-type": "application/json"}, content=body)


def application(reference: str = "A-1", **changed: Any) -> dict[str, Any]:
    return {
        "reference": reference,
        "action": "licence",
        "name": COMPANY,
        "identifiers": [{"scheme": "cn-org", "value": CODE}],
        **changed,
    }


@asynccontextmanager
async def open_agency(
    district: District, folder: Path, contract: str = TO_MARKET, topics: Topics | None = None, party: str = MARKET
) -> AsyncIterator[Agent]:
    """An agent that follows the court's list over the gateway's real application, with a register of one row.

    It follows by Kafka too where `topics` are given.
    """
    home = folder / "agency"
    home.mkdir()
    url = f"sqlite:///{home / 'register.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE licences (no TEXT, holder TEXT, code TEXT)"))
        connection.execute(
            text("INSERT INTO licences VALUES ('licence-1', :name, :code)"), {"name": COMPANY, "code": CODE}
        )
    engine.dispose()
    (home / "trusted.json").write_bytes(canonical((await district.keys()).to_jwks()))
    district.cast.keys[party].save(home / "key.jwk")
    settings = Settings(
        agent_contract=contract,
        agent_party_key=home / "key.jwk",
        agent_trusted_keys=home / "trusted.json",
        agent_data_dir=home / "index",
    )
    parts = open_parts(settings, district.clock)
    register = SqlRegister(url, RegisterMapping("licences", "no", "holder", {"cn-org": "code"}))
    wire = Wire(district.transport)
    client = GatewayClient(
        "http://gateway.test",
        parts.key,
        settings.audience,
        district.clock,
        transport=wire,
        patience=Patience(attempts=1),
    )

    def read_trust() -> Trust:
        return Trust(read_trusted_keys(parts.trusted_keys), settings.party, contract, party, district.clock)

    follower = Follower(parts, district.clock, client, read_trust, register, topics)
    app = create_screening_app(parts, district.clock, gateway=client)
    web = httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://agent.test")
    yield Agent(district, parts, follower, register, url, web, wire, client)
    await web.aclose()
    await client.close()
    register.close()
    parts.index.close()
