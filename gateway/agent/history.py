"""The history of statements: where a party was to be served, as it was told, version by version.

Whether a service was lawful is asked years later, so a version is never overwritten: neither by an amendment, nor by a
withdrawal, nor by one that comes late because another lane overtook it. Only the contract's own period of retention
takes the content of what was withdrawn; that it stood, from when, and its leaf stay.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from itertools import groupby
from typing import Final

import orjson

from gateway.agent.applicant import Keyed
from gateway.agent.event import Arrived, EventRef
from gateway.agent.index import Change, View
from gateway.agent.listed import identifiers_in
from gateway.clock import china_date, stamp, unstamp
from schemas.canonical import JsonObject
from schemas.catalog import SERVICE_ADDRESS
from schemas.identifiers import Identifier

CAUSE_BYTES: Final = 8
CODE: Final = re.compile(r"[a-z][a-z0-9-]{0,63}")
KEPT: Final = ("occasion", "number", "effective_from", "effective_until")  # what stays when the content goes


@dataclass(frozen=True, slots=True)
class Told:
    """One version of a statement, or the news that it is no more (`withdrawn`, `drop`), as it was delivered.

    `taken_at` is when this side took it in. `record` is None for news, and where the content was taken by retention;
    then `kept` still says from when it held. `event` has the proof.
    """

    record_id: str
    kind: str
    ref: EventRef
    taken_at: str
    revision: int | None
    reason: str | None
    kept: JsonObject
    record: JsonObject | None
    event: JsonObject | None


def note(change: Change, keyed: Keyed, event: Arrived, now: datetime) -> None:
    """Keep what came about a statement; anything else, and what is kept already, changes nothing."""
    record = event.record
    if (
        record is None
        or record.get("feed") != SERVICE_ADDRESS.name
        or event.kind not in ("upsert", "withdrawn", "drop")
    ):
        return
    key = _key(keyed, str(record["record_id"]), event.ref.cause)
    if change.value("history", key) is not None:
        return
    stated = event.kind == "upsert"
    reason = record.get("status_reason")
    change.put_document(
        "history",
        key,
        {
            "kind": event.kind,
            "ref": asdict(event.ref),
            "taken_at": stamp(now),
            "revision": event.revision,
            "reason": reason if isinstance(reason, str) else None,
            "kept": {name: record.get(name) for name in KEPT} if stated else {},
            "record": record if stated else None,
            "event": event.whole,
        },
    )
    for identifier in identifiers_in(record) if stated else ():
        if not identifier.masked and identifier.check != "fail":
            change.put("stated", keyed.identifier(identifier), str(record["record_id"]).encode())


def told_of(view: View, keyed: Keyed, identifier: Identifier) -> list[Told]:
    """All that was told of statements about a party, by record and cause, whatever became of them."""
    ids = sorted(view.values("stated", keyed.identifier(identifier)))
    return [told for record_id in ids for told in _told(view, keyed.record(record_id.decode()) + b"\0", keyed)]


def expire(change: Change, keyed: Keyed, content_days: int, today: date) -> int:
    """Take the content of statements that were withdrawn or dropped so many days ago; how many versions had one."""
    due: list[bytes] = []  # found first: a cursor does not see what is put under it
    for record_id, versions in groupby(_told(change, keyed.prefix, keyed), key=lambda one: one.record_id):
        told = [(one.kind, one.taken_at, one.ref.cause, one.event or one.record) for one in versions]
        kind, taken_at, _, _ = told[-1]
        if kind != "upsert" and _is_over(taken_at, content_days, today):
            due += [_key(keyed, record_id, cause) for _, _, cause, content in told if content is not None]
    for key in due:
        document = change.document("history", key) or {}
        reason = document.get("reason")  # words of the source's own may name somebody; a code does not
        kept = reason if isinstance(reason, str) and CODE.fullmatch(reason) else None
        change.put_document("history", key, {**document, "reason": kept, "record": None, "event": None})
    return len(due)


def _told(view: View, prefix: bytes, keyed: Keyed) -> Iterator[Told]:
    """By record and cause."""
    for key, value in view.items("history", prefix):
        record_id = key[len(keyed.prefix) : -CAUSE_BYTES - 1].decode()
        document = orjson.loads(value)
        yield Told(record_id, **{**document, "ref": EventRef(**document["ref"])})


def _key(keyed: Keyed, record_id: str, cause: int) -> bytes:
    return keyed.record(record_id) + b"\0" + cause.to_bytes(CAUSE_BYTES)


def _is_over(taken_at: str, days: int, today: date) -> bool:
    return china_date(unstamp(taken_at)) + timedelta(days=days) <= today
