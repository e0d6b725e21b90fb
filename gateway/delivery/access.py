"""Who may do what at the Kafka brokers, worked out from the contracts alone, and what differs there (D8, D10).

A contract that names `kafka` has a topic for each lane, which its subscriber alone may read and the gateway alone may
write. Nothing here speaks to a broker: `gateway/delivery/kafka_access.py` does.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

from contracts.lifecycle import IN_FORCE, State
from gateway.trust.documents import LANES
from schemas.catalog import RECEIPT
from schemas.envelope import topic_of

NAMESPACE: Final = "fuyuan."
INTAKE_GROUP: Final = "fuyuan.in.gateway"  # all gateways, as readers of what providers push
PARTY_USERS: Final = "fuyuan-party-"  # users of another name are never made, changed or removed
ANYBODY: Final = "User:*"
HOUR_MS: Final = 3_600_000
LONGEST_SEGMENT_MS: Final = 24 * HOUR_MS
HARMLESS: Final = frozenset({"DESCRIBE", "DESCRIBE_CONFIGS"})  # tells that a topic is there, nothing of what is in it

Kind: TypeAlias = Literal[
    "topic-missing", "topic-config", "topic-over", "topic-unknown", "topic-partitions", "topic-replication",
    "acl-missing", "acl-extra", "acl-wide", "acl-deny", "acls-off", "user-missing", "user-extra",
]  # fmt: skip
# In the order in which they are mended: first what is open and must not be, then what is missing.
MENDED: Final[tuple[Kind, ...]] = (
    "acl-extra",
    "user-extra",
    "topic-missing",
    "topic-config",
    "acl-missing",
    "topic-over",
)


@dataclass(frozen=True, slots=True, order=True)
class Acl:
    """One entry, in Kafka's own words: `User:name`, `READ`, `TOPIC`, `LITERAL`, `ALLOW`."""

    principal: str
    operation: str
    resource: str
    name: str
    pattern: str = "LITERAL"
    permission: str = "ALLOW"
    host: str = "*"

    def covers(self, resource: str, name: str) -> bool:
        """Whether it speaks of the resource of that name."""
        if self.resource != resource:
            return False
        return name.startswith(self.name) if self.pattern == "PREFIXED" else self.name in (name, "*")


@dataclass(frozen=True, slots=True)
class Topic:
    """`config`: the settings that we look after, sorted by name."""

    name: str
    partitions: int
    replication: int
    config: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Access:
    """What shall stand at the brokers, or what does. `users` are those named as ours are.

    `enforced` is False for brokers that keep no ACLs, and so let everybody do everything.
    """

    topics: Mapping[str, Topic]
    acls: frozenset[Acl]
    users: frozenset[str]
    enforced: bool = True


@dataclass(frozen=True, slots=True)
class Agreed:
    """What access rests on of one contract. `kafka`: the version in force names it; `ever_kafka`: any version did."""

    id: str
    feed: str
    provider: str
    subscriber: str
    state: State
    kafka: bool
    ever_kafka: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """What the operator decides. `intake`: providers may push through topics too."""

    gateway_user: str
    retention_hours: int
    replication: int
    intake: bool = False


@dataclass(frozen=True, slots=True)
class Drift:
    """One difference. `name` is the topic or the user that it is about."""

    kind: Kind
    name: str
    subject: Topic | Acl | None = None

    @property
    def mendable(self) -> bool:
        return self.kind in MENDED


def intake_topic(party: str, feed: str) -> str:
    """Where a provider pushes its batches."""
    return f"{NAMESPACE}in.{party}.{feed}"


def reply_topic(party: str) -> str:
    """Where a provider finds the receipts for its batches."""
    return f"{NAMESPACE}out.{party}.receipts"


def user_of(party: str) -> str:
    return PARTY_USERS + party


def desired(agreements: Iterable[Agreed], plan: Plan) -> Access:
    """Topics stay until the contract is closed; they are readable only while it is active or suspended.

    A suspended contract still takes back over its topic (D7). A revoked or ended one does so by pull, where each answer
    is checked: its topic holds content of before, and an ACL cannot tell one event from another.
    """
    topics: dict[str, Topic] = {}
    acls: set[Acl] = set()
    users: set[str] = set()

    def keep(name: str, **config: str) -> None:
        topics[name] = _topic(name, plan, config)

    def grant(user: str, operations: Iterable[str], resource: str, name: str, pattern: str = "LITERAL") -> None:
        acls.update(Acl(f"User:{user}", operation, resource, name, pattern) for operation in operations)

    for one in agreements:
        if one.kafka and one.state != "closed":
            subscriber = user_of(one.subscriber)
            for lane in LANES:
                keep(topic_of(one.id, lane))
                grant(plan.gateway_user, ("WRITE",), "TOPIC", topic_of(one.id, lane))
                if one.state in IN_FORCE:
                    grant(subscriber, ("READ", "DESCRIBE"), "TOPIC", topic_of(one.id, lane))
            if one.state in IN_FORCE:
                grant(subscriber, ("READ",), "GROUP", f"{NAMESPACE}{one.id}.", "PREFIXED")
                users.add(subscriber)
        if plan.intake and one.state in IN_FORCE and one.feed != RECEIPT.name:
            provider, pushed, replies = (
                user_of(one.provider),
                intake_topic(one.provider, one.feed),
                reply_topic(one.provider),
            )
            # The broker unpacks, so that its limit holds for what we read: a packed kilobyte can hold a gigabyte.
            keep(pushed, compression_type="uncompressed")
            keep(replies)
            grant(provider, ("WRITE", "DESCRIBE"), "TOPIC", pushed)
            grant(provider, ("READ", "DESCRIBE"), "TOPIC", replies)
            grant(provider, ("READ",), "GROUP", f"{NAMESPACE}out.{one.provider}.", "PREFIXED")
            grant(plan.gateway_user, ("READ", "DESCRIBE"), "TOPIC", pushed)
            grant(plan.gateway_user, ("READ",), "GROUP", f"{NAMESPACE}in.", "PREFIXED")
            grant(plan.gateway_user, ("WRITE",), "TOPIC", replies)
            users.add(provider)
    return Access(topics, frozenset(acls), frozenset(users))


def difference(
    wanted: Access, actual: Access, agreements: Iterable[Agreed], parties: Iterable[str], plan: Plan
) -> tuple[Drift, ...]:
    """What differs, those that can be mended first and in that order. None: nothing differs.

    `parties` are those admitted. What belongs to no contract of the journal is told of and left alone.
    """
    known = {topic_of(one.id, lane) for one in agreements for lane in LANES}
    found = [
        *_topics(wanted, actual, known),
        *_acls(wanted, actual, known | set(wanted.topics), plan),
        *(Drift("user-missing", user) for user in wanted.users - actual.users),
        *(Drift("user-extra", user) for user in actual.users - {user_of(party) for party in parties}),
    ]
    order = {kind: place for place, kind in enumerate(MENDED)}
    return tuple(
        sorted(found, key=lambda one: (order.get(one.kind, len(order)), one.kind, one.name, repr(one.subject)))
    )


def can_read(access: Access, user: str, topic: str) -> bool:
    """Whether any entry lets the user read the topic. An entry that denies is not relied on."""
    return not access.enforced or any(
        acl.permission == "ALLOW"
        and acl.operation in ("READ", "ALL")
        and acl.principal in (f"User:{user}", ANYBODY)
        and acl.covers("TOPIC", topic)
        for acl in access.acls
    )


def _topic(name: str, plan: Plan, more: Mapping[str, str]) -> Topic:
    retention = plan.retention_hours * HOUR_MS
    config = {
        **{key.replace("_", "."): value for key, value in more.items()},
        "cleanup.policy": "delete",
        "min.insync.replicas": str(max(1, plan.replication - 1)),
        "retention.ms": str(retention),
        # A segment goes whole, when its newest message is that old: with the broker's own week its oldest is older.
        "segment.ms": str(min(retention // 4, LONGEST_SEGMENT_MS)),
        "unclean.leader.election.enable": "false",  # it would lose what was acknowledged
    }
    return Topic(name, 1, plan.replication, tuple(sorted(config.items())))


def _topics(wanted: Access, actual: Access, known: set[str]) -> Iterator[Drift]:
    for name, topic in wanted.topics.items():
        stands = actual.topics.get(name)
        if stands is None:
            yield Drift("topic-missing", name, topic)
            continue
        if not set(topic.config) <= set(stands.config):
            yield Drift("topic-config", name, topic)
        if stands.partitions != topic.partitions:
            yield Drift("topic-partitions", name)
        if stands.replication < topic.replication:
            yield Drift("topic-replication", name)
    for name in actual.topics.keys() - wanted.topics.keys():
        yield Drift("topic-over" if name in known else "topic-unknown", name)


def _acls(wanted: Access, actual: Access, known: set[str], plan: Plan) -> Iterator[Drift]:
    if not actual.enforced:
        yield Drift("acls-off", "brokers")
        return
    for acl in wanted.acls - actual.acls:
        yield Drift("acl-missing", acl.principal.removeprefix("User:"), acl)
    for acl in actual.acls - wanted.acls:
        if acl.principal != f"User:{plan.gateway_user}" and (kind := _extra(acl, known)) is not None:
            yield Drift(kind, acl.principal.removeprefix("User:"), acl)


def _extra(acl: Acl, known: set[str]) -> Kind | None:
    """What an entry is that no contract asks for; None where it bears on nothing of ours."""
    party = acl.principal.startswith(f"User:{PARTY_USERS}")
    group = acl.resource == "GROUP" and acl.name.startswith(NAMESPACE)
    if not (party or group or any(acl.covers("TOPIC", topic) for topic in known)):
        return None
    if acl.permission != "ALLOW":
        return "acl-deny"  # somebody shut something on purpose, and nothing is opened again behind their back
    if party or acl.name.startswith(NAMESPACE):
        return "acl-extra"
    return None if acl.operation in HARMLESS else "acl-wide"
