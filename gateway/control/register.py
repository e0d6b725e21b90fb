"""How each control request stands, as the journal's tables have it: whose it is, what was answered, what is owed.

Written in the transaction that journals a request or an answer, so that journal and register cannot disagree. It holds
ids, words of the state machine and times; nothing personal.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from sqlalchemy import ColumnElement, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.lifecycle import IN_FORCE
from gateway.journal.tables import contract, control_answer, control_clock, control_request
from schemas.catalog import CONTROL_REQUEST
from schemas.control_states import Answer, State

Owed = Literal["acknowledge", "sighting", "cancel", "expire"]
Request = tuple[str, str]  # the court that asks, and the request's record id

_OPEN: Final = control_clock.c.ended_at.is_(None)


@dataclass(slots=True)
class Asked:
    """A request: which police it asks, until which day, and the answers that stand, by record id, oldest first."""

    police: str
    valid_until: date
    cancelled: bool
    answers: dict[str, Answer] = field(default_factory=dict)

    @property
    def state(self) -> State:
        return State(next(reversed(self.answers.values()), None), self.cancelled, self.valid_until)


async def read_police(connection: AsyncConnection, court: str) -> frozenset[str]:
    """Whom the court may ask: under its contracts in force on requests, whoever is their subscriber."""
    query = select(contract.c.subscriber).where(
        contract.c.feed == CONTROL_REQUEST.name, contract.c.provider == court, contract.c.state.in_(IN_FORCE)
    )
    return frozenset((await connection.execute(query)).scalars())


async def read_asked(connection: AsyncConnection, requests: Iterable[Request]) -> dict[Request, Asked]:
    """Those of the requests that are known."""
    found: dict[Request, Asked] = {}
    for court, request in sorted(set(requests)):
        table = control_request
        row = (
            await connection.execute(select(table).where(table.c.court == court, table.c.request == request))
        ).first()
        if row is None:
            continue
        answers = await connection.execute(
            select(control_answer.c.answer, control_answer.c.said)
            .where(control_answer.c.court == court, control_answer.c.request == request, ~control_answer.c.withdrawn)
            .order_by(control_answer.c.position)
        )
        found[court, request] = Asked(
            row.police,
            date.fromisoformat(row.valid_until),
            row.cancelled_at is not None,
            {one.answer: one.said for one in answers},
        )
    return found


async def requests_of(connection: AsyncConnection, police: str, answers: Iterable[str]) -> dict[str, Request]:
    """Which request each of these answers was given to."""
    found: dict[str, Request] = {}
    for answer in sorted(set(answers)):
        table = control_answer
        row = (
            await connection.execute(select(table).where(table.c.police == police, table.c.answer == answer))
        ).first()
        if row is not None:
            found[answer] = (row.court, row.request)
    return found


async def note_request(connection: AsyncConnection, request: Request, police: str, until: date) -> bool:
    """A request was made, or its last day changed; True where it is new."""
    court, record_id = request
    table = control_request
    changed = await connection.execute(
        update(table).where(table.c.court == court, table.c.request == record_id).values(valid_until=until.isoformat())
    )
    if changed.rowcount:
        return False
    await connection.execute(
        insert(table).values(court=court, request=record_id, police=police, valid_until=until.isoformat())
    )
    return True


async def note_cancel(connection: AsyncConnection, request: Request, at: str) -> bool:
    """The court took it back; False where it had done so before, or where there is none."""
    table = control_request
    done = await connection.execute(
        update(table)
        .where(table.c.court == request[0], table.c.request == request[1], table.c.cancelled_at.is_(None))
        .values(cancelled_at=at)
    )
    return bool(done.rowcount)


async def note_answer(
    connection: AsyncConnection, police: str, answer: str, request: Request, said: str, position: int
) -> None:
    await connection.execute(
        insert(control_answer).values(
            police=police,
            answer=answer,
            court=request[0],
            request=request[1],
            said=said,
            position=position,
            withdrawn=False,
        )
    )


async def note_withdrawn(connection: AsyncConnection, police: str, answer: str) -> None:
    """The police take an answer back: the request stands as it did before it, and so do its clocks."""
    table = control_answer
    taken_back = await connection.execute(
        update(table)
        .where(table.c.police == police, table.c.answer == answer)
        .values(withdrawn=True)
        .returning(table.c.court, table.c.request)
    )
    for row in taken_back.all():
        request = (row.court, row.request)
        asked = (await read_asked(connection, [request]))[request]
        if asked.state.over:
            continue
        owed: tuple[Owed, ...] = ("cancel",) if asked.cancelled else ("expire",)
        if not asked.answers and not asked.cancelled:
            owed = ("acknowledge", *owed)
        await reopen_clocks(connection, request, owed)


async def start_clock(
    connection: AsyncConnection, request: Request, police: str, owed: Owed, due_at: str, answer: str = ""
) -> None:
    """Something is owed by then. A clock that runs already is set anew: where it was missed, it may be once more."""
    table = control_clock
    where = _clock(request, owed) & (table.c.answer == answer)
    stands = (await connection.execute(select(table.c.due_at).where(where))).scalar()
    if stands is not None:
        if stands != due_at:
            await connection.execute(update(table).where(where, _OPEN).values(due_at=due_at, missed_at=None))
        return
    await connection.execute(
        insert(table).values(
            court=request[0], request=request[1], police=police, owed=owed, answer=answer, due_at=due_at
        )
    )


async def end_clocks(connection: AsyncConnection, request: Request, owed: Iterable[Owed], at: str) -> None:
    """It was done, or is owed no more."""
    for one in owed:
        await connection.execute(update(control_clock).where(_clock(request, one), _OPEN).values(ended_at=at))


async def reopen_clocks(connection: AsyncConnection, request: Request, owed: Iterable[Owed]) -> None:
    """What ended them was taken back: they run to the day they ran to. One that was missed is not told of again."""
    for one in owed:
        await connection.execute(update(control_clock).where(_clock(request, one)).values(ended_at=None))


def _clock(request: Request, owed: Owed) -> ColumnElement[bool]:
    table = control_clock
    return (table.c.court == request[0]) & (table.c.request == request[1]) & (table.c.owed == owed)
