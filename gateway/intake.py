"""The one door in: read, compare with the journal, seal, append (rules J1-J5).

    bytes -> reading (adapters) -> chunks of at most 1,000 -> decide against the heads -> seal -> one transaction

All parsing and hashing is done before the transaction; the transaction claims its positions first (J2), and writes.
Where a head is another one than was decided against, the new version's revision stands there already, the index of
versions refuses it, and the chunk is decided anew.
"""

import hashlib
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import aclosing, nullcontext
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import Final, NamedTuple

import orjson
import structlog
from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection

from gateway.beside import SHORT, beside
from gateway.clock import Clock, china_date, stamp
from gateway.control.admission import FEEDS as CONTROLLED
from gateway.control.admission import Admission, Basis
from gateway.delivery.versions import Version
from gateway.errors import Conflict, NotFound, Unavailable
from gateway.journal import tables
from gateway.journal.append import Place, append_entries, append_leaf, claim, lock_head
from gateway.journal.chunks import Chunk, cut
from gateway.journal.engine import JournalEngine
from gateway.journal.heads import read_heads
from gateway.journal.plan import Plan, plan_chunk
from gateway.journal.source_keys import remember, resolved, still_named
from gateway.journal.statements import Statement, sign_statement
from gateway.precedence import Precedence, is_list, overtakes
from gateway.reading.asked import Asked, in_threads
from gateway.reading.reading import Reading
from gateway.sealing import Sealed, seal_plan
from gateway.steps import Steps
from gateway.trace import span
from gateway.trust.keyring import Keyring
from schemas.canonical import JsonObject
from schemas.catalog import Feed, UnknownFeed
from schemas.catalog import feed as find_feed
from schemas.reading import Item, Rejected

log = structlog.get_logger(__name__)

Along = Callable[[AsyncConnection], Awaitable[None]]

ATTEMPTS = 8  # how often a chunk is decided anew because another process moved a head in between
MOST_REFUSED_TOLD = 1000  # quarantined lines named in an answer; it is written again with each chunk
KEY_SHAPE = "[!-~]{8,100}"  # of an idempotency key
_REACHED: Final = select(tables.submission).where(
    tables.submission.c.provider == bindparam("provider"), tables.submission.c.key == bindparam("key")
)
_BEGIN: Final = insert(tables.submission)
COUNTS = ("listed", "amended", "unchanged", "withdrawn", "quarantined", "unmatched")


@dataclass(frozen=True)
class Submission:
    """What one provider sent under one idempotency key. `signature` is the request's, for the commitment of S5; `sent`
    is the body that it signed, where `body` is another spelling of it.
    """

    provider: str
    feed: str
    key: str
    body: bytes
    signature: bytes = b""
    relist: bool = False
    sent: bytes | None = None

    @cached_property
    def digest(self) -> bytes:
        """SHA-256 of what this key stands for; looked at with each batch, too."""
        digest = hashlib.sha256(b"%s\0%d\0" % (self.feed.encode(), self.relist))
        digest.update(self.body)
        return digest.digest()

    @cached_property
    def sent_digest(self) -> bytes:
        """SHA-256 of what was signed; taken once, for each of a hundred batches commits to it."""
        return hashlib.sha256(self.body if self.sent is None else self.sent).digest()


@dataclass(slots=True)
class Result:
    """The batch receipt: sealed headers, counts and the first quarantine ids, as the provider gets them."""

    batches: list[JsonObject] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=lambda: dict.fromkeys(COUNTS, 0))
    quarantine: list[JsonObject] = field(default_factory=list)

    def document(self) -> JsonObject:
        return {"batches": self.batches, "counts": self.counts, "quarantine": self.quarantine}


class Ready(NamedTuple):
    """A chunk that only waits for its transaction: what was decided, on what basis, and sealed."""

    plan: Plan
    basis: Basis | None
    sealed: Sealed | None


class HeadMoved(Exception):
    """What a source's key names, or what a control record hangs on, is not as it was when the chunk was decided."""


class Intake:
    """Takes submissions of any feed. `appended` is called after each batch that the journal has, with its versions and
    their wrapped secrets, `counted` with the feed and what became of the batch's records.
    """

    def __init__(
        self,
        engine: JournalEngine,
        clock: Clock,
        keyring: Keyring,
        reading: Reading,
        admission: Admission,
        *,
        precedence: Precedence,
        batch_records: int = 1000,
        appended: Callable[[Iterable[tuple[bytes, Version]]], None] = lambda _versions: None,
        counted: Callable[[str, Mapping[str, int]], None] = lambda _feed, _counts: None,
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._keyring = keyring
        self._reading = reading
        self._admission = admission
        self._precedence = precedence
        self._batch_records = batch_records
        self._appended = appended
        self._counted = counted

    async def submit(self, submission: Submission) -> Result:
        """Journal a whole submission, resuming where an earlier try under the same key stopped (J3).

        Raises NotFound for an unknown feed, Conflict where the key was used for another body, Unavailable where the
        journal cannot be written.
        """
        try:
            feed = find_feed(submission.feed)
            record_key = self._keyring.record_key(submission.provider)
            today = china_date(self._clock.now())
            asked = Asked(feed.name, submission.body, record_key, today, self._batch_records)
            return await self._journal(submission, feed, self._reading.chunks(asked))
        except UnknownFeed:
            raise NotFound(
                "unknown-feed", "No such feed is yours to push to; GET /v1/feeds lists those that are."
            ) from None

    async def submit_items(
        self, submission: Submission, feed: Feed, items: Iterator[Item], *, along: Along | None = None
    ) -> Result:
        """As `submit`, for items that were read already. What `along` does stands with the last batch, or neither."""
        return await self._journal(submission, feed, in_threads(cut(feed, items, self._batch_records)), along)

    async def _journal(
        self, submission: Submission, feed: Feed, chunks: AsyncGenerator[Chunk], along: Along | None = None
    ) -> Result:
        try:
            async with aclosing(chunks):
                async with self._engine.single() as connection:
                    done, result, finished = await _reached(connection, submission)
                steps, number = Steps(), 0
                before: set[str] = set()
                try:
                    while not finished:
                        with span("parse"):
                            chunk = await anext(chunks)
                        log.debug("step", step="parse", records=len(chunk.items))
                        if number >= done:
                            ids = chunk.record_ids()
                            if feed.name in CONTROLLED or chunk.said or not before.isdisjoint(ids):
                                await steps.done()  # what is decided of it hangs on what is journalled before it
                            before = ids
                            if is_list(feed, chunk.items):
                                await self._precedence.let_out(len(chunk.items))
                            ready = await self._prepare(submission, feed, chunk)
                            await steps.then(self._append_chunk(submission, feed, chunk, ready, number, result, along))
                        number += 1
                        finished = chunk.last
                    await steps.done()
                finally:
                    await steps.leave()
            log.debug("step", step="acknowledge")
        except OperationalError as error:
            raise Unavailable(
                "journal-unwritable", "The journal cannot be written now; nothing was accepted, send it again."
            ) from error
        return result

    async def _prepare(self, submission: Submission, feed: Feed, chunk: Chunk) -> Ready:
        """All that can be done before the transaction: decide against the heads as they stand now, and seal."""
        size = len(submission.body)
        with self._precedence.taken() if overtakes(feed, chunk.items) else nullcontext():
            with span("decide", feed=feed.name):
                async with self._engine.single() as connection:
                    known = await resolved(connection, feed.name, submission.provider, chunk)
                    heads = await read_heads(connection, feed.name, submission.provider, known.record_ids())
                    admitted, basis = known, None
                    if feed.name in CONTROLLED:
                        admitted, basis = await self._admission.admit(
                            connection, feed, submission.provider, known, heads
                        )
                decide = partial(plan_chunk, feed, self._keyring, admitted, heads, relist=submission.relist)
                plan = await beside(len(chunk.items), decide, size=size)
            with span("seal", records=len(plan.taken)):
                seal = partial(
                    seal_plan,
                    self._keyring,
                    submission.provider,
                    feed,
                    plan,
                    sent_digest=submission.sent_digest,
                    signature=submission.signature,
                )
                sealed = await beside(len(plan.taken), seal, size=size)
            log.debug("step", step="seal", records=len(plan.taken))
        return Ready(plan, basis, sealed)

    async def _append_chunk(
        self,
        submission: Submission,
        feed: Feed,
        chunk: Chunk,
        ready: Ready,
        number: int,
        result: Result,
        along: Along | None,
    ) -> None:
        """Where heads have moved since it was made ready, it is made ready anew."""
        urgent = overtakes(feed, chunk.items)
        with self._precedence.taken() if urgent else nullcontext():
            for _ in range(ATTEMPTS):
                taken, before = len(ready.plan.taken), result.counts
                if not urgent and taken > SHORT:
                    await self._precedence.give_way()
                try:
                    with span("append", records=taken):
                        place = await self._append(submission, feed, ready, number, result, along, last=chunk.last)
                except (HeadMoved, IntegrityError):
                    ready = await self._prepare(submission, feed, chunk)
                    continue
                log.debug("step", step="append", records=taken)
                self._appended([] if ready.sealed is None or place is None else ready.sealed.versions(place))
                self._counted(feed.name, {name: count - before[name] for name, count in result.counts.items()})
                return
        raise Unavailable("journal-busy", "The same records are being changed by others; send it again in a moment.")

    async def _append(
        self,
        submission: Submission,
        feed: Feed,
        ready: Ready,
        number: int,
        result: Result,
        along: Along | None,
        *,
        last: bool,
    ) -> Place | None:
        """One transaction: positions, leaf, entries, quarantine, alarms, and how far the submission got. Returns where
        the batch stands.
        """
        plan, basis, sealed = ready
        place = None
        at = stamp(self._clock.now())
        rejected = [_quarantine_row(self._keyring, submission, item, at) for item in plan.quarantined]
        new = _updated(result, plan, rejected)
        async with self._engine.begin() as connection:
            if sealed is not None:
                claimed = await claim(connection, len(plan.taken))
            elif plan.source_keys or plan.named:
                await lock_head(connection)
            if not await still_named(connection, feed.name, submission.provider, plan.named):
                raise HeadMoved
            if sealed is not None:
                if basis is not None and not await self._admission.confirm(connection, submission.provider, basis):
                    raise HeadMoved
                place = await append_leaf(
                    connection,
                    self._clock,
                    claimed,
                    "batch",
                    sealed.header.encode(),
                    count=len(plan.taken),
                    opening=sealed.opening,
                )
                await append_entries(connection, place, sealed.entries)
                if basis is not None:
                    await self._admission.note(connection, feed, submission.provider, plan.taken, place)
                new.batches.append(
                    {
                        "header": sealed.header,
                        "first_position": place.first_position,
                        "count": place.count,
                        "leaf": place.leaf,
                        "appended_at": place.appended_at,
                    }
                )
            if plan.unmatched:
                statement = Statement(
                    "withdrawal-without-record", {"provider": submission.provider, "count": plan.unmatched}
                )
                document = sign_statement(self._clock, self._keyring.signing, statement)
                await append_leaf(connection, self._clock, await claim(connection, 1), "statement", document)
                log.error("alarm", code="withdrawal-without-record", feed=feed.name, count=plan.unmatched)
            await remember(connection, feed.name, submission.provider, plan.source_keys, plan.new())
            if rejected:
                await connection.execute(insert(tables.quarantine), rejected)
            if along is not None and last:
                await along(connection)
            await self._advance(connection, submission, number, new, last=last)
        result.batches, result.counts, result.quarantine = new.batches, new.counts, new.quarantine
        return place

    async def _advance(
        self, connection: AsyncConnection, submission: Submission, number: int, result: Result, *, last: bool
    ) -> None:
        """Chunk `number` is done, says the transaction that journals it; the first one makes the submission's row."""
        table = tables.submission
        reached = {"batches": number + 1, "result": orjson.dumps(result.document()), "finished": last}
        done, _, _ = await _reached(connection, submission)
        if number == done == 0:
            began = {"digest": submission.digest, "started_at": stamp(self._clock.now())}
            this = {"provider": submission.provider, "key": submission.key}
            await connection.execute(_BEGIN, this | began | reached)
            return
        moved = await connection.execute(
            update(table)
            .where(table.c.provider == submission.provider, table.c.key == submission.key, table.c.batches == number)
            .values(reached)
        )
        if moved.rowcount != 1:
            raise Conflict(
                "submission-in-progress", "The same submission is being journalled; ask again for its result."
            )


async def _reached(connection: AsyncConnection, submission: Submission) -> tuple[int, Result, bool]:
    """How far this key got: (chunks done, result so far, finished). Raises Conflict where it was for another body."""
    row = (await connection.execute(_REACHED, {"provider": submission.provider, "key": submission.key})).first()
    if row is None:
        return 0, Result(), False
    if row.digest != submission.digest:
        raise Conflict(
            "idempotency-key-reused",
            "This Idempotency-Key was used for another body; use a new key for a new body.",
        )
    stored = orjson.loads(row.result)
    return row.batches, Result(stored["batches"], stored["counts"], stored["quarantine"]), row.finished


def _quarantine_row(keyring: Keyring, submission: Submission, item: Rejected, at: str) -> dict[str, object]:
    return {
        "id": secrets.token_hex(16),
        "provider": submission.provider,
        "feed": submission.feed,
        "submission": submission.key,
        "line": item.line,
        "code": item.code,
        "reason": item.reason,
        "raw": keyring.vault.wrap(item.raw),
        "at": at,
    }


def _updated(result: Result, plan: Plan, rejected: Sequence[dict[str, object]]) -> Result:
    counts = dict(result.counts)
    for name, count in plan.counts.items():
        counts[name] += count
    counts["quarantined"] += len(rejected)
    refused: list[JsonObject] = [
        {"id": str(row["id"]), "line": int(str(row["line"])), "code": str(row["code"]), "reason": str(row["reason"])}
        for row in rejected
    ]
    return Result(list(result.batches), counts, [*result.quarantine, *refused][:MOST_REFUSED_TOLD])
