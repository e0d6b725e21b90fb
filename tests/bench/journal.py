"""Appending sealed batches to the journal on PostgreSQL, beside a bare COPY of the same bytes into the same tables."""

import asyncio
import os
import time
from collections.abc import Awaitable, Callable
from statistics import median

from sqlalchemy import text

from gateway.clock import SystemClock
from gateway.journal.append import NewEntry, append_entries, append_leaf, claim
from gateway.journal.engine import JournalEngine, open_engine
from gateway.journal.schema import upgrade
from tests.bench.figure import Figure
from tests.servers.postgres import postgres_server

BATCH = 1000
DIGESTS, BODY = 29 * 32, 1200  # bytes, as a dishonest debtor's record has them


def run(*, quick: bool) -> list[Figure]:
    with postgres_server() as server:
        url = server.create()
        try:
            return asyncio.run(_measure(url, 5 if quick else 60))
        finally:
            server.drop(url)


async def _measure(url: str, batches: int) -> list[Figure]:
    engine = open_engine(url)
    await upgrade(engine)
    clock = SystemClock()
    prepared = [_batch() for _ in range(2 * batches + 2)]
    parts = {"claim": 0.0, "leaf": 0.0, "entries": 0.0}

    async def ours() -> None:
        entries = prepared.pop()
        async with engine.begin() as connection:
            began = time.perf_counter()
            claimed = await claim(connection, BATCH)
            first = time.perf_counter()
            place = await append_leaf(connection, clock, claimed, "batch", os.urandom(400), count=BATCH)
            second = time.perf_counter()
            await append_entries(connection, place, entries)
            done = time.perf_counter()
        for name, share in (("claim", first - began), ("leaf", second - first), ("entries", done - second)):
            parts[name] += share

    await _bare_tables(engine)

    async def bare() -> None:
        entries = prepared.pop()
        rows = [(n, 1, *_fields(one), None) for n, one in enumerate(entries)]
        secrets = [(n, one.wrapped_secret) for n, one in enumerate(entries)]
        async with engine.begin() as connection:
            await connection.execute(text("SELECT 1"))
            raw = (await connection.get_raw_connection()).driver_connection
            await raw.copy_records_to_table("bare_entry", records=rows)
            await raw.copy_records_to_table("bare_secret", records=secrets)

    # In turn, so that both meet the same moments of the machine.
    taken: list[float] = []
    beside: list[float] = []
    for _ in range(batches + 1):
        taken.append(await _seconds(ours))
        beside.append(await _seconds(bare))
    await engine.dispose()
    whole = sum(taken)
    return [
        Figure(
            f"journal append, PostgreSQL, batches of {BATCH:,}",
            BATCH / median(taken[1:]),
            "records/s",
            "15,000",
            "the time of a bare COPY into tables without an index",
            median(taken[1:]) / median(beside[1:]),
            {name: share / whole for name, share in parts.items()} | {"commit": 1 - sum(parts.values()) / whole},
        )
    ]


async def _seconds(work: Callable[[], Awaitable[None]]) -> float:
    began = time.perf_counter()
    await work()
    return time.perf_counter() - began


async def _bare_tables(engine: JournalEngine) -> None:
    async with engine.begin() as connection:
        await connection.execute(text("CREATE TABLE bare_entry (LIKE entry) WITH (toast_tuple_target = 8160)"))
        await connection.execute(text("CREATE TABLE bare_secret (LIKE secret)"))


def _fields(one: NewEntry) -> list[object]:
    return [getattr(one, name) for name in NewEntry.__slots__ if name != "wrapped_secret"]


def _batch() -> list[NewEntry]:
    return [
        NewEntry(
            feed="dishonest-debtor",
            schema_version=1,
            provider="shanyang-court",
            record_id=os.urandom(26).hex(),
            revision=1,
            status="listed",
            leaf_hash=os.urandom(32),
            digests=os.urandom(DIGESTS),
            body=os.urandom(BODY),
            content_mac=os.urandom(32),
            published_on="2026-11-23",
            previous=None,
            wrapped_secret=os.urandom(60),
        )
        for _ in range(BATCH)
    ]
