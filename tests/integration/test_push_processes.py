"""Real processes, by SCRAM over TLS: `fuyuan push --kafka`, and a gateway that dies between intake and receipt."""

import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.clock import SystemClock
from gateway.demo.cast import COURT, make_cast
from gateway.demo.processes import Process, free_port, start
from gateway.journal.engine import open_engine
from gateway.journal.tables import entry
from gateway.settings import Settings
from gateway.wiring import open_gateway
from schemas.canonical import canonical
from tests.integration.access import Access
from tests.integration.agency import listing
from tests.integration.district import ROOT
from tests.integration.pushing import PUSHED, REPLIES
from tests.servers.kafka import Kafka

ARMED = ROOT / "tests/faults/armed"
PROVIDER, STRANGER = f"fuyuan-party-{COURT}", "fuyuan-party-shanyang-market-regulation"


@pytest.fixture
def access(secure_kafka: Kafka, tmp_path: Path) -> Iterator[Access]:
    opened = Access(secure_kafka, tmp_path)
    yield opened
    opened.clean()


@dataclass
class Court:
    """A founded gateway's settings, and what the court has to push with."""

    settings: Settings
    folder: Path
    access: Access
    stack: AsyncExitStack

    async def serve(self, **more: str) -> Process:
        names = ("data_dir", "port", "kafka_bootstrap", "kafka_security", "kafka_password_file", "kafka_ca_file")
        environment = {f"FUYUAN_{name.upper()}": str(getattr(self.settings, name)) for name in names}
        environment |= {"FUYUAN_KAFKA_INTAKE": "true", **more}
        return await start(self.stack, "serve", ["gateway.cli", "serve"], self.settings.port, self.folder, environment)

    async def push(self) -> asyncio.subprocess.Process:
        arguments = [
            "push", "dishonest-debtor", "list.ndjson",
            "--key", f"keys/{COURT}.jwk",
            "--kafka", str(self.settings.kafka_bootstrap),
            "--kafka-password", f"{PROVIDER}.password",
            "--kafka-ca", str(self.settings.kafka_ca_file),
            "--keys", "jwks.json",
        ]  # fmt: skip
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FUYUAN_")}
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", *arguments,
            cwd=self.folder, env=environment, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip

    async def entries(self) -> int:
        engine = open_engine(self.settings.database_url)
        try:
            async with engine.connect() as connection:
                return int((await connection.execute(select(func.count()).select_from(entry))).scalar_one())
        finally:
            await engine.dispose()


@pytest.fixture
async def court(access: Access, tmp_path: Path) -> AsyncIterator[Court]:
    clock = SystemClock()
    cast = make_cast(ROOT / "contracts/agreements", ROOT / "contracts/parties", tmp_path / "keys", clock)
    for user in (PROVIDER, STRANGER):
        access.enter(user)
    access.settings(PROVIDER)  # writes its password file
    settings = access.settings(kafka_intake=True, port=free_port())
    running = await open_gateway(settings, clock)
    for party, key in cast.keys.items():
        await running.registry.admit({"id": party}, [key.public()])
    for signed in cast.contracts.values():
        await running.registry.activate(signed)
    assert running.reconciler is not None
    await running.reconciler.mend()
    keys = await running.registry.keys()
    (tmp_path / "jwks.json").write_bytes(canonical({"keys": [key.to_jwk() for key in keys]}))
    await running.stop()
    lines = [*(canonical(listing(serial)) for serial in range(3)), b"no record"]
    (tmp_path / "list.ndjson").write_bytes(b"\n".join(lines))
    async with AsyncExitStack() as stack:
        yield Court(settings, tmp_path, access, stack)


async def test_killed_between_intake_and_receipt_the_court_gets_its_receipt_and_the_journal_has_it_once(
    court: Court,
) -> None:
    died = court.folder / "died"
    gateway = await court.serve(
        PYTHONPATH=str(ARMED), VICTIM_STEP="acknowledge", VICTIM_ONCE=str(died), FUYUAN_LOG_LEVEL="debug"
    )
    push = await court.push()
    await asyncio.wait_for(gateway.child.wait(), 60)
    assert died.exists()
    assert await court.entries() == 3, "acknowledged, and nobody was told"
    second = await court.serve()
    out, err = await asyncio.wait_for(push.communicate(), 90)
    assert push.returncode == 3, err.decode()  # something stands in quarantine
    said = json.loads(out)
    assert (said["counts"]["listed"], said["counts"]["quarantined"]) == (3, 1)
    again = await court.push()
    assert (await again.communicate())[0] == out, "the same file is the same submission"
    assert await court.entries() == 3
    await nobody_else_gets_in(court.access)
    await second.stop()
    assert second.child.returncode == 0, "it leaves the group and ends by itself"


async def nobody_else_gets_in(access: Access) -> None:
    denied = "TOPIC_AUTHORIZATION_FAILED"
    group = f"fuyuan.out.{COURT}.1"
    assert await asyncio.to_thread(access.write, STRANGER, PUSHED, "forged") == denied
    assert await asyncio.to_thread(access.write, PROVIDER, REPLIES, "forged") == denied
    assert await asyncio.to_thread(access.read, STRANGER, REPLIES, group) in (denied, "GROUP_AUTHORIZATION_FAILED")
    assert "counts" in await asyncio.to_thread(access.read, PROVIDER, REPLIES, group)
    assert access.config(PUSHED)["compression.type"] == "uncompressed"
