"""A provider's side of pushing through its topic: a push goes out, and its receipt is waited for and proved."""

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from types import TracebackType
from typing import Final, Self

from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.errors import KafkaError
from opentelemetry.trace import SpanKind

from gateway import trace
from gateway.agent.trusted import read_trusted_keys
from gateway.broker import (
    LARGEST_MESSAGE,
    REQUEST_SECONDS,
    Broker,
    Security,
    end_producer,
    end_reader,
    make_producer,
    make_reader,
)
from gateway.client import PushResult, read_answer, read_pushed
from gateway.clock import Clock, SystemClock
from gateway.delivery.access import intake_topic, reply_topic, user_of
from gateway.errors import Broken, FuyuanError, TooLarge, Unavailable
from gateway.push.message import ANSWERED, Arrived, Reply, place_of, read_header, verify_reply, write_push
from gateway.settings import load_settings
from gateway.trust.keys import KeySet, Signer, SigningKey
from schemas.envelope import PARTITION, Message

LARGEST_BODY: Final = LARGEST_MESSAGE - 4096  # what headers take


class TopicClient:
    """One party's pushes to one gateway, by Kafka. Use as `async with`, which raises Unavailable (`kafka-away`).

    `gateway` is the party id of the gateway, one of whose `keys` must have signed the reply.
    """

    def __init__(
        self,
        broker: Broker,
        key: Signer,
        clock: Clock,
        *,
        audience: str,
        gateway: str,
        keys: KeySet,
        wait_seconds: float = 60,
    ) -> None:
        self._broker = broker
        self._key = key
        self._clock = clock
        self._audience = audience
        self._gateway = gateway
        self._keys = keys
        self._wait_seconds = wait_seconds
        self._replies = TopicPartition(reply_topic(key.party), PARTITION)

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            self._producer: AIOKafkaProducer = make_producer(self._broker)
            stack.push_async_callback(end_producer, self._producer)
            self._reader = make_reader(self._broker)
            stack.push_async_callback(end_reader, self._reader)
            try:
                async with asyncio.timeout(REQUEST_SECONDS):
                    await self._producer.start()
                    await self._reader.start()
                    self._reader.assign([self._replies])
                    # Where replies will be from now on, before anything is sent that is replied to.
                    await self._reader.seek_to_end(self._replies)
                    await self._reader.position(self._replies)
            except (KafkaError, OSError) as error:
                raise _away(error) from error
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def push(
        self, feed: str, body: bytes, content_type: str, idempotency_key: str, *, relist: bool = False
    ) -> PushResult:
        """As `GatewayClient.push`. Raises GatewayProblem where the gateway refuses, Unavailable (`kafka-away`,
        `receipt-outstanding`), TooLarge (`message-too-large`), Broken (`receipt-unproved`).
        """
        if len(body) > LARGEST_BODY:
            raise TooLarge("message-too-large", f"A message holds at most {LARGEST_BODY} bytes; send lines, or HTTP.")
        topic = intake_topic(self._key.party, feed)
        push = write_push(
            topic,
            body,
            content_type,
            idempotency_key,
            relist=relist,
            signer=self._key,
            audience=self._audience,
            clock=self._clock,
        )
        with trace.span("push", kind=SpanKind.PRODUCER, feed=feed) as current:
            try:
                async with asyncio.timeout(self._wait_seconds):
                    reply = await self._reply_to(await self._send(topic, push))
            except (KafkaError, OSError) as error:
                if isinstance(error, TimeoutError):
                    raise Unavailable(
                        "receipt-outstanding",
                        f"No receipt came within {self._wait_seconds:g} s. The gateway may take it yet: run it again, "
                        "which changes nothing that is done.",
                    ) from None
                raise _away(error) from error
            trace.note(current, status=reply.status)
        return read_pushed(read_answer(reply.status, reply.content_type, reply.body))

    async def _send(self, topic: str, push: Message) -> str:
        """The place where it stands."""
        sent = await self._producer.send_and_wait(
            topic, push.value, partition=PARTITION, headers=trace.inject(push.headers, trace.write_parent())
        )
        return place_of(topic, sent.partition, sent.offset)

    async def _reply_to(self, place: str) -> Reply:
        while True:
            record = await self._reader.getone(self._replies)
            if read_header(record.headers, ANSWERED) != place:
                continue
            message = Arrived(record.topic, record.partition, record.offset, record.value, record.headers)
            try:
                return await verify_reply(
                    message, keys=self._keys, gateway=self._gateway, audience=self._key.party, clock=self._clock
                )
            except FuyuanError as error:
                raise Broken(
                    "receipt-unproved",
                    f"What came as the receipt is not proved to be the gateway's ({error.code}). Tell its operator.",
                ) from error


def open_topic_client(
    bootstrap: str, key_file: Path, keys_file: Path, password_file: Path | None, ca_file: Path | None, wait: float
) -> TopicClient:
    """By SCRAM over TLS as the party's own user where there is a password, else in plaintext.

    Raises Refused (`trusted-keys`) where `keys_file` holds no key set.
    """
    key, settings = SigningKey.load(key_file), load_settings()
    security: Security = "plaintext" if password_file is None else "sasl_ssl"
    return TopicClient(
        Broker(bootstrap, security, user_of(key.party), password_file, ca_file),
        key,
        SystemClock(),
        audience=settings.audience,
        gateway=settings.party,
        keys=read_trusted_keys(keys_file),
        wait_seconds=wait,
    )


def _away(error: BaseException) -> Unavailable:
    return Unavailable("kafka-away", f"The brokers or the topic cannot be reached ({type(error).__name__}).")
