"""Routing beside a long list: withdrawals overtake (rule D1), and nobody waits for all that a list gives to do."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from itertools import groupby

import pytest
from sqlalchemy import select
from sqlalchemy.exc import OperationalError

from gateway.delivery.log import RUN
from gateway.delivery.route import Behind
from gateway.journal.tables import entry, lane
from tests.integration.agency import MEASURE, Agent, listing
from tests.integration.district import FEED, TO_MARKET, District

AT_ONCE = 50  # the test gateway takes no larger body


async def lanes(district: District) -> dict[str, int]:
    """The last number of each lane of the contract."""
    async with district.running.engine.connect() as connection:
        rows = await connection.execute(select(lane).where(lane.c.contract == TO_MARKET))
        return {row.lane: row.last for row in rows}


async def list_many(district: District, count: int) -> None:
    for first in range(1, count + 1, AT_ONCE):
        await district.push(*map(listing, range(first, min(first + AT_ONCE, count + 1))))


async def test_d1_a_withdrawal_waits_for_one_step_of_a_long_list(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.running.PASS_SECONDS", 0)
    monkeypatch.setattr("gateway.running.LONGEST_SECONDS", 60.0)
    running = district.running
    await running.router.catch_up(TO_MARKET)
    assert await lanes(district) == {"priority": 1, "bulk": 0}
    await list_many(district, 2 * RUN)
    await running._route_each(running.wakeup.ticket())
    assert await lanes(district) == {"priority": 1, "bulk": RUN}
    await district.withdraw(listing(1))
    before = running.wakeup.ticket()
    await district.withdraw(listing(2))
    await running._route_each(before)
    assert await lanes(district) == {"priority": 3, "bulk": RUN}  # both, and then it looks anew
    while await running._route_each(running.wakeup.ticket()):
        pass
    assert await lanes(district) == {"priority": 3, "bulk": 2 * RUN}
    assert await running.router.behind() == []


async def test_d1_a_long_list_gives_way_to_a_withdrawal_at_the_journal(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.precedence.LONGEST_SECONDS", 30.0)
    await district.push(listing(1))
    with district.running.precedence.taken():
        pushing = asyncio.create_task(district.push(*map(listing, range(2, AT_ONCE))))
        await district.withdraw(listing(1))
        await asyncio.wait([pushing], timeout=0.5)
        assert not pushing.done()
    assert (await pushing)["listed"] == AT_ONCE - 2
    async with district.running.engine.connect() as connection:
        statuses = await connection.execute(
            select(entry.c.status).where(entry.c.feed == FEED).order_by(entry.c.position)
        )
        assert [status for status, _ in groupby(statuses.scalars())] == ["listed", "withdrawn", "listed"]


async def test_d1_what_is_routed_of_a_long_list_gives_way_until_the_journal_grows(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.precedence.LONGEST_SECONDS", 30.0)
    monkeypatch.setattr("gateway.running.LONGEST_SECONDS", 60.0)
    running = district.running
    running._bulk_at = asyncio.get_running_loop().time()
    await list_many(district, AT_ONCE)
    await running.router.catch_up(TO_MARKET, steps=1)
    with running.precedence.taken():
        routing = asyncio.create_task(running._route_each(running.wakeup.ticket()))
        await asyncio.wait([routing], timeout=0.5)
        assert await lanes(district) == {"priority": 1, "bulk": 0}
        await district.withdraw(listing(1))
        assert await routing  # the other contracts were told of their beginning, so it looks anew
        assert await lanes(district) == {"priority": 1, "bulk": 0}
        routing = asyncio.create_task(running._route_each(running.wakeup.ticket()))
        await asyncio.wait([routing], timeout=0.5)
        assert await lanes(district) == {"priority": 2, "bulk": 0}
    assert await routing


async def test_d1_withdrawals_without_end_stop_no_list(district: District, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.running.LONGEST_SECONDS", 0.0)
    running = district.running
    await running.router.catch_up(TO_MARKET)
    await list_many(district, AT_ONCE)
    with running.precedence.taken():
        before = running.wakeup.ticket()
        await district.withdraw(listing(1))
        assert await running._route_each(before)
    assert await lanes(district) == {"priority": 2, "bulk": AT_ONCE}


async def test_a_lane_that_cannot_be_routed_is_told_when_no_other_is_at_work(
    district: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = district.running
    await running.router.catch_up(TO_MARKET)
    behind = await running.router.behind()
    urgent = [one for one in behind if one.lane == "priority"]
    assert len(urgent) > 1
    advance, done = running.router.advance, []

    async def fail_first(one: Behind) -> bool:
        if one == urgent[0]:
            raise OperationalError("", None, Exception())
        await asyncio.sleep(0.05)
        done.append(one)
        return await advance(one)

    monkeypatch.setattr(running.router, "advance", fail_first)
    with pytest.raises(OperationalError):
        await running._route_priority(urgent)
    assert len(done) == len(urgent) - 1


async def test_d11_only_a_contract_whose_lanes_are_done_is_complete(district: District) -> None:
    running = district.running
    await running.router.catch_up(TO_MARKET)
    began = district.clock.now()
    await running._route_each(running.wakeup.ticket())
    assert running.heartbeats._complete_at[TO_MARKET] == began
    await list_many(district, RUN + 1)
    for moved in (True, True, False):
        assert running.heartbeats._complete_at[TO_MARKET] == began
        assert await running._route_each(running.wakeup.ticket()) == moved
    assert running.heartbeats._complete_at[TO_MARKET] == district.clock.now() > began


async def test_m4_a_release_waits_for_no_look_up(agent: Agent) -> None:
    """A register that takes its time to find rows is told in the meantime what to let go."""
    await agent.district.push(listing(1))
    await agent.follow()
    assert agent.held() == [("licence-1", MEASURE)]
    looking, go_on = threading.Event(), threading.Event()
    find = agent.register.find

    def find_slowly(wanted: Sequence[tuple[str, str]]) -> object:
        looking.set()
        go_on.wait()
        return find(wanted)

    agent.register.find = find_slowly  # type: ignore[method-assign, assignment]
    following = asyncio.create_task(agent.follower.run())
    try:
        agent.district.running.start()
        await agent.district.push(listing(2, iname="别的公司"))
        await until(looking.is_set)
        await agent.district.withdraw(listing(1))
        await until(lambda: agent.held() == [])
        assert not go_on.is_set()
    finally:
        go_on.set()
        following.cancel()
        await asyncio.wait([following])


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not holds():  # noqa: ASYNC110 - a thread and a register
            await asyncio.sleep(0.01)
