"""An agency that follows a fed contract by Kafka, turn by turn or by itself."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from gateway.agent.kafka import KafkaFollower
from gateway.agent.standing import Standing, read_standing
from gateway.agent.topics import Topics
from gateway.broker import make_reader
from gateway.trust.documents import LANES
from tests.integration.agency import Agent, open_agency
from tests.integration.district import COURT, FROM_MARKET
from tests.integration.fed import Feed


@dataclass
class Following:
    """An agency that follows a fed contract by Kafka, turn by turn or by itself."""

    feed: Feed
    agent: Agent
    topics: Topics

    @property
    def kafka(self) -> KafkaFollower:
        assert self.agent.follower._kafka is not None
        return self.agent.follower._kafka

    @property
    def standing(self) -> Standing:
        with self.agent.parts.index.read() as view:
            return read_standing(view, self.feed.contract)

    @property
    def applied(self) -> tuple[int, int]:
        return self.standing.priority, self.standing.bulk

    @property
    def by_kafka_alone(self) -> bool:
        """Whether the list is whole, pull rests, and none is on its way."""
        return self.kafka.rest() > 0 and self.standing.fresh_at is not None and not self.agent.wire.open

    async def pulls(self) -> int:
        return self.agent.wire.paths.count(f"/v1/contracts/{self.feed.contract}/events")

    async def open(self) -> None:
        await self.agent.follower._pages.ground()
        await self.topics.open(self.standing.offsets, None)

    async def read(self, priority: int, bulk: int) -> None:
        """Turn by turn, until so much is applied."""
        async with asyncio.timeout(20):
            while self.applied < (priority, bulk):
                await self.kafka.turn()
        assert await self.agent.follower.carry_out_once()

    async def ranges(self) -> dict[str, list[tuple[int, int]]]:
        """What the court knows to have been received, by lane; no number may stand in two."""
        found: dict[str, list[tuple[int, int]]] = {lane: [] for lane in LANES}
        for event in (await self.feed.district.pull(COURT, FROM_MARKET))[0]:
            record = event["record"]
            if event["kind"] == "upsert" and record["kind"] == "received" and record["contract"] == self.feed.contract:
                found[record["lane"]].append((record["first"], record["last"]))
        return {lane: sorted(ranges) for lane, ranges in found.items()}


async def until(done: Callable[[], Any], seconds: float = 20.0) -> None:
    async with asyncio.timeout(seconds):
        while not done():  # noqa: ASYNC110 - what it waits for is another process's
            await asyncio.sleep(0.02)


@contextlib.asynccontextmanager
async def running(following: Following) -> AsyncIterator[None]:
    """Gateway and agent both at work by themselves."""
    following.feed.district.running.start()
    task = asyncio.create_task(following.agent.follower.run())
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


@contextlib.asynccontextmanager
async def open_following(feed: Feed, folder: Path) -> AsyncIterator[Following]:
    topics = Topics(partial(make_reader, feed.broker), feed.contract)
    async with open_agency(feed.district, folder, feed.contract, topics) as agent:
        yield Following(feed, agent, topics)
        await topics.close()
