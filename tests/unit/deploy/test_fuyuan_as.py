"""deploy/systemd/fuyuan-as without systemd, which does not run here: stand-ins of systemctl and systemd-run tell what
it asks for, and do of it what a test can. Who runs it, and the folders of the state, they leave out.
"""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.settings import CONFIG, PREFIX
from gateway.trust.keys import SigningKey
from tests.unit.deploy.test_systemd import SERVERS, UNITS, kafka, service

SCRIPT = UNITS[0].with_name("fuyuan-as")
PARTY = Path(__file__).parents[3] / "contracts/parties/shanyang-court.yaml"
KEY_FILES = {"signing.jwk", "vault.key", "records.key"}
# As a machine on which it is installed, below the folder ROOT.
SYSTEMCTL = """#!/bin/sh
test "$1" = cat && cat "$ROOT/etc/systemd/system/$2" "$ROOT/etc/systemd/system/$2.d"/*.conf
"""
SYSTEMD_RUN = """#!{python}
import json, os, pathlib, shutil, subprocess, sys

root = pathlib.Path(os.environ["ROOT"])
here = lambda text: text.replace("/etc/fuyuan", f"{{root}}/etc/fuyuan").replace("/var/lib", f"{{root}}/var/lib")
options = sys.argv[1 : sys.argv.index("/bin/sh")]
(root / "asked.json").write_text(json.dumps(options))
handed = root / "run/credentials"
handed.mkdir(parents=True)
environment = {{"PATH": "/usr/bin:/bin", "CREDENTIALS_DIRECTORY": str(handed)}}
folder = root
for option in options:
    name, _, value = option.removeprefix("--property=").partition("=")
    match name:
        case "Environment":
            key, _, value = value.partition("=")
            environment[key] = here(value)
        case "LoadCredential":
            key, _, value = value.partition(":")
            shutil.copy(here(value), handed / key)
            (handed / key).chmod(0o440)  # as newer systemd hands them over
        case "WorkingDirectory":
            folder = here(value)
command = [one.replace("/opt/fuyuan/bin/fuyuan", "{fuyuan}") for one in sys.argv[1 + len(options) :]]
done = subprocess.run(command, env=environment, cwd=folder)
shutil.rmtree(handed)
sys.exit(done.returncode)
"""

Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The units and drop-ins as they are installed, key files, and a journal in SQLite."""
    for folder in ("bin", "etc/fuyuan/keys", "etc/systemd", "var/lib/fuyuan-gateway", "var/lib/fuyuan-agent"):
        (tmp_path / folder).mkdir(parents=True)
    fuyuan = Path(sys.executable).with_name("fuyuan")
    for name, text in {
        "systemctl": SYSTEMCTL,
        "systemd-run": SYSTEMD_RUN.format(python=sys.executable, fuyuan=fuyuan),
    }.items():
        (tmp_path / "bin" / name).write_text(text)
        (tmp_path / "bin" / name).chmod(0o700)
    shutil.copytree(SCRIPT.parent, tmp_path / "etc/systemd/system")
    keys = tmp_path / "etc/fuyuan/keys"
    subprocess.run([fuyuan, "keys", "new", "fuyuan-gateway", keys / "signing.jwk"], check=True, capture_output=True)
    for name in ("vault.key", "records.key"):
        (keys / name).write_bytes(os.urandom(32))
    for name in ("agency.jwk", "agency-token", "kafka-password", "agency-kafka-password", "../kafka-ca.pem"):
        (keys / name).write_text("not used")
    for name in ("gateway", "agent"):
        (tmp_path / f"etc/fuyuan/{name}.toml").write_text('log_level = "warning"\n')
    return tmp_path


@pytest.fixture
def run(root: Path) -> Run:
    def started(*arguments: str) -> subprocess.CompletedProcess[str]:
        path = f"{root}/bin:{os.environ['PATH']}"
        environment = {key: value for key, value in os.environ.items() if not key.startswith(PREFIX)}
        return subprocess.run(
            [SCRIPT, *arguments],
            env=environment | {"PATH": path, "ROOT": str(root)},
            capture_output=True,
            text=True,
            check=False,
        )

    return started


def asked(root: Path, name: str) -> list[str]:
    """The values of one property that systemd-run was given."""
    options: list[str] = json.loads((root / "asked.json").read_text())
    return [one.partition(f"--property={name}=")[2] for one in options if one.startswith(f"--property={name}=")]


@pytest.mark.parametrize("unit", SERVERS, ids=lambda path: path.name)
def test_it_asks_for_what_the_unit_says_and_the_settings_are_those_of_the_service(
    unit: Path, root: Path, run: Run
) -> None:
    done = run(unit.stem.removeprefix("fuyuan-"), "settings")
    assert done.returncode == 0, done.stderr
    options: list[str] = json.loads((root / "asked.json").read_text())
    assert [one for one in options if not one.startswith("--property=")] == ["--quiet", "--wait", "--pipe", "--collect"]
    said, more = service(unit), service(kafka(unit))
    for name in ("User", "Group", "UMask", "LoadCredential", "StateDirectory", "StateDirectoryMode"):
        assert asked(root, name) == [*said[name], *more.get(name, [])], name
    assert asked(root, "WorkingDirectory") == [f"/var/lib/{unit.stem}"]
    lines = [line.split() for line in done.stdout.splitlines()]
    wanted = dict(one.split("=", 1) for one in [*said["Environment"], *more["Environment"]] if CONFIG not in one)
    for key, value in wanted.items():
        there = value.replace("%d", f"{root}/run/credentials").replace("%S", f"{root}/var/lib")
        assert [key, there] in [line[:2] for line in lines]


def test_an_operator_s_commands_work_with_keys_that_are_root_s_alone(root: Path, run: Run) -> None:
    shutil.rmtree(root / "etc/systemd/system/fuyuan-gateway.service.d")  # no brokers here
    added = root / "etc/systemd/system/fuyuan-gateway.service.d/override.conf"  # as systemctl edit makes it
    added.parent.mkdir()
    added.write_text("[Service]\nEnvironment=FUYUAN_AUDIENCE=of%%20the%%20district\n")
    shutil.copy(PARTY, root / "var/lib/fuyuan-gateway/court.yaml")
    done = run("gateway", "party", "admit", "court.yaml")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["admitted"] == "shanyang-court"
    done = run("gateway", "keys", "jwks")
    key = SigningKey.load(root / "etc/fuyuan/keys/signing.jwk")
    assert {one["party"] for one in json.loads(done.stdout)["keys"]} == {"fuyuan-gateway", "shanyang-court"}
    assert key.public().kid in done.stdout
    done = run("gateway", "doctor")
    assert "Three key files, closed, current, of this database." in done.stdout, done.stdout + done.stderr
    assert not (root / "var/lib/fuyuan-gateway/keys").exists()
    assert {path.name for path in (root / "etc/fuyuan/keys").iterdir()} >= KEY_FILES
    assert "FUYUAN_AUDIENCE=of%20the%20district" in asked(root, "Environment")


def test_of_what_was_set_twice_the_last_word_counts(root: Path, run: Run) -> None:
    added = root / "etc/systemd/system/fuyuan-gateway.service.d/override.conf"
    added.write_text(
        "[Service]\nEnvironment=\nEnvironment=FUYUAN_PORT=1\nEnvironment=FUYUAN_PORT=8555\n"
        "Environment=FUYUAN_KEY_DIR=/etc/fuyuan/keys\nEnvironmentFile=/etc/fuyuan/more\n"
    )
    (added.parent / "kafka.conf").unlink()
    done = run("gateway", "settings")
    assert done.returncode == 0, done.stderr
    lines = [line.split()[:2] for line in done.stdout.splitlines()]
    assert ["FUYUAN_KEY_DIR", f"{root}/etc/fuyuan/keys"] in lines
    assert ["FUYUAN_PORT", "8555"] in lines
    assert asked(root, "EnvironmentFile") == ["/etc/fuyuan/more"]
    assert len(asked(root, "Environment")) == 2


def test_arguments_are_passed_as_they_are_and_the_exit_code_comes_back(root: Path, run: Run) -> None:
    name = 'the court\'s * "party".yaml'
    shutil.copy(PARTY, root / "var/lib/fuyuan-gateway" / name)
    assert run("gateway", "party", "admit", name).returncode == 0
    assert run("gateway", "party", "admit", "another.yaml").returncode != 0
    assert run("gateway", "contract", "list", "too much").returncode == 2


def test_without_a_service_or_a_command_it_says_what_it_needs(run: Run) -> None:
    assert [run(*given).returncode for given in ((), ("gateway",))] == [2, 2]
    done = run("nowhere", "doctor")
    assert done.returncode != 0
    assert "fuyuan-nowhere.service" in done.stderr


def test_the_shell_can_read_it() -> None:
    subprocess.run(["/bin/sh", "-n", SCRIPT], check=True)
    assert os.access(SCRIPT, os.X_OK)
    if shellcheck := shutil.which("shellcheck"):
        subprocess.run([shellcheck, SCRIPT], check=True)
