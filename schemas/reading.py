"""What a feed reader says of each input record: accepted, a withdrawal, or rejected with its raw bytes.

A reader yields exactly one item for each input record, in order, so totals in = records + withdrawals + rejected.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from typing import TypeAlias

from schemas.catalog import Record


@dataclass(frozen=True, slots=True)
class Replaced:
    """Records that are taken back by the listing that takes their place: a corrected identity, a resumed case."""

    record_ids: tuple[str, ...]
    status_reason: str


@dataclass(frozen=True, slots=True)
class Accepted:
    """A record in canonical form. `line` is the record's ordinal, from 1; `raw` the bytes it was read from.

    `source_key` stands for the key by which the source itself names it, under the provider's record key.
    """

    line: int
    record: Record
    raw: bytes
    replaces: Replaced | None = None
    source_key: str | None = None


@dataclass(frozen=True, slots=True)
class Withdrawal:
    """A provider takes a record back. By case number and name the kind is unknown, so there may be three candidates.

    `superseded` where it names an older version, which a newer one has replaced: nothing is taken back.
    """

    line: int
    record_ids: tuple[str, ...]
    status_reason: str | None
    raw: bytes
    superseded: bool = False


@dataclass(frozen=True, slots=True)
class Rejected:
    """A record for the quarantine. `code` is stable, `reason` repeats no personal value.

    `record_ids` are those it may be about, where it is read so far: that record was said anew, and refused. With a
    `source_key` it is a deletion by that key alone, for `status_reason`: whoever knows the key's record withdraws it.
    """

    line: int
    code: str
    reason: str
    raw: bytes
    source_key: str | None = None
    status_reason: str | None = None
    record_ids: tuple[str, ...] = ()


Item: TypeAlias = Accepted | Withdrawal | Rejected

# (feed, bytes, the provider's record key, today in China) -> items; raises UnknownFeed.
Reader: TypeAlias = Callable[[str, bytes, bytes, date], Iterator[Item]]
