"""Rule J1: where the database does not answer, the caller is told to try again, and nothing is half-done."""

import pytest

from gateway.client import GatewayProblem
from gateway.demo.cast import COURT
from gateway.journal.append import claim
from gateway.journal.engine import open_engine
from tests.integration.district import FEED, NDJSON, SAMPLES, District

# How long a writer waits for its turn, made short for the one connection that is open.
SHORT = {"sqlite": "PRAGMA busy_timeout = 50", "postgresql": "SET lock_timeout = '50ms'"}


async def test_j1_a_locked_journal_answers_try_again(district: District) -> None:
    before = await district.table_counts()
    engine = district.running.engine
    other = open_engine(engine.url.render_as_string(hide_password=False))
    async with other.connect() as holding:
        await claim(holding, 1)  # never committed
        async with engine.connect() as connection:
            await connection.exec_driver_sql(SHORT[engine.dialect.name])
            await connection.commit()
        with pytest.raises(GatewayProblem) as refused:
            await district.client(COURT).push(FEED, (SAMPLES / "shixin_zxgk.jsonl").read_bytes(), NDJSON, "push-0001")
        assert refused.value.status == 503
        assert refused.value.code in ("journal-away", "journal-unwritable")
    await other.dispose()
    assert await district.table_counts() == before
