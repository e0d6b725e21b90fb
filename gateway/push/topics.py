"""Providers' topics, read by all gateways as one consumer group: each push is taken in, answered, and only then passed.

A crash anywhere leaves the push unpassed. It is read again, by whichever gateway has the partition then; its key lets
the journal take it once, and the same receipt goes out again. Whatever may end by itself (the database is away, the
broker takes no reply) is waited for, and the partition with it; other partitions go on. Whatever never will is answered
with its problem, and passed.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from typing import Final, TypeAlias

import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import CommitFailedError, IllegalStateError, KafkaError
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.lifecycle import IN_FORCE
from gateway.backoff import Backoff
from gateway.broker import UNREADABLE, end_reader
from gateway.delivery.access import intake_topic, reply_topic
from gateway.delivery.producer import Producer
from gateway.errors import FuyuanError
from gateway.journal.tables import contract
from gateway.push.answer import Answers
from gateway.push.message import Arrived
from schemas.catalog import RECEIPT

log = structlog.get_logger(__name__)

OPEN_SECONDS: Final = 10.0
LOOK_SECONDS: Final = 1.0  # how soon a new contract's topic is read
FINISH_SECONDS: Final = 5.0  # for a push in hand when its partition is taken away

Topics: TypeAlias = Mapping[str, tuple[str, str]]  # topic -> party, feed
Follow: TypeAlias = Callable[[TopicPartition, asyncio.Lock], Awaitable[None]]


class PushTopics:
    def __init__(
        self, engine: AsyncEngine, answers: Answers, make: Callable[[], AIOKafkaConsumer], producer: Producer
    ) -> None:
        """`make` makes a member of the gateways' group, which commits nothing by itself; `producer` is for replies."""
        self._engine = engine
        self._answers = answers
        self._make = make
        self._producer = producer

    async def run(self) -> None:
        """Until cancelled; a push in hand is finished then, and the group left."""
        backoff = Backoff()
        while True:
            try:
                if topics := await read_topics(self._engine):
                    await self._follow_all(topics, backoff)
                else:
                    await asyncio.sleep(LOOK_SECONDS)
            except (FuyuanError, KafkaError, OSError, SQLAlchemyError) as error:
                log.warning("push-topics-left", error=type(error).__name__)
                await asyncio.sleep(backoff.next())

    async def close(self) -> None:
        """Behind `run`, or without it."""
        await self._producer.stop()

    async def _follow_all(self, topics: Topics, backoff: Backoff) -> None:
        """Follow these topics until there are others."""
        consumer = self._make()
        hold = Hold(lambda place, working: self._follow(consumer, place, topics[place.topic], working), backoff.reset)
        try:
            async with asyncio.timeout(OPEN_SECONDS):
                await consumer.start()
            consumer.subscribe(list(topics), listener=hold)
            log.info("push-topics-read", count=len(topics))
            while not await self._changed(topics):
                hold.check()
                # Such as no right to the group: a fetch raises it, but without a partition nobody fetches.
                consumer._coordinator.check_errors()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            await hold.close()
            await end_reader(consumer)

    async def _changed(self, topics: Topics) -> bool:
        with suppress(SQLAlchemyError):  # while the database is away, the pushes in hand wait for it
            return await read_topics(self._engine) != topics
        return False

    async def _follow(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, owner: tuple[str, str], working: asyncio.Lock
    ) -> None:
        """One push after the other, each until it is answered."""
        backoff = Backoff()
        push: Arrived | None = None
        while True:
            try:
                push = push or await _fetch(consumer, place)
                async with working:
                    await self._see_through(consumer, place, push, *owner)
            except (FuyuanError, KafkaError) as error:
                code = {"code": error.code} if isinstance(error, FuyuanError) else {}
                log.warning("push-delayed", topic=place.topic, error=type(error).__name__, **code)
                await asyncio.sleep(backoff.next())
            else:
                push = None
                backoff.reset()

    async def _see_through(
        self, consumer: AIOKafkaConsumer, place: TopicPartition, push: Arrived, party: str, feed: str
    ) -> None:
        reply = await self._answers.answer(push, party, feed)
        await self._producer.send(reply_topic(party), [reply])
        try:
            await consumer.commit({place: push.offset + 1})
        except (CommitFailedError, IllegalStateError):
            # The group has given the partition to another, who answers again.
            log.info("push-topic-lost", topic=place.topic)


class Hold(ConsumerRebalanceListener):  # type: ignore[misc]  # the library has no types
    """The partitions that this process has of the group, each followed by a task of its own until it is taken away.

    A task holds its lock while a push is in hand.
    """

    def __init__(self, follow: Follow, given: Callable[[], None]) -> None:
        self._follow = follow
        self._given = given
        self._following: dict[asyncio.Task[None], asyncio.Lock] = {}
        self._closed = False

    async def on_partitions_assigned(self, assigned: Iterable[TopicPartition]) -> None:
        if self._closed:
            return
        for place in assigned:
            working = asyncio.Lock()
            task = asyncio.ensure_future(self._follow(place, working))
            self._following[task] = working
        self._given()

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:  # noqa: ARG002 - always all of them
        await self._let_go()

    async def close(self) -> None:
        """Take no partitions any more."""
        self._closed = True
        await self._let_go()

    async def _let_go(self) -> None:
        """End all tasks, between two pushes where that is soon."""
        following, self._following = self._following, {}
        await asyncio.gather(*(_end(task, working) for task, working in following.items()))

    def check(self) -> None:
        """Raises what ended a task, which nobody expected to end."""
        for task in self._following:
            if task.done():
                task.result()


async def read_topics(engine: AsyncEngine) -> Topics:
    """The topics that the contracts let providers push to."""
    query = (
        select(contract.c.provider, contract.c.feed)
        .where(contract.c.state.in_(IN_FORCE), contract.c.feed != RECEIPT.name)
        .distinct()
    )
    async with engine.connect() as connection:
        found = (await connection.execute(query)).all()
    return {intake_topic(row.provider, row.feed): (row.provider, row.feed) for row in found}


async def _fetch(consumer: AIOKafkaConsumer, place: TopicPartition) -> Arrived:
    """The next message of that partition. One that cannot be opened is stepped over, and comes without a value."""
    try:
        record = await consumer.getone(place)
    except UNREADABLE:
        offset = await consumer.position(place)
        consumer.seek(place, offset + 1)
        return Arrived(place.topic, place.partition, offset, None)
    return Arrived(record.topic, record.partition, record.offset, record.value, record.headers)


async def _end(task: "asyncio.Task[None]", working: asyncio.Lock) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(FINISH_SECONDS):
            await working.acquire()
    task.cancel()
    await asyncio.wait([task])
