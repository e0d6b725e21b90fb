"""A contract over HTTP as its subscriber meets it: suspended, resumed, revoked, narrowed, widened; a record erased."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from gateway.client import GatewayProblem
from gateway.clock import stamp, unstamp
from gateway.demo.cast import COURT
from gateway.trust.verify import verify_line
from schemas.canonical import canonical
from tests.integration.district import FEED, MARKET, TO_MARKET, District, Event, sample_records

DEBTORS = sample_records()  # a unit and two persons


def kinds(events: list[Event]) -> list[str]:
    return [event["kind"] for event in events]


def names(events: list[Event]) -> set[str]:
    return {event["record"]["subject"]["name"] for event in events if event["kind"] == "upsert"}


async def refused(district: District, contract: str = TO_MARKET) -> str:
    with pytest.raises(GatewayProblem) as problem:
        await district.client(MARKET).events(contract)
    return problem.value.code


async def test_d6_the_first_snapshot_holds_what_is_live_and_nothing_else(district: District) -> None:
    await district.push(*DEBTORS)
    await district.withdraw(DEBTORS[0])
    await district.push(DEBTORS[1] | {"performance": "全部已履行"})
    await district.activate("debtors-once-more")
    events, _ = await district.pull(MARKET, "debtors-once-more")
    notice, *records = events
    assert (notice["kind"], notice["notice"]["state"]) == ("contract", "active")
    assert names(records) == {DEBTORS[1]["iname"], DEBTORS[2]["iname"]}
    assert {event["cause"] for event in records} == {notice["cause"]}, "D4: all of it is the activation's word"
    assert [event["number"] for event in records] == [1, 2]
    shown = {event["record"]["subject"]["name"]: event["record"]["performance"] for event in records}
    assert shown[DEBTORS[1]["iname"]] == "full", "the newest version"


async def test_d7_while_suspended_what_takes_back_goes_on(district: District) -> None:
    await district.push(DEBTORS[0])
    _, page = await district.pull(MARKET, TO_MARKET)
    await district.running.registry.change_state(TO_MARKET, "suspend")
    await district.push(DEBTORS[1])
    await district.withdraw(DEBTORS[0])
    events, page = await district.pull(MARKET, TO_MARKET, page.next)
    assert kinds(events) == ["contract", "withdrawn"]
    assert events[0]["notice"]["state"] == (await district.heartbeat(page.heads)).state == "suspended"

    await district.running.registry.change_state(TO_MARKET, "resume")
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert (kinds(events), names(events)) == (["contract", "upsert"], {DEBTORS[1]["iname"]})


@pytest.mark.parametrize("action", ["suspend", "revoke", "end"])
async def test_d10_what_was_routed_and_not_yet_read_is_not_shown_any_more(district: District, action: Any) -> None:
    await district.push(*DEBTORS)
    first = await district.client(MARKET).events(TO_MARKET, limit=2)
    assert kinds(first.events) == ["contract", "upsert"]
    state = await district.running.registry.change_state(TO_MARKET, action)
    events, page = await district.pull(MARKET, TO_MARKET, first.next)
    assert kinds(events) == ["contract", "void", "void"], "numbers have no gaps, and show nobody"
    assert [event["number"] for event in events if event["kind"] == "void"] == [2, 3]
    again, _ = await district.pull(MARKET, TO_MARKET)
    assert names(again) == set(), "nor is what was read before shown again"
    await district.withdraw(DEBTORS[0])
    events, page = await district.pull(MARKET, TO_MARKET, page.next)
    assert kinds(events) == ["withdrawn"], "D7"
    assert (await district.heartbeat(page.heads)).state == state


async def test_d10_a_closed_contract_is_as_unknown_as_any_other(district: District) -> None:
    for action in ("revoke", "confirm", "close"):
        await district.running.registry.change_state(TO_MARKET, action)
    assert await refused(district) == await refused(district, "no-such-contract") == "unknown-contract"


async def test_d6_a_narrower_version_shows_less_of_everything_older_numbers_too(district: District) -> None:
    await district.push(*DEBTORS)
    before, page = await district.pull(MARKET, TO_MARKET)
    await district.activate(version=2, fields=["subject.kind", "subject.name"], effects=None, review=None)
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert kinds(events) == ["contract", "upsert", "upsert", "upsert"]
    again, _ = await district.pull(MARKET, TO_MARKET)
    for event in (*events, *again):
        if event["kind"] == "upsert":
            assert event["contract_version"] == 2
            assert set(event["record"]) == {"feed", "schema_version", "record_id", "status", "subject"}
            assert set(event["record"]["subject"]) == {"kind", "name"}
            assert set(event["proof"]["salts"]) == {"subject.kind", "subject.name"}
    keys = await district.keys()
    assert {verify_line(canonical(event), keys).status for event in before} == {"valid"}, "what was got stays proved"


async def test_d5_a_narrower_filter_drops_and_a_wider_one_lists_again(district: District) -> None:
    await district.push(*DEBTORS)
    _, page = await district.pull(MARKET, TO_MARKET)
    await district.activate(version=2, rows={"slot": "subject.kind", "equals": "organisation"})
    events, page = await district.pull(MARKET, TO_MARKET, page.next)
    assert sorted(kinds(events)) == ["contract", "drop", "drop"]
    drops = [event for event in events if event["kind"] == "drop"]
    assert all(set(event["record"]) == {"feed", "record_id"} for event in drops), "the id and the cause alone"
    assert {event["lane"] for event in drops} == {"priority"}

    await district.withdraw(DEBTORS[1])
    events, page = await district.pull(MARKET, TO_MARKET, page.next)
    assert events == [], "D5: what is not seen any more is not taken back twice"

    await district.activate(version=3)
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert names(events) == {DEBTORS[2]["iname"]}
    assert sum(event["kind"] == "upsert" for event in events) == 1, "what was seen all along is not sent again"


async def test_j7_an_erased_record_is_void_and_older_proofs_verify(district: District) -> None:
    await district.push(*DEBTORS)
    before, page = await district.pull(MARKET, TO_MARKET)
    gone = next(event for event in before if event["number"] == 2 and event["lane"] == "bulk")
    await district.erase(gone["record"]["record_id"])
    again, _ = await district.pull(MARKET, TO_MARKET)
    void = next(event for event in again if event["number"] == 2 and event["lane"] == "bulk")
    assert (void["kind"], void["record"], void["proof"]["salts"]) == ("void", None, None)
    assert len(names(again)) == 2
    keys = await district.keys()
    assert {verify_line(canonical(event), keys).status for event in before} == {"valid"}

    taken = await district.client(COURT).withdraw(FEED, {"record_id": gone["record"]["record_id"]})
    assert taken.counts["withdrawn"] == 1
    events, _ = await district.pull(MARKET, TO_MARKET, page.next)
    assert kinds(events) == ["withdrawn"], "D7: what was delivered of it is taken back all the same"


@pytest.mark.parametrize("change", ["listing", "withdrawal", "state"])
async def test_a_long_poll_ends_with_what_it_waited_for(district: District, change: str) -> None:
    await district.push(DEBTORS[0])
    _, page = await district.pull(MARKET, TO_MARKET)
    waiting = asyncio.create_task(district.client(MARKET).events(TO_MARKET, page.next, wait=30))
    await asyncio.sleep(0.3)
    assert not waiting.done()
    async with asyncio.timeout(15):  # half of what it may wait
        if change == "listing":
            await district.push(DEBTORS[1])
        elif change == "withdrawal":
            await district.withdraw(DEBTORS[0])
        else:
            await district.running.registry.change_state(TO_MARKET, "suspend")
        answer = await waiting
    assert kinds(answer.events) == {"listing": ["upsert"], "withdrawal": ["withdrawn"], "state": ["contract"]}[change]


async def test_a_long_poll_on_a_contract_that_ends_meanwhile_tells_so(district: District) -> None:
    """Rule D10: what is shown is decided when it is shown, not when it was asked for."""
    _, page = await district.pull(MARKET, TO_MARKET)
    waiting = asyncio.create_task(district.client(MARKET).events(TO_MARKET, page.next, wait=30))
    await asyncio.sleep(0.3)
    await district.running.registry.change_state(TO_MARKET, "revoke")
    async with asyncio.timeout(15):
        answer = await waiting
    assert [event["notice"]["state"] for event in answer.events] == ["revoking"]


async def test_d11_the_heartbeat_tells_the_last_numbers_and_when_that_was_so(district: District) -> None:
    await district.push(*DEBTORS)
    await district.withdraw(DEBTORS[0])
    asked = district.clock.now()
    page = await district.client(MARKET).events(TO_MARKET, limit=1)
    beat = await district.heartbeat(page.heads)
    assert (beat.heads.priority, beat.heads.bulk) == (2, 3), "of the lanes, not of the page"
    assert (beat.contract, beat.contract_version, beat.state) == (TO_MARKET, 1, "active")
    assert beat.at == stamp(asked)
    checkpoint = await district.checkpoint(await district.client(MARKET).checkpoint())
    assert (beat.checkpoint.size, beat.checkpoint.root) == (checkpoint.size, checkpoint.root)

    district.clock.advance(timedelta(minutes=2))
    _, page = await district.pull(MARKET, TO_MARKET, page.next)
    later = await district.heartbeat(page.heads)
    assert unstamp(later.at) == asked + timedelta(minutes=2)
    assert later.heads == beat.heads
