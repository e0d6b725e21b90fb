"""Where Kafka is and how to reach it, and the clients that everything here uses (rules D8, D9)."""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError, UnsupportedCodecError
from aiokafka.helpers import create_ssl_context

from gateway.delivery.access import user_of
from gateway.errors import Refused
from gateway.settings import Settings

Security: TypeAlias = Literal["plaintext", "sasl_ssl"]

REQUEST_SECONDS: Final = 10.0  # until what no broker answers is given up
STOP_SECONDS: Final = 15.0
# Bytes of a message, and of what is sent together: a broker takes 1,048,588 unless told otherwise. What comes together
# a reader applies, commits and acknowledges together, so batches are as large as may be.
LARGEST_MESSAGE: Final = 1_000_000
FETCH_BYTES: Final = 4 * 1024 * 1024  # of one partition at once
METADATA_MS: Final = 5000
SCRAM: Final = "SCRAM-SHA-512"
ADDRESS: Final = re.compile(r"(?:[^\s:\[\]]+|\[[0-9A-Fa-f:.]+\]):([0-9]{1,5})")
LARGEST_PORT: Final = 65_535
NEVER_MS: Final = 10 * 366 * 86_400_000
# What the client library cannot open however often it tries; what a disk or a wire spoils is not of this kind.
UNREADABLE: Final = (UnicodeDecodeError, UnsupportedCodecError)


@dataclass(frozen=True, slots=True)
class Broker:
    """`bootstrap`: host:port, several with commas. `sasl_ssl`: SCRAM-SHA-512 over TLS, with a password."""

    bootstrap: str
    security: Security = "plaintext"
    user: str | None = None
    password_file: Path | None = None
    ca_file: Path | None = None

    def password(self) -> str:
        """For `sasl_ssl`. Raises Refused (`kafka-settings`) where user or file is not set, or it cannot be read."""
        if self.user is None or self.password_file is None:
            raise Refused("kafka-settings", "To reach Kafka by sasl_ssl, set the user and the password file.")
        try:
            return self.password_file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise _unreadable(error) from None

    def options(self) -> dict[str, Any]:
        """What every client here is made with. Raises as `password` does, for the certificates too, and where an
        address is none.
        """
        if not all(_is_address(one) for one in self.bootstrap.split(",")):
            raise Refused("kafka-settings", "Give the Kafka brokers as host:port, several with commas.")
        options: dict[str, Any] = {
            "bootstrap_servers": self.bootstrap,
            "security_protocol": self.security.upper(),
            "request_timeout_ms": int(REQUEST_SECONDS * 1000),
        }
        if self.security == "plaintext":
            return options
        password = self.password()
        try:
            context = create_ssl_context(cafile=self.ca_file)
        except OSError as error:  # ssl.SSLError is one
            raise _unreadable(error) from None
        return options | {
            "ssl_context": context,
            "sasl_mechanism": SCRAM,
            "sasl_plain_username": self.user,
            "sasl_plain_password": password,
        }


def _unreadable(error: Exception) -> Refused:
    return Refused("kafka-settings", f"A file for Kafka cannot be read ({type(error).__name__}).")


def _is_address(text: str) -> bool:
    found = ADDRESS.fullmatch(text.strip())
    return found is not None and int(found[1]) <= LARGEST_PORT


def make_producer(broker: Broker) -> AIOKafkaProducer:
    """Waits for all replicas, and repeats nothing. It lingers for nothing: what goes together is batched by us."""
    return AIOKafkaProducer(
        **broker.options(), acks="all", enable_idempotence=True, linger_ms=0, max_batch_size=LARGEST_MESSAGE
    )


def make_reader(broker: Broker) -> AIOKafkaConsumer:
    """Reads assigned partitions from places that the caller keeps; no group, nothing is committed."""
    return AIOKafkaConsumer(
        **broker.options(),
        group_id=None,
        enable_auto_commit=False,
        auto_offset_reset="none",
        max_partition_fetch_bytes=FETCH_BYTES,
    )


def make_member(broker: Broker, group: str) -> AIOKafkaConsumer:
    """A member of a consumer group, which passes what it is told to. It reads what was written for good, all that the
    group has not passed yet, and hears of a new topic within seconds.

    However long it fetches nothing, it stays a member: aiokafka would leave the group and come back only once somebody
    fetches, which nobody does who has no partition, and whose messages in hand wait for a database fetches none.
    """
    return AIOKafkaConsumer(
        **broker.options(),
        group_id=group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        isolation_level="read_committed",
        max_partition_fetch_bytes=FETCH_BYTES,
        metadata_max_age_ms=METADATA_MS,
        max_poll_interval_ms=NEVER_MS,
    )


async def end_reader(reader: AIOKafkaConsumer) -> None:
    """Stop a reader, whatever state it is in.

    In a task of its own: where the broker is away, aiokafka's own tasks end as cancelled while it stops, and that would
    be taken for a cancellation of ours. It then leaves its connections open, too.
    """
    stopping = asyncio.create_task(reader.stop())
    await asyncio.wait([stopping], timeout=REQUEST_SECONDS)
    if not stopping.done() or stopping.cancelled() or stopping.exception() is not None:
        stopping.cancel()
        await reader._client.close()


async def end_producer(producer: AIOKafkaProducer) -> None:
    """Leave the broker. What was not acknowledged is not sent any more.

    Not by its own `stop`, which sends it: where the broker is away that waits for ever, and leaves a task and
    its connections behind.
    """
    producer._closed = True
    if producer._sender is not None:
        with suppress(KafkaError, OSError):
            async with asyncio.timeout(STOP_SECONDS):
                await producer._sender.close()
    await producer.client.close()


async def drop_topics(broker: Broker, names: Sequence[str]) -> None:
    """Take topics away, those that are there."""
    admin = AIOKafkaAdminClient(**broker.options())
    await admin.start()
    try:
        await admin.delete_topics(list(names))
    finally:
        await admin.close()


def gateway_broker(settings: Settings) -> Broker | None:
    """The brokers that the gateway feeds; None where none are set."""
    if settings.kafka_bootstrap is None:
        return None
    return Broker(
        settings.kafka_bootstrap,
        settings.kafka_security,
        settings.kafka_user,
        settings.kafka_password_file,
        settings.kafka_ca_file,
    )


def agent_broker(settings: Settings, agency: str) -> Broker | None:
    """The brokers that an agency's agent follows; None where none are set."""
    if settings.agent_kafka_bootstrap is None:
        return None
    return Broker(
        settings.agent_kafka_bootstrap,
        settings.agent_kafka_security,
        settings.agent_kafka_user or user_of(agency),
        settings.agent_kafka_password_file,
        settings.agent_kafka_ca_file,
    )
