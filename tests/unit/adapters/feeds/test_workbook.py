"""The cells of workbooks as programs write them, and what a library that reads them would pass over without a word."""

import contextlib
import io
import sys
from datetime import date, datetime, time
from types import FrameType
from zipfile import ZipFile

import openpyxl
import orjson
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from adapters.feeds.package import LONGEST_TAG, MOST_ELEMENTS, MOST_WHOLE, Unfit, _scan
from adapters.feeds.workbook import WHOLE, Place, placed_rows
from schemas.reading import Rejected, Withdrawal
from tests.unit.adapters.feeds.tables import as_excel_writes, as_xlsx, part_of, with_part

SHEET, STYLES, BOOK = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"
RELATED = "xl/_rels/workbook.xml.rels"


def cells(package: bytes) -> list[list[object]]:
    """Of a sheet without headings that are known."""
    rows = [orjson.loads(piece.raw) for _, piece in placed_rows(package)]
    return [row[: max(place for place, cell in enumerate(row, 1) if cell != "")] for row in rows]


def faults(package: bytes) -> list[str]:
    return [piece.fault.reason if piece.fault else "" for _, piece in placed_rows(package)]


def sheet(inside: str) -> bytes:
    """A workbook whose sheet holds these rows, spelled by hand."""
    part = part_of(as_xlsx([["x"]]), SHEET).decode()
    before, after = part.index("<sheetData>") + len("<sheetData>"), part.index("</sheetData>")
    return with_part(as_xlsx([["x"]]), SHEET, (part[:before] + inside + part[after:]).encode())


@pytest.mark.parametrize("written", [as_xlsx, lambda rows: as_excel_writes(as_xlsx(rows))])
def test_what_the_library_writes_is_read_as_it_stands(written) -> None:
    rows = [["案号", "甲", 12, 0.25, True, False], ["", " x ", "=1", -3, 1e15, None], [date(2019, 1, 28)]]
    assert cells(written(rows)) == [
        ["案号", "甲", "12", 0.25, "是", "否"], ["", " x ", "", "-3", 1e15], ["2019-01-28 00:00:00"],
    ]  # fmt: skip


def test_days_are_told_by_their_style_alone() -> None:
    book = openpyxl.Workbook()
    formats = [
        "yyyy-mm-dd",
        'yyyy"年"m"月"d"日"',
        "[$-804]yyyy/m/d;@",
        "h:mm:ss",
        "0.00",
        '"day" 0',
        "General",
    ]
    for column, code in enumerate(formats, 1):
        book.active.cell(1, column, 43493.5).number_format = code
    out = io.BytesIO()
    book.save(out)
    noon = "2019-01-28 12:00:00"
    assert cells(out.getvalue()) == [[noon, noon, noon, noon, 43493.5, 43493.5, 43493.5]]


@pytest.mark.parametrize("number", [14, 22, 31, 57, 58])
def test_days_in_the_formats_of_east_asia_are_days(number: int) -> None:
    """A spreadsheet in Chinese writes 2019年1月 as format 57, which stands in no file: it is built in."""
    package = as_xlsx([[datetime(2019, 1, 28, 8, 30)]])  # noqa: DTZ001
    styles = part_of(package, STYLES).decode()
    changed = styles.replace('numFmtId="22"', f'numFmtId="{number}"').replace('numFmtId="164"', f'numFmtId="{number}"')
    assert f'numFmtId="{number}"' in changed
    assert cells(with_part(package, STYLES, changed.encode())) == [["2019-01-28 08:30:00"]]


def test_days_before_march_1900_of_1904_and_times_of_day() -> None:
    package = as_xlsx([[date(2019, 1, 28), time(8, 30)]])
    assert cells(package) == [["2019-01-28 00:00:00", "08:30:00"]]
    part = part_of(package, BOOK).decode()
    in_1904 = part.replace("<workbookPr ", '<workbookPr date1904="1" ')
    assert in_1904 != part
    assert cells(with_part(package, BOOK, in_1904.encode())) == [["2023-01-29 00:00:00", "08:30:00"]]


def test_text_in_runs_is_one_text_without_the_readings_over_it() -> None:
    book = openpyxl.Workbook()
    book.active["A1"] = CellRichText("焦作", TextBlock(InlineFont(b=True), "山阳"), "机械")
    book.active["B1"].font = Font(b=True)
    out = io.BytesIO()
    book.save(out)
    assert cells(out.getvalue()) == [["焦作山阳机械"]]
    runs = "<is><r><t>焦作</t></r><rPh sb='0' eb='1'><t>じ</t></rPh><r><t>山阳</t></r></is>"
    assert cells(sheet(f'<row r="1"><c r="A1" t="inlineStr">{runs}</c></row>')) == [["焦作山阳"]]


def test_characters_that_xml_cannot_hold_and_half_a_pair() -> None:
    inside = '<row r="1"><c r="A1" t="str"><v>a_x000D_b</v></c></row>'
    assert cells(sheet(inside)) == [["a\rb"]]


def test_rows_and_cells_without_their_places_count_on() -> None:
    inside = "<row><c><v>1</v></c><c><v>2</v></c></row><row r='7'><c r='C7'><v>3</v></c><c><v>4</v></c></row>"
    package = sheet(inside + "<row><c><v>5</v></c></row>")
    assert cells(package) == [["1", "2"], ["", "", "3", "4"], ["5"]]
    assert [place.row for place, _ in placed_rows(package)] == [1, 7, 8]


HEADED = [["案号", "被执行人姓名/名称", "失信行为", "状态"], ["（2019）豫0811执1号", "甲", "x", "MARK"]]


def beside(cell: str, state: str = "") -> bytes:
    """A row with that in the cell of its name."""
    package = as_xlsx([HEADED[0], [*HEADED[1][:3], state]])
    part = part_of(package, SHEET).decode()
    name = '<c r="B2" t="inlineStr"><is><t>甲</t></is></c>'
    assert name in part
    return with_part(package, SHEET, part.replace(name, cell).encode())


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="B2" t="e"><v>#SPILL!</v></c>', '<c r="B2" t="e"><v>#N/A</v></c>', '<c r="B2" t="str"><v>#REF!</v></c>',
        '<c r="B2"><f>C2</f></c>', '<c r="B2"><f>C2</f><v></v></c>', '<c r="B2"><f>C2</f><v/></c>',
        '<c r="B2"><is><t>甲</t></is></c>', '<c r="B2" t="inlineStr"><v>甲</v></c>',
    ],
)  # fmt: skip
def test_a_cell_that_says_nothing_that_can_be_told_spoils_its_row_but_no_withdrawal(cell: str, read_items) -> None:
    (item,) = read_items(beside(cell))
    assert (item.code, type(item)) == ("wrong-value", Rejected)
    (item,) = read_items(beside(cell, "撤销"))
    assert item.code == "withdrawal-without-key"  # the name is what could not be told
    package = beside('<c r="B2" t="inlineStr"><is><t>甲</t></is></c>', "撤销")
    third = '<c r="C2" t="inlineStr"><is><t>x</t></is></c>'
    other = part_of(package, SHEET).decode().replace(third, cell.replace("B2", "C2"))
    (item,) = read_items(with_part(package, SHEET, other.encode()))
    assert isinstance(item, Withdrawal)


def test_a_state_that_was_never_calculated_lists_nobody(read_items) -> None:
    rows = [HEADED[0], [*HEADED[1][:3], '=IF(1=1,"撤销","")']]
    (item,) = read_items(as_xlsx(rows))
    assert item.code == "wrong-value"


def test_a_formula_that_gave_an_empty_text_is_an_empty_cell(read_items) -> None:
    assert faults(beside('<c r="B2" t="str"><f>""</f><v></v></c>')) == [""]


@pytest.mark.parametrize(
    "row",
    [
        '<row r="1"><c r="A1"><v>1</v></c><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="B1"><v>1</v></c><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="7"><v>2</v></c></row>',
        '<row r="1"><c r="ZZZZ1"><v>2</v></c></row>',
        '<row r="1"><c r="XFE1"><v>2</v></c></row>',
        '<row r="x"><c><v>2</v></c></row>',
        '<row r="1" xmlns=""><c r="A1"><v>2</v></c></row>',
        '<row r="1"><c r="A1"><v xmlns="">2</v></c></row>',
    ],
)
def test_no_cell_is_lost_that_stands_where_another_does_or_nowhere(row: str) -> None:
    ((place, piece),) = placed_rows(sheet(row))
    assert (place, piece.fault is None) == (WHOLE, False)


def test_a_cell_far_out_spoils_its_row_alone() -> None:
    package = as_xlsx([HEADED[0], HEADED[1], HEADED[1]])
    part = part_of(package, SHEET).decode()
    far = part.replace("</row></sheetData>", '<c r="XFD3"><v>2</v></c></row></sheetData>')
    assert faults(with_part(package, SHEET, far.encode())) == [
        "",
        "a cell stands far behind all columns that a list has",
    ]


def test_rows_of_one_cell_without_headings_are_told_of() -> None:
    assert cells(as_xlsx([["（2019）豫0811执1号"]])) == [["（2019）豫0811执1号"]]
    assert len(cells(as_xlsx([["一"], ["二"], ["三"], ["四"], ["五"]]))) == 5
    assert faults(as_xlsx([["失信被执行人名单"], *HEADED])) == [""]


def test_every_sheet_that_the_workbook_names_is_there_and_once() -> None:
    package = as_xlsx(HEADED, HEADED)
    related = part_of(package, RELATED).decode()
    twice = related.replace("sheet2.xml", "sheet1.xml")
    gone = related.replace("sheet2.xml", "sheet9.xml")
    book = part_of(package, BOOK).decode()
    assert twice != related != gone
    for part, content in [
        (RELATED, twice),
        (RELATED, gone),
        (BOOK, book.replace('r:id="rId2"', 'r:id="rId99"')),
        (BOOK, book.replace('r:id="rId2"', "")),
    ]:
        assert len(faults(with_part(package, part, content.encode()))) == 1
    assert "named" not in faults(package)[0]


def test_a_sheet_of_another_form_is_refused() -> None:
    package = as_xlsx(HEADED)
    part = part_of(package, SHEET)
    for other in (b"http://purl.oclc.org/ooxml/spreadsheetml/main", b""):
        changed = part.replace(b"http://schemas.openxmlformats.org/spreadsheetml/2006/main", other)
        assert len(faults(with_part(package, SHEET, changed))) == 1
        assert faults(with_part(package, SHEET, changed))[0]


@pytest.mark.parametrize("part", [STYLES, BOOK, RELATED, "[Content_Types].xml", SHEET])
def test_what_the_library_would_keep_whole_is_bounded(part: str) -> None:
    package = as_xlsx(HEADED)
    content = part_of(package, part)
    end = content.rindex(b"</")
    many = content[:end] + b"<x/>" * (MOST_ELEMENTS + 1) + content[end:]
    assert faults(stored(package, part, many)) == ["the workbook unpacks to far more than a list can be"]
    long = content[:end] + b"<x>" + b"x" * MOST_WHOLE + b"</x>" + content[end:]
    if part != SHEET:
        assert faults(stored(package, part, long)) == ["the workbook unpacks to far more than a list can be"]
    tag = content[:end] + b'<x a="' + b">" * (LONGEST_TAG + (1 << 17)) + b'"/>' + content[end:]
    assert faults(stored(package, part, tag)) == ["the workbook unpacks to far more than a list can be"]


def test_a_sheet_that_is_declared_to_be_what_is_built_whole_is_bounded_like_it() -> None:
    package = as_xlsx([["x"]])
    part = part_of(package, SHEET)
    many = part.replace(b"</sheetData>", b"<row/>" * (MOST_ELEMENTS + 1) + b"</sheetData>")
    assert faults(stored(package, SHEET, many))[0].startswith("no row of headings")
    types = part_of(package, "[Content_Types].xml")
    worksheet = b"spreadsheetml.worksheet+xml"
    other = with_part(package, "[Content_Types].xml", types.replace(worksheet, b"spreadsheetml.styles+xml"))
    assert faults(stored(other, SHEET, many)) == ["the workbook unpacks to far more than a list can be"]


@pytest.mark.parametrize("inside", [b"<row ", b"<row r='1' ", b"<c ", b"<!-- <row "])
def test_the_work_of_looking_through_grows_with_the_size_and_no_faster(inside: bytes) -> None:
    """Counted in the parser's calls: a text that closes no tag ends it at once, however long."""
    package = as_xlsx([["x"]])
    part = part_of(package, SHEET)
    for many in (10_000, 20_000):
        broken = part.replace(b"<sheetData>", b"<sheetData>" + inside * many)
        assert calls(package, broken) <= 50
        whole = part.replace(b"</sheetData>", b"<row><c/></row>" * many + b"</sheetData>")
        assert 4 * many <= calls(package, whole) <= 4 * many + 100


def calls(package: bytes, part: bytes) -> int:
    """How many lines of the looker's own code run for each piece of the part, told by the interpreter."""
    count = 0

    def called(frame: FrameType, event: str, _: object) -> None:
        nonlocal count
        count += event == "call" and frame.f_code.co_name in ("_begins", "_ends")

    with ZipFile(io.BytesIO(stored(package, SHEET, part))) as opened:
        sys.setprofile(called)
        try:
            with contextlib.suppress(Unfit):
                _scan(opened, SHEET, None)
        finally:
            sys.setprofile(None)
    return count


def stored(package: bytes, name: str, content: bytes) -> bytes:
    """The workbook with a part that is not packed: so it is no bomb by its size."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(package)) as old, ZipFile(out, "w") as new:
        for part in old.namelist():
            new.writestr(part, content if part == name else old.read(part))
    return out.getvalue()


def test_where_each_row_stands() -> None:
    rows = [["失信被执行人名单"], ["案号", "被执行人姓名/名称", "失信行为"], [], ["（2019）豫0811执1号", "甲", "x"]]
    found = [place for place, _ in placed_rows(as_xlsx(rows, [["说明", "甲"]], rows[1:]))]
    assert found == [Place(0, 4, 2), Place(1, 1, 0), Place(2, 3, 1)]
    assert [place for place, _ in placed_rows(b"PK\x03\x04")] == [WHOLE]
