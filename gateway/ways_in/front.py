"""A front-end table (前置库): what is new, changed or gone in it is pushed, each row's change once.

    survey: every candidate row against what was sent before -> counts -> the mass-change brake
    send:   the rows that differ, a batch at a time -> written down here -> the table's states are written back

A batch's idempotency key is made of its bytes and of a number, both written down before it is sent. A run killed before
it heard of the batch sends it again under the same key; where the table has moved on meanwhile it is another batch, in
which intake finds what is unchanged.
"""

import hashlib
from collections import Counter
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field

import orjson
import structlog

from gateway.client import GatewayProblem
from gateway.content import NDJSON
from gateway.errors import Refused, Unavailable
from gateway.provider import Pusher
from gateway.ways_in.known import Known, KnownRow
from schemas.canonical import JsonObject
from schemas.case_number import normalise_case_number
from schemas.catalog import HISTORIES
from schemas.front import Front, FrontAway, FrontFault, FrontRow
from schemas.names import normalise_name
from schemas.text import bare
from schemas.withdrawal_reasons import CORRECTED

log = structlog.get_logger(__name__)

ROWS_AT_ONCE = 500  # in one request


@dataclass(slots=True)
class Survey:
    """How the rows differ from what was sent, by number. `known`: rows whose records stand at the gateway."""

    known: int = 0
    new: int = 0
    changed: int = 0
    gone: int = 0


@dataclass(slots=True)
class FrontTable:
    """One table on its way to one feed."""

    front: Front
    known: Known
    client: Pusher
    counts: Counter[str] = field(default_factory=Counter)
    _looked: bool = False

    @property
    def _is_history(self) -> bool:
        """Whether a statement stays true when the next one is made: then only the table's own word takes it back."""
        return self.front.feed in HISTORIES

    async def look(self, *, refresh: bool = False, allow: int = 0) -> Survey:
        """Send what has changed since the last look; with `refresh`, by comparing the whole table.

        `allow` is how many rows a person has said may change at once. Raises Refused (`mass-change`) where more would,
        and has then sent nothing; Refused (`front-changed`) where table and mapping do not fit; Unavailable
        (`front-away`); and what the gateway answers where no row is to blame.
        """
        whole = refresh or self.front.by == "refresh"
        try:
            with self.known.transaction():
                self.known.none_waits()
                run = self.known.number("run") + whole
                self.known.put("run", str(run))
            found, position = await self._survey(run, whole=whole)
            self._brake(found, allow)
            await self._send_waiting(run)
            if whole:
                await self._send_gone(run)
            await self._send_unsaid(again=whole or not self._looked)
            self._looked = True
            with self.known.transaction():
                self.known.put("loaded", "1")
                if position is not None:
                    self.known.put("position", position)
            await self.front.sent()
        except FrontFault as fault:
            raise Refused("front-changed", f"{fault}; nothing more is sent.") from None
        except FrontAway as away:
            raise _named(away) from None
        return found

    async def _survey(self, run: int, *, whole: bool) -> tuple[Survey, str | None]:
        """Compare page by page; the keys of what is to be sent wait in the file, so that memory stays as it is."""
        position = self.known.get("position")
        found = Survey(known=self.known.count_listed())
        async with aclosing(self._pages(position, whole=whole)) as pages:
            async for rows, reached in pages:
                position = reached
                self._compare(rows, run, found, whole=whole)
        if whole and not self._is_history:
            found.gone += self.known.count_gone(run)
        return found, position

    async def _pages(
        self, position: str | None, *, whole: bool
    ) -> AsyncGenerator[tuple[list[FrontRow], str | None], None]:
        if not whole:
            async with aclosing(self.front.fresh(position)) as fresh:
                async for page in fresh:
                    yield page
            return
        async with aclosing(self.front.all()) as everything:
            async for rows in everything:
                yield rows, position

    def _compare(self, rows: Sequence[FrontRow], run: int, found: Survey, *, whole: bool) -> None:
        before = self.known.rows([row.key for row in rows])
        if whole and (len({row.key for row in rows}) < len(rows) or any(one.seen == run for one in before.values())):
            raise FrontFault("two rows have one key")
        waiting = []
        for row in rows:
            known = before.get(row.key)
            if known is not None and known.digest == row_digest(row):
                if self.front.by == "state" and not whole:  # written again as it was: it has its answer already
                    waiting.append(row.key)
                continue
            waiting.append(row.key)
            if row.deleted:
                found.gone += known is not None and known.listed
            elif known is None:
                found.new += 1
            else:
                found.changed += 1
        with self.known.transaction():
            self.known.wait(waiting)
            if whole:
                self.known.saw((one.id for one in before.values()), run)

    def _brake(self, found: Survey, allow: int) -> None:
        """A table that was emptied, or lost a column's content, looks like this. The first load of all is none."""
        limit = max(self.front.brake.limit(found.known), allow)
        most = max(found.gone, found.changed, found.new)
        if self.known.get("loaded") and most > limit:
            log.error("alarm", code="mass-change", feed=self.front.feed, counts=_counts(found))
            raise Refused(
                "mass-change",
                f"Of {found.known} rows {found.gone} are gone and {found.changed} changed, {found.new} are new; "
                f"more than {limit} at once are not sent unasked. Where that is right: --allow {most}",
            )

    async def _send_waiting(self, run: int) -> None:
        while keys := self.known.waiting(ROWS_AT_ONCE):
            rows = await self.front.rows(keys)
            before = self.known.rows(keys)
            new = [row for row in rows if row.key not in before or before[row.key].digest != row_digest(row)]
            refused = await self._push([row.line for row in new])
            codes = {row.key: refused.get(place) for place, row in enumerate(new)}
            with self.known.transaction():
                for row in new:
                    self._keep(row, before.get(row.key), codes[row.key], run)
                self.known.done(keys)
                self.known.put("attempt", "")  # heard of
            told = {row.key: one.refused for row in rows if (one := before.get(row.key))} | codes
            await self.front.mark([(row, told[row.key]) for row in rows])

    def _keep(self, row: FrontRow, before: KnownRow | None, code: str | None, run: int) -> None:
        """What is refused leaves the record that the row said before: that one is what a withdrawal has to name.

        A row whose case or name was put right says another record. The old one is withdrawn when every row is sent, for
        by then another may say it.
        """
        says = row_identity(row.named)
        if before is not None and before.identity != says:
            self.known.try_again(before.identity)
        corrects = row.deleted or not self._is_history
        if corrects and code is None and before is not None and before.listed and before.identity != says:
            self.known.unsay(before)
        if code is not None and before is not None and before.listed:
            named, identity, listed = before.named, before.identity, True
        else:
            named, identity, listed = orjson.dumps(row.named).decode(), says, code is None and not row.deleted
        self.known.keep(row.key, row_digest(row), identity, named, run, listed=listed, refused=code)

    async def _send_gone(self, run: int) -> None:
        behind = 0
        while rows := self.known.gone(run, behind, ROWS_AT_ONCE):
            behind = rows[-1].id
            alone = [row for row in rows if not self._is_history and not self.known.stands(row.identity, row.key, run)]
            answer = await self._push([_withdrawal(row.named, self.front.gone_reason) for row in alone])
            refused = {alone[place].key: code for place, code in answer.items()}
            with self.known.transaction():
                for row in rows:
                    if row.key in refused:
                        self.known.refuse(row.key, refused[row.key])
                self.known.forget(row.key for row in rows if row.key not in refused)
                self.known.put("attempt", "")  # heard of
                for row in rows:
                    self.known.try_again(row.identity)
        with self.known.transaction():
            self.known.forget_unlisted(run)

    async def _send_unsaid(self, *, again: bool) -> None:
        """What is refused is kept, and sent `again` by a refresh and by the first look of a run: the record stands."""
        behind = 0
        while left := self.known.unsaid(behind, ROWS_AT_ONCE, refused=again):
            behind = left[-1].id
            # Two rows may have said one record; twice in a batch neither withdrawal would be taken.
            alone = {one.identity: one for one in left if not self.known.stands(one.identity)}
            answer = await self._push([_withdrawal(one.named, CORRECTED) for one in alone.values()])
            codes = dict(zip(alone, map(answer.get, range(len(alone))), strict=True))
            with self.known.transaction():
                self.known.withdrawn(one.id for one in left if codes.get(one.identity) is None)
                self.known.put("attempt", "")  # heard of
                for one in left:
                    if code := codes.get(one.identity):
                        self.known.not_withdrawn(one.id, code)
                        if one.refused is None:
                            log.error("alarm", code=code, feed=self.front.feed, kind="withdrawal-refused")

    async def _push(self, lines: Sequence[JsonObject]) -> dict[int, str]:
        """The codes of the lines that were refused, by place. A line too large for a request is refused alone."""
        if not lines:
            return {}
        body = b"\n".join(map(orjson.dumps, lines))
        try:
            answer = await self.client.push(self.front.feed, body, NDJSON, self._key(body))
        except GatewayProblem as problem:
            if problem.status != 413:
                raise
            if len(lines) == 1:
                if problem.code != "body-too-large":
                    raise  # a proxy's word is none about the row
                return {0: problem.code}
            half = len(lines) // 2
            first = await self._push(lines[:half])
            return first | {half + place: code for place, code in (await self._push(lines[half:])).items()}
        self.counts.update(answer.counts)
        log.info("rows-sent", feed=self.front.feed, records=len(lines), counts=answer.counts)
        return {line - 1: str(one.get("code")) for one in answer.quarantine if isinstance(line := one.get("line"), int)}

    def _key(self, body: bytes) -> str:
        """The same for a batch that may have been sent already, and for no other, though its bytes be the same."""
        digest = hashlib.sha256(body).hexdigest()
        if self.known.get("attempt") != digest:
            with self.known.transaction():
                self.known.put("attempt", digest)
                self.known.put("batch", str(self.known.number("batch") + 1))
        said = f"{self.known.get('id')} {self.known.number('batch')} {digest}"
        return "front-" + hashlib.sha256(said.encode()).hexdigest()[:40]


def _named(away: FrontAway) -> Unavailable:
    match away.kind:
        case "database":
            return Unavailable("front-away", f"The front-end database does not answer ({away}).")
        case "unreachable":
            return Unavailable("interface-away", f"The interface does not answer: {away}.")
        case "silent":
            return Unavailable("interface-silent", f"The interface was reached and says nothing: {away}.")
        case "refused":
            return Unavailable("interface-refused", f"The interface refuses: {away}.")
        case "error":
            return Unavailable("interface-error", f"The interface gives no records: {away}.")
        case "short":
            return Unavailable("interface-short", f"Records are wanting: {away}; the page is asked for again.")
        case "shifting":
            return Unavailable("interface-shifting", f"The interface cannot be read as it is at one moment: {away}.")
        case "clock":
            return Unavailable("clock-apart", f"Nothing is read while the clocks differ: {away}. Set the wrong one.")
        case "spool":
            return Unavailable("pages-unusable", f"Nowhere to keep the pages: {away}.")


def row_digest(row: FrontRow) -> bytes:
    """Equal where two rows say the same."""
    return hashlib.sha256(orjson.dumps(row.line, option=orjson.OPT_SORT_KEYS)).digest()[:16]


def row_identity(named: JsonObject) -> bytes:
    """Equal where the words differ in writing only, as record ids are."""
    spelled = [_spelled(member, "" if value is None else str(value)) for member, value in named.items()]
    return hashlib.sha256(orjson.dumps(spelled)).digest()[:16]


def _spelled(member: str, text: str) -> str | None:
    if member == "case_number":
        return normalise_case_number(text)
    return normalise_name(text) if member == "name" else bare(text)


def _withdrawal(named: str, reason: str | None) -> JsonObject:
    return {**orjson.loads(named), "status": "withdrawn", **({"status_reason": reason} if reason else {})}


def _counts(found: Survey) -> dict[str, int]:
    return {"known": found.known, "new": found.new, "changed": found.changed, "gone": found.gone}
