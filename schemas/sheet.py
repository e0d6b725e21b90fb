"""What is said at the border to a clerk's table: its rows as a feed's reader takes them, and the copy with verdicts."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from schemas.canonical import JsonObject


class SheetFault(ValueError):
    """The table cannot be read, or no copy of it made. The message repeats no value."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a row was not taken: a stable code, and a reason that repeats no value."""

    code: str
    reason: str


class Sheet(Protocol):
    """A table that was read whole. `rows` in order: the record, or why it is none."""

    @property
    def rows(self) -> Sequence[JsonObject | Refusal]: ...

    def with_verdicts(self, refused: Sequence[Refusal | None]) -> bytes:
        """A workbook: the table with, beside each row, whether it was taken, and else why not. Raises SheetFault."""
        ...
