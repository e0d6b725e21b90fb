"""An agency's word on a record, from its own system to the court: accepted, rejected, disputed, not this person."""

import asyncio
import sys
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest

from gateway.agent.service import create_screening_app
from gateway.demo.cast import COURT
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from tests.integration.agency import COMPANY, MEASURE, Agent, listing, open_agency
from tests.integration.district import CREDIT, ROOT, District
from tests.integration.test_service_addresses import listening

TO_CREDIT, FROM_CREDIT = "debtors-to-credit-platform", "receipts-from-credit-platform"
FEEDBACK = ("accepted", "rejected", "disputed")


@pytest.fixture
async def platform(district: District, tmp_path: Path) -> AsyncIterator[Agent]:
    """The credit platform's agent."""
    async with open_agency(district, tmp_path, TO_CREDIT, party=CREDIT) as opened:
        yield opened


async def say(agent: Agent, record: str, answer: str, reference: str, **changed: Any) -> str:
    """What the agent answers: `taken`, `known`, or a code."""
    said = {"record": record, "answer": answer, "reference": reference, **changed}
    found = (await agent.web.post("/v1/feedback", json=said)).json()
    return str(found["code"] if "code" in found else found["is"])


async def heard(district: District, contract: str) -> list[dict[str, Any]]:
    """The feedback that the court has read, each signed by the agency."""
    events, _ = await district.pull(COURT, contract)
    found = [one["record"] for one in events if one["kind"] == "upsert" and one["record"]["kind"] in FEEDBACK]
    for one in found:
        assert verify_line(canonical({"receipt": one["jws"]}), await district.keys()).status == "valid"
    return found


async def records_of(agent: Agent, row: str = "licence-1") -> list[dict[str, Any]]:
    """Those for which a row is held, as the agency's own people see them."""
    found = (await agent.web.get("/v1/holds", params={"row": row})).json()
    return [record for hold in found["holds"] for record in hold["records"]]


async def released(agent: Agent) -> list[tuple[str, str]]:
    return [(one["subject_record"], one["reason"]) for one in await agent.receipts() if one["kind"] == "released"]


async def test_a_dispute_from_the_agency_to_the_court_and_the_correction_back(agent: Agent) -> None:
    """Articles 11 and 12: the court hears of it at once, the listing stands meanwhile, and the court's word ends it."""
    district = agent.district
    await district.push(listing())
    await agent.follow()
    (record,) = await records_of(agent)
    assert record["said"] is None
    since = district.clock.now()
    assert await say(agent, record["record"], "disputed", "YY-1", reason="content-inaccurate") == "taken"
    assert await say(agent, record["record"], "disputed", "YY-1", reason="content-inaccurate") == "known"
    agent.wire.cut = True
    assert not await agent.follower.carry_out_once()
    agent.wire.cut = False
    await agent.follow()
    (told,) = await heard(district, "receipts-from-market-regulation")
    assert (told["kind"], told["reason"], told["reference"]) == ("disputed", "content-inaccurate", "YY-1")
    assert told["subject_record"] == record["record"]

    assert agent.held() == [("licence-1", MEASURE)], "it unblocks nobody"
    answer = await agent.screen()
    assert (answer["decision"], answer["reasons"][0]["disputed"]["reason"]) == ("block", "content-inaccurate")
    (record,) = await records_of(agent)
    assert (record["said"]["answer"], record["said"]["at"][:10]) == ("disputed", since.date().isoformat())

    await district.push(listing(courtName="焦作市解放区人民法院"))
    await agent.follow()
    (record,) = await records_of(agent)
    assert (record["said"], agent.held()) == (None, [("licence-1", MEASURE)]), "the court has answered"
    assert (await agent.screen("A-2"))["reasons"][0]["disputed"] is None
    assert await say(agent, record["record"], "disputed", "YY-2", reason="to-be-deleted") == "taken"
    await agent.follow()

    await district.withdraw(listing())
    await agent.follow()
    assert agent.held() == []
    assert await say(agent, record["record"], "disputed", "YY-3", reason="to-be-deleted") == "unknown-record"
    reasons = [one["reason"] for one in await heard(district, "receipts-from-market-regulation")]
    assert reasons == ["content-inaccurate", "to-be-deleted"]
    assert (await agent.web.get("/v1/status")).json()["aside"] == 0


async def test_a_row_that_is_another_persons_is_released_and_the_court_hears_why(agent: Agent) -> None:
    district = agent.district
    await district.push(listing(1), listing(2))
    await agent.follow()
    first, second = [one["record"] for one in await records_of(agent)]
    other = {"reason": "not-this-person", "row": "licence-1"}
    assert await say(agent, first, "disputed", "YY-1", **other) == "taken"
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)], "for the other case it is held still"
    assert await say(agent, second, "disputed", "YY-2", **other) == "taken"
    await agent.follow()
    assert (agent.held(), await released(agent)) == ([], [(second, "not-this-person")])
    district.clock.advance(timedelta(days=1))
    await agent.follow()
    assert agent.held() == [], "nor is it held again by the day's look at all holds"
    assert (await agent.screen())["decision"] == "block", "of that row, and of nobody else"

    assert await say(agent, second, "accepted", "YY-3", row="licence-1") == "taken"
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)], "it was that person after all"
    told = [(one["kind"], one["reason"]) for one in await heard(district, "receipts-from-market-regulation")]
    assert told == [("disputed", "not-this-person"), ("disputed", "not-this-person"), ("accepted", None)]
    assert (await agent.web.get("/v1/status")).json()["aside"] == 0


async def test_the_credit_platform_accepts_one_record_and_rejects_another_with_a_reason(platform: Agent) -> None:
    """河南省社会信用条例 Art 17: the platform checks what it takes in, and says what it did not take."""
    district = platform.district
    await district.push(listing(1), listing(2))
    await platform.follow()
    by_case = {one["case"]: one["record"] for one in await records_of(platform)}
    first, second = by_case["（2026）豫0811执1号"], by_case["（2026）豫0811执2号"]
    assert await say(platform, first, "accepted", "GJ-1") == "taken"
    assert await say(platform, second, "rejected", "GJ-2", reason="duplicate") == "taken"
    await platform.follow()
    told = {one["subject_record"]: (one["kind"], one["reason"]) for one in await heard(district, FROM_CREDIT)}
    assert told == {first: ("accepted", None), second: ("rejected", "duplicate")}
    assert await say(platform, second, "accepted", "GJ-3") == "taken"
    await platform.follow()
    newest = (await heard(district, FROM_CREDIT))[-1]
    assert (newest["subject_record"], newest["kind"]) == (second, "accepted"), "what came last counts"
    assert platform.held() == [("licence-1", "credit-restriction")], "nothing of this changes a hold"


async def test_what_may_not_be_said(agent: Agent, tmp_path: Path) -> None:
    district = agent.district
    await district.push(listing())
    await agent.follow()
    ((record,), unknown) = ([one["record"] for one in await records_of(agent)], "b" * 52)
    (tmp_path / "other").mkdir()
    async with open_agency(district, tmp_path / "other", TO_CREDIT, party=CREDIT) as other:
        assert await say(other, record, "accepted", "GJ-1") == "unknown-record", "it has not come here yet"
    for code, changed in (
        ("unknown-reason", {"answer": "disputed"}),
        ("unknown-reason", {"answer": "disputed", "reason": "duplicate"}),
        ("unknown-reason", {"answer": "rejected", "reason": "not-this-person"}),
        ("unknown-reason", {"answer": "accepted", "reason": "duplicate"}),
        ("feedback-unreadable", {"answer": "refused"}),
        ("feedback-unreadable", {"answer": "rejected", "reason": COMPANY}),
        ("feedback-unreadable", {"answer": "accepted", "note": COMPANY}),
        ("feedback-unreadable", {"answer": "accepted", "reference": COMPANY}),
        ("feedback-unreadable", {"answer": "disputed", "reason": "to-be-deleted", "row": "licence-1"}),
        ("reference-personal", {"answer": "accepted", "reference": "999999198001010011"}),
        ("row-not-held", {"answer": "disputed", "reason": "not-this-person", "row": "licence-2"}),
        ("row-not-held", {"answer": "accepted", "row": "licence-1"}),
        ("unknown-record", {"answer": "accepted", "record": unknown}),
    ):
        said = {"record": record, "reference": "YY-1"} | changed
        response = await agent.web.post("/v1/feedback", json=said)
        assert (response.json()["code"], COMPANY in response.text) == (code, False), changed
    assert await say(agent, record, "accepted", "YY-1") == "taken"
    assert await say(agent, record, "rejected", "YY-1", reason="duplicate") == "reference-reused"
    await agent.follow()
    assert [one["reference"] for one in await heard(district, "receipts-from-market-regulation")] == ["YY-1"]
    assert (await agent.web.get("/v1/holds")).json()["code"] == "request-invalid"
    assert await records_of(agent, "licence-2") == []


async def test_the_calls_ask_for_the_agents_token(agent: Agent, tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("t" * 32)
    token.chmod(0o600)
    app = create_screening_app(agent.parts, agent.district.clock, token_file=token)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://agent.test") as web:
        for answer in (await web.get("/v1/holds", params={"row": "1"}), await web.post("/v1/feedback", json={})):
            assert (answer.status_code, answer.json()["code"]) == (401, "token-wrong")


async def test_the_word_from_a_terminal(agent: Agent) -> None:
    await agent.district.push(listing())
    await agent.follow()

    async def run(*arguments: str) -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "feedback", *arguments, cwd=ROOT,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate()
        return process.returncode, out.decode(), errors.decode()

    async with listening(agent) as url:
        status, out, _ = await run("holds", "licence-1", "--agent", url)
        (hold,) = orjson.loads(out)["holds"]
        record = hold["records"][0]["record"]
        assert (status, hold["kind"], hold["measure"]) == (0, "row", MEASURE)
        wrong = ("--reason", "content-inaccurate", "--reference", "YY-1", "--agent", url)
        status, out, _ = await run("give", record, "disputed", *wrong)
        assert (status, orjson.loads(out)["is"]) == (0, "taken")
        status, out, errors = await run("give", "b" * 52, "accepted", "--reference", "YY-2", "--agent", url)
        assert (status, out, errors.split(":")[0]) == (1, "", "unknown-record")
        one = ("--reason", "not-this-person", "--row", "licence-1", "--reference", "YY-3", "--agent", url)
        status, out, _ = await run("give", record, "disputed", *one)
        assert (status, orjson.loads(out)["row"]) == (0, "licence-1")
    await agent.follow()
    assert agent.held() == []
