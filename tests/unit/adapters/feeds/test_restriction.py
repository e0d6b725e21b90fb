"""`consumption-restriction` (限制消费): every quirk of its published shapes, waivers, and lifting."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.catalog import CONSUMPTION_RESTRICTION
from schemas.identifiers import id_check
from schemas.reading import Accepted, Rejected, Withdrawal
from schemas.records.restriction import ConsumptionRestriction
from schemas.slots import flatten, nest
from tests.unit.adapters.feeds.reading import Reading

FEED = "consumption-restriction"
UNIT, PERSON = "焦城限消有限公司", "苏嘉川"
MONITOR: dict[str, Any] = {
    "caseNumber": "(2020)豫0811执00716号", "companyName": UNIT, "personName": PERSON, "personNumber": "",
    "obligorType": 1, "registerDate": "2020-10-19", "url": "/5038/2020-10-29/c524b1906737e351.pdf",
}  # fmt: skip
AGGREGATOR: dict[str, Any] = {
    "caseCode": "（2024）豫0811执716号", "xname": PERSON, "qyinfo": UNIT, "qyinfoAlias": "焦城", "applicant": "某银行",
    "execCourtName": "焦作市山阳区人民法院", "caseCreateTime": 1712419200000, "publishDate": "2024-06-24",
    "filePath": "http://zxgk.court.gov.cn/xglfile/5038/2024-06-24/0a1b.pdf",
}  # fmt: skip
CHINESE: dict[str, Any] = {
    "限制高消费企业名称": UNIT, "案号": "（2018）豫0811执716号", "法定代表人": PERSON, "申请人": "某局",
    "涉案金额": "12000", "执行法院": "焦作市山阳区人民法院", "立案日期": "2018-11-16 00:00:00",
    "限高发布日期": "2019-02-13 00:00:00",
}  # fmt: skip


def person_id(born: str) -> str:
    digits = f"999999{born}001"
    return digits + id_check(digits)


READING = Reading(FEED, ConsumptionRestriction)
items, one, record, code = READING.items, READING.one, READING.record, READING.code


def canonical(**changed: Any) -> dict[str, Any]:
    """One of our own lines, as a court's system writes it."""
    return {**orjson.loads(record(CHINESE).model_dump_json()), **changed}


def waiver(**changed: Any) -> dict[str, Any]:
    return {
        "number": "豫0811执716号批1", "name": PERSON, "action": "flight", "valid_from": "2026-11-20",
        "valid_until": "2026-11-30", **changed,
    }  # fmt: skip


def names(order: ConsumptionRestriction) -> list[tuple[str, str | None]]:
    return [(subject.kind, subject.name) for subject in order.subjects]


@pytest.mark.parametrize(("name", "count"), [("xgl.jsonl", 2), ("xgl_am.jsonl", 3)])
def test_every_sample_record_is_accounted_for(samples: Path, name: str, count: int) -> None:
    found = items((samples / name).read_bytes())
    assert [item.line for item in found] == list(range(1, count + 1))
    assert all(isinstance(item, Accepted) for item in found)


@pytest.mark.parametrize("source", [MONITOR, AGGREGATOR, CHINESE])
def test_an_order_names_unit_and_person_and_both_are_subjects(source: dict[str, Any]) -> None:
    found = record(source)
    assert set(names(found)) == {("organisation", UNIT), ("person", PERSON)}
    assert found.doubts == ()
    assert found.case.number.endswith("执716号")


def test_the_same_order_twice_once_for_the_unit_and_once_for_its_person_is_two_records() -> None:
    unit, person = record(MONITOR), record(MONITOR, obligorType=2)
    assert unit.record_id != person.record_id
    assert set(names(unit)) == set(names(person)), "each restricts both until both are lifted"
    assert unit.subjects[0].name == UNIT
    assert person.subjects[0].name == PERSON


def test_the_same_row_on_republication_is_the_same_record() -> None:
    assert record(MONITOR, id=1, gmtModified="2026-01-01").record_id == record(MONITOR, id=2).record_id
    assert record(CHINESE, 案号="(2018)豫0811执0716号").record_id == record(CHINESE).record_id


def test_a_company_name_that_is_empty_leaves_the_person() -> None:
    assert names(record(MONITOR, companyName="", obligorType=2)) == [("person", PERSON)]
    assert names(record(AGGREGATOR, qyinfo=None, qyinfoAlias=None)) == [("person", PERSON)]
    assert names(record(CHINESE, 限制高消费企业名称="")) == [("person", PERSON)]


def test_a_row_about_the_unit_alone_says_it_once() -> None:
    assert names(record(AGGREGATOR, xname=...)) == [("organisation", UNIT)]
    assert names(record(MONITOR, companyName=...)) == [("person", PERSON)]
    assert names(record(AGGREGATOR, xname=UNIT)) == [("organisation", UNIT)]


def test_several_persons_in_one_field_are_several_subjects() -> None:
    assert names(record(CHINESE, 法定代表人="苏嘉川、水言")) == [
        ("organisation", UNIT), ("person", "苏嘉川"), ("person", "水言"),
    ]  # fmt: skip


def test_the_head_of_a_unit_has_a_role() -> None:
    assert [subject.role for subject in record(CHINESE).subjects] == [None, "法定代表人"]


def test_a_person_number_that_is_empty_is_none_and_no_doubt() -> None:
    person = record(MONITOR).subjects[1]
    assert (person.identifiers, person.doubts) == ((), ())


def test_a_full_person_number_is_the_persons_and_never_the_units() -> None:
    unit, person = record(MONITOR, personNumber=person_id("19800101")).subjects
    assert unit.identifiers == ()
    assert [(entry.scheme, entry.check) for entry in person.identifiers] == [("cn-id", "pass")]


def test_a_number_that_fails_its_check_makes_its_own_subject_doubtful_and_no_other() -> None:
    wrong = person_id("19800101")[:-1] + "A"
    found = record(MONITOR, personNumber=wrong)
    assert [subject.doubts for subject in found.subjects] == [(), ("identifiers",)]
    assert found.doubts == ()


def test_a_unit_in_the_persons_column_is_of_unknown_kind() -> None:
    found = record(CHINESE, 法定代表人="别的有限公司")
    assert [(subject.kind, subject.doubts) for subject in found.subjects] == [
        ("organisation", ()), ("unknown", ("kind",)),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("amount", "said"), [("12000", "12000.00"), ("-", None), ("", None), (12000.5, "12000.50"), ("1.2万元", "12000.00")]
)
def test_an_amount_may_be_a_dash(amount: object, said: str | None) -> None:
    assert record(CHINESE, 涉案金额=amount).amount == said


def test_an_amount_that_cannot_be_read_is_a_warning() -> None:
    found = record(CHINESE, 涉案金额="见裁定书")
    assert found.amount is None
    assert ("amount-unreadable", "amount") in {(one.code, one.field) for one in found.warnings}
    assert found.doubts == ()


@pytest.mark.parametrize(
    "link",
    [
        "/5038/2020-10-29/c524b1906737e351.pdf",
        "/xglfile/5038/2020-10-29/c524b1906737e351.pdf",
        "http://zxgk.court.gov.cn/xglfile/5038/2020-10-29/c524b1906737e351.pdf",
        "https://zxgk.court.gov.cn/xglfile/5038/2020-10-29/c524b1906737e351.pdf",
    ],
)
def test_the_orders_path_is_made_whole_and_tells_the_day_of_publication(link: str) -> None:
    found = record(MONITOR, url=link)
    assert found.order_url == "http://zxgk.court.gov.cn/xglfile/5038/2020-10-29/c524b1906737e351.pdf"
    assert str(found.published_on) == "2020-10-29"


def test_a_link_elsewhere_is_kept_and_tells_no_day() -> None:
    link = "https://aiqicha.baidu.com/c/restrictedconsumerdetail?pid=1&dataId=2"
    found = record(MONITOR, url=link)
    assert (found.order_url, found.published_on, found.doubts) == (link, None, ("period",))


@pytest.mark.parametrize("link", ["javascript:SLC(98761,0)", "http://a b", "/../../etc/passwd", "x" * 600])
def test_what_is_no_link_is_none(link: str) -> None:
    found = record(MONITOR, url=link)
    assert found.order_url is None
    assert "odd-link" in {one.code for one in found.warnings}


@pytest.mark.parametrize(
    ("when", "day"),
    [(1712419200000, "2024-04-07"), ("1712419200000", "2024-04-07"), ("2024-04-07", "2024-04-07"),
     ("2024年04月07日", "2024-04-07"), ("0001-01-01T00:00:00", None)],
)  # fmt: skip
def test_the_filing_day_in_every_form(when: object, day: str | None) -> None:
    filed = record(AGGREGATOR, caseCreateTime=when).case.filed_on
    assert (str(filed) if filed else None) == day


def test_a_key_name_with_a_trailing_blank_is_the_same_key() -> None:
    spaced = {f"{key} ": value for key, value in CHINESE.items()}
    assert record(spaced).record_id == record(CHINESE).record_id


def test_hard_stops() -> None:
    assert code(CHINESE, 限制高消费企业名称="", 法定代表人="-") == "no-subject"
    assert code(CHINESE, 案号="") == "no-case-number"
    assert code(CHINESE, 执行法院="（2018）豫0811执716号") == "shifted-columns"
    assert code(CHINESE, 案号="2018-11-16") == "shifted-columns"
    assert code(MONITOR, companyName="", obligorType=2, personNumber=person_id("20150101")) == "minor"
    assert code(MONITOR, personNumber=1.2345678901234567e17) == "rounded-identifier"
    assert code(MONITOR, registerDate=1.5) == "wrong-value"
    assert code(MONITOR, surprise=1) == "unknown-shape", "an unknown key may say that the order was lifted"


def test_a_record_of_another_list_is_never_converted(samples: Path) -> None:
    for name in (
        "shixin_zxgk.jsonl",
        "shixin_baidu.jsonl",
        "zhixing_zxgk.jsonl",
        "zhongben.jsonl",
        "zhixing_qcc.jsonl",
    ):
        assert {item.code for item in items((samples / name).read_bytes())} == {"wrong-feed"}  # type: ignore[union-attr]
    assert {item.code for item in items((samples / "xgl.jsonl").read_bytes(), "judgment-debtor")} == {"wrong-feed"}  # type: ignore[union-attr]


def test_our_own_line_says_the_same_record_again(samples: Path) -> None:
    for name in ("xgl.jsonl", "xgl_am.jsonl"):
        for first in items((samples / name).read_bytes()):
            assert isinstance(first, Accepted)
            (again,) = items(first.record.model_dump_json().encode())
            assert isinstance(again, Accepted)
            assert again.record == first.record


def test_a_claimed_check_is_not_believed_of_any_subject() -> None:
    line = canonical()
    entry = {"scheme": "cn-id", "value": "999999198001010010", "masked": False, "check": "pass"}
    line["subjects"][1]["identifiers"] = [entry]
    found = record(line)
    assert [entry.check for entry in found.subjects[1].identifiers] == ["fail"]
    assert [subject.doubts for subject in found.subjects] == [(), ("identifiers",)]


def test_what_the_gateway_makes_may_be_absent_in_our_own_line() -> None:
    line = canonical()
    for absent in ("record_id", "revision", "doubts", "warnings", "source"):
        del line[absent]
    for subject in line["subjects"]:
        del subject["doubts"]
    assert record(line).record_id == record(CHINESE).record_id


def test_a_waiver_stands_in_the_order_and_changes_no_id() -> None:
    found = record(canonical(waivers=[waiver(), waiver(number="批2", name=None)]))
    assert [(one.action, one.name) for one in found.waivers] == [("flight", PERSON), ("flight", None)]
    assert found.record_id == record(CHINESE).record_id


@pytest.mark.parametrize(
    ("waivers", "refused"),
    [
        ([waiver(name="别人")], "waiver-for-nobody"),
        ([waiver(), waiver(action="train")], "waiver-twice"),
        ([waiver(valid_until="2026-11-19")], "invalid-record"),
        ([waiver(valid_until=None)], "invalid-record"),
        ([waiver(number="")], "invalid-record"),
        ([waiver(action="Flight to Paris")], "invalid-record"),
    ],
)
def test_a_waiver_that_could_let_another_pass_is_refused(waivers: list[Any], refused: str) -> None:
    assert code(canonical(waivers=waivers)) == refused


def withdrawal(line: dict[str, Any]) -> Withdrawal:
    item = one(line, status="withdrawn", status_reason="lifted")
    assert isinstance(item, Withdrawal)
    return item


def test_an_order_is_lifted_by_its_id_or_by_case_number_and_any_name_in_it() -> None:
    order = record(CHINESE)
    assert withdrawal({"record_id": order.record_id}).record_ids == (order.record_id,)
    assert order.record_id in withdrawal({"case_number": CHINESE["案号"], "name": UNIT}).record_ids
    assert withdrawal({"case_number": CHINESE["案号"], "name": UNIT}).status_reason == "lifted"


def test_lifting_by_a_row_that_names_both_lifts_both_records_of_the_order() -> None:
    (item,) = items(orjson.dumps({**MONITOR, "removeStatus": 1}))
    assert isinstance(item, Withdrawal)
    assert {record(MONITOR).record_id, record(MONITOR, obligorType=2).record_id} <= set(item.record_ids)


def test_lifting_by_a_table_that_says_so() -> None:
    for said in ({"状态": "已解除"}, {"解除原因": "被执行人已履行完毕"}):
        (item,) = items(orjson.dumps({**CHINESE, **said}))
        assert isinstance(item, Withdrawal)
        assert record(CHINESE).record_id in item.record_ids
        assert item.status_reason == ("lifted" if "状态" in said else "performed")
    assert record(CHINESE, 状态="有效").record_id == record(CHINESE).record_id


def test_lifting_by_our_own_line_without_its_id_finds_every_subject() -> None:
    line = canonical()
    del line["record_id"]
    ids = withdrawal(line).record_ids
    assert record(MONITOR, caseNumber=CHINESE["案号"], obligorType=2).record_id in ids
    assert record(CHINESE).record_id in ids


def test_j5_no_other_defect_keeps_an_order_standing() -> None:
    assert withdrawal({"case": {"number": CHINESE["案号"]}, "subjects": [{"name": UNIT}, 7], "waivers": "x"}).record_ids


def test_values_are_the_record_in_slot_order() -> None:
    order = record(canonical(waivers=[waiver()]))
    line = orjson.loads(order.model_dump_json())
    slots = CONSUMPTION_RESTRICTION.slots
    assert dict(zip(slots, CONSUMPTION_RESTRICTION.values(order), strict=True)) == flatten(line, slots)
    assert nest(dict(zip(slots, CONSUMPTION_RESTRICTION.values(order), strict=True)))["subjects"] == line["subjects"]


@pytest.mark.parametrize("pack", [orjson.dumps, lambda records: orjson.dumps({"updateList": records})])
def test_a_list_of_orders_in_one_line_is_one_record_each(pack: Callable[[Any], bytes]) -> None:
    found = items(pack([CHINESE, MONITOR, {"x": 1}]))
    assert [type(item) for item in found] == [Accepted, Accepted, Rejected]
