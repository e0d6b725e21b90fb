"""The table of key sets, and docs/lists.md against it."""

import re
from pathlib import Path

import pytest

from adapters.feeds.listings import COPIED, LISTINGS
from adapters.feeds.shapes import OTHER_FEEDS, shape_of

PAGE = (Path(__file__).parents[4] / "docs/lists.md").read_text("utf-8")


def test_every_row_is_documented_and_no_other() -> None:
    assert re.findall(r"^\| `([a-z-]+)` ", PAGE, re.MULTILINE) == [shape.name for shape in LISTINGS]


@pytest.mark.parametrize("shape", LISTINGS, ids=lambda shape: shape.name)
def test_a_row_is_told_by_its_own_keys_and_says_all_it_knows(shape) -> None:
    assert shape.required <= shape.known
    assert all(one <= shape.known for one in shape.telling)
    assert shape.ignored <= shape.known
    record = dict.fromkeys(shape.known)
    assert shape_of(record) is shape


@pytest.mark.parametrize("shape", LISTINGS, ids=lambda shape: shape.name)
def test_no_row_takes_what_gives_another_feed_away(shape) -> None:
    """Unless the record has also what only this list has."""
    for _, telling in OTHER_FEEDS:
        assert not telling <= shape.known or shape.name == "case-table"


@pytest.mark.parametrize(
    "key",
    [
        "removeTime",
        "deleteFlag",
        "status",
        "state",
        "endDate",
        "expireTime",
        "validUntil",
        "cardId",
        "certNo",
        "_deleted",
        "_removed_at",
        "bbd_deleted",
        "bbd_status",
        "execMoney",
        "remark",
        "备注",
        "撤销日期",
        "offTime",
        "cancelTime",
        "revokeDate",
        "isValid",
        "paid",
        "name",
        "type",
    ],
)
def test_no_key_that_may_say_something_counts_as_a_mark_of_a_machine(key: str) -> None:
    assert not COPIED.fullmatch(key)


@pytest.mark.parametrize(
    "key",
    [
        "_id",
        "_version_",
        "md5",
        "id",
        "companyId",
        "crawl_time",
        "createTime",
        "update_time",
        "gmtModified",
        "url",
        "bbd_uptime",
        "rowkey",
        "序号",
        "Createdate",
        "insertDate",
        "ETL_DATE",
        "lastUpdateTime",
        "spider_time",
    ],
)
def test_marks_of_machines(key: str) -> None:
    assert COPIED.fullmatch(key)


def test_amount_and_applicant_alone_make_no_listing() -> None:
    record = dict.fromkeys(["案号", "被执行人", "执行标的金额（元）", "申请执行人", "履行情况", "执行法院"], "x")
    assert shape_of(record) is None
    assert shape_of({**record, "失信行为具体情形": "x"}) is not None
