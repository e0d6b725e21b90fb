"""What an agency's operator watches its agent by; docs/operations.md has the table. No label holds a personal value."""

from collections.abc import Callable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gateway.agent.status import Status
from gateway.metrics import requests_counter

LATENCIES: Final = (0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.05, 0.25, 1.0)  # seconds


class AgentMetrics(Collector):
    """The screening service's; what the follower does shows in the index that both share."""

    def __init__(self, contract: str, read_status: Callable[[], Status]) -> None:
        self._contract = contract
        self._read_status = read_status
        self._registry = registry = CollectorRegistry()
        self._requests = requests_counter(registry)
        self._decisions = Counter(
            "fuyuan_agent_decisions", "Screenings answered, by decision.", ("decision",), registry=registry
        )
        self._screening = Histogram(
            "fuyuan_agent_screening_seconds", "Time to decide one application.", buckets=LATENCIES, registry=registry
        )
        registry.register(self)

    def count_request(self, route: str, status: int) -> None:
        self._requests.labels(route, str(status)).inc()

    def count_decision(self, decision: str, seconds: float) -> None:
        self._decisions.labels(decision).inc()
        self._screening.observe(seconds)

    def render(self) -> bytes:
        """In Prometheus's text format."""
        return generate_latest(self._registry)

    def collect(self) -> Iterator[Metric]:
        """For the registry: how the agent stands now."""
        status = self._read_status()
        values = {
            "list_age_seconds": ("Age of the list; absent before the first one was complete.", status.age_seconds),
            "unknown": ("1 while no decision can be made.", int(status.unknown is not None)),
            "applied_bulk": ("The last number applied of the bulk lane.", status.standing.bulk),
            "applied_priority": ("The last number applied of the priority lane.", status.standing.priority),
            "behind": ("Numbers that a heartbeat told of and that are not applied.", status.standing.behind),
            "pending": ("Records to be looked up in the register.", status.pending),
            "holds": ("Holds that stand.", status.holds),
            "orders": ("Orders to the register that wait.", status.orders),
            "receipts": ("Receipts to the gateway that wait.", status.receipts),
            "aside": ("Receipts that the gateway refused.", status.aside),
            "kill_switch": ("1 while nothing new is blocked.", int(status.kill_switch)),
        }
        for name, (text, value) in values.items():
            if value is not None:
                gauge = GaugeMetricFamily(f"fuyuan_agent_{name}", text, labels=("contract",))
                gauge.add_metric((self._contract,), value)
                yield gauge
