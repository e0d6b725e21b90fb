"""A district whose gateway takes pushes through the court's topic, and what comes of them."""

import asyncio
import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition
from sqlalchemy import func, select

from gateway.broker import Broker, drop_topics, make_producer, make_reader
from gateway.delivery.access import intake_topic, reply_topic
from gateway.demo.cast import COURT
from gateway.journal.tables import entry
from gateway.push.client import TopicClient
from gateway.push.message import ANSWERED, STATUS, Arrived, read_header, verify_reply, write_push
from gateway.push.topics import PushTopics
from gateway.trust.keys import Signer
from schemas.envelope import Message
from tests.integration.district import FEED, NDJSON, District, Founded, open_district
from tests.integration.topics import make_topics

PUSHED, REPLIES = intake_topic(COURT, FEED), reply_topic(COURT)


@dataclass
class Pushing:
    """`district` with its topics empty at the beginning; nothing reads them until `reading` is entered."""

    district: District
    broker: Broker

    @property
    def topics(self) -> PushTopics:
        assert self.district.running.pushes is not None
        return self.district.running.pushes

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[asyncio.Task[None]]:
        """While the gateway reads its topics."""
        task = asyncio.create_task(self.topics.run())
        try:
            yield task
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def client(self, **changed: Any) -> TopicClient:
        members = {
            "audience": self.district.running.settings.audience,
            "gateway": self.district.running.settings.party,
            "keys": await self.district.keys(),
            **changed,
        }
        return TopicClient(self.broker, self.district.cast.keys[COURT], self.district.clock, **members)

    def written(
        self,
        body: bytes,
        key: str,
        *,
        by: Signer | None = None,
        kind: str = NDJSON,
        topic: str = PUSHED,
        **changed: Any,
    ) -> Message:
        """A push as the court writes it, or as `by` does."""
        members = {"relist": False, "audience": "fuyuan-gateway", "clock": self.district.clock, **changed}
        return write_push(topic, body, kind, key, signer=by or self.district.cast.keys[COURT], **members)

    async def produce(self, *pushes: Message) -> None:
        """Put them into the topic, each in a batch of its own."""
        producer = make_producer(self.broker)
        await producer.start()
        try:
            for push in pushes:
                await producer.send_and_wait(PUSHED, push.value, push.key, partition=0, headers=push.headers)
        finally:
            await producer.stop()

    async def replies(self, count: int, seconds: float = 30) -> list[dict[str, Any]]:
        """The replies to so many pushes, each proved: offset of the push, status, key, document. A second one says
        the same.
        """
        reader = make_reader(self.broker)
        place = TopicPartition(REPLIES, 0)
        await reader.start()
        try:
            reader.assign([place])
            await reader.seek_to_beginning(place)
            records = await _read(reader, count, seconds)
        finally:
            await reader.stop()
        told: dict[int, dict[str, Any]] = {}
        for record in records:
            one = await self._proved(record)
            assert told.setdefault(one["offset"], one) == one
        return list(told.values())

    async def passed(self) -> int | None:
        """How far the gateways' group has got."""
        async with self._group() as reader:
            return await reader.committed(TopicPartition(PUSHED, 0))

    async def move_to(self, offset: int) -> None:
        """Let the group go on from there, as an operator may while no gateway is in it."""
        async with self._group() as reader:
            await reader.commit({TopicPartition(PUSHED, 0): offset})

    @asynccontextmanager
    async def _group(self) -> AsyncIterator[AIOKafkaConsumer]:
        reader = AIOKafkaConsumer(**self.broker.options(), group_id="fuyuan.in.gateway", enable_auto_commit=False)
        await reader.start()
        try:
            reader.assign([TopicPartition(PUSHED, 0)])
            yield reader
        finally:
            await reader.stop()

    async def until_passed(self, offset: int) -> None:
        async with asyncio.timeout(30):
            while await self.passed() != offset:  # noqa: ASYNC110 - the broker signals nothing
                await asyncio.sleep(0.05)

    async def until_logged(self, event: str) -> None:
        async with asyncio.timeout(30):
            while not any(one["event"] == event for one in self.district.logged()):  # noqa: ASYNC110 - nobody signals it
                await asyncio.sleep(0.05)

    async def entries(self) -> int:
        """Record versions in the journal."""
        async with self.district.running.engine.connect() as connection:
            return int((await connection.execute(select(func.count()).select_from(entry))).scalar_one())

    async def _proved(self, record: ConsumerRecord) -> dict[str, Any]:
        message = Arrived(record.topic, record.partition, record.offset, record.value, record.headers)
        reply = await verify_reply(
            message,
            keys=await self.district.keys(),
            gateway=self.district.running.settings.party,
            audience=COURT,
            clock=self.district.clock,
        )
        assert str(reply.status) == read_header(record.headers, STATUS)
        topic, partition, offset = read_header(record.headers, ANSWERED).split("/")
        assert (topic, partition) == (PUSHED, "0")
        key = None if record.key is None else record.key.decode()
        assert (key or "") == read_header(record.headers, "idempotency-key")
        return {
            "offset": int(offset),
            "status": reply.status,
            "key": key,
            "type": reply.content_type,
            "body": reply.body,
        }


async def _read(reader: AIOKafkaConsumer, count: int, seconds: float) -> list[ConsumerRecord]:
    records: list[ConsumerRecord] = []
    async with asyncio.timeout(seconds):
        while len({read_header(record.headers, ANSWERED) for record in records}) < count:
            for came in (await reader.getmany(timeout_ms=200)).values():
                records += came
    return records


@asynccontextmanager
async def open_pushing(
    founded: Founded, folder: Path, log: io.StringIO, bootstrap: str, **changed: Any
) -> AsyncIterator[Pushing]:
    broker = Broker(bootstrap)
    await make_topics(broker, PUSHED, REPLIES, compression_type="uncompressed")
    try:
        async with open_district(
            founded, folder, log, kafka_bootstrap=bootstrap, kafka_intake=True, **changed
        ) as opened:
            yield Pushing(opened, broker)
    finally:
        await drop_topics(broker, [PUSHED, REPLIES])
