"""`fuyuan line` as a bank's operator runs it, a process of its own, killed in the middle and started again."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.court_line import CourtLine, court_line

ONE = "20261123410811000001"


@pytest.fixture
def court() -> Iterator[CourtLine]:
    with court_line(CourtLine()) as opened:
        yield opened


def environment(court: CourtLine, folder: Path) -> dict[str, str]:
    password = folder / "line.password"
    password.write_text(court.password + "\n")
    password.chmod(0o600)
    ours = {"FUYUAN_LINE_URL": court.url, "FUYUAN_LINE_USER": court.user, "FUYUAN_LINE_PASSWORD_FILE": str(password)}
    return {key: value for key, value in os.environ.items() if not key.startswith("FUYUAN_")} | ours


def fuyuan(folder: Path, env: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gateway.cli", *arguments],
        cwd=folder, env=env, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip


def test_a_line_from_the_command_line(court: CourtLine, tmp_path: Path) -> None:
    env = environment(court, tmp_path)
    unset = {key: value for key, value in env.items() if key != "FUYUAN_LINE_USER"}
    assert fuyuan(tmp_path, unset, "line", "bank", "desk", "--once").stderr.startswith("line-settings: ")
    elsewhere = env | {"FUYUAN_LINE_URL": "http://court.invalid/SyyhConvertData"}
    assert "FUYUAN_LINE_UNENCRYPTED" in fuyuan(tmp_path, elsewhere, "line", "bank", "desk", "--once").stderr
    allowed = fuyuan(tmp_path, elsewhere | {"FUYUAN_LINE_UNENCRYPTED": "true"}, "line", "bank", "desk", "--once")
    assert allowed.stderr.splitlines()[-1].startswith("line-away: ")
    court.ask(ONE)
    done = fuyuan(tmp_path, env, "line", "bank", "desk", "--once")
    assert (done.returncode, json.loads(done.stdout)["counts"]) == (0, {"requests": 1, "handed": 1}), done.stderr
    (tmp_path / "desk/answers/1.json").write_text(json.dumps({"number": ONE, "rows": []}))
    court.faults["shfeedXzcxInfo"].append("error")
    assert fuyuan(tmp_path, env, "line", "bank", "desk", "--once").returncode == 3
    listed = fuyuan(tmp_path, env, "line", "bank", "desk", "--refused")
    assert json.loads(listed.stdout) == {"number": ONE, "state": "answered", "code": "court-error"}
    (tmp_path / "desk/answers/half.json").write_text('{"number": "')
    half = fuyuan(tmp_path, env, "line", "bank", "desk", "--once")
    assert (half.returncode, json.loads(half.stdout)["counts"]["unfinished"]) == (3, 1)
    (tmp_path / "line.password").chmod(0o644)
    assert "chmod 600" in fuyuan(tmp_path, env, "line", "bank", "desk", "--once").stderr
    (tmp_path / "line.password").chmod(0o600)
    (tmp_path / "line.password").write_text("\n")
    assert fuyuan(tmp_path, env, "line", "bank", "desk", "--once").stderr.startswith("secret-file-damaged: ")


def test_a_process_that_is_killed_goes_on_where_it_was(court: CourtLine, tmp_path: Path) -> None:
    """Again and again, wherever it happens to be; each number has one answer all the same."""
    env = environment(court, tmp_path)
    numbers = [f"2026112341081100{place:04}" for place in range(8)]
    for number in numbers:
        court.ask(number)
    command = [sys.executable, "-m", "gateway.cli", "line", "bank", "desk", "--every", "0.1"]
    kills = 0
    while not all((tmp_path / "desk/outcomes" / f"{number}.json").exists() for number in numbers):
        process = subprocess.Popen(command, cwd=tmp_path, env=env, stderr=subprocess.DEVNULL)
        calls, deadline = len(court.calls), time.monotonic() + 60
        try:
            while len(court.calls) < calls + 5 + 3 * kills:
                assert process.poll() is None
                assert time.monotonic() < deadline, "it calls no more"
                for number in numbers:
                    answer_once(tmp_path / "desk", number)
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        kills += 1
        assert kills < 20, "it comes no further"
    assert kills > 1
    for number in numbers:
        assert len(set(court.fed[number])) == 1
        assert json.loads((tmp_path / "desk/outcomes" / f"{number}.json").read_bytes())["state"] == "fed"


def answer_once(desk: Path, number: str) -> None:
    """As a system that writes under another name first."""
    answer = desk / "answers" / f"{number}.json"
    if (desk / "requests" / f"{number}.json").exists() and not answer.exists():
        draft = answer.with_name(f".{number}.tmp")
        draft.write_text(json.dumps({"number": number, "rows": [{"KHZH": number}]}))
        draft.rename(answer)
