"""The outbox: what a committed change asks to be done outside, carried out afterwards and in order for each row (M7).

Two queues under one numbering: orders to the agency's register, and receipts to the gateway. They are worked off side
by side, so a slow gateway delays no block; a receipt waits for the orders of its row that stand before it. A release
waits for those of its own row alone, though a list has given thousands of rows to hold. Everything may be done twice: a
register knows an order by its id, the gateway a receipt by its kind and key. What fails is tried again for ever. A
receipt that the gateway itself refuses for what it says is set aside with the code, for a person to look at.
"""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Final

import orjson
import structlog

from gateway.agent.enforce import Register
from gateway.agent.index import Change, Index, View
from gateway.agent.outgoing import OrderKind
from gateway.client import GatewayProblem
from gateway.errors import FuyuanError
from gateway.trace import spans
from schemas.canonical import JsonObject

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200
PATIENT_SECONDS: Final = 5.0  # a request costs the gateway as much as a hundred receipts
# The gateway's own codes for a receipt that is wrong in itself; anything else, a proxy's page too, may pass later.
WRONG_ITSELF: Final = frozenset(
    {
        "receipt-unreadable",
        "receipt-not-yours",
        "receipt-unsent",
        "receipt-of-receipt",
        "receipt-mismatch",
        "body-too-large",
    }
)
TOO_LARGE: Final = 413  # whoever says it, fewer may pass

Send = Callable[[Sequence[str]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Order:
    """What the register is told about one row. `told` is None for a release; `trace`: in which it was decided.

    To renew is to hold once more in other words: it blocks nothing new, so the kill switch does not stop it.
    """

    number: int
    kind: OrderKind
    row: str
    measure: str
    told: JsonObject | None
    trace: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """`row` is None where it is about no row; `token` is the receipt as it was signed. Those that are not for `soon`
    wait for one another, and hold up no other.
    """

    number: int
    row: str | None
    token: str
    soon: bool = True
    trace: str | None = None


class Outbox:
    def __init__(self, index: Index, register: Register | None, send: Send, *, kill_switch: Path | None = None) -> None:
        """While the file `kill_switch` is there, holds wait, and so does what comes behind them for the row (M8)."""
        self._index = index
        self._kill_switch = kill_switch
        self._register = register
        self._send = send
        self._sent_at = float("-inf")

    async def carry_out(self) -> bool:
        """Go through the orders once, the rows to release first; True where none is left of those that stood there."""
        stuck: set[str] = set()
        after = looked = 0
        while self._waiting("orders") and (orders := await asyncio.to_thread(self._orders, after)):
            after = orders[-1].number
            done: set[int] = set()
            for order in orders:
                if (newest := self._index.last_number()) > looked:  # a release may have come in meanwhile
                    await self._release(looked, done, stuck)
                    looked = newest
                await self._tell(order, done, stuck)
            await asyncio.to_thread(self._remove, "orders", done)
            if stuck and done:  # the register answers, so a release that failed is tried again before the next page
                looked = 0
        return not stuck

    async def _release(self, behind: int, done: set[int], stuck: set[str]) -> None:
        """Where a release came in behind that number: the orders of all rows to release, before those of any other."""
        orders = await asyncio.to_thread(self._to_release, behind)
        stuck.difference_update(order.row for order in orders)
        for start in range(0, len(orders), AT_ONCE):
            some = orders[start : start + AT_ONCE]
            for order in some:
                await self._tell(order, done, stuck)
            await asyncio.to_thread(self._remove, "orders", done.intersection(one.number for one in some))

    async def _tell(self, order: Order, done: set[int], stuck: set[str]) -> None:
        """The register is told, unless that is `done`, or an order of the row before it is `stuck`."""
        if order.number in done:
            return
        if order.row not in stuck and await self._on_register(order):
            done.add(order.number)
        else:
            stuck.add(order.row)

    async def send(self) -> bool:
        """Go through the receipts once, in order; True where none is left of those that stood there."""
        return await self._send_those(lambda _: True)

    async def send_soon(self) -> bool:
        """The same for those that the court shall hear of at once: they wait for none of the others."""
        return await self._send_those(lambda one: one.soon)

    async def send_patiently(self) -> bool:
        """The same for those that have time; True also where they wait for more, since some were sent a moment ago."""
        due = asyncio.get_running_loop().time() >= self._sent_at + PATIENT_SECONDS
        return await self._send_those(lambda one: not one.soon, at_least=1 if due else AT_ONCE)

    async def _send_those(self, meant: Callable[[Receipt], bool], *, at_least: int = 1) -> bool:
        """`at_least` so many in a request; fewer wait, and what stands behind them."""
        after = 0
        whole = True
        held: set[str] = set()
        while self._waiting("receipts") and (receipts := await asyncio.to_thread(self._receipts, after)):
            after = receipts[-1].number
            with self._index.read() as view:
                waiting = _rows_waiting(view)
            those = [one for one in receipts if meant(one)]
            due = _due(those, waiting, held)
            whole = whole and len(due) == len(those)
            if 0 < len(due) < at_least:
                return whole  # a range that overtakes another is not counted, so none is sent behind those that wait
            if due and not await self._send_all(due):
                return False
        return whole

    def _waiting(self, db: str) -> int:
        """Looked at in passing: mostly there is nothing."""
        with self._index.read() as view:
            return view.count(db)

    def _orders(self, after: int) -> list[Order]:
        with self._index.read() as view:
            return [Order(int.from_bytes(key), **orjson.loads(value)) for key, value in _next(view, "orders", after)]

    def _to_release(self, behind: int) -> list[Order]:
        """Row by row and each in order, all orders of rows to release, those that only wait to be released first; none
        where no release came behind that number.
        """
        with self._index.read() as view:
            if not any(_row_to_release(value) for _, value in view.items("orders", after=behind.to_bytes(8))):
                return []
            rows: dict[str, list[Order]] = {
                row: [] for _, value in view.items("orders") if (row := _row_to_release(value)) is not None
            }
            for key, value in view.items("orders"):
                order = Order(int.from_bytes(key), **orjson.loads(value))
                if order.row in rows:
                    rows[order.row].append(order)
        return [order for row in sorted(rows.values(), key=lambda row: row[0].kind != "release") for order in row]

    def _receipts(self, after: int) -> list[Receipt]:
        with self._index.read() as view:
            return [
                Receipt(int.from_bytes(key), **orjson.loads(value)) for key, value in _next(view, "receipts", after)
            ]

    async def _on_register(self, order: Order) -> bool:
        if self._register is None:
            return False
        if order.kind == "hold" and self._kill_switch is not None and self._kill_switch.exists():
            return False
        op_id = f"{self._index.identity}/{order.number}"
        try:
            with spans("register", [order.trace], action=order.kind):
                if order.kind != "release":
                    await asyncio.to_thread(self._register.hold, op_id, order.row, order.measure, order.told or {})
                else:
                    await asyncio.to_thread(self._register.release, op_id, order.row, order.measure)
        except OSError as error:
            log.warning("register-unreachable", error=type(error).__name__, kind=order.kind)
            return False
        log.debug("step", step="outbox", kind=order.kind, number=order.number)
        return True

    async def _send_all(self, receipts: Sequence[Receipt]) -> bool:
        """The gateway takes all or none, so a batch that it refuses is halved until the receipt stands alone."""
        try:
            with spans("send-receipts", [one.trace for one in receipts], count=len(receipts)):
                await self._send([one.token for one in receipts])
        except GatewayProblem as problem:
            alone, wrong = len(receipts) == 1, problem.code in WRONG_ITSELF
            if alone and wrong:
                log.warning("receipt-set-aside", code=problem.code, number=receipts[0].number)
                await asyncio.to_thread(self._set_aside, receipts[0], problem.code)
                return True
            if alone or not (wrong or problem.status == TOO_LARGE):
                return _not_sent(problem, len(receipts))
            middle = len(receipts) // 2
            return await self._send_all(receipts[:middle]) and await self._send_all(receipts[middle:])
        except FuyuanError as error:
            return _not_sent(error, len(receipts))
        if not all(one.soon for one in receipts):
            self._sent_at = asyncio.get_running_loop().time()
        log.debug("step", step="receipt", count=len(receipts))
        await asyncio.to_thread(self._remove, "receipts", [one.number for one in receipts])
        return True

    def _remove(self, db: str, numbers: Collection[int]) -> None:
        def work(change: Change) -> None:
            for number in numbers:
                change.delete(db, number.to_bytes(8))

        if numbers:
            self._index.write(work)

    def _set_aside(self, receipt: Receipt, code: str) -> None:
        def work(change: Change) -> None:
            change.delete("receipts", receipt.number.to_bytes(8))
            change.put_document("aside", receipt.number.to_bytes(8), {"code": code, "token": receipt.token})

        self._index.write(work)


def _next(view: View, db: str, after: int) -> Iterator[tuple[bytes, bytes]]:
    return islice(view.items(db, after=after.to_bytes(8)), AT_ONCE)


def _due(receipts: Sequence[Receipt], waiting: Mapping[str, int], held: set[str]) -> list[Receipt]:
    """Those that wait for no order. Rows of which one waits are added to `held`: what comes behind must not overtake
    it, though the order be carried out meanwhile.
    """
    due = []
    for one in receipts:
        if one.row is not None and (one.row in held or one.number >= waiting.get(one.row, one.number + 1)):
            held.add(one.row)
        else:
            due.append(one)
    return due


def _row_to_release(order: bytes) -> str | None:
    """The row of a stored order that is a release; None for any other."""
    found = orjson.loads(order)
    return str(found["row"]) if found["kind"] == "release" else None


def _rows_waiting(view: View) -> dict[str, int]:
    """The first order that is not carried out, of each row that has one."""
    rows: dict[str, int] = {}
    for key, value in view.items("orders"):
        rows.setdefault(orjson.loads(value)["row"], int.from_bytes(key))
    return rows


def _not_sent(error: FuyuanError, count: int) -> bool:
    log.warning("receipts-not-sent", code=error.code, count=count)
    return False
