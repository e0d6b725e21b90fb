"""Which requests and answers are taken: what another record must say first is looked up before anything is journalled.

A request needs its officers on the register, and is never revived. An answer needs a request that was addressed to the
one who answers, and must be one that may follow (schemas/control_states.py). What was decided is confirmed in the
transaction that journals it, so two gateways cannot take two answers of which one rules out the other.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from typing import Final, TypeAlias

from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.clock import Clock, china_date, stamp, unstamp
from gateway.control.limits import Limits
from gateway.control.register import (
    Asked,
    Request,
    end_clocks,
    note_answer,
    note_cancel,
    note_request,
    note_withdrawn,
    read_asked,
    read_police,
    requests_of,
    start_clock,
)
from gateway.delivery.versions import Versions
from gateway.journal.append import Place
from gateway.journal.chunks import Chunk, Listing, Stated
from gateway.journal.heads import read_heads, unchanged_since
from gateway.journal.plan import Taken, fingerprint
from gateway.journal.versions import Head
from gateway.trust.keyring import Keyring
from schemas.canonical import JsonValue
from schemas.catalog import CONTROL_FEEDBACK, CONTROL_OFFICER, CONTROL_REQUEST, Feed
from schemas.control_states import ENDED, Reason, objection, read_answer
from schemas.reading import Rejected, Withdrawal
from schemas.record_id import record_id

Said: TypeAlias = Mapping[str, JsonValue]  # a record's values by slot

FEEDS: Final = frozenset({CONTROL_REQUEST.name, CONTROL_FEEDBACK.name})
AHEAD: Final = timedelta(minutes=5)  # how far the clock of the police may be before the gateway's

# Who or what is looked for: another one is another request.
TARGET: Final = (
    "to",
    "target",
    "subject.kind",
    "subject.name",
    "subject.identifiers[].scheme",
    "subject.identifiers[].value",
    "vehicle.plate",
    "vehicle.plate_kind",
    "vehicle.vin",
)
OBJECTIONS: Final[Mapping[Reason, str]] = {
    "answer-out-of-order": "this answer may not follow the one before",
    "already-answered": "this was answered before",
    "request-cancelled": "the court has cancelled the request; all that may be answered is that the control is lifted",
    "request-over": "the request is over; nothing more is answered to it",
    "request-expired": "the last day of the control is past; nothing new begins",
    "not-yet-expired": "the last day of the control is not past",
}


@dataclass(slots=True)
class Basis:
    """What a decision rests on: the requests as they stood, and the newest version of each officer."""

    asked: dict[Request, Asked | None] = field(default_factory=dict)
    officers: dict[str, int | None] = field(default_factory=dict)


class Admission:
    """Between reading and journalling, for the feeds of FEEDS."""

    def __init__(self, clock: Clock, keyring: Keyring, versions: Versions, limits: Limits) -> None:
        self._clock = clock
        self._keyring = keyring
        self._versions = versions
        self._limits = limits

    async def admit(
        self, connection: AsyncConnection, feed: Feed, provider: str, chunk: Chunk, heads: Mapping[str, Head]
    ) -> tuple[Chunk, Basis]:
        """The chunk with a refusal in the place of what may not be taken. A withdrawal is never refused (J5)."""
        if feed.name == CONTROL_REQUEST.name:
            return await self._requests(connection, feed, provider, chunk, heads)
        return await self._answers(connection, feed, provider, chunk, heads)

    async def confirm(self, connection: AsyncConnection, provider: str, basis: Basis) -> bool:
        """Whether all stands as it was when it was decided. Called once the journal's head is locked."""
        asked = await read_asked(connection, basis.asked)
        return {one: asked.get(one) for one in basis.asked} == basis.asked and await unchanged_since(
            connection, CONTROL_OFFICER.name, provider, basis.officers
        )

    async def note(
        self, connection: AsyncConnection, feed: Feed, provider: str, taken: list[Taken], place: Place
    ) -> None:
        """Enter in the register what stands in the journal from `place` on, and start and end its clocks."""
        for offset, one in enumerate(taken):
            draft = one.draft
            values = dict(zip(feed.slots, draft.values, strict=True))
            if feed.name == CONTROL_REQUEST.name:
                request = (provider, draft.record_id)
                if draft.status == "withdrawn":
                    await self._note_cancel(connection, request, place)
                else:
                    await self._note_request(connection, request, values, place)
            elif draft.status == "withdrawn":
                await note_withdrawn(connection, provider, draft.record_id)
            else:
                await self._note_answer(
                    connection, provider, draft.record_id, values, place, place.first_position + offset
                )

    async def _requests(
        self, connection: AsyncConnection, feed: Feed, court: str, chunk: Chunk, heads: Mapping[str, Head]
    ) -> tuple[Chunk, Basis]:
        requests = {item.record_id: _said(feed, item) for item in chunk.items if isinstance(item, Listing)}
        officers = {
            self._officer_id(court, certificate) for said in requests.values() for _, certificate in _officers(said)
        }
        registered = await read_heads(connection, CONTROL_OFFICER.name, court, officers)
        asked = await read_asked(connection, [(court, one) for one in requests])
        police = await read_police(connection, court)
        basis = Basis(
            {(court, one): asked.get((court, one)) for one in requests},
            {one: registered[one].position if one in registered else None for one in officers},
        )
        known = [head.position for head in (*registered.values(), *heads.values())]
        versions = await self._versions.read(connection, known)
        values = {position: version.values for position, version in versions.items()}

        def judge(item: Listing) -> Stated:
            said = requests[item.record_id]
            head = heads.get(item.record_id)
            state = found.state if (found := asked.get((court, item.record_id))) else None
            today = china_date(self._clock.now())
            if head is not None and head.status != "withdrawn" and self._is_same(feed, item, head):
                return item
            if head is not None and (head.status == "withdrawn" or (state is not None and state.cancelled)):
                return Rejected(
                    item.line, "request-cancelled", "the request was cancelled; ask anew under a new number", item.raw
                )
            if state is not None and state.over:
                return Rejected(item.line, "request-over", "the request is over; ask anew under a new number", item.raw)
            if str(said["valid_until"]) < today.isoformat():
                return Rejected(item.line, "request-expired", "the last day of the control is past", item.raw)
            if said["to"] not in police:
                return Rejected(
                    item.line, "unknown-police", "no agreement in force lets them see the court's requests", item.raw
                )
            if head is not None and not _is_same_target(said, values.get(head.position)):
                return Rejected(
                    item.line,
                    "another-target",
                    "who or what is looked for has changed; cancel it, ask under a new number",
                    item.raw,
                )
            for name, certificate in _officers(said):
                head = registered.get(self._officer_id(court, certificate))
                if head is None or not _is_registered(name, head, values.get(head.position), today):
                    return Rejected(
                        item.line,
                        "officer-unregistered",
                        "an officer is not registered under that certificate and name today",
                        item.raw,
                    )
            return item

        items = [judge(item) if isinstance(item, Listing) else item for item in chunk.items]
        return replace(chunk, items=items), basis

    async def _answers(
        self, connection: AsyncConnection, feed: Feed, police: str, chunk: Chunk, heads: Mapping[str, Head]
    ) -> tuple[Chunk, Basis]:
        answers = {item.line: _said(feed, item) for item in chunk.items if isinstance(item, Listing)}
        named = {_request(said) for said in answers.values()}
        taken_back = [
            one
            for item in chunk.items
            if isinstance(item, Withdrawal) and not item.superseded
            for one in item.record_ids
        ]
        answered = await requests_of(connection, police, taken_back)
        asked = await read_asked(connection, {*named, *answered.values()})
        basis = Basis({one: _copied(asked.get(one)) for one in (*named, *answered.values())})
        given: set[str] = set()
        items: list[Stated] = []
        for item in chunk.items:
            match item:
                case Listing():
                    items.append(self._judge(feed, item, answers[item.line], police, asked, heads, given))
                case Withdrawal():
                    for one in item.record_ids:
                        if one in answered and (stands := asked.get(answered[one])):
                            stands.answers.pop(one, None)
                    items.append(item)
                case _:
                    items.append(item)
        return replace(chunk, items=items), basis

    def _judge(
        self,
        feed: Feed,
        item: Listing,
        said: Said,
        police: str,
        asked: dict[Request, Asked],
        heads: Mapping[str, Head],
        given: set[str],
    ) -> Stated:
        """`asked` moves on with each answer that is taken."""
        head = heads.get(item.record_id)
        if item.record_id in given:
            return item  # the same answer twice in one batch is one answer
        if head is not None:
            if head.status != "withdrawn" and self._is_same(feed, item, head):
                return item
            return Rejected(
                item.line,
                "answer-amended",
                "an answer of this number was given before; give this one a new one",
                item.raw,
            )
        stands = asked.get(_request(said))
        if stands is None or stands.police != police:
            return Rejected(
                item.line, "unknown-request", "no such request was addressed to the one who answers", item.raw
            )
        try:
            at = unstamp(str(said["occurred_at"]))
        except ValueError:
            return Rejected(item.line, "wrong-value", "occurred_at is no time", item.raw)
        if at > self._clock.now() + AHEAD:
            return Rejected(item.line, "occurred-later", "it is said to have happened in the future", item.raw)
        answer = read_answer(said["answer"])
        if reason := objection(stands.state, answer, china_date(at)):
            return Rejected(item.line, reason, OBJECTIONS[reason], item.raw)
        stands.answers[item.record_id] = answer
        given.add(item.record_id)
        return item

    async def _note_request(self, connection: AsyncConnection, request: Request, values: Said, place: Place) -> None:
        police, until = str(values["to"]), date.fromisoformat(str(values["valid_until"]))
        if await note_request(connection, request, police, until):
            due = stamp(unstamp(place.appended_at) + self._limits.acknowledge)
            await start_clock(connection, request, police, "acknowledge", due)
        await start_clock(connection, request, police, "expire", stamp(self._limits.expired_by(until)))

    async def _note_cancel(self, connection: AsyncConnection, request: Request, place: Place) -> None:
        asked = (await read_asked(connection, [request])).get(request)
        if asked is None or not await note_cancel(connection, request, place.appended_at):
            return
        await end_clocks(connection, request, ("acknowledge", "expire"), place.appended_at)
        due = stamp(unstamp(place.appended_at) + self._limits.cancel)
        await start_clock(connection, request, asked.police, "cancel", due)
        if asked.state.over:  # nothing is owed, unless the answer that ended it is taken back
            await end_clocks(connection, request, ("cancel",), place.appended_at)

    async def _note_answer(
        self,
        connection: AsyncConnection,
        police: str,
        answer: str,
        values: Said,
        place: Place,
        position: int,
    ) -> None:
        request = _request(values)
        said = read_answer(values["answer"])
        await note_answer(connection, police, answer, request, said, position)
        await end_clocks(connection, request, ("acknowledge",), place.appended_at)
        if said in ENDED:
            await end_clocks(connection, request, ("expire", "cancel"), place.appended_at)
        due = stamp(unstamp(str(values["occurred_at"])) + self._limits.sighting)
        if said == "sighted" and due < place.appended_at:  # it came too late already
            await start_clock(connection, request, police, "sighting", due, answer)

    def _is_same(self, feed: Feed, item: Listing, head: Head) -> bool:
        return fingerprint(self._keyring, feed, item.values()) == head.content_mac

    def _officer_id(self, court: str, certificate: str) -> str:
        return record_id(self._keyring.record_key(court), CONTROL_OFFICER.name, certificate)


def _said(feed: Feed, item: Listing) -> Said:
    return dict(zip(feed.slots, item.values(), strict=True))


def _officers(said: Said) -> list[tuple[str, str]]:
    """(name, certificate) of each officer in charge of a request."""
    names, certificates = said["officers[].name"], said["officers[].certificate"]
    if not isinstance(names, list) or not isinstance(certificates, list):
        raise TypeError("a request's officers are lists of one length")
    return list(zip(names, certificates, strict=True))


def _request(said: Said) -> Request:
    """Whose request an answer names, and which."""
    return str(said["request.from_party"]), str(said["request.record_id"])


def _copied(asked: Asked | None) -> Asked | None:
    return None if asked is None else Asked(asked.police, asked.valid_until, asked.cancelled, dict(asked.answers))


def _is_registered(name: str, head: Head, values: tuple[JsonValue, ...] | None, today: date) -> bool:
    if head.status == "withdrawn" or values is None:
        return False
    said = dict(zip(CONTROL_OFFICER.slots, values, strict=True))
    return said["name"] == name and str(said["valid_from"]) <= today.isoformat() <= str(said["valid_until"])


def _is_same_target(said: Said, before: tuple[JsonValue, ...] | None) -> bool:
    if before is None:
        return False
    old = dict(zip(CONTROL_REQUEST.slots, before, strict=True))
    return all(old[slot] == said[slot] for slot in TARGET)
