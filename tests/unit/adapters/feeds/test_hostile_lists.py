"""Whatever stands under the keys of any feed but the dishonest: each record is accounted for once, in order."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.feeds import read
from adapters.feeds.address_shapes import ADDRESSES
from adapters.feeds.enforcement_shapes import ENFORCEMENTS
from adapters.feeds.restriction_shapes import RESTRICTIONS
from adapters.feeds.service_result import RESULTS
from schemas.catalog import feed as find_feed
from schemas.reading import Accepted, Rejected, Withdrawal
from tests.unit.adapters.feeds.conftest import KEY, TODAY
from tests.unit.adapters.feeds.test_hostile import CODES, LINES, json_values

ROWS = {
    "consumption-restriction": RESTRICTIONS,
    "judgment-debtor": ENFORCEMENTS,
    "service-address": ADDRESSES,
    "service-result": RESULTS,
}
FEEDS = list(ROWS)
MORE_CODES = CODES | {
    "waiver-twice", "waiver-for-nobody", "no-identifier", "no-effective-date", "period-reversed", "no-reference",
}  # fmt: skip


def account(feed: str, data: bytes) -> None:
    found = list(read(feed, data, record_key=KEY, today=TODAY))
    assert [item.line for item in found] == list(range(1, len(found) + 1))
    for item in found:
        match item:
            case Accepted():
                shape = find_feed(feed)
                assert len(shape.values(item.record)) == len(shape.slots)
                assert shape.model.model_validate_json(item.record.model_dump_json()) == item.record
            case Withdrawal():
                assert item.record_ids
            case Rejected():
                assert item.code in MORE_CODES


@pytest.mark.parametrize("feed", FEEDS)
@settings(max_examples=200)
@given(st.data())
def test_any_values_under_known_keys(feed: str, data: st.DataObject) -> None:
    row = data.draw(st.sampled_from(ROWS[feed]))
    plain = st.sampled_from(
        [
            "张三",
            "焦城有限公司",
            "（2020）豫0811执1号",
            "91320811696****409A",
            "2020-01-01",
            "12000",
            "91999999MA3X12345U",
            "歇业",
            "是",
            "a@b.cn",
            "2020-01-01 09:61",
            "住所",
            "退回",
            "shanyang-bank",
        ]
    )
    record = {key: data.draw(plain) for key in sorted(row.required)}
    record |= {data.draw(st.sampled_from(sorted(some))): data.draw(plain) for some in row.telling}
    record |= data.draw(st.dictionaries(st.sampled_from(sorted(row.known)), json_values | plain))
    account(feed, json.dumps(record).encode("utf-8", "surrogatepass"))


@pytest.mark.parametrize("feed", FEEDS)
@settings(max_examples=150)
@given(st.data())
def test_mutated_samples(feed: str, data: st.DataObject) -> None:
    line = bytearray(data.draw(st.sampled_from(LINES)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(line) - 1))
        line[place : place + data.draw(st.integers(0, 3))] = data.draw(st.binary(max_size=4))
        if not line:
            return
    account(feed, bytes(line))
    account(feed, b"[" + b",".join([LINES[0], bytes(line), LINES[-1]]) + b"]")
