"""What an operator watches the gateway by, as Prometheus reads it; docs/operations.md has the table.

Two kinds: what this process counts as it happens, and what the database says at the moment of reading, which is the
same at every gateway process. Labels hold ids, lanes, feeds and codes that this gateway knows, never what a stranger
wrote and never a personal value (rule P1).
"""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.clock import Clock
from gateway.delivery.lag import LaneLag, read_lags
from gateway.journal.schema import read_revision
from gateway.journal.tables import journal_head, quarantine

CONTENT_TYPE: Final = CONTENT_TYPE_PLAIN_0_0_4
FRESH: Final = timedelta(seconds=1)  # scrapes within it share one reading of the database

# Seconds: from what a good day looks like up to one working day, the clock of a release (Henan credit regulation 42).
DELAYS: Final = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 15.0, 60.0, 300.0, 1800.0, 7200.0, 28_800.0, 86_400.0)


class Brokers(Protocol):
    """What `gateway/delivery/reconcile.py` tells of the Kafka brokers."""

    @property
    def found(self) -> Mapping[str, int]: ...
    @property
    def kinds_standing(self) -> Mapping[str, int]: ...
    @property
    def reached(self) -> bool | None: ...


@dataclass(frozen=True, slots=True)
class Reading:
    """The database at one moment. `revision`: of its schema; `quarantined`: records by (feed, code)."""

    at: datetime
    revision: str | None
    positions: int
    leaves: int
    quarantined: Mapping[tuple[str, str], int]
    lanes: Sequence[LaneLag]


async def read_database(engine: AsyncEngine, clock: Clock) -> Reading:
    """Four queries in a read transaction: nobody who appends waits for it."""
    async with engine.connect() as connection:
        head = (await connection.execute(select(journal_head))).one()
        codes = await connection.execute(
            select(quarantine.c.feed, quarantine.c.code, func.count()).group_by(quarantine.c.feed, quarantine.c.code)
        )
        quarantined = {(feed, code): count for feed, code, count in codes}
        return Reading(
            at=clock.now(),
            revision=await read_revision(connection),
            positions=head.size,
            leaves=head.leaves,
            quarantined=quarantined,
            lanes=await read_lags(connection),
        )


def requests_counter(registry: CollectorRegistry) -> Counter:
    """Of every HTTP face. The route is its template, `none` where no route answers: paths are a stranger's words."""
    return Counter("fuyuan_requests", "HTTP requests answered.", ("route", "status"), registry=registry)


class Metrics(Collector):
    """One gateway process's. Each has a registry of its own, so that two gateways in one process do not mix."""

    def __init__(self, engine: AsyncEngine, clock: Clock) -> None:
        self._engine = engine
        self._clock = clock
        self._reading: Reading | None = None
        self._turn = asyncio.Lock()
        self._registry = registry = CollectorRegistry()
        self._requests = requests_counter(registry)
        self._pushes = Counter(
            "fuyuan_pushes", "Pushes through topics answered.", ("feed", "status"), registry=registry
        )
        self._intake = Counter(
            "fuyuan_intake_records", "Records taken in, by what became of them.", ("feed", "outcome"), registry=registry
        )
        self._receipt_delay = Histogram(
            "fuyuan_receipt_delay_seconds",
            "received: since the oldest number was given; blocked and released: since its cause was journalled.",
            ("contract", "kind"),
            buckets=DELAYS,
            registry=registry,
        )
        self._routing_failures = Counter(
            "fuyuan_routing_failures", "Times that routing met a database that does not answer.", registry=registry
        )
        self._brokers: Brokers | None = None
        registry.register(self)

    def watch(self, brokers: Brokers) -> None:
        """Tell of the Kafka brokers, too."""
        self._brokers = brokers

    def count_request(self, route: str, status: int) -> None:
        self._requests.labels(route, str(status)).inc()

    def count_push(self, feed: str, status: int) -> None:
        """`feed` is a contract's."""
        self._pushes.labels(feed, str(status)).inc()

    def count_intake(self, feed: str, outcomes: Mapping[str, int]) -> None:
        """`feed` is one of the catalogue's."""
        for outcome, count in outcomes.items():
            if count:
                self._intake.labels(feed, outcome).inc(count)

    def observe_receipt(self, contract: str, kind: str, seconds: float) -> None:
        self._receipt_delay.labels(contract, kind).observe(seconds)

    def count_routing_failure(self) -> None:
        self._routing_failures.inc()

    async def read(self) -> Reading:
        """The database as it stood within the last second. Raises OperationalError where it is away."""
        async with self._turn:
            reading = self._reading
            if reading is None or not timedelta() <= self._clock.now() - reading.at < FRESH:
                reading = self._reading = await read_database(self._engine, self._clock)
        return reading

    async def render(self) -> bytes:
        """In Prometheus's text format. Raises as `read` does."""
        await self.read()
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For the registry: what was read last."""
        reading = self._reading
        if reading is None:
            return
        yield _gauge("fuyuan_journal_positions", "Record versions and other entries in the journal.", reading.positions)
        yield _gauge("fuyuan_journal_leaves", "Leaves of the journal's tree.", reading.leaves)
        quarantined = GaugeMetricFamily("fuyuan_quarantined", "Records in quarantine.", labels=("feed", "code"))
        for labels, count in reading.quarantined.items():
            quarantined.add_metric(labels, count)
        yield quarantined
        yield from _lanes(reading)
        if self._brokers is not None:
            yield from _kafka(self._brokers)


def _gauge(name: str, text: str, value: float) -> Metric:
    return GaugeMetricFamily(name, text, value=value)


def _lanes(reading: Reading) -> Iterator[Metric]:
    labels = ("contract", "lane")
    last = GaugeMetricFamily("fuyuan_lane_last", "The last number given.", labels=labels)
    shown = GaugeMetricFamily("fuyuan_lane_shown", "The last number that the subscriber was shown.", labels=labels)
    acknowledged = GaugeMetricFamily(
        "fuyuan_lane_acknowledged", "The last number that a receipt covers; none for receipts.", labels=labels
    )
    sent = GaugeMetricFamily(
        "fuyuan_lane_sent", "The last number that the brokers have; none where no topic is fed.", labels=labels
    )
    lag = GaugeMetricFamily("fuyuan_lane_lag", "Numbers that no receipt covers.", labels=labels)
    undelivered = GaugeMetricFamily(
        "fuyuan_lane_undelivered_seconds",
        "Age of the oldest number neither shown nor, over Kafka, in its topic; 0 where all are.",
        labels=labels,
    )
    unsent = GaugeMetricFamily(
        "fuyuan_lane_unsent_seconds",
        "Age of the oldest number that is not in its topic; 0 where all are.",
        labels=labels,
    )
    unrouted = GaugeMetricFamily(
        "fuyuan_lane_unrouted_seconds", "Age of the oldest entry without a number; 0 where none waits.", labels=labels
    )
    for one in reading.lanes:
        key = (one.contract, one.lane)
        last.add_metric(key, one.last)
        shown.add_metric(key, one.shown)
        if one.receipted:
            acknowledged.add_metric(key, one.acknowledged)
        lag.add_metric(key, one.lag)
        if one.sent is not None:
            sent.add_metric(key, one.sent)
            unsent.add_metric(key, _age(reading.at, one.unsent_since))
        undelivered.add_metric(key, _age(reading.at, one.undelivered_since))
        unrouted.add_metric(key, _age(reading.at, one.unrouted_since))
    yield from (last, shown, acknowledged, sent, lag, undelivered, unsent, unrouted)


def _kafka(brokers: Brokers) -> Iterator[Metric]:
    if brokers.reached is not None:
        yield _gauge("fuyuan_kafka_reached", "1 where the last look at the brokers succeeded.", int(brokers.reached))
    standing = GaugeMetricFamily(
        "fuyuan_kafka_drift", "Differences from the contracts that stand at the brokers.", labels=("kind",)
    )
    found = CounterMetricFamily("fuyuan_kafka_drift_found", "Differences made by hand and found.", labels=("kind",))
    for kind, count in brokers.kinds_standing.items():
        standing.add_metric((kind,), count)
    for kind, count in brokers.found.items():
        found.add_metric((kind,), count)
    yield from (standing, found)


def _age(now: datetime, since: datetime | None) -> float:
    return 0.0 if since is None else max(0.0, (now - since).total_seconds())
