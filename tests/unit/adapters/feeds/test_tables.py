"""CSV and workbooks with the court's own labels: every row is accounted for, in any encoding, whatever is broken."""

import codecs

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.feeds import labels, workbook
from adapters.feeds.headings import KNOWN, headings_of
from adapters.feeds.shapes import spelled_as_zxgk
from schemas.identifiers import id_check
from schemas.reading import Accepted, Rejected, Withdrawal
from tests.unit.adapters.feeds.conftest import SAMPLES, UNIT
from tests.unit.adapters.feeds.tables import (
    LABELS,
    SHARED,
    as_csv,
    as_excel_writes,
    as_xlsx,
    part_of,
    table_of,
    with_part,
)
from tests.unit.adapters.feeds.test_hostile import account

ZXGK = [orjson.loads(line) for line in (SAMPLES / "shixin_zxgk.jsonl").read_bytes().splitlines()]
ROWS = table_of(ZXGK)
SHEET = "xl/worksheets/sheet1.xml"
ENCODINGS = {
    "utf-8": as_csv,
    "utf-8-with-bom": lambda rows: codecs.BOM_UTF8 + as_csv(rows),
    "gb18030": lambda rows: as_csv(rows, "gb18030"),
    "gbk": lambda rows: as_csv(rows, "gbk"),
    "tabs": lambda rows: as_csv(rows, delimiter="\t"),
    "semicolons": lambda rows: as_csv(rows, delimiter=";"),
    "xlsx": as_xlsx,
    "xlsx-as-excel-writes": lambda rows: as_excel_writes(as_xlsx(rows)),
}


def said(item: object) -> dict[str, object]:
    """What a record says, without where it came from."""
    assert isinstance(item, Accepted)
    record = orjson.loads(item.record.model_dump_json())
    del record["source"]
    return record


@pytest.mark.parametrize("form", ENCODINGS)
def test_a_table_says_what_the_list_says(form: str, read_items, samples) -> None:
    items = read_items(ENCODINGS[form](ROWS))
    plain = read_items((samples / "shixin_zxgk.jsonl").read_bytes())
    assert [item.line for item in items] == [1, 2, 3]
    assert [said(item) for item in items] == [said(item) for item in plain]


def test_gb18030_json_is_read_and_kept_as_it_came(read_items, samples) -> None:
    lines = (samples / "shixin_baidu.jsonl").read_text().splitlines()
    data = "\n".join([*lines, "{不是JSON", lines[0]]).encode("gb18030")
    items = read_items(data)
    assert [type(item) for item in items] == [*[Accepted] * 9, Rejected, Accepted]
    assert [said(item) for item in items[:9]] == [said(item) for item in read_items("\n".join(lines).encode())]
    assert [item.raw for item in items] == data.split(b"\n")
    array = ("[" + ",".join(lines) + "]").encode("gb18030")
    assert [item.raw for item in read_items(array)] == [line.encode("gb18030") for line in lines]


def test_gbk_bytes_in_a_utf_8_file_spoil_one_row_alone(read_items) -> None:
    lines = as_csv(ROWS).splitlines(keepends=True)
    spoilt = as_csv(ROWS[1:2], "gbk")
    items = read_items(b"".join([*lines[:2], spoilt, *lines[2:]]))
    assert [type(item) for item in items] == [Accepted, Rejected, Accepted, Accepted]
    assert (items[1].code, items[1].raw) == ("unparseable", spoilt.rstrip())


def test_utf_8_bytes_in_a_gb18030_file_spoil_one_row_alone(read_items) -> None:
    bad = b"\xff\xff," * 16 + b"\xff\n"
    good = as_csv(ROWS, "gb18030").splitlines(keepends=True)
    items = read_items(b"".join([*good[:2], bad, *good[2:]]))
    assert [type(item) for item in items][:2] == [Accepted, Rejected]
    assert items[1].raw == bad.rstrip()


@pytest.mark.parametrize("form", ENCODINGS)
def test_titles_and_empty_rows_are_no_records(form: str, read_items) -> None:
    wide = [""] * len(ROWS[0])
    rows = [["失信被执行人名单", *wide[1:]], wide, ROWS[0], ROWS[1], wide, ROWS[2], wide]
    assert [type(item) for item in read_items(ENCODINGS[form](rows))] == [Accepted, Accepted]


@pytest.mark.parametrize("form", ["utf-8", "xlsx"])
def test_headings_in_another_order_with_marks_notes_and_blanks(form: str, read_items) -> None:
    written = {"案号": "*案 号", "执行法院": "执行法院（全称）", "发布时间": "发布时间：", "年龄": "年\n龄"}
    rows = [[written.get(str(cell), cell) for cell in ROWS[0]], *ROWS[1:]]
    turned = [list(reversed(["序号", *rows[0]])), *(list(reversed([n, *row])) for n, row in enumerate(rows[1:], 1))]
    items = read_items(ENCODINGS[form](turned))
    assert [said(item) for item in items] == [said(item) for item in read_items(ENCODINGS[form](ROWS))]


@pytest.mark.parametrize("form", ["utf-8", "gb18030", "xlsx"])
def test_what_is_wrong_with_a_row_is_its_own(form: str, read_items) -> None:
    more = [*ROWS[1], "too", "many"]
    nobody = [
        "" if label in (LABELS["iname"], LABELS["cardNum"]) else cell for label, cell in zip(*ROWS[:2], strict=True)
    ]
    total = ["合计", *[""] * 16]
    items = read_items(ENCODINGS[form]([ROWS[0], more, ROWS[1], nobody, ROWS[0], total, ROWS[2]]))
    found = [item.code if isinstance(item, Rejected) else "accepted" for item in items]
    assert found == ["shifted-columns", "accepted", "no-subject", "not-a-listing", "no-case-number", "accepted"]


@pytest.mark.parametrize("form", ["utf-8", "xlsx"])
def test_a_column_that_is_not_known_is_never_passed_over_where_it_says_something(form: str, read_items) -> None:
    rows = [[*ROWS[0], "备注"], [*ROWS[1], ""], [*ROWS[2], "已履行完毕，应予删除"]]
    first, second = read_items(ENCODINGS[form](rows))
    assert isinstance(first, Accepted)
    assert second.code == "unknown-shape"


@pytest.mark.parametrize("gone", ["案号", "被执行人姓名/名称"])
def test_a_column_that_vanished_overnight(gone: str, read_items) -> None:
    keep = [place for place, label in enumerate(ROWS[0]) if label != gone]
    for form in ("utf-8", "xlsx"):
        items = read_items(ENCODINGS[form]([[row[place] for place in keep] for row in ROWS]))
        assert [item.code for item in items] == ["unknown-shape"] * 3


@pytest.mark.parametrize("form", ["utf-8", "xlsx"])
@pytest.mark.parametrize("word", labels.GONE)
def test_j5_a_state_that_says_it_is_gone_withdraws(form: str, word: str, read_items) -> None:
    rows = [[*ROWS[0], "状态"], [*ROWS[1], "有效"], [*ROWS[1], word], [*ROWS[1], "不清楚"]]
    listed, gone, unknown = read_items(ENCODINGS[form](rows))
    assert isinstance(gone, Withdrawal)
    assert listed.record.record_id in gone.record_ids
    assert unknown.code == "wrong-value"


def test_j5_our_own_withdrawals_as_a_table(read_items) -> None:
    (listed,) = read_items(as_csv(ROWS[:2]))
    rows = [["case_number", "name", "status"], [ROWS[1][1], ROWS[1][0], "withdrawn"]]
    for data in (as_csv(rows), as_xlsx(rows)):
        (gone,) = read_items(data)
        assert isinstance(gone, Withdrawal)
        assert listed.record.record_id in gone.record_ids


def test_columns_of_a_database_in_capitals(read_items) -> None:
    rows = [["INAME", "CASE_CODE", "CARD_NUM", "COURT_NAME", "PUBLISH_DATE", "DISRUPT_TYPE_NAME", "UPDATE_TIME"]]
    rows.append(
        ["焦作山阳机械有限公司", "(2019)豫0811执123号", "69670740-9", "山阳区法院", "2019-02-11", "其他规避执行", "x"]
    )
    (item,) = read_items(as_csv(rows))
    assert (item.record.subject.identifiers[0].check, item.record.grounds) == ("pass", ("evades",))


def test_what_programs_write_a_table_from_records_as(read_items, samples) -> None:
    """The keys as headings, row numbers under none, lists as JSON, words for nothing."""
    people = orjson.loads((samples / "shixin_qysler.jsonl").read_bytes())
    record = {
        **UNIT,
        "qysler": orjson.dumps(people).decode(),
        "gistId": '["(2018)豫0811民初5号"]',
        "performedPart": "NaN",
    }
    for first in ("", "Unnamed: 0"):
        rows = [[first, *record], ["0", *record.values()], ["1", *{**record, "qysler": "[]", "sexy": "\\N"}.values()]]
        one, two = read_items(as_csv(rows))
        assert [(item.record.source.system, item.record.performed, item.record.doubts) for item in (one, two)] == [
            ("zxgk", None, ())
        ] * 2
        assert [person.name for person in one.record.responsible_persons] == ["柏若棠", "华嘉榆", "苏嘉川"]
        assert [basis.number for basis in one.record.basis] == ["（2018）豫0811民初5号"]
        assert [person.name for person in two.record.responsible_persons] == ["苏嘉川"]


def test_the_list_of_shanghai_is_of_persons_under_enforcement_as_a_table_too(read_items, samples) -> None:
    record = orjson.loads((samples / "hshfy.jsonl").read_bytes())
    for data in (as_csv([list(record), list(record.values())]), as_xlsx([list(record), list(record.values())])):
        (item,) = read_items(data)
        assert item.code == "wrong-feed"


# CSV


def test_text_with_line_breaks_commas_and_quotes_in_quoted_cells(read_items) -> None:
    duty = '一、付款5,000元；\r\n二、"加倍"支付利息\n三、负担诉讼费'
    (item,) = read_items(as_csv(table_of([{**UNIT, "duty": duty}])))
    assert item.record.obligation == duty


def test_a_quote_that_does_not_close_swallows_nobody(read_items) -> None:
    lines = as_csv(table_of([{**UNIT, "caseCode": f"(2019)豫0811执{n}号"} for n in range(1, 7)])).splitlines(
        keepends=True
    )
    lines[2] = lines[2].replace("支付".encode(), '"支付'.encode())
    lines[5] = lines[5].replace("支付".encode(), '"支付'.encode())
    items = read_items(b"".join(lines))
    assert [type(item) for item in items] == [Accepted, Rejected, Accepted, Accepted, Rejected, Accepted]
    assert items[1].raw == lines[2].rstrip()


def test_a_line_break_in_a_cell_that_is_not_quoted(read_items) -> None:
    lines = as_csv(table_of([UNIT, UNIT, UNIT])).splitlines(keepends=True)
    lines[2] = lines[2].replace("支付".encode(), "支付\r\n".encode())
    items = read_items(b"".join(lines))
    assert [type(item) for item in items] == [Accepted, Rejected, Rejected, Accepted]


def test_a_file_cut_in_the_middle(read_items) -> None:
    whole = as_csv(table_of([UNIT, UNIT]))
    items = read_items(whole[:-60])
    assert [type(item) for item in items] == [Accepted, Rejected]
    items = read_items(as_csv(table_of([UNIT, {**UNIT, "duty": "一\n二"}]))[:-90])
    assert [type(item) for item in items] == [Accepted, Rejected]


def test_a_spreadsheet_leaves_out_empty_cells_at_the_end(read_items) -> None:
    short = b",".join(as_csv([ROWS[1]]).rstrip().split(b",")[:-2])
    assert [type(item) for item in read_items(as_csv(ROWS[:1]) + short + b"\r\n")] == [Accepted]


def test_a_formula_that_keeps_a_number_a_text(read_items) -> None:
    number = "41081119800101001" + id_check("41081119800101001")
    person = {**UNIT, "iname": "张三", "businessEntity": "", "cardNum": f'="{number}"', "age": 39}
    (item,) = read_items(as_csv(table_of([person])))
    assert [(one.value, one.check) for one in item.record.subject.identifiers] == [(number, "pass")]


@pytest.mark.parametrize("written", ["9.16201E+17", "916201055811843000", "4.10811E+17"])
def test_a_number_that_a_spreadsheet_rounded_in_csv(written: str, read_items) -> None:
    (item,) = read_items(as_csv(table_of([{**UNIT, "cardNum": written}])))
    assert item.code == "rounded-identifier"


def test_old_mac_line_ends(read_items) -> None:
    assert len(read_items(as_csv(ROWS[:1] + table_of([UNIT, UNIT])[1:]).replace(b"\r\n", b"\r"))) == 2


# Workbooks


@pytest.mark.parametrize("number", [916201055811843000, 91340400667119998, 410811198001010012, 9.1e17])
def test_a_number_cell_past_15_digits_has_lost_some(number: float, read_items) -> None:
    (item,) = read_items(as_xlsx(table_of([{**UNIT, "cardNum": number}])))
    assert item.code == "rounded-identifier"


def test_numbers_and_dates_in_cells(read_items) -> None:
    from datetime import date, datetime  # noqa: PLC0415

    person = {
        **UNIT, "iname": "张三", "businessEntity": "", "cardNum": 410811800101002, "age": 39.0,
        "regDate": date(2019, 1, 28), "publishDate": datetime(2019, 2, 11, 8, 30),  # noqa: DTZ001
    }  # fmt: skip
    (item,) = read_items(as_xlsx(table_of([person])))
    record = item.record
    assert (record.subject.age, record.case.filed_on, record.published_on) == (39, date(2019, 1, 28), date(2019, 2, 11))
    assert record.subject.identifiers[0].value.startswith("41081119800101002")


def test_every_sheet_is_read_and_a_sheet_without_headings_is_told_of(read_items) -> None:
    items = read_items(as_xlsx(ROWS, ROWS[:2], [["说明"], ["填表人", "张三"]], []))
    assert [type(item) for item in items] == [*[Accepted] * 4, Rejected, Rejected]
    assert {item.code for item in items[4:]} == {"unknown-shape"}
    assert [orjson.loads(item.raw) for item in items[4:]] == [["说明", ""], ["填表人", "张三"]]


def test_a_sheet_s_own_word_on_its_size_is_not_believed(read_items) -> None:
    book = as_xlsx(ROWS)
    part = part_of(book, SHEET)
    lied = part.replace(b'<dimension ref="A1:Q4"', b'<dimension ref="A1:B2"')
    assert lied != part
    assert [type(item) for item in read_items(with_part(book, SHEET, lied))] == [Accepted] * 3


def test_an_error_of_a_formula_is_found(read_items) -> None:
    (item,) = read_items(as_xlsx(table_of([{**UNIT, "courtName": "#N/A"}])))
    assert item.code == "wrong-value"


def test_a_zip_bomb_is_measured_and_not_opened(read_items, monkeypatch) -> None:
    monkeypatch.setattr(workbook.openpyxl, "load_workbook", lambda *_, **__: pytest.fail("it was opened"))
    book = as_xlsx(ROWS)
    bomb = with_part(book, SHEET, b"<a>" + b" " * (64 << 20))
    assert len(bomb) < 100_000
    (item,) = read_items(bomb)
    assert (item.code, item.raw) == ("unparseable", bomb)


def test_an_xml_bomb_in_a_workbook_is_an_error(read_items) -> None:
    book = as_excel_writes(as_xlsx(ROWS))
    entities = b"".join(b'<!ENTITY e%d "%s">' % (n, b"&e%d;" % (n - 1) * 10) for n in range(1, 12))
    bomb = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY e0 "x">' + entities + b"]>"
    for name in (SHEET, SHARED, "xl/workbook.xml"):
        part = part_of(book, name)
        part = bomb + part[part.index(b"<", 2) if part.startswith(b"<?") else 0 :]
        (item,) = read_items(with_part(book, name, part))
        assert item.code == "unparseable"


def test_a_document_type_is_seen_and_no_part_is_read_in_another_encoding(read_items) -> None:
    book = as_xlsx(ROWS)
    for encoding in ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"):
        part = (" " * 999 + '<!DOCTYPE s [<!ENTITY e "x">]><s/>').encode(encoding)
        (item,) = read_items(with_part(book, "xl/styles.xml", part))
        assert ("document type" if encoding == "utf-8-sig" else "not in UTF-8") in item.reason
    part = part_of(book, SHEET).removeprefix(b"<?xml version='1.0' encoding='UTF-8'?>")
    (item,) = read_items(with_part(book, SHEET, b'<?xml version="1.0" encoding="GB18030"?>' + part))
    assert "not in UTF-8" in item.reason


def test_a_picture_may_hold_any_bytes(read_items) -> None:
    book = with_part(as_xlsx(ROWS), "xl/media/image1.png", b"\x89PNG\r\n<!DOCTYPE")
    assert [type(item) for item in read_items(book)] == [Accepted] * 3


def test_a_column_far_out_costs_nothing(read_items) -> None:
    book = as_xlsx(ROWS)
    part = part_of(book, SHEET)
    far = part.replace(b"</sheetData>", b'<row r="1048576"><c r="XFD1048576"><v>1</v></c></row></sheetData>')
    assert [type(item) for item in read_items(with_part(book, SHEET, far))] == [*[Accepted] * 3, Rejected]


@pytest.mark.parametrize("row", [b"1", b"4", b"1048577", b"99999999999"])
def test_no_row_of_a_sheet_is_lost_that_stands_twice_or_out_of_bounds(row: bytes, read_items) -> None:
    book = as_xlsx(ROWS)
    part = part_of(book, SHEET)
    more = part.replace(b"</sheetData>", b'<row  spans="1:2" r="%s"><c><v>1</v></c></row></sheetData>' % row)
    (item,) = read_items(with_part(book, SHEET, more))
    assert item.code == "unparseable"


@pytest.mark.parametrize(
    "data", [b"PK\x03\x04", b"PK\x03\x04" + b"x" * 99, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"\n" * 99]
)
def test_what_only_begins_like_a_workbook(data: bytes, read_items) -> None:
    (item,) = read_items(data)
    assert (item.code, item.raw) == ("unparseable", data)


def test_a_workbook_that_breaks_off_is_told_of(read_items) -> None:
    book = as_xlsx(ROWS)
    part = part_of(book, SHEET)
    items = read_items(with_part(book, SHEET, part[: len(part) * 3 // 4]))
    assert isinstance(items[-1], Rejected)
    (item,) = read_items(book[: len(book) // 2])
    assert item.code == "unparseable"


# Whatever the bytes are

CELLS = st.sampled_from(["", "张三", "(2019)豫0811执1号", "69670740-9", '"', ",", "\n", "\r", "LONG", "是"]) | st.text(
    max_size=9
)


@settings(max_examples=150)
@given(st.lists(st.lists(CELLS, max_size=20), max_size=6), st.sampled_from(["utf-8", "gb18030"]))
def test_any_rows_under_the_headings_are_accounted_for(read_items, rows, encoding: str) -> None:
    clean = [[cell.replace("\x00", "").replace("LONG", "x" * 200_000) for cell in row] for row in rows]
    account(read_items(as_csv(ROWS[:1] + clean, "utf-8").decode("utf-8", "replace").encode(encoding, "replace")))


@settings(max_examples=200)
@given(st.binary(max_size=300), st.sampled_from(["utf-8", "gb18030"]))
def test_any_bytes_behind_the_headings(read_items, tail: bytes, encoding: str) -> None:
    account(read_items(as_csv(ROWS[:1], encoding) + tail))


@settings(max_examples=200)
@given(st.data(), st.sampled_from(["utf-8", "gb18030", "tabs"]))
def test_mutated_csv(read_items, data: st.DataObject, form: str) -> None:
    table = bytearray(ENCODINGS[form](ROWS))
    for _ in range(data.draw(st.integers(1, 5))):
        place = data.draw(st.integers(0, len(table) - 1))
        table[place : place + data.draw(st.integers(0, 9))] = data.draw(st.binary(max_size=5))
        if not table:
            return
    account(read_items(bytes(table)))


@given(st.lists(st.text(max_size=6), max_size=8))
def test_cells_that_are_no_headings_are_none(cells: list[str]) -> None:
    known = sum(spelled_as_zxgk(cell.strip()) in KNOWN for cell in cells)
    assert headings_of(cells) is None or known
