"""docs/examples: an agency's own consumer, without our code, in Python and in JavaScript, at the real broker."""

import asyncio
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any, NoReturn

import pytest

from schemas.canonical import canonical
from tests.integration.agency import listing
from tests.integration.district import ROOT
from tests.integration.fed import Feed, produce, truncated

EXAMPLES = ROOT / "docs/examples"
SCHEMA = ROOT / "schemas/published/dishonest-debtor.v1.json"
SECONDS = 60


def missing(what: str) -> NoReturn:
    (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(f"{what}: apt-get install nodejs npm")


@pytest.fixture(scope="session")
def node_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The JavaScript example with its one package, as the lock file pins it."""
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        missing("the JavaScript example needs Node.js")
    folder = tmp_path_factory.mktemp("example")
    for name in ("consume.js", "package.json", "package-lock.json"):
        shutil.copy(EXAMPLES / name, folder)
    done = subprocess.run(
        [npm, "ci", "--no-audit", "--no-fund"], cwd=folder, capture_output=True, text=True, check=False
    )
    if done.returncode:
        missing(f"npm could not fetch kafkajs ({done.stderr[-200:]})")
    return folder


@pytest.fixture(params=["python", "javascript"])
def program(request: pytest.FixtureRequest) -> Sequence[str]:
    if request.param == "python":
        return [sys.executable, str(EXAMPLES / "consume.py")]
    return ["node", str(request.getfixturevalue("node_folder") / "consume.js")]


@asynccontextmanager
async def running(program: Sequence[str], feed: Feed, folder: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    jwks = folder / "jwks.json"
    jwks.write_bytes(canonical((await feed.district.keys()).to_jwks()))
    environment = {"PATH": os.environ["PATH"], "PYTHONUNBUFFERED": "1", "KAFKAJS_NO_PARTITIONER_WARNING": "1"}
    process = await asyncio.create_subprocess_exec(
        *program, feed.broker.bootstrap, feed.contract, str(jwks), str(SCHEMA),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=environment, limit=1 << 20,
    )  # fmt: skip
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def told(process: asyncio.subprocess.Process, seen: dict[str, int]) -> list[dict[str, Any]]:
    """What stands, once the program has said that it has read so far."""
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(SECONDS):
        while line := await process.stdout.readline():
            if line.startswith(b'{"seen"') and (found := json.loads(line))["seen"] == seen:
                live: list[dict[str, Any]] = found["live"]
                return live
        raise AssertionError((await process.stderr.read()).decode()[-3000:])


@pytest.mark.parametrize("name", ["consume.py", "consume.js"])
def test_the_examples_are_short(name: str) -> None:
    assert len((EXAMPLES / name).read_text("utf-8").splitlines()) < 60


async def test_they_end_with_what_stands_and_honour_withdrawals_and_drops(
    feed: Feed, program: Sequence[str], tmp_path: Path
) -> None:
    await feed.district.push(listing(1), listing(2), listing(3, areaName="安徽"), listing(4))
    await feed.send()
    async with running(program, feed, tmp_path) as process:
        await feed.lanes.beat(feed.contract)
        live = await told(process, {"bulk": 4, "priority": 1})
        numbers = {one["case.number"] for one in live}
        assert numbers == {f"（2026）豫0811执{serial}号" for serial in (1, 2, 3, 4)}
        assert all(one["subject.identifiers[].value"] == ["69191286-8"] for one in live)
        await feed.district.withdraw(listing(1))
        rows = {"slot": "case.province", "equals": "河南"}
        await feed.district.activate(feed.contract, version=2, delivery=["pull", "kafka"], rows=rows)
        await feed.send()
        await feed.lanes.beat(feed.contract)
        sent = await feed.sent()
        live = await told(process, sent)
        assert {one["case.number"] for one in live} == {"（2026）豫0811执2号", "（2026）豫0811执4号"}


@pytest.mark.parametrize("place", ["value", "salt", "run", "number"])
async def test_they_stop_at_what_does_not_verify(
    feed: Feed, program: Sequence[str], tmp_path: Path, place: str
) -> None:
    await feed.district.push(listing(1))
    await feed.send()
    records = await truncated(feed)
    (bulk,) = [one for one in records if one.topic.endswith(".bulk")]
    headers = dict(bulk.headers)
    event = json.loads(headers["fuyuan-event"])
    if place == "value":
        bulk = replace(bulk, value=bulk.value.replace("焦城".encode(), "别处".encode()))
    elif place == "salt":
        event["proof"]["salts"]["subject.name"] = "A" * 22
    elif place == "run":
        event["proof"]["run"] = event["proof"]["run"][:-6] + "AAAAAA"
    else:
        event["number"] = 2
    headers["fuyuan-event"] = canonical(event)
    await produce(feed, replace(bulk, headers=list(headers.items())))
    async with running(program, feed, tmp_path) as process:
        async with asyncio.timeout(SECONDS):
            output, errors = await process.communicate()
        assert process.returncode == 1, errors.decode()
        assert b'"live"' not in output
