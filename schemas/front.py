"""What is said at the border to a front-end table (前置库): rows as a feed's reader takes them, and what can fail."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from schemas.canonical import JsonObject

By = Literal["refresh", "state", "watermark"]
# `database`: it does not answer. The others are an interface's: nothing at all, or not in time, or not to this party;
# an answer that is an error, or not whole; pages that shift while they are read; a clock that is off; no room here.
Away = Literal["database", "unreachable", "silent", "refused", "error", "short", "shifting", "clock", "spool"]


class FrontFault(ValueError):
    """Mapping and table do not fit. The message names tables and columns, never a value of a row."""


class FrontAway(ConnectionError):
    """Database or interface cannot be read now; the same may be tried again. The message holds no value of a row."""

    def __init__(self, what: str, kind: Away = "database") -> None:
        super().__init__(what)
        self.kind = kind


@dataclass(frozen=True, slots=True)
class FrontRow:
    """One row. `key` is what it is known by from one reading to the next, as JSON.

    `named` are the members that name its record in a withdrawal. `deleted` where a column says so, and `line` is that
    withdrawal then. `cells` are the columns as they were read.
    """

    key: str
    line: JsonObject
    named: JsonObject
    deleted: bool
    cells: Mapping[str, object] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Brake:
    """How many rows may be new, changed or gone at once: `percent` of those known, and `rows` in any case."""

    percent: int = 10
    rows: int = 20

    def limit(self, known: int) -> int:
        return max(self.rows, known * self.percent // 100)


class Front(Protocol):
    """A table of others, read and never locked. Every call raises FrontAway, and FrontFault where it has changed."""

    @property
    def feed(self) -> str: ...

    @property
    def by(self) -> By: ...

    @property
    def brake(self) -> Brake: ...

    @property
    def gone_reason(self) -> str | None:
        """Why a record is withdrawn whose row is no longer there."""
        ...

    def all(self) -> AsyncGenerator[list[FrontRow], None]:
        """Every row, as the table was at one moment, a page at a time."""
        ...

    def fresh(self, position: str | None) -> AsyncGenerator[tuple[list[FrontRow], str | None], None]:
        """What watermark or state say is new, in their order, and the position reached. Pages may overlap the past."""
        ...

    async def rows(self, keys: Sequence[str]) -> list[FrontRow]:
        """The rows that have these keys now, in the order of `keys`."""
        ...

    async def mark(self, verdicts: Sequence[tuple[FrontRow, str | None]]) -> None:
        """Write back what became of rows: the code of a refusal, or None. A row that has changed meanwhile is left."""
        ...

    async def sent(self) -> None:
        """All that was read is sent: nothing of it needs to be kept."""
        ...

    async def close(self) -> None: ...
