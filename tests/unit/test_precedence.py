"""Precedence: bulk gives way to a withdrawal, a moment at most (rule D1)."""

import asyncio
import time
from dataclasses import replace
from pathlib import Path

import pytest

from gateway.journal.chunks import spell
from gateway.precedence import RECORD_SECONDS, Precedence, is_list, overtakes
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


async def test_a_list_comes_in_when_a_core_is_free_or_those_that_go_out_are_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load = tmp_path / "loadavg"
    monkeypatch.setattr("gateway.pace.LOAD", load)
    load.write_text("9.00 9.00 9.00 99/1534 12345\n")
    precedence = Precedence()
    await precedence.let_out(10**6)  # the machine is crowded, but not by lists
    with precedence.list_going_out():
        waiting = asyncio.create_task(precedence.let_out(10**6))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        load.write_text("9.00 9.00 9.00 1/1534 12345\n")
        await waiting
        load.write_text("9.00 9.00 9.00 99/1534 12345\n")
        waiting = asyncio.create_task(precedence.let_out(10**6))
        await asyncio.sleep(0.3)
        assert not waiting.done()
    await waiting


async def test_a_list_waits_a_moment_for_each_record_at_most(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gateway.pace.LOAD", tmp_path / "loadavg")
    (tmp_path / "loadavg").write_text("9.00 9.00 9.00 99/1534 12345\n")
    precedence = Precedence()
    with precedence.list_going_out():
        began = time.perf_counter()
        await precedence.let_out(300)
    assert time.perf_counter() - began >= 300 * RECORD_SECONDS


@pytest.mark.parametrize(
    ("feed", "items", "expected"),
    [
        (DEBTORS, [LISTED] * 20, False),
        (DEBTORS, [LISTED] * 21, True),
        (DEBTORS, [*[LISTED] * 1000, CANCELLED], False),
        (RECEIPT, [receipt("received")] * 200, True),
        (RECEIPT, [*[receipt("received")] * 200, receipt("released")], False),
    ],
)
def test_a_list_is_many_that_nobody_waits_for(feed: Feed, items: list[Item], expected: bool) -> None:
    assert is_list(feed, [spell(feed, item) for item in items]) is expected


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
