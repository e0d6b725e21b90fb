"""Rule J1: where the database does not answer, the caller is told to try again, and nothing is half-done."""

import sqlite3
from contextlib import closing

import pytest

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
        with pytest.raises(GatewayProblem) as refused:
            await district.client(COURT).push(FEED, (SAMPLES / "shixin_zxgk.jsonl").read_bytes(), NDJSON, "push-0001")
        assert refused.value.status == 503
        assert refused.value.code in ("journal-away", "journal-unwritable")
        other.execute("ROLLBACK")
    assert await district.table_counts() == before
