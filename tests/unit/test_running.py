"""A gateway that stops leaves nothing open, whatever became of its background work."""

import asyncio
import io
import json
from pathlib import Path

from gateway.clock import ManualClock
from gateway.settings import Settings
from gateway.wiring import open_gateway


async def test_work_that_ended_by_an_error_is_told_of_and_all_is_closed(tmp_path: Path, log_lines: io.StringIO) -> None:
    running = await open_gateway(Settings(data_dir=tmp_path), ManualClock())
    pool = running.engine.pool
    endless = asyncio.create_task(asyncio.Event().wait(), name="endless")

    async def fail() -> None:
        raise ValueError

    failed = [asyncio.create_task(fail(), name=name) for name in ("routing", "pushes")]
    await asyncio.wait(failed)
    running._background += [*failed, endless]
    await running.stop()
    assert endless.cancelled()
    assert running.engine.pool is not pool, "which is made anew behind its end"
    told = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert [(one["step"], one["error"]) for one in told if one["event"] == "background-ended"] == [
        ("routing", "ValueError"), ("pushes", "ValueError"),
    ]  # fmt: skip
