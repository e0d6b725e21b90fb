"""The quirks of real lists, each once: dates, identifiers, grounds, damage of texts, other key sets."""

from datetime import date

import orjson
import pytest

from schemas.identifiers import id_check
from schemas.reading import Accepted, Rejected, Withdrawal

DAY = date(2016, 1, 19)
DATE_FORMS = {
    "chinese": "2016年01月19日",
    "compact": "20160119",
    "iso-date": "2016-01-19",
    "iso-date-time": "2016-01-19 00:00:00",
    "iso-with-zone": "2016-01-19T00:00:00+08:00",
    "utc-of-china-midnight": "2016-01-18T16:00:00.000+00:00",
    "epoch-ms-text": "1453132800000",
    "epoch-ms-number": 1453132800000,
    "epoch-s-text": "1453132800",
    "epoch-s-number": 1453132800,
    "java-date-text-cst-is-china": "Tue Jan 19 15:58:50 CST 2016",
    "java-date-nested": {
        "date": 19, "day": 2, "hours": 0, "minutes": 0, "month": 0, "nanos": 0, "seconds": 0,
        "time": 1453132800000, "timezoneOffset": -480, "year": 116,
    },
}  # fmt: skip


def codes(item: Accepted) -> set[tuple[str, str]]:
    return {(one.code, one.field) for one in item.record.warnings}


def tyc(**changes: object) -> bytes:
    record = {
        "iname": "天津信裕房地产发展有限公司", "casecode": "(2017)津0103执1606号", "cardnum": "60056316-5",
        "courtname": "天津市河西区人民法院", "publishdate": "1501171200000", "regdate": "1491321600000",
        "disrupttypename": "违反财产报告制度", "performance": "全部未履行",
    }  # fmt: skip
    return orjson.dumps({key: value for key, value in {**record, **changes}.items() if value is not ...})


def qcc(**changes: object) -> bytes:
    record = {
        "Name": "乐视控股（北京）有限公司", "Anno": "(2019)京01执1014号", "Orgno": "58255643-8",
        "Executegov": "北京市第一中级人民法院", "Province": "北京", "Executestatus": "全部未履行",
        "Actionremark": "违反财产报告制度", "Publicdate": "2019-11-18 00:00:00", "Liandate": "2019-10-30 00:00:00",
    }  # fmt: skip
    return orjson.dumps({key: value for key, value in {**record, **changes}.items() if value is not ...})


# 1.3 dates


@pytest.mark.parametrize("form", DATE_FORMS)
def test_date_form(form: str, read_one, read_items) -> None:
    item = read_one(publishDate=DATE_FORMS[form], regDate=DATE_FORMS[form])
    assert (item.record.published_on, item.record.case.filed_on) == (DAY, DAY)
    assert item.record.doubts == ()
    for other in (tyc(publishdate=DATE_FORMS[form]), qcc(Publicdate=DATE_FORMS[form])):
        (item,) = read_items(other)
        assert item.record.published_on == DAY


def test_date_forms_mixed_in_one_record(read_one) -> None:
    item = read_one(regDate="20190709", publishDate="2019年07月13日")
    assert (item.record.case.filed_on, item.record.published_on) == (date(2019, 7, 9), date(2019, 7, 13))


def test_date_null_sentinel_is_no_date_and_no_impossible_one(read_items) -> None:
    (item,) = read_items(qcc(Liandate="0001-01-01T00:00:00"))
    assert item.record.case.filed_on is None
    assert codes(item) == set()
    (item,) = read_items(qcc(Publicdate="0001-01-01T00:00:00"))
    assert codes(item) == {("no-date", "published_on")}


@pytest.mark.parametrize("garbage", ["10170730", 4277116800000, "2015年6月31日"])
def test_date_garbage_is_unknown_and_rejects_nothing(garbage: object, read_items) -> None:
    (item,) = read_items(tyc(regdate=garbage))
    assert item.record.case.filed_on is None
    assert codes(item) == {("impossible-date", "case.filed_on")}


def test_date_impossible_inside_duty_stays_in_the_text(read_items) -> None:
    (item,) = read_items(tyc(duty="从2011年6月31日起至2013年1月30日止"))
    assert item.record.obligation == "从2011年6月31日起至2013年1月30日止"
    assert codes(item) == set()


# 1.4 cardNum

FULL = "33082219740113097" + id_check("33082219740113097")
CARDS = {  # what is written: (scheme, value, masked, check), or None where it is no identifier
    "org-code-with-hyphen": ("69670740-9", ("cn-org", "69670740-9", False, "pass")),
    "org-code-without-hyphen": ("696707409", ("cn-org", "69670740-9", False, "pass")),
    "org-code-full-width-hyphen": ("69670740－9", ("cn-org", "69670740-9", False, "pass")),
    "id-masked-to-18": ("3423011964****2201", ("cn-id", "3423011964****2201", True, "none")),
    "id-masked-to-19": ("42280219870****7875", ("cn-id", "42280219870****7875", True, "none")),
    "id-in-full": (FULL, ("cn-id", FULL, False, "pass")),
    "id-mask-stripped": ("34230119642201", ("cn-id", "34230119642201", True, "none")),
    "id-tail-hidden": ("34230119640101****", ("cn-id", "34230119640101****", True, "none")),
    "id-five-stars-with-a-blank": ("3423011964** ***2201", ("cn-id", "3423011964*****2201", True, "none")),
    "id-three-stars": ("3423011964***2201", ("cn-id", "3423011964***2201", True, "none")),
    "uscc-in-full": ("91370800MA3C4F5G6H", ("cn-uscc", "91370800MA3C4F5G6H", False, "fail")),
    "uscc-masked-18": ("9132081169****409A", ("cn-uscc", "9132081169****409A", True, "none")),
    "uscc-masked-19": ("91320811696****409A", ("cn-uscc", "91320811696****409A", True, "none")),
    "uscc-masked-17": ("9132081169***409A", ("cn-uscc", "9132081169***409A", True, "none")),
    "registration-number": ("110108004619045", ("cn-reg", "110108004619045", False, "fail")),
    "placeholder": ("12345678-9", None),
    "zero": ("0", None),
    "null-as-text": ("null", None),
    "null": (None, None),
    "empty": ("", None),
}


@pytest.mark.parametrize("quirk", CARDS)
def test_card(quirk: str, read_one, read_items) -> None:
    written, expected = CARDS[quirk]
    for item in (read_one(cardNum=written), *read_items(tyc(cardnum=written)), *read_items(qcc(Orgno=written))):
        assert isinstance(item, Accepted)
        found = [(one.scheme, one.value, one.masked, one.check) for one in item.record.subject.identifiers]
        if quirk == "registration-number":  # the check of this one is beside the point
            found = [(*one[:3], "fail") for one in found]
        assert found == ([expected] if expected else [])


def test_card_masked_to_18_and_19_is_one_scheme(read_one) -> None:
    """Four stars stand for three hidden characters: the length of a mask tells nothing."""
    short, long = read_one(cardNum="9132081169****409A"), read_one(cardNum="91320811696****409A")
    assert short.record.subject.identifiers[0].scheme == long.record.subject.identifiers[0].scheme == "cn-uscc"


def test_card_of_a_unit_that_carries_a_persons_number_makes_the_kind_unknown(read_items) -> None:
    (item,) = read_items(tyc(cardnum=FULL))
    assert item.record.subject.kind == "unknown"
    assert "kind" in item.record.doubts


def test_card_that_fails_its_check_is_kept_and_doubtful(read_items) -> None:
    (item,) = read_items(tyc(cardnum="60056316-4"))
    assert [(one.value, one.check) for one in item.record.subject.identifiers] == [("60056316-4", "fail")]
    assert item.record.doubts == ("identifiers",)


def test_card_with_its_kind_beside_it_is_still_told_by_its_build(read_items) -> None:
    record = {"pname": "葛书榆", "pname_id": FULL, "idtype": "注册号", "case_code": "（2014）大法执字第00756号", "pubdate": "2014年11月26日"}  # fmt: skip  # noqa: E501
    (item,) = read_items(orjson.dumps(record))
    assert item.record.subject.identifiers[0].scheme == "cn-id"
    assert ("scheme-differs", "subject.identifiers") in codes(item)


def test_card_as_a_number_that_lost_its_digits_is_refused_in_every_family(read_items) -> None:
    for raw in (tyc(cardnum=9.16201055811843e17), qcc(Orgno=916201055811843000), qcc(Orgno="9.16201E+17")):
        (item,) = read_items(raw)
        assert item.code == "rounded-identifier"


# 1.5 grounds and damage


def test_grounds_with_a_trailing_de_and_other_spellings(read_items) -> None:
    words = "有履行能力而拒不履行生效法律文书确定义务的,其它规避执行，违反限制消费令"
    (item,) = read_items(tyc(disrupttypename=words))
    assert item.record.grounds == ("able-but-refuses", "evades", "consumption-order")


def test_a_raw_tab_and_line_break_in_the_free_text_of_any_family(read_items) -> None:
    raw = qcc(Yiwu="HERE").replace(b"HERE", "支付\t货款\r\n53300元".encode())
    (item,) = read_items(raw)
    assert item.record.obligation == "支付\t货款\r\n53300元"
    assert ("repaired", "obligation") in codes(item)


def test_duty_in_doubled_quotes(read_items) -> None:
    (item,) = read_items(tyc(duty="HERE").replace(b"HERE", '"支付货款"'.encode()))
    assert item.record.obligation == "支付货款"


def test_word_hyperlink_with_unescaped_quotes(read_items) -> None:
    inner = '依照《 HYPERLINK "javascript:SLC(98761,0)" 民事诉讼法》'
    (item,) = read_items(tyc(duty="HERE").replace(b"HERE", inner.encode()))
    assert item.record.obligation == inner


@pytest.mark.parametrize("amount", ["5 746 611.84元", "5,746,611.84元", "八千二百零八万元", "574.66万元"])
def test_amounts_in_the_text_stay_as_they_are_written(amount: str, read_items) -> None:
    (item,) = read_items(tyc(duty=f"支付{amount}"))
    assert item.record.obligation == f"支付{amount}"


@pytest.mark.parametrize("word", ["空", "无", "null", "暂无"])
def test_duty_that_says_nothing_is_null(word: str, read_items) -> None:
    (item,) = read_items(tyc(duty=word))
    assert item.record.obligation is None


def test_a_full_width_blank_before_a_name(read_items) -> None:
    (item,) = read_items(qcc(Ownername="　章舟", Name="　乐视控股(北京)有限公司"))
    assert item.record.subject.name == "乐视控股（北京）有限公司"
    assert item.record.responsible_persons[0].name == "章舟"


def test_a_name_with_a_number_glued_on(read_items) -> None:
    (item,) = read_items(tyc(iname="章清远3209231969", cardnum=""))
    assert item.record.subject.name == "章清远"
    assert ("digits-removed", "subject.name") in codes(item)


@pytest.mark.parametrize("key", ["caseCode ", " iname", "cardNum\t"])
def test_a_key_with_a_blank_behind_it(key: str, unit, read_items) -> None:
    (item,) = read_items(orjson.dumps({(key if name == key.strip() else name): unit[name] for name in unit}))
    assert isinstance(item, Accepted)


def test_columns_shifted_by_one(read_items) -> None:
    (item,) = read_items(qcc(Province="(2019)京01执1014号", Anno="2019-10-30"))
    assert item.code == "shifted-columns"


def test_a_wrong_province_is_no_reason_to_refuse(read_items) -> None:
    (item,) = read_items(qcc(Province="黑龙江"))
    assert item.record.case.province == "黑龙江"


GARBLED = {
    "gbk-read-as-utf-8": "深圳市南山区人民法院".encode("gbk").decode("utf-8", "replace"),
    "utf-8-read-as-gbk": "深圳市南山区人民法院".encode().decode("gbk", "ignore"),
    "utf-8-read-as-latin-1": "深圳市南山区人民法院".encode().decode("latin-1"),
    "gbk-read-as-latin-1": "深圳市南山区人民法院".encode("gbk").decode("latin-1"),
    "replaced-twice": "锟斤拷锟斤拷锟斤拷法院",
}


@pytest.mark.parametrize("how", GARBLED)
def test_text_read_in_the_wrong_encoding(how: str, read_items) -> None:
    (item,) = read_items(qcc(Executegov=GARBLED[how]))
    assert item.code == "garbled-text"


def test_one_debtor_has_many_records_one_for_each_case(read_items, samples) -> None:
    items = read_items((samples / "shixin_qcc.jsonl").read_bytes())
    assert len({item.record.record_id for item in items}) == 4
    assert len({item.record.subject.name for item in items}) == 1


# 1.6 other key sets


def test_a_type_code_never_decides_the_kind(read_items) -> None:
    for raw in (tyc(type="0", partytypename="580"), qcc(OrgType="1", Isperson=1)):
        (item,) = read_items(raw)
        assert item.record.subject.kind == "organisation"


def test_tyc_people_in_staff_are_responsible_and_links_are_dropped(read_items) -> None:
    (item,) = read_items(tyc(staff=[{"role": "法定代表人", "code": "", "name": "金修溪"}], connList=["<a href='x'>"]))
    assert [(one.name, one.role) for one in item.record.responsible_persons] == [("金修溪", "法定代表人")]


def test_tyc_status_says_whether_the_court_still_shows_it(read_items) -> None:
    (listed,), (gone,) = read_items(tyc(status="0")), read_items(tyc(status="1"))
    assert isinstance(gone, Withdrawal)
    assert listed.record.record_id in gone.record_ids
    (unknown,) = read_items(tyc(status="7"))
    assert unknown.code == "wrong-value"


@pytest.mark.parametrize(
    "spell", [str.upper, lambda key: {"casecode": "case_code", "courtname": "COURT_NAME"}.get(key, key)]
)
def test_zxgk_columns_of_a_database_in_any_spelling(spell, read_items) -> None:
    record = orjson.loads(tyc())
    (plain,), (item,) = read_items(tyc()), read_items(orjson.dumps({spell(key): record[key] for key in record}))
    assert item.record.record_id == plain.record.record_id
    assert item.record.grounds == plain.record.grounds


def fahai(**changes: object) -> bytes:
    return orjson.dumps(
        {
            "dataType": "shixin", "pname": "章清远", "caseNo": "(2015)阜执字第00940号", "sex": "男", "age": "46",
            "idcardNo": "3209231969****0502", "court": "江苏省阜宁县人民法院", "province": "江苏", "yiwu": "付款",
            "jtqx": "其他规避执行", "lxqk": "全部未履行", "yjCode": "(2013)阜城民初字第4121号",
            "yjdw": "阜宁县人民法院", "sortTime": 1427472000000, "postTime": 1430150400000, **changes,
        }
    )  # fmt: skip


def test_fahai_holds_several_lists_and_only_shixin_is_this_one(read_items) -> None:
    (item,) = read_items(fahai())
    assert (item.record.subject.kind, item.record.published_on) == ("person", date(2015, 4, 28))
    for other in ("zxgg", "ktgg", "cpws", "bgt"):
        (item,) = read_items(fahai(dataType=other))
        assert item.code == "wrong-feed"


def test_bairong_kind_of_number_1_is_an_id_card_and_11_an_org_code(read_items) -> None:
    record = {
        "name": "章清远", "cid": FULL, "cidtype": 1, "casenum": "(2016)建执字第00047号", "performance": "全部未履行",
        "court": "黑龙江省建三江农垦法院", "posttime": "2016年05月11日", "time": "2016年01月07日",
        "concretesituation": "违反财产报告制度", "datatypeid": 102, "datatype": "失信被执行人",
        "base": "（2015）建商初字第428号",
    }  # fmt: skip
    (item,) = read_items(orjson.dumps(record))
    assert (item.record.subject.kind, item.record.doubts) == ("person", ())
    (item,) = read_items(orjson.dumps({**record, "cidtype": 11}))
    assert ("scheme-differs", "subject.identifiers") in codes(item)
    (item,) = read_items(orjson.dumps({**record, "datatypeid": 103, "datatype": "最高法执行"}))
    assert item.code == "wrong-feed"


def test_monitor_remove_status_is_a_withdrawal(read_items, samples) -> None:
    record = orjson.loads((samples / "shixin_am.jsonl").read_bytes().splitlines()[3])
    (listed,), (gone,) = read_items(orjson.dumps(record)), read_items(orjson.dumps({**record, "removeStatus": True}))
    assert isinstance(gone, Withdrawal)
    assert listed.record.record_id in gone.record_ids


def test_kafka_update_and_delete_list_with_md5_and_upstate(read_items) -> None:
    record, key = orjson.loads(tyc()), "d41d8cd98f00b204e9800998ecf8427e"
    message = {
        "updateList": [{**record, "md5": key, "upstate": 1}, {**record, "upstate": "delete"}],
        "deleteList": [{"casecode": record["casecode"], "iname": record["iname"]}, key],
        "index": "shixin", "type": "company",
    }  # fmt: skip
    listed, gone, deleted, foreign = read_items(orjson.dumps(message))
    assert listed.record.source.record == key
    assert isinstance(gone, Withdrawal)
    assert isinstance(deleted, Withdrawal)
    assert listed.record.record_id in gone.record_ids
    assert deleted.record_ids == gone.record_ids
    assert isinstance(foreign, Rejected)
    assert foreign.code == "withdrawal-without-key"


def test_a_hit_of_a_search_index_holds_the_record(read_items) -> None:
    hits = [{"_index": "shixin", "_id": str(n), "_score": 1.5, "_source": orjson.loads(qcc())} for n in (1, 2)]
    answer = {"took": 3, "hits": {"total": 2, "max_score": 1.5, "hits": hits}}
    for data in (
        orjson.dumps(answer),
        orjson.dumps(answer, option=orjson.OPT_INDENT_2),
        b"\n".join(map(orjson.dumps, hits)),
    ):
        items = read_items(data)
        assert [type(item) for item in items] == [Accepted, Accepted]
        assert [item.line for item in items] == [1, 2]


@pytest.mark.parametrize(
    "wrap",
    [
        lambda records: {"Status": "200", "Message": "ok", "Paging": {"Total": 2}, "Result": records},
        lambda records: {"error_code": 0, "reason": "ok", "result": {"total": 2, "items": records}},
        lambda records: {"code": 0, "data": {"list": records, "pageNum": 1}},
    ],
)
def test_an_answer_of_an_interface_is_a_wrapped_list(wrap, read_items) -> None:
    items = read_items(orjson.dumps(wrap([orjson.loads(qcc()), {"what": 1}])))
    assert [type(item) for item in items] == [Accepted, Rejected]
    assert items[1].raw == b'{"what":1}'


def test_wrappers_without_end_are_no_list(read_items) -> None:
    items = read_items(b'{"data":' * 900 + b"1" + b"}" * 900)
    assert [item.code for item in items] == ["unknown-shape"]
    items = read_items(b'{"list":[{"a":1}],"data":' + b'{"data":' * 900 + b"1" + b"}" * 901)
    assert [item.code for item in items] == ["unknown-shape"]


def test_an_unknown_key_that_says_something_is_never_passed_over(read_items) -> None:
    for said in ({"撤销日期": "2020-01-01"}, {"endDate": "20200101"}, {"execMoney": "5"}, {"remark": "已履行完毕"}):
        (item,) = read_items(qcc(**said))
        assert isinstance(item, Rejected)
    for said in (
        {"remark": ""},
        {"撤销日期": None},
        {"_id": 5},
        {"crawl_time": "2020"},
        {"md5": "x"},
        {"Createdate": 1.5},
    ):
        (item,) = read_items(qcc(**said))
        assert isinstance(item, Accepted)


def test_a_masked_list_shows_year_of_birth_and_never_a_minor(read_items, samples) -> None:
    record = orjson.loads((samples / "shixin_masked.jsonl").read_bytes())
    (item,) = read_items(orjson.dumps({**record, "birthYear": 2015}))
    assert item.code == "minor"


def test_shanghai_writes_unit_and_head_and_court_and_telephone_in_one(read_items, samples) -> None:
    record = orjson.loads((samples / "hshfy.jsonl").read_bytes())
    (item,) = read_items(orjson.dumps(record))
    assert item.code == "wrong-feed"  # 执行信息 is no list of the dishonest
    listed = {**record, "失信被执行人行为具体情形": "违反财产报告制度", "发布时间": "2014-05-06"}
    (item,) = read_items(orjson.dumps(listed))
    assert (item.record.subject.name, item.record.case.court) == ("上海浩龙实业发展总公司", "虹口区人民法院")
    assert item.record.responsible_persons == ()
    (item,) = read_items(orjson.dumps({**listed, "被执行人": "上海浩龙实业发展总公司（法定代表人：张三）"}))
    assert [one.name for one in item.record.responsible_persons] == ["张三"]


def test_baidu_without_some_of_its_keys(read_items, samples) -> None:
    record = orjson.loads((samples / "shixin_baidu.jsonl").read_bytes().splitlines()[0])
    for gone in ("publishDateStamp", "loc", "StdStg"):
        (item,) = read_items(orjson.dumps({key: value for key, value in record.items() if key != gone}))
        assert item.record.source.system == "baidu"
