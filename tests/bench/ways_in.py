"""The ways in: a file to the journal, a whole table compared with what was sent, a row's change to its event."""

import asyncio
import contextlib
import os
import sys
import tempfile
import threading
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from statistics import median
from typing import Any

import httpx
import orjson
from sqlalchemy import make_url

from adapters.fronts.mapping import FrontMapping
from adapters.fronts.sql import SqlFront
from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.demo.cast import COURT
from gateway.ways_in.folder import LocalFolder
from gateway.ways_in.front import FrontTable, row_digest, row_identity
from gateway.ways_in.known import Known
from gateway.ways_in.watch import Watch
from tests.bench.figure import Figure
from tests.bench.sealing import court_list
from tests.faults.ordeal import AGENCY, FEED, Ordeal, district
from tests.servers.postgres import Postgres, postgres_server

POLL_SECONDS = 1.0
TABLE = "CREATE TABLE sxbzxr (id BIGINT PRIMARY KEY, ah TEXT, mc TEXT, zjhm TEXT, fy TEXT, rq TEXT, yw TEXT)"
ROWS = (
    "INSERT INTO sxbzxr SELECT n, '（2026）豫0811执' || n || '号', '焦作市山阳区示例建材有限公司',"
    " '91410811MA47YB0X60', '焦作市山阳区人民法院', '2026-10-09', '支付货款' FROM generate_series(1, {rows}) AS n"
)
MAPPING: dict[str, Any] = {
    "feed": FEED,
    "table": "sxbzxr",
    "key": ["id"],
    "columns": {
        "caseCode": "ah", "iname": "mc", "cardNum": "zjhm", "courtName": "fy", "publishDate": "rq", "duty": "yw",
    },
    "named": {"case_number": "ah", "name": "mc"},
    "changes": {"by": "refresh"},
}  # fmt: skip


def run(*, quick: bool) -> list[Figure]:
    with postgres_server() as server, tempfile.TemporaryDirectory(prefix="fuyuan-bench-") as folder:
        return measure(
            server, Path(folder), 2_000 if quick else 60_000, 20_000 if quick else 1_000_000, 3 if quick else 15
        )


def measure(server: Postgres, folder: Path, records: int, rows: int, changes: int) -> list[Figure]:
    for name in ("file", "change"):
        (folder / name).mkdir()
    figures = [asyncio.run(_file(folder / "file", records))]
    url = server.create()
    postgres = Postgres(make_url(url))
    postgres.say(TABLE, ROWS.format(rows=rows))
    figures += asyncio.run(_refresh(url, folder / "refresh.sqlite", rows))
    postgres.say("DELETE FROM sxbzxr WHERE id > 100")
    figures.append(asyncio.run(_change(postgres, url, folder / "change", changes)))
    server.drop(url)
    return figures


async def _file(folder: Path, records: int) -> Figure:
    """A list in a watched folder, until its result says that it is journalled."""
    data = court_list(records) + b"\n"
    async with _started(folder) as ordeal, ordeal.client(COURT) as client:
        put = folder / "out"
        put.mkdir()
        watch = Watch(LocalFolder(put), FEED, client, SystemClock(), timedelta(0), ".ok")
        (put / "warm.ndjson").write_bytes(court_list(500, first=records + 1) + b"\n")
        (put / "warm.ndjson.ok").touch()
        await watch.look()
        (put / "list.ndjson").write_bytes(data)
        (put / "list.ndjson.ok").touch()
        began = time.perf_counter()
        found = await watch.look()
        took = time.perf_counter() - began
        assert found.taken == 1, "the bench does not measure what it says"
    return Figure("file in a watched folder to journalled", records / took, "records/s", "6,000")


async def _refresh(url: str, state: Path, rows: int) -> list[Figure]:
    """The whole table, compared with what was sent: nothing differs, as on nearly every day."""
    front, known = SqlFront(url, FrontMapping.model_validate(MAPPING)), Known(state)
    number = 0
    async with contextlib.aclosing(front.all()) as pages:
        async for page in pages:
            with known.transaction():
                for row in page:
                    number += 1
                    named = orjson.dumps(row.named).decode()
                    known.keep(row.key, row_digest(row), row_identity(row.named), named, 0, listed=True, refused=None)
    assert number == rows
    with known.transaction():
        known.put("loaded", "1")
    bare = await _bare(front)
    table = FrontTable(front, known, _Nobody())
    with _memory() as memory:
        began = time.perf_counter()
        found = await table.look(refresh=True)
        took = time.perf_counter() - began
    known.close()
    await front.close()
    assert (found.known, found.changed, found.gone) == (rows, 0, 0), "the bench does not measure what it says"
    return [
        Figure(
            f"full refresh of {rows:,} rows of a front-end table",
            rows / took, "rows/s", "20,000", "the time of reading the rows alone", took / bare,
        ),
        Figure(f"memory that the refresh of {rows:,} rows takes besides", memory.besides / 2**20, "MiB", "constant"),
    ]  # fmt: skip


async def _bare(front: SqlFront) -> float:
    began = time.perf_counter()
    async with contextlib.aclosing(front.all()) as pages:
        async for _ in pages:
            pass
    return time.perf_counter() - began


async def _change(postgres: Postgres, url: str, folder: Path, changes: int) -> Figure:
    """A row is written; the agency asks for what is new and waits."""
    async with _started(folder) as ordeal, _front(ordeal, url, folder), ordeal.client(AGENCY) as agency:
        cursor, taken = await _until(agency, ordeal.contract, 100), []
        for number in range(1, changes + 1):
            await asyncio.sleep(0.37 * number % POLL_SECONDS)  # not in step with the looks
            await asyncio.to_thread(postgres.say, f"UPDATE sxbzxr SET yw = 'changed {number}' WHERE id = {number}")  # noqa: S608
            began = time.perf_counter()
            cursor = await _until(agency, ordeal.contract, 1, cursor)
            taken.append(time.perf_counter() - began)
    return Figure(
        f"a row's change to its event at the agency, looked for each {POLL_SECONDS:.0f} s: worst",
        max(taken), "s", f"{POLL_SECONDS + 1:.0f}", f"its median, {median(taken):.2f} s", max(taken) / median(taken),
    )  # fmt: skip


async def _until(agency: GatewayClient, contract: str, wanted: int, cursor: str = "") -> str:
    """The cursor behind so many events more."""
    came = 0
    while came < wanted:
        page = await agency.events(contract, cursor, 500, 30)
        came, cursor = came + len(page.events), page.next
    return cursor


@asynccontextmanager
async def _front(ordeal: Ordeal, url: str, folder: Path) -> AsyncGenerator[None, None]:
    """The process that sends the table."""
    changes = '\n[changes]\nby = "refresh"\n'
    tables = "".join(
        f"\n[{name}]\n" + "".join(f'{key} = "{value}"\n' for key, value in MAPPING[name].items())
        for name in ("columns", "named")
    )
    mapping = folder / "front.toml"
    mapping.write_text(f'feed = "{FEED}"\ntable = "sxbzxr"\nkey = ["id"]\n{tables}{changes}', encoding="utf-8")
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FUYUAN_")} | {
        "FUYUAN_FRONT_URL": url.replace("+asyncpg", ""),
        "FUYUAN_GATEWAY_URL": ordeal.url("gateway"),
    }
    key = folder / "parties" / f"{COURT}.jwk"
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "gateway.cli", "front", str(mapping), "--key", str(key), "--every", f"{POLL_SECONDS:g}",
        "--state", str(folder / "front.sqlite"), env=environment, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        yield
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def _started(folder: Path) -> AsyncGenerator[Ordeal, None]:
    """A district whose gateway is a process of its own and is ready."""
    async with district(folder) as ordeal:
        ordeal.log_level = "warning"
        await ordeal.start("gateway")
        async with httpx.AsyncClient(trust_env=False, base_url=ordeal.url("gateway")) as http:
            for _ in range(600):
                with contextlib.suppress(httpx.TransportError):
                    if (await http.get("/readyz")).is_success:
                        break
                await asyncio.sleep(0.1)
        yield ordeal


class _Nobody:
    """Where nothing is sent, nobody has to take it."""

    async def push(self, *_given: object, **_named: object) -> Any:
        raise AssertionError("the bench does not measure what it says")


class _Memory:
    """`besides`: bytes that the process had at most beyond those that it began with."""

    def __init__(self) -> None:
        self.first = self.most = _resident()

    @property
    def besides(self) -> int:
        return self.most - self.first


@contextlib.contextmanager
def _memory() -> Iterator[_Memory]:
    memory, ended = _Memory(), threading.Event()

    def look() -> None:
        while not ended.wait(0.05):
            memory.most = max(memory.most, _resident())

    thread = threading.Thread(target=look, daemon=True)
    thread.start()
    try:
        yield memory
    finally:
        ended.set()
        thread.join()


def _resident() -> int:
    pages = Path("/proc/self/statm").read_text("ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
