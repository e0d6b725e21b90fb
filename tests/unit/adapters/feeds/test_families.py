"""The quirks of other key sets over the same data, and of what wraps them."""

from datetime import date

import orjson
import pytest

from schemas.reading import Accepted, Rejected, Withdrawal
from tests.unit.adapters.feeds.families import FULL, codes, qcc, tyc


def test_a_type_code_never_decides_the_kind(read_items) -> None:
    for raw in (tyc(type="0", partytypename="580"), qcc(OrgType="1", Isperson=1)):
        (item,) = read_items(raw)
        assert item.record.subject.kind == "organisation"


def test_tyc_people_in_staff_are_responsible_and_links_are_dropped(read_items) -> None:
    (item,) = read_items(tyc(staff=[{"role": "法定代表人", "code": "", "name": "金修溪"}], connList=["<a href='x'>"]))
    assert [(one.name, one.role) for one in item.record.responsible_persons] == [("金修溪", "法定代表人")]


def test_tyc_status_that_says_other_things_at_other_suppliers_is_for_a_person(read_items) -> None:
    for said in ({"status": "0"}, {"status": ""}, {"isBlacklist": "True"}):
        (item,) = read_items(tyc(**said))
        assert isinstance(item, Accepted)
    for said in ({"status": "1"}, {"status": 7}, {"isBlacklist": "False"}):
        (item,) = read_items(tyc(**said))
        assert item.code == "wrong-value"


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
    assert isinstance(foreign, Withdrawal)  # the key was met in this submission
    assert foreign.record_ids == (listed.record.record_id,)
    (unmet,) = read_items(orjson.dumps({"updateList": [], "deleteList": [key]}))
    assert isinstance(unmet, Rejected)
    assert unmet.code == "withdrawal-without-key"


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
