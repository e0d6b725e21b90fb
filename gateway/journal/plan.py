"""What a chunk becomes: what is decided of each of its items against the heads (J4, J5). No state."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import orjson

from gateway.journal.chunks import (
    FIRST_STANDS,
    NEITHER,
    Chunk,
    Listing,
    Named,
    content,
    refused_alike,
    resumes,
    spelled,
)
from gateway.journal.versions import Head, Stale, Step, decide_listing, decide_withdrawal
from gateway.trust.keyring import Keyring
from gateway.trust.seal import Draft
from schemas.canonical import JsonValue
from schemas.catalog import Feed, tombstone_values
from schemas.reading import Rejected, Withdrawal
from schemas.withdrawal_reasons import CORRECTED, SUSPENDED

_NOTHING_WITHHELD: Final = b"{}"
_NO_WORDS: Final = b""  # the source's words stand with one record alone, so that erasing that record erases them (J7)


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

    def new(self) -> frozenset[str]:
        """The records that were never listed before."""
        return frozenset(taken.draft.record_id for taken in self.taken if taken.head is None)


def fingerprint(keyring: Keyring, feed: Feed, values: Sequence[JsonValue]) -> bytes:
    """What equal content is known by (J4): 32 bytes under the records' key."""
    return keyring.content_mac(content(feed, values, spelled(values)))


def plan_chunk(feed: Feed, keyring: Keyring, chunk: Chunk, heads: dict[str, Head], *, relist: bool) -> Plan:
    """Decide each item in order against the heads."""
    plan = Plan(named=chunk.named)
    done: set[str] = set()
    for item in chunk.items:
        match item:
            case Rejected():
                plan.quarantined.append(item)
            case Listing():
                head = heads.get(item.record_id)
                stands = _plan_listing(plan, done, feed, keyring, item, head, chunk.before, relist=relist)
                if stands and item.source_key is not None:
                    same = plan.source_keys.pop(item.source_key, item.record_id) == item.record_id
                    plan.source_keys[item.source_key] = item.record_id if same else NEITHER
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
    item: Listing,
    head: Head | None,
    before: frozenset[str],
    *,
    relist: bool,
) -> bool:
    """Whether the record stands as it was sent."""
    record_id = item.record_id
    if record_id in done:  # the same record twice in one chunk is one record
        plan.counts["unchanged"] += 1
        return True
    done.add(record_id)
    values = item.values()
    mac = keyring.content_mac(content(feed, values, item.spelled))
    step = decide_listing(head, mac, item.published_on, relist=relist, resumes=resumes(feed, values))
    if step == "amended" and feed.name in FIRST_STANDS:
        step = "unchanged"
    if isinstance(step, Stale):
        plan.quarantined.append(Rejected(item.line, "stale-listing", step.reason, item.raw))
        return False
    if step == "amended" and record_id in before:  # what an earlier chunk listed stands
        plan.quarantined.append(refused_alike(item))
        return False
    plan.counts[step] += 1
    if step != "unchanged":
        step = "amended" if feed.is_urgent else step
        body = _body(item.spelled, item.withheld, item.raw)
        plan.taken.append(_taken(record_id, step, values, body, head, mac, item.published_on))
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
    body = _body(spelled(values), _NOTHING_WITHHELD, _NO_WORDS)
    for record_id in never_listed:
        if record_id not in done:
            done.add(record_id)
            plan.taken.append(_taken(record_id, "withdrawn", values, body, None, gone.content_mac, gone.published_on))


def _take_back(
    plan: Plan, done: set[str], feed: Feed, head: Head, record_id: str, reason: str | None, raw: bytes
) -> None:
    done.add(record_id)
    values = tombstone_values(feed, reason)
    body = _body(spelled(values), _NOTHING_WITHHELD, raw)
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


def _body(spelling: bytes, withheld: bytes, raw: bytes) -> bytes:
    """What is kept, encrypted: the slots' values, what never leaves (source, warnings), and the raw record."""
    fragment = orjson.Fragment
    return orjson.dumps(
        {"values": fragment(spelling), "withheld": fragment(withheld), "raw": raw.decode("utf-8", "replace")}
    )
