"""A gateway's user, parties and clients at a real broker, by SCRAM over TLS."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from confluent_kafka import Consumer, KafkaException, Producer
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from gateway.settings import Settings
from tests.servers.kafka import ADMIN, Kafka

GATEWAY = "fuyuan-gateway"
# What docs/kafka.md says the gateway's user must be allowed, and nothing more.
RIGHTS = (
    (ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL, ("DESCRIBE", "ALTER")),
    (
        ResourceType.TOPIC,
        "fuyuan.",
        ResourcePatternType.PREFIXED,
        ("CREATE", "DELETE", "DESCRIBE", "DESCRIBE_CONFIGS", "ALTER_CONFIGS"),
    ),
)


@dataclass
class Access:
    """`admin` may do all; passwords of users by name."""

    kafka: Kafka
    folder: Path
    passwords: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        assert self.kafka.admin_password is not None
        self.passwords[ADMIN] = self.kafka.admin_password
        self.admin = AdminClient(self.options(ADMIN))
        self.clean()
        self.enter(GATEWAY)
        for resource, name, pattern, operations in RIGHTS:
            for operation in operations:
                self.allow(f"User:{GATEWAY}", operation, name, pattern, resource)

    def options(self, user: str) -> dict[str, str | int | float | bool]:
        assert self.kafka.secure is not None
        return {
            "bootstrap.servers": self.kafka.secure,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(self.kafka.ca_file),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": user,
            "sasl.password": self.passwords[user],
            "log_level": 0,
        }

    def settings(self, user: str = GATEWAY, **others: object) -> Settings:
        password = self.folder / f"{user}.password"
        password.write_text(self.passwords[user] + "\n")
        members = {
            "data_dir": self.folder / "data",
            "kafka_bootstrap": self.kafka.secure,
            "kafka_security": "sasl_ssl",
            "kafka_user": user,
            "kafka_password_file": password,
            "kafka_ca_file": self.kafka.ca_file,
            "kafka_retention_hours": 24,
            **others,
        }
        return Settings.model_validate(members)

    def enter(self, user: str) -> None:
        """A user of that name, by the administrator's hand."""
        self.passwords[user] = secrets.token_urlsafe(12)
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, 4096)
        change = UserScramCredentialUpsertion(user, info, self.passwords[user].encode())
        wait(self.admin.alter_user_scram_credentials([change]))

    def users(self) -> set[str]:
        return set(self.admin.describe_user_scram_credentials().result(20))

    def allow(
        self,
        principal: str,
        operation: str,
        name: str,
        pattern: ResourcePatternType = ResourcePatternType.LITERAL,
        resource: ResourceType = ResourceType.TOPIC,
    ) -> None:
        binding = AclBinding(resource, name, pattern, principal, "*", AclOperation[operation], AclPermissionType.ALLOW)
        wait(self.admin.create_acls([binding]))

    def read(self, user: str, topic: str, group: str, seconds: float = 15) -> str:
        """The first value of the topic, read as a plain client does, or Kafka's name of what was refused."""
        with consumer(self.options(user), topic, group) as reader:
            return next_value(reader, seconds)

    def write(self, user: str, topic: str, value: str) -> str:
        """`written`, or Kafka's name of what was refused."""
        said: list[str] = []
        producer = Producer(self.options(user) | {"enable.idempotence": user == GATEWAY, "message.timeout.ms": 15_000})
        try:
            producer.produce(
                topic,
                value.encode(),
                partition=0,
                on_delivery=lambda error, _: said.append("written" if error is None else error.name()),
            )
            producer.flush(20)
        except KafkaException as error:
            return error.args[0].name()
        return said[0]

    def create(self, user: str, topic: str) -> str:
        client = AdminClient(self.options(user))
        try:
            wait(client.create_topics([NewTopic(topic, 1, 1)]))
        except KafkaException as error:
            return error.args[0].name()
        return "created"

    def config(self, topic: str) -> dict[str, str]:
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        (future,) = self.admin.describe_configs([resource]).values()
        return {name: entry.value for name, entry in future.result(20).items()}

    def clean(self) -> None:
        """Take nothing over from the test before, and leave nothing to the next."""
        if topics := [name for name in self.admin.list_topics(timeout=20).topics if not name.startswith("__")]:
            wait(self.admin.delete_topics(topics))
        every = AclBindingFilter(
            ResourceType.ANY, None, ResourcePatternType.ANY, None, None, AclOperation.ANY, AclPermissionType.ANY
        )
        wait(self.admin.delete_acls([every]))
        if users := self.users() - {ADMIN}:
            gone = [UserScramCredentialDeletion(user, ScramMechanism.SCRAM_SHA_512) for user in users]
            wait(self.admin.alter_user_scram_credentials(gone))


@contextmanager
def consumer(options: dict[str, str | int | float | bool], topic: str, group: str) -> Iterator[Consumer]:
    reader = Consumer(options | {"group.id": group, "auto.offset.reset": "earliest", "enable.auto.commit": False})
    reader.subscribe([topic])
    try:
        yield reader
    finally:
        reader.close()


def next_value(reader: Consumer, seconds: float = 15) -> str:
    """The next value, Kafka's name of what was refused, or `nothing`."""
    until = monotonic() + seconds
    while monotonic() < until:
        message = reader.poll(0.5)
        if message is None:
            continue
        if message.error() is None:
            return message.value().decode()
        if message.error().name() != "UNKNOWN_TOPIC_OR_PART":  # a new topic is not known everywhere at once
            return message.error().name()
    return "nothing"


def wait(futures: dict) -> None:
    for future in futures.values():
        future.result(20)
