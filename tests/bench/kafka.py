"""Over Kafka: a contract's lane delivered, sealed and projected, against a bare producer of the same bytes; and from a
push to the block at an agency that follows by Kafka.
"""

import asyncio
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, ConsumerRecord, TopicPartition

from deploy.kafka.broker import fetch
from gateway.broker import gateway_broker, make_producer
from gateway.clock import SystemClock
from gateway.demo.cast import COURT
from gateway.intake import Submission
from gateway.settings import Settings
from gateway.wiring import open_gateway
from schemas.envelope import topic_of
from tests.bench import latency
from tests.bench.figure import Figure
from tests.bench.sealing import court_list
from tests.bench.sharing import FEED, found
from tests.servers.kafka import make_kafka

EVENTS = 20_000


def run(*, quick: bool) -> list[Figure]:
    fetch()
    with tempfile.TemporaryDirectory(prefix="fuyuan-bench-") as folder:
        home = Path(folder)
        kafka = make_kafka(home)
        assert kafka.broker is not None
        kafka.broker.start()
        try:
            delivered = asyncio.run(_deliver(home / "deliver", kafka.bootstrap, 2_000 if quick else EVENTS))
            (home / "push").mkdir()
            pushed = asyncio.run(latency.measure(home / "push", 12 if quick else 200, kafka=kafka.bootstrap))
        finally:
            kafka.broker.stop()
    return [delivered, *pushed]


async def _deliver(folder: Path, bootstrap: str, events: int) -> Figure:
    settings = Settings(data_dir=folder, kafka_bootstrap=bootstrap)
    running = await open_gateway(settings, SystemClock())
    (contract,) = await found(running, 1, delivery=("pull", "kafka"))
    assert running.kafka is not None
    assert running.reconciler is not None
    await running.reconciler.mend()
    await running.intake.submit(Submission(COURT, FEED, "bench-kafka", court_list(events)))
    await running.router.catch_up(contract)
    await running.kafka.drain(contract, "priority")  # its producer is up then, as in a gateway that runs
    began = time.perf_counter()
    sent = await running.kafka.drain(contract, "bulk")
    taken = time.perf_counter() - began
    assert sent == events, "the bench does not measure what it says"
    topic = topic_of(contract, "bulk")
    bare = await _bare(settings, topic, await _read(bootstrap, topic, events))
    await running.stop()
    return Figure(
        "delivered over Kafka, one contract, sealed and projected",
        events / taken,
        "events/s",
        ">= 5,000",
        "the time of a bare producer of the same bytes",
        taken / bare,
    )


async def _read(bootstrap: str, topic: str, events: int) -> list[ConsumerRecord[bytes, bytes]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=None)
    await consumer.start()
    place = TopicPartition(topic, 0)
    consumer.assign([place])
    await consumer.seek_to_beginning(place)
    messages: list[ConsumerRecord[bytes, bytes]] = []
    while len(messages) < events:
        for page in (await consumer.getmany(timeout_ms=1000)).values():
            messages += page
    await consumer.stop()
    return messages


async def _bare(settings: Settings, topic: str, messages: Sequence[ConsumerRecord[bytes, bytes]]) -> float:
    """Seconds of wall time for the same values and headers, as fast as the client takes them."""
    broker = gateway_broker(settings)
    assert broker is not None
    producer: AIOKafkaProducer = make_producer(broker)
    await producer.start()
    began = time.perf_counter()
    send = partial(producer.send, topic, partition=0)
    sent = [await send(message.value, headers=list(message.headers)) for message in messages]
    await asyncio.gather(*sent)
    taken = time.perf_counter() - began
    await producer.stop()
    return taken
