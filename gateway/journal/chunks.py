"""A submission as the journal takes it: each record spelled out once, where it was read, and cut into chunks (J3).

    items (adapters) -> `spell` -> `cut` -> chunks of at most 1,000, for one sealed batch each

What is here is plain and small, so that it crosses to another process for little; behind it nobody sees a model.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple, TypeAlias

import orjson

from schemas.canonical import JsonValue, canonical
from schemas.catalog import Feed
from schemas.reading import Accepted, Item, Rejected, Replaced, Withdrawal
from schemas.withdrawal_reasons import RESUMED

FIRST_STANDS: Final = frozenset({"receipt"})  # feeds whose records are somebody's signed word, never amended (D12)
NOT_CONTENT: Final = frozenset({"status_reason", "source_updated_at"})  # they change without the record changing (J4)
NEITHER: Final = ""  # in place of a record id: two records came under this key


class Listing(NamedTuple):
    """A record that was accepted. `spelled` is the canonical JSON of its values in slot order, `withheld` that of what
    never leaves, `published_on` an ISO date; the others as `schemas.reading.Accepted` has them.
    """

    line: int
    record_id: str
    spelled: bytes
    withheld: bytes
    published_on: str | None
    raw: bytes
    replaces: Replaced | None
    source_key: str | None

    def values(self) -> tuple[JsonValue, ...]:
        """In slot order."""
        return tuple(orjson.loads(self.spelled))


Stated: TypeAlias = Listing | Withdrawal | Rejected


class Named(NamedTuple):
    """What a source's own key names. `superseded`: the record came under another key since."""

    record_id: str
    superseded: bool


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items for one sealed batch. `before`: those of its ids that earlier chunks of the same submission listed.

    Deletions by a source's own key stand in chunks of their own. `said`: the ids of all records that their submission
    says, taken or refused; `named`: what their keys were found to name. `last`: no chunk of the submission follows.
    """

    items: list[Stated]
    before: frozenset[str] = frozenset()
    said: frozenset[str] = frozenset()
    named: Mapping[str, Named] = field(default_factory=dict)
    last: bool = False

    def record_ids(self) -> set[str]:
        return {record_id for item in self.items for record_id in (*_listed(item), *_withdrawn(item))}


def spell(feed: Feed, item: Item) -> Stated:
    """A record in the form that is compared, committed to and kept."""
    if not isinstance(item, Accepted):
        return item
    record = item.record
    return Listing(
        item.line,
        record.record_id,
        spelled(feed.values(record)),
        canonical(feed.withheld(record)),
        feed.published_on(record),
        item.raw,
        item.replaces,
        item.source_key,
    )


def cut(feed: Feed, items: Iterable[Item], size: int) -> Iterator[Chunk]:
    """Chunks of at most `size` items, the same for the same input every time (J3); at least one, which may be empty.

    A chunk also ends before an item that withdraws what the chunk lists, or lists what it withdraws, so that each
    chunk holds at most one version of a record and the order of the input is kept. Deletions by a source's own key come
    last, and alone: what one means hangs on all that its submission says, and never on where a chunk ends.
    """
    listed: set[str] = set()
    withdrawn: set[str] = set()
    before: set[str] = set()
    said: set[str] = set()
    chunk: list[Stated] = []
    by_key: list[Stated] = []
    for read in items:
        item = spell(feed, read)
        if isinstance(item, Rejected):
            said.update(item.record_ids)
            if item.source_key is not None:
                by_key.append(item)
                continue
        taken, left = _listed(item), _withdrawn(item)
        if len(chunk) == size or not withdrawn.isdisjoint(taken) or not listed.isdisjoint(left):
            yield Chunk(_refuse_alike(feed, chunk), frozenset(before & listed))
            before |= listed
            before -= withdrawn
            chunk = []
            listed.clear()
            withdrawn.clear()
        chunk.append(item)
        listed.update(taken)
        withdrawn.update(left)
        said.difference_update(left)
        said.update(taken)
    if chunk or not by_key:
        yield Chunk(_refuse_alike(feed, chunk), frozenset(before & listed), last=not by_key)
    for start in range(0, len(by_key), size):
        end = start + size
        yield Chunk(by_key[start:end], said=frozenset(said), last=end >= len(by_key))


def spelled(values: Sequence[JsonValue]) -> bytes:
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)


def content(feed: Feed, values: Sequence[JsonValue], spelling: bytes) -> bytes:
    """What a version says, without what changes while the record does not. `spelling` is `spelled(values)`.

    What resumes a record says so once, in all its words: sent again behind another withdrawal, it is old content.
    """
    restless = _restless(feed.slots)
    if all(values[place] is None for place in restless) or resumes(feed, values):
        return spelling
    return spelled([None if place in restless else value for place, value in enumerate(values)])


def resumes(feed: Feed, values: Sequence[JsonValue]) -> bool:
    """Whether a listing says of itself that its enforcement was suspended, and goes on."""
    return any(values[place] == RESUMED for place in _restless(feed.slots))


@cache
def _restless(slots: tuple[str, ...]) -> tuple[int, ...]:
    """The places of the slots that are no content."""
    return tuple(place for place, slot in enumerate(slots) if slot in NOT_CONTENT)


def _listed(item: Stated) -> tuple[str, ...]:
    return (item.record_id,) if isinstance(item, Listing) else ()


def _withdrawn(item: Stated) -> tuple[str, ...]:
    match item:
        case Withdrawal(superseded=False):
            return item.record_ids
        case Listing(replaces=Replaced(ids)):
            return ids
        case _:
            return ()


def _refuse_alike(feed: Feed, chunk: list[Stated]) -> list[Stated]:
    """Two different records under one id: nobody can know which is meant, so neither is taken."""
    if feed.name in FIRST_STANDS:
        return chunk
    repeated = {rid for rid, count in Counter(rid for item in chunk for rid in _listed(item)).items() if count > 1}
    if not repeated:
        return chunk
    said: dict[str, set[bytes]] = {}
    for item in chunk:
        if isinstance(item, Listing) and item.record_id in repeated:
            said.setdefault(item.record_id, set()).add(content(feed, item.values(), item.spelled))
    alike = {rid for rid, contents in said.items() if len(contents) > 1}
    return [refused_alike(item) if isinstance(item, Listing) and item.record_id in alike else item for item in chunk]


def refused_alike(item: Listing) -> Rejected:
    reason = "two records of this submission name the same debtor in the same case and differ; send the right one alone"
    return Rejected(item.line, "alike-in-batch", reason, item.raw)
