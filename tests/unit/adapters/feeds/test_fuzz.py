"""Every list format, in every packing: whatever the bytes, each record is accounted for once and none is lost."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.feeds import read
from adapters.feeds.registry import ADAPTERS
from schemas.catalog import feed as find_feed
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from tests.fuzzing import Parser, examples, kept, mutated
from tests.unit.adapters.feeds.conftest import KEY, SAMPLES, TODAY
from tests.unit.adapters.feeds.tables import SHARED, as_csv, as_excel_writes, as_xlsx, part_of, table_of, with_part
from tests.unit.adapters.feeds.test_tables import SHEET, ZXGK

CONFORMANCE = SAMPLES.parent / "conformance"


def items(feed: str, data: bytes) -> list[Item]:
    """Read, and each item checked."""
    found = list(read(feed, data, record_key=KEY, today=TODAY))
    assert [item.line for item in found] == list(range(1, len(found) + 1))
    shape = find_feed(feed)
    for item in found:
        match item:
            case Accepted(record=record):
                assert shape.model.model_validate_json(record.model_dump_json()) == record
                assert len(shape.values(record)) == len(shape.slots)
            case Withdrawal():
                assert item.record_ids
            case Rejected():
                assert item.code
                assert item.reason
    return found


def between(feed: str, first: bytes, last: bytes) -> Callable[[bytes], None]:
    """Lines with whole neighbours: what is between them may be anything, and loses none. Most tell the encoding."""
    (before,), (behind,) = items(feed, first), items(feed, last)
    many = [first] * 12, [last] * 12

    def run(data: bytes) -> None:
        items(feed, data)
        found = items(feed, b"\n".join([*many[0], data, *many[1]]))
        assert [replace(item, line=1) for item in found[:12]] == [before] * 12
        assert [replace(item, line=1) for item in found[-12:]] == [behind] * 12

    return run


def between_rows(data: bytes) -> None:
    """The same for a table: whole rows stand before and behind."""
    items("dishonest-debtor", data)
    head, row = as_csv(ROWS[:2]).splitlines(keepends=True)
    (whole,) = items("dishonest-debtor", head + row)
    found = items("dishonest-debtor", head + row * 12 + data + b"\r\n" + row * 12)
    assert [replace(item, line=1) for item in (*found[:12], *found[-12:])] == [whole] * 24


def lines(name: str) -> list[bytes]:
    return (CONFORMANCE / f"{name}.ndjson").read_bytes().splitlines()


def of_feed(feed: str) -> Parser:
    own = lines(feed)
    return Parser(between(feed, own[0], own[0]), own)


def published() -> list[bytes]:
    """Every sample file's lines, of whatever list, and the files whole."""
    files = [path.read_bytes() for path in sorted(SAMPLES.iterdir()) if path.suffix in (".jsonl", ".txt", ".xml")]
    return [line for data in files for line in data.splitlines() if line] + [data[:4000] for data in files]


ROWS = table_of(ZXGK)
BOOK = as_excel_writes(as_xlsx(ROWS))
PARTS = (SHEET, SHARED, "xl/workbook.xml", "xl/styles.xml", "[Content_Types].xml", "xl/_rels/workbook.xml.rels")
TABLES = [as_csv(ROWS), as_csv(ROWS, "gb18030"), as_csv(ROWS, delimiter="\t"), as_csv([ROWS[0]])]
PACKED = [
    b"[" + b",".join(lines("judgment-debtor")[:4]) + b"]",
    orjson.dumps({"updateList": list(map(orjson.loads, lines("dishonest-debtor")[:2])), "deleteList": ["a" * 32]}),
    orjson.dumps({"code": 0, "data": {"list": list(map(orjson.loads, lines("judgment-debtor")[:2]))}}),
    orjson.dumps(orjson.loads(lines("dishonest-debtor")[0]), option=orjson.OPT_INDENT_2),
]


@st.composite
def workbooks(draw: st.DrawFn) -> bytes:
    """A workbook one of whose parts is spoilt inside a package that is whole."""
    name = draw(st.sampled_from(PARTS))
    return with_part(BOOK, name, draw(mutated([part_of(BOOK, name)])))


def every_feed(data: bytes) -> None:
    for feed in ADAPTERS:
        items(feed, data)


PARSERS = {
    **{feed: of_feed(feed) for feed in ADAPTERS},
    "published-lists": Parser(every_feed, published()),
    "packings": Parser(every_feed, PACKED),
    "csv": Parser(between_rows, [*TABLES, *as_csv(ROWS).splitlines()[1:]]),
    "xlsx": Parser(lambda data: items("dishonest-debtor", data), [BOOK], inputs=workbooks()),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(150))
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name](data.draw(PARSERS[name].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())


def test_the_samples_are_lists_before_they_are_spoilt() -> None:
    for data in (BOOK, *TABLES[:3], *PACKED[:1], *PACKED[2:]):
        found = [item for feed in ADAPTERS for item in items(feed, data)]
        assert any(isinstance(item, Accepted) for item in found)
    for feed in ADAPTERS:
        refused = [line for line in lines(feed) if any(isinstance(item, Rejected) for item in items(feed, line))]
        assert len(refused) <= 1  # one that is refused for what it says, not for its form
