"""The conformance suite over every adapter that is registered, and the suite itself: what breaks a rule is found."""

import importlib
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import date
from pathlib import Path
from types import ModuleType

import orjson
import pytest
from sqlalchemy import Connection, create_engine, delete, text

from adapters import fronts, registers
from adapters.conformance import feed_conforms
from adapters.conformance_register import register_conforms
from adapters.feeds import read
from adapters.feeds.registry import ADAPTERS
from adapters.feeds.shapes import recognised
from adapters.registers.sql import HOLDS, RegisterMapping, SqlRegister
from schemas.canonical import JsonValue
from schemas.reading import Accepted, Item, Rejected, Withdrawal

SAMPLES = Path(__file__).parents[2] / "data/conformance"
FEED = "judgment-debtor"
NAME = "焦城执行有限公司"
PERSONAL = (
    NAME,
    "焦城试验有限公司",
    "苏嘉川",
    "苗明棠",
    "李执行",
    "某派出所",
    "焦作市示例镇人民政府",
)  # of one sample or another


def sample(feed: str) -> list[bytes]:
    return (SAMPLES / f"{feed}.ndjson").read_bytes().splitlines()


def in_gb18030(lines: list[bytes] | tuple[bytes, ...]) -> bytes:
    return b"\n".join(line.decode("utf-8", "surrogateescape").encode("gb18030", "surrogateescape") for line in lines)


@pytest.mark.parametrize("feed", ADAPTERS)
def test_every_adapter_conforms(feed: str) -> None:
    feed_conforms(feed, sample(feed), PERSONAL)


@pytest.mark.parametrize("feed", ADAPTERS)
def test_every_row_of_an_adapter_and_a_line_of_our_own_stand_in_its_sample(feed: str) -> None:
    found = [recognised(orjson.loads(line)) for line in sample(feed)]
    assert {shape for _, shape in found if shape} == set(ADAPTERS[feed].shapes)
    assert any(shape is None and record.get("feed") == feed for record, shape in found)


def test_no_sample_is_of_a_feed_that_is_not_registered() -> None:
    assert {path.stem for path in SAMPLES.iterdir()} == set(ADAPTERS)


def classes(package: ModuleType, method: str) -> set[str]:
    """Classes of the package that have this method, wherever in it they stand."""
    modules = (
        importlib.import_module(f"{package.__name__}.{one.name}") for one in pkgutil.iter_modules(package.__path__)
    )
    return {
        name for module in modules for name, kind in vars(module).items()
        if isinstance(kind, type) and kind.__module__ == module.__name__ and hasattr(kind, method)
    }  # fmt: skip


def test_every_front_and_every_register_is_held_to_the_suite() -> None:
    """Named here: by `test_the_sql_register_conforms`, and by tests/integration/test_front_conformance.py."""
    assert classes(fronts, "fresh") == {"SqlFront"}
    assert classes(registers, "hold") == {"SqlRegister"}


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'register.sqlite'}"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE licences (no INTEGER, holder TEXT, code TEXT, blocked INT DEFAULT 0)"))
        connection.execute(
            text(
                "INSERT INTO licences VALUES (1, '某公司', '91999999MA3X12345U', 0), (2, '甲', '91999999MA3X12346T', 0)"
            )
        )
    engine.dispose()
    return url


def held(url: str) -> Callable[[], object]:
    def ask() -> object:
        engine = create_engine(url)
        with engine.begin() as connection:
            rows = [tuple(row) for row in connection.execute(text("SELECT no, blocked FROM licences ORDER BY no"))]
            holds = connection.execute(text("SELECT row, measure FROM fuyuan_holds WHERE row <> 'no-such-row'"))
            found = (rows, sorted(tuple(row) for row in holds))
        engine.dispose()
        return found

    return ask


MAPPING = RegisterMapping("licences", "no", "holder", {"cn-uscc": "code"}, "blocked")


def test_the_sql_register_conforms(url: str) -> None:
    SqlRegister(url, MAPPING).close()
    register_conforms(lambda: SqlRegister(url, MAPPING), [("cn-uscc", "91999999MA3X12345U")], held(url))


class Forgetful(SqlRegister):
    """Takes an operation for new each time."""

    def hold(self, op_id: str, row: str, measure: str, order: Mapping[str, JsonValue]) -> None:
        super().hold(f"{op_id}/{id(self)}", row, measure, order)


def test_a_register_that_does_an_operation_twice_is_found(url: str) -> None:
    SqlRegister(url, MAPPING).close()
    opened: list[Forgetful] = []  # kept, so that no two have one id

    def forgetful() -> Forgetful:
        opened.append(Forgetful(url, MAPPING))
        return opened[-1]

    with pytest.raises(AssertionError, match=r"^order: a hold that was done before"):
        register_conforms(forgetful, [("cn-uscc", "91999999MA3X12345U")], held(url))


class Generous(SqlRegister):
    """Lets a row go altogether where one measure does."""

    def _let_go(self, connection: Connection, row: str, measure: str) -> None:  # noqa: ARG002
        connection.execute(delete(HOLDS).where(HOLDS.c.row == row))


def test_a_register_that_frees_what_another_measure_holds_is_found(url: str) -> None:
    SqlRegister(url, MAPPING).close()
    with pytest.raises(AssertionError, match=r"^order: a release lets go what another measure holds"):
        register_conforms(lambda: Generous(url, MAPPING), [("cn-uscc", "91999999MA3X12345U")], held(url))


class OfOneRow(SqlRegister):
    """Holds the first row only."""

    def hold(self, op_id: str, row: str, measure: str, order: Mapping[str, JsonValue]) -> None:
        if row == "1":
            super().hold(op_id, row, measure, order)


def test_a_register_that_holds_but_its_first_row_is_found(url: str) -> None:
    SqlRegister(url, MAPPING).close()
    wanted = [("cn-uscc", "91999999MA3X12345U"), ("cn-uscc", "91999999MA3X12346T")]
    register_conforms(lambda: SqlRegister(url, MAPPING), wanted, held(url))
    with pytest.raises(AssertionError, match=r"^once: a hold holds nothing"):
        register_conforms(lambda: OfOneRow(url, MAPPING), wanted, held(url))


# Readers that break a rule each, and what the suite says of them.


def items(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    return read(feed, data, record_key=record_key, today=today)


def drops(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    return (item for item in items(feed, data, record_key, today) if not isinstance(item, Rejected))


def raises(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    for item in items(feed, data, record_key, today):
        if isinstance(item, Rejected):
            raise KeyError(item.raw)
        yield item


def numbers_from_nought(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    return (replace(item, line=item.line - 1) for item in items(feed, data, record_key, today))


def turns(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    found = list(items(feed, data, record_key, today))
    return (replace(item, line=line) for line, item in enumerate(reversed(found), 1))


class Remembers:
    """Rejects what it has read twice before."""

    def __init__(self) -> None:
        self.met: dict[bytes, int] = {}

    def __call__(self, feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
        for item in items(feed, data, record_key, today):
            self.met[item.raw] = self.met.get(item.raw, 0) + 1
            yield item if self.met[item.raw] < 3 else Rejected(item.line, "seen", "it was read before", item.raw)


def named_by_the_day(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    return items(feed, data, record_key + str(today).encode(), today)


def named_without_the_key(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    return items(feed, data, b"one key for everybody, 32 bytes.", today)


def spreads(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    """Behind a record that cannot be read, the rest cannot either."""
    broken = False
    for item in items(feed, data, record_key, today):
        broken = broken or (isinstance(item, Rejected) and item.code == "unparseable")
        yield Rejected(item.line, "unparseable", "the file is broken", item.raw) if broken else item


def forgets_whose_withdrawals(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    known = list(items(feed, data, b"one key for everybody, 32 bytes.", today))
    for item, same in zip(items(feed, data, record_key, today), known, strict=True):
        yield same if isinstance(item, Withdrawal) else item


def takes_rubble(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    known = list(items(feed, b"\n".join(sample(feed)), record_key, today))
    first = next(item for item in known if isinstance(item, Accepted))
    for item in items(feed, data, record_key, today):
        rubble = isinstance(item, Rejected) and item.code == "unparseable"
        yield replace(first, line=item.line, raw=item.raw) if rubble else item


def repeats(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    for item in items(feed, data, record_key, today):
        odd = isinstance(item, Rejected) and item.code != "unparseable"
        yield replace(item, reason=f"not readable: {item.raw.decode()}") if odd and isinstance(item, Rejected) else item


def prints(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    for item in items(feed, data, record_key, today):
        print(item.raw.decode("utf-8", "replace"))
        yield item


@pytest.mark.parametrize(
    ("reader", "rule"),
    [
        (drops, "totals"),
        (raises, "totals"),
        (numbers_from_nought, "order"),
        (turns, "order"),
        (Remembers(), "restart"),
        (named_by_the_day, "once"),
        (named_without_the_key, "once"),
        (forgets_whose_withdrawals, "once"),
        (spreads, "poison"),
        (takes_rubble, "poison"),
        (repeats, "silence"),
        (prints, "silence"),
    ],
    ids=lambda one: one if isinstance(one, str) else getattr(one, "__name__", "remembers"),
)
def test_what_breaks_a_rule_is_found_and_named(reader: Callable[..., Iterator[Item]], rule: str) -> None:
    with pytest.raises(AssertionError, match=f"^{rule}: ") as found:
        feed_conforms(FEED, sample(FEED), [NAME], read=reader)
    assert "焦城" not in str(found.value)


def test_the_packing_is_the_adapter_s_own_affair() -> None:
    feed_conforms(FEED, sample(FEED)[:1], [NAME], pack=in_gb18030)


def piped(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    """An adapter of another format: case number, name and court between bars."""
    keys = ("caseCode", "pname", "execCourtName")
    lines = [
        orjson.dumps(dict(zip(keys, cells, strict=True)))
        if len(cells := line.decode("utf-8", "replace").split("|")) == len(keys)
        else line
        for line in data.split(b"\n")
    ]
    return items(feed, b"\n".join(lines), record_key, today)


def piped_and_printed(feed: str, data: bytes, record_key: bytes, today: date) -> Iterator[Item]:
    for item in piped(feed, data, record_key, today):
        print(NAME) if NAME.encode() in item.raw else None
        yield item


PIPED = [f"(2018)豫0811执{number}号|{NAME}|焦作市山阳区人民法院".encode() for number in (86, 87)]


def test_another_format_conforms_and_its_prints_are_found() -> None:
    feed_conforms(FEED, PIPED, [NAME], read=piped)
    with pytest.raises(AssertionError, match=r"^silence: a value"):
        feed_conforms(FEED, PIPED, [NAME], read=piped_and_printed)


@pytest.mark.parametrize("personal", [[], [""], ["of no record"]])
def test_silence_is_not_tried_without_a_value_to_look_for(personal: list[str]) -> None:
    with pytest.raises(AssertionError, match=r"^silence: no personal value"):
        feed_conforms(FEED, PIPED, personal, read=piped)
