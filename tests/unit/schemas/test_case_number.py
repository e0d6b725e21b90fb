"""Case numbers: one spelling (法〔2015〕137号)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.case_number import looks_like_case_number, normalise_case_number


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("(2019)皖1122执3591号", "（2019）皖1122执3591号"),
        ("（2019)皖1122执03591号", "（2019）皖1122执3591号"),
        (" （ 2019 ） 皖1122 执 3591 号 ", "（2019）皖1122执3591号"),
        ("【2017】京03执373号", "（2017）京03执373号"),
        ("２０１７京03执373号", "（2017）京03执373号"),
        ("(2020)冀0929执恢00242号", "（2020）冀0929执恢242号"),
        ("(2017)最高法民终0123号", "（2017）最高法民终123号"),
        ("(2014)广法执字第00232号", "（2014）广法执字第00232号"),  # old style keeps its zeros
        ("(2013)江法民执字第00112号", "（2013）江法民执字第00112号"),
        ("2016津仲裁字第47号", "2016津仲裁字第47号"),  # an arbitration board's
        ("（2014）广民初字第501号民事判决书", "（2014）广民初字第501号民事判决书"),
        ("（2025）京0112执测L2号", "（2025）京0112执测L2号"),
        ("", ""),
        ("null", ""),
    ],
)
def test_one_spelling(written: str, expected: str) -> None:
    assert normalise_case_number(written) == expected


parts = st.lists(
    st.sampled_from(["(", "）", "【", "2019", "０", "皖", "11", "执", "恢", "字第", "007", " ", "号", "之一"])
)


@given(parts.map("".join) | st.text(max_size=30))
def test_normalising_twice_is_normalising_once(text: str) -> None:
    once = normalise_case_number(text)
    assert normalise_case_number(once) == once


@given(st.integers(2016, 2030), st.sampled_from(["皖1122", "京73", "川0191", "豫"]), st.integers(1, 99999))
def test_all_ways_to_write_one_number_are_one(year: int, court: str, serial: int) -> None:
    ways = {f"({year}){court}执{serial}号", f"（{year}） {court}执0{serial}号", f"【{year}】{court}执00{serial}号"}
    assert {normalise_case_number(way) for way in ways} == {f"（{year}）{court}执{serial}号"}


@pytest.mark.parametrize(("text", "is_one"), [("（2019）皖1122执3591号", True), ("安徽", False), ("（2019）", False)])
def test_what_looks_like_one(text: str, is_one: bool) -> None:
    assert looks_like_case_number(text) is is_one
