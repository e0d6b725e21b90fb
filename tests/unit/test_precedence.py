"""Precedence: bulk gives way to a withdrawal, a moment at most (rule D1)."""

import asyncio
from dataclasses import replace

import pytest

from gateway.journal.chunks import spell
from gateway.precedence import Precedence, overtakes
from schemas.catalog import RECEIPT, Feed
from schemas.catalog import feed as find_feed
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from schemas.records.receipt import Receipt
from tests.small_gateway import debtor

DEBTORS = find_feed("dishonest-debtor")
CANCELLED = Withdrawal(1, ("a-record",), "performed", b"{}")
LISTED = Accepted(1, debtor("甲"), b"{}")


def receipt(kind: str) -> Accepted:
    """Only its kind tells how urgent it is."""
    members = dict.fromkeys(Receipt.model_fields)
    return Accepted(1, Receipt.model_construct(**{**members, "kind": kind}), b"{}")


@pytest.fixture
def longest(monkeypatch: pytest.MonkeyPatch) -> float:
    monkeypatch.setattr("gateway.precedence.LONGEST_SECONDS", 0.2)
    return 0.2


async def test_bulk_waits_while_something_has_precedence() -> None:
    precedence, done = Precedence(), []

    async def bulk() -> None:
        await precedence.give_way()
        done.append("bulk")

    with precedence.taken():
        waiting = asyncio.create_task(bulk())
        await asyncio.sleep(0.05)
        done.append("withdrawal")
    await waiting
    assert done == ["withdrawal", "bulk"]


async def test_what_follows_from_a_withdrawal_has_a_moment_to_begin(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.precedence.NEXT_SECONDS", 30.0)
    precedence = Precedence()
    with precedence.taken():
        pass
    assert precedence.is_taken
    with precedence.taken(), precedence.taken():
        pass
    assert precedence.is_taken


async def test_bulk_goes_on_beside_withdrawals_without_end(longest: float) -> None:
    precedence = Precedence()
    stop = asyncio.Event()

    async def withdraw_again_and_again() -> None:
        while not stop.is_set():
            with precedence.taken():
                await asyncio.sleep(longest / 10)

    withdrawing = asyncio.create_task(withdraw_again_and_again())
    await asyncio.sleep(0)
    async with asyncio.timeout(10):
        for _ in range(3):
            assert precedence.is_taken
            await precedence.give_way()
    stop.set()
    await withdrawing


async def test_a_withdrawal_that_hangs_holds_up_nobody_for_long(longest: float) -> None:
    precedence = Precedence()
    with precedence.taken():
        await asyncio.sleep(2 * longest)
        assert not precedence.is_taken


async def test_what_hangs_keeps_no_other_from_ending(longest: float, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.precedence.NEXT_SECONDS", 0.0)
    precedence = Precedence()
    with precedence.taken():
        await asyncio.sleep(2 * longest)
        with precedence.taken():
            assert precedence.is_taken
        assert not precedence.is_taken


async def test_bulk_that_has_to_look_anew_waits_no_longer() -> None:
    precedence = Precedence()
    with precedence.taken():
        await precedence.give_way(unless=lambda: True)
        assert precedence.is_taken


@pytest.mark.parametrize(
    ("feed", "items", "expected"),
    [
        (DEBTORS, [CANCELLED], True),
        (DEBTORS, [LISTED, CANCELLED], True),
        (DEBTORS, [LISTED], False),
        (DEBTORS, [Rejected(1, "unparseable", "it is no valid JSON", b"{")], False),
        (DEBTORS, [], False),
        (DEBTORS, [CANCELLED] * 20, True),
        (DEBTORS, [CANCELLED] * 21, False),
        (DEBTORS, [Rejected(1, "source-key-unknown", "", b"{}", source_key="a", status_reason=None)], True),
        (replace(DEBTORS, is_urgent=True), [LISTED], True),
        (RECEIPT, [receipt("received")], False),
        (RECEIPT, [receipt("received"), receipt("released")], True),
        (RECEIPT, [receipt("blocked")], True),
        (RECEIPT, [receipt("accepted"), receipt("rejected")], False),
        (RECEIPT, [receipt("disputed")], True),
    ],
)
def test_what_overtakes(feed: Feed, items: list[Item], expected: bool) -> None:
    assert overtakes(feed, [spell(feed, item) for item in items]) is expected
