"""Amounts: one spelling for every way that sources write money (domain: text damage in real records)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.amounts import UnreadableAmount, read_amount


@pytest.mark.parametrize(
    ("said", "unit", "amount"),
    [
        (17300, "", "17300.00"),
        (377352.1, "", "377352.10"),
        ("55593", "", "55593.00"),
        ("11654208.0", "元", "11654208.00"),
        ("6.1371224E7", "", "61371224.00"),
        ("5 746 611.84", "", "5746611.84"),
        ("1,200,000.5", "", "1200000.50"),
        ("1，200", "", "1200.00"),
        ("84.9348", "万元", "849348.00"),
        ("84.9348万元", "", "849348.00"),
        ("12.5万元", "万元", "125000.00"),
        ("120000元", "万元", "120000.00"),
        ("￥12.5", "万元", "125000.00"),
        ("一百二十", "万元", "1200000.00"),
        ("三千", "万元", "30000000.00"),
        ("5千", "万元", "5000.00"),
        ("12.5", "万元人民币", "125000.00"),
        ("12.5", "以万元计", "125000.00"),
        ("12元", "美元", "12.00"),
        ("1.5亿", "", "150000000.00"),
        ("人民币12000元整", "", "12000.00"),
        ("￥12000", "", "12000.00"),
        ("八千二百零八万六千六百五十七", "", "82086657.00"),
        ("壹拾万元整", "", "100000.00"),
        ("十亿", "", "1000000000.00"),
        ("一亿二千万", "", "120000000.00"),
        ("0", "元", "0.00"),
        ("-", "", None),
        ("", "", None),
        ("暂无", "", None),
        (None, "", None),
    ],
)
def test_an_amount_has_one_spelling(said, unit: str, amount: str | None) -> None:
    assert read_amount(said, unit) == amount


@pytest.mark.parametrize(
    "said",
    [
        True,
        [],
        {},
        "见判决书",
        "12-13",
        "-5",
        -5,
        "NaN",
        float("inf"),
        float("nan"),
        "1e99",
        10**15,
        "万",
        "二二",
        "1.234,5",
        "1,2345",
    ],
)
def test_what_is_no_amount_is_said_to_be_none(said) -> None:
    with pytest.raises(UnreadableAmount):
        read_amount(said)


def test_an_unknown_unit_is_no_yuan() -> None:
    with pytest.raises(UnreadableAmount):
        read_amount("1", "美元")
    with pytest.raises(UnreadableAmount):
        read_amount("1万", "港币")


@given(st.one_of(st.text(), st.integers(), st.floats(), st.text("零一二两三十百千万亿元整0123456789.,E")))
def test_whatever_is_written_is_read_or_refused(said) -> None:
    try:
        found = read_amount(said)
    except UnreadableAmount:
        return
    assert found is None or read_amount(found) == found
