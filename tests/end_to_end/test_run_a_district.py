"""docs/run-a-district.md, command by command: what it tells a district to do works as it stands there."""

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import httpx

from gateway.demo.processes import free_port

ROOT = Path(__file__).parents[2]
BASH = shutil.which("bash") or "bash"
PAGE = ROOT / "docs/run-a-district.md"
FENCE = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
SERVERS = ("fuyuan serve", "fuyuan agent")  # a block of such a command alone has a terminal of its own
COMPANY = {
    "reference": "A-1",
    "action": "licence",
    "name": "焦作市山阳区示例建材有限公司",
    "identifiers": [{"scheme": "cn-uscc", "value": "91410811MA47YB0X60"}],
}


def until_up(url: str) -> None:
    deadline = time.monotonic() + 40
    while time.monotonic() < deadline:
        try:
            if httpx.get(url, trust_env=False).is_success:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.1)  # a real server is starting
    raise AssertionError(f"{url} did not answer")


def environment(folder: Path) -> tuple[Mapping[str, str], int, int]:
    gateway, agent = free_port(), free_port()
    kept = {key: value for key, value in os.environ.items() if not key.startswith("FUYUAN_")}
    return (
        kept
        | {
            "PATH": f"{Path(sys.executable).parent}:{kept['PATH']}",
            "REPO": str(ROOT),
            "FUYUAN_DATA_DIR": str(folder / "data"),
            "FUYUAN_PORT": str(gateway),
            "FUYUAN_GATEWAY_URL": f"http://127.0.0.1:{gateway}",
            "FUYUAN_AGENT_PORT": str(agent),
        },
        gateway,
        agent,
    )


def test_the_page_works_as_it_stands(tmp_path: Path) -> None:
    settings, gateway, agent = environment(tmp_path)
    servers: list[subprocess.Popen[bytes]] = []
    printed = ""
    try:
        for block in FENCE.findall(PAGE.read_text("utf-8")):
            if block.strip().endswith(SERVERS):
                with (tmp_path / f"server-{len(servers)}.log").open("wb") as log:
                    servers.append(
                        subprocess.Popen(
                            [BASH, "-c", f"exec env {block.strip()}"],
                            cwd=tmp_path,
                            env=settings,
                            stdout=log,
                            stderr=log,
                        )
                    )
                until_up(
                    f"http://127.0.0.1:{gateway}/healthz" if len(servers) == 1 else f"http://127.0.0.1:{agent}/readyz"
                )
                continue
            done = subprocess.run(
                [BASH, "-euo", "pipefail", "-c", block],
                cwd=tmp_path, env=settings, capture_output=True, text=True, timeout=120, check=False,
            )  # fmt: skip
            assert done.returncode == 0, f"{block}\n{done.stdout}\n{done.stderr}"
            printed += done.stdout
        decision = httpx.post(f"http://127.0.0.1:{agent}/v1/screenings", json=COMPANY, trust_env=False).json()
    finally:
        for server in servers[::-1]:
            server.terminate()
            server.wait(20)
    assert decision["decision"] == "block", "one of its two cases is still open"
    assert '"verdict":"valid"' in printed.replace(" ", "")
    assert (tmp_path / "read.ndjson").read_text("utf-8").count("\n") == 18
    assert (tmp_path / "receipts.ndjson").exists()
