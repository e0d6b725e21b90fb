"""The outbox: in order for each row, again after failures, a refused receipt set aside (rule M7)."""

import asyncio
from collections.abc import Sequence

import orjson
import pytest

from gateway.agent.outbox import PATIENT_SECONDS, Outbox, Receipt
from gateway.client import GatewayProblem
from gateway.errors import Unavailable
from schemas.canonical import JsonObject, unb64u

from .conftest import Agent, KeptRow, debtor, person_id, told, upsert, withdrawn

MEASURE = "market-entry-restriction"


class Court:
    """What receives receipts: as the gateway, all of a batch or none, and each once."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses: set[str] = set()
        self.most: int | None = None  # receipts in one request
        self.problem = GatewayProblem(422, "receipt-unsent", "no", "")
        self.fails: Exception | None = None

    async def send(self, tokens: Sequence[str]) -> None:
        if self.fails is not None:
            raise self.fails
        if self.refuses & set(tokens) or (self.most is not None and len(tokens) > self.most):
            raise self.problem
        self.taken += [token for token in tokens if token not in self.taken]


@pytest.fixture
def court() -> Court:
    return Court()


@pytest.fixture
def outbox(agent: Agent, court: Court) -> Outbox:
    agent.register.rows = [KeptRow("licence-1", "张三", (("cn-id", person_id()),))]
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, debtor()))
    agent.look_up()
    return Outbox(agent.index, agent.register, court.send)


async def both(outbox: Outbox) -> bool:
    """As the follower's two loops do it, one pass each."""
    carried_out = await outbox.carry_out()
    return await outbox.send() and carried_out


def said(token: str) -> JsonObject:
    """What a receipt says, unverified."""
    payload: JsonObject = orjson.loads(unb64u(token.split(".")[1]))
    return payload


def left(agent: Agent) -> int:
    with agent.index.read() as view:
        return view.count("orders") + view.count("receipts")


async def test_m7_what_was_asked_for_is_done_and_sent(agent: Agent, court: Court, outbox: Outbox) -> None:
    assert await both(outbox)
    assert agent.register.held == {("licence-1", MEASURE)}
    assert len(court.taken) == 4
    assert left(agent) == 0
    agent.apply(withdrawn(2, 3, "r1"))
    assert await both(outbox)
    assert agent.register.held == set()


async def test_m7_a_register_that_is_away_holds_back_its_rows_receipts_alone(
    agent: Agent, court: Court, outbox: Outbox
) -> None:
    agent.register.away = True
    assert not await both(outbox)
    assert len(court.taken) == 3  # both ranges, and the match, which came before the hold
    agent.register.away = False
    assert await both(outbox)
    assert len(court.taken) == 4
    assert agent.register.held == {("licence-1", MEASURE)}


async def test_m7_a_gateway_that_is_away_gets_all_later_in_order(agent: Agent, court: Court, outbox: Outbox) -> None:
    for failure in (Unavailable("gateway-unreachable", "x"), GatewayProblem(401, "signature-stale", "x", "")):
        court.fails = failure
        assert not await both(outbox)
        assert court.taken == []
    court.fails = None
    with agent.index.read() as view:
        expected = [orjson.loads(value)["token"] for _, value in view.items("receipts")]
    assert await both(outbox)
    assert court.taken == expected


def waiting(agent: Agent) -> list[str]:
    with agent.index.read() as view:
        return [orjson.loads(value)["token"] for _, value in view.items("receipts")]


def aside(agent: Agent) -> list[str]:
    with agent.index.read() as view:
        return [orjson.loads(value)["code"] for _, value in view.items("aside")]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (400, "receipt-unreadable"),
        (422, "receipt-not-yours"),
        (422, "receipt-unsent"),
        (422, "receipt-of-receipt"),
        (422, "receipt-mismatch"),
        (413, "body-too-large"),
    ],
)
async def test_m7_a_receipt_that_is_refused_is_set_aside_and_blocks_nothing(
    agent: Agent, court: Court, outbox: Outbox, status: int, code: str
) -> None:
    tokens = waiting(agent)
    court.refuses, court.problem = {tokens[1]}, GatewayProblem(status, code, "no", "")
    assert await both(outbox)
    assert court.taken == [tokens[0], *tokens[2:]]
    assert aside(agent) == [code]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        *[(status, "answer-unreadable") for status in (400, 404, 409, 413, 422, 502)],  # a proxy's own page
        (409, "submission-in-progress"),
        (404, "not-found"),
        (405, "method-not-allowed"),
        (400, "request-invalid"),
        (422, "contract-not-over"),
    ],
)
async def test_m7_a_receipt_that_is_refused_for_anything_else_waits(
    agent: Agent, court: Court, outbox: Outbox, status: int, code: str
) -> None:
    tokens = waiting(agent)
    court.refuses, court.problem = {tokens[1]}, GatewayProblem(status, code, "no", "")
    assert not await both(outbox)
    assert tokens[1] in waiting(agent)
    assert aside(agent) == []
    court.refuses = set()
    assert await both(outbox)
    assert (sorted(court.taken), waiting(agent), aside(agent)) == (sorted(tokens), [], [])


@pytest.mark.parametrize("code", ["body-too-large", "answer-unreadable"])
async def test_m7_what_is_too_large_for_one_request_is_sent_in_several(
    agent: Agent, court: Court, outbox: Outbox, code: str
) -> None:
    tokens = waiting(agent)
    court.most, court.problem = 1, GatewayProblem(413, code, "no", "")
    assert await both(outbox)
    assert (court.taken, aside(agent)) == (tokens, [])


async def test_m7_what_was_done_before_a_kill_counts_once(agent: Agent, court: Court, outbox: Outbox) -> None:
    """The effect happened, the removal did not: the same operation and the same bytes come again."""
    with agent.index.read() as view:
        items = [(db, key, value) for db in ("orders", "receipts") for key, value in view.items(db)]
    await both(outbox)
    done, taken = list(agent.register.done), list(court.taken)
    agent.index.write(lambda change: [change.put(*item) for item in items])
    assert await both(outbox)
    assert agent.register.done == done
    assert court.taken == taken


async def test_d12_receipts_that_have_time_share_a_request(agent: Agent, court: Court, outbox: Outbox) -> None:
    """What was received may wait for others; what was done to a row is told at once, and by itself."""
    assert await both(outbox)
    sent = len(court.taken)
    agent.apply(upsert("bulk", 2, 3, debtor("李四", record_id="r2")))
    assert await outbox.send_soon()
    assert await outbox.send_patiently()
    assert (len(court.taken), left(agent)) == (sent, 1)
    agent.apply(withdrawn(2, 4, "r1"))
    assert not await outbox.send_soon()  # the release is told behind the row, not before
    assert len(court.taken) == sent
    await outbox.carry_out()
    assert await outbox.send_soon()
    assert (len(court.taken), left(agent)) == (sent + 1, 2)
    outbox._sent_at -= PATIENT_SECONDS
    assert await outbox.send_patiently()
    assert (len(court.taken), left(agent)) == (sent + 3, 0)


async def test_d12_receipts_that_have_time_wait_no_longer_than_said(
    agent: Agent, court: Court, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert await both(outbox)
    agent.apply(upsert("bulk", 2, 3, debtor("李四", record_id="r2")))
    outbox._sent_at -= PATIENT_SECONDS
    assert await outbox.send_patiently()
    assert left(agent) == 0
    agent.apply(upsert("bulk", 3, 4, debtor("王五", record_id="r3")))
    assert await outbox.send_patiently()
    assert left(agent) == 1
    monkeypatch.setattr("gateway.agent.outbox.AT_ONCE", 1)  # nor do more of them wait than one request takes
    assert await outbox.send_patiently()
    assert left(agent) == 0


async def test_d12_no_range_overtakes_another_that_waits_for_more(
    agent: Agent, court: Court, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A full page behind one that is short of receipts that have time: its ranges would acknowledge nothing."""
    assert await both(outbox)
    sent = len(court.taken)
    agent.apply(upsert("bulk", 2, 3, debtor("李四", record_id="r2")))
    agent.apply(withdrawn(2, 4, "r1"))  # tells of a release, too
    agent.apply(upsert("bulk", 3, 5, debtor("王五", record_id="r3")))
    monkeypatch.setattr("gateway.agent.outbox.AT_ONCE", 2)
    for _ in range(2):
        assert await outbox.send_patiently()
        assert len(court.taken) == sent
    outbox._sent_at -= PATIENT_SECONDS
    assert await outbox.send_patiently()
    told = [said(token)["range"] for token in court.taken[sent:]]
    assert [(one["lane"], one["first"]) for one in told] == [("bulk", 2), ("priority", 2), ("bulk", 3)]


async def test_d12_a_release_is_told_while_a_request_of_others_hangs(agent: Agent, outbox: Outbox) -> None:
    assert await both(outbox)
    answer, asked = asyncio.Event(), []

    async def send(tokens: Sequence[str]) -> None:
        asked.append(len(tokens))
        if len(asked) == 1:
            await answer.wait()

    outbox._send = send
    agent.apply(upsert("bulk", 2, 3, debtor("李四", record_id="r2")))
    outbox._sent_at -= PATIENT_SECONDS
    hanging = asyncio.create_task(outbox.send_patiently())
    async with asyncio.timeout(10):
        while not asked:  # noqa: ASYNC110 - the outbox reads in a thread
            await asyncio.sleep(0.01)
        agent.apply(withdrawn(2, 4, "r1"))
        await outbox.carry_out()
        assert await outbox.send_soon()
        assert asked == [1, 1]
        answer.set()
        assert await hanging


async def test_m7_a_later_receipt_of_a_row_overtakes_none_that_waited_in_the_same_pass(
    agent: Agent, court: Court, outbox: Outbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The register answers between two pages of receipts: what is then due lies behind what was passed over."""
    monkeypatch.setattr("gateway.agent.outbox.AT_ONCE", 1)
    agent.apply(withdrawn(2, 4, "r1"))  # so that the row has receipts of its block and of its release
    read = outbox._receipts

    def carried_out_behind_the_block(after: int) -> list[Receipt]:
        found = read(after)
        if found and said(found[0].token)["kind"] == "released":
            agent.index.write(lambda change: [change.delete("orders", key) for key, _ in list(change.items("orders"))])
        return found

    monkeypatch.setattr(outbox, "_receipts", carried_out_behind_the_block)
    while not await outbox.send():
        pass
    kinds = [payload["kind"] for payload in map(said, court.taken) if payload["row"] is not None]
    assert kinds == ["matched", "blocked", "released"]
