"""Topics, ACLs and SCRAM users at the brokers: read, and changed as told. Only this module uses confluent_kafka.

Its calls block, each for ten seconds at most; run them in a thread. All of them may be repeated.
"""

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from functools import cached_property
from typing import Final, TypeVar

from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewTopic,
    ResourcePatternType,
    ResourceType,
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialAlteration,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)

from gateway.broker import SCRAM, gateway_broker
from gateway.delivery.access import MENDED, NAMESPACE, PARTY_USERS, Access, Acl, Drift, Topic
from gateway.errors import FuyuanError, Refused, Unavailable
from gateway.settings import Settings

SECONDS: Final = 10.0
SCRAM_ROUNDS: Final = 8192
LOOKED_AFTER: Final = (
    "cleanup.policy",
    "compression.type",
    "min.insync.replicas",
    "retention.ms",
    "segment.ms",
    "unclean.leader.election.enable",
)
NEEDED: Final = frozenset({"ALTER", "DESCRIBE"})
REFUSED: Final = "The Kafka brokers refuse it; docs/kafka.md names what the gateway's own user must be allowed."
UNREACHABLE: Final = frozenset(
    {
        KafkaError._TRANSPORT,
        KafkaError._ALL_BROKERS_DOWN,
        KafkaError._TIMED_OUT,
        KafkaError._RESOLVE,
        KafkaError.REQUEST_TIMED_OUT,
        KafkaError.NOT_CONTROLLER,
        KafkaError.BROKER_NOT_AVAILABLE,
        KafkaError.LEADER_NOT_AVAILABLE,
    }
)

T = TypeVar("T")
B = TypeVar("B", AclBinding, AclBindingFilter)


class Brokers:
    """The administrator's side of a Kafka cluster."""

    def __init__(self, options: Mapping[str, str | int]) -> None:
        self._options: dict[str, str | int | float | bool] = dict(options)

    @cached_property
    def _client(self) -> AdminClient:
        """Made when it is first needed: it begins to connect at once."""
        return AdminClient(self._options)

    def read(self) -> Access:
        """What stands in our namespace. Raises Unavailable (`kafka-unreachable`), Refused (`kafka-refused`)."""
        with _reported():
            self._check_rights()
            acls = self._acls()
            return Access(self._topics(), acls or frozenset(), self._users(), enforced=acls is not None)

    def mend(self, drifts: Iterable[Drift]) -> None:
        """Take away or put right what can be, each kind whatever becomes of the others. Raises as `read` does, behind
        them all: the first error.
        """
        given = list(drifts)
        failed: list[FuyuanError] = []
        for kind in MENDED:
            if ones := [one for one in given if one.kind == kind]:
                try:
                    with _reported():
                        self._mend(kind, ones)
                except FuyuanError as error:
                    failed.append(error)
        if failed:
            raise failed[0]

    def set_password(self, user: str, password: str) -> None:
        """Make a party's user, or change its password. Raises as `read` does."""
        if not user.startswith(PARTY_USERS):
            raise Refused("kafka-user", "Only users of parties are made here.")
        info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, SCRAM_ROUNDS)
        with _reported():
            _all(
                self._client.alter_user_scram_credentials(
                    [UserScramCredentialUpsertion(user, info, password.encode())], request_timeout=SECONDS
                ).values()
            )

    def _topics(self) -> dict[str, Topic]:
        listed = self._client.list_topics(timeout=SECONDS).topics
        ours = {name: topic for name, topic in listed.items() if name.startswith(NAMESPACE)}
        if not ours:
            return {}
        resources = [ConfigResource(ConfigResource.Type.TOPIC, name) for name in ours]
        described = self._client.describe_configs(resources, request_timeout=SECONDS)
        topics: dict[str, Topic] = {}
        for resource, future in described.items():
            config = _result(future, passed_over=(KafkaError.UNKNOWN_TOPIC_OR_PART,))
            if config is None:
                continue  # removed while we looked
            partitions = ours[resource.name].partitions
            topics[resource.name] = Topic(
                resource.name,
                len(partitions),
                min((len(one.replicas) for one in partitions.values()), default=0),
                tuple((name, str(config[name].value)) for name in LOOKED_AFTER),
            )
        return topics

    def _check_rights(self) -> None:
        """Behind a refusal the library answers `describe_acls` with none, and ends the process in the users' call."""
        cluster = self._client.describe_cluster(include_authorized_operations=True, request_timeout=SECONDS)
        allowed = {operation.name for operation in cluster.result(SECONDS).authorized_operations or ()}
        if not allowed >= NEEDED:
            raise Refused("kafka-refused", f"{REFUSED} ALTER and DESCRIBE on the cluster are wanting.")

    def _acls(self) -> frozenset[Acl] | None:
        """None where the brokers keep none: the library hides that in `describe_acls`, so a vain removal asks first."""
        nobody = AclBindingFilter(
            ResourceType.TOPIC,
            NAMESPACE,
            ResourcePatternType.LITERAL,
            "User:fuyuan-nobody",
            "*",
            AclOperation.READ,
            AclPermissionType.ALLOW,
        )
        (asked,) = self._client.delete_acls([nobody], request_timeout=SECONDS).values()
        if _result(asked, passed_over=(KafkaError.SECURITY_DISABLED,)) is None:
            return None
        everything = AclBindingFilter(
            ResourceType.ANY,
            None,  # type: ignore[arg-type] # any name, principal and host; the library's own hint is too narrow
            ResourcePatternType.ANY,
            None,  # type: ignore[arg-type]
            None,  # type: ignore[arg-type]
            AclOperation.ANY,
            AclPermissionType.ANY,
        )
        found = self._client.describe_acls(everything, request_timeout=SECONDS).result(SECONDS)
        return frozenset(
            Acl(
                one.principal,
                one.operation.name,
                one.restype.name,
                one.name,
                one.resource_pattern_type.name,
                one.permission_type.name,
                one.host,
            )
            for one in found
        )

    def _users(self) -> frozenset[str]:
        described = self._client.describe_user_scram_credentials(request_timeout=SECONDS)
        assert isinstance(described, Future)  # noqa: S101 - one for all users; a dict only where users are named
        described = described.result(SECONDS)
        return frozenset(user for user in described if user.startswith(PARTY_USERS))

    def _mend(self, kind: str, drifts: list[Drift]) -> None:
        topics = [one.subject for one in drifts if isinstance(one.subject, Topic)]
        acls = [one.subject for one in drifts if isinstance(one.subject, Acl)]
        match kind:
            case "acl-extra":
                _all(
                    self._client.delete_acls(
                        [_binding(AclBindingFilter, one) for one in acls], request_timeout=SECONDS
                    ).values()
                )
            case "acl-missing":
                _all(
                    self._client.create_acls(
                        [_binding(AclBinding, one) for one in acls], request_timeout=SECONDS
                    ).values()
                )
            case "user-extra":
                for mechanism in (ScramMechanism.SCRAM_SHA_512, ScramMechanism.SCRAM_SHA_256):
                    ended: list[UserScramCredentialAlteration] = [
                        UserScramCredentialDeletion(one.name, mechanism) for one in drifts
                    ]
                    changed = self._client.alter_user_scram_credentials(ended, request_timeout=SECONDS)
                    _all(changed.values(), passed_over=(KafkaError.RESOURCE_NOT_FOUND,))
            case "topic-missing":
                new = [NewTopic(one.name, one.partitions, one.replication, config=dict(one.config)) for one in topics]
                _all(
                    self._client.create_topics(new, request_timeout=SECONDS).values(),
                    passed_over=(KafkaError.TOPIC_ALREADY_EXISTS,),
                )
            case "topic-config":
                _all(
                    self._client.incremental_alter_configs(
                        [_config(one) for one in topics], request_timeout=SECONDS
                    ).values()
                )
            case "topic-over":
                names = [one.name for one in drifts if one.name.startswith(NAMESPACE)]
                _all(
                    self._client.delete_topics(names, request_timeout=SECONDS).values(),
                    passed_over=(KafkaError.UNKNOWN_TOPIC_OR_PART,),
                )


def open_brokers(settings: Settings) -> Brokers:
    """As the gateway's own user. Raises Refused (`kafka-settings`) where a file or a setting is wanting."""
    broker = gateway_broker(settings)
    if broker is None:
        raise Refused("kafka-settings", "Set FUYUAN_KAFKA_BOOTSTRAP to the brokers' addresses.")
    options: dict[str, str | int] = {
        "bootstrap.servers": broker.bootstrap,
        "security.protocol": broker.security,
        "socket.timeout.ms": int(SECONDS * 1000),
        "log_level": 0,  # its lines would go past our log; an error is raised, and logged by us
    }
    if broker.security == "sasl_ssl":
        options |= {"sasl.mechanism": SCRAM, "sasl.username": settings.kafka_user, "sasl.password": broker.password()}
        if broker.ca_file is not None:
            options["ssl.ca.location"] = str(broker.ca_file)
    return Brokers(options)


def _binding(make: type[B], acl: Acl) -> B:
    return make(
        ResourceType[acl.resource],
        acl.name,
        ResourcePatternType[acl.pattern],
        acl.principal,
        acl.host,
        AclOperation[acl.operation],
        AclPermissionType[acl.permission],
    )


def _config(topic: Topic) -> ConfigResource:
    entries = [ConfigEntry(name, value, incremental_operation=AlterConfigOpType.SET) for name, value in topic.config]
    return ConfigResource(ConfigResource.Type.TOPIC, topic.name, incremental_configs=entries)


def _all(futures: Iterable["Future[T]"], passed_over: tuple[int, ...] = ()) -> None:
    """Waits for each, and raises the first error behind them all."""
    failed: list[KafkaException] = []
    for future in futures:
        try:
            _result(future, passed_over)
        except KafkaException as error:
            failed.append(error)
    if failed:
        raise failed[0]


def _result(future: "Future[T]", passed_over: tuple[int, ...] = ()) -> T | None:
    """None where it failed with one of the codes that are passed over."""
    try:
        return future.result(SECONDS)
    except KafkaException as error:
        if error.args[0].code() in passed_over:
            return None
        raise


@contextmanager
def _reported() -> Iterator[None]:
    try:
        yield
    except KafkaException as error:
        raise _problem(error) from None
    except FutureTimeout:
        raise Unavailable("kafka-unreachable", "The Kafka brokers do not answer in time.") from None


def _problem(error: KafkaException) -> FuyuanError:
    """Kafka's own name of the error is safe to repeat; its text may hold an address."""
    kafka_error = error.args[0]
    if kafka_error.code() in UNREACHABLE or kafka_error.retriable():
        return Unavailable("kafka-unreachable", "The Kafka brokers cannot be reached; look at FUYUAN_KAFKA_BOOTSTRAP.")
    return Refused("kafka-refused", f"{REFUSED} They said {kafka_error.name()}.")
