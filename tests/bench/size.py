"""Bytes on disk for each record, event and live record, for docs/operations.md."""

import asyncio
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.agent.applicant import Keyed
from gateway.agent.index import Index
from gateway.clock import SystemClock
from gateway.delivery.cursor import Cursor
from gateway.demo.cast import COURT, make_cast
from gateway.intake import Submission
from gateway.log import configure_logging
from gateway.settings import CONTRACTS, Settings
from gateway.wiring import open_gateway
from schemas.canonical import canonical
from tests.bench.figure import Figure
from tests.bench.screening import CONTRACT, fill, person

FEED = "dishonest-debtor"
AGENCY = "shanyang-market-regulation"
RECORDS = 10_000
LIVE = 200_000


def line(serial: int) -> bytes:
    """A person as a court's list publishes one, with an obligation of ordinary length."""
    name, number = person(serial)
    return canonical(
        {
            "iname": name,
            "cardNum": number,
            "caseCode": f"（2025）豫0811执{serial + 1}号",
            "courtName": "焦作市山阳区人民法院",
            "areaName": "河南",
            "gistId": f"（2024）豫0811民初{serial + 1}号民事判决书",
            "gistUnit": "焦作市山阳区人民法院",
            "regDate": "2025年01月28日",
            "publishDate": "2025年07月11日",
            "duty": "被告在本判决生效之日起七日内支付原告货款53300元及利息；案件受理费1133元，由被告承担。",
            "performance": "全部未履行",
            "disruptTypeName": "违反财产报告制度",
            "sexy": "男",
        }
    )


def run(*, quick: bool = False) -> Iterator[Figure]:
    with tempfile.TemporaryDirectory(prefix="fuyuan-size-") as folder:
        yield from asyncio.run(_journal(Path(folder), RECORDS // 10 if quick else RECORDS))
        yield _index(Path(folder), LIVE // 10 if quick else LIVE)


async def _journal(folder: Path, records: int) -> list[Figure]:
    configure_logging("console", "error")
    clock = SystemClock()
    cast = make_cast(CONTRACTS / "agreements", CONTRACTS / "parties", folder / "parties", clock)
    running = await open_gateway(Settings(data_dir=folder), clock)
    try:
        for party, key in cast.keys.items():
            await running.registry.admit({"id": party}, [key.public()])
        await running.registry.activate(cast.contracts[CONTRACT])
        empty = await _bytes(running.engine)
        body = b"\n".join(map(line, range(records)))
        counts = (await running.intake.submit(Submission(COURT, FEED, "size", body))).counts
        if counts["listed"] != records:
            raise AssertionError("the bench does not measure what it says")
        journalled = await _bytes(running.engine)
        await running.router.catch_up(CONTRACT)
        routed = await _bytes(running.engine)
        sent, after, events = 0, Cursor(), 0
        while events < records:
            page, _ = await running.pull.page(AGENCY, CONTRACT, after, 500, 0)
            sent += sum(len(canonical(event)) for event in page.events)
            events, after = events + len(page.events), page.next
        shown = await _bytes(running.engine)
    finally:
        await running.stop()

    def each(what: str, total: int) -> Figure:
        return Figure(what, total / records, "bytes", "for sizing")

    return [
        each("a record as the court sends it", len(body)),
        each("journal (SQLite), a record", journalled - empty),
        each("delivery log, an event of one contract", routed - journalled),
        each("record of what was shown, an event of one contract", shown - routed),
        each("an event as it is sent, proofs included", sent),
    ]


async def _bytes(engine: AsyncEngine) -> int:
    """The database's pages in use."""
    async with engine.connect() as connection:
        used = await connection.scalar(
            text(
                "SELECT (page_count - freelist_count) * page_size"
                " FROM pragma_page_count, pragma_freelist_count, pragma_page_size"
            )
        )
    return int(used or 0)


def _index(folder: Path, live: int) -> Figure:
    index = Index(folder / "index")
    fill(index, Keyed(index.key, CONTRACT), live)
    index.close()
    used = sum(path.stat().st_blocks * 512 for path in (folder / "index").rglob("*.mdb"))
    return Figure("agent's index (LMDB), a live record", used / live, "bytes", "for sizing")
