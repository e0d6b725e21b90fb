"""The police at their own agent: what the court asks of them, and how they answer."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest

from gateway.demo.cast import COURT
from tests.integration.agency import Agent, open_agency
from tests.integration.controlling import ANSWERS, REQUESTS, ask, cancel
from tests.integration.district import ROOT, District
from tests.integration.test_service_addresses import listening
from tests.unit.adapters.feeds.controls import (
    PERSON,
    POLICE,
    answer,
    request,
)


@pytest.fixture
async def station(controlled: District, tmp_path: Path) -> AsyncIterator[Agent]:
    """The agent of the police, under the contract on requests."""
    async with open_agency(controlled, tmp_path, REQUESTS, party=POLICE) as opened:
        yield opened


def said(word: str, asked: str, reference: str, **changed: Any) -> dict[str, Any]:
    line = answer(word, reference, asked)
    return {
        "request": asked, "answer": word, "reference": reference,
        **{name: line[name] for name in ("occurred_at", "reason", "place", "note", "contact")}, **changed,
    }  # fmt: skip


async def test_the_police_are_asked_and_answer_at_their_own_agent(station: Agent, tmp_path: Path) -> None:
    district = station.district

    async def reply(word: str, asked: str, reference: str, **changed: Any) -> str:
        found = (await station.web.post("/v1/control-answers", json=said(word, asked, reference, **changed))).json()
        return str(found["code"] if "code" in found else found["is"])

    assert (await station.web.get("/v1/control-requests")).json()["code"] == "contract-unread"
    first, second = await ask(district, request("XK-1"), request("XK-2"))
    assert await reply("accepted", first, "A-1") == "contract-unread"
    await station.follow()
    found = (await station.web.get("/v1/control-requests")).json()
    assert (found["from"], found["unknown"], found["cancelled"]) == (COURT, None, [])
    assert sorted(one["record"]["number"] for one in found["requests"]) == ["XK-1", "XK-2"]

    assert await reply("accepted", first, "A-1") == "taken"
    assert await reply("accepted", first, "A-1") == "known"
    assert await reply("accepted", first, "A-2") == "already-answered"
    assert await reply("handed-over", second, "A-3") == "answer-out-of-order"
    assert await reply("accepted", second, "A-4") == "taken"
    assert await reply("in-force", second, "A-4") == "answer-amended"
    assert await reply("accepted", "b" * 52, "A-5") == "unknown-request"
    assert await reply("refused", second, "A-6", reason="Bad weather") == "control-answer-unreadable"
    response = await station.web.post("/v1/control-answers", json={**said("sighted", first, "A-7"), "name": PERSON})
    assert (response.json()["code"], PERSON in response.text) == ("control-answer-unreadable", False)

    await cancel(district, "XK-1")
    assert await reply("sighted", first, "A-8") == "request-cancelled", "the gateway knows before the agent does"
    await station.follow()
    found = (await station.web.get("/v1/control-requests")).json()
    assert (found["cancelled"], [one["record"]["number"] for one in found["requests"]]) == ([first], ["XK-2"])
    assert await reply("sighted", first, "A-8") == "request-cancelled"
    assert await reply("released", first, "A-9") == "taken"
    station.wire.cut = True
    assert await reply("sighted", second, "A-10") == "gateway-unreachable", "J1: nothing is acknowledged"
    station.wire.cut = False
    assert await reply("sighted", second, "A-10") == "taken"
    assert station.held() == []
    status = (await station.web.get("/v1/status")).json()
    assert (status["holds"], status["aside"], status["unknown"]) == (0, 0, None)

    (tmp_path / "court").mkdir()
    async with open_agency(district, tmp_path / "court", ANSWERS, party=COURT) as court:
        await court.follow()
        status = (await court.web.get("/v1/status")).json()
        assert (status["aside"], status["unknown"]) == (0, None), "the court's agent acknowledges the answers"
        assert (await court.web.get("/v1/control-requests")).json()["code"] == "no-control-contract"


async def test_the_answer_from_a_terminal(station: Agent, tmp_path: Path) -> None:
    notice, other = tmp_path / "notice.pdf", tmp_path / "other.pdf"
    notice.write_bytes(b"%PDF notice")
    other.write_bytes(b"%PDF notice, with one word changed")
    digest = hashlib.sha256(notice.read_bytes()).hexdigest()
    documents = [{"kind": "assistance-notice", "number": "1", "digest": digest}]
    (sought,) = await ask(station.district, request(documents=documents))
    await station.follow()

    async def run(*arguments: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "control", *arguments, cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate()
        return process.returncode, out.decode(), errors.decode()

    async with listening(station) as url:
        status, out, _ = await run("list", "--agent", url)
        assert (status, orjson.loads(out)["requests"][0]["record"]["record_id"]) == (0, sought)
        status, out, _ = await run("check", sought, str(notice), "--agent", url)
        assert (status, orjson.loads(out)["verdict"]) == (0, "same")
        status, out, _ = await run("check", sought, str(other), "--agent", url)
        verdicts = [orjson.loads(line)["verdict"] for line in out.splitlines()]
        assert (status, verdicts) == (1, ["missing", "another"])
        status, _, errors = await run("check", "b" * 52, str(notice), "--agent", url)
        assert (status, errors.split(":")[0]) == (1, "no-such-request")
        status, _, errors = await run("check", sought, str(tmp_path / "none.pdf"), "--agent", url)
        assert (status, errors.split(":")[0]) == (1, "file-missing")
        at = ("--occurred-at", "2026-11-23T01:00:00.000Z")
        status, out, _ = await run("answer", sought, "accepted", "--reference", "A-1", *at, "--agent", url)
        assert (status, orjson.loads(out)["is"]) == (0, "taken")
        status, out, errors = await run("answer", sought, "expired", "--reference", "A-2", *at, "--agent", url)
        assert (status, out, errors.split(":")[0]) == (1, "", "not-yet-expired")
        status, out, errors = await run("answer", sought, "sighted", "--reference", "A-2", *at, "--agent", url)
        assert (status, errors.split(":")[0]) == (1, "no-place")
