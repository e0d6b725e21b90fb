"""Reading topics in tests, as any consumer would."""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.record.util import calc_crc32c
from aiokafka.structs import ConsumerRecord

from gateway.broker import Broker, make_reader
from schemas.envelope import Message, read_message, topic_of

SPOILED = "header-name-to-spoil"

Event = dict[str, Any]


async def make_topics(broker: Broker, *names: str, **configs: str) -> None:
    """Topics of one partition, as the gateway makes them from the contracts."""
    admin = AIOKafkaAdminClient(**broker.options())
    await admin.start()
    topics = [
        NewTopic(name, 1, 1, topic_configs={key.replace("_", "."): value for key, value in configs.items()})
        for name in names
    ]
    await admin.create_topics(topics)
    await admin.close()


async def produce_spoiled(broker: Broker, topic: str, *messages: Message) -> None:
    """Put them into a topic in one batch, whose header names `SPOILED` are no UTF-8, as any client may."""
    producer = AIOKafkaProducer(**broker.options())
    await producer.start()
    try:
        batch = producer.create_batch()
        for message in messages:
            assert batch.append(key=None, value=message.value, timestamp=None, headers=message.headers)
        spoiled = bytearray(batch._build().replace(SPOILED.encode(), b"\xff" * len(SPOILED)))
        spoiled[17:21] = calc_crc32c(spoiled[21:]).to_bytes(4)  # the batch's checksum, of all behind it
        batch._buffer = bytes(spoiled)
        await (await producer.send_batch(batch, topic, partition=0))
    finally:
        await producer.stop()


class Reading:
    """Both topics of one contract, from their beginning. Use as `async with`."""

    def __init__(self, broker: Broker, contract: str) -> None:
        self._reader = make_reader(broker)
        self._places = [TopicPartition(topic_of(contract, lane), 0) for lane in ("priority", "bulk")]
        self.records: list[ConsumerRecord] = []

    async def __aenter__(self) -> "Reading":
        await self._reader.start()
        self._reader.assign(self._places)
        await self._reader.seek_to_beginning(*self._places)
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._reader.stop()

    async def until(self, enough: Callable[["Reading"], bool], seconds: float = 15.0) -> None:
        """Read on until it is enough. Raises TimeoutError."""
        async with asyncio.timeout(seconds):
            while not enough(self):
                for records in (await self._reader.getmany(timeout_ms=200)).values():
                    self.records += records

    async def read(self, priority: int, bulk: int) -> list[Event]:
        """All events, once that many numbers of each lane are there: in the order of the topics."""
        wanted = {("priority", number) for number in range(1, priority + 1)}
        wanted |= {("bulk", number) for number in range(1, bulk + 1)}
        await self.until(lambda topics: wanted <= {(one["lane"], one["number"]) for one in topics.events})
        return self.events

    async def more_heartbeats(self) -> None:
        """Until another heartbeat is there."""
        count = len(self.heartbeats)
        await self.until(lambda topics: len(topics.heartbeats) > count)

    @property
    def events(self) -> list[Event]:
        return [one for one in self._opened() if isinstance(one, dict)]

    @property
    def heartbeats(self) -> list[str]:
        return [one for one in self._opened() if isinstance(one, str)]

    def _opened(self) -> Sequence[Any]:
        return [read_message(record.value, record.headers) for record in self.records]
