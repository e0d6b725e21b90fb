"""A unit behind a label, in brackets of any width: what stands under it is read in that unit, digit by digit."""

from typing import Any

import orjson
import pytest

from adapters.feeds import read
from adapters.feeds.units import in_unit, unit_behind, without_units
from schemas.canonical import JsonValue
from schemas.reading import Accepted
from schemas.records.enforcement import JudgmentDebtor
from tests.unit.adapters.feeds.conftest import KEY, TODAY, UNIT
from tests.unit.adapters.feeds.tables import as_csv, as_xlsx, table_of
from tests.unit.adapters.feeds.test_restriction import CHINESE

CASES: dict[str, Any] = {
    "案号": "（2026）豫0811执1号", "被执行人": "焦城执行有限公司", "组织机构代码": "69670740-9",
    "执行法院": "山阳区人民法院", "申请执行人": "某银行", "立案日期": "2026-01-05",
}  # fmt: skip
FORMS = {
    "json": orjson.dumps,
    "csv": lambda row: as_csv([list(row), list(row.values())]),
    "gb18030": lambda row: as_csv([list(row), list(row.values())], "gb18030"),
    "xlsx": lambda row: as_xlsx([list(row), list(row.values())]),
}


def record(feed: str, data: bytes) -> Any:
    (item,) = read(feed, data, record_key=KEY, today=TODAY)
    assert isinstance(item, Accepted), item
    return item.record


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    ("label", "said", "amount"),
    [
        ("执行标的（元）", "53300", "53300.00"),
        ("执行标的(元)", 53300, "53300.00"),
        ("执行标的（万元）", "5.33", "53300.00"),
        ("执行标的(万元)", 5.33, "53300.00"),
        ("执行标的【单位：万元】", "1,005.33", "10053300.00"),
        ("执行标的金额（人民币：亿元）", 2, "200000000.00"),
        ("标的额（万）", "0.07", "700.00"),
        ("申请执行标的金额 （ 百万元 ）", "1.15", "1150000.00"),
        ("执行标的（万元）", "120000元", "120000.00"),
        ("执行标的（万元）", "", None),
        ("执行标的（元）", "八千二百", "8200.00"),
        ("执行标的（万元人民币）", "12.5", "125000.00"),
        ("执行标的（以万元计）", "12.5", "125000.00"),
        ("执行标的（人民币万元）", "12.5", "125000.00"),
        ("执行标的（万元）", "¥12.5", "125000.00"),
        ("执行标的（万元）", "人民币12.5", "125000.00"),
        ("执行标的（万元）", "一百二十", "1200000.00"),
        ("执行标的（百万元）", "一百二十", "120000000.00"),
        ("执行标的（万元）", "12.5万元", "125000.00"),
        ("执行标的（万元）", "一百二十万", "1200000.00"),
    ],
)
def test_an_amount_is_read_in_the_unit_behind_its_label(form: str, label: str, said: JsonValue, amount: str) -> None:
    found = record("judgment-debtor", FORMS[form]({**CASES, label: said}))
    assert isinstance(found, JudgmentDebtor)
    assert (found.amount, found.subject.name, found.state) == (amount, "焦城执行有限公司", "open")


TABLES = [form for form in FORMS if form != "json"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("said", ["5000", "¥12.5", "5万", "一百二十"])
@pytest.mark.parametrize("unit", ["美元", "港币", "万港元"])
def test_an_amount_in_another_currency_is_no_amount_of_yuan(unit: str, said: str, form: str) -> None:
    found = record("judgment-debtor", FORMS[form]({**CASES, f"执行标的（{unit}）": said}))
    assert found.amount is None
    assert [one.code for one in found.warnings] == ["amount-unreadable"]


@pytest.mark.parametrize("form", TABLES)
def test_a_note_behind_an_amount_that_nobody_knows_may_be_its_unit(form: str) -> None:
    found = record("judgment-debtor", FORMS[form]({**CASES, "执行标的（按约定）": "12.5"}))
    assert (found.amount, [one.code for one in found.warnings]) == (None, ["amount-unreadable"])
    assert record("judgment-debtor", FORMS[form]({**CASES, "执行标的（必填）": "12.5"})).amount == "12.50"


@pytest.mark.parametrize("write", [as_csv, as_xlsx], ids=["csv", "xlsx"])
@pytest.mark.parametrize(
    ("title", "label", "amount"),
    [
        ("单位：万元", "执行标的", "125000.00"), ("（金额单位: 人民币万元）", "执行标的", "125000.00"),
        ("执行案件清单（单位：万元）", "执行标的", "125000.00"), ("单位：万元", "执行标的（元）", "12.50"),
        ("单位：万元", "执行标的金额（元）", "12.50"), ("单位：元", "执行标的", "12.50"),
        ("单位：港币", "执行标的", None), ("币种：人民币 单位：万元", "执行标的", "125000.00"),
        ("填报单位：山阳区人民法院", "执行标的", "12.50"), ("2026年名单", "执行标的", "12.50"),
    ],
)  # fmt: skip
def test_a_unit_in_a_title_holds_for_the_amounts_that_say_none(write: Any, title: str, label: str, amount: str) -> None:
    row = {**CASES, label: "12.5"}
    assert record("judgment-debtor", write([[title], list(row), list(row.values())])).amount == amount


def test_a_unit_beside_an_amount_holds_where_the_text_has_none() -> None:
    line = {
        "pname": "焦城执行有限公司",
        "caseCode": CASES["案号"],
        "partyCardNum": "69670740-9",
        "execMoneyUnit": "万元",
    }
    line |= {"execCourtName": "山阳区人民法院", "caseCreateTime": "2026年01月05日"}
    for said in ("12.5", "12.5万元", "125000元"):
        assert record("judgment-debtor", orjson.dumps({**line, "execMoney": said})).amount == "125000.00"


def test_what_is_unpaid_and_an_order_s_amount_have_units_too() -> None:
    found = record(
        "judgment-debtor", FORMS["xlsx"]({**CASES, "未履行金额（万元）": 12.5, "结案方式": "终结本次执行程序"})
    )
    assert (found.unpaid, found.state) == ("125000.00", "ended-unperformed")
    order = {key: value for key, value in CHINESE.items() if key != "涉案金额"}
    for form in FORMS.values():
        assert record("consumption-restriction", form({**order, "涉案金额（万元）": "1.2"})).amount == "12000.00"


def test_every_digit_of_an_amount_is_kept() -> None:
    """Multiplied as a binary fraction, 1.005 would be 10049.999..."""
    assert record("judgment-debtor", FORMS["xlsx"]({**CASES, "执行标的（万元）": 1.005})).amount == "10050.00"
    assert record("judgment-debtor", FORMS["json"]({**CASES, "执行标的（万元）": 0.29})).amount == "2900.00"


def test_parts_of_a_listing_keep_their_unit_as_text() -> None:
    rows = table_of([{**UNIT, "performedPart": "3.5"}])
    rows[0] = ["已履行部分（万元）" if cell == "已履行部分" else cell for cell in rows[0]]
    assert record("dishonest-debtor", as_csv(rows)).performed == "3.5万元"


@pytest.mark.parametrize(
    ("label", "found"),
    [
        ("执行标的", None), ("住所（经营场所）", None), ("年龄(岁)", None), ("（元）", None), ("元", None),
        ("执行标的（元）", ("执行标的", "元")), ("金额 (人民币万元)", ("金额", "万元")), ("x" * 70 + "（元）", None),
    ],
)  # fmt: skip
def test_what_is_a_unit_behind_a_label(label: str, found: tuple[str, str] | None) -> None:
    assert unit_behind(label) == found


def test_two_labels_that_differ_by_their_unit_alone_are_left_as_they_are() -> None:
    assert without_units({"执行标的（元）": "1", "执行标的": "2"}) is None
    assert without_units({"执行标的": "1"}) is None


@pytest.mark.parametrize("value", [None, True, [], "约5", "5万", "-5", "5.5.5", "元"])
def test_what_is_no_plain_number_takes_no_unit(value: JsonValue) -> None:
    assert in_unit(value, "万元") == value
