"""The rows of all feeds are one table: it tells the feed too, and every packing holds for every feed."""

import csv
from io import BytesIO, StringIO
from itertools import combinations
from typing import Any

import openpyxl
import orjson
import pytest

from adapters.feeds import read
from adapters.feeds.enforcement_shapes import ENFORCEMENTS
from adapters.feeds.restriction_shapes import RESTRICTIONS
from adapters.feeds.shapes import CASE_KEYS, NAME_KEYS, TABLE, shape_of
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from tests.unit.adapters.feeds.conftest import KEY, TODAY
from tests.unit.adapters.feeds.test_enforcement import AGGREGATOR, LABELLED, SHANGHAI
from tests.unit.adapters.feeds.test_enforcement import MONITOR as ENFORCED
from tests.unit.adapters.feeds.test_restriction import CHINESE, MONITOR

DEBTORS, ORDERS, CASES = "dishonest-debtor", "consumption-restriction", "judgment-debtor"
TABLES = [(ORDERS, CHINESE), (ORDERS, MONITOR), (CASES, LABELLED), (CASES, SHANGHAI), (CASES, AGGREGATOR)]


def one(feed: str, data: bytes) -> Item:
    (item,) = read(feed, data, record_key=KEY, today=TODAY)
    return item


def as_csv(record: dict[str, Any]) -> bytes:
    text = StringIO()
    csv.writer(text).writerows([record.keys(), record.values()])
    return text.getvalue().encode("gb18030")


def as_workbook(record: dict[str, Any]) -> bytes:
    book, data = openpyxl.Workbook(), BytesIO()
    assert book.active is not None
    for row in (record.keys(), record.values()):
        book.active.append(list(row))
    book.save(data)
    return data.getvalue()


def test_no_key_set_is_that_of_two_feeds() -> None:
    for first, second in combinations(TABLE, 2):
        both = first.required | second.required
        told = all(not (one & first.known & second.known).isdisjoint(one) for one in (*first.telling, *second.telling))
        assert first.feed == second.feed or not (both <= first.known & second.known and told), (first, second)


@pytest.mark.parametrize("shape", [*RESTRICTIONS, *ENFORCEMENTS], ids=lambda shape: shape.name)
def test_a_row_is_told_by_its_own_keys_and_says_all_it_knows(shape: Any) -> None:
    named = {*shape.case_number, *shape.names, *shape.identifiers, *shape.amounts}
    assert shape.required | named <= shape.known
    found = shape_of(dict.fromkeys([*shape.required, *(min(keys) for keys in shape.telling)]))
    assert found is not None
    assert (found.feed, found.name) == (shape.feed, shape.name)
    assert set(shape.case_number) <= set(CASE_KEYS[shape.feed])
    assert set(shape.names) <= set(NAME_KEYS[shape.feed])


@pytest.mark.parametrize(("feed", "record"), TABLES)
@pytest.mark.parametrize("packed", [as_csv, as_workbook])
def test_a_table_of_any_feed_says_what_its_record_says(feed: str, record: dict[str, Any], packed: Any) -> None:
    line, row = one(feed, orjson.dumps(record)), one(feed, packed(record))
    assert isinstance(line, Accepted)
    assert isinstance(row, Accepted)
    said, again = line.record.model_dump(exclude={"source"}), row.record.model_dump(exclude={"source"})
    assert again == said


@pytest.mark.parametrize(("feed", "record"), TABLES)
def test_what_says_nothing_is_let_be_in_any_feed_and_what_says_something_is_not(
    feed: str, record: dict[str, Any]
) -> None:
    for aside in ({"remark": ""}, {"撤销日期": None}, {"crawl_time": "2020-01-01"}, {"_id": 5}, {"是否删除": "否"}):
        assert isinstance(one(feed, orjson.dumps({**record, **aside})), Accepted), aside
    for aside in ({"remark": "已履行完毕"}, {"撤销日期": "2020-01-01"}):
        assert isinstance(one(feed, orjson.dumps({**record, **aside})), Rejected), aside


@pytest.mark.parametrize("record", [CHINESE, MONITOR, LABELLED, SHANGHAI, ENFORCED, AGGREGATOR])
def test_what_is_off_one_list_is_no_withdrawal_from_another(record: dict[str, Any]) -> None:
    own = ORDERS if record in (CHINESE, MONITOR) else CASES
    gone = orjson.dumps({**record, "removeStatus": True})
    assert isinstance(one(own, gone), Withdrawal)
    for other in {DEBTORS, ORDERS, CASES} - {own}:
        for data in (gone, orjson.dumps({"deleteList": [record]})):
            item = one(other, data)
            assert isinstance(item, Rejected)
            assert item.code == "wrong-feed"


def test_a_withdrawal_with_a_record_id_needs_nothing_else() -> None:
    item = one(DEBTORS, orjson.dumps({**ENFORCED, "status": "withdrawn", "record_id": "a" * 52}))
    assert isinstance(item, Withdrawal)


@pytest.mark.parametrize(
    ("feed", "record"),
    [*TABLES, (CASES, ENFORCED), (ORDERS, {**CHINESE, "限制高消费企业名称": "", "法定代表人": "苏嘉川、水言"})],
)
def test_a_row_that_says_it_is_removed_names_the_record_that_it_made(feed: str, record: dict[str, Any]) -> None:
    listed, gone = one(feed, orjson.dumps(record)), one(feed, orjson.dumps({**record, "removeStatus": "1"}))
    assert isinstance(listed, Accepted)
    assert isinstance(gone, Withdrawal)
    assert listed.record.record_id in gone.record_ids


def test_no_other_debtor_of_the_case_is_withdrawn_with_one(read_items: Any) -> None:
    """An order names several subjects. A listing is of one, whoever else stands in the row."""
    row = {
        "caseNo": "(2015)阜执字第00940号",
        "pname": "章清远",
        "companyName": "焦城有限公司",
        "yiwu": "付款",
        "jtqx": "x",
    }
    (listed,), (gone,) = read_items(orjson.dumps(row)), read_items(orjson.dumps({**row, "removeStatus": 1}))
    assert listed.record.record_id in gone.record_ids
    assert len(gone.record_ids) == 3


def test_text_in_the_wrong_encoding_is_refused_in_any_feed() -> None:
    for feed, record, key in ((ORDERS, CHINESE, "限制高消费企业名称"), (CASES, LABELLED, "执行法院")):
        garbled = {**record, key: "焦城有限公司".encode().decode("gbk", "replace")}
        item = one(feed, orjson.dumps(garbled))
        assert isinstance(item, Rejected)
        assert item.code == "garbled-text"
