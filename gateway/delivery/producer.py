"""The one Kafka producer of a process: whole runs in order, acknowledged by all replicas, or an error (rule D9)."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from typing import Final

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder

from gateway.broker import REQUEST_SECONDS, end_producer
from gateway.errors import Unavailable
from schemas.envelope import PARTITION, Message

log = structlog.get_logger(__name__)

LOOK_UP_SECONDS: Final = REQUEST_SECONDS + 2  # the client itself gives a topic up that it asked for this long
MOMENT_SECONDS: Final = 0.2  # for what is on its way to be acknowledged, once the producer is discarded


class Started:
    """A started producer, until it is discarded: who still waits for it then hears of that a moment later."""

    def __init__(self, producer: AIOKafkaProducer) -> None:
        self.producer = producer
        self._waiting: set[asyncio.Timeout] = set()
        self._discarded = False

    @asynccontextmanager
    async def within(self, seconds: float) -> AsyncIterator[None]:
        """Raises TimeoutError behind so many seconds, and where the producer is discarded."""
        if self._discarded:
            raise TimeoutError
        async with asyncio.timeout(seconds) as waiting:
            self._waiting.add(waiting)
            try:
                yield
            finally:
                self._waiting.discard(waiting)

    def discard(self) -> None:
        self._discarded = True
        soon = asyncio.get_running_loop().time() + MOMENT_SECONDS
        for waiting in self._waiting:
            if not waiting.expired():
                waiting.reschedule(min(soon, waiting.when() or soon))


class Producer:
    """Behind any send error the producer is discarded and a new one made: what it still had in flight may land later,
    which readers pass over, and nothing is left behind that could land out of turn under a number already stored.
    Whoever else was sending by it is told, and sends anew by the next one.
    """

    def __init__(self, make: Callable[[], AIOKafkaProducer]) -> None:
        """`make` makes a producer that waits for all replicas and is idempotent; it is started here."""
        self._make = make
        self._producer: Started | None = None
        self._starting = asyncio.Lock()
        self._ending: set[asyncio.Task[None]] = set()

    async def reach(self, topic: str) -> Started:
        """A producer that waits for nothing more to send to the topic. Raises Unavailable (`kafka-away`,
        `kafka-topic`).
        """
        started = await self._started()
        with self._heeding(started):
            await _look_up(started, topic)
        return started

    async def send(self, topic: str, messages: Sequence[Message], reached: Started | None = None) -> None:
        """All of `messages`, in order, by the producer that was `reached`; it returns once the broker has them all.

        Raises Unavailable (`kafka-away`, `kafka-topic`), and then any number of them may have arrived.
        """
        started = reached or await self.reach(topic)
        producer = started.producer
        with self._heeding(started):
            # An idempotent producer tries again for ever where the broker is away, and nobody would hear of it.
            async with started.within(REQUEST_SECONDS):
                sent = [
                    await producer.send_batch(batch, topic, partition=PARTITION)
                    for batch in _batches(producer, messages)
                ]
                for one in sent:
                    one.add_done_callback(_hear)  # of what is left behind, too
                if sent:
                    # Not gather: a cancellation would reach into the producer's own futures.
                    await asyncio.wait(sent)
            for one in sent:
                one.result()

    async def stop(self) -> None:
        if self._producer is not None:
            self._discard(self._producer)
        if self._ending:
            await asyncio.wait(set(self._ending))

    async def _started(self) -> Started:
        async with self._starting:
            if self._producer is None:
                producer = self._make()
                try:
                    async with asyncio.timeout(REQUEST_SECONDS):
                        await producer.start()
                except (KafkaError, OSError) as error:
                    await end_producer(producer)
                    raise Unavailable("kafka-away", f"No broker answers ({type(error).__name__}).") from error
                except BaseException:
                    await end_producer(producer)
                    raise
                self._producer = Started(producer)
            return self._producer

    @contextmanager
    def _heeding(self, started: Started) -> Iterator[None]:
        """What is done with a producer: behind an error it is discarded. Raises Unavailable (`kafka-away`)."""
        try:
            yield
        except (KafkaError, OSError) as error:
            self._discard(started)
            raise Unavailable("kafka-away", f"The broker did not take it ({type(error).__name__}).") from error
        except asyncio.CancelledError:
            self._discard(started)
            raise

    def _discard(self, started: Started) -> None:
        if self._producer is started:
            self._producer = None
            started.discard()
            ending = asyncio.create_task(end_producer(started.producer))
            self._ending.add(ending)
            ending.add_done_callback(self._ending.discard)


async def _look_up(started: Started, topic: str) -> None:
    """Raises Unavailable (`kafka-topic`): nothing was begun, so the producer is as good as before for other topics.
    TimeoutError, where no answer comes at all, or another lane discards the producer.
    """
    try:
        async with started.within(LOOK_UP_SECONDS):
            await started.producer.partitions_for(topic)
    except KafkaError as error:
        raise Unavailable("kafka-topic", f"The topic cannot be written ({type(error).__name__}).") from error


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
