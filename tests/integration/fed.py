"""A district whose gateway feeds Kafka, and what stands in the topics."""

import asyncio
import io
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.records_to_delete import RecordsToDelete
from aiokafka.structs import ConsumerRecord, TopicPartition
from sqlalchemy import select

from gateway.broker import Broker, make_producer
from gateway.clock import Clock
from gateway.delivery.kafka import KafkaLanes
from gateway.delivery.producer import Producer
from gateway.journal.tables import kafka_lane
from gateway.trust.documents import LANES
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from schemas.envelope import topic_of
from tests.integration.district import MARKET, District, Founded, open_district
from tests.integration.topics import Event, Reading, make_topics


@dataclass
class Feed:
    """A district whose gateway feeds Kafka, and one contract that names it."""

    district: District
    broker: Broker
    contract: str

    @property
    def lanes(self) -> KafkaLanes:
        assert self.district.running.kafka is not None
        return self.district.running.kafka

    def another(self, producer: Producer, clock: Clock | None = None) -> KafkaLanes:
        """A second process's, over the same journal."""
        running, clock = self.district.running, clock or self.district.clock
        sender, woken, precedence = self.lanes._sender, running.wakeup, running.precedence
        return KafkaLanes(running.engine, clock, sender, running.heartbeats, producer, woken, "x", precedence)

    async def send(self) -> int:
        """Route and send all that there is, priority first; the number of events sent."""
        await self.district.running.router.catch_up(self.contract)
        return sum([await self.lanes.drain(self.contract, lane) for lane in LANES])

    async def sent(self) -> dict[str, int]:
        async with self.district.running.engine.connect() as connection:
            rows = await connection.execute(select(kafka_lane).where(kafka_lane.c.contract == self.contract))
            return {row.lane: row.sent for row in rows}

    async def read(self, priority: int, bulk: int) -> list[Event]:
        async with Reading(self.broker, self.contract) as topics:
            return await topics.read(priority, bulk)

    async def pulled(self) -> list[Event]:
        return (await self.district.pull(MARKET, self.contract))[0]

    async def verified(self, events: list[Event]) -> None:
        keys = await self.district.keys()
        for event in events:
            verdict = verify_line(canonical(event), keys)
            assert verdict.status == "valid", verdict.reason


@asynccontextmanager
async def open_feed(
    founded: Founded, folder: Path, log: io.StringIO, bootstrap: str, **changed: Any
) -> AsyncIterator[Feed]:
    """A contract of its own, with topics of its own; `changed` are other terms."""
    broker = Broker(bootstrap)
    async with open_district(founded, folder, log, kafka_bootstrap=bootstrap) as district:
        contract = f"debtors-{uuid.uuid4().hex[:12]}"
        await make_topics(broker, *(topic_of(contract, lane) for lane in LANES))
        await district.activate(contract, delivery=["pull", "kafka"], **changed)
        yield Feed(district, broker, contract)


async def truncated(feed: Feed) -> list[ConsumerRecord]:
    """Empty both topics, as retention does, and return what stood in them."""
    async with Reading(feed.broker, feed.contract) as reading:
        sent = await feed.sent()
        await reading.read(sent["priority"], sent["bulk"])
    places = [TopicPartition(topic_of(feed.contract, lane), 0) for lane in LANES]
    admin = AIOKafkaAdminClient(**feed.broker.options())
    await admin.start()
    await admin.delete_records({place: RecordsToDelete(before_offset=-1) for place in places})
    await admin.close()
    return reading.records


async def produce(feed: Feed, *records: ConsumerRecord) -> None:
    """Somebody who can write to the topics puts these in."""
    producer = make_producer(feed.broker)
    await producer.start()
    for record in records:
        await producer.send_and_wait(record.topic, record.value, partition=0, headers=list(record.headers))
    await producer.stop()


async def until(done: Callable[[], object]) -> None:
    async with asyncio.timeout(20):
        while not done():  # noqa: ASYNC110 - nobody signals it
            await asyncio.sleep(0.01)
