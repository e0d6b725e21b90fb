"""The conformance suite of front-end tables itself: a table in memory conforms, and what breaks a rule is found."""

from collections.abc import AsyncGenerator, Callable, Sequence
from typing import Literal

import pytest

from adapters.conformance import front_conforms
from schemas.front import Brake, Front, FrontAway, FrontRow
from schemas.withdrawal_reasons import CORRECTED

NAME = "焦城执行有限公司"
Page = tuple[list[FrontRow], str | None]


def row(number: int, name: str = NAME) -> FrontRow:
    named = {"caseCode": f"(2018)豫0811执{number}号", "pname": name}
    line = {**named, "execCourtName": "焦作市山阳区人民法院"}
    return FrontRow(f"[{number}]", line, named, deleted=False, cells={})


ROWS = [row(1), row(2, ""), row(3), row(4)]


class Table:
    """Rows in memory, two a page; `marked` is kept from one opening to the next, as a table keeps it."""

    feed: str = "judgment-debtor"
    by: Literal["state"] = "state"
    brake = Brake()
    gone_reason: str | None = CORRECTED
    page = 2

    def __init__(self, marked: set[str]) -> None:
        self.marked = marked

    async def all(self) -> AsyncGenerator[list[FrontRow], None]:
        for start in range(0, len(ROWS), self.page):
            yield ROWS[start : start + self.page]

    async def fresh(self, position: str | None) -> AsyncGenerator[Page, None]:
        waiting = [one for one in ROWS if one.key not in self.marked]
        for start in range(int(position or 0), len(waiting), self.page):
            yield waiting[start : start + self.page], str(start + self.page)

    async def rows(self, keys: Sequence[str]) -> list[FrontRow]:
        known = {one.key: one for one in ROWS}
        return [known[key] for key in keys]

    async def mark(self, verdicts: Sequence[tuple[FrontRow, str | None]]) -> None:
        self.marked.update(one.key for one, _ in verdicts)

    async def sent(self) -> None: ...

    async def close(self) -> None: ...


class Gone(Table):
    async def all(self) -> AsyncGenerator[list[FrontRow], None]:
        raise FrontAway("the table is not there")
        yield []


class InOnePage(Table):
    page = 9


class Skips(Table):
    """Begins behind the page that follows the position."""

    async def fresh(self, position: str | None) -> AsyncGenerator[Page, None]:
        async for page in super().fresh(str(int(position) + self.page) if position else None):
            yield page


class Unordered(Table):
    async def rows(self, keys: Sequence[str]) -> list[FrontRow]:
        return await super().rows(sorted(keys))


class Changing(Table):
    async def rows(self, keys: Sequence[str]) -> list[FrontRow]:
        return [row(int(key[1:-1]), "另一公司") for key in keys]


class Twice(Table):
    async def all(self) -> AsyncGenerator[list[FrontRow], None]:
        yield ROWS
        yield ROWS[:1]


class Unmarked(Table):
    async def mark(self, verdicts: Sequence[tuple[FrontRow, str | None]]) -> None: ...


class Readable(Table):
    """No row that cannot be read."""

    async def all(self) -> AsyncGenerator[list[FrontRow], None]:
        yield [ROWS[0], ROWS[2]]


class Telling(Gone):
    async def all(self) -> AsyncGenerator[list[FrontRow], None]:
        raise FrontAway(f"no such column in the row of {NAME}")
        yield []


def opened(kind: type[Table]) -> Callable[[], Front]:
    marked: set[str] = set()
    return lambda: kind(marked)


async def test_a_table_in_memory_conforms() -> None:
    await front_conforms(opened(Table), opened(Gone), [NAME])


@pytest.mark.parametrize(
    ("kind", "broken", "rule"),
    [
        (Twice, Gone, "totals"),
        (Unordered, Gone, "order"),
        (Changing, Gone, "once"),
        (Readable, Gone, "poison"),
        (InOnePage, Gone, "restart"),
        (Skips, Gone, "restart"),
        (Unmarked, Gone, "once"),
        (Table, Table, "silence"),
        (Table, Telling, "silence"),
    ],
)
async def test_what_breaks_a_rule_is_found_and_named(kind: type[Table], broken: type[Table], rule: str) -> None:
    with pytest.raises(AssertionError, match=f"^{rule}: ") as found:
        await front_conforms(opened(kind), opened(broken), [NAME])
    assert NAME not in str(found.value)


async def test_silence_is_not_tried_without_a_value_to_look_for() -> None:
    with pytest.raises(AssertionError, match=r"^silence: no personal value"):
        await front_conforms(opened(Table), opened(Gone), [])
