"""What becomes of one debtor: kind, doubts, hard stops, the id (rules M1, M5)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeds.listings import LISTINGS
from schemas.identifiers import id_check
from schemas.reading import Accepted, Rejected, Withdrawal


def citizen(day: str) -> str:
    return f"410811{day}001" + id_check(f"410811{day}001")


PERSON = {
    "iname": "张三",
    "cardNum": citizen("19800101"),
    "businessEntity": "",
    "age": 39,
    "sexy": "男",
    "partyTypeName": "580",
}


def warnings(item: Accepted) -> set[tuple[str, str]]:
    return {(one.code, one.field) for one in item.record.warnings}


def test_a_clean_unit(read_one) -> None:
    record = read_one().record
    assert record.subject.kind == "organisation"
    assert (record.doubts, record.warnings) == ((), ())
    assert record.case.number == "（2019）豫0811执123号"
    assert record.subject.age is None
    assert (record.performed, record.unperformed) == (None, None)


def test_a_clean_person(read_one) -> None:
    record = read_one(**PERSON).record
    assert (record.subject.kind, record.doubts, record.subject.sex, record.subject.age) == ("person", (), "male", 39)


@pytest.mark.parametrize("code", ["580", "0", "581", "1", "", "9"])
def test_the_type_code_decides_nothing(code: str, read_one) -> None:
    assert read_one(partyTypeName=code).record.subject.kind == "organisation"
    assert read_one(**{**PERSON, "partyTypeName": code}).record.subject.kind == "person"


@pytest.mark.parametrize(
    "changes",
    [
        {"cardNum": citizen("19800101")},  # a unit's record with a person's number
        {"cardNum": "4108111980****0011"},
        {"iname": "张三"},  # a person's name with a unit's code
        {"age": 40},
        {"sexy": "女"},
        {**PERSON, "businessEntity": "李四"},
        {**PERSON, "qysler": [{"iname": "李四", "cardNum": "", "corporationtypename": "法定代表人"}]},
        {**PERSON, "iname": "山阳机械有限公司"},
        {"iname": "John Smith", "cardNum": "", "businessEntity": ""},  # nothing tells
    ],
)
def test_m1_a_contradiction_makes_the_kind_unknown_and_doubtful(changes, read_one) -> None:
    record = read_one(**changes).record
    assert record.subject.kind == "unknown"
    assert "kind" in record.doubts
    assert ("kind-unclear", "subject.kind") in {(one.code, one.field) for one in record.warnings}


def test_m1_a_number_that_fails_its_check_is_kept_and_tells_nothing(read_one) -> None:
    wrong = citizen("19800101")[:-1] + ("0" if citizen("19800101")[-1] != "0" else "1")
    record = read_one(cardNum=wrong).record
    assert [(one.value, one.check) for one in record.subject.identifiers] == [(wrong, "fail")]
    assert record.subject.kind == "organisation"  # by name and fields
    assert record.doubts == ("identifiers",)


@pytest.mark.parametrize("written", ["12345678-9", "000000000", "0", "null"])
def test_m1_a_placeholder_is_no_identifier_and_a_doubt(written: str, read_one) -> None:
    item = read_one(cardNum=written)
    assert item.record.subject.identifiers == ()
    assert item.record.doubts == ("identifiers",)
    assert ("placeholder", "subject.identifiers") in warnings(item)


@pytest.mark.parametrize("written", ["", None])
def test_no_identifier_is_no_doubt(written: str | None, read_one) -> None:
    record = read_one(cardNum=written).record
    assert (record.subject.identifiers, record.doubts) == ((), ())


@pytest.mark.parametrize("publish", ["10170730", "4277116800000", "2011年6月31日", "2026年11月24日", "", None, "暂无"])
def test_m1_a_publication_date_that_cannot_be_is_null_and_a_doubt_and_rejects_nothing(publish, read_one) -> None:
    record = read_one(publishDate=publish).record
    assert record.published_on is None
    assert record.doubts == ("period",)


def test_a_filing_date_that_cannot_be_is_a_warning_alone(read_one) -> None:
    item = read_one(regDate="10170730")
    assert item.record.case.filed_on is None
    assert item.record.doubts == ()
    assert warnings(item) == {("impossible-date", "case.filed_on")}


def test_m5_responsible_persons_are_never_subjects(read_one) -> None:
    people = [
        {"iname": "柏若棠", "cardNum": "3408031970****2155", "corporationtypename": "法定代表人"},
        {"iname": "苏嘉川", "cardNum": "12345678-9", "corporationtypename": "法定代表人"},
        {"iname": "", "cardNum": "", "corporationtypename": "法定代表人"},
    ]
    item = read_one(qysler=people)
    record = item.record
    assert (record.subject.kind, record.subject.name) == ("organisation", "焦作山阳机械有限公司")
    assert [(one.name, one.role) for one in record.responsible_persons] == [
        ("柏若棠", "法定代表人"),
        ("苏嘉川", "法定代表人"),
    ]
    assert record.doubts == ()  # what is odd about them is not odd about the unit
    assert warnings(item) == {("placeholder", "responsible_persons")}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iname": "", "cardNum": ""}, "no-subject"),
        ({"iname": "　", "cardNum": "0", "businessEntity": ""}, "no-subject"),
        ({"caseCode": ""}, "no-case-number"),
        ({"caseCode": None}, "no-case-number"),
        ({"areaName": "(2019)豫0811执123号"}, "shifted-columns"),
        ({"courtName": "（2019）豫0811执123号", "caseCode": "x"}, "shifted-columns"),
        ({"caseCode": "2019年01月28日"}, "shifted-columns"),
        ({"cardNum": "916201055811843000"}, "rounded-identifier"),
        ({"cardNum": 916201055811843000}, "rounded-identifier"),
        ({"cardNum": 9.16201055811843e17}, "rounded-identifier"),
        ({"age": 39.5}, "wrong-value"),
        ({"focusNumber": 10.0**30}, "wrong-value"),
        ({"iname": ["a"]}, "wrong-value"),
        ({"iname": True}, "wrong-value"),
        ({"gistId": [1]}, "wrong-value"),
        ({"qysler": "x"}, "wrong-value"),
        ({"qysler": ["x"]}, "wrong-value"),
        ({"removeStatus": "perhaps"}, "wrong-value"),
        ({"execMoney": 5}, "wrong-feed"),
        ({"newColumn": 5}, "unknown-shape"),
        ({"courtName": ...}, "unknown-shape"),
    ],
)
def test_hard_stops(changes, code: str, read_one) -> None:
    item = read_one(**changes)
    assert isinstance(item, Rejected)
    assert item.code == code


@pytest.mark.parametrize(
    ("changes", "refused"),
    [
        ({"cardNum": citizen("20010212"), "age": 17}, True),  # 18 the day after
        ({"cardNum": citizen("20010211"), "age": 18}, False),  # 18 that day
        ({"cardNum": citizen("20010211"), "age": 17}, False),  # the number is believed before the age
        ({"cardNum": citizen("20010212"), "age": 18}, True),
        ({"cardNum": "4108112002****0011", "age": 18}, True),  # by the year that is seen
        ({"cardNum": "4108112001****0011", "age": 18}, False),
        ({"cardNum": "4108112001****0011", "age": 17}, True),
        ({"cardNum": "", "age": 12}, True),
        ({"cardNum": citizen("20150101"), "age": 40, "publishDate": ""}, True),  # today, where no day is known
    ],
)
def test_m5_article_4_a_minor_is_refused(changes, refused: bool, read_one) -> None:
    item = read_one(**{**PERSON, **changes})
    if refused:
        assert isinstance(item, Rejected)
        assert item.code == "minor"
    else:
        assert isinstance(item, Accepted)


@pytest.mark.parametrize(
    ("words", "grounds"),
    [
        ("有履行能力而拒不履行生效法律文书确定义务的", ("able-but-refuses",)),
        ("其它规避执行,违反财产报告制度,违反限制高消费令", ("evades", "property-report", "consumption-order")),
        ("被执行人无正当理由拒不履行执行和解协议", ("settlement",)),
        ("以伪造证据、暴力、威胁等方法妨碍、抗拒执行", ("obstructs",)),
        ("违反限制消费令，其他有履行能力而拒不履行生效法律文书确定义务", ("able-but-refuses", "consumption-order")),
        ("别的什么", ("other",)),
        ("暂无", ()),
        ("", ()),
    ],
)
def test_article_1_grounds_in_the_law_s_order(words: str, grounds, read_one) -> None:
    item = read_one(disruptTypeName=words)
    assert item.record.grounds == grounds
    assert (("no-grounds", "grounds") in warnings(item)) is (not grounds)


@pytest.mark.parametrize(
    ("word", "meant"),
    [("全部未履行", "none"), ("部分未履行", "partial"), ("部分履行", "partial"), ("全部履行", "full"),
     ("暂无", "unknown"), (None, "unknown"), ("另行处理", "unknown")],
)  # fmt: skip
def test_performance(word, meant: str, read_one) -> None:
    item = read_one(performance=word)
    assert item.record.performance == meant
    assert (("performance-unknown", "performance") in warnings(item)) is (word == "另行处理")


def test_several_bases(read_one) -> None:
    record = read_one(gistId=["(2018)豫0811民初5号", "焦仲裁字[2018]第6号", ""]).record
    assert [one.number for one in record.basis] == ["（2018）豫0811民初5号", "焦仲裁字（2018）第6号", None]


def test_a_blank_behind_a_key_name_is_no_other_key(unit, read_items) -> None:
    import orjson  # noqa: PLC0415

    (item,) = read_items(orjson.dumps({("caseCode " if key == "caseCode" else key): unit[key] for key in unit}))
    assert isinstance(item, Accepted)


def test_the_record_id_outlives_re_publication(read_one) -> None:
    """Another number, other spellings, corrected content: the same record."""
    first = read_one().record
    again = read_one(
        id=99,
        iname="焦作山阳机械 有限公司",
        caseCode="（2019）豫0811执123号",
        duty="x",
        cardNum="",
        publishDate="20190301",
    ).record
    assert first.record_id == again.record_id
    assert read_one(caseCode="(2019)豫0811执124号").record.record_id != first.record_id
    assert read_one(iname="焦作山阳机电有限公司").record.record_id != first.record_id


def test_baidu_and_zxgk_name_one_record_alike(read_one) -> None:
    crawled = read_one(publishDateStamp="1549814400", loc="http://shixin.court.gov.cn/detail?id=7&x=1").record
    assert (crawled.source.system, crawled.source.record) == ("baidu", "7")
    assert crawled.record_id == read_one().record.record_id


@pytest.mark.parametrize("value", [True, 1, "1", "true"])
def test_j5_remove_status_withdraws_and_nothing_else_can_be_wrong(value, read_one) -> None:
    listed = read_one().record.record_id
    item = read_one(removeStatus=value, cardNum=1.5, publishDate=[], age=3)
    assert isinstance(item, Withdrawal)
    assert listed in item.record_ids
    assert len(set(item.record_ids)) == 3


@pytest.mark.parametrize("value", [False, 0, "0", "", None, "否"])
def test_remove_status_that_says_no_lists(value, read_one) -> None:
    assert isinstance(read_one(removeStatus=value), Accepted)


def test_each_shape_requires_only_what_it_knows() -> None:
    assert all(shape.required <= shape.known for shape in LISTINGS)


@given(st.dictionaries(st.sampled_from(["iname", "cardNum", "areaName", "courtName", "age", "publishDate"]), st.text()))
def test_p1_no_text_of_a_record_is_in_a_reason(read_one, changes) -> None:
    item = read_one(**changes)
    if isinstance(item, Rejected):
        assert not any(len(value) > 6 and value in item.reason for value in changes.values())
