"""A real broker by SCRAM over TLS: what a contract grants and what not, drift by hand, a revocation (D8, D10)."""

import asyncio
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path

import pytest
from confluent_kafka.admin import (
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    ResourcePatternType,
    ResourceType,
)
from sqlalchemy import select

from contracts.model import SignedContract
from gateway.admin.kafka import new_user, show_access
from gateway.delivery.access import Drift
from gateway.delivery.cursor import Cursor
from gateway.delivery.reconcile import Reconciler
from gateway.errors import Conflict, NotFound, Refused, Unavailable
from gateway.journal.tables import contract, journal_leaf
from gateway.settings import Settings
from gateway.trust.keys import SigningKey
from gateway.wiring import open_reconciler
from tests.integration.access import GATEWAY, Access, consumer, next_value, wait
from tests.servers.kafka import Kafka, make_kafka
from tests.small_gateway import AGENCY, COURT, Gateway, debtor, open_test_gateway

OTHER = "shanyang-credit-platform"
READER, STRANGER, PROVIDER = f"fuyuan-party-{AGENCY}", f"fuyuan-party-{OTHER}", f"fuyuan-party-{COURT}"
OWN, OTHERS = "debtors-to-one", "debtors-to-one-more"  # the one id begins with the other
BULK = f"fuyuan.{OWN}.bulk"
OWN_GROUP, OTHER_GROUP = f"fuyuan.{OWN}.readers", f"fuyuan.{OTHERS}.readers"
CUT = ("TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED")


@pytest.fixture
def access(secure_kafka: Kafka, tmp_path: Path) -> Iterator[Access]:
    opened = Access(secure_kafka, tmp_path)
    yield opened
    opened.clean()


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[Gateway]:
    opened = await open_test_gateway(tmp_path, f"sqlite+aiosqlite:///{tmp_path / 'journal.sqlite'}")
    opened.keys[OTHER] = SigningKey.generate(OTHER, opened.clock.now())
    await opened.registry.admit({"id": OTHER}, [opened.keys[OTHER].public()])
    yield opened
    await opened.engine.dispose()


@pytest.fixture
async def reconciler(access: Access, gateway: Gateway) -> Reconciler:
    """Two contracts of two agencies in force, their users there, and the brokers as they want them."""
    for party in (AGENCY, OTHER, COURT):
        access.enter(f"fuyuan-party-{party}")
    for one in (with_kafka(gateway, OWN), with_kafka(gateway, OTHERS, OTHER)):
        await gateway.registry.activate(one)
    opened = open_reconciler(access.settings(kafka_intake=True), gateway.engine, gateway.registry)
    assert (await opened.mend()).drifts == ()
    return opened


def with_kafka(gateway: Gateway, contract_id: str, subscriber: str = AGENCY, version: int = 1) -> SignedContract:
    side = {"party": subscriber, "keys": ["set by the gateway's keys"]}
    return gateway.contract(version, id=contract_id, subscriber=side, delivery=["pull", "kafka"])


async def state_of(gateway: Gateway, contract_id: str = OWN) -> str:
    async with gateway.engine.connect() as connection:
        return (await connection.execute(select(contract.c.state).where(contract.c.id == contract_id))).scalar_one()


async def statements(gateway: Gateway) -> list[dict]:
    async with gateway.engine.connect() as connection:
        rows = await connection.execute(select(journal_leaf.c.document).order_by(journal_leaf.c.idx))
        return [json.loads(document) for document in rows.scalars() if document.startswith(b"{")]


def kinds(drifts: tuple[Drift, ...]) -> list[str]:
    return sorted({one.kind for one in drifts})


async def found_kinds(reconciler: Reconciler) -> list[str]:
    return kinds((await reconciler.compare()).drifts)


async def until(look: Callable[[], Awaitable[object]], wanted: object) -> None:
    """The brokers hear of a change a moment later."""
    seen: object = None
    for _ in range(100):
        if (seen := await look()) == wanted:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(seen)


async def test_each_grant_works(access: Access, reconciler: Reconciler) -> None:
    for lane in ("bulk", "priority"):
        topic = f"fuyuan.{OWN}.{lane}"
        assert access.write(GATEWAY, topic, lane) == "written"
        assert access.read(READER, topic, f"fuyuan.{OWN}.{lane}") == lane
    pushed, replies = f"fuyuan.in.{COURT}.dishonest-debtor", f"fuyuan.out.{COURT}.receipts"
    assert access.write(PROVIDER, pushed, "a batch") == "written"
    assert access.read(GATEWAY, pushed, "fuyuan.in.gateway") == "a batch"
    assert access.write(GATEWAY, replies, "a receipt") == "written"
    assert access.read(PROVIDER, replies, f"fuyuan.out.{COURT}.1") == "a receipt"


async def test_what_is_not_granted_is_refused(access: Access, reconciler: Reconciler, gateway: Gateway) -> None:
    denied, no_group = "TOPIC_AUTHORIZATION_FAILED", "GROUP_AUTHORIZATION_FAILED"
    assert access.write(GATEWAY, BULK, "secret") == "written"
    pushed = f"fuyuan.in.{COURT}.dishonest-debtor"
    assert access.read(STRANGER, BULK, OTHER_GROUP) == denied
    assert access.read(PROVIDER, BULK, f"fuyuan.out.{COURT}.1") == denied, "not even who gave it"
    assert access.read(READER, f"fuyuan.{OTHERS}.bulk", OWN_GROUP) == denied
    assert access.read(READER, BULK, "elsewhere") == no_group
    assert access.read(READER, BULK, OTHER_GROUP) == no_group
    assert access.write(READER, BULK, "forged") == denied
    assert access.write(STRANGER, pushed, "forged") == denied
    assert access.read(PROVIDER, pushed, f"fuyuan.out.{COURT}.1") == denied
    assert access.read(GATEWAY, BULK, "fuyuan.in.gateway") == denied, "the gateway writes lanes and reads none"
    for user in (READER, PROVIDER):
        assert access.create(user, "fuyuan.mine.bulk") == denied
    assert access.create(GATEWAY, "elsewhere") == denied
    as_reader = open_reconciler(access.settings(READER), gateway.engine, gateway.registry)
    with pytest.raises(Refused, match="kafka-refused"):
        await as_reader.mend()


async def test_brokers_that_refuse_every_look_are_not_reached(access: Access, reconciler: Reconciler) -> None:
    """They answer, but the gateway's user has lost the right to look after them."""
    assert reconciler.reached is True
    one = AclBindingFilter(
        ResourceType.BROKER, "kafka-cluster", ResourcePatternType.LITERAL, f"User:{GATEWAY}", "*", AclOperation.ALTER,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    wait(access.admin.delete_acls([one]))
    await until(lambda: mended(reconciler), "kafka-refused")
    assert reconciler.reached is False
    access.allow(f"User:{GATEWAY}", "ALTER", "kafka-cluster", resource=ResourceType.BROKER)
    await until(lambda: mended(reconciler), "mended")
    assert reconciler.reached is True


async def mended(reconciler: Reconciler) -> str:
    """Or the code of what hindered it."""
    try:
        await reconciler.mend()
    except Refused as error:
        return error.code
    return "mended"


def set_config(access: Access, **values: str) -> None:
    entries = [
        ConfigEntry(name.replace("_", "."), value, incremental_operation=AlterConfigOpType.SET)
        for name, value in values.items()
    ]
    wait(
        access.admin.incremental_alter_configs(
            [ConfigResource(ConfigResource.Type.TOPIC, BULK, incremental_configs=entries)]
        )
    )


def drop_reader(access: Access) -> None:
    one = AclBindingFilter(
        ResourceType.TOPIC, BULK, ResourcePatternType.LITERAL, f"User:{READER}", "*", AclOperation.READ,
        AclPermissionType.ALLOW,
    )  # fmt: skip
    wait(access.admin.delete_acls([one]))


DRIFTS: dict[str, tuple[Callable[[Access], None], str]] = {
    "a reader": (lambda access: access.allow("User:eve", "READ", BULK), "acl-extra"),
    "a reader of all that is ours": (
        lambda access: access.allow("User:*", "READ", "fuyuan.", ResourcePatternType.PREFIXED),
        "acl-extra",
    ),
    "another's topic": (lambda access: access.allow(f"User:{READER}", "ALL", "payroll"), "acl-extra"),
    "a grant taken away": (drop_reader, "acl-missing"),
    "no topic": (lambda access: wait(access.admin.delete_topics([BULK])), "topic-missing"),
    "kept for ever": (lambda access: set_config(access, retention_ms="-1"), "topic-config"),
    "kept with what is newer": (lambda access: set_config(access, segment_ms="604800000"), "topic-config"),
    "compaction": (lambda access: set_config(access, cleanup_policy="compact"), "topic-config"),
    "compaction too": (lambda access: set_config(access, cleanup_policy="compact,delete"), "topic-config"),
    "a user of nobody": (lambda access: access.enter("fuyuan-party-nobody"), "user-extra"),
}


@pytest.mark.parametrize("name", DRIFTS)
async def test_drift_by_hand_is_found_told_of_and_mended(
    name: str, access: Access, reconciler: Reconciler, log_lines: io.StringIO
) -> None:
    change, kind = DRIFTS[name]
    change(access)
    await until(lambda: found_kinds(reconciler), [kind])
    found = reconciler.found[kind]
    assert (await reconciler.mend()).drifts == ()
    assert reconciler.found[kind] > found
    assert reconciler.mended[kind] > 0
    told = [json.loads(line) for line in log_lines.getvalue().splitlines()]
    assert [(one["event"], one["kind"]) for one in told if one["level"] == "warning"] == [("kafka-drift", kind)]
    kept = {"cleanup.policy": "delete", "retention.ms": "86400000", "segment.ms": "21600000"}
    config = access.config(BULK)
    assert {key: config[key] for key in kept} == kept
    assert "fuyuan-party-nobody" not in access.users()


async def test_what_is_not_ours_to_mend_is_told_of_and_left(access: Access, reconciler: Reconciler) -> None:
    access.allow("User:backup", "READ", "*")
    access.enter("somebody-else")
    wait(access.admin.create_partitions([NewPartitions(BULK, 2)]))
    assert access.create(GATEWAY, "fuyuan.unknown.bulk") == "created"
    wide = ["acl-wide", "topic-partitions", "topic-unknown"]
    await until(lambda: found_kinds(reconciler), wide)
    for _ in range(2):
        assert kinds((await reconciler.mend()).drifts) == wide
    assert reconciler.found["acl-wide"] == 1, "told of once, however long it stands"
    assert "somebody-else" in access.users()


async def test_a_new_version_without_kafka_takes_the_topics_away(
    access: Access, reconciler: Reconciler, gateway: Gateway
) -> None:
    await gateway.registry.activate(gateway.contract(2, id=OWN))
    assert kinds((await reconciler.mend()).drifts) == []
    assert BULK not in access.admin.list_topics(timeout=20).topics
    assert f"fuyuan.{OTHERS}.bulk" in access.admin.list_topics(timeout=20).topics


async def test_d10_a_revoked_reader_is_cut_in_the_middle_and_the_journal_says_what_lay_open(
    access: Access, reconciler: Reconciler, gateway: Gateway
) -> None:
    running = asyncio.create_task(reconciler.run())
    assert access.write(GATEWAY, BULK, "before") == "written"
    with consumer(access.options(READER), BULK, OWN_GROUP) as reader:
        assert await asyncio.to_thread(next_value, reader) == "before"
        await gateway.registry.change_state(OWN, "revoke")
        await until(lambda: state_of(gateway), "revoked")
        assert access.write(GATEWAY, BULK, "after") == "written"
        assert await asyncio.to_thread(next_value, reader) in CUT
    running.cancel()
    *_, revoking, revoked = await statements(gateway)
    assert (revoking["state"], revoked["state"], revoked["confirmed_by"]) == ("revoking", "revoked", "brokers")
    assert access.write(GATEWAY, f"fuyuan.{OTHERS}.bulk", "another's") == "written"
    assert access.read(STRANGER, f"fuyuan.{OTHERS}.bulk", OTHER_GROUP) == "another's", "other contracts go on"


async def test_d10_while_the_brokers_are_away_it_is_revoking_and_then_confirmed(
    access: Access, reconciler: Reconciler, gateway: Gateway
) -> None:
    broker = access.kafka.broker
    assert broker is not None
    await gateway.put(debtor("甲公司"), debtor("乙公司"))
    _, seen = await gateway.pull(OWN, Cursor())
    broker.stop()
    try:
        await gateway.registry.change_state(OWN, "revoke")
        with pytest.raises(Unavailable, match="kafka-unreachable"):
            await reconciler.mend()
        assert reconciler.reached is False
        assert await state_of(gateway) == "revoking"
        await gateway.put("甲公司")
        events, _ = await gateway.pull(OWN, seen)
        assert [event["kind"] for event in events] == ["contract", "withdrawn"], "what takes back goes on by pull (D7)"
    finally:
        broker.start()
    await until_reached(reconciler)
    *_, revoked = await statements(gateway)
    assert revoked["open"]["lanes"] == {"bulk": [1, 2], "priority": [1, 3]}, "handed out by then, never acknowledged"
    assert await state_of(gateway) == "revoked"
    assert access.read(READER, BULK, OWN_GROUP) in CUT


async def test_d10_what_nobody_of_us_may_shut_keeps_it_revoking(
    access: Access, reconciler: Reconciler, gateway: Gateway
) -> None:
    access.allow("User:*", "READ", "*")
    await until(lambda: found_kinds(reconciler), ["acl-wide"])
    await gateway.registry.change_state(OWN, "revoke")
    assert kinds((await reconciler.mend()).drifts) == ["acl-wide"]
    assert await state_of(gateway) == "revoking"


async def test_d10_what_cannot_be_mended_keeps_nothing_else_from_it(
    access: Access, reconciler: Reconciler, gateway: Gateway
) -> None:
    """Of three brokers one is away, as here two: no topic can be made."""
    of_three = open_reconciler(
        access.settings(kafka_intake=True, kafka_replication=3), gateway.engine, gateway.registry
    )
    await gateway.registry.activate(with_kafka(gateway, "debtors-to-a-third", OTHER))
    await gateway.registry.change_state(OWN, "revoke")
    access.allow("User:eve", "READ", f"fuyuan.{OTHERS}.bulk")
    set_config(access, retention_ms="-1")
    with pytest.raises((Refused, Unavailable), match="kafka-"):
        await of_three.mend()
    assert kinds(of_three.standing) == ["topic-missing", "topic-replication"]
    assert of_three.reached is True
    assert await state_of(gateway) == "revoked"


async def until_reached(reconciler: Reconciler) -> None:
    async with asyncio.timeout(60):
        while True:
            try:
                await reconciler.mend()
            except Unavailable:
                await asyncio.sleep(0.5)
            else:
                return


async def test_brokers_that_keep_no_acls_are_told_of_and_confirm_nothing(
    gateway: Gateway, tmp_path: Path, kafka: Kafka
) -> None:
    if kafka.broker is None:
        pytest.skip("a broker of our own is needed: unset FUYUAN_TEST_KAFKA")
    open_to_all = make_kafka(tmp_path, authorizer_class_name="")
    assert open_to_all.broker is not None
    open_to_all.broker.start()
    try:
        await gateway.registry.activate(with_kafka(gateway, OWN))
        settings = Settings(data_dir=tmp_path / "data", kafka_bootstrap=open_to_all.bootstrap)
        reconciler = open_reconciler(settings, gateway.engine, gateway.registry)
        assert kinds((await reconciler.mend()).drifts) == ["acls-off", "user-missing"]
        await gateway.registry.change_state(OWN, "revoke")
        await reconciler.mend()
        assert await state_of(gateway) == "revoking"
    finally:
        open_to_all.broker.stop()


def mode_of(file: Path) -> int:
    return file.stat().st_mode & 0o777


def read_text(file: Path) -> str:
    return file.read_text().strip()


async def test_the_operator_makes_a_user_once_and_sees_what_differs(
    access: Access, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    for name, value in access.settings().model_dump(exclude_none=True).items():
        if name in ("data_dir", "kafka_bootstrap", "kafka_security", "kafka_password_file", "kafka_ca_file"):
            monkeypatch.setenv(f"FUYUAN_{name.upper()}", str(value))
    with pytest.raises(NotFound, match="unknown-party"):
        await new_user("nobody-here", None)
    await new_user(GATEWAY, None)  # the one party that a fresh journal has
    said = json.loads(capsys.readouterr().out)
    file = Path(said["password_file"])
    assert mode_of(file) == 0o600
    access.passwords[said["user"]] = password = read_text(file)
    assert access.create(said["user"], "fuyuan.mine.bulk") == "TOPIC_AUTHORIZATION_FAILED", (
        "it comes in, and may nothing"
    )
    with pytest.raises(Conflict, match="file-exists"):
        await new_user(GATEWAY, None)
    assert read_text(file) == password, "the old one stands"
    assert password not in json.dumps(said)
    access.enter("fuyuan-party-nobody")
    assert await show_access(mend=False) == 1
    assert '"drift":"user-extra"' in capsys.readouterr().out
    assert await show_access(mend=True) == 0
    assert "fuyuan-party-nobody" not in access.users()
