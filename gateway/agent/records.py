"""The live records of a contract in the index, and the tombstones of those that are gone (rule D4).

A record keeps what matching and reasons need, and the event it came by. A tombstone keeps the cause alone: what was
deleted is no longer a ground for anything (鹤壁中院 guide, 2024), so nothing of it stays.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

import orjson

from gateway.agent.applicant import Keyed
from gateway.agent.event import EventRef
from gateway.agent.index import Change, View
from gateway.agent.listed import Listed, listed_in
from gateway.agent.match import Applicant, birth_shown
from schemas.canonical import JsonObject
from schemas.identifiers import Identifier


@dataclass(frozen=True)
class Live:
    """`record` nested as delivered. `revision` tells its versions apart: the same one may be shown again."""

    record_id: str
    ref: EventRef
    record: JsonObject
    revision: int = 0

    @cached_property
    def listed(self) -> tuple[Listed, ...]:
        """Whom it is about."""
        return listed_in(self.record)

    @property
    def identifiers(self) -> tuple[Identifier, ...]:
        """Those of all whom it is about."""
        return tuple(identifier for listed in self.listed for identifier in listed.identifiers)


def read_live(view: View, keyed: Keyed, record_id: str) -> Live | None:
    """The record where it is live; None for a tombstone and for what never came."""
    found = view.value("records", keyed.record(record_id))
    return None if found is None else parse_live(record_id, found)


def parse_live(record_id: str, value: bytes) -> Live | None:
    """The record as it stands in the index; None for a tombstone."""
    document = orjson.loads(value)
    if "ref" not in document:
        return None
    return Live(record_id, EventRef(**document["ref"]), document["record"], document.get("revision", 0))


def cause_of(view: View, keyed: Keyed, record_id: str) -> int:
    """The greatest cause applied to a record, tombstones included; 0 where none was."""
    found = view.value("records", keyed.record(record_id))
    if found is None:
        return 0
    document = orjson.loads(found)
    return int(document["ref"]["cause"] if "ref" in document else document["gone"])


def put_live(change: Change, keyed: Keyed, live: Live) -> None:
    """In the place of whatever stood there."""
    _unkey(change, keyed, live.record_id)
    document = {"ref": live.ref, "revision": live.revision, "record": live.record}
    change.put("records", keyed.record(live.record_id), orjson.dumps(document))
    for key in _keys(keyed, live.listed):
        change.put(*key, live.record_id.encode())


def put_tombstone(change: Change, keyed: Keyed, record_id: str, cause: int) -> None:
    _unkey(change, keyed, record_id)
    change.put_document("records", keyed.record(record_id), {"gone": cause})


def by_identifiers(view: View, keyed: Keyed, identifiers: Iterable[Identifier]) -> set[str]:
    """Ids of live records that have one of these identifiers, or its organisation code."""
    return {
        one.decode() for identifier in identifiers for one in view.values("identifiers", keyed.identifier(identifier))
    }


def by_likeness(view: View, keyed: Keyed, applicant: Applicant) -> set[str]:
    """Ids of live records of that name that a mask or the birth date may tell (rule M2). A name alone finds nobody."""
    if not applicant.name:
        return set()
    found = view.values("names", keyed.name(applicant.name))
    if applicant.born_on is not None:
        found += view.values("births", keyed.birth(applicant.name, f"{applicant.born_on:%Y%m%d}"))
    return {one.decode() for one in found}


def live_records(view: View, keyed: Keyed) -> Iterable[Live]:
    """All live records of the contract, by record id."""
    for key, value in view.items("records", keyed.prefix):
        live = parse_live(key[len(keyed.prefix) :].decode(), value)
        if live is not None:
            yield live


def gone_records(view: View, keyed: Keyed) -> Iterable[str]:
    """The ids of all that was withdrawn or dropped."""
    for key, value in view.items("records", keyed.prefix):
        if "ref" not in orjson.loads(value):
            yield key[len(keyed.prefix) :].decode()


def is_gone(view: View, keyed: Keyed, record_id: str) -> bool:
    """Whether it was there, and was withdrawn or dropped."""
    found = view.value("records", keyed.record(record_id))
    return found is not None and parse_live(record_id, found) is None


def _unkey(change: Change, keyed: Keyed, record_id: str) -> None:
    before = read_live(change, keyed, record_id)
    if before is not None:
        for db, key in _keys(keyed, before.listed):
            change.delete(db, key, record_id.encode())


def _keys(keyed: Keyed, subjects: Iterable[Listed]) -> Iterable[tuple[str, bytes]]:
    """Responsible persons have no key: they are not listed by the unit's record (rule M5)."""
    for listed in subjects:
        for identifier in listed.identifiers:
            if not identifier.masked and identifier.check != "fail":
                yield "identifiers", keyed.identifier(identifier)
        if listed.name:
            if any(identifier.masked for identifier in listed.identifiers):
                yield "names", keyed.name(listed.name)
            for born_on in filter(None, map(birth_shown, listed.identifiers)):
                yield "births", keyed.birth(listed.name, born_on)
