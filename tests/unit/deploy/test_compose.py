"""deploy/compose.yaml without an engine: what it names is there, what it opens is meant, what it sets exists."""

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from gateway.delivery.access import user_of
from gateway.settings import PREFIX, Settings
from tests.unit.deploy.conftest import Load

DEPLOY = Path(__file__).parents[3] / "deploy"
VARIABLE = re.compile(r"\$\{(\w+):\?[^}]+\}")
GIVEN = {
    "FUYUAN_LOCAL": "/srv/fuyuan",
    "FUYUAN_UID": "10001",
    "FUYUAN_GID": "10001",
    "FUYUAN_KAFKA_CLUSTER": "bq4JnSzkjCrar0hJqLEf_Q",
    "FUYUAN_AGENCY": "my-licences",
    "FUYUAN_AGENT_CONTRACT": "debtors-to-market-regulation",
}
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}

TEXT = (DEPLOY / "compose.yaml").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load(VARIABLE.sub(lambda found: GIVEN[found[1]], TEXT))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
GATEWAYS = ["gateway-1", "gateway-2"]
BROKERS = ["kafka-1", "kafka-2", "kafka-3"]
each_service = pytest.mark.parametrize("name", SERVICES)


def sources(name: str, kind: str) -> list[str]:
    """The names of the secrets or configs that a service uses."""
    return [one if isinstance(one, str) else one["source"] for one in SERVICES[name].get(kind, [])]


def networks(name: str) -> set[str]:
    return set(SERVICES[name]["networks"])


def test_the_parts_that_were_promised() -> None:
    assert sorted(SERVICES) == sorted([*BROKERS, *GATEWAYS, "postgres", "agent"])


def test_compose_itself_can_read_it() -> None:
    docker = shutil.which("docker")
    known = docker and subprocess.run([docker, "compose", "version"], capture_output=True, check=False).returncode == 0
    if not known:  # in CI too: Debian 12 has no package of it
        pytest.skip("`docker compose config` did not run: install Docker's docker-compose-plugin; it needs no engine")
    subprocess.run(
        [str(docker), "compose", "--profile", "*", "--file", DEPLOY / "compose.yaml", "config", "--quiet"],
        env=os.environ | GIVEN,
        check=True,
        timeout=60,
    )


def test_a_start_without_preparation_says_what_to_do() -> None:
    assert set(VARIABLE.findall(TEXT)) == set(GIVEN)
    assert VARIABLE.sub("", TEXT).count("${") == 0
    assert set(re.findall(r":\?([^}]+)\}", TEXT)) == {"run deploy/prepare.sh first"}


@each_service
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["user"] == "10001:10001"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["restart"] == "unless-stopped"
    assert set(service["deploy"]["resources"]["limits"]) == {"cpus", "memory", "pids"}
    assert set(service["logging"]["options"]) == {"max-size", "max-file"}
    assert all("nosuid,nodev" in mount and "size=" in mount for mount in service["tmpfs"])
    assert not {"privileged", "cap_add", "devices", "pid", "ipc", "network_mode", "userns_mode"} & set(service)


@each_service
def test_every_service_says_when_it_is_well_and_has_time_to_stop(name: str) -> None:
    service = SERVICES[name]
    assert {"test", "interval", "timeout", "start_period", "retries"} <= set(service["healthcheck"])
    assert service["healthcheck"]["test"][0] == "CMD"
    assert int(service["stop_grace_period"].removesuffix("s")) > 20
    for other, how in service.get("depends_on", {}).items():
        assert other in SERVICES
        assert how == {"condition": "service_healthy"}


@each_service
def test_every_image_is_pinned(name: str) -> None:
    repository, _, tag = SERVICES[name]["image"].rpartition(":")
    assert repository in {"fuyuan", "postgres", "apache/kafka"}
    assert re.match(r"\d+\.\d+", tag), tag


@each_service
def test_ports_are_open_to_this_machine_alone(name: str) -> None:
    ports = SERVICES[name].get("ports", [])
    assert all(re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port) for port in ports)
    assert bool(ports) == (name in {*GATEWAYS, "agent"})


def test_no_port_is_published_twice() -> None:
    published = [port.split(":")[1] for service in SERVICES.values() for port in service.get("ports", [])]
    assert len(published) == len(set(published)) == 3


@pytest.mark.parametrize("kind", ["secrets", "configs", "networks"])
def test_what_is_named_is_defined_and_what_is_defined_is_used(kind: str) -> None:
    used = {one for name in SERVICES for one in (networks(name) if kind == "networks" else sources(name, kind))}
    assert used == set(COMPOSE[kind])


def test_the_files_of_the_repository_are_there() -> None:
    assert all((DEPLOY / config["file"]).is_file() for config in COMPOSE["configs"].values())
    build = SERVICES["gateway-1"]["build"]
    assert (DEPLOY / build["context"] / build["dockerfile"]).is_file()


def test_nothing_secret_stands_in_it_and_secrets_come_from_the_prepared_folder() -> None:
    assert all(secret["file"].startswith("/srv/fuyuan/secrets/") for secret in COMPOSE["secrets"].values())
    for name, service in SERVICES.items():
        for variable, value in service.get("environment", {}).items():
            secret = re.search(r"PASSWORD|SECRET|TOKEN|PASSFILE|_KEY$", variable)
            assert not secret or value.startswith("/run/secrets/"), f"{name}: {variable}"
            assert not re.search(r"://[^/@]*:[^/@]*@", value), f"{name}: {variable} holds a password"


@each_service
def test_a_secret_that_is_named_in_a_setting_is_mounted(name: str) -> None:
    service = SERVICES[name]
    mounted = {one if isinstance(one, str) else one.get("target", one["source"]) for one in service.get("secrets", [])}
    said = yaml.safe_dump([service.get("environment", {}), service.get("command", "")])
    assert set(re.findall(r"/run/secrets/([\w-]+)", said)) <= mounted


def test_only_the_gateways_reach_the_database() -> None:
    assert [name for name in SERVICES if "database" in networks(name)] == ["postgres", *GATEWAYS]
    assert networks("postgres") == {"database"}
    assert COMPOSE["networks"]["database"]["internal"] is True
    assert COMPOSE["networks"]["kafka"]["internal"] is True


def test_the_gateways_share_keys_and_database_and_can_write_neither_key() -> None:
    one, two = (SERVICES[name] for name in GATEWAYS)
    assert one["volumes"] == two["volumes"]
    assert one["environment"] == two["environment"]
    assert [volume["read_only"] for volume in one["volumes"]] == [True]
    assert one["environment"]["FUYUAN_KEY_DIR"] == one["volumes"][0]["target"]


def test_a_folder_that_was_not_prepared_is_not_made_by_root() -> None:
    volumes = [volume for service in SERVICES.values() for volume in service.get("volumes", [])]
    assert volumes
    assert all(volume["bind"] == {"create_host_path": False} for volume in volumes)
    states = [volume["source"] for volume in volumes if "/state/" in volume["source"]]
    assert len(states) == len(set(states)) == 5


@pytest.mark.parametrize("name", [*GATEWAYS, "agent"])
def test_every_setting_is_one_and_its_value_is_taken(name: str, load: Load) -> None:
    environment = {key: value for key, value in SERVICES[name]["environment"].items() if key.startswith(PREFIX)}
    assert set(environment) <= SETTINGS
    settings = load(environment)
    assert {key: str(getattr(settings, key.removeprefix(PREFIX).lower())) for key in environment} == environment


def test_gateways_and_agent_reach_the_brokers_by_password_over_tls() -> None:
    by_side = {"": SERVICES["gateway-1"]["environment"], "AGENT_": SERVICES["agent"]["environment"]}
    for side, environment in by_side.items():
        said = {name: environment[f"FUYUAN_{side}KAFKA_{name}"] for name in ("BOOTSTRAP", "SECURITY", "CA_FILE")}
        assert said["BOOTSTRAP"].split(",") == [f"{name}:9092" for name in BROKERS]
        assert said["SECURITY"] == "sasl_ssl"
        assert said["CA_FILE"] == "/run/secrets/ca"
    assert by_side["AGENT_"]["FUYUAN_AGENT_KAFKA_USER"] == user_of(GIVEN["FUYUAN_AGENCY"])
    assert int(by_side[""]["FUYUAN_KAFKA_REPLICATION"]) == len(BROKERS)
    assert f"User:{by_side['']['FUYUAN_KAFKA_USER']}" in properties()["super.users"].split(";")


def test_the_agent_asks_for_a_token_since_it_listens_to_others() -> None:
    environment = SERVICES["agent"]["environment"]
    assert environment["FUYUAN_AGENT_HOST"] == "0.0.0.0"  # noqa: S104 - inside its container
    assert environment["FUYUAN_AGENT_TOKEN_FILE"] == "/run/secrets/agency-token"


def properties() -> dict[str, str]:
    lines = (DEPLOY / "compose/broker.properties").read_text("utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


def test_brokers_keep_two_copies_and_deny_what_nobody_allowed() -> None:
    said = properties()
    assert said["authorizer.class.name"] == "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    assert said["allow.everyone.if.no.acl.found"] == "false"
    assert said["auto.create.topics.enable"] == "false"
    assert said["unclean.leader.election.enable"] == "false"
    assert said["min.insync.replicas"] == "2"
    assert {said[key] for key in said if key.endswith("replication.factor")} == {"3"}


def test_no_listener_of_a_broker_is_without_tls_and_proof() -> None:
    said = properties()
    protocols = dict(one.split(":") for one in said["listener.security.protocol.map"].split(","))
    assert set(protocols.values()) == {"SASL_SSL", "SSL"}
    for listener, protocol in protocols.items():
        if protocol == "SSL":
            assert said[f"listener.name.{listener.lower()}.ssl.client.auth"] == "required"
    assert {one.split("://")[0] for one in said["listeners"].split(",")} == set(protocols)
    voters = [one.split("@") for one in said["controller.quorum.voters"].split(",")]
    assert [(number, host.split(":")[0]) for number, host in voters] == [
        (SERVICES[name]["environment"]["NODE_ID"], name) for name in BROKERS
    ]
