"""The outbox: what a committed change asks to be done outside, carried out afterwards and in order for each row (M7).

Everything in it may be done twice: a register knows an operation by its id, the gateway a receipt by its kind and key.
What fails is tried again for ever, and holds back only what concerns the same row. A receipt that the gateway refuses
for what it says is set aside with the code, for a person to look at.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Literal

import orjson
import structlog

from gateway.agent.enforce import Register
from gateway.agent.index import Change, Index
from gateway.client import GatewayProblem
from gateway.errors import FuyuanError
from schemas.canonical import JsonObject

log = structlog.get_logger(__name__)

AT_ONCE: Final = 200
# The gateway says of these that the receipt itself is wrong; anything else may pass a moment later.
WRONG_ITSELF: Final = frozenset({400, 404, 409, 413, 422})

Send = Callable[[Sequence[str]], Awaitable[object]]


@dataclass(frozen=True, slots=True)
class Item:
    """`row` orders items among themselves; a receipt for no row has none. `token` is a receipt, as it was signed."""

    number: int
    kind: Literal["hold", "release", "receipt"]
    row: str | None
    measure: str = ""
    order: JsonObject | None = None
    token: str = ""


class Outbox:
    def __init__(self, index: Index, register: Register | None, send: Send) -> None:
        self._index = index
        self._register = register
        self._send = send
        self._sending = True  # until a batch fails: what comes behind it must not overtake it

    async def carry_out(self) -> bool:
        """Go through the whole outbox once; True where nothing failed and nothing is left of what stood there."""
        after, stuck, whole = 0, set[str](), True
        self._sending = True
        while items := self._next(after):
            after = items[-1].number
            whole = await self._carry_out(items, stuck) and whole
        return whole

    def _next(self, after: int) -> list[Item]:
        with self._index.read() as view:
            items = []
            for key, value in view.items("outbox", after=after.to_bytes(8)):
                items.append(Item(int.from_bytes(key), **orjson.loads(value)))
                if len(items) == AT_ONCE:
                    break
        return items

    async def _carry_out(self, items: Sequence[Item], stuck: set[str]) -> bool:
        """`stuck`: rows of which something could not be done in this pass."""
        receipts: list[Item] = []
        done: list[Item] = []
        for item in items:
            if item.row is not None and item.row in stuck:
                continue
            if item.kind == "receipt":
                receipts.append(item)
            elif await self._on_register(item):
                done.append(item)
            elif item.row is not None:
                stuck.add(item.row)
        if done:
            self._remove(done)
        sent = await self._send_all(receipts)
        return sent and len(done) + len(receipts) == len(items)

    async def _on_register(self, item: Item) -> bool:
        if self._register is None or item.row is None:
            return False
        op_id = f"{self._index.identity}/{item.number}"
        try:
            if item.kind == "hold":
                await asyncio.to_thread(self._register.hold, op_id, item.row, item.measure, item.order or {})
            else:
                await asyncio.to_thread(self._register.release, op_id, item.row, item.measure)
        except OSError as error:
            log.warning("register-unreachable", error=type(error).__name__, kind=item.kind)
            return False
        log.debug("step", step="outbox", kind=item.kind, number=item.number)
        return True

    async def _send_all(self, receipts: Sequence[Item]) -> bool:
        """The gateway takes all or none, so a batch that it refuses is halved until the receipt stands alone."""
        if not receipts:
            return True
        if not self._sending:
            return False
        try:
            await self._send([item.token for item in receipts])
        except GatewayProblem as problem:
            if problem.status not in WRONG_ITSELF:
                return self._not_sent(problem.code, len(receipts))
            if len(receipts) == 1:
                log.warning("receipt-set-aside", code=problem.code, number=receipts[0].number)
                self._set_aside(receipts[0], problem.code)
                return True
            middle = len(receipts) // 2
            first = await self._send_all(receipts[:middle])
            return await self._send_all(receipts[middle:]) and first
        except FuyuanError as error:
            return self._not_sent(error.code, len(receipts))
        log.debug("step", step="receipt", count=len(receipts))
        self._remove(receipts)
        return True

    def _not_sent(self, code: str, count: int) -> bool:
        self._sending = False
        log.warning("receipts-not-sent", code=code, count=count)
        return False

    def _remove(self, items: Sequence[Item]) -> None:
        def work(change: Change) -> None:
            for item in items:
                change.delete("outbox", item.number.to_bytes(8))

        self._index.write(work)

    def _set_aside(self, item: Item, code: str) -> None:
        def work(change: Change) -> None:
            change.delete("outbox", item.number.to_bytes(8))
            change.put_document("aside", item.number.to_bytes(8), {"code": code, "token": item.token})

        self._index.write(work)
