"""Canonical JSON, envelopes, and the readers of single values: any bytes are read, or refused in their own words."""

from contextlib import suppress
from datetime import date
from pathlib import Path

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from schemas.amounts import UnreadableAmount, read_amount
from schemas.canonical import CanonicalError, JsonValue, canonical, parse_strict, unb64u
from schemas.case_number import looks_like_case_number, normalise_case_number
from schemas.dates import read_date
from schemas.envelope import EVENT as EVENT_HEADER
from schemas.envelope import HEARTBEAT, BadMessage, read_message, read_number
from schemas.identifiers import PlaceholderIdentifier, RoundedIdentifier, read_identifier
from schemas.names import kind_of_name, normalise_name, read_name
from schemas.record_id import is_record_id
from schemas.slots import parse_slot
from schemas.text import is_garbled, said, visible
from schemas.withdrawal_reasons import reason_in
from tests.fuzzing import Parser, examples, kept

TODAY = date(2026, 11, 23)
JSON = [
    b'{"a":1,"b":[null,true,"\xe5\xbc\xa0"],"c":{"d":-5}}',
    b'[1,2,{"name":"x","when":"2026-01-01"}]',
    b'{"a":9007199254740991}',
]
EVENT = b'{"contract":"debtors-to-x","kind":"upsert","lane":"bulk","number":5,"cause":7,"proof":{}}'
TEXTS = [
    text.encode()
    for text in (
        "（2021）豫0811执123号", "(2014)广法执字第00232号", "69670740-9", "91320811696****409A", "3404211964112938313",
        "2014年11月28日", "Wed Mar 07 15:58:50 CST 2018", "1372262400000", "2016-01-18T16:00:00.000+00:00", "8.5万元",
        "5 746 611.84", "八千二百零八万六千六百五十七", "焦作市山阳区某某（中国）有限公司",
        "履行完毕", "subject.identifiers[].value",
        "a" * 52, "1e400", "9.16201E+17", "张三12345",
    )
]  # fmt: skip


def strict(data: bytes) -> None:
    value = parse_strict(data)
    assert parse_strict(canonical(value)) == value


def message(data: bytes) -> None:
    """The value and its header are each any bytes; and so is the number's."""
    for value, header in ((data, EVENT), (b"{}", data), (None, data)):
        for kind in (b"fuyuan.upsert.v1", HEARTBEAT.encode()):
            headers = [("ce_type", kind), (EVENT_HEADER, header), ("ce_id", data)]
            read_number(headers)
            try:
                read_message(value, headers)
            except BadMessage:
                continue


def single_values(data: bytes) -> None:
    """One text, as every reader of a field may get it, and the JSON value that it may be."""
    text = data.decode("utf-8", "replace")
    values: list[JsonValue] = [text]
    with suppress(orjson.JSONDecodeError):
        values.append(orjson.loads(data))
    for value in values:
        day = read_date(value, TODAY)
        assert day is None or day <= TODAY
        for unit in ("", "万元", text):
            try:
                amount = read_amount(value, unit)
            except UnreadableAmount:
                continue
            assert amount is None or amount.partition(".")[0].isdigit()
    with suppress(PlaceholderIdentifier, RoundedIdentifier):
        read_identifier(text)
    assert normalise_name(normalise_name(text)) == normalise_name(text)
    read_name(text)
    kind_of_name(normalise_name(text))
    looks_like_case_number(normalise_case_number(text))
    is_record_id(text), is_garbled(text), said(text), visible(text), reason_in(text)


PARSERS = {
    "canonical-json": Parser(strict, JSON, (CanonicalError,)),
    "base64url": Parser(lambda data: unb64u(data.decode("latin-1")), [b"eyJhIjoxfQ", b"_-8"], (CanonicalError,)),
    "envelope": Parser(message, [EVENT, *JSON]),
    "single-values": Parser(single_values, TEXTS),
    "slot-path": Parser(lambda data: parse_slot(data.decode("latin-1")), [*TEXTS[:3], b"a.b[].c"], (ValueError,)),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(300))
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name](data.draw(PARSERS[name].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())
