"""Where the Kafka brokers are said to be."""

import pytest

from gateway.broker import Broker
from gateway.errors import Refused


@pytest.mark.parametrize("given", ["kafka-1:9092", "10.0.0.1:9092, 10.0.0.2:9092", "[::1]:9092,kafka.example:1"])
def test_addresses(given: str) -> None:
    assert Broker(given).options()["bootstrap_servers"] == given


@pytest.mark.parametrize(
    "given", ["", "kafka", "kafka:port", "kafka:99999", "a b:1", "[::1", "::1:9092", "kafka:1,", "http://kafka:1"]
)
def test_what_is_no_address_is_refused_before_a_client_is_made_of_it(given: str) -> None:
    """The client library ends in errors of all kinds, some of them only once it connects."""
    with pytest.raises(Refused, match="kafka-settings"):
        Broker(given).options()
