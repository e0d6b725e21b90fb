"""Broken JSON is mended only where free text alone changes."""

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeds.repair import repaired
from tests.unit.adapters.feeds.conftest import UNIT

SAFE = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters='"\\'), max_size=10)


def with_raw_duty(raw: str) -> bytes:
    return orjson.dumps({**UNIT, "duty": "HERE"}).replace(b"HERE", raw.encode())


@given(st.lists(SAFE, min_size=2, max_size=5), st.sampled_from(['"', "\t", "\r\n", "\n", "\x01"]))
def test_stray_quotes_and_raw_control_characters_in_the_free_text(parts: list[str], stray: str) -> None:
    text = "一" + stray.join(parts) + "元"
    assert repaired(with_raw_duty(text)) == {**UNIT, "duty": text}


def test_a_text_in_doubled_quotes() -> None:
    assert repaired(with_raw_duty('"支付货款"')) == {**UNIT, "duty": "支付货款"}


def test_escapes_that_stand_stay() -> None:
    raw = with_raw_duty('一\\n"二"\\u4e09\\x')
    assert repaired(raw) == {**UNIT, "duty": '一\n"二"三\\x'}


@pytest.mark.parametrize(
    "field", ["iname", "cardNum", "caseCode", "courtName", "publishDate", "performance", "disruptTypeName"]
)
def test_a_stray_quote_anywhere_else_stays_broken(field: str) -> None:
    raw = orjson.dumps({**UNIT, field: "HERE"}).replace(b"HERE", b'a"b')
    assert repaired(raw) is None
    both = raw.replace("支付货款53300元".encode(), '支付"货款"'.encode())
    assert repaired(both) is None


def test_no_field_is_swallowed_into_the_text() -> None:
    """A later quote would also make valid JSON, with a field gone."""
    raw = with_raw_duty('见"判决书"')
    found = repaired(raw)
    assert found is not None
    assert found.keys() == UNIT.keys()


@pytest.mark.parametrize(
    "raw",
    [
        with_raw_duty('"a"').replace(b'"id"', b'"unknown"'),
        with_raw_duty('a"b')[:-2],
        with_raw_duty('a"b').replace(b'"age":0', b'"age":0,"age":1'),
        with_raw_duty('a"b').replace(b'"age":0', b'"age":NaN'),
        with_raw_duty('a"b') + b"}",
        with_raw_duty('a"b","duty":"c'),
        b'{"duty":"a"b"}',
        b"\xff",
        b"",
    ],
)
def test_everything_else_stays_broken(raw: bytes) -> None:
    assert repaired(raw) is None


def test_a_repaired_record_says_so(read_items) -> None:
    (item,) = read_items(with_raw_duty('见"判决书"'))
    assert [(one.code, one.field) for one in item.record.warnings] == [("repaired", "obligation")]
    assert item.raw == with_raw_duty('见"判决书"')
