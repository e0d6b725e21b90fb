"""How Kafka is reached: what is set and cannot be used is said in a sentence, whichever client asks."""

from pathlib import Path

import pytest

from gateway.broker import Broker
from gateway.delivery.kafka_access import open_brokers
from gateway.errors import Refused
from gateway.settings import Settings


@pytest.mark.parametrize("content", [None, b"\xff\xfe\x00"], ids=["missing", "no text"])
def test_a_password_file_that_cannot_be_read(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "password"
    if content is not None:
        file.write_bytes(content)
    settings = Settings(kafka_bootstrap="kafka-1:9092", kafka_security="sasl_ssl", kafka_password_file=file)
    with pytest.raises(Refused, match="kafka-settings"):
        open_brokers(settings)
    with pytest.raises(Refused, match="kafka-settings"):
        Broker("kafka-1:9092", "sasl_ssl", "fuyuan-gateway", file).options()


def test_what_is_not_set() -> None:
    for settings in (Settings(), Settings(kafka_bootstrap="kafka-1:9092", kafka_security="sasl_ssl")):
        with pytest.raises(Refused, match="kafka-settings"):
            open_brokers(settings)
    with pytest.raises(Refused, match="kafka-settings"):
        Broker("kafka-1:9092", "sasl_ssl", "fuyuan-party-x").options()


def test_certificates_that_are_none(tmp_path: Path) -> None:
    password, certificates = tmp_path / "password", tmp_path / "ca.pem"
    password.write_text("secret\n")
    certificates.write_text("none")
    broker = Broker("kafka-1:9092", "sasl_ssl", "fuyuan-gateway", password, certificates)
    assert broker.password() == "secret"
    with pytest.raises(Refused, match="kafka-settings"):
        broker.options()


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
