"""Enforcement control from the command line: a gateway and the agent of the police as processes of their own."""

import asyncio
import json
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path
from typing import Any

from gateway.clock import SystemClock, china_date
from gateway.demo.processes import free_port, start
from tests.end_to_end.test_commands import ROOT, Desk
from tests.unit.adapters.feeds.controls import COURT, NUMBER, PERSON, POLICE, officer, request

REQUESTS, ANSWERS = "control-requests-to-police", "control-feedback-from-police"
AGREEMENTS = {"control-officers-to-police": (COURT, POLICE), REQUESTS: (COURT, POLICE), ANSWERS: (POLICE, COURT)}


def agree(desk: Desk) -> None:
    """Both parties, with keys of their own, sign the district's agreements anew; the operator puts them in force."""
    for party in (COURT, POLICE):
        [jwk] = desk.fuyuan("keys", "new", party, f"{party}.jwk")
        (desk.folder / f"{party}.public.jwk").write_text(json.dumps(jwk), encoding="utf-8")
        (desk.folder / f"{party}.yaml").write_text(json.dumps({"id": party, **NAMED, "keys": [jwk]}), encoding="utf-8")
        desk.fuyuan("party", "admit", f"{party}.yaml")
    for name, (provider, subscriber) in AGREEMENTS.items():
        sides = (f"{provider}.public.jwk", f"{subscriber}.public.jwk")
        adopted = desk.run("contract", "adopt", str(ROOT / f"contracts/agreements/{name}.yaml"), *sides)
        (desk.folder / f"{name}.yaml").write_text(adopted.stdout, encoding="utf-8")
        for party in (provider, subscriber):
            desk.fuyuan("contract", "sign", f"{name}.yaml", "--key", f"{party}.jwk")
        assert desk.fuyuan("contract", "activate", f"{name}.yaml")[0]["position"] is not None
    keys = desk.run("keys", "jwks").stdout
    (desk.folder / "jwks.json").write_text(keys, encoding="utf-8")


NAMED = {"name": {"zh": "某机关", "en": "Some body"}, "roles": ["provider", "subscriber"], "contact": "示例"}


def push(desk: Desk, name: str, *lines: dict[str, Any]) -> dict[str, int]:
    text = "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines)
    (desk.folder / name).write_text(text, encoding="utf-8")
    [answer] = desk.fuyuan("push", str(lines[0]["feed"]), name, "--key", f"{COURT}.jwk")
    counts: dict[str, int] = answer["counts"]
    return counts


async def test_a_court_asks_the_police_answer_and_a_cancel_is_confirmed(tmp_path: Path) -> None:
    desk = Desk(tmp_path, free_port())
    agree(desk)
    today = china_date(SystemClock().now())
    days = {"valid_from": today.isoformat(), "valid_until": (today + timedelta(days=30)).isoformat()}
    agent_port = free_port()
    agent = {
        "FUYUAN_AGENT_CONTRACT": REQUESTS, "FUYUAN_AGENT_PARTY_KEY": desk.file(f"{POLICE}.jwk"),
        "FUYUAN_AGENT_TRUSTED_KEYS": desk.file("jwks.json"), "FUYUAN_AGENT_DATA_DIR": desk.file("agent"),
        "FUYUAN_AGENT_PORT": str(agent_port), "FUYUAN_GATEWAY_URL": f"http://127.0.0.1:{desk.port}",
    }  # fmt: skip
    url = ("--agent", f"http://127.0.0.1:{agent_port}")

    async with AsyncExitStack() as stack:
        await start(stack, "serve", ["gateway.cli", "serve"], desk.port, desk.folder, desk.environment)
        assert push(desk, "officers.ndjson", officer(**days))["listed"] == 1
        assert push(desk, "requests.ndjson", request("XK-1", **days), request("XK-2", **days))["listed"] == 2
        await start(stack, "agent", ["gateway.cli", "agent"], agent_port, desk.folder, agent)

        async def shown(cancelled: int) -> dict[str, Any]:
            while True:
                listed = await asyncio.to_thread(desk.run, "control", "list", *url)
                found: dict[str, Any] = json.loads(listed.stdout) if listed.returncode == 0 else {}
                if found and len(found["cancelled"]) == cancelled and len(found["requests"]) == 2 - cancelled:
                    return found

        async with asyncio.timeout(60):
            found = await shown(0)
        ids = {one["record"]["number"]: one["record"]["record_id"] for one in found["requests"]}
        first = ids["XK-1"]

        def give(answer: str, reference: str, *more: str) -> str:
            done = desk.run("control", "answer", first, answer, "--reference", reference, *more, *url)
            return done.stderr.partition(":")[0] if done.returncode else str(json.loads(done.stdout)["is"])

        assert give("accepted", "A-1") == "taken"
        assert give("sighted", "A-2") == "no-place"
        assert give("sighted", "A-2", "--place", "焦作市某路口", "--phone", "0391-0000003") == "taken"
        withdraw = ("withdraw", "control-request", "--key", f"{COURT}.jwk", "--reason", "settled", "--number", "XK-1")
        [answer] = desk.fuyuan(*withdraw)
        assert answer["counts"]["withdrawn"] == 1
        assert give("handed-over", "A-3", "--place", "焦作市某路口") == "request-cancelled"
        async with asyncio.timeout(60):
            assert (await shown(1))["cancelled"] == [first]
        assert give("released", "A-4") == "taken"
        read = desk.fuyuan("receipts", ANSWERS, "--key", f"{COURT}.jwk")
        assert [one["answer"] for one in read] == ["accepted", "sighted", "released"]
        assert read[1]["place"] == "焦作市某路口"
    for log in ("serve.log", "agent.log"):
        text = (desk.folder / log).read_text("utf-8")
        assert not [value for value in (PERSON, NUMBER, "焦作市某路口") if value in text], "P1"
