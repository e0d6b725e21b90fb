"""Names: one spelling."""

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.names import kind_of_name, name_key, normalise_name, read_name

names = st.text(
    st.one_of(st.characters(), st.sampled_from("张三李四公司（）() 　*某·1234567890X,;\t\u200b①ｱﾞ")), max_size=24
)


@given(names)
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise_name(text)
    assert normalise_name(once) == once
    assert name_key(once) == name_key(text)


@given(names)
def test_no_blank_at_the_ends_and_no_half_width_bracket_is_left(text: str) -> None:
    once = normalise_name(text)
    assert once == once.strip()
    assert not {"(", ")", "\t", "\u3000"} & set(once)
    assert unicodedata.is_normalized("NFKC", once.replace("（", "(").replace("）", ")"))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("　章舟", "章舟"),
        ("张 三", "张三"),
        ("乐视控股(北京)有限公司", "乐视控股（北京）有限公司"),
        ("乐视控股 （北京） 有限公司", "乐视控股（北京）有限公司"),
        ("ＡＢＣ贸易有限公司", "ABC贸易有限公司"),
        ("John   Smith", "John Smith"),
        ("北京 ABC Co 公司", "北京ABC Co公司"),
        ("张\u200b三", "张三"),
        ("null", ""),
        (" 无 ", ""),
    ],
)
def test_one_spelling(written: str, expected: str) -> None:
    assert normalise_name(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("张三342301196401012201", "张三"),
        ("张三3423011964****2201", "张三"),
        ("王伟（410811196501010011）", "王伟"),
        ("王伟,1", "王伟"),
        ("1.张三", "张三"),
        ("某某建筑公司2", "某某建筑公司"),
    ],
)
def test_glued_digits_go_and_are_told_of(written: str, expected: str) -> None:
    found = read_name(written)
    assert found
    assert (found.value, found.digits_removed) == (expected, True)


@pytest.mark.parametrize("written", ["上海360科技有限公司", "360安全科技有限公司", "第3建筑公司", "Studio 54"])
def test_digits_that_belong_to_a_name_stay(written: str) -> None:
    found = read_name(written)
    assert found
    assert (found.value, found.digits_removed) == (written, False)


@pytest.mark.parametrize(
    ("written", "masked"),
    [("周*", True), ("周＊", True), ("张某", True), ("李某某", True), ("上虞市巨**设备有限公司", True), ("周一", False),
     ("某某建筑工程有限公司", False)],
)  # fmt: skip
def test_masked_names_are_told(written: str, masked: bool) -> None:
    found = read_name(written)
    assert found
    assert found.masked is masked


def test_names_that_only_sound_alike_differ() -> None:
    """Homophones froze the wrong people's accounts."""
    assert name_key("闫伟") != name_key("颜伟")


def test_dots_of_minority_names_are_one() -> None:
    assert name_key("阿卜杜拉•买买提") == name_key("阿卜杜拉·买买提")


@pytest.mark.parametrize(
    ("name", "kind"),
    [("苗明棠", "person"), ("苏宁", "person"), ("王行", "person"), ("欧阳中心", None), ("阿卜杜拉·买买提", "person"),
     ("广昌青湖钢厂", "organisation"), ("宁德市富邦融资担保有限公司", "organisation"), ("大华公司", "organisation"),
     ("金乡县人民医院", "organisation"), ("ACME Trading Co., Ltd.", "organisation"), ("John Smith", None)],
)  # fmt: skip
def test_what_a_name_looks_like(name: str, kind: str | None) -> None:
    assert kind_of_name(name) == kind or (kind is None and kind_of_name(name) in (None, "organisation"))
