"""Which implementation stands behind each border. The only module that knows `adapters`."""

from collections.abc import Iterable
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

from adapters.feeds import read
from adapters.fronts.mapping import read_front_mapping
from adapters.fronts.sql import SqlFront
from adapters.interfaces.front import InterfaceFront
from adapters.interfaces.mapping import read_interface_mapping
from adapters.lines.bank import BankLine
from adapters.lines.land import LandLine
from adapters.registers.sql import SqlRegister, read_mapping
from adapters.sheets.table import read_sheet
from gateway.admin.registry import Registry
from gateway.agent.enforce import Register
from gateway.broker import gateway_broker, make_member, make_producer
from gateway.clock import Clock
from gateway.closing import Closing
from gateway.control.admission import Admission
from gateway.control.clocks import Clocks
from gateway.control.limits import limits_of
from gateway.delivery.access import INTAKE_GROUP, Plan
from gateway.delivery.heartbeat import Heartbeats
from gateway.delivery.kafka import KafkaLanes
from gateway.delivery.kafka_access import open_brokers
from gateway.delivery.producer import Producer
from gateway.delivery.pull import Pull
from gateway.delivery.reconcile import Reconciler
from gateway.delivery.route import Router
from gateway.delivery.send import Sender
from gateway.delivery.versions import Version, Versions
from gateway.delivery.wakeup import Wakeup
from gateway.intake import Intake
from gateway.journal.engine import JournalEngine, open_engine
from gateway.journal.nonces import Nonces
from gateway.journal.own_keys import open_keyring
from gateway.journal.proofs import Proofs
from gateway.journal.schema import upgrade
from gateway.metrics import Metrics
from gateway.precedence import Precedence
from gateway.push.answer import Answers
from gateway.push.topics import PushTopics
from gateway.reading.reading import Reading
from gateway.receipt_delays import Delays
from gateway.receipts import Receipts
from gateway.running import Running
from gateway.settings import Settings
from gateway.trust.keyring import Keyring
from gateway.trust.keys import Signer
from schemas.front import Front
from schemas.line import Charset, Institution, Line, Returns
from schemas.reading import Reader
from schemas.sheet import Sheet

# Every input record of a body, in order, as the adapters read it; a process that reads finds it by its name.
read_feed: Final[Reader] = read


async def open_gateway(settings: Settings, clock: Clock) -> Running:
    """The gateway's parts over its database and keys; nothing runs in the background yet.

    Raises as `upgrade` and `open_keyring` do.
    """
    engine = open_engine(settings.database_url, connections=settings.database_connections)
    keyring = await _begin(engine, settings, clock)
    wakeup = Wakeup()
    registry = Registry(engine, clock, keyring, changed=wakeup.signal)
    await registry.admit({"id": keyring.signing.party, "roles": ["gateway"]}, [keyring.signing.public()])
    metrics = Metrics(engine, clock)
    versions = Versions(keyring.vault)
    precedence = Precedence()

    def appended(new: Iterable[tuple[bytes, Version]]) -> None:
        versions.note(new)
        wakeup.signal()

    reading = Reading(read_feed, settings.reading_processes)
    intake = Intake(
        engine,
        clock,
        keyring,
        reading,
        Admission(clock, keyring, versions, limits_of(settings)),
        precedence=precedence,
        batch_records=settings.batch_records,
        appended=appended,
        counted=metrics.count_intake,
    )
    numbered = Wakeup()
    router = Router(engine, clock, versions, numbered=numbered.signal)
    sender = Sender(engine, clock, keyring, versions)
    heartbeats = Heartbeats(engine, clock, keyring)
    reconciler = open_reconciler(settings, engine, registry) if settings.kafka_bootstrap else None
    if reconciler is not None:
        metrics.watch(reconciler)
    return Running(
        settings=settings,
        engine=engine,
        clock=clock,
        registry=registry,
        reading=reading,
        intake=intake,
        receipts=Receipts(engine, clock, keyring, intake, versions, Closing(engine, clock, router)),
        pull=Pull(engine, clock, heartbeats, router, sender, wakeup, partial(registry.change_state, action="end")),
        proofs=Proofs(engine, clock, keyring.signing),
        # Gateways that one sender's clock suits are no further apart.
        nonces=Nonces(engine, clock, 2 * timedelta(seconds=settings.signature_skew_seconds)),
        router=router,
        heartbeats=heartbeats,
        kafka=_feed_kafka(settings, engine, clock, sender, heartbeats, numbered, precedence),
        precedence=precedence,
        pushes=_read_pushes(settings, engine, clock, intake, registry, keyring.signing, metrics),
        wakeup=wakeup,
        reconciler=reconciler,
        metrics=metrics,
        delays=Delays(engine, clock, metrics),
        clocks=Clocks(engine, clock, keyring.signing),
    )


async def _begin(engine: JournalEngine, settings: Settings, clock: Clock) -> Keyring:
    """Bring the database up to date, and open the keys that belong to it."""
    try:
        await upgrade(engine)
        return await open_keyring(engine, settings.key_dir, settings.party, clock)
    except BaseException:
        await engine.dispose()
        raise


def open_reconciler(settings: Settings, engine: JournalEngine, registry: Registry) -> Reconciler:
    """What keeps the Kafka brokers as the contracts want them. Raises Refused (`kafka-settings`)."""
    plan = Plan(
        settings.kafka_user, settings.kafka_retention_hours, settings.kafka_replication, intake=settings.kafka_intake
    )
    return Reconciler(engine, registry, open_brokers(settings), plan, settings.kafka_reconcile_seconds)


def _feed_kafka(
    settings: Settings,
    engine: JournalEngine,
    clock: Clock,
    sender: Sender,
    heartbeats: Heartbeats,
    numbered: Wakeup,
    precedence: Precedence,
) -> KafkaLanes | None:
    broker = gateway_broker(settings)
    if broker is None:
        return None
    producer = Producer(partial(make_producer, broker))
    return KafkaLanes(engine, clock, sender, heartbeats, producer, numbered, settings.party, precedence)


def _read_pushes(
    settings: Settings,
    engine: JournalEngine,
    clock: Clock,
    intake: Intake,
    registry: Registry,
    signer: Signer,
    metrics: Metrics,
) -> PushTopics | None:
    broker = gateway_broker(settings)
    if broker is None or not settings.kafka_intake:
        return None
    answers = Answers(
        engine,
        clock,
        intake,
        registry,
        signer,
        audience=settings.audience,
        skew_seconds=settings.signature_skew_seconds,
        max_body_bytes=settings.max_body_bytes,
        count=metrics.count_push,
    )
    producer = Producer(partial(make_producer, broker))
    return PushTopics(engine, answers, partial(make_member, broker, INTAKE_GROUP), producer)


def open_register(url: str, mapping: Path) -> Register:
    """The agency's own table, as its mapping file describes it."""
    return SqlRegister(url, read_mapping(mapping))


def open_front(url: str, mapping: Path, password: str | None = None) -> Front:
    """A department's front-end table, as its mapping file describes it. Raises FrontFault."""
    return SqlFront(url, read_front_mapping(mapping), password)


def open_line(
    institution: Institution, user: str, password: str, charset: Charset = "utf-8", returns: Returns = "feedback"
) -> Line:
    """The wire of a court's query-and-control line. `charset` is a registry's alone, `returns` a bank's."""
    return BankLine(user, password, returns) if institution == "bank" else LandLine(user, password, charset)


def open_interface(mapping: Path, token: str, file: Path, clock: Clock) -> Front:
    """A department's interface, as its mapping file describes it, read into `file`. Raises FrontFault, FrontAway."""
    return InterfaceFront(read_interface_mapping(mapping), token, file, clock.now)


def open_sheet(data: bytes) -> Sheet:
    """A clerk's table, by what its bytes are. Raises SheetFault."""
    return read_sheet(data)
