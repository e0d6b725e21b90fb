"""Who may do what at the brokers, and what differs: pure, so tried on made-up brokers by the hundred."""

from typing import get_args

from hypothesis import given, settings
from hypothesis import strategies as st

from contracts.lifecycle import State
from gateway.delivery.access import (
    MENDED,
    PARTY_USERS,
    Access,
    Acl,
    Agreed,
    Drift,
    Plan,
    Topic,
    can_read,
    desired,
    difference,
    user_of,
)
from gateway.trust.documents import LANES
from schemas.envelope import topic_of

PLAN = Plan("fuyuan-gateway", 24, 1)
PARTIES = ("market", "credit", "the-court")
CONTRACTS = ("debtors-a", "debtors-ab", "debtors-b", "gone")

agreed = st.builds(
    Agreed,
    id=st.sampled_from(CONTRACTS[:3]),
    feed=st.sampled_from(["dishonest-debtor", "receipt"]),
    provider=st.just("the-court"),
    subscriber=st.sampled_from(PARTIES[:2]),
    state=st.sampled_from([state for state in get_args(State) if state not in ("draft", "signed")]),
    kafka=st.booleans(),
    ever_kafka=st.just(True),
)
agreements = st.lists(agreed, max_size=3, unique_by=lambda one: one.id)
plans = st.builds(
    Plan, st.just("fuyuan-gateway"), st.sampled_from([1, 24]), st.sampled_from([1, 3]), intake=st.booleans()
)
names = st.sampled_from(
    ["*", "fuyuan.", "fuy", "", "other", *(topic_of(one, lane) for one in CONTRACTS for lane in LANES)]
    + [f"fuyuan.{one}." for one in CONTRACTS]
)
acls = st.builds(
    Acl,
    principal=st.sampled_from(
        [
            "User:*",
            "User:eve",
            "User:fuyuan-gateway",
            "User:fuyuan-party-nobody",
            *(f"User:{user_of(p)}" for p in PARTIES),
        ]
    ),
    operation=st.sampled_from(["READ", "WRITE", "ALL", "DESCRIBE", "ALTER"]),
    resource=st.sampled_from(["TOPIC", "GROUP", "CLUSTER"]),
    name=names,
    pattern=st.sampled_from(["LITERAL", "PREFIXED"]),
    permission=st.sampled_from(["ALLOW", "DENY"]),
    host=st.sampled_from(["*", "10.0.0.1"]),
)
topics = st.builds(
    Topic,
    name=st.sampled_from([topic_of(one, lane) for one in CONTRACTS for lane in LANES] + ["fuyuan.in.x.y"]),
    partitions=st.integers(1, 3),
    replication=st.integers(1, 3),
    config=st.sampled_from([(), (("cleanup.policy", "compact"), ("retention.ms", "86400000"))]),
)
stands = st.builds(
    lambda found, some, users, enforced: Access({one.name: one for one in found}, some, users, enforced),
    st.lists(topics, max_size=6),
    st.frozensets(acls, max_size=8),
    st.frozensets(st.sampled_from([*(user_of(one) for one in PARTIES), user_of("nobody")])),
    st.booleans(),
)


def mended(actual: Access, drifts: tuple[Drift, ...]) -> Access:
    """What stands after the drifts that can be mended were, as the brokers would have it."""
    found, some, users = dict(actual.topics), set(actual.acls), set(actual.users)
    for one in drifts:
        match one:
            case Drift("topic-missing", name, Topic() as topic):
                found[name] = topic
            case Drift("topic-config", name, Topic() as topic):
                was = found[name]
                found[name] = Topic(name, was.partitions, was.replication, topic.config)
            case Drift("topic-over", name):
                del found[name]
            case Drift("acl-missing", _, Acl() as acl):
                some.add(acl)
            case Drift("acl-extra", _, Acl() as acl):
                some.remove(acl)
            case Drift("user-extra", name):
                users.remove(name)
    return Access(found, frozenset(some), frozenset(users), actual.enforced)


@given(agreements, plans, stands)
@settings(max_examples=400)
def test_what_is_mended_is_as_wanted_and_mending_again_changes_nothing(
    some: list[Agreed], plan: Plan, actual: Access
) -> None:
    wanted = desired(some, plan)
    after = mended(actual, difference(wanted, actual, some, PARTIES, plan))
    left = difference(wanted, after, some, PARTIES, plan)
    assert not [one for one in left if one.mendable]
    assert wanted.topics.keys() <= after.topics.keys()
    if after.enforced:
        assert wanted.acls <= after.acls


@given(agreements, plans, stands)
@settings(max_examples=400)
def test_d10_after_mending_only_the_subscriber_reads_and_the_rest_is_told_of(
    some: list[Agreed], plan: Plan, actual: Access
) -> None:
    wanted = desired(some, plan)
    after = mended(actual, difference(wanted, actual, some, PARTIES, plan))
    left = difference(wanted, after, some, PARTIES, plan)
    told = {one.subject for one in left if one.kind == "acl-wide"}
    for one in some:
        open_to = {user_of(one.subscriber)} if one.kafka and one.state in ("active", "suspended") else set()
        for lane in LANES:
            topic = topic_of(one.id, lane)
            for user in (*map(user_of, PARTIES), "eve"):
                readers = [
                    acl for acl in after.acls if can_read(Access({}, frozenset({acl}), frozenset()), user, topic)
                ]
                if after.enforced and user not in open_to:
                    assert set(readers) <= told, "nobody reads unseen"
                if not after.enforced:
                    assert "acls-off" in {drift.kind for drift in left}


@given(agreements, plans, stands)
@settings(max_examples=300)
def test_nothing_of_others_is_ever_touched(some: list[Agreed], plan: Plan, actual: Access) -> None:
    ours = {topic_of(one.id, lane) for one in some for lane in LANES}
    drifts = difference(desired(some, plan), actual, some, PARTIES, plan)
    assert [one.kind for one in drifts if one.mendable] == sorted(
        (one.kind for one in drifts if one.mendable), key=MENDED.index
    )
    for one in drifts:
        match one.kind:
            case "topic-over":
                assert one.name in ours
            case "user-extra":
                assert one.name.startswith(PARTY_USERS)
                assert one.name.removeprefix(PARTY_USERS) not in PARTIES
            case "acl-extra":
                assert isinstance(one.subject, Acl)
                assert one.subject.principal != "User:fuyuan-gateway"
                assert one.subject.permission == "ALLOW"
                assert one.subject.name.startswith("fuyuan.") or one.subject.principal.startswith(f"User:{PARTY_USERS}")


def one_contract(state: State = "active", **changed: object) -> Agreed:
    members = {"kafka": True, "ever_kafka": True, "feed": "dishonest-debtor", **changed}
    return Agreed(id="debtors-a", provider="the-court", subscriber="market", state=state, **members)  # type: ignore[arg-type]


def test_d8_a_contract_has_two_topics_of_one_partition_that_delete_and_do_not_compact() -> None:
    found = desired([one_contract()], PLAN).topics
    assert sorted(found) == ["fuyuan.debtors-a.bulk", "fuyuan.debtors-a.priority"]
    for topic in found.values():
        assert (topic.partitions, topic.replication) == (1, 1)
        assert dict(topic.config) | {"retention.ms": "86400000", "cleanup.policy": "delete"} == dict(topic.config)


@given(agreements, st.integers(1, 8784), st.booleans())
def test_no_topic_keeps_a_message_much_longer_than_its_retention(some: list[Agreed], hours: int, intake: bool) -> None:
    """Until the newest of its segment is that old: a quarter more at most, and never more than a day."""
    for topic in desired(some, Plan("fuyuan-gateway", hours, 1, intake=intake)).topics.values():
        config = {name: int(value) for name, value in topic.config if name.endswith(".ms")}
        assert config["retention.ms"] == hours * 3_600_000
        assert config["segment.ms"] == min(config["retention.ms"] // 4, 86_400_000)


def test_a_contract_that_does_not_name_kafka_has_nothing() -> None:
    assert desired([one_contract(kafka=False)], PLAN) == Access({}, frozenset(), frozenset())


def test_a_closed_contract_has_its_topics_taken_away_and_a_revoked_one_its_readers() -> None:
    standing = desired([one_contract()], PLAN)
    revoked, closed = one_contract("revoking"), one_contract("closed")
    cut = difference(desired([revoked], PLAN), standing, [revoked], PARTIES, PLAN)
    assert {(one.kind, one.name) for one in cut} == {("acl-extra", "fuyuan-party-market")}
    assert len(cut) == 5, "READ and DESCRIBE of two topics, READ of the groups"
    gone = difference(desired([closed], PLAN), standing, [closed], PARTIES, PLAN)
    assert {one.name for one in gone if one.kind == "topic-over"} == standing.topics.keys()


def test_a_denial_that_somebody_made_is_told_of_and_stays() -> None:
    standing = desired([one_contract()], PLAN)
    deny = Acl("User:fuyuan-party-market", "READ", "TOPIC", "fuyuan.debtors-a.bulk", permission="DENY")
    found = difference(
        standing, Access(standing.topics, standing.acls | {deny}, standing.users), [one_contract()], PARTIES, PLAN
    )
    assert [(one.kind, one.mendable) for one in found] == [("acl-deny", False)]


def test_a_provider_pushes_into_its_own_topic_and_reads_its_own_receipts() -> None:
    found = desired([one_contract(kafka=False)], Plan("fuyuan-gateway", 24, 1, intake=True))
    assert sorted(found.topics) == ["fuyuan.in.the-court.dishonest-debtor", "fuyuan.out.the-court.receipts"]
    court = {(acl.operation, acl.name) for acl in found.acls if acl.principal == "User:fuyuan-party-the-court"}
    assert ("WRITE", "fuyuan.in.the-court.dishonest-debtor") in court
    assert ("READ", "fuyuan.out.the-court.receipts") in court
    assert ("READ", "fuyuan.in.the-court.dishonest-debtor") not in court
