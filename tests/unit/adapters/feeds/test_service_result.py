"""`service-result` (送达结果): a court's table, and our own line."""

from datetime import date
from functools import partial
from typing import Any

import orjson
import pytest

from schemas.reading import Accepted, Rejected, Withdrawal
from schemas.records.service_result import ServiceResult
from tests.unit.adapters.feeds.reading import Reading
from tests.unit.adapters.feeds.tables import as_csv, as_xlsx

FEED = "service-result"
STATEMENT = "a" * 52
ROW: dict[str, Any] = {
    "送达编号": "S-2026-17", "统一社会信用代码": "91999999MA3X12345U", "受送达人": "焦城试验有限公司",
    "地址声明编号": STATEMENT, "地址来源": "shanyang-market-regulation", "地址生效日期": "2026-01-06",
    "地址类型": "住所", "送达结果": "退回", "退回原因": "原址查无此人", "送达日期": "2026-03-02",
}  # fmt: skip


READING = Reading(FEED, ServiceResult)
items, one, record = READING.items, partial(READING.one, ROW), partial(READING.record, ROW)


def test_a_row_says_which_address_of_which_statement_and_what_became_of_the_attempt() -> None:
    found = record()
    assert found.statement.model_dump() == {
        "record_id": STATEMENT, "from_party": "shanyang-market-regulation", "effective_from": date(2026, 1, 6),
        "use": "domicile",
    }  # fmt: skip
    assert (found.outcome, found.reason, found.occurred_on) == ("returned", "unknown-there", date(2026, 3, 2))
    served = record(送达结果="妥投")
    assert (served.outcome, served.reason) == ("served", None)
    assert record(退回原因="门锁着").reason == "other"


def test_tables_and_our_own_line_say_the_same() -> None:
    rows = [list(ROW), list(ROW.values())]
    whole = record()
    line = orjson.loads(whole.model_dump_json())
    del line["record_id"], line["source"]
    for data in (as_csv(rows), as_csv(rows, "gb18030"), as_xlsx(rows), orjson.dumps(line)):
        (item,) = items(data)
        assert isinstance(item, Accepted), item
        assert item.record.model_copy(update={"source": whole.source}) == whole


@pytest.mark.parametrize(
    ("changed", "code"),
    [
        ({"送达编号": ""}, "no-reference"),
        ({"送达编号": "91999999MA3X12345U"}, "no-reference"),
        ({"送达编号": "关于某某的送达"}, "no-reference"),
        ({"统一社会信用代码": ""}, "no-identifier"),
        ({"地址类型": "门口"}, "wrong-value"),
        ({"送达结果": "在途"}, "wrong-value"),
        ({"地址来源": "市场监管局"}, "wrong-value"),
        ({"地址声明编号": "17"}, "wrong-value"),
        ({"送达日期": "2026-02-30"}, "no-effective-date"),
        ({"案号": "（2026）豫0811民初1号"}, "unknown-shape"),
    ],
)
def test_refusals(changed: dict[str, str], code: str) -> None:
    item = one(**changed)
    assert isinstance(item, Rejected)
    assert item.code == code


def test_the_number_of_the_attempt_is_what_it_is_known_by() -> None:
    found = record()
    assert record(送达结果="妥投").record_id == found.record_id
    assert record(送达编号="S-2026-18").record_id != found.record_id
    for line in ({"reference": "S-2026-17", "status": "withdrawn"}, {**ROW, "是否撤销": "是", "退回原因": 0.5}):
        (item,) = items(orjson.dumps(line))
        assert isinstance(item, Withdrawal), item
        assert item.record_ids == (found.record_id,)
    (item,) = items(b'{"reference": "", "status": "withdrawn"}')
    assert isinstance(item, Rejected)
