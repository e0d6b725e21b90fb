"""The quirks of real lists, each once: dates, identifiers, grounds, damage of texts.

Those of whole key sets stand in `test_families.py`.
"""

from datetime import date

import orjson
import pytest

from schemas.reading import Accepted
from tests.unit.adapters.feeds.families import FULL, codes, qcc, tyc

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
