"""SIGTERM under load: what was acknowledged stands whole, what was not is whole or absent, and the exit code is 0."""

import asyncio
import json
import signal
import sqlite3
import threading
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.demo.cast import COURT, Cast, make_cast
from gateway.demo.processes import Process, free_port, start
from gateway.errors import FuyuanError
from gateway.retry import Patience
from gateway.settings import Settings
from gateway.wiring import open_gateway
from schemas.canonical import canonical
from tests.integration.agency import listing

ROOT = Path(__file__).parents[2]
AGENCY = "shanyang-market-regulation"
FEED = "dishonest-debtor"
RECORDS = 40  # in a submission, in batches of ten
WITHIN = 10.0  # seconds from the signal to the end


@pytest.fixture
async def cast(tmp_path: Path) -> Cast:
    clock = SystemClock()
    cast = make_cast(ROOT / "contracts/agreements", ROOT / "contracts/parties", tmp_path / "keys", clock)
    running = await open_gateway(Settings(data_dir=tmp_path / "gateway"), clock)
    for party, key in cast.keys.items():
        await running.registry.admit({"id": party}, [key.public()])
    for signed in cast.contracts.values():
        await running.registry.activate(signed)
    (tmp_path / "jwks.json").write_bytes(canonical((await running.registry.keys()).to_jwks()))
    await running.stop()
    return cast


@asynccontextmanager
async def gateway(folder: Path, port: int, **environment: str) -> AsyncIterator[Process]:
    given = {"FUYUAN_DATA_DIR": str(folder / "gateway"), "FUYUAN_PORT": str(port), "FUYUAN_BATCH_RECORDS": "10"}
    async with AsyncExitStack() as stack:
        yield await start(stack, "gateway", ["gateway.cli", "serve"], port, folder, given | environment)


def client(cast: Cast, party: str, url: str) -> GatewayClient:
    return GatewayClient(url, cast.keys[party], "fuyuan-gateway", SystemClock(), patience=Patience(attempts=1))


async def stop(process: Process) -> float:
    """Seconds from the signal to the end, which is a good one."""
    began = time.monotonic()
    process.child.send_signal(signal.SIGTERM)
    async with asyncio.timeout(2 * WITHIN):
        assert await process.child.wait() == 0, process.log.read_text()
    return time.monotonic() - began


def body(serial: int) -> bytes:
    lines = (listing(serial * RECORDS + number, iname=f"焦城试验{number}号有限公司") for number in range(RECORDS))
    return b"\n".join(json.dumps(line, ensure_ascii=False).encode() for line in lines)


async def test_what_is_in_flight_is_acknowledged_and_journalled_or_neither(tmp_path: Path, cast: Cast) -> None:
    port = free_port()
    acknowledged: set[str] = set()
    tried: set[str] = set()
    busy = asyncio.Event()

    async def push(worker: int, court: GatewayClient) -> None:
        for turn in range(1000):
            key = f"push-{worker}-{turn:04d}"
            tried.add(key)
            await court.push(FEED, body(worker * 1000 + turn), "application/x-ndjson", key)
            acknowledged.add(key)
            if len(acknowledged) >= 12:
                busy.set()

    async with gateway(tmp_path, port) as process, client(cast, COURT, process.url) as court:
        pushing = [asyncio.create_task(push(worker, court)) for worker in range(6)]
        await busy.wait()
        assert await stop(process) < WITHIN
        ended = await asyncio.gather(*pushing, return_exceptions=True)
    assert all(isinstance(error, FuyuanError) for error in ended), ended
    with closing(sqlite3.connect(tmp_path / "gateway/journal.sqlite")) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        rows = {key: (done, json.loads(result)) for key, done, result in journal.execute(
            "SELECT key, finished, result FROM submission WHERE provider = ?", (COURT,)
        )}  # fmt: skip
        positions = dict(journal.execute("SELECT leaf, count(*) FROM entry GROUP BY leaf"))
        size, leaves = journal.execute("SELECT size, leaves FROM journal_head").fetchone()
        last = journal.execute("SELECT max(position) FROM entry").fetchone()
        batches = journal.execute("SELECT count(*) FROM journal_leaf WHERE kind = 'batch'").fetchone()
        assert journal.execute("SELECT count(*) FROM journal_leaf").fetchone() == (leaves,)
    assert acknowledged <= set(rows) <= tried
    for key, (finished, result) in rows.items():
        told = {batch["leaf"]: batch["count"] for batch in result["batches"]}
        assert told.items() <= positions.items()  # each batch that the submission names stands whole
        assert set(told.values()) == {10}
        if key in acknowledged:
            assert finished
            assert result["counts"]["listed"] == RECORDS
    assert size == last[0]
    assert batches == (sum(len(result["batches"]) for _, result in rows.values()),)  # and none that none names


async def test_a_long_poll_is_answered_and_no_answer_is_cut(tmp_path: Path, cast: Cast) -> None:
    port = free_port()
    contract = cast.contract_to(AGENCY).id
    async with gateway(tmp_path, port) as process, client(cast, AGENCY, process.url) as agency:
        page = await agency.events(contract)  # the contract's own events are behind it
        waiting = asyncio.create_task(agency.events(contract, page.next, wait=25))
        await asyncio.sleep(0.5)
        assert not waiting.done()
        assert await stop(process) < 5
        assert (await waiting).events == []


async def test_a_peer_that_never_ends_its_request_does_not_keep_the_gateway(tmp_path: Path, cast: Cast) -> None:
    port = free_port()
    async with gateway(tmp_path, port) as process:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST /v1/receipts HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{")
        await writer.drain()
        await asyncio.sleep(0.3)
        assert await stop(process) < WITHIN + 3
        writer.close()


async def test_a_collector_that_is_away_does_not_keep_the_gateway(tmp_path: Path, cast: Cast) -> None:
    async with gateway(tmp_path, free_port(), FUYUAN_OTLP_ENDPOINT=f"http://127.0.0.1:{free_port()}") as process:
        assert await stop(process) < WITHIN


async def test_spans_reach_the_collector_before_the_end(tmp_path: Path, cast: Cast) -> None:
    got: list[tuple[str, bytes]] = []

    class Collector(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((self.path, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Collector) as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        port = free_port()
        url = f"http://127.0.0.1:{collector.server_port}"
        async with gateway(tmp_path, port, FUYUAN_OTLP_ENDPOINT=url) as process:
            async with client(cast, COURT, process.url) as court:
                await court.push(FEED, body(1), "application/x-ndjson", "push-traced")
            assert await stop(process) < WITHIN
        collector.shutdown()
        thread.join()
    assert {path for path, _ in got} == {"/v1/traces"}
    told = b"".join(data for _, data in got)
    assert b"append" in told
    assert b"fuyuan-gateway" in told
    assert "焦城".encode() not in told


async def test_the_agent_ends_with_its_follower(tmp_path: Path, cast: Cast) -> None:
    port, own = free_port(), free_port()
    environment = {
        "FUYUAN_AGENT_CONTRACT": cast.contract_to(AGENCY).id,
        "FUYUAN_AGENT_PARTY_KEY": str(tmp_path / "own.jwk"),
        "FUYUAN_AGENT_TRUSTED_KEYS": str(tmp_path / "jwks.json"),
        "FUYUAN_AGENT_DATA_DIR": str(tmp_path / "agent"),
        "FUYUAN_AGENT_PORT": str(own),
        "FUYUAN_GATEWAY_URL": f"http://127.0.0.1:{port}",
    }
    cast.keys[AGENCY].save(tmp_path / "own.jwk")
    async with gateway(tmp_path, port) as process, AsyncExitStack() as stack:
        agent = await start(stack, "agent", ["gateway.cli", "agent"], own, tmp_path, environment)
        async with client(cast, COURT, process.url) as court:
            await court.push(FEED, body(1), "application/x-ndjson", "push-agent")
        answered: list[int] = []
        busy = asyncio.Event()

        async def screen(http: httpx.AsyncClient) -> None:
            asked = {"reference": "A-1", "action": "licence", "name": "某某有限公司", "identifiers": []}
            while True:
                answer = await http.post("/v1/screenings", json=asked)
                assert answer.json()["decision"] in ("clear", "unknown")
                answered.append(answer.status_code)
                if len(answered) >= 20:
                    busy.set()

        async with httpx.AsyncClient(base_url=agent.url, trust_env=False) as http:
            asking = [asyncio.create_task(screen(http)) for _ in range(4)]
            await busy.wait()
            assert await stop(agent) < WITHIN
            ended = await asyncio.gather(*asking, return_exceptions=True)
        assert all(isinstance(error, httpx.TransportError) for error in ended), ended
        assert set(answered) == {200}
    lines = [json.loads(line) for line in agent.log.read_text("utf-8").splitlines()]
    assert not [line for line in lines if line["event"] in ("follower-died", "uncaught", "library")], lines
