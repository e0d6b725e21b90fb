"""The broker of `deploy/kafka` as the tests have it: who may come in, and that it survives what it must."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka.admin import AdminClient

from deploy.kafka.broker import is_open
from gateway.demo.processes import free_port
from tests.servers.kafka import ADMIN, Kafka

ROOT = Path(__file__).parents[2]


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


def test_a_developer_has_one_until_ctrl_c(kafka: Kafka) -> None:
    """`make kafka`; the fixture is asked for because it fetches the broker, or says how to get it."""
    port = free_port()
    run = subprocess.Popen(
        [sys.executable, "deploy/kafka/broker.py"],
        cwd=ROOT,
        env=os.environ | {"KAFKA_PORT": str(port)},
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert run.stdout is not None
        assert f"127.0.0.1:{port}" in run.stdout.readline()
        admin = AdminClient({"bootstrap.servers": f"127.0.0.1:{port}", "log_level": 0})
        topic = admin.list_topics("made-by-nobody", timeout=20).topics["made-by-nobody"]
        assert topic.error is not None, "no topic comes of asking for it"
        run.send_signal(signal.SIGINT)
        assert run.wait(60) == 0
        assert not is_open(port)
    finally:
        run.kill()
        run.communicate()
        shutil.rmtree(ROOT / "deploy/kafka/target/data" / str(port), ignore_errors=True)
