"""kill -9 of gateway and agent: after each named step, and at seeded random points. `make test-faults` plays 200."""

import os
import random
import time
from pathlib import Path

import pytest

from tests.faults.must_hold import check
from tests.faults.ordeal import AGENT_STEPS, GATEWAY_STEPS, Kill, district

SEED = int(os.environ.get("FUYUAN_FAULT_SEED", "20261123"))
RUNS = int(os.environ.get("FUYUAN_FAULT_RUNS", "12"))
STEPS_IN_A_ROUND = {"gateway": 15, "agent": 6}  # it surely takes so many
NAMED = [Kill("gateway", step, 1) for step in GATEWAY_STEPS] + [Kill("agent", step, 1) for step in AGENT_STEPS]


def chosen(seed: int, runs: int) -> list[Kill]:
    picked = random.Random(seed)
    victims = [picked.choice(("gateway", "agent")) for _ in range(runs)]
    return [Kill(victim, "any", picked.randint(1, STEPS_IN_A_ROUND[victim])) for victim in victims]


@pytest.mark.timeout(3600)
async def test_whatever_dies_nothing_is_lost_twice_or_left_behind(tmp_path: Path) -> None:
    kills = [*NAMED, *chosen(SEED, RUNS)]
    began = time.monotonic()
    async with district(tmp_path) as ordeal:
        for number, kill in enumerate(kills):
            await ordeal.play(kill, random.Random(f"{SEED}/{number}"))
            await check(ordeal)
    died = sum(ordeal.died.values())
    print(
        f"\nkills: {len(kills)} runs (seed {SEED}), {died} processes died at their point, 0 violations, "
        f"{time.monotonic() - began:.0f} s; by point: {dict(ordeal.died)}"
    )
    assert all(ordeal.died[f"{kill.victim}/{kill.step}"] for kill in NAMED), "a named step was never reached"
