"""`fuyuan doctor` and /metrics on the Kafka brokers: none, one that is away, one that differs, one that is mended."""

import secrets
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from gateway.admin.registry import Registry
from gateway.broker import Broker
from gateway.clock import SystemClock
from gateway.demo.processes import free_port
from gateway.doctor.broker import check_broker
from gateway.doctor.finding import Finding
from gateway.doctor.gateway import examine_gateway
from gateway.errors import Refused
from gateway.settings import Settings
from gateway.trust.keyring import load_keyring
from gateway.wiring import open_reconciler
from tests.integration.district import TO_MARKET, District
from tests.servers.kafka import Kafka


@pytest.fixture
def over_kafka() -> str:
    """A contract's id; the broker is shared with other tests."""
    return f"debtors-over-kafka-{secrets.token_hex(4)}"


def brokers(district: District, bootstrap: str) -> Settings:
    return district.running.settings.model_copy(update={"kafka_bootstrap": bootstrap})


async def findings(settings: Settings, district: District) -> list[Finding]:
    return [one for one in await examine_gateway(settings, district.clock) if one.area in ("broker", "contracts")]


async def test_a_contract_over_kafka_and_no_broker_set(district: District, over_kafka: str) -> None:
    await district.activate(over_kafka, delivery=["kafka", "pull"])
    found = await findings(district.running.settings, district)
    assert [(one.level, one.code) for one in found] == [("error", "broker-missing")]
    assert over_kafka in found[0].text
    assert TO_MARKET not in found[0].text


async def test_a_broker_that_is_away(district: District) -> None:
    found = await findings(brokers(district, f"127.0.0.1:{free_port()}"), district)
    assert [(one.level, one.code) for one in found if one.level != "ok"] == [("error", "kafka-unreachable")]


async def test_a_password_that_cannot_be_read_is_one_finding_among_the_others(
    district: District, tmp_path: Path
) -> None:
    password = tmp_path / "password"
    password.write_bytes("口令".encode("gbk"))
    changed = {"kafka_security": "sasl_ssl", "kafka_password_file": password}
    settings = brokers(district, "127.0.0.1:1").model_copy(update=changed)
    found = await examine_gateway(settings, district.clock)
    assert [(one.area, one.code) for one in found if one.code == "kafka-settings"] == [("broker", "kafka-settings")]
    assert {"keys", "database", "lag"} <= {one.area for one in found}
    with pytest.raises(Refused, match="kafka-settings"):
        Broker("127.0.0.1:1", "sasl_ssl", "fuyuan-party-market", password).options()


async def test_a_broker_that_differs_and_is_mended(district: District, kafka: Kafka, over_kafka: str) -> None:
    await district.activate(over_kafka, delivery=["kafka", "pull"])
    settings = brokers(district, kafka.bootstrap)
    keyring = load_keyring(settings.key_dir, settings.party, district.clock)
    registry = Registry(district.running.engine, SystemClock(), keyring)
    reconciler = open_reconciler(settings, district.running.engine, registry)
    missing = [one for one in await check_broker(lambda: reconciler) if one.code == "topic-missing"]
    assert [one.level for one in missing] == ["warning"]
    assert f"fuyuan.{over_kafka}.bulk" in missing[0].text
    assert "fuyuan kafka access --mend" in missing[0].remedy
    await reconciler.mend()
    assert "topic-missing" not in {one.code for one in await check_broker(lambda: reconciler)}

    district.running.metrics.watch(reconciler)
    district.clock.advance(timedelta(seconds=1))
    token = settings.metrics_token_file.read_text("ascii").strip()
    headers = {"authorization": f"Bearer {token}"}
    text = (await district.send(httpx.Request("GET", "http://gateway.test/metrics", headers=headers))).text
    assert "fuyuan_kafka_reached 1.0" in text
    assert 'fuyuan_kafka_drift_found_total{kind="topic-missing"} 2.0' in text
    assert 'fuyuan_kafka_drift{kind="topic-missing"}' not in text
