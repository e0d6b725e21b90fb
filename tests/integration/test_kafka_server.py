"""The broker of `deploy/kafka` as the tests have it: who may come in, and that it survives what it must."""

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from tests.servers.kafka import ADMIN, Kafka


def _admin(kafka: Kafka, password: str) -> AdminClient:
    return AdminClient(
        {
            "bootstrap.servers": kafka.secure,
            "security.protocol": "SASL_SSL",
            "ssl.ca.location": str(kafka.ca_file),
            "sasl.mechanism": "SCRAM-SHA-512",
            "sasl.username": ADMIN,
            "sasl.password": password,
            "log_level": 0,
        }
    )


def test_the_admin_comes_in_by_scram_over_tls_and_a_wrong_password_does_not(secure_kafka: Kafka) -> None:
    assert secure_kafka.admin_password is not None
    assert len(_admin(secure_kafka, secure_kafka.admin_password).list_topics(timeout=20).brokers) == 1
    with pytest.raises(KafkaException) as refused:
        _admin(secure_kafka, "wrong").list_topics(timeout=3)
    assert refused.value.args[0].code() in (KafkaError._TRANSPORT, KafkaError._AUTHENTICATION)


def test_it_goes_on_with_its_data_after_a_kill(kafka: Kafka) -> None:
    if kafka.broker is None:
        pytest.skip("a broker named by FUYUAN_TEST_KAFKA is not ours to kill")
    kafka.broker.kill()
    kafka.broker.start()
    assert AdminClient({"bootstrap.servers": kafka.bootstrap, "log_level": 0}).list_topics(timeout=20).brokers
