"""Values of the line: amounts, days, moments, codes, numbers."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lines.values import Spec, read_value, write_value
from schemas.canonical import JsonValue
from tests.unit.adapters.lines.wire import fault_of


@given(st.integers(-(10**15) + 1, 10**15 - 1), st.integers(0, 99))
def test_money_is_a_text_of_two_decimals_both_ways(yuan: int, cents: int) -> None:
    text = f"{yuan}.{cents:02}"
    ours = read_value("money", text, "YE")
    assert ours == ("0.00" if text == "-0.00" else text)
    assert write_value("money", ours, "YE") == ours
    assert read_value("money", str(yuan), "YE") == write_value("money", yuan, "YE")


@pytest.mark.parametrize("text", ["4,000", "1e5", "1.005", "五千", "٣", "1.", ".5", "+1", "NaN", "1" * 16, "1 000"])
def test_what_is_no_amount_is_named(text: str) -> None:
    assert fault_of(lambda: read_value("money", text, "JE")) == ("amount-unreadable", "JE")


@pytest.mark.parametrize("value", [1.5, 4000.0, True, [], {}])
def test_a_number_with_a_fraction_is_never_an_amount(value: JsonValue) -> None:
    assert fault_of(lambda: write_value("money", value, "JE")) == ("amount-unreadable", "JE")


def test_shares_have_up_to_four_decimals() -> None:
    assert [read_value("share", text, "SE") for text in ("10", "10.5", "10.1234")] == ["10.00", "10.50", "10.1234"]
    assert fault_of(lambda: read_value("share", "10.12345", "SE"))[0] == "amount-unreadable"


@given(st.dates())
def test_days_of_each_form_are_one(day: object) -> None:
    iso = str(day)
    for text in (iso, iso.replace("-", "/"), iso.replace("-", ""), f"{iso} 00:00:00"):
        assert read_value("day", text, "KSRQ") == iso
    assert write_value("day", iso, "KSRQ") == iso.replace("-", "/")


@pytest.mark.parametrize(
    "text", ["2011/09/30 21:09:30", "2011-09-30 21:09:30", "20110930210930", "2011-09-30T21:09:30"]
)
def test_moments_of_each_form_are_one(text: str) -> None:
    ours = read_value("moment", text, "CKKSSJ")
    assert ours == "2011-09-30T21:09:30+08:00"
    assert write_value("moment", ours, "CKKSSJ") == "2011/09/30 21:09:30"


@pytest.mark.parametrize(
    "text", ["2026-02-30", "2026/13/01", "20261", "2026-11/23", "昨天", "2026-11-23 25:00:00", "0"]
)
def test_a_day_that_cannot_be_is_named(text: str) -> None:
    assert fault_of(lambda: read_value("day", text, "KSRQ")) == ("date-unreadable", "KSRQ")


@pytest.mark.parametrize(
    "text", ["../../etc/passwd", "a/b", "1234567", "1" * 41, "一二三四五六七八", "12345678\n", "-1234567"]
)
def test_a_number_that_could_not_be_a_files_name(text: str) -> None:
    assert fault_of(lambda: read_value("number", text, "BDHM")) == ("number-unusable", "BDHM")


@pytest.mark.parametrize("spec", ["text", "money", "day", "moment", {"1"}])
def test_nothing_stays_nothing(spec: Spec) -> None:
    assert read_value(spec, "", "X") == write_value(spec, None, "X") == ""


def test_codes_and_lengths() -> None:
    assert fault_of(lambda: read_value({"01", "02"}, "03", "KZCS")) == ("unknown-code", "KZCS")
    assert fault_of(lambda: read_value("text", "字" * 4001, "BEIZ")) == ("value-too-long", "BEIZ")
    assert fault_of(lambda: write_value("text", 1.5, "BEIZ")) == ("value-unreadable", "BEIZ")
