"""What a gateway relies on, whatever the format behind it: one suite for every adapter.

    def test_arrears_conform() -> None:
        feed_conforms("public-arrears", SAMPLE.splitlines(), ["某公司", "91410800MA3X12345U"])

It needs no test runner. Where a rule does not hold it raises AssertionError: the rule's name, and a sentence that
repeats no value of a record. The rules, in the order in which they are tried:

    totals    every input record is one item: accepted, a withdrawal, or rejected; nothing is raised
    form      an accepted record is of its feed and reads as its model; the others say what they must
    order     the items stand in the order of the records, and each says what its record says alone
    restart   read from any record on, the rest is the same; a reading that stops, or runs beside another, changes none
    once      the same input twice is the same records; a day, the order of keys or another provider's key: see `_once`
    poison    a record that cannot be read costs itself alone
    silence   no value of a record stands in a reason, an error, a log, or what is printed

For front-end tables the same names say what they can mean there; so they do in `adapters.conformance_register`.
"""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import orjson

from adapters.feeds import read as read_feeds
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import feed as find_feed
from schemas.front import Front, FrontAway, FrontFault, FrontRow
from schemas.reading import Accepted, Item, Reader, Rejected, Withdrawal

TODAY = date(2026, 11, 23)
KEY, OTHER_KEY = b"a record key of 32 bytes, for now", b"another provider's, of 32 bytes.."
LATER = timedelta(days=400)

Pack = Callable[[Sequence[bytes]], bytes]  # records to one submission

# In place of any field: what it cannot hold, or hardly.
_ODD: tuple[JsonValue, ...] = (
    None, "", "　", "-", [], {}, [[]], [1], {"x": 1}, True, -1, 1.5, 2**63 - 1, "9" * 400, "\u0000", "\ufffd",
    "2026-02-30", "1e999", "号" * 2000,
)  # fmt: skip
_RUBBLE = (b'{"', b"}", b"\x00\xff\xfe", b"null", b'"text"', b"{}", b'{"no such key":"of any list"}', b'{"a":' * 1500)


def feed_conforms(
    feed: str,
    records: Iterable[bytes],
    personal: Iterable[str],
    *,
    read: Reader | None = None,
    pack: Pack = b"\n".join,
    today: date = TODAY,
) -> None:
    """`records` are an adapter's samples, each as its source writes it, at least one of them a listing; `pack` makes a
    submission of some of them, in order. `personal` are values in them that may never be repeated, names and numbers;
    in JSON objects more are found. `read` is the project's own reader unless said otherwise.
    """
    lines, named = tuple(records), frozenset(personal)
    stands = any(value.encode() in line for value in named for line in lines)
    rule("silence", stands and all(named), "no personal value of the sample is told, so none could be found")
    sample = _Sample(feed, lines, read or _read, pack, today, named | frozenset(_personal(lines)))
    with _listening() as heard:
        whole = _form(sample, _totals(sample))
        _order(sample, whole)
        _restart(sample, whole)
        _once(sample, whole)
        told = [*_poison(sample, whole), *_spoilt(sample, whole)]
    told += [item.reason for item in whole if isinstance(item, Rejected)]
    told.append(heard.getvalue())
    rule(
        "silence",
        not any(value in text for text in told for value in sample.personal),
        "a value of a record was repeated",
    )


@dataclass(frozen=True, slots=True)
class _Sample:
    feed: str
    lines: tuple[bytes, ...]
    reader: Reader
    pack: Pack
    today: date
    personal: frozenset[str]

    def read(self, lines: Sequence[bytes], *, key: bytes = KEY, today: date | None = None) -> list[Item]:
        return list(self.begin(lines, key=key, today=today))

    def begin(self, lines: Sequence[bytes], *, key: bytes = KEY, today: date | None = None) -> Iterator[Item]:
        """The items as they come. Raises AssertionError where reading raises, without its words."""
        try:
            yield from self.reader(self.feed, self.pack(lines), key, today or self.today)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is the finding
            raise AssertionError(f"totals: reading raised {type(error).__name__}") from None


async def front_conforms(opened: Callable[[], Front], broken: Callable[[], Front], personal: Iterable[str]) -> None:
    """A front-end table: `opened` twice is the same table, with rows of which one at least cannot be read and another
    can; `broken` is one that is away or changed. `personal` are values that stand in the rows. What waits is marked.
    """
    front, values = opened(), frozenset(personal)
    rule("silence", values and all(values), "no personal value of the rows is told, so none could be found")
    try:
        rows = [row async for page in front.all() for row in page]
        keys = [row.key for row in rows]
        rule("totals", len(set(keys)) == len(keys) > 1, "the table has fewer than two rows, or two rows of one key")
        backwards = await front.rows(keys[::-1])
        ordered = [row.key for row in backwards] == keys[::-1]
        rule("order", ordered, "rows do not come in the order of the keys asked for")
        rule("once", _lines(backwards) == _lines(rows), "a row read alone says something else")
        items = [list(_read(front.feed, orjson.dumps(row.line), KEY, TODAY)) for row in rows]
        rule("totals", all(len(some) == 1 for some in items), "a row is not one item")
        kinds = {type(one) for some in items for one in some}
        rule("poison", {Accepted, Rejected} <= kinds, "of the sample's rows none is accepted, or none rejected")
        await _restart_front(front, opened)
        await front.mark([(row, None) for row in rows])
        left = [row async for page, _ in front.fresh(None) for row in page] if front.by == "state" else []
        rule("once", not left, "a row that is marked as taken waits again")
    finally:
        await front.close()
    other = broken()
    try:
        async for _ in other.all():
            pass
        rule("silence", False, "a table that is away or changed is read all the same")
    except (FrontAway, FrontFault) as error:
        rule("silence", not any(value in str(error) for value in values), "an error repeats a value of a row")
    finally:
        await other.close()


async def _restart_front(front: Front, opened: Callable[[], Front]) -> None:
    """From the position behind any page on, nothing of the rest is missing; what overlaps the past does no harm."""
    if front.by == "refresh":
        return
    pages = [page async for page in front.fresh(None)]
    rule("restart", len(pages) > 1, "the table comes in one page, behind which nothing can be missing")
    for place, (_, position) in enumerate(pages):
        again = opened()
        try:
            found = {row.key async for page, _ in again.fresh(position) for row in page}
        finally:
            await again.close()
        rest = {row.key for page, _ in pages[place + 1 :] for row in page}
        rule("restart", rest <= found, f"behind page {place + 1} a row is missing")


def _lines(rows: Iterable[FrontRow]) -> dict[str, JsonObject]:
    return {row.key: row.line for row in rows}


def _read(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    return read_feeds(feed, data, record_key=record_key, today=today)


def rule(name: str, holds: object, why: str) -> None:
    """Raises AssertionError, with the rule's name, where it does not hold."""
    if not holds:
        raise AssertionError(f"{name}: {why}")


def _totals(sample: _Sample) -> list[Item]:
    whole = sample.read(sample.lines)
    rule("totals", len(whole) == len(sample.lines), f"{len(sample.lines)} records gave {len(whole)} items")
    rule("totals", not sample.read([]), "of an empty submission there are items")
    rule("totals", any(isinstance(item, Accepted) for item in whole), "no record of the sample is accepted")
    return whole


def _form(sample: _Sample, whole: list[Item]) -> list[Item]:
    shape = find_feed(sample.feed)
    for item in whole:
        match item:
            case Accepted(record=record):
                rule("form", record.feed == shape.name, f"record {item.line} is of another feed")
                written = record.model_dump_json()
                again = shape.model.model_validate_json(written).model_dump_json()
                rule("form", again == written, f"record {item.line} reads otherwise than it was written")
            case Withdrawal():
                rule("form", item.record_ids, f"withdrawal {item.line} names no record")
            case Rejected():
                rule("form", item.code and item.reason, f"rejection {item.line} says no code or reason")
    return whole


def _order(sample: _Sample, whole: list[Item]) -> None:
    rule("order", [item.line for item in whole] == list(range(1, len(whole) + 1)), "lines do not count from 1")
    for line, item in zip(sample.lines, whole, strict=True):
        rule("order", _same(sample.read([line]), [item]), f"record {item.line} says something else alone")


def _restart(sample: _Sample, whole: list[Item]) -> None:
    for place in range(len(whole)):
        rest = sample.read(sample.lines[place:])
        rule("restart", _same(rest, whole[place:]), f"from record {place + 1} on it differs")
        stopped = sample.begin(sample.lines)
        for _ in range(place):
            next(stopped)
        beside = sample.read(sample.lines)
        rest = [*stopped]
        rule("restart", _same(rest, whole[place:]), f"another reading beside it changed it behind record {place}")
        rule("restart", _same(beside, whole), f"a reading that stopped at record {place} changed the next")


def _once(sample: _Sample, whole: list[Item]) -> None:
    """A record keeps its id on another day, and with its keys in another order; another provider's is another."""
    rule("once", _same(sample.read(sample.lines), whole), "read again, it differs")
    names = [_names(item) for item in whole]
    twice = [_names(item) for item in sample.read(sample.lines * 2)]
    rule("once", twice == names * 2, "the same record twice in one submission is not the same")
    later = [_names(item) for item in sample.read(sample.lines, today=sample.today + LATER)]
    turned = [_names(item) for item in sample.read([_turned(line) for line in sample.lines])]
    other = [_names(item) for item in sample.read(sample.lines, key=OTHER_KEY)]
    for line, item, *others in zip(sample.lines, whole, later, turned, other, strict=True):
        if not isinstance(item, Rejected):
            own, again, keys, foreign = _names(item), *others
            rule("once", own == again, f"record {item.line} is another on another day")
            rule("once", own == keys, f"record {item.line} is another with its keys in another order")
            said = all(one.encode() in line for one in own)
            keyed = said or own != foreign
            rule("once", keyed, f"the id of record {item.line} can be made without the provider's key")


def _poison(sample: _Sample, whole: list[Item]) -> Iterator[str]:
    """What was said of records that cannot be read, put before, between and behind the others."""
    cut = [line[: len(line) // 2] for line in sample.lines[:1]]
    for rubble in (*cut, *_RUBBLE):
        for place in {0, len(whole) // 2, len(whole)}:
            found = sample.read([*sample.lines[:place], rubble, *sample.lines[place:]])
            rule("totals", len(found) == len(whole) + 1, "a record that cannot be read is not one item")
            poisoned = found.pop(place)
            rule("poison", _same(found, whole), "a record that cannot be read changed another")
            rule("poison", isinstance(poisoned, Rejected), "what cannot be read was not rejected")
            if isinstance(poisoned, Rejected):
                yield poisoned.reason


def _spoilt(sample: _Sample, whole: list[Item]) -> Iterator[str]:
    """What was said of records one of whose fields holds what it cannot."""
    first, last = whole[:1], whole[-1:]
    for line in sample.lines:
        for spoilt in _spoil(line, sample.personal):
            found = sample.read([sample.lines[0], spoilt, sample.lines[-1]])
            rule("totals", len(found) == 3, "a record with one odd field is not one item")
            rule("poison", _same([found[0], found[2]], [*first, *last]), "a record with one odd field changed another")
            _form(sample, found[1:2])
            if isinstance(found[1], Rejected):
                yield found[1].reason


def _spoil(line: bytes, personal: Iterable[str]) -> Iterator[bytes]:
    """The record with one field after another odd. Where it is no JSON object, fields are told by what is personal."""
    record = _object(line)
    if record is None:
        cells = [cell for one in sorted(personal) if (cell := one.encode()) in line]
        yield from (line.replace(cell, odd.encode()) for cell in cells for odd in _ODD if isinstance(odd, str))
        return
    for key, value in record.items():
        yield from (orjson.dumps({**record, key: odd}) for odd in (*_ODD, [value], {"x": value}))
    yield orjson.dumps({**record, "a key that nobody knows": "1"})
    yield orjson.dumps(dict(list(record.items())[1:]))


def _turned(line: bytes) -> bytes:
    record = _object(line)
    return line if record is None else orjson.dumps(dict(reversed(record.items())))


def _object(line: bytes) -> JsonObject | None:
    """The record, where it is written as a JSON object."""
    try:
        found = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def _same(some: Sequence[Item], others: Sequence[Item]) -> bool:
    """Whether two readings say the same, wherever in their submissions."""
    return [replace(item, line=0) for item in some] == [replace(item, line=0) for item in others]


def _names(item: Item) -> tuple[str, ...]:
    """By what the item is known: the ids of its records, or why it has none."""
    match item:
        case Accepted(record=record):
            return (record.record_id,)
        case Withdrawal():
            return item.record_ids
        case Rejected():
            return (item.code,)


def _personal(lines: Iterable[bytes]) -> Iterator[str]:
    """Values that may be somebody's: texts that are not plain words, nor words of a field's name, and long numbers."""
    records = [record for line in lines if (record := _object(line))]
    names = {name for record in records for name in record}
    left: list[JsonValue] = [*records]
    while left:
        value = left.pop()
        if isinstance(value, dict):
            left.extend(value.values())
        elif isinstance(value, list):
            left.extend(value)
        elif isinstance(value, str | int) and not isinstance(value, bool):
            text = str(value).strip()
            telling = len(text) >= (4 if text.isascii() else 2) and (not text.isascii() or any(map(str.isdigit, text)))
            if telling and not any(text in name for name in names):
                yield text


@contextlib.contextmanager
def _listening() -> Iterator[io.StringIO]:
    """All that is logged, warned or printed meanwhile."""
    heard = io.StringIO()
    handler = logging.StreamHandler(heard)
    root, level = logging.getLogger(), logging.getLogger().level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    try:
        with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard), warnings.catch_warnings():
            warnings.simplefilter("always")
            yield heard
    finally:
        root.removeHandler(handler)
        root.setLevel(level)
