"""`judgment-debtor` (被执行人, 终本): every quirk of its published shapes has a test named after it."""

from pathlib import Path
from typing import Any

import orjson
import pytest

from schemas.catalog import JUDGMENT_DEBTOR
from schemas.identifiers import id_check
from schemas.reading import Accepted, Withdrawal
from schemas.records.enforcement import JudgmentDebtor
from schemas.slots import flatten
from tests.unit.adapters.feeds.reading import Reading

FEED = "judgment-debtor"
SAMPLES = {
    "zhixing_am.jsonl": 2, "zhixing_list.jsonl": 2, "zhixing_qcc.jsonl": 5, "zhixing_tyc.jsonl": 15,
    "zhixing_zxgk.jsonl": 3, "zhongben.jsonl": 1, "hshfy.jsonl": 1,
}  # fmt: skip
PUBLIC: dict[str, Any] = {
    "id": 105576666, "caseCode": "(2018)豫0811执0086号", "caseState": "执行中",
    "execCourtName": "焦作市山阳区人民法院", "execMoney": 377352.1, "partyCardNum": "69670740-9",
    "pname": "焦城执行有限公司", "gistId": "(2017)豫0811民初33号", "caseCreateTime": "2018年07月08日",
}  # fmt: skip
MONITOR: dict[str, Any] = {
    "address": "丹北镇银桥村", "caseCode": "(2020)豫0811执3540号", "caseCreateTime": "2020-05-25",
    "caseEndTime": "2020-09-03", "execCourtName": "焦作市山阳区人民法院", "execMoney": 6544784,
    "obligorName": "金知远", "obligorType": 2, "partyCardNum": "321119196905018431", "unExecMoney": 6544784,
}  # fmt: skip
AGGREGATOR: dict[str, Any] = {
    "Name": "焦城执行有限公司", "Anno": "(2014)山阳法执字第03401号", "Biaodi": "20000", "Status": "执行中",
    "PartyCardNum": "0", "ExecuteGov": "焦作市山阳区人民法院",
}  # fmt: skip
ENDED: dict[str, Any] = {
    "zname": "焦城执行有限公司", "caseCode": "(2016)豫0811执247号", "caseCreateTime": "2016-01-18T16:00:00.000+00:00",
    "caseFinalTime": "2016-07-12T16:00:00.000+00:00", "execMoney": "849348", "execMoneyUnit": "元",
    "noExecMoney": "0", "noExecMoneyUnit": "元", "execCourtName": "焦作市山阳区人民法院",
}  # fmt: skip
SHANGHAI: dict[str, Any] = {
    "案号": "（1999）虹执字第1509号", "被执行人": "上海浩龙实业发展总公司（法定代表人：喻沐棠）",
    "被执行人地址": "某路1号",
    "执行标的金额（元）": "1", "申请执行人": "某支行", "承办法院、联系电话": "虹口区人民法院  56333300-1213",
}  # fmt: skip


READING = Reading(FEED, JudgmentDebtor)
items, one, record, code = READING.items, READING.one, READING.record, READING.code


def warned(found: JudgmentDebtor) -> set[str]:
    return {one.code for one in found.warnings}


@pytest.mark.parametrize("name", SAMPLES)
def test_every_sample_record_is_accounted_for(samples: Path, name: str) -> None:
    found = items((samples / name).read_bytes())
    assert [item.line for item in found] == list(range(1, SAMPLES[name] + 1))
    assert all(isinstance(item, Accepted) for item in found)


@pytest.mark.parametrize("name", SAMPLES)
def test_being_under_enforcement_is_no_ground_for_discipline(samples: Path, name: str) -> None:
    for feed in ("dishonest-debtor", "consumption-restriction"):
        assert {item.code for item in items((samples / name).read_bytes(), feed)} == {"wrong-feed"}  # type: ignore[union-attr]


@pytest.mark.parametrize("name", ["shixin_zxgk.jsonl", "shixin_baidu.jsonl", "xgl.jsonl", "xgl_am.jsonl"])
def test_a_record_of_another_list_is_never_converted(samples: Path, name: str) -> None:
    assert {item.code for item in items((samples / name).read_bytes())} == {"wrong-feed"}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("0", "open"), ("执行中", "open"), ("已结案", "closed"), ("终结本次执行程序", "ended-unperformed"),
        ("终本", "ended-unperformed"), (0, "open"),
    ],
)  # fmt: skip
def test_the_state_of_a_case_in_every_word(word: object, state: str) -> None:
    found = record(PUBLIC, caseState=word)
    assert (found.state, warned(found)) == (state, set())


def test_a_state_that_is_not_said_is_open_and_one_that_nobody_knows_is_unknown() -> None:
    assert (record(PUBLIC, caseState=...).state, warned(record(PUBLIC, caseState=...))) == ("open", set())
    assert (record(PUBLIC, caseState="").state, warned(record(PUBLIC, caseState=""))) == ("open", {"no-state"})
    assert (record(PUBLIC, caseState="奇").state, warned(record(PUBLIC, caseState="奇"))) == (
        "unknown",
        {"state-unknown"},
    )


def test_an_end_and_what_is_unpaid_say_ended_unperformed() -> None:
    found = record(MONITOR)
    assert (found.state, found.unpaid, str(found.ended_on)) == ("ended-unperformed", "6544784.00", "2020-09-03")
    assert record(MONITOR, caseEndTime=..., unExecMoney=...).state == "open"
    assert record(MONITOR, caseEndTime="", unExecMoney=None).state == "open"
    assert record(MONITOR, unExecMoney=...).state == "unknown"


def test_an_ended_case_says_so_with_nothing_unpaid_too() -> None:
    found = record(ENDED)
    assert (found.state, found.amount, found.unpaid) == ("ended-unperformed", "849348.00", "0.00")


def test_a_case_on_both_lists_is_one_record_whose_state_changes() -> None:
    on_list = record(PUBLIC, pname=ENDED["zname"], caseCode=ENDED["caseCode"])
    assert record(ENDED).record_id == on_list.record_id
    assert (on_list.state, record(ENDED).state) == ("open", "ended-unperformed")


@pytest.mark.parametrize(
    ("amount", "said"),
    [(17300, "17300.00"), ("55593", "55593.00"), ("11654208.0", "11654208.00"), (377352.1, "377352.10"), (None, None)],
)
def test_an_amount_is_a_number_or_a_text(amount: object, said: str | None) -> None:
    assert record(PUBLIC, execMoney=amount).amount == said


def test_an_amount_has_its_unit_in_another_field() -> None:
    assert record(ENDED, execMoney="84.9348", execMoneyUnit="万元").amount == "849348.00"
    found = record(ENDED, execMoneyUnit="美元")
    assert (found.amount, warned(found)) == (None, {"amount-unreadable"})


@pytest.mark.parametrize(
    ("number", "scheme", "masked"),
    [
        ("32032119860****5328", "cn-id", True),  # 19 characters
        ("3203211986****5328", "cn-id", True),  # 18
        ("91320811696****409A", "cn-uscc", True),
        ("9113090056****6791", "cn-uscc", True),
        ("69670740-9", "cn-org", False),
        ("696707409", "cn-org", False),
        ("69670740－9", "cn-org", False),
    ],
)
def test_an_identifier_in_every_width_and_mask(number: str, scheme: str, masked: bool) -> None:
    (entry,) = record(PUBLIC, pname="", partyCardNum=number).subject.identifiers
    assert (entry.scheme, entry.masked) == (scheme, masked)


@pytest.mark.parametrize("number", [None, "", "0", "null", "12345678-9"])
def test_an_identifier_that_is_none(number: str | None) -> None:
    assert record(PUBLIC, partyCardNum=number).subject.identifiers == ()


def test_two_companies_codes_under_one_name_are_both_kept_apart() -> None:
    """One row of the list gives another company's code: the case keeps what it says."""
    assert record(PUBLIC).subject.identifiers != record(PUBLIC, partyCardNum="56261546-7").subject.identifiers
    assert record(PUBLIC).record_id == record(PUBLIC, partyCardNum="56261546-7").record_id


@pytest.mark.parametrize(
    ("when", "day"),
    [
        (1530633600000, "2018-07-04"),
        ("1530633600000", "2018-07-04"),
        ("2018年07月08日", "2018-07-08"),
        ("2016-01-18T16:00:00.000+00:00", "2016-01-19"),
        ("Wed Mar 07 15:58:50 CST 2018", "2018-03-07"),
        ("0001-01-01T00:00:00", None),
        ("10170730", None),
        (4277116800000, None),
        (
            {"date": 3, "day": 4, "hours": 0, "minutes": 0, "month": 7, "nanos": 0, "seconds": 0,
             "time": 1501689600000, "timezoneOffset": -480, "year": 117},
            "2017-08-03",
        ),
    ],
)  # fmt: skip
def test_the_filing_day_in_every_form(when: object, day: str | None) -> None:
    found = record(PUBLIC, caseCreateTime=when)
    assert (str(found.case.filed_on) if found.case.filed_on else None) == day
    if when != "0001-01-01T00:00:00":  # a sentinel of some program for no day at all
        assert ("impossible-date" in warned(found)) == (day is None)


def test_utc_of_china_midnight_is_the_day_in_china() -> None:
    found = record(ENDED)
    assert (str(found.case.filed_on), str(found.ended_on)) == ("2016-01-19", "2016-07-13")


def test_a_record_repeated_as_a_string_inside_itself_is_read_once() -> None:
    found = record(PUBLIC, jsonObject='{"pname":"别人"}')
    assert found.subject.name == PUBLIC["pname"]
    assert found.record_id == record(PUBLIC).record_id


def test_old_and_new_case_numbers() -> None:
    assert record(AGGREGATOR).case.number == "（2014）山阳法执字第03401号"
    assert record(PUBLIC).case.number == "（2018）豫0811执86号"


def test_sex_tells_a_person_and_a_unit_has_none() -> None:
    person = record(PUBLIC, pname="水远泽", sexname="女性", partyCardNum="31022719691****0113")
    assert (person.subject.kind, person.subject.sex) == ("person", "female")
    found = record(PUBLIC, sexname="女性")
    assert (found.subject.kind, found.doubts) == ("unknown", ("kind",))


def test_the_address_and_the_applicant_stay_in_the_raw_record() -> None:
    for source, words in ((MONITOR, ["丹北镇"]), (SHANGHAI, ["某路", "某支行", "56333300"])):
        item = one(source)
        assert isinstance(item, Accepted)
        said = item.record.model_dump_json()
        assert not any(word in said for word in words)
        assert all(word in item.raw.decode() for word in words)


def test_the_full_id_of_a_natural_person_is_read_as_such() -> None:
    (entry,) = record(MONITOR).subject.identifiers
    assert (entry.scheme, entry.check, entry.masked) == ("cn-id", "pass", False)  # a region that no longer exists


LABELLED: dict[str, Any] = {
    "序号": "1", "案号": "(2018)豫0811执86号", "被执行人姓名/名称": "焦城执行有限公司",
    "身份证号码/组织机构代码": "69670740-9", "执行法院": "焦作市山阳区人民法院", "立案时间": "2018年07月08日",
    "执行标的": 377352.1,
}  # fmt: skip


def test_the_labels_of_the_courts_pages_are_keys_too() -> None:
    found = record(LABELLED)
    assert (found.state, found.amount, found.record_id) == ("open", "377352.10", record(PUBLIC).record_id)
    ended = record(LABELLED, 终本日期="2019年01月02日", 未履行金额="377352.1")
    assert (ended.state, ended.unpaid, str(ended.ended_on)) == ("ended-unperformed", "377352.10", "2019-01-02")
    assert record(LABELLED, 执行标的=..., 未履行金额="1").state == "ended-unperformed"
    assert record(LABELLED, 案件状态="已结案").state == "closed"
    assert {item.code for item in items(orjson.dumps(LABELLED), "dishonest-debtor")} == {"wrong-feed"}  # type: ignore[union-attr]


def test_the_head_of_a_unit_stands_in_brackets_behind_its_name() -> None:
    found = record(SHANGHAI)
    assert (found.subject.kind, found.subject.name) == ("organisation", "上海浩龙实业发展总公司")
    assert [(person.name, person.role) for person in found.responsible_persons] == [("喻沐棠", "法定代表人")]


def test_a_unit_without_a_head_says_none() -> None:
    found = record(SHANGHAI, 被执行人="上海浩龙实业发展总公司（法定代表人：无）")
    assert found.responsible_persons == ()
    assert found.subject.name == "上海浩龙实业发展总公司"


@pytest.mark.parametrize("between", ["  ", "\u00a0", "\u00a0\u00a0", "\u3000\u3000"])
def test_court_and_telephone_share_a_field(between: str) -> None:
    assert record(SHANGHAI, **{"承办法院、联系电话": f"虹口区人民法院{between}56333300"}).case.court == "虹口区人民法院"


def test_digits_in_a_name_are_removed_with_a_warning() -> None:
    found = record(PUBLIC, pname="\u3000金知远123", partyCardNum="")
    assert (found.subject.name, warned(found)) == ("金知远", {"digits-removed"})


def test_hard_stops() -> None:
    minor = "99999920150101001"
    assert code(PUBLIC, pname="-", partyCardNum="0") == "no-subject"
    assert code(PUBLIC, caseCode="") == "no-case-number"
    assert code(PUBLIC, execCourtName="(2018)豫0811执86号") == "shifted-columns"
    assert code(PUBLIC, caseCode="2018年07月08日") == "shifted-columns"
    assert code(PUBLIC, pname="金知远", partyCardNum=minor + id_check(minor)) == "minor"
    assert code(PUBLIC, partyCardNum=1.2345678901234567e17) == "rounded-identifier"
    assert code(PUBLIC, partyCardNum="913208116967074000") == "rounded-identifier"
    assert code(PUBLIC, gistId=1.5) == "wrong-value"
    assert code(PUBLIC, pname=["x"]) == "wrong-value"
    assert code(PUBLIC, surprise=1) == "unknown-shape", "an unknown key may say that the debtor is off the list"


def test_our_own_line_says_the_same_record_again(samples: Path) -> None:
    for name in SAMPLES:
        for first in items((samples / name).read_bytes()):
            assert isinstance(first, Accepted)
            (again,) = items(first.record.model_dump_json().encode())
            assert isinstance(again, Accepted)
            assert again.record == first.record


@pytest.mark.parametrize("source", [PUBLIC, MONITOR, AGGREGATOR, ENDED])
def test_a_record_is_withdrawn_by_its_own_row(source: dict[str, Any]) -> None:
    item = one(source, removeStatus=True)
    assert isinstance(item, Withdrawal)
    assert record(source).record_id in item.record_ids


def test_values_are_the_record_in_slot_order() -> None:
    found = record(SHANGHAI)
    slots = JUDGMENT_DEBTOR.slots
    line = orjson.loads(found.model_dump_json())
    assert dict(zip(slots, JUDGMENT_DEBTOR.values(found), strict=True)) == flatten(line, slots)
