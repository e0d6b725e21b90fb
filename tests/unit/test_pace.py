"""Pace: on a crowded machine the next step of a list waits, for a while."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.pace import AGAIN_SECONDS, Pace, is_crowded

Tell = Callable[[int], object]


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Tell:
    """Let the system say how many threads are at work, the one that asks among them."""
    file = tmp_path / "loadavg"
    monkeypatch.setattr("gateway.pace.LOAD", file)
    monkeypatch.setattr("os.cpu_count", lambda: 2)
    return lambda running: file.write_text(f"0.50 1.61 2.09 {running}/1534 12345\n")


async def test_a_step_waits_while_every_core_is_taken_and_goes_on_when_one_is_free(tell: Tell) -> None:
    pace = Pace()
    tell(3)
    assert AGAIN_SECONDS[0] <= pace.rest() <= AGAIN_SECONDS[1]
    tell(2)
    assert pace.rest() == 0


async def test_it_waits_for_ever_on_no_machine_and_no_two_in_step(tell: Tell) -> None:
    tell(50)
    paces, went = [Pace(0.2), Pace(0.2)], [0, 0]
    rests: set[float] = set()
    began = time.perf_counter()
    while time.perf_counter() - began < 1.1:
        for number, pace in enumerate(paces):
            rest = pace.rest()
            rests.add(rest)
            went[number] += rest == 0
        await asyncio.sleep(0.01)
    assert all(2 <= steps <= 6 for steps in went)
    assert len(rests) > 20


@pytest.mark.parametrize("told", ["", "0.5 0.5 0.5", "0.5 0.5 0.5 many/77 5"])
async def test_a_system_that_does_not_tell_lets_nobody_wait(told: str, tell: Tell, tmp_path: Path) -> None:
    assert Pace().rest() == 0  # there is no such file
    (tmp_path / "loadavg").write_text(told)
    assert Pace().rest() == 0


@pytest.mark.skipif(not Path("/proc/loadavg").exists(), reason="only Linux tells how many threads are at work")
def test_the_system_tells_it() -> None:
    rivals = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(1 + (os.cpu_count() or 1))]
    try:
        deadline = time.monotonic() + 30
        while not (found := is_crowded()) and time.monotonic() < deadline:
            time.sleep(0.01)
    finally:
        for rival in rivals:
            rival.kill()
            rival.wait()
    assert found
