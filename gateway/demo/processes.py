"""The demo's processes: one gateway, and one agent for each agency, as in a district, on free loopback ports."""

import asyncio
import os
import secrets
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from pathlib import Path

import httpx

from gateway.errors import Unavailable

FIRST_PORT, LAST_PORT = 15_000, 32_000
START_SECONDS = 30.0
STOP_SECONDS = 10.0


@dataclass(slots=True)
class Process:
    """A child process of ours, its address, and the file that holds all it printed."""

    name: str
    url: str
    log: Path
    child: asyncio.subprocess.Process

    async def stop(self) -> None:
        if self.child.returncode is not None:
            return
        self.child.terminate()
        try:
            async with asyncio.timeout(STOP_SECONDS):
                await self.child.wait()
        except TimeoutError:
            self.child.kill()
            await self.child.wait()


def free_port() -> int:
    """A loopback port that nobody listens on at this moment, below those that a system gives away by itself: one of
    these may be an outgoing connection's a moment later (Linux: from 32768 on).
    """
    while True:
        port = FIRST_PORT + secrets.randbelow(LAST_PORT - FIRST_PORT)
        with socket.socket() as listening, suppress(OSError):
            listening.bind(("127.0.0.1", port))
            return port


async def start(
    stack: AsyncExitStack, name: str, module: Sequence[str], port: int, folder: Path, environment: Mapping[str, str]
) -> Process:
    """Start `python -m MODULE ...` and wait until it answers; `stack` ends it, whatever happens.

    Raises Unavailable, naming its log, where it does not answer.
    """
    log = folder / f"{name}.log"
    child = await _spawn(module, log, environment)
    process = Process(name, f"http://127.0.0.1:{port}", log, child)
    stack.push_async_callback(process.stop)
    await _until_up(process)
    return process


async def carry_out(name: str, arguments: Sequence[str], folder: Path) -> int:
    """Run one `fuyuan` command to its end; its exit status. What it printed is in NAME.log.

    Raises Unavailable where it does not end.
    """
    log = folder / f"{name}.log"
    process = Process(name, "", log, await _spawn(["gateway.cli", *arguments], log))
    try:
        async with asyncio.timeout(START_SECONDS):
            return await process.child.wait()
    except TimeoutError:
        raise Unavailable("did-not-start", f"{name} did not end; its log is {log}.") from None
    finally:
        await process.stop()


async def _spawn(
    module: Sequence[str], log: Path, environment: Mapping[str, str] | None = None
) -> asyncio.subprocess.Process:
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("FUYUAN_")}
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            sys.executable, "-m", *module,
            env={**inherited, **(environment or {})}, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output,
        )  # fmt: skip


async def _until_up(process: Process) -> None:
    deadline = asyncio.get_running_loop().time() + START_SECONDS
    async with httpx.AsyncClient(trust_env=False) as client:
        while asyncio.get_running_loop().time() < deadline and process.child.returncode is None:
            try:
                if (await client.get(process.url + "/healthz")).is_success:
                    return
            except httpx.TransportError:
                await asyncio.sleep(0.05)
    raise Unavailable("did-not-start", f"{process.name} did not start; its log is {process.log}.")
