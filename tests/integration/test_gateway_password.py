"""deploy/compose/change-password.sh at a real broker whose listener for brokers takes certificates alone."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from deploy.kafka.broker import HOST, JARS
from tests.servers.kafka import Kafka, make_kafka

COMPOSE = Path(__file__).parents[2] / "deploy/compose"
BASH = shutil.which("bash") or "bash"
OLD, NEW = "0a" * 32, "1b" * 32


@pytest.fixture
def by_certificate(kafka: Kafka, tmp_path: Path) -> Iterator[Kafka]:
    """One of our own; the fixture asked for has fetched its files. The certificate names an administrator."""
    made = make_kafka(
        tmp_path,
        listener_security_protocol_map="PLAINTEXT:PLAINTEXT,SECURE:SASL_SSL,INTERNAL:SSL,CONTROLLER:PLAINTEXT",
        listener_name_internal_ssl_client_auth="required",
        ssl_truststore_type="PEM",
        ssl_truststore_location=str(tmp_path / "ca.pem"),
        super_users="User:ANONYMOUS;User:CN=test broker",
    )
    assert made.broker is not None
    made.broker.start()
    yield made
    made.broker.stop()


@pytest.fixture
def container(by_certificate: Kafka, tmp_path: Path) -> dict[str, str]:
    """What a broker's container has, by the environment: its settings, Kafka's own programs, a folder to write."""
    given = tmp_path / "compose"
    given.mkdir()
    shutil.copy(COMPOSE / "log4j2.yaml", given)
    text = (COMPOSE / "broker.properties").read_text("utf-8")
    text = text.replace("/run/secrets/kafka-node", str(tmp_path / "broker.pem"))
    (given / "broker.properties").write_text(text.replace("/run/secrets/ca", str(tmp_path / "ca.pem")), "utf-8")
    program = tmp_path / "bin/kafka-configs.sh"
    program.parent.mkdir()
    (tmp_path / "scratch").mkdir()
    run = f"""exec java $KAFKA_HEAP_OPTS $KAFKA_LOG4J_OPTS -cp '{JARS}/*' kafka.admin.ConfigCommand "$@"\n"""
    program.write_text(f'#!/bin/sh\necho "$*" >>{tmp_path}/asked\n{run}')
    program.chmod(0o700)
    assert by_certificate.broker is not None
    port = re.search(r"INTERNAL://[\d.]+:(\d+)", by_certificate.broker.settings["listeners"])
    assert port
    return {
        "KAFKA_HOME": str(tmp_path),
        "BROKER_PROPERTIES": str(given / "broker.properties"),
        "BROKER": f"{HOST}:{port[1]}",
        "TMPDIR": str(tmp_path / "scratch"),
    }


def change(container: dict[str, str], password: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [BASH, COMPOSE / "change-password.sh"],
        env=os.environ | container,
        input=password + "\n",
        capture_output=True,
        text=True,
        check=False,
    )


def come_in(kafka: Kafka, password: str, seconds: int) -> None:
    """Raises KafkaException where the broker does not take it."""
    options = {
        "bootstrap.servers": kafka.secure,
        "security.protocol": "SASL_SSL",
        "ssl.ca.location": str(kafka.ca_file),
        "sasl.mechanism": "SCRAM-SHA-512",
        "sasl.username": "fuyuan-gateway",
        "sasl.password": password,
        "log_level": 0,
    }
    AdminClient(options).list_topics(timeout=seconds)


def test_the_gateway_s_password_is_changed_where_the_brokers_keep_it(
    by_certificate: Kafka, container: dict[str, str], tmp_path: Path
) -> None:
    for password in (OLD, NEW):
        done = change(container, password)
        assert done.returncode == 0, done.stdout + done.stderr
        come_in(by_certificate, password, 20)
        assert password not in done.stdout + done.stderr + (tmp_path / "asked").read_text()
    with pytest.raises(KafkaException):
        come_in(by_certificate, OLD, 3)
    assert not list((tmp_path / "scratch").iterdir())


@pytest.mark.parametrize("password", ["", "short", "0a" * 32 + "]", "0a" * 32 + ",iterations=1"])
def test_what_is_no_password_changes_nothing(tmp_path: Path, password: str) -> None:
    done = change({"KAFKA_HOME": str(tmp_path), "NODE_ID": "1", "TMPDIR": str(tmp_path)}, password)
    assert done.returncode == 1
    assert "32 letters and digits" in done.stderr
    assert not list(tmp_path.iterdir())
