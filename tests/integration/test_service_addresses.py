"""Service addresses from a registry's and a bank's tables to the court's question, and what became of service back."""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest
import uvicorn

from gateway.agent.service import create_screening_app
from gateway.errors import FuyuanError
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from tests.integration.agency import Agent, open_agency
from tests.integration.district import COURT, MARKET, NDJSON, ROOT, District
from tests.integration.test_list_feeds import agree
from tests.unit.adapters.feeds.tables import as_csv, as_xlsx
from tests.unit.adapters.feeds.test_address import CODE, LOAN, NUMBER, PERSON, REGISTRY, UNIT

BANK = "shanyang-bank"
FROM_MARKET, FROM_BANK = "addresses-from-market-regulation", "addresses-from-bank"
TO_MARKET, TO_BANK = "service-results-to-market-regulation", "service-results-to-bank"
ADDRESSES, RESULTS = "service-address", "service-result"
CSV, XLSX = "text/csv", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
SUSPENDED = {
    "统一社会信用代码": CODE, "企业名称": UNIT, "住所": "", "法律文书送达地址": "焦作市马村区文昌路4号",
    "登记状态": "歇业", "业务类型": "歇业备案", "歇业开始日期": "2026-03-01", "歇业截止日期": "2026-08-31",
}  # fmt: skip
GONE = {
    "统一社会信用代码": CODE,
    "企业名称": UNIT,
    "登记状态": "注销",
    "业务类型": "注销登记",
    "注销日期": "2026-10-31",
}


def table(*rows: dict[str, Any]) -> list[list[object]]:
    headings = list(dict.fromkeys(key for row in rows for key in row))
    return [headings, *([row.get(key, "") for key in headings] for row in rows)]


async def push(
    district: District, party: str, body: bytes, kind: str, key: str, feed: str = ADDRESSES
) -> dict[str, int]:
    return (await district.client(party).push(feed, body, kind, f"push-{key}")).counts


async def ask(agent: Agent, on: str | None = None, scheme: str = "cn-uscc", value: str = CODE, **more: Any) -> Any:
    question = {"identifier": {"scheme": scheme, "value": value}, "on": on, **more}
    return (await agent.web.post("/v1/service-addresses", json=question)).json()


def at(answer: Any) -> list[tuple[str, str]]:
    return [(place["use"], place["address"]) for place in answer["serve_at"]]


@asynccontextmanager
async def court(district: District, folder: Path, contract: str) -> AsyncIterator[Agent]:
    async with open_agency(district, folder, contract, party=COURT) as opened:
        yield opened


@pytest.fixture
async def registry(district: District, tmp_path: Path) -> AsyncIterator[Agent]:
    """The court's agent on what the registry states."""
    await agree(district, FROM_MARKET)
    await agree(district, TO_MARKET)
    async with court(district, tmp_path, FROM_MARKET) as opened:
        yield opened


async def test_the_registry_states_and_the_court_asks_where_by_which_statement(registry: Agent) -> None:
    district = registry.district
    counts = await push(district, MARKET, as_xlsx(table(REGISTRY)), XLSX, "table-1")
    assert (counts["listed"], counts["quarantined"]) == (1, 0)
    rows = table(SUSPENDED, GONE, {**REGISTRY, "统一社会信用代码": CODE[:-1] + "V"})
    counts = await push(district, MARKET, as_csv(rows, "gb18030"), CSV, "table-2")
    assert (counts["listed"], counts["quarantined"], sum(counts.values())) == (2, 1, 3), "nothing is dropped"
    await registry.follow()

    answer = await ask(registry, "2026-02-01")
    assert (answer["unknown"], answer["contract"], answer["from"]) == (None, FROM_MARKET, MARKET)
    assert at(answer) == [("domicile", REGISTRY["住所"]), ("spare", REGISTRY["备用送达地址"])]
    assert answer["electronic"]["email"] == "law@example.cn"
    assert answer["electronic"]["consented_at"] == "2026-01-05T01:30:00.000Z"
    (statement,) = answer["statements"]
    assert (statement["occasion"], statement["effective_from"], statement["revision"]) == ("change", "2026-01-06", 1)
    verdict = verify_line(canonical(statement["event"]), await district.keys())
    assert (verdict.status, verdict.id) == ("valid", statement["event_id"]), "the statement's own proof"
    assert statement["event"]["record"]["domicile"]["address"] == REGISTRY["住所"]

    suspended = await ask(registry, "2026-03-01")
    assert at(suspended)[0] == ("while-suspended", "焦作市马村区文昌路4号")
    assert {one["occasion"] for one in suspended["statements"]} == {"change", "suspension"}
    assert at(await ask(registry, "2026-09-01"))[0] == ("domicile", REGISTRY["住所"])
    gone = await ask(registry, "2026-10-31")
    assert (gone["serve_at"], gone["electronic"], gone["state"]["state"]) == ([], None, "deregistered")
    assert (await ask(registry, "2026-01-05"))["serve_at"] == []
    inside = f"{CODE[8:16]}-{CODE[16]}"
    assert at(await ask(registry, "2026-02-01", "cn-org", inside)) == at(answer), "by the organisation code inside"
    assert registry.held() == []
    status = (await registry.web.get("/v1/status")).json()
    assert (status["holds"], status["pending"], status["unknown"]) == (0, 0, None)


async def test_a_withdrawn_statement_answers_no_more_and_history_says_that_it_stood(
    registry: Agent, tmp_path: Path
) -> None:
    district = registry.district
    await push(district, MARKET, orjson.dumps(REGISTRY), NDJSON, "row-1")
    moved = {**REGISTRY, "住所": "焦作市山阳区人民路9号", "核准日期": "2026-05-01"}
    await push(district, MARKET, orjson.dumps(moved), NDJSON, "row-2")
    corrected = {**moved, "住所": "焦作市山阳区人民路19号"}
    assert (await push(district, MARKET, orjson.dumps(corrected), NDJSON, "row-3"))["amended"] == 1
    await registry.follow()
    assert at(await ask(registry, "2026-05-01"))[0] == ("domicile", "焦作市山阳区人民路19号")
    assert at(await ask(registry, "2026-04-30"))[0] == ("domicile", REGISTRY["住所"]), (
        "what was before is not overwritten"
    )

    before = district.clock.at
    district.clock.advance(timedelta(seconds=5))
    line = {"identifier": CODE, "effective_from": "2026-05-01", "status_reason": "mistaken"}
    assert (await district.client(MARKET).withdraw(ADDRESSES, line)).counts["withdrawn"] == 1
    await registry.follow()
    answer = await ask(registry, "2026-05-01", history=True)
    assert at(answer)[0] == ("domicile", REGISTRY["住所"])
    told = [(one["became"], one["effective_from"], one["reason"]) for one in answer["history"]]
    assert told == [
        ("stated", "2026-01-06", None), ("stated", "2026-05-01", None), ("amended", "2026-05-01", None),
        ("withdrawn", None, "mistaken"),
    ], "in the order of the journal"  # fmt: skip
    stood = [one["record"]["domicile"]["address"] for one in answer["history"] if one["record"]]
    assert {"焦作市山阳区人民路9号", "焦作市山阳区人民路19号"} < set(stood)
    keys = await district.keys()
    assert all(verify_line(canonical(one["event"]), keys).status == "valid" for one in answer["history"])
    known = await ask(registry, "2026-05-01", known_at=before.isoformat(timespec="milliseconds").replace("+00:00", "Z"))
    assert at(known)[0] == ("domicile", "焦作市山阳区人民路19号"), "as the court knew it when it served"

    (tmp_path / "again").mkdir()
    async with court(district, tmp_path / "again", FROM_MARKET) as rebuilt:
        await rebuilt.follow()
        anew = await ask(rebuilt, "2026-05-01", history=True)
    said = ("record_id", "became", "record", "cause", "revision", "reason", "effective_from")
    assert [[one[name] for name in said] for one in anew["history"]] == [
        [one[name] for name in said] for one in answer["history"]
    ], "an index that is built anew"
    assert at(anew) == at(answer)


async def test_a_bank_states_what_a_borrower_confirmed_and_the_contract_limits_what_is_shown(
    district: District, tmp_path: Path
) -> None:
    await agree(district, FROM_BANK)
    # A bank knows more of where its customers live than what they confirmed in a contract; that does not travel.
    elsewhere = {**REGISTRY, "统一社会信用代码": CODE}
    rows = {**LOAN, "联系人": "某邻居", "电子邮箱": "su@example.cn", "是否同意电子送达": "是", "同意时间": "2025-05-01"}
    counts = await push(district, BANK, as_xlsx(table(rows)), XLSX, "loans")
    assert counts["listed"] == 1
    assert (await push(district, BANK, orjson.dumps(elsewhere), NDJSON, "else"))["listed"] == 1
    async with court(district, tmp_path, FROM_BANK) as agent:
        await agent.follow()
        answer = await ask(agent, "2025-06-01", "cn-id", NUMBER)
        assert answer["serve_at"] == [], "a contract's address is for disputes of that contract"
        (loan,) = answer["confirmed"]
        assert (loan["loan"], at(loan)) == (
            {"number": LOAN["合同编号"], "lender": "某银行"}, [("confirmed", LOAN["确认送达地址"])],
        )  # fmt: skip
        assert (loan["electronic"]["email"], loan["contact"]) == (
            "su@example.cn", {"name": None, "phone": LOAN["联系电话"], "by": loan["by"]},
        )  # fmt: skip
        assert "某邻居" not in orjson.dumps(answer).decode(), "the contract does not show it"
        assert (await ask(agent, "2026-02-01"))["statements"] == [], "not a confirmation, so not shown"
        unknown = await ask(agent, "2025-06-01", "cn-id", NUMBER[:-4] + "0038")
        assert unknown.get("code") == "applicant-unreadable" or unknown["confirmed"] == []
    events, _ = await district.pull(COURT, FROM_BANK)
    assert len([event for event in events if event["kind"] == "upsert"]) == 1
    written = district.log.getvalue()
    assert written
    for value in (PERSON, NUMBER, CODE, UNIT, LOAN["确认送达地址"], LOAN["联系电话"], "su@example.cn"):
        assert value not in written, "P1"


async def test_what_became_of_service_comes_back_to_who_stated_the_address(registry: Agent, tmp_path: Path) -> None:
    district = registry.district
    await agree(district, TO_BANK)
    await push(district, MARKET, orjson.dumps(REGISTRY), NDJSON, "row-1")
    await registry.follow()
    answer = await ask(registry, "2026-03-02")
    (statement,) = answer["statements"]
    result = {
        "送达编号": "S-2026-17", "统一社会信用代码": CODE, "受送达人": UNIT, "地址声明编号": statement["record_id"],
        "地址来源": answer["from"], "地址生效日期": statement["effective_from"],
        "地址类型": answer["serve_at"][0]["use"], "送达结果": "退回", "退回原因": "原址查无此人",
        "送达日期": "2026-03-02",
    }  # fmt: skip
    served = {**result, "送达编号": "S-2026-18", "地址类型": "备用送达地址", "送达结果": "已送达", "退回原因": ""}
    person = {
        **served, "送达编号": "S-2026-19", "统一社会信用代码": "", "证件号码": NUMBER, "受送达人": PERSON,
        "地址来源": BANK, "地址类型": "合同确认地址",
    }  # fmt: skip
    body = as_csv(table(result, served, person))
    assert (await push(district, COURT, body, CSV, "results", RESULTS))["listed"] == 3

    events, _ = await district.pull(MARKET, TO_MARKET)
    shown = [event["record"] for event in events if event["kind"] == "upsert"]
    assert [(one["statement"]["use"], one["outcome"], one["reason"]) for one in shown] == [
        ("domicile", "returned", "unknown-there"), ("spare", "served", None),
    ]  # fmt: skip
    assert {one["subject"]["identifiers"][0]["value"] for one in shown} == {CODE}
    assert {one["statement"]["effective_from"] for one in shown} == {"2026-01-06"}
    assert not [value for value in (UNIT, "S-2026-17", statement["record_id"], NUMBER) if value in repr(shown)]
    events, _ = await district.pull(BANK, TO_BANK)
    (theirs,) = [event["record"] for event in events if event["kind"] == "upsert"]
    assert (theirs["statement"]["use"], theirs["outcome"]) == ("confirmed", "served")
    (tmp_path / "registry").mkdir()
    async with open_agency(district, tmp_path / "registry", TO_MARKET, party=MARKET) as theirs_too:
        await theirs_too.follow()
        status = (await theirs_too.web.get("/v1/status")).json()
        assert (status["unknown"], status["holds"], status["aside"]) == (None, 0, 0)
    with pytest.raises(FuyuanError) as refused:
        await push(district, MARKET, body, CSV, "forged", RESULTS)
    assert refused.value.code == "unknown-feed", "only the court says what became of service"


async def test_an_agent_that_cannot_rely_on_its_history_says_so(registry: Agent) -> None:
    district = registry.district
    await push(district, MARKET, orjson.dumps(REGISTRY), NDJSON, "row-1")
    await registry.follow()
    district.clock.advance(timedelta(seconds=121))
    answer = await ask(registry, "2026-02-01")
    assert (answer["unknown"], at(answer)[0][0]) == ("list-stale", "domicile"), "D11"


async def test_a_question_that_cannot_be_read_is_refused_without_repeating_it(registry: Agent) -> None:
    await registry.follow()
    for question, code in (
        ({"on": "2026-02-01"}, "question-unreadable"),
        ({"identifier": {"scheme": "cn-uscc", "value": CODE}, "on": "1 February"}, "question-unreadable"),
        ({"identifier": {"scheme": "cn-uscc", "value": CODE}, "known_at": "yesterday"}, "question-unreadable"),
        ({"identifier": {"scheme": "cn-uscc", "value": CODE}, "name": UNIT}, "question-unreadable"),
        ({"identifier": {"scheme": "cn-id", "value": CODE}}, "applicant-unreadable"),
        ({"identifier": {"scheme": "cn-uscc", "value": CODE[:-1] + "V"}}, "applicant-unreadable"),
    ):
        response = await registry.web.post("/v1/service-addresses", json=question)
        assert response.json()["code"] == code
        assert CODE not in response.text
        assert UNIT not in response.text
    assert (await ask(registry))["statements"] == []


async def test_an_agent_on_another_contract_has_no_addresses(agent: Agent) -> None:
    await agent.follow()
    assert (await ask(agent, "2026-02-01"))["code"] == "no-address-contract"


@asynccontextmanager
async def listening(agent: Agent) -> AsyncIterator[str]:
    """The agent's application at a real address."""
    app = create_screening_app(agent.parts, agent.district.clock, gateway=agent.gateway)
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, lifespan="off"))
    with socket.create_server(("127.0.0.1", 0)) as place:
        serving = asyncio.create_task(server.serve([place]))
        yield f"http://127.0.0.1:{place.getsockname()[1]}"
        server.should_exit = True
        await serving


async def test_the_question_from_a_terminal(registry: Agent) -> None:
    district = registry.district
    await push(district, MARKET, orjson.dumps(REGISTRY), NDJSON, "row-1")
    await registry.follow()

    async def run(identifier: str, *options: str, said: bytes = b"") -> tuple[int | None, str, str]:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "gateway.cli", "address", identifier, *options,
            cwd=ROOT, stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, errors = await process.communicate(said)
        return process.returncode, out.decode(), errors.decode()

    async with listening(registry) as url:
        status, out, _ = await run(CODE, "--on", "2026-02-01", "--agent", url)
        answer = orjson.loads(out)
        assert (status, at(answer)[0]) == (0, ("domicile", REGISTRY["住所"]))
        status, out, _ = await run("-", "--on", "2026-02-01", "--history", "--agent", url, said=CODE.encode() + b"\n")
        assert (status, [one["became"] for one in orjson.loads(out)["history"]]) == (0, ["stated"])
        status, out, errors = await run("见附件", "--agent", url)
        assert (status, out, errors.split(":")[0]) == (1, "", "applicant-unreadable")
        status, out, errors = await run("", "--agent", url)
        assert (status, out, errors.split(":")[0]) == (1, "", "question-unreadable")
        status, out, errors = await run(CODE, "--on", "tomorrow", "--agent", url)
        assert (status, out, errors.split(":")[0]) == (1, "", "question-unreadable")
    status, _, errors = await run(CODE, "--agent", "http://127.0.0.1:9")
    assert (status, errors.split(":")[0]) == (1, "agent-unreachable")
