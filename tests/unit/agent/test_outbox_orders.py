"""Orders to the register: in order for each row, and a release behind no other row's hold (rule M7)."""

import asyncio
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import pytest

from gateway.agent.outbox import Outbox
from gateway.agent.outgoing import OrderKind, put_order, put_receipt
from schemas.canonical import JsonObject

from .conftest import Agent, KeptRegister

MEASURE = "market-entry-restriction"
TOLD: JsonObject = {"contact": "x", "legal_basis": "x"}


@dataclass
class Told(KeptRegister):
    """What it was told, in order. `meanwhile` is called with each; it may fail, and ask for more."""

    told: list[tuple[str, str]] = field(default_factory=list)
    meanwhile: Callable[[], None] = lambda: None

    def hold(self, op_id: str, row: str, measure: str, order: JsonObject) -> None:
        self.meanwhile()
        super().hold(op_id, row, measure, order)
        self.told.append(("hold", row))

    def release(self, op_id: str, row: str, measure: str) -> None:
        self.meanwhile()
        super().release(op_id, row, measure)
        self.told.append(("release", row))


async def nowhere(_: Sequence[str]) -> None:
    pass


def ask(agent: Agent, *orders: tuple[OrderKind, str]) -> None:
    for kind, row in orders:
        agent.index.write(lambda change, kind=kind, row=row: put_order(change, kind, row, MEASURE, TOLD))


@pytest.fixture
def register() -> Told:
    return Told()


async def test_m7_a_release_waits_for_no_hold_of_another_row(agent: Agent, register: Told) -> None:
    """It comes in while a list's holds are carried out: at once, or right behind the hold of its own row."""
    ask(agent, *(("hold", row) for row in "abcde"))

    def withdrawn() -> None:
        register.meanwhile = lambda: None
        ask(agent, ("release", "d"), ("release", "z"))

    register.meanwhile = withdrawn
    assert await Outbox(agent.index, register, nowhere).carry_out()
    first, *others = register.told
    assert first == ("hold", "a")
    assert others[:3] == [("release", "z"), ("hold", "d"), ("release", "d")]
    assert others[3:] == [("hold", row) for row in "bce"]


@pytest.mark.parametrize("fails", [("hold", "z"), ("release", "z")])
async def test_m7_a_release_that_failed_waits_for_one_page_of_a_list(
    agent: Agent, register: Told, monkeypatch: pytest.MonkeyPatch, fails: tuple[OrderKind, str]
) -> None:
    monkeypatch.setattr("gateway.agent.outbox.AT_ONCE", 2)
    ask(agent, ("hold", "z"), ("release", "z"), *(("hold", row) for row in "abcdef"))
    calls = 0

    def once() -> None:
        nonlocal calls
        calls += 1
        if calls == (1 if fails[0] == "hold" else 2):
            raise ConnectionError("away")

    register.meanwhile = once
    assert await Outbox(agent.index, register, nowhere).carry_out()
    assert [kind for kind, row in register.told if row == "z"] == ["hold", "release"]
    assert register.told.index(("release", "z")) < register.told.index(("hold", "c"))


async def test_m8_while_the_kill_switch_is_on_a_release_waits_for_the_hold_of_its_row_alone(
    agent: Agent, register: Told
) -> None:
    switch = agent.directory / "kill-switch"
    switch.touch()
    outbox = Outbox(agent.index, register, nowhere, kill_switch=switch)
    ask(agent, ("hold", "a"), ("release", "a"), ("release", "z"))
    assert not await outbox.carry_out()
    assert register.told == [("release", "z")]
    switch.unlink()
    assert await outbox.carry_out()
    assert register.told[1:] == [("hold", "a"), ("release", "a")]


@pytest.mark.parametrize("seed", range(25))
async def test_m7_whatever_fails_and_comes_in_meanwhile_each_row_is_told_in_order(
    agent: Agent, register: Told, monkeypatch: pytest.MonkeyPatch, seed: int
) -> None:
    """And no receipt is sent before the orders of its row that stand before it."""
    monkeypatch.setattr("gateway.agent.outbox.AT_ONCE", 5)
    chance = random.Random(seed)
    asked: dict[str, list[str]] = {row: [] for row in "abcdefg"}

    def ask_more() -> None:
        row, kind = chance.choice("abcdefg"), chance.choice(["hold", "renew", "release"])
        ask(agent, (kind, row))
        op_id = f"{agent.index.identity}/{agent.index.last_number()}"
        asked[row].append(op_id)
        agent.index.write(lambda change: put_receipt(change, f"{row} {op_id}", row, soon=True))

    def meanwhile() -> None:
        if chance.random() < 0.4 and sum(map(len, asked.values())) < 60:
            ask_more()
        if chance.random() < 0.2:
            raise ConnectionError("away")

    sent: list[str] = []

    async def send(tokens: Sequence[str]) -> None:
        assert all(token.split()[1] in register.done for token in tokens)
        sent.extend(tokens)

    for _ in range(30):
        ask_more()
    register.meanwhile = meanwhile
    outbox = Outbox(agent.index, register, send)
    while not all(await asyncio.gather(outbox.carry_out(), outbox.send())):
        pass
    rows = {op_id: row for row, op_ids in asked.items() for op_id in op_ids}
    for row, op_ids in asked.items():
        assert [op_id for op_id in register.done if rows[op_id] == row] == op_ids
        assert [token.split()[1] for token in sent if token.startswith(row)] == op_ids
