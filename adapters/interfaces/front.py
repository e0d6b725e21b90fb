"""A department's interface as a table of its: read page by page, twice, and believed where both readings agree.

    asked -> page after page onto disk -> the same once more -> alike? -> rows, in the order of their keys

Pages are cut from a list that goes on changing. What is deleted from a page that was read moves every record behind it
one place forward, and one of them between two pages, unseen; the total may be the same all the while. A second reading
that brings other records shows it.
"""

import hashlib
from collections.abc import AsyncGenerator, Callable, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Final

import orjson

from adapters.interfaces.call import Caller, Page, at_path
from adapters.interfaces.mapping import InterfaceMapping
from adapters.interfaces.mark import order, reached, read_mark, since
from adapters.interfaces.spool import Reading, Spool, Spooled
from schemas.canonical import JsonObject, JsonValue
from schemas.front import Brake, By, FrontAway, FrontFault, FrontRow

READINGS: Final = 6  # of the same, before it is given up for this time
KEPT: Final = timedelta(hours=1)  # how old a reading may be that goes on
MOST_RECORDS: Final = 10_000_000  # of a reading; an interface that has no end ends here
MOST_PAGES: Final = 100_000
AT_ONCE: Final = 1000
ALL: Final = "all"
UNKEYED: Final = '["?",'  # how the keys of records begin that have none


class InterfaceFront:
    """`file` keeps what is read until it is sent; `token` is the secret of the digests, `now` this machine's clock."""

    def __init__(self, mapping: InterfaceMapping, token: str, file: Path, now: Callable[[], datetime]) -> None:
        """Raises FrontFault, FrontAway."""
        self._mapping, self._now = mapping, now
        self._caller = Caller(mapping, token, now)
        self._spool = Spool(file)
        self._number = 0  # of the reading that is believed

    @property
    def feed(self) -> str:
        return self._mapping.feed

    @property
    def by(self) -> By:
        return self._mapping.changes.by

    @property
    def brake(self) -> Brake:
        return Brake(self._mapping.brake.percent, self._mapping.brake.rows)

    @property
    def gone_reason(self) -> str | None:
        return self._mapping.deletions.gone

    async def close(self) -> None:
        self._spool.close()
        await self._caller.close()

    async def all(self) -> AsyncGenerator[list[FrontRow], None]:
        reading = await self._read(ALL)
        if not reading.rows and not self._mapping.answer.may_be_empty:
            raise FrontFault("the interface has no record at all; where that may be, say answer.may_be_empty = true")
        for page in self._spool.pages(reading.number, AT_ONCE):
            yield [_front_row(row) for row in page]

    async def fresh(self, position: str | None) -> AsyncGenerator[tuple[list[FrontRow], str | None], None]:
        behind = since(position, self._mapping.changes)
        reading = await self._read(ALL if behind is None else f"since {behind}")
        at = reached(reading.mark, self._now()) or position
        for page in self._spool.pages(reading.number, AT_ONCE):
            yield [_front_row(row) for row in page], at

    async def rows(self, keys: Sequence[str]) -> list[FrontRow]:
        found = self._spool.rows(self._number, keys)
        return [_front_row(found[key]) for key in keys if key in found]

    async def mark(self, verdicts: Sequence[tuple[FrontRow, str | None]]) -> None:
        """An interface is only read."""

    async def sent(self) -> None:
        self._spool.clear()

    async def _read(self, asked: str) -> Reading:
        """A reading that a second one has confirmed."""
        reading = self._resumed(asked)
        for _ in range(READINGS):
            while not reading.done:
                reading = await self._turn(reading)
            if reading.number and not reading.uneven and self._spool.same(reading.number - 1, reading.number):
                self._number = reading.number
                return reading
            reading = self._begin(asked, reading.number + 1)
        self._spool.clear()
        raise FrontAway("its pages shift while they are read, or two records have one key", "shifting")

    def _resumed(self, asked: str) -> Reading:
        found = self._spool.reading()
        if found is None or found.done or found.asked != asked:
            return self._begin(asked, 0)
        return found if self._now() - datetime.fromisoformat(found.began) < KEPT else self._begin(asked, 0)

    def _begin(self, asked: str, number: int) -> Reading:
        pages = self._mapping.pages
        place = {"number": str(pages.first), "offset": "0", "cursor": ""}[pages.by]
        reading = Reading(number, asked, self._now().isoformat(), place)
        self._spool.drop(reading)
        return reading

    async def _turn(self, reading: Reading) -> Reading:
        """One page further. Raises FrontAway (`short`) where records are wanting; the page is then asked for again."""
        page = await self._ask(reading)
        following, done = await self._following(reading, page)
        columns, changes = self._mapping.columns, self._mapping.changes
        seen, marks, unread = set(reading.seen), [reading.mark] if reading.mark else [], reading.unread
        for row in page.rows:
            seen |= {member for member, path in columns.items() if _has(row, path)}
            said = at_path(row, changes.path) if changes.path else None
            if mark := read_mark(said, changes):
                marks.append(mark)
            unread = unread or (mark is None and said not in (None, ""))
        came = replace(
            reading,
            place=following,
            pages=reading.pages + 1,
            rows=reading.rows + len(page.rows),
            total=page.total,
            uneven=reading.uneven or (reading.rows > 0 and page.total != reading.total),
            seen=tuple(sorted(seen)),
            mark=max(marks, key=order, default=None),
            unread=unread,
            done=done,
        )
        if done and came.rows and came.asked == ALL and (missing := self._vanished(came.seen)):
            self._spool.clear()
            raise FrontFault(f"no record has {', '.join(missing)}")
        if done and changes.path and came.mark is None and (unread or (came.rows and came.asked == ALL)):
            self._spool.clear()
            raise FrontFault(f"no record has a {changes.kind} that can be read at {changes.path}")
        spooled = [spooled_row(self._mapping, row) for row in page.rows]
        keyed = [row for row in spooled if not row.key.startswith(UNKEYED)]
        return self._spool.keep(came, keyed, [row for row in spooled if row.key.startswith(UNKEYED)])

    async def _ask(self, reading: Reading) -> Page:
        mapping, pages = self._mapping, self._mapping.pages
        said = {} if pages.by == "cursor" and not reading.place else {pages.parameter: reading.place}
        if pages.size_parameter:
            said[pages.size_parameter] = str(pages.size)
        if mapping.changes.parameter and reading.asked != ALL:
            said[mapping.changes.parameter] = reading.asked.removeprefix("since ")
        return await self._caller.page(said)

    async def _following(self, reading: Reading, page: Page) -> tuple[str, bool]:
        """Where the next page begins, and whether there is none."""
        pages, rows = self._mapping.pages, reading.rows + len(page.rows)
        goes_on = page.next is not None if pages.by == "cursor" else page.total is None and bool(page.rows)
        circle = goes_on and (page.next == reading.place or (bool(page.rows) and not self._brings(reading, page.rows)))
        if circle or rows > MOST_RECORDS or reading.pages >= MOST_PAGES:
            self._spool.clear()
            raise FrontAway("its pages have no end, or come twice", "error")
        if pages.by == "cursor":
            if page.next is None and page.total is not None and rows < page.total:
                raise FrontAway(f"it ends behind {rows} records of {page.total}", "short")
            return page.next or "", page.next is None
        following = str(int(reading.place) + (1 if pages.by == "number" else len(page.rows)))
        if page.total is not None:
            if rows < page.total:
                if not page.rows:
                    raise FrontAway(f"an empty page behind {rows} records of {page.total}", "short")
                return following, False
            if await self._more(replace(reading, place=following), page.rows):
                raise FrontAway(f"records behind the {page.total} of its total; is that a count of all", "short")
            return following, True
        if page.rows:
            return following, False
        behind = str(int(reading.place) + (1 if pages.by == "number" else pages.size))
        if (await self._ask(replace(reading, place=behind))).rows:
            raise FrontAway(f"an empty page behind {rows} records, and records behind it", "short")
        return following, True

    async def _more(self, behind: Reading, last: Sequence[JsonValue]) -> bool:
        """Whether records stand behind the total. Some answer there with no list, others with their last page again."""
        try:
            page = await self._ask(behind)
        except FrontFault:
            return False
        return self._brings(behind, page.rows, last)

    def _brings(self, reading: Reading, rows: Sequence[JsonValue], last: Sequence[JsonValue] = ()) -> bool:
        """Whether any of these is a record that neither this reading has nor its last page, which is not kept yet."""
        keys, known = ({spooled_row(self._mapping, row).key for row in some} for some in (rows, last))
        return not known | self._spool.rows(reading.number, list(keys)).keys() >= keys

    def _vanished(self, seen: Sequence[str]) -> list[str]:
        wanted = self._mapping.columns.keys() - set(self._mapping.optional)
        return [self._mapping.columns[member] for member in sorted(wanted.difference(seen))]


def spooled_row(mapping: InterfaceMapping, row: JsonValue) -> Spooled:
    """A record that cannot be told from others goes to the gateway as it is, which says what it lacks."""
    key = [at_path(row, path) for path in mapping.key]
    try:
        if not isinstance(row, dict) or not all(type(part) in {int, str} for part in key):
            whole = orjson.dumps(row, option=orjson.OPT_SORT_KEYS)
            unkeyed: JsonObject = row if isinstance(row, dict) else {"value": row}
            return _spooled(["?", hashlib.sha256(whole).hexdigest()], unkeyed, {}, deleted=False)
        return _keyed(mapping, key, row)
    except orjson.JSONEncodeError:
        return _spooled(["?", "deep"], {"value": "nested too deep to be a record"}, {}, deleted=False)


def _keyed(mapping: InterfaceMapping, key: Sequence[JsonValue], row: JsonObject) -> Spooled:
    named: JsonObject = {member: at_path(row, path) for member, path in mapping.named.items()}
    deletions = mapping.deletions
    deleted = deletions.column is not None and _word(at_path(row, deletions.column)) in deletions.values
    line = {member: at_path(row, path) for member, path in mapping.columns.items() if _has(row, path)} or row
    if deleted:
        why = None if deletions.reason is None else at_path(row, deletions.reason)
        line = {**named, "status": "withdrawn", **({"status_reason": str(why)} if why else {})}
    return _spooled(key, line, named, deleted=deleted)


def _spooled(key: Sequence[JsonValue], line: JsonObject, named: JsonObject, *, deleted: bool) -> Spooled:
    body: JsonObject = {"line": line, "named": named, "deleted": deleted}
    digest = hashlib.sha256(orjson.dumps(body, option=orjson.OPT_SORT_KEYS)).digest()[:16]
    return Spooled(orjson.dumps(key).decode(), digest, orjson.dumps(body).decode())


def _front_row(row: Spooled) -> FrontRow:
    body = orjson.loads(row.body)
    return FrontRow(row.key, body["line"], body["named"], body["deleted"], {})


def _has(value: JsonValue, path: str) -> bool:
    *parents, last = path.split(".")
    holder = at_path(value, ".".join(parents)) if parents else value
    return isinstance(holder, dict) and last in holder


def _word(value: JsonValue) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
