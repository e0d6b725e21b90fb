"""What a spreadsheet spoils is refused before anybody is mistaken for another."""

from typing import Any

import pytest

from adapters.sheets.spoilt import spoilt
from schemas.identifiers import id_check

ID = "41081119800101123"
PERSON = ID + id_check(ID)
# A rounded number whose check passes by chance: one in eleven does.
CHANCE = next(
    f"410811198001{day:02}{n}000"
    for day in range(1, 29)
    for n in range(10)
    if id_check(f"410811198001{day:02}{n}00") == "0"
)


def row(**changed: Any) -> dict[str, Any]:
    return {
        "案号": "（2026）豫0811执101号", "被执行人姓名/名称": "王某某", "身份证号码/组织机构代码": PERSON,
        "立案时间": "2026-07-09", "发布时间": "2026-10-09", "失信行为": "违反财产报告制度", **changed,
    }  # fmt: skip


def code(found: dict[str, Any], *, text_table: bool = False) -> str | None:
    refusal = spoilt(found, text_table=text_table)
    return None if refusal is None else refusal.code


def test_a_row_as_it_should_be() -> None:
    assert code(row()) is None
    assert code(row(), text_table=True) is None
    assert code(row(**{"身份证号码/组织机构代码": "69670740-9"})) is None
    assert code(row(**{"身份证号码/组织机构代码": "41081119******123X"}), text_table=True) is None
    assert code(row(**{"身份证号码/组织机构代码": ""})) is None


@pytest.mark.parametrize(
    "number",
    [4.10811198001011e17, "4.10811E+17", "4.10811198001011E+17", "4E+17", "410811198001011000", "'4.10811E+17"],
)
def test_an_identifier_that_lost_its_digits(number: object) -> None:
    assert code(row(**{"身份证号码/组织机构代码": number})) == "rounded-identifier"


def test_a_rounded_number_whose_check_passes_is_not_believed_in_a_text_table() -> None:
    """In a workbook a cell of text was text from the start; in CSV nobody can tell."""
    found = row(**{"身份证号码/组织机构代码": CHANCE})
    assert id_check(CHANCE[:17]) == CHANCE[17]
    assert code(found, text_table=True) == "rounded-identifier"
    assert code(found) is None


@pytest.mark.parametrize("number", [2.02608110101e17, "2.02608E+14", "202608110000101000"])
def test_a_case_number_that_was_taken_for_a_number(number: object) -> None:
    assert code(row(案号=number)) == "rounded-case-number"


@pytest.mark.parametrize("heading", ["立案时间", "发布时间"])
@pytest.mark.parametrize("day", ["46304", 46304, 46304.5, "46304.0"])
def test_a_date_that_is_the_number_of_a_day(heading: str, day: object) -> None:
    assert code(row(**{heading: day})) == "serial-date"
    assert code(row(**{heading: "20261009"})) is None


def test_j5_no_spoilt_identifier_stops_a_withdrawal() -> None:
    taken_back = {"状态": "已撤销", "身份证号码/组织机构代码": "4.10811E+17", "发布时间": "46304"}
    assert code(row(**taken_back)) is None
    assert code(row(**taken_back, 案号="2.02608E+14")) == "rounded-case-number"


def test_what_is_no_list_is_left_to_the_gateway() -> None:
    assert code({"名字": "4.10811E+17"}) is None
