"""deploy/prepare.sh, run for real, and the other scripts read by the shell that will run them."""

import os
import re
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from gateway.clock import SystemClock
from gateway.trust.keyring import load_keyring
from gateway.trust.keys import SigningKey

DEPLOY = Path(__file__).parents[3] / "deploy"
SCRIPTS = [*DEPLOY.glob("*.sh"), *DEPLOY.glob("compose/*.sh")]
BASH = shutil.which("bash") or "bash"
OPENSSL = shutil.which("openssl") or "openssl"
SERVERS = ("postgres", "kafka-1", "kafka-2", "kafka-3")
LATER = {"agency-trusted-keys.json", "agency-kafka-password"}  # handed over by the gateway when parties are admitted


def prepare(folder: Path, **also: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"} | also
    return subprocess.run(
        [BASH, DEPLOY / "prepare.sh", folder], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("deploy") / "local"
    done = prepare(folder)
    assert done.returncode == 0, done.stderr
    return folder


def test_everything_is_its_owners_alone(prepared: Path) -> None:
    for path in [prepared, *prepared.rglob("*")]:
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path.name


def test_a_second_run_changes_nothing_and_says_so(prepared: Path) -> None:
    before = files(prepared)
    done = prepare(prepared)
    assert done.returncode == 0, done.stderr
    assert files(prepared) == before
    assert {line.split()[0] for line in done.stdout.splitlines()} == {"kept"}


def test_what_is_lost_is_made_again_and_nothing_else(tmp_path: Path, prepared: Path) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(prepared, folder)
    before = files(folder)
    (folder / "secrets/agency-token").unlink()
    assert "made  secrets/agency-token" in prepare(folder).stdout
    after = files(folder)
    assert {name for name in before if before[name] != after[name]} == {"secrets/agency-token"}


@pytest.fixture
def copy(tmp_path: Path, prepared: Path) -> Path:
    shutil.copytree(prepared, tmp_path / "copy")
    return tmp_path / "copy"


def test_an_authority_s_key_that_is_kept_elsewhere_is_not_made_anew(copy: Path) -> None:
    (copy / "secrets/ca.key").unlink()
    before = files(copy)
    done = prepare(copy)
    assert done.returncode == 0, done.stderr
    assert files(copy) == before


@pytest.mark.parametrize("key", [None, "another", "damaged"])
def test_a_certificate_that_nobody_can_sign_is_told_of_and_comes_when_the_key_is_back(
    copy: Path, tmp_path: Path, key: str | None
) -> None:
    place, away = copy / "secrets/ca.key", tmp_path / "ca.key"
    place.rename(away)
    (copy / "secrets/kafka-2.pem").unlink()
    if key == "another":
        subprocess.run([OPENSSL, "genpkey", "-algorithm", "Ed25519", "-out", place], check=True)
    elif key == "damaged":
        place.write_bytes(away.read_bytes()[:60])
    before = files(copy)
    done = prepare(copy)
    assert done.returncode == 1
    assert "secrets/ca.key is not " in done.stderr
    assert "Bring it back and run this again" in done.stderr
    assert files(copy) == before
    away.rename(place)
    assert "made  secrets/kafka-2.pem" in prepare(copy).stdout
    check_certificate(copy, "kafka-2")


def test_a_new_authority_is_made_as_it_is_told(copy: Path) -> None:
    old = (copy / "secrets/ca.pem").read_bytes()
    for name in ("ca.key", *(f"{server}.pem" for server in ("ca", *SERVERS))):
        (copy / "secrets" / name).unlink()
    done = prepare(copy)
    assert done.returncode == 0, done.stderr
    assert (copy / "secrets/ca.pem").read_bytes() != old
    for server in SERVERS:
        check_certificate(copy, server)


def test_a_run_that_fails_leaves_no_half_file(tmp_path: Path) -> None:
    done = prepare(tmp_path / "local", FUYUAN="false")
    assert done.returncode != 0
    assert not files(tmp_path / "local")
    assert prepare(tmp_path / "local").returncode == 0


def test_two_runs_do_not_meet(tmp_path: Path) -> None:
    (tmp_path / ".preparing").mkdir()
    done = prepare(tmp_path)
    assert done.returncode == 1
    assert "another run" in done.stderr
    assert not files(tmp_path)


def test_no_secret_is_printed(prepared: Path, tmp_path: Path) -> None:
    done = prepare(tmp_path / "fresh")
    said = done.stdout + done.stderr
    for name, data in files(tmp_path / "fresh").items():
        if name.startswith("secrets/") and b"-----" not in data:
            assert data.decode().strip() not in said


def test_the_gateway_takes_the_keys(prepared: Path) -> None:
    before = files(prepared / "keys")
    assert load_keyring(prepared / "keys", "fuyuan-gateway", SystemClock()).signing.party == "fuyuan-gateway"
    assert files(prepared / "keys") == before
    assert SigningKey.load(prepared / "secrets/agency.jwk").party == "my-licences"


def test_the_password_file_says_what_the_role_is_given(prepared: Path) -> None:
    password = (prepared / "secrets/postgres-password").read_text()
    assert re.fullmatch(r"[0-9a-f]{64}\n", password)
    assert (prepared / "secrets/pgpass").read_text() == f"postgres:5432:fuyuan:fuyuan:{password}"


@pytest.mark.parametrize("name", SERVERS)
def test_each_server_has_a_certificate_for_its_own_name(prepared: Path, name: str) -> None:
    check_certificate(prepared, name)


def check_certificate(folder: Path, name: str) -> None:
    pem = folder / f"secrets/{name}.pem"
    authority = folder / "secrets/ca.pem"
    for purpose in ("sslserver", "sslclient"):
        check = [OPENSSL, "verify", "-CAfile", authority, "-verify_hostname", name, "-purpose", purpose, pem]
        done = subprocess.run(check, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
    assert pem.read_text().startswith("-----BEGIN PRIVATE KEY-----")


def test_it_makes_every_secret_and_folder_that_compose_names(prepared: Path) -> None:
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text("utf-8"))
    named = {Path(secret["file"]).name for secret in compose["secrets"].values()}
    made = {path.name for path in (prepared / "secrets").iterdir()}
    assert named - made == LATER
    assert made - named == {"ca.key"}  # used here alone
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            assert (prepared / volume["source"].partition("}/")[2]).is_dir()


def test_the_environment_file_gives_every_variable(prepared: Path) -> None:
    given = dict(line.split("=", 1) for line in (prepared / "env").read_text().splitlines())
    text = (DEPLOY / "compose.yaml").read_text("utf-8")
    assert set(given) == set(re.findall(r"\$\{(\w+)", text))
    assert given["FUYUAN_UID"] != "0"
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", given["FUYUAN_KAFKA_CLUSTER"])


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_the_shell_can_read_it(script: Path) -> None:
    subprocess.run([BASH, "-n", script], check=True)
    assert "set -euo pipefail" in script.read_text("utf-8")
    assert script.stat().st_mode & stat.S_IXUSR


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda path: path.name)
def test_shellcheck_finds_nothing(script: Path) -> None:
    shellcheck = shutil.which("shellcheck")
    if shellcheck is None:
        if os.environ.get("CI") == "true":
            pytest.fail("shellcheck is not there: apt-get install shellcheck")
        pytest.skip("shellcheck did not run: apt-get install shellcheck")
    subprocess.run([shellcheck, script], check=True)
