"""When an agency closes a contract (rule D7): over, nothing held, nothing waiting, nothing untold."""

from collections.abc import Sequence

import orjson
import pytest

from gateway.agent.closing import Closing
from gateway.agent.index import Change
from gateway.agent.outbox import Outbox
from gateway.agent.parts import Parts
from gateway.client import GatewayProblem
from gateway.trust.keys import KeySet
from gateway.trust.receipt import read_receipt
from schemas.canonical import unb64u

from .conftest import CONTRACT, Agent, KeptRow, debtor, person_id, told, upsert, withdrawn


class Court:
    """What receives receipts."""

    def __init__(self) -> None:
        self.taken: list[str] = []
        self.refuses_closing: str | None = None

    async def send(self, tokens: Sequence[str]) -> None:
        if self.refuses_closing and any(kind == "closing" for kind in map(_kind, tokens)):
            raise GatewayProblem(422, self.refuses_closing, "no", "")
        self.taken += tokens

    @property
    def closings(self) -> list[str]:
        return [token for token in self.taken if _kind(token) == "closing"]


def _kind(token: str) -> str:
    return str(orjson.loads(unb64u(token.split(".")[1]))["kind"])


@pytest.fixture
def court() -> Court:
    return Court()


@pytest.fixture
def closing(agent: Agent, court: Court) -> Closing:
    parts = Parts(
        CONTRACT, agent.scribe.key, agent.index, agent.keyed, agent.scribe, agent.directory, agent.directory / "off"
    )
    return Closing(parts, court.send)


def hold_one(agent: Agent) -> None:
    agent.register.rows = [KeptRow("licence-1", "张三", (("cn-id", person_id()),))]
    agent.apply(told(1, 1, "active"), upsert("bulk", 1, 2, debtor()))
    assert agent.look_up()


async def tell(agent: Agent, court: Court) -> None:
    outbox = Outbox(agent.index, agent.register, court.send)
    assert await outbox.carry_out()
    assert await outbox.send()


@pytest.mark.parametrize("state", ["active", "suspended", "revoking", "unknown"])
async def test_d7_a_contract_that_is_not_over_is_left_open(
    agent: Agent, court: Court, closing: Closing, state: str
) -> None:
    agent.apply(told(1, 1, state))
    await tell(agent, court)
    assert await closing.close_if_done()
    assert (court.closings, closing.is_closed()) == ([], False)


@pytest.mark.parametrize("state", ["revoked", "ended"])
async def test_d7_the_closing_receipt_is_for_the_event_that_told_the_end(
    agent: Agent, court: Court, closing: Closing, state: str
) -> None:
    agent.apply(told(1, 1, "active"), told(2, 7, state))
    await tell(agent, court)
    assert await closing.close_if_done()
    receipt = read_receipt(court.closings[0], KeySet([agent.scribe.key.public()]))
    assert (receipt.kind, receipt.key) == ("closing", f"{CONTRACT}/priority/2")
    assert receipt.event is not None
    assert (receipt.event.number, receipt.event.cause) == (2, 7)
    assert closing.is_closed()
    assert await closing.close_if_done()
    assert len(court.closings) == 1, "said once"


async def test_d7_orders_and_receipts_that_wait_come_first(agent: Agent, court: Court, closing: Closing) -> None:
    hold_one(agent)
    await tell(agent, court)
    agent.apply(told(2, 3, "ended"))
    assert await closing.close_if_done()
    assert not closing.is_closed(), "the release is not carried out, nor told"
    await Outbox(agent.index, agent.register, court.send).carry_out()
    assert await closing.close_if_done()
    assert not closing.is_closed(), "nor told"
    await tell(agent, court)
    assert await closing.close_if_done()
    assert closing.is_closed()
    assert _kind(court.taken[-1]) == "closing"


async def test_d7_a_hold_that_is_kept_keeps_the_contract(agent: Agent, court: Court, closing: Closing) -> None:
    hold_one(agent)
    agent.apply(told(2, 3, "ended", "keep-until-withdrawn"))
    await tell(agent, court)
    assert await closing.close_if_done()
    assert not closing.is_closed()
    agent.apply(withdrawn(3, 4, "r1"))
    await tell(agent, court)
    assert await closing.close_if_done()
    assert closing.is_closed()


async def test_d7_a_receipt_that_was_set_aside_is_not_delivered(agent: Agent, court: Court, closing: Closing) -> None:
    agent.apply(told(1, 1, "ended"))
    await tell(agent, court)
    agent.index.write(put_aside)
    assert await closing.close_if_done()
    assert not closing.is_closed()


def put_aside(change: Change) -> None:
    change.put_document("aside", (9).to_bytes(8), {"code": "receipt-unsent", "token": ""})


async def test_d7_a_gateway_that_refuses_is_asked_again(agent: Agent, court: Court, closing: Closing) -> None:
    agent.apply(told(1, 1, "ended"))
    await tell(agent, court)
    court.refuses_closing = "receipts-outstanding"
    assert not await closing.close_if_done()
    assert not closing.is_closed()
    with agent.index.read() as view:
        assert view.count("aside") == 0
    court.refuses_closing = None
    assert await closing.close_if_done()
    assert closing.is_closed()
