"""What a chunk of items becomes: how a submission is cut (J3), and what is decided of each item (J4, J5). No state."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final, NamedTuple

import orjson

from gateway.journal.versions import Head, Stale, Step, decide_listing, decide_withdrawal
from gateway.trust.keyring import Keyring
from gateway.trust.seal import Draft
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import Feed, tombstone_values
from schemas.reading import Accepted, Item, Rejected, Replaced, Withdrawal
from schemas.withdrawal_reasons import CORRECTED, RESUMED, SUSPENDED

FIRST_STANDS = frozenset({"receipt"})  # feeds whose records are somebody's signed word, never amended (D12)
NOT_CONTENT = frozenset({"status_reason", "source_updated_at"})  # they change without the record changing (J4)

NEITHER: Final = ""  # in place of a record id: two records came under this key
_NO_WORDS = b""  # the source's words stand with one record alone, so that erasing that record erases them (J7)


class Named(NamedTuple):
    """What a source's own key names. `superseded`: the record came under another key since."""

    record_id: str
    superseded: bool


@dataclass(frozen=True, slots=True)
class Taken:
    """One version that will be sealed, with the head it follows. `suspended`: it is taken back only for a while."""

    draft: Draft
    head: Head | None
    content_mac: bytes
    published_on: str | None
    suspended: bool = False


@dataclass(slots=True)
class Plan:
    """A chunk as decided against the heads. `unmatched` counts withdrawals of what was never listed; `source_keys` are
    those of the records that stand, each with its record's id, empty where it came with two; a record's last key is
    the last. `named` is what was found of the keys that it deletes by.
    """

    taken: list[Taken] = field(default_factory=list)
    quarantined: list[Rejected] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)
    unmatched: int = 0
    source_keys: dict[str, str] = field(default_factory=dict)
    named: Mapping[str, Named] = field(default_factory=dict)

    def follows(self) -> dict[str, int | None]:
        """The head each taken version was decided against: record id to position, None for a new record."""
        return {taken.draft.record_id: None if taken.head is None else taken.head.position for taken in self.taken}

    def new(self) -> frozenset[str]:
        """The records that were never listed before."""
        return frozenset(taken.draft.record_id for taken in self.taken if taken.head is None)


def record_ids(item: Item) -> tuple[str, ...]:
    match item:
        case Accepted() | Withdrawal():
            return (*_listed(item), *_withdrawn(item))
        case _:
            return ()


def _listed(item: Item) -> tuple[str, ...]:
    return (item.record.record_id,) if isinstance(item, Accepted) else ()


def _withdrawn(item: Item) -> tuple[str, ...]:
    match item:
        case Withdrawal(superseded=False):
            return item.record_ids
        case Accepted(replaces=Replaced(ids)):
            return ids
        case _:
            return ()


@cache
def _restless(slots: tuple[str, ...]) -> tuple[int, ...]:
    """The places of the slots that are no content."""
    return tuple(place for place, slot in enumerate(slots) if slot in NOT_CONTENT)


def _resumes(feed: Feed, values: Sequence[JsonValue]) -> bool:
    """Whether a listing says of itself that its enforcement was suspended, and goes on."""
    return any(values[place] == RESUMED for place in _restless(feed.slots))


def _spell(values: Sequence[JsonValue]) -> bytes:
    return orjson.dumps(values, option=orjson.OPT_SORT_KEYS)


def _content(feed: Feed, values: Sequence[JsonValue], spelled: bytes) -> bytes:
    """What a version says, without what changes while the record does not. `spelled` is `_spell(values)`.

    What resumes a record says so once, in all its words: sent again behind another withdrawal, it is old content.
    """
    restless = _restless(feed.slots)
    if all(values[place] is None for place in restless) or _resumes(feed, values):
        return spelled
    return _spell([None if place in restless else value for place, value in enumerate(values)])


def fingerprint(keyring: Keyring, feed: Feed, values: Sequence[JsonValue]) -> bytes:
    """What equal content is known by (J4): 32 bytes under the records' key."""
    return keyring.content_mac(_content(feed, values, _spell(values)))


@dataclass(frozen=True, slots=True)
class Chunk:
    """Items for one sealed batch. `before`: those of its ids that earlier chunks of the same submission listed.

    Deletions by a source's own key stand in chunks of their own. `said`: the ids of all records that their submission
    says, taken or refused; `named`: what their keys were found to name.
    """

    items: list[Item]
    before: frozenset[str]
    said: frozenset[str] = frozenset()
    named: Mapping[str, Named] = field(default_factory=dict)

    def record_ids(self) -> set[str]:
        return {record_id for item in self.items for record_id in record_ids(item)}


def cut(feed: Feed, items: Iterator[Item], size: int) -> Iterator[Chunk]:
    """Chunks of at most `size` items, the same for the same input every time (J3).

    A chunk also ends before an item that withdraws what the chunk lists, or lists what it withdraws, so that each
    chunk holds at most one version of a record and the order of the input is kept. Deletions by a source's own key come
    last, and alone: what one means hangs on all that its submission says, and never on where a chunk ends.
    """
    listed: set[str] = set()
    withdrawn: set[str] = set()
    before: set[str] = set()
    said: set[str] = set()
    chunk: list[Item] = []
    by_key: list[Item] = []
    for item in items:
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
    if chunk:
        yield Chunk(_refuse_alike(feed, chunk), frozenset(before & listed))
    for start in range(0, len(by_key), size):
        yield Chunk(by_key[start : start + size], frozenset(), frozenset(said))


def _refuse_alike(feed: Feed, chunk: list[Item]) -> list[Item]:
    """Two different records under one id: nobody can know which is meant, so neither is taken."""
    if feed.name in FIRST_STANDS:
        return chunk
    repeated = {rid for rid, count in Counter(rid for item in chunk for rid in _listed(item)).items() if count > 1}
    said: dict[str, set[bytes]] = {}
    for item in chunk:
        if isinstance(item, Accepted) and item.record.record_id in repeated:
            values = feed.values(item.record)
            said.setdefault(item.record.record_id, set()).add(_content(feed, values, _spell(values)))
    alike = {rid for rid, contents in said.items() if len(contents) > 1}
    return [_alike(item) if isinstance(item, Accepted) and item.record.record_id in alike else item for item in chunk]


def _alike(item: Accepted) -> Rejected:
    reason = "two records of this submission name the same debtor in the same case and differ; send the right one alone"
    return Rejected(item.line, "alike-in-batch", reason, item.raw)


def plan_chunk(feed: Feed, keyring: Keyring, chunk: Chunk, heads: dict[str, Head], *, relist: bool) -> Plan:
    """Decide each item in order against the heads."""
    plan = Plan(named=chunk.named)
    done: set[str] = set()
    for item in chunk.items:
        match item:
            case Rejected():
                plan.quarantined.append(item)
            case Accepted():
                head = heads.get(item.record.record_id)
                stands = _plan_listing(plan, done, feed, keyring, item, head, chunk.before, relist=relist)
                if stands and item.source_key is not None:
                    same = plan.source_keys.pop(item.source_key, item.record.record_id) == item.record.record_id
                    plan.source_keys[item.source_key] = item.record.record_id if same else NEITHER
                if stands and item.replaces is not None:
                    for replaced in item.replaces.record_ids:  # never listed, or withdrawn already: nothing is amiss
                        if replaced not in done and decide_withdrawal(heads.get(replaced)) == "withdrawn":
                            _take_back(
                                plan, done, feed, heads[replaced], replaced, item.replaces.status_reason, _NO_WORDS
                            )
            case Withdrawal(superseded=True):
                plan.counts["unchanged"] += 1
            case Withdrawal():
                _plan_withdrawal(plan, done, feed, item, heads)
    return plan


def _plan_listing(
    plan: Plan,
    done: set[str],
    feed: Feed,
    keyring: Keyring,
    item: Accepted,
    head: Head | None,
    before: frozenset[str],
    *,
    relist: bool,
) -> bool:
    """Whether the record stands as it was sent."""
    record_id = item.record.record_id
    if record_id in done:  # the same record twice in one chunk is one record
        plan.counts["unchanged"] += 1
        return True
    done.add(record_id)
    values = feed.values(item.record)
    spelled = _spell(values)
    mac = keyring.content_mac(_content(feed, values, spelled))
    published = feed.published_on(item.record)
    step = decide_listing(head, mac, published, relist=relist, resumes=_resumes(feed, values))
    if step == "amended" and feed.name in FIRST_STANDS:
        step = "unchanged"
    if isinstance(step, Stale):
        plan.quarantined.append(Rejected(item.line, "stale-listing", step.reason, item.raw))
        return False
    if step == "amended" and record_id in before:  # what an earlier chunk listed stands
        plan.quarantined.append(_alike(item))
        return False
    plan.counts[step] += 1
    if step != "unchanged":
        step = "amended" if feed.is_urgent else step
        body = _body(spelled, feed.withheld(item.record), item.raw)
        plan.taken.append(_taken(record_id, step, values, body, head, mac, published))
    return True


def _plan_withdrawal(plan: Plan, done: set[str], feed: Feed, item: Withdrawal, heads: dict[str, Head]) -> None:
    suspends = item.status_reason in SUSPENDED
    steps = {rid: decide_withdrawal(heads.get(rid), suspends=suspends) for rid in item.record_ids}
    live = [rid for rid, step in steps.items() if step == "withdrawn" and rid not in done]
    if not live:
        known = any(step is not None for step in steps.values())
        plan.counts["unchanged" if known else "unmatched"] += 1
        plan.unmatched += not known
    for record_id in live:
        _take_back(plan, done, feed, heads[record_id], record_id, item.status_reason, item.raw)
    if live and item.status_reason != CORRECTED:
        _bar(plan, done, feed, item, [rid for rid, step in steps.items() if step is None], heads[live[0]])


def _bar(plan: Plan, done: set[str], feed: Feed, item: Withdrawal, never_listed: list[str], gone: Head) -> None:
    """Who was taken back by case and name is so under each kind: another list's old copy, which tells the kind
    otherwise, would be a new record and block anew (J4). Nobody saw these, so nobody is told of them.
    """
    values = tombstone_values(feed, item.status_reason)
    body = _body(_spell(values), {}, _NO_WORDS)
    for record_id in never_listed:
        if record_id not in done:
            done.add(record_id)
            plan.taken.append(_taken(record_id, "withdrawn", values, body, None, gone.content_mac, gone.published_on))


def _take_back(
    plan: Plan, done: set[str], feed: Feed, head: Head, record_id: str, reason: str | None, raw: bytes
) -> None:
    done.add(record_id)
    values = tombstone_values(feed, reason)
    body = _body(_spell(values), {}, raw)
    plan.counts["withdrawn"] += 1
    plan.taken.append(
        _taken(
            record_id,
            "withdrawn",
            values,
            body,
            head,
            head.content_mac,
            head.published_on,
            suspended=reason in SUSPENDED,
        )
    )


def _taken(
    record_id: str,
    step: Step,
    values: tuple[JsonValue, ...],
    body: bytes,
    head: Head | None,
    mac: bytes,
    published: str | None,
    *,
    suspended: bool = False,
) -> Taken:
    revision = 1 if head is None else head.revision + 1
    draft = Draft(record_id=record_id, revision=revision, status=step, values=values, body=body)
    return Taken(draft=draft, head=head, content_mac=mac, published_on=published, suspended=suspended)


def _body(spelled: bytes, withheld: JsonObject, raw: bytes) -> bytes:
    """What is kept, encrypted: the slots' values, what never leaves (source, warnings), and the raw record."""
    return orjson.dumps(
        {"values": orjson.Fragment(spelled), "withheld": withheld, "raw": raw.decode("utf-8", "replace")}
    )
