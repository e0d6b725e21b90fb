"""deploy/systemd: read by a parser of our own everywhere, and by systemd where it is installed."""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from gateway.settings import CONFIG, PREFIX, Settings
from tests.unit.deploy.conftest import Load

UNITS = sorted((Path(__file__).parents[3] / "deploy/systemd").glob("*.service"))
SETTINGS = {PREFIX + name.upper() for name in Settings.model_fields}
HARDENING = {
    "NoNewPrivileges": "yes",
    "CapabilityBoundingSet": "",
    "AmbientCapabilities": "",
    "ProtectSystem": "strict",
    "ProtectHome": "yes",
    "ProtectProc": "invisible",
    "ProtectClock": "yes",
    "ProtectControlGroups": "yes",
    "ProtectHostname": "yes",
    "ProtectKernelLogs": "yes",
    "ProtectKernelModules": "yes",
    "ProtectKernelTunables": "yes",
    "PrivateDevices": "yes",
    "PrivateTmp": "yes",
    "PrivateUsers": "yes",
    "RestrictNamespaces": "yes",
    "RestrictRealtime": "yes",
    "RestrictSUIDSGID": "yes",
    "LockPersonality": "yes",
    "MemoryDenyWriteExecute": "yes",
    "RestrictAddressFamilies": "AF_INET AF_INET6 AF_UNIX",
    "SystemCallArchitectures": "native",
    "UMask": "0077",
    "StateDirectoryMode": "0700",
    "Restart": "on-failure",
}
SERVERS = [unit for unit in UNITS if unit.stem in {"fuyuan-agent", "fuyuan-gateway"}]
(LINE,) = (unit for unit in UNITS if unit.stem == "fuyuan-line")
WAYS_IN = [unit for unit in UNITS if unit not in {*SERVERS, LINE}]
WRITTEN = {"fuyuan-watch": ["-/srv/exchange/out"], "fuyuan-line": ["-/srv/line"]}  # besides the state
each_server = pytest.mark.parametrize("unit", SERVERS, ids=lambda path: path.name)
each_unit = pytest.mark.parametrize("unit", UNITS, ids=lambda path: path.name)


def parsed(unit: Path) -> dict[str, dict[str, list[str]]]:
    """Section, key, and the key's values in order; a line that is neither fails."""
    sections: dict[str, dict[str, list[str]]] = {}
    section: dict[str, list[str]] = {}
    for line in unit.read_text("utf-8").replace("\\\n", "").splitlines():
        if not line or line.startswith("#"):
            continue
        if head := re.fullmatch(r"\[(\w+)\]", line):
            section = sections.setdefault(head[1], {})
            continue
        said = re.fullmatch(r"([A-Z]\w+)=(.*)", line)
        assert said, line
        section.setdefault(said[1], []).append(said[2])
    return sections


def service(unit: Path) -> dict[str, list[str]]:
    return parsed(unit)["Service"]


def kafka(unit: Path) -> Path:
    """The drop-in that is added where the contract names Kafka."""
    return unit.with_name(f"{unit.name}.d") / "kafka.conf"


def test_all_are_there() -> None:
    assert [unit.stem.removeprefix("fuyuan-") for unit in SERVERS] == ["agent", "gateway"]
    assert [unit.stem.removeprefix("fuyuan-") for unit in WAYS_IN] == ["fetch", "front", "sftp", "watch"]


@each_unit
def test_it_is_hardened(unit: Path) -> None:
    said = service(unit)
    wanted = HARDENING | (
        {"UMask": "0027"} if unit.stem == "fuyuan-watch" else {}
    )  # results are for the folder's group
    assert {key: said.get(key) for key in wanted} == {key: [value] for key, value in wanted.items()}
    assert said.get("ReadWritePaths") == WRITTEN.get(unit.stem)
    given_back = ["setpriority"] if unit.stem == "fuyuan-agent" else []  # of @resources: the follower makes itself nice
    assert said["SystemCallFilter"] == ["@system-service", "~@privileged @resources", *given_back]
    looks_how_busy_it_is = unit.stem in ("fuyuan-agent", "fuyuan-gateway")
    assert ("ProcSubset" in said) == (not looks_how_busy_it_is)
    assert said["User"][0] not in {"root", "0"}
    assert parsed(unit)["Install"] == {"WantedBy": ["multi-user.target"]}


def test_no_two_on_one_machine_are_one_user() -> None:
    """What one keeps, and is handed, no other reads."""
    assert len({service(unit)["User"][0] for unit in UNITS}) == len(UNITS)
    assert all(service(unit)["Group"] == service(unit)["User"] for unit in UNITS)


@each_unit
def test_every_setting_is_one_and_every_key_file_is_handed_over(unit: Path) -> None:
    said = service(unit)
    environment = dict(one.split("=", 1) for one in said["Environment"])
    assert set(environment) <= SETTINGS | {CONFIG}
    handed = {one.partition(":")[0] for one in said["LoadCredential"]}
    used = {value.removeprefix("%d/") for value in environment.values() if value.startswith("%d/")}
    used |= set(re.findall(r"%d/([\w.-]+)", said["ExecStart"][0]))
    if "%d" in environment.values():  # the whole folder, as gateway/trust/keyring.py reads it
        used |= {"signing.jwk", "vault.key", "records.key"}
    assert used == handed


@each_server
def test_every_setting_for_kafka_is_one_and_is_taken(unit: Path, load: Load) -> None:
    assert set(parsed(kafka(unit))) == {"Service"}
    said = service(kafka(unit))
    assert set(said) == {"Environment", "LoadCredential"}
    environment = dict(one.split("=", 1) for one in said["Environment"])
    assert set(environment) <= SETTINGS
    handed = {one.partition(":")[0] for one in said["LoadCredential"]}
    assert {value.removeprefix("%d/") for value in environment.values() if value.startswith("%d/")} == handed
    settings = load(environment)
    assert {key: str(getattr(settings, key.removeprefix(PREFIX).lower())) for key in environment} == environment
    assert environment[next(key for key in environment if key.endswith("_SECURITY"))] == "sasl_ssl"


@each_unit
def test_it_has_more_time_to_stop_than_it_takes(unit: Path) -> None:
    """10 s for what is in flight, and at the agent 10 s for its follower."""
    assert int(service(unit)["TimeoutStopSec"][0]) > 20
    assert service(unit)["KillMode"] == ["mixed"]


@each_unit
def test_it_is_started_again_for_ever(unit: Path) -> None:
    """A database, a gateway or a folder of others may be away for days; nobody is told of a unit that was given up."""
    assert parsed(unit)["Unit"]["StartLimitIntervalSec"] == ["0"]
    assert int(service(unit)["RestartSec"][0]) >= 1


@each_unit
def test_it_starts_a_command_that_there_is(unit: Path) -> None:
    """And one that takes these options and arguments: it ends at the first file or setting that is not here."""
    program, command, *arguments = service(unit)["ExecStart"][0].split()
    assert program == "/opt/fuyuan/bin/fuyuan"
    fuyuan = Path(sys.executable).with_name("fuyuan")
    done = subprocess.run([fuyuan, command, "--help"], capture_output=True, check=False)
    assert done.returncode == 0
    if arguments:
        bare = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        done = subprocess.run([fuyuan, command, *arguments], env=bare, capture_output=True, check=False)
        code, missing = (1, b"line-settings: ") if unit == LINE else (2, b"does not exist")
        assert (done.returncode, missing in done.stderr) == (code, True), done.stderr


def systemd_analyze() -> str:
    found = shutil.which("systemd-analyze")
    if found is None:
        if os.environ.get("CI") == "true":
            pytest.fail("systemd-analyze is not there: apt-get install systemd")
        pytest.skip("systemd-analyze did not run: apt-get install systemd")
    return found


@each_unit
def test_systemd_finds_nothing_wrong(unit: Path, tmp_path: Path) -> None:
    analyze = systemd_analyze()
    copy = tmp_path / unit.name  # the program is installed elsewhere here
    fuyuan = Path(sys.executable).with_name("fuyuan")
    copy.write_text(unit.read_text("utf-8").replace("/opt/fuyuan/bin/fuyuan", str(fuyuan)), "utf-8")
    if unit in SERVERS:
        shutil.copytree(kafka(unit).parent, tmp_path / kafka(unit).parent.name)
    done = subprocess.run([analyze, "verify", "--man=no", copy], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")


@each_unit
def test_systemd_calls_its_exposure_low(unit: Path) -> None:
    """From 0 (sealed) to 10; a service that talks over the network cannot go far below 1."""
    command = [systemd_analyze(), "security", "--offline=true", "--threshold=15", "--no-pager", unit]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-400:]


@pytest.mark.parametrize("name", ["gateway", "agent", "line", "ways-in"])
def test_the_settings_beside_it_are_taken(name: str, load: Load) -> None:
    file = UNITS[0].with_name(f"{name}.toml")
    settings = load({CONFIG: str(file)})
    given = tomllib.loads(file.read_text("utf-8"))
    assert {key: str(getattr(settings, key)) for key in given} == {key: str(value) for key, value in given.items()}
    assert settings.host == settings.agent_host == "127.0.0.1"
    for unit in WAYS_IN if name == "ways-in" else [file.with_name(f"fuyuan-{name}.service")]:
        assert f"FUYUAN_CONFIG=/etc/fuyuan/{name}.toml" in service(unit)["Environment"]
