"""The follower as a process of its own, started and kept by `fuyuan agent`. It ends when its standard input does, so it
never outlives its keeper.
"""

import asyncio
import contextlib
import os
import signal
import sys
import threading
from functools import partial

from gateway import trace
from gateway.agent.follow import Follower
from gateway.agent.parts import Parts, open_parts
from gateway.agent.topics import Topics
from gateway.agent.trusted import Trust, read_trusted_keys
from gateway.beside import switch_soon
from gateway.broker import agent_broker, make_reader
from gateway.cli_process import begin
from gateway.client import GatewayClient
from gateway.clock import Clock, SystemClock
from gateway.cycles import collect_rarely
from gateway.errors import FuyuanError
from gateway.retry import Patience
from gateway.settings import Settings
from gateway.wiring import open_register

NICE = 5  # who follows a long list gives way to who asks at the counter, and to a gateway on the same machine


def main() -> int:
    settings = begin()
    collect_rarely()
    switch_soon()
    _give_way()
    clock = SystemClock()
    parts = open_parts(settings, clock)
    try:
        exporting = trace.exporting(settings.otlp_endpoint, "fuyuan-agent-follower")
        with exporting, asyncio.Runner(loop_factory=_make_loop) as runner:
            runner.run(_follow(settings, parts, clock))
    finally:
        parts.index.close()
    return 0


def _give_way() -> None:
    with contextlib.suppress(OSError):  # a sandbox may forbid it
        os.nice(NICE)


def _make_loop() -> asyncio.AbstractEventLoop:
    """The faster one where there is one, as the HTTP server does."""
    try:
        from uvloop import new_event_loop  # noqa: PLC0415 - not every system has it
    except ImportError:
        return asyncio.new_event_loop()
    return new_event_loop()


async def _follow(settings: Settings, parts: Parts, clock: Clock) -> None:
    def read_trust() -> Trust:
        return Trust(read_trusted_keys(parts.trusted_keys), settings.party, parts.contract, parts.key.party, clock)

    register = None
    if settings.register_url is not None and settings.register_mapping is not None:
        register = open_register(settings.register_url, settings.register_mapping)
    # The follower tries again itself, for ever and with its own pauses.
    client = GatewayClient(settings.gateway_url, parts.key, settings.audience, clock, patience=Patience(attempts=1))
    broker = agent_broker(settings, parts.key.party)
    topics = None if broker is None else Topics(partial(make_reader, broker), parts.contract)
    async with client:
        following = asyncio.create_task(Follower(parts, clock, client, read_trust, register, topics).run())
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, following.cancel)
        threading.Thread(target=_until_left_alone, args=(loop, following), daemon=True).start()
        try:
            await following
        except asyncio.CancelledError:
            pass
        finally:
            if register is not None:
                register.close()


def _until_left_alone(loop: asyncio.AbstractEventLoop, following: "asyncio.Task[None]") -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    loop.call_soon_threadsafe(following.cancel)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except FuyuanError as error:
        sys.stderr.write(f"{error.code}: {error.detail}\n")
        sys.exit(1)
