"""Whatever the bytes are: reading ends, never raises, and accounts for each record once, in order."""

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.feeds.twice import key_stands_twice
from schemas.catalog import DISHONEST_DEBTOR
from schemas.reading import Accepted, Rejected, Withdrawal
from schemas.records.debtor import DishonestDebtor
from tests.unit.adapters.feeds.conftest import SAMPLES, UNIT

LINES = [
    line
    for path in sorted(SAMPLES.iterdir())
    if path.name != "README.md"
    for line in path.read_bytes().splitlines()
    if line
]
CODES = {
    "unparseable", "unknown-shape", "wrong-feed", "no-subject", "not-a-listing", "rounded-identifier", "minor",
    "shifted-columns", "no-case-number", "wrong-value", "invalid-record", "withdrawal-without-key", "garbled-text",
}  # fmt: skip


def account(items) -> None:
    assert [item.line for item in items] == list(range(1, len(items) + 1))
    for item in items:
        match item:
            case Accepted():
                assert len(DISHONEST_DEBTOR.values(item.record)) == len(DISHONEST_DEBTOR.slots)
                assert item.record.subject.name or item.record.subject.identifiers
                assert DishonestDebtor.model_validate_json(item.record.model_dump_json()) == item.record
            case Withdrawal():
                assert item.record_ids
            case Rejected():
                assert item.code in CODES


@given(st.binary(max_size=200))
def test_any_bytes(read_items, data: bytes) -> None:
    account(read_items(data))


RUBBLE = [
    '{"', '"}', "[", "]", ",", ":", '"duty"', '"iname"', "\\", "\n", '"status"', '"withdrawn"', '"updateList"',
    '"deleteList"', "1e999", "NaN", "null", '"',
]  # fmt: skip


@given(st.lists(st.sampled_from(RUBBLE)))
def test_any_rubble_of_json(read_items, parts: list[str]) -> None:
    account(read_items("".join(parts).encode()))


@settings(max_examples=300)
@given(st.data())
def test_mutated_samples(read_items, data: st.DataObject) -> None:
    line = bytearray(data.draw(st.sampled_from(LINES)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line) - 1))
        match data.draw(st.sampled_from(["flip", "cut", "insert", "quote"])):
            case "flip":
                line[place] ^= 1 << data.draw(st.integers(0, 7))
            case "cut":
                del line[place : place + data.draw(st.integers(1, 40))]
            case "insert":
                line[place:place] = data.draw(st.binary(min_size=1, max_size=8))
            case _:
                line[place:place] = b'"'
        if not line:
            return
    account(read_items(bytes(line)))
    items = read_items(b"[" + b",".join([LINES[0], bytes(line), LINES[0]]) + b"]")
    account(items)


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["2019年1月1日", "*"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3),
    max_leaves=5,
)


@settings(max_examples=300)
@given(st.dictionaries(st.sampled_from([*UNIT, "removeStatus", "status", "feed", "record_id"]), json_values))
def test_any_values_under_known_keys(read_items, changes) -> None:
    import json  # noqa: PLC0415

    account(read_items(json.dumps({**UNIT, **changes}).encode("utf-8", "surrogatepass")))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"iname":"a","iname":"b"}',
        b'{"iname" : "a", "iname":"b"}',
        b'{"a":{"b":1,"b":2}}',
        b'{"a":[{"b":1,"b" :2}]}',
        b'{"a\\u0062":1,"ab":2}',
    ],
)
def test_a_key_that_stands_twice_is_seen(raw: bytes, read_items) -> None:
    assert key_stands_twice(raw, orjson.loads(raw))
    (item,) = read_items(raw)
    assert item.code == "unparseable"


@given(json_values)
def test_no_key_stands_twice_in_what_was_written_from_a_mapping(value) -> None:
    try:
        raw = orjson.dumps(value)
    except (TypeError, orjson.JSONEncodeError):
        return
    assert not key_stands_twice(raw, orjson.loads(raw))


@pytest.mark.parametrize(
    "raw",
    [
        b'{"iname":NaN}',
        b'{"iname":Infinity}',
        b'{"a":' * 1100 + b"1" + b"}" * 1100,
        b'{"iname":"\\ud800"}',
        b'{"iname":1e400}',
        b'{"iname":' + b"9" * 5000 + b"}",
        b"null",
        b'"text"',
        b"{}",
    ],
)
def test_odd_json_is_rejected(raw: bytes, read_items) -> None:
    (item,) = read_items(raw)
    assert isinstance(item, Rejected)
    assert item.raw == raw
