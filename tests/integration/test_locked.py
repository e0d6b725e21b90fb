"""Rule J1: where the database does not answer, the caller is told to try again, and nothing is half-done."""

import sqlite3
from contextlib import closing

from gateway.client import GatewayProblem
from gateway.demo.cast import COURT
from tests.integration.district import FEED, NDJSON, SAMPLES, District


async def test_j1_a_locked_journal_answers_try_again(district: District) -> None:
    before = await district.table_counts()
    url = district.running.engine.url
    with closing(sqlite3.connect(url.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        async with district.running.engine.connect() as connection:
            await connection.exec_driver_sql("PRAGMA busy_timeout = 50")
        try:
            await district.client(COURT).push(FEED, (SAMPLES / "shixin_zxgk.jsonl").read_bytes(), NDJSON, "push-0001")
        except GatewayProblem as problem:
            assert (problem.status, problem.code) in ((503, "journal-away"), (503, "journal-unwritable"))
        else:
            raise AssertionError("a locked journal took a batch")
        other.execute("ROLLBACK")
    assert await district.table_counts() == before
