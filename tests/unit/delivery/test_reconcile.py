"""Looking after the brokers goes on, whatever is away at first."""

import asyncio
import io
from pathlib import Path

import pytest

from gateway.delivery.reconcile import Reconciler
from gateway.journal.engine import open_engine
from gateway.settings import Settings
from gateway.wiring import open_reconciler
from tests.small_gateway import Gateway


async def test_a_journal_that_cannot_be_read_at_first_is_read_again(
    gateway: Gateway, tmp_path: Path, log_lines: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.delivery.reconcile.LOOK_SECONDS", 0.01)
    empty = open_engine(f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite'}")
    reconciler: Reconciler = open_reconciler(Settings(kafka_bootstrap="kafka:9092"), empty, gateway.registry)
    running = asyncio.create_task(reconciler.run())
    async with asyncio.timeout(20):
        while log_lines.getvalue().count("kafka-reconcile-failed") < 2:  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.01)
    assert not running.done()
    running.cancel()
    await asyncio.wait([running])
    await empty.dispose()
