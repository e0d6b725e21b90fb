"""Rule D7: what was delivered is taken back until the subscriber's signed closing receipt, and that closes for good."""

import asyncio
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from gateway.api.app import create_app
from gateway.client import GatewayProblem, ReceiptResult
from gateway.closing import Closing
from gateway.errors import Unavailable
from gateway.journal.tables import activation, entry
from gateway.trust.receipt import read_receipt
from gateway.trust.verify import verify_line
from gateway.wiring import open_gateway
from schemas.canonical import canonical
from tests.integration.district import (
    COURT,
    CREDIT,
    FEED,
    FROM_MARKET,
    MARKET,
    TO_MARKET,
    District,
    Event,
    sample_records,
)

DEBTORS = sample_records()
OVER = {"ended": ("end",), "revoked": ("revoke", "confirm")}


async def change(district: District, *actions: Any) -> None:
    for action in actions:
        await district.running.registry.change_state(TO_MARKET, action)


async def delivered(district: District) -> list[Event]:
    """Two debtors, one of them taken back, all of it read."""
    await district.push(*DEBTORS[:2])
    await district.withdraw(DEBTORS[0])
    return (await district.pull(MARKET, TO_MARKET))[0]


def lane(events: list[Event], name: str) -> list[Event]:
    return sorted((event for event in events if event["lane"] == name), key=lambda event: int(event["number"]))


async def send(district: District, *tokens: str, party: str = MARKET) -> ReceiptResult:
    return await district.client(party).send_receipts(tokens)


async def acknowledge(district: District, events: list[Event]) -> None:
    await send(district, *[await district.received(lane(events, name)) for name in ("priority", "bulk")])


async def closing(district: District, events: list[Event], **changed: Any) -> str:
    """For the newest of the contract's own events, which tells its end where it is over."""
    event = lane([event for event in events if event["kind"] == "contract"], "priority")[-1]
    payload = await district.receipt_payload(event, "closing")
    key = f"{event['contract']}/{event['lane']}/{event['number']}"
    return district.sign(payload | {"key": key, "measure": None, "row": None} | changed)


async def state(district: District) -> list[str]:
    """Every state that the contract went through."""
    async with district.running.engine.connect() as connection:
        found = select(activation.c.state).where(activation.c.contract == TO_MARKET).order_by(activation.c.position)
        return list((await connection.execute(found)).scalars())


async def closings(district: District) -> list[dict[str, Any]]:
    """The closing receipts that the court reads under its own contract."""
    events, _ = await district.pull(COURT, FROM_MARKET)
    return [event["record"] for event in events if event["kind"] == "upsert" and event["record"]["kind"] == "closing"]


async def refused(district: District, *tokens: str, party: str = MARKET) -> GatewayProblem:
    """The problem; and nothing at all is journalled."""
    before = await district.table_counts()
    with pytest.raises(GatewayProblem) as problem:
        await send(district, *tokens, party=party)
    assert await district.table_counts() == before
    return problem.value


@pytest.mark.parametrize("over", OVER)
async def test_d7_the_closing_receipt_closes_for_good(district: District, over: str) -> None:
    await delivered(district)
    await change(district, *OVER[over])
    events, page = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    token = await closing(district, events)
    assert (await send(district, token)).counts["listed"] == 1
    assert (await state(district))[-2:] == [over, "closed"]
    assert verify_line(canonical({"receipt": token}), await district.keys()).status == "valid"

    await district.withdraw(DEBTORS[1])
    with pytest.raises(GatewayProblem) as gone:
        await district.client(MARKET).events(TO_MARKET, page.next)
    with pytest.raises(GatewayProblem) as unknown:
        await district.client(MARKET).events("no-such-contract")
    assert (gone.value.status, gone.value.code, gone.value.detail) == (404, "unknown-contract", unknown.value.detail)

    (record,) = await closings(district)
    end = lane(events, "priority")[-1]
    assert (record["contract"], record["jws"]) == (TO_MARKET, token)
    assert (record["lane"], record["first"], record["cause"]) == ("priority", end["number"], end["cause"])


@pytest.mark.parametrize("actions", [(), ("suspend",), ("revoke",)])
async def test_d7_a_contract_that_is_not_over_is_not_closed(district: District, actions: tuple[str, ...]) -> None:
    await delivered(district)
    await change(district, *actions)
    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    problem = await refused(district, await closing(district, events))
    now = (await state(district))[-1]
    assert (problem.status, problem.code) == (422, "contract-not-over")
    assert now in problem.detail


@pytest.mark.parametrize("missing", ["all", "bulk", "first", "newest"])
async def test_d7_what_is_not_acknowledged_keeps_it_open(district: District, missing: str) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    priority = lane(events, "priority")
    assert [event["number"] for event in priority] == [1, 2, 3]
    if missing == "bulk":
        await send(district, await district.received(priority))
    elif missing == "first":  # the last number alone says nothing of those before it
        await send(district, await district.received(priority[1:]), await district.received(lane(events, "bulk")))
    elif missing == "newest":
        await acknowledge(district, events)
        await district.withdraw(DEBTORS[1])
        await district.running.router.catch_up(TO_MARKET)
    problem = await refused(district, await closing(district, events))
    said = {"all": "priority 1 to 3 and bulk 1 to 2", "bulk": "bulk 1 to 2", "first": "priority 1 to 3"}
    assert (problem.status, problem.code) == (422, "receipts-outstanding")
    assert f"Acknowledge {said.get(missing, 'priority 4 to 4')} first" in problem.detail

    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    await send(district, await closing(district, events))
    assert (await state(district))[-1] == "closed"


async def test_d12_ranges_that_come_in_any_order_acknowledge_all_once_none_is_left_out(district: District) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    priority = lane(events, "priority")
    late, early = await district.received(priority[2:]), await district.received(priority[:2])
    await send(district, await district.received(lane(events, "bulk")), late, early)
    await send(district, await closing(district, events))
    assert (await state(district))[-1] == "closed"


async def test_d7_only_a_receipt_for_the_end_closes(district: District) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    for other in (lane(events, "priority")[:2], lane(events, "priority")[:1]):
        assert (await refused(district, await closing(district, other))).code == "receipt-mismatch"
    bare = await closing(district, events, event=None, key="any", reference="any")
    assert (await refused(district, bare)).code == "receipt-mismatch"
    with_another = [await closing(district, events), await district.received(lane(events, "bulk"))]
    assert (await refused(district, *with_another)).code == "closing-not-alone"
    stolen = await closing(district, events, agency=CREDIT)
    assert (await refused(district, stolen, party=CREDIT)).code == "receipt-not-yours"
    assert (await state(district))[-1] == "ended"


async def test_d7_a_receipt_for_an_end_that_was_renewed_closes_nothing(district: District) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    old = await closing(district, events)
    await district.activate(version=2)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    assert (await refused(district, old)).code == "receipt-mismatch"
    await send(district, await closing(district, events))
    assert (await state(district))[-1] == "closed"


async def test_d7_the_same_closing_receipt_again_is_answered_as_before(district: District) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    token = await closing(district, events)
    first = await send(district, token)
    await district.running.router.catch_up(TO_MARKET)
    after = await district.table_counts()
    assert await send(district, token) == first
    assert await district.table_counts() == after
    anew = await closing(district, events, at="2026-11-24T00:00:00.000Z")
    assert (await send(district, anew)).counts["unchanged"] == 1, "the first one stands"
    assert [one["jws"] for one in await closings(district)] == [token]
    assert (await state(district)).count("closed") == 1


async def test_d7_what_the_operator_closed_takes_the_closing_receipt_as_evidence(district: District) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    await change(district, "close")
    token = await closing(district, events)
    await send(district, token)
    assert [one["jws"] for one in await closings(district)] == [token]
    assert (await state(district)).count("closed") == 1


async def test_d7_two_gateways_close_once(district: District) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    settings = district.running.settings
    other = await open_gateway(settings, district.clock)
    app = create_app(settings, lambda: asyncio.sleep(0, other))
    app.state.running = other
    second = District(other, district.cast, district.clock, httpx.ASGITransport(app=app), district.log)
    same, anew = await closing(district, events), await closing(district, events, at="2026-11-24T00:00:00.000Z")

    async def insist(at: District, token: str) -> ReceiptResult:
        while True:
            try:
                return await send(at, token)
            except GatewayProblem as problem:
                if problem.status not in (409, 503):
                    raise

    try:
        async with asyncio.timeout(30):
            work = [insist(at, token) for at in (district, second) for token in (same, anew)]
            await asyncio.gather(*work)
    finally:
        await other.stop()
    assert len(await closings(district)) == 1
    assert (await state(district)).count("closed") == 1


async def test_d7_a_withdrawal_that_comes_in_between_keeps_it_open(district: District) -> None:
    """Journalled behind the check and before the receipt: no number yet says so, and it is not closed all the same."""
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    running = district.running
    door = Closing(running.engine, district.clock, running.router)
    receipt = read_receipt(await closing(district, events), await district.keys())
    await door.check(receipt)
    await district.withdraw(DEBTORS[1])
    with pytest.raises(Unavailable, match="journal-ahead"):
        async with running.engine.begin() as connection:
            await door.close(receipt, connection)
    assert (await state(district))[-1] == "ended"


async def test_d7_closing_and_a_withdrawal_at_one_moment_have_an_order(district: District) -> None:
    await delivered(district)
    await change(district, "end")
    events, _ = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    token = await closing(district, events)
    answer, _ = await asyncio.gather(send(district, token), district.withdraw(DEBTORS[1]), return_exceptions=True)
    async with district.running.engine.connect() as connection:
        taken_back = select(entry.c.position).where(entry.c.feed == FEED, entry.c.status == "withdrawn")
        last = max((await connection.execute(taken_back)).scalars())
        closed = select(activation.c.position).where(activation.c.contract == TO_MARKET, activation.c.state == "closed")
        position = (await connection.execute(closed)).scalar()
    if isinstance(answer, ReceiptResult):
        assert position is not None
        assert position < last
    else:
        assert position is None
        events, _ = await district.pull(MARKET, TO_MARKET)
        assert lane(events, "priority")[-1]["kind"] == "withdrawn"


async def test_d7_an_agency_that_never_closes_is_told_of_every_withdrawal(district: District) -> None:
    await delivered(district)
    await change(district, "revoke", "confirm")
    events, page = await district.pull(MARKET, TO_MARKET)
    await acknowledge(district, events)
    await district.withdraw(DEBTORS[1])
    events, page = await district.pull(MARKET, TO_MARKET, page.next)
    assert [event["kind"] for event in events] == ["withdrawn"]
    assert (await district.heartbeat(page.heads)).state == "revoked"
