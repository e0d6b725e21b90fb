"""Rule D7 on the agency's side: it closes by itself once nothing is held, waits or is untold, and then asks no more."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import pytest

from adapters.registers.sql import Row
from gateway.agent.index import Change
from gateway.agent.standing import read_standing, write_standing
from gateway.client import GatewayProblem
from gateway.errors import FuyuanError
from tests.integration.agency import CODE, COMPANY, MEASURE, Agent, listing
from tests.integration.district import MARKET, TO_MARKET


async def change(agent: Agent, *actions: str) -> None:
    for action in actions:
        await agent.district.running.registry.change_state(TO_MARKET, action)


async def status(agent: Agent) -> str:
    found: str = (await agent.web.get("/v1/status")).json()["state"]
    return found


async def kinds(agent: Agent) -> list[str]:
    """Of the receipts that the court reads, in order, those that undo and the one that closes."""
    return [one["kind"] for one in await agent.receipts() if one["kind"] in ("released", "closing")]


@pytest.mark.parametrize("actions", [("end",), ("revoke", "confirm")])
async def test_d7_a_contract_that_releases_is_closed_behind_the_last_release(
    agent: Agent, actions: tuple[str, ...]
) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    assert (await agent.screen("A-1"))["decision"] == "block"
    for action in actions:
        await change(agent, action)
        await agent.follow()
    assert agent.held() == []
    assert await kinds(agent) == ["released", "released", "closing"]
    assert await status(agent) == "closed"
    with pytest.raises(GatewayProblem) as problem:
        await agent.district.client(MARKET).events(TO_MARKET)
    assert problem.value.code == "unknown-contract"
    answer = await agent.screen("A-2")
    assert (answer["decision"], answer["cause"], answer["business"]) == ("unknown", "contract-ended", "open")


async def test_d7_a_contract_that_is_only_revoking_stays_open(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    await change(agent, "revoke")
    await agent.follow()
    assert (await status(agent), await kinds(agent)) == ("revoking", ["released"])


async def test_d7_a_contract_that_keeps_is_closed_with_its_last_withdrawal(agent: Agent) -> None:
    await agent.district.activate(version=2, on_end="keep-until-withdrawn")
    await agent.district.push(listing(1), listing(2))
    await agent.follow()
    await change(agent, "end")
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]
    await agent.district.withdraw(listing(1))
    await agent.follow()
    assert (agent.held(), await status(agent)) == ([("licence-1", MEASURE)], "ended")
    assert "closing" not in await kinds(agent)
    await agent.district.withdraw(listing(2))
    await agent.follow()
    assert (agent.held(), await status(agent)) == ([], "closed")
    assert await kinds(agent) == ["released", "closing"]


async def test_d7_a_release_that_the_register_has_not_got_keeps_it_open(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    await change(agent, "end")
    register, agent.follower._outbox._register = agent.register, None  # no order reaches it
    while await agent.follower.pull_once(wait=0):
        pass
    assert not await agent.follower.carry_out_once()
    assert (await status(agent), await kinds(agent)) == ("ended", [])
    agent.follower._outbox._register = register
    assert await agent.follower.carry_out_once()
    assert (await status(agent), await kinds(agent)) == ("closed", ["released", "closing"])


async def test_d7_a_withdrawal_that_was_not_pulled_yet_comes_first(agent: Agent) -> None:
    await agent.district.push(listing(1), listing(2))
    await agent.follow()
    await change(agent, "end")
    while await agent.follower.pull_once(wait=0):
        pass
    await agent.district.withdraw(listing(1))
    assert not await agent.follower.carry_out_once()
    assert await status(agent) == "ended"
    assert '"code":"receipts-outstanding"' in agent.district.log.getvalue()
    await agent.follow()
    assert await status(agent) == "closed"


async def test_d7_an_answer_that_was_lost_is_asked_for_again(agent: Agent) -> None:
    await agent.follow()
    await change(agent, "end")
    await agent.follow()

    def forget(change: Change) -> None:
        write_standing(change, TO_MARKET, replace(read_standing(change, TO_MARKET), state="ended"))

    agent.parts.index.write(forget)
    with pytest.raises(FuyuanError, match="unknown-contract"):
        await agent.follower.pull_once(wait=0)
    assert await agent.follower.carry_out_once()
    assert (await status(agent), await kinds(agent)) == ("closed", ["closing"])


async def test_d7_a_closed_contract_is_asked_for_no_more(agent: Agent) -> None:
    running = asyncio.create_task(agent.follower.run())
    await agent.district.push(listing(1))
    async with asyncio.timeout(20):
        while not agent.held():  # noqa: ASYNC110 - the register signals nothing
            await asyncio.sleep(0.05)
        await change(agent, "end")
        while await status(agent) != "closed":  # noqa: ASYNC110 - nor does the agent
            await asyncio.sleep(0.05)
    assert agent.held() == []
    await asyncio.sleep(0.5)  # a poll that was under way has its answer
    asked = agent.wire.asked
    await asyncio.sleep(1.0)
    assert agent.wire.asked == asked
    assert not running.done()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running


async def test_p1_closing_repeats_nobody(agent: Agent) -> None:
    await agent.district.push(listing(1))
    await agent.follow()
    await change(agent, "end")
    await agent.follow()
    written = agent.district.log.getvalue()
    assert '"event":"contract-closed"' in written
    assert COMPANY not in written
    assert CODE not in written


def meanwhile(agent: Agent, monkeypatch: pytest.MonkeyPatch, happens: Callable[[], Awaitable[object]]) -> None:
    """Once, while the register is asked, something happens and the agent reads of it."""
    loop, find, left = asyncio.get_running_loop(), agent.register.find, [happens]

    async def happen() -> None:
        await left.pop()()
        while await agent.follower.pull_once(wait=0):
            pass

    def asked(wanted: Sequence[tuple[str, str]]) -> list[Row]:
        rows = find(wanted)
        if left:
            asyncio.run_coroutine_threadsafe(happen(), loop).result(30)
        return rows

    monkeypatch.setattr(agent.register, "find", asked)


async def test_d7_a_contract_that_ends_while_the_register_is_asked_blocks_nobody(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    await agent.district.push(listing(1))
    meanwhile(agent, monkeypatch, lambda: change(agent, "end"))
    await agent.follow()
    assert agent.held() == []
    assert not [one for one in await agent.receipts() if one["kind"] == "blocked"]


async def test_m4_terms_that_change_while_the_register_is_asked_are_those_that_count(
    agent: Agent, monkeypatch: pytest.MonkeyPatch
) -> None:
    effects = agent.district.cast.contract_to(MARKET).effects
    assert effects is not None
    units = effects.model_copy(update={"subjects": ("person",)}).model_dump(mode="json")
    await agent.district.push(listing(1))
    meanwhile(agent, monkeypatch, lambda: agent.district.activate(version=2, effects=units))
    await agent.follow()
    assert agent.held() == [], "from now on persons alone"
    await agent.district.activate(version=3)
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]
