"""The agency's side against the real gateway: follow, verify, match, hold, receipt, release (rules D11, D12, M3-M8)."""

import asyncio
import json
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import create_engine, text

from gateway.agent.index import Change
from gateway.agent.standing import read_standing, write_standing
from gateway.agent.trusted import Trust
from gateway.errors import Broken, FuyuanError
from gateway.trust.keys import KeySet
from schemas.canonical import b64u, canonical
from tests.integration.agency import CODE, COMPANY, MEASURE, Agent, application, listing
from tests.integration.district import COURT, MARKET, TO_MARKET


async def test_m4_a_listing_blocks_and_the_last_withdrawal_releases(agent: Agent) -> None:
    await agent.follow()
    assert (await agent.web.get("/readyz")).status_code == 200
    assert (await agent.screen("A-0"))["decision"] == "clear"
    await agent.district.push(listing(1), listing(2))
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]
    blocked = await agent.screen("A-1")
    assert blocked["decision"] == "block"
    assert {reason["case_number"] for reason in blocked["reasons"]} == {"（2026）豫0811执1号", "（2026）豫0811执2号"}
    await agent.district.withdraw(listing(1))
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]
    assert (await agent.screen("A-2"))["decision"] == "block"
    await agent.district.withdraw(listing(2))
    await agent.follow()
    assert agent.held() == []
    assert (await agent.screen("A-3"))["decision"] == "clear"
    assert (await agent.screen("A-1"))["standing"] is False
    found = await agent.receipts()
    assert len({(one["kind"], one["key"]) for one in found}) == len(found)
    assert [one["reference"] for one in found if one["kind"] == "blocked" and one["reference"]] == ["A-1", "A-2"]
    released = [(one["key"].rpartition("/")[2], one["reason"]) for one in found if one["kind"] == "released"]
    assert sorted(released) == [("A-1", "performed"), ("A-2", "performed"), ("licence-1", "performed")]
    status = (await agent.web.get("/v1/status")).json()
    assert (status["outbox"], status["aside"], status["pending"], status["holds"]) == (0, 0, 0, 0)


async def test_d12_every_number_is_acknowledged_by_range(agent: Agent) -> None:
    await agent.district.push(listing(1), listing(2))
    await agent.follow()
    ranges = {(one["lane"], one["first"], one["last"]) for one in await agent.receipts() if one["kind"] == "received"}
    assert ranges == {("priority", 1, 1), ("bulk", 1, 2)}


@pytest.mark.parametrize("place", ["name", "cause", "run", "cut"])
async def test_m3_a_tampered_page_is_refused_whole_and_decisions_become_unknown(agent: Agent, place: str) -> None:
    await agent.follow()
    await agent.district.push(listing(1), listing(2))

    def change(body: bytes) -> bytes:
        page = json.loads(body)
        event = page["events"][-1]
        if place == "name":
            event["record"]["subject"]["name"] = "别人有限公司"
        elif place == "cause":
            event["cause"] += 1
        elif place == "run":
            run = event["proof"]["run"]
            event["proof"]["run"] = run[:-2] + ("BA" if run.endswith("AA") else "AA")
        else:
            del event["record"]["doubts"]
        return json.dumps(page).encode()

    agent.wire.change = change
    with pytest.raises(Broken):
        await agent.follower.pull_once(wait=0)
    answer = await agent.screen()
    assert (answer["decision"], answer["cause"]) == ("unknown", "verification-failed")
    assert (await agent.web.get("/readyz")).status_code == 503
    agent.wire.change = None
    await agent.follow()
    assert (await agent.screen("A-2"))["decision"] == "block"


async def test_s4_a_page_sealed_by_an_admitted_party_that_is_not_the_gateway_is_refused(agent: Agent) -> None:
    """Another party's key is in the trusted set, and still may not speak for the gateway."""
    await agent.follow()
    with agent.parts.index.read() as view:
        standing = read_standing(view, TO_MARKET)
    trust = Trust(await agent.district.keys(), COURT, TO_MARKET, MARKET, agent.district.clock)
    page = await agent.district.client(MARKET).events(TO_MARKET)
    terms = agent.district.cast.contracts[TO_MARKET].terms
    with pytest.raises(Broken):
        trust.page(page, terms, standing)


async def test_d11_a_dead_line_makes_the_list_stale(agent: Agent) -> None:
    await agent.follow()
    agent.wire.cut = True
    with pytest.raises(FuyuanError):
        await agent.follower.pull_once(wait=0)
    agent.district.clock.advance(timedelta(seconds=121))
    assert (await agent.screen())["cause"] == "list-stale"
    agent.wire.cut = False
    await agent.follow()
    assert (await agent.screen("A-2"))["decision"] == "clear"


async def test_d11_a_replayed_page_does_not_make_the_list_fresh(agent: Agent) -> None:
    await agent.follow()
    kept: list[bytes] = []
    agent.wire.change = lambda body: kept.append(body) or body
    await agent.follower.pull_once(wait=0)
    agent.district.clock.advance(timedelta(seconds=121))
    agent.wire.change = lambda _: kept[0]
    await agent.follower.pull_once(wait=0)
    assert (await agent.screen())["cause"] == "list-stale"


async def test_d7_suspension_makes_decisions_unknown_and_withdrawals_go_on(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    await agent.district.running.registry.change_state(TO_MARKET, "suspend")
    await agent.follow()
    assert (await agent.screen())["cause"] == "contract-not-active"
    assert agent.held() == [("licence-1", MEASURE)]
    await agent.district.withdraw(listing(1))
    await agent.follow()
    assert agent.held() == []


async def test_d7_revocation_releases_what_the_contract_says(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    await agent.district.running.registry.change_state(TO_MARKET, "revoke")
    await agent.follow()
    assert agent.held() == []
    assert (await agent.screen())["cause"] == "contract-ended"
    assert "contract-ended" in {one["reason"] for one in await agent.receipts() if one["kind"] == "released"}


async def test_a_new_contract_version_is_read_and_followed(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    terms = agent.district.cast.contracts[TO_MARKET].terms
    effects = terms.effects.model_dump(mode="json") | {"action": ["licence"]}
    await agent.district.activate(version=2, effects=effects)
    await agent.follow()
    assert (await agent.web.get("/v1/status")).json()["contract_version"] == 2
    refused = await agent.screen("A-9", action="legal-representative")
    assert refused["code"] == "action-not-covered"
    assert agent.held() == [("licence-1", MEASURE)]


async def test_m6_a_listing_period_that_ends_releases_without_a_message(agent: Agent) -> None:
    await agent.district.push(listing(1, disruptTypeName="其他规避执行"))
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]
    agent.district.clock.advance(timedelta(days=5 * 366))
    assert await agent.follower.carry_out_once()
    assert agent.held() == []


async def test_m8_the_kill_switch_leaves_standing_rows_alone_until_it_is_off(agent: Agent) -> None:
    await agent.follow()
    agent.parts.kill_switch.touch()
    await agent.district.push(listing(1))
    await agent.follow()
    assert agent.held() == []
    assert (await agent.screen())["decision"] == "review"
    agent.parts.kill_switch.unlink()
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]


async def test_many_applications_are_answered_line_by_line(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    lines = [
        application("B-1"),
        application("B-2", name="李四", identifiers=[{"scheme": "cn-id", "value": "999999199003077572"}]),
        application("B-3", identifiers=[{"scheme": "cn-org", "value": "12345678-9"}]),
        application("B-4", action="tender"),
    ]
    body = b"\n".join(map(canonical, lines))
    answer = await agent.web.post("/v1/screenings", content=body, headers={"content-type": "application/x-ndjson"})
    found = [json.loads(line) for line in answer.content.splitlines()]
    assert [one["reference"] for one in found] == ["B-1", "B-2", "B-3", "B-4"]
    assert [one.get("decision") or one["problem"]["code"] for one in found] == [
        "block",
        "clear",
        "applicant-unreadable",
        "action-not-covered",
    ]


BAD = {
    "no JSON": (b"{", "application/json", 400, "screening-unreadable"),
    "truncated": (canonical(application("C-1")) + b"\n{", "application/x-ndjson", 400, "screening-unreadable"),
    "empty": (b"", "application/x-ndjson", 400, "screening-unreadable"),
    "unknown member": (canonical(application() | {"张三": 1}), "application/json", 400, "screening-unreadable"),
    "twice": (b'{"reference":"a","reference":"b"}', "application/json", 400, "screening-unreadable"),
    "form": (b"a=b", "application/x-www-form-urlencoded", 415, "content-type"),
    "personal reference": (
        canonical(application("999999199003077572")), "application/json", 422, "reference-personal",
    ),
    "large": (b" " * (9 * 1024 * 1024), "application/json", 413, "body-too-large"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_is_a_problem_with_a_stable_code_and_nothing_half_done(agent: Agent, case: str) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    body, kind, status, code = BAD[case]
    answer = await agent.web.post("/v1/screenings", content=body, headers={"content-type": kind})
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert "张三" not in answer.text
    with agent.parts.index.read() as view:
        assert view.count("answers") == 0


async def test_a_reference_used_for_another_application_is_a_conflict(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    assert (await agent.screen())["decision"] == "block"
    answer = await agent.web.post("/v1/screenings", json=application(name="别人有限公司"))
    assert (answer.status_code, answer.json()["code"]) == (409, "reference-reused")


async def test_p1_the_agents_log_repeats_nobody(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    await agent.screen()
    written = agent.district.log.getvalue()
    assert COMPANY not in written
    assert CODE not in written
    assert '"step":"index"' in written


async def test_a_follower_runs_until_it_is_stopped(agent: Agent) -> None:
    running = asyncio.create_task(agent.follower.run())
    await agent.district.push(listing(1))
    for _ in range(100):
        await asyncio.sleep(0.05)
        if agent.held():
            break
    assert agent.held() == [("licence-1", MEASURE)]
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


# A gateway that was set back or forked, a key that was lost, a clock that was set back.


def with_tree(agent: Agent, **changed: Any) -> None:
    """As if the agent had verified another tree than the one that the gateway now shows."""

    def work(change: Change) -> None:
        write_standing(change, TO_MARKET, replace(read_standing(change, TO_MARKET), **changed))

    agent.parts.index.write(work)


@pytest.mark.parametrize("tree", ["longer", "other", "older"])
async def test_d12_a_journal_that_does_not_go_on_from_what_was_seen_is_refused(agent: Agent, tree: str) -> None:
    await agent.follow()
    with agent.parts.index.read() as view:
        size = read_standing(view, TO_MARKET).tree_size
    if tree == "longer":
        with_tree(agent, tree_size=size + 5)
    elif tree == "other":
        with_tree(agent, tree_root=b64u(bytes(32)))
    else:
        with_tree(agent, tree_root=b64u(bytes(32)))
        await agent.district.push(listing(1))  # the tree has grown since: only a proof shows the fork
    with pytest.raises(Broken, match="journal-"):
        await agent.follower.pull_once(wait=0)
    assert (await agent.screen())["cause"] == "verification-failed"


async def test_d12_a_journal_that_grows_is_proved_to_go_on(agent: Agent) -> None:
    await agent.follow()
    for serial in range(1, 4):
        await agent.district.push(listing(serial))
        await agent.follow()
    checkpoint = await agent.district.checkpoint(await agent.district.client(MARKET).checkpoint())
    with agent.parts.index.read() as view:
        assert 0 < read_standing(view, TO_MARKET).tree_size <= checkpoint.size


async def test_s7_a_gateway_key_that_is_revoked_in_the_trusted_file_counts_no_more(agent: Agent) -> None:
    await agent.follow()
    agent.district.clock.advance(timedelta(seconds=1))
    keys = []
    for key in await agent.district.keys():
        revoked = replace(key.validity, revoked_at=agent.district.clock.now())
        keys.append(replace(key, validity=revoked) if key.party == "fuyuan-gateway" else key)
    agent.parts.trusted_keys.write_bytes(canonical(KeySet(keys).to_jwks()))
    with pytest.raises(Broken, match="heartbeat-unverified"):
        await agent.follower.pull_once(wait=0)
    assert (await agent.screen())["decision"] == "unknown"


async def test_d11_a_clock_that_is_set_back_lengthens_no_lease(agent: Agent) -> None:
    agent.district.clock.advance(timedelta(days=2))
    await agent.follow()
    agent.district.clock.advance(timedelta(days=-1))
    assert (await agent.screen())["cause"] == "list-stale"
    await agent.follow()
    assert (await agent.screen("A-2"))["decision"] == "clear"


async def test_m8_an_order_that_waits_is_not_carried_out_behind_the_kill_switch(agent: Agent) -> None:
    """The register was away when it was given; what is released in the meantime is never blocked at all."""
    await agent.district.push(listing(1))
    register, agent.follower._outbox._register = agent.register, None  # no order reaches it
    while await agent.follower.pull_once(wait=0):
        pass
    await agent.follower.carry_out_once()
    agent.follower._outbox._register = register
    agent.parts.kill_switch.touch()
    await agent.follower.carry_out_once()
    assert agent.held() == []
    agent.parts.kill_switch.unlink()
    assert await agent.follower.carry_out_once()
    assert agent.held() == [("licence-1", MEASURE)]


@pytest.mark.parametrize("row", ["照" * 200, "x" * 500])
async def test_a_row_number_too_long_for_the_index_stops_nothing(agent: Agent, row: str) -> None:
    engine = create_engine(agent.url)
    with engine.begin() as connection:
        values = {"no": row, "name": COMPANY, "code": CODE}
        connection.execute(text("INSERT INTO licences VALUES (:no, :name, :code)"), values)
    engine.dispose()
    await agent.district.push(listing(1))
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]
