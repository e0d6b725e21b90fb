"""What an adapter of a feed is: how a line of our own and every published shape of it become the canonical record."""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass
from datetime import date
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

from adapters.feeds.shape import Shape
from schemas.canonical import JsonObject
from schemas.catalog import Record

S = TypeVar("S")
S_contra = TypeVar("S_contra", contravariant=True)

# (what a withdrawal says, the row that it has, the provider's record key) -> the ids of the records that it may mean.
Ids: TypeAlias = Callable[[JsonObject, "Row | None", bytes], tuple[str, ...]]


class Make(Protocol[S_contra]):
    """The canonical record of what was said; `raw` are its bytes, `today` is the date in China. Raises `Refused`."""

    def __call__(self, said: S_contra, raw: bytes, *, record_key: bytes, today: date) -> Record: ...


@dataclass(frozen=True, slots=True, eq=False)
class FeedAdapter(Generic[S]):
    """`S`, a NamedTuple, is the one form between any source's words and the record.

    `own` reads a line of our own and raises `Refused`; each of `shapes` is a published key set. `ids` tells what a
    withdrawal names where that is no case and name, and `known_by` says it to people.
    """

    feed: str
    own: Callable[[JsonObject], S]
    make: Make[S]
    shapes: tuple[Shape[S], ...] = ()
    _: KW_ONLY
    ids: Ids | None = None
    known_by: str = "case number and name"


# What is said has a type of its own in each adapter, and nobody else looks into it.
AnyAdapter: TypeAlias = FeedAdapter[Any]
Row: TypeAlias = Shape[Any]
