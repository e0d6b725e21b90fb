"""Apache Kafka, PostgreSQL, two gateways, an agent that follows by Kafka, and all that may befall them.

`make test-faults` plays 300 seeded rounds, CI one of each trouble. What must hold is asked after each round.
"""

import asyncio
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.engine import make_url

from deploy.kafka.broker import Missing, fetch
from tests.faults.must_hold import check
from tests.faults.ordeal import district
from tests.faults.proxy import Proxy
from tests.faults.trouble import TROUBLES, Scene
from tests.servers.kafka import make_kafka
from tests.servers.postgres import Postgres

SEED = int(os.environ.get("FUYUAN_FAULT_SEED", "20261125"))
RUNS = int(os.environ.get("FUYUAN_FAULT_RUNS_REAL", str(len(TROUBLES))))
LOAD = 100  # records a round beside those that are looked at
DISK_BYTES = 256 * 1024 * 1024


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small file system that can be filled up; that takes root."""
    path = tmp_path / "disk"
    path.mkdir()
    if os.geteuid() != 0:
        pytest.skip("a disk that can be filled up takes root: run this test as root")
    subprocess.run(["/bin/mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(path)], check=True)
    yield path
    subprocess.run(["/bin/umount", "--lazy", str(path)], check=True)


@pytest.mark.timeout(3 * 3600)
async def test_whatever_befalls_the_real_parts_all_holds(postgres: Postgres, disk: Path, tmp_path: Path) -> None:
    try:
        await asyncio.to_thread(fetch)
    except Missing as missing:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(str(missing))
    kafka = make_kafka(disk)
    broker = kafka.broker
    assert broker is not None
    await asyncio.to_thread(broker.start)
    database = await asyncio.to_thread(postgres.create)
    began = time.monotonic()
    met: Counter[str] = Counter()
    try:
        async with district(
            tmp_path, gateways=("gateway", "gateway-b"), database_url=database, kafka="faults"
        ) as ordeal:
            proxy = Proxy(lambda: [ordeal.ports[name] for name in ordeal.gateways], random.Random(SEED))
            await proxy.start()
            ordeal.gateway_url = f"http://127.0.0.1:{proxy.port}"
            ordeal.load = LOAD
            ordeal.more = {
                "FUYUAN_KAFKA_BOOTSTRAP": kafka.bootstrap,
                "FUYUAN_AGENT_KAFKA_BOOTSTRAP": kafka.bootstrap,
            }
            scene = Scene(ordeal, broker, kafka.bootstrap, postgres, str(make_url(database).database), proxy, disk)
            for name in ordeal.ports:
                await ordeal.start(name)
            await ordeal.rest()
            for number in range(RUNS):
                trouble = TROUBLES[number % len(TROUBLES)]
                random_ = random.Random(f"{SEED}/{number}")
                ordeal.round += 1
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(trouble(scene, random_))
                        group.create_task(ordeal.work(random.Random(f"{SEED}/{number}/work")))
                    await ordeal.rest()
                    await check(ordeal)
                except BaseException as error:
                    error.add_note(f"round {number}, {trouble.__name__}, seed {SEED}; before it: {dict(met)}")
                    raise
                met[trouble.__name__] += 1
            await proxy.stop()
    finally:
        await asyncio.to_thread(broker.kill)
    print(
        f"\nfaults on the real parts: {RUNS} runs (seed {SEED}), 0 violations, {time.monotonic() - began:.0f} s; "
        f"by fault: {dict(met)}"
    )
