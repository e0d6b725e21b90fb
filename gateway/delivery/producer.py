"""The one Kafka producer of a process: whole runs in order, acknowledged by all replicas, or an error (rule D9)."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from gateway.broker import REQUEST_SECONDS
from gateway.errors import Unavailable
from schemas.envelope import PARTITION, Message

log = structlog.get_logger(__name__)

LOOK_UP_SECONDS: Final = REQUEST_SECONDS + 2  # the client itself gives a topic up that it asked for this long
STOP_SECONDS: Final = 15.0


class Producer:
    """Behind any send error the producer is discarded and a new one made: what it still had in flight may land later,
    which readers pass over, and nothing is left behind that could land out of turn under a number already stored.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        """`make` makes a producer that waits for all replicas and is idempotent; it is started here."""
        self._make = make
        self._producer: AIOKafkaProducer | None = None
        self._starting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        """All of `messages`, in order; it returns once the broker has them all.

        Raises Unavailable (`kafka-away`, `kafka-topic`), and then any number of them may have arrived.
        """
        producer = await self._started()
        try:
            await _look_up(producer, topic)
            # An idempotent producer tries again for ever where the broker is away, and nobody would hear of it.
            async with asyncio.timeout(REQUEST_SECONDS):
                sent = [
                    await producer.send_batch(batch, topic, partition=PARTITION)
                    for batch in _batches(producer, messages)
                ]
                for one in sent:
                    one.add_done_callback(_hear)  # of what is left behind, too
                # Not gather: a cancellation would reach into the producer's own futures.
                await asyncio.wait(sent)
            for one in sent:
                one.result()
        except (KafkaError, OSError) as error:
            self._discard(producer)
            raise Unavailable("kafka-away", f"The broker did not take it ({type(error).__name__}).") from error
        except asyncio.CancelledError:
            self._discard(producer)
            raise

    async def stop(self) -> None:
        if self._producer is not None:
            self._discard(self._producer)
        if self._ending:
            await asyncio.wait(set(self._ending))

    async def _started(self) -> AIOKafkaProducer:
        async with self._starting:
            if self._producer is None:
                producer = self._make()
                try:
                    async with asyncio.timeout(REQUEST_SECONDS):
                        await producer.start()
                except (KafkaError, OSError) as error:
                    await _end(producer)
                    raise Unavailable("kafka-away", f"No broker answers ({type(error).__name__}).") from error
                except BaseException:
                    await _end(producer)
                    raise
                self._producer = producer
            return self._producer

    def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            ending = asyncio.create_task(_end(producer))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


async def _look_up(producer: AIOKafkaProducer, topic: str) -> None:
    """Raises Unavailable (`kafka-topic`): nothing was begun, so the producer is as good as before for other topics.
    TimeoutError, where no answer comes at all: the client of a producer that another lane discarded gives none.
    """
    try:
        async with asyncio.timeout(LOOK_UP_SECONDS):
            await producer.partitions_for(topic)
    except KafkaError as error:
        raise Unavailable("kafka-topic", f"The topic cannot be written ({type(error).__name__}).") from error


async def _end(producer: AIOKafkaProducer) -> None:
    """Leave the broker. What was not acknowledged is not sent any more: it is for the next producer, in order.

    Not by its own `stop`, which sends it: where the broker is away that waits for ever, and leaves a task and
    its connections behind.
    """
    producer._closed = True
    if producer._sender is not None:
        with suppress(KafkaError, OSError):
            async with asyncio.timeout(STOP_SECONDS):
                await producer._sender.close()
    await producer.client.close()


def _hear(sent: "asyncio.Future[object]") -> None:
    if not sent.cancelled():
        sent.exception()


def _batches(producer: AIOKafkaProducer, messages: Sequence[Message]) -> list[BatchBuilder]:
    """The messages in as few batches as they fill: one future each, where every message would have its own."""
    batches: list[BatchBuilder] = []
    for message in messages:
        if not batches or not _append(batches[-1], message):
            batches.append(producer.create_batch())
            _append(batches[-1], message)  # an empty batch takes a message of any size
    return batches


def _append(batch: BatchBuilder, message: Message) -> bool:
    return batch.append(key=message.key, value=message.value, timestamp=None, headers=message.headers) is not None
