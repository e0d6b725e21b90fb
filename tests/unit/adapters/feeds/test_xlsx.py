"""The cells of workbooks, against the library that wrote them and against what other programs write."""

import io
import random
from datetime import date, datetime, time
from zipfile import ZipFile

import openpyxl
import pytest
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.styles import Font

from adapters.feeds.workbook import WHOLE, Place, placed_rows
from adapters.feeds.xlsx import MOST_COLUMNS, Row, sheets
from tests.unit.adapters.feeds.tables import as_excel_writes, as_xlsx, part_of, with_part

SHEET, STYLES, BOOK = "xl/worksheets/sheet1.xml", "xl/styles.xml", "xl/workbook.xml"


def rows_of(package: bytes) -> list[list[Row]]:
    with ZipFile(io.BytesIO(package)) as opened:
        return [list(rows) for rows in sheets(opened)]


def cells(package: bytes) -> list[list[object]]:
    (rows,) = rows_of(package)
    return [row.cells for row in rows]


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


def test_thousands_of_random_cells_are_read_as_the_library_reads_them() -> None:
    dice = random.Random(7)
    values = [lambda: dice.randrange(10**9), lambda: "".join(dice.choices("案号甲 乙_x\n&<>\"'", k=5)), lambda: ""]
    table = [[dice.choice(values)() for _ in range(12)] for _ in range(300)]
    for package in (as_xlsx(table), as_excel_writes(as_xlsx(table))):
        found = {row.number: row.cells for row in rows_of(package)[0]}
        book = openpyxl.load_workbook(io.BytesIO(package), read_only=True, data_only=True)
        for number, row in enumerate(book.worksheets[0].iter_rows(values_only=True), 1):
            there = ["" if cell is None else str(cell) for cell in row]
            while there and there[-1] == "":
                there.pop()
            assert found.get(number, []) == there


def test_days_are_told_by_their_style_alone() -> None:
    book = openpyxl.Workbook()
    formats = [
        "yyyy-mm-dd",
        'yyyy"年"m"月"d"日"',
        "[$-804]yyyy/m/d;@",
        "h:mm:ss",
        "0.00",
        '"day" 0',
        "[h]:mm",
        "General",
    ]
    for column, code in enumerate(formats, 1):
        book.active.cell(1, column, 43493.5).number_format = code
    out = io.BytesIO()
    book.save(out)
    noon = "2019-01-28 12:00:00"
    assert cells(out.getvalue()) == [[noon, noon, noon, noon, 43493.5, 43493.5, 43493.5, 43493.5]]


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
    inside = '<row r="1"><c r="A1" t="str"><v>a_x000D_b_xD800_c_x005F_x0041_</v></c></row>'
    assert cells(sheet(inside)) == [["a\rb_xD800_c_x0041_"]]


def test_rows_and_cells_without_their_places_count_on() -> None:
    inside = "<row><c><v>1</v></c><c><v>2</v></c></row><row r='7'><c r='C7'><v>3</v></c><c><v>4</v></c></row>"
    inside += "<row><c><v>5</v></c></row>"
    assert rows_of(sheet(inside)) == [[Row(1, ["1", "2"]), Row(7, ["", "", "3", "4"]), Row(8, ["5"])]]


@pytest.mark.parametrize(
    "cell",
    [
        '<c r="A1" t="s"><v>5</v></c>', '<c r="A1" t="s"><v>-1</v></c>', '<c r="A1" t="s"><v>x</v></c>',
        '<c r="A1"><v>x</v></c>', '<c r="A1"><v>nan</v></c>', f'<c r="A1"><v>{"9" * 400}</v></c>',
        '<c r="A1" s="99"><v>1</v></c>', '<c r="A1" s="-1"><v>1</v></c>', '<c r="A1" t="e"><v>#VALUE!</v></c>',
    ],
)  # fmt: skip
def test_a_cell_that_says_nothing_that_there_is_has_the_error_of_a_formula(cell: str) -> None:
    assert cells(sheet(f'<row r="1">{cell}<c r="B1"><v>2</v></c></row>')) == [["#VALUE!", "2"]]


@pytest.mark.parametrize("cell", ['<c r="A1"><v>2</v></c>', '<c r="7"><v>2</v></c>', '<c r="ZZZZ1"><v>2</v></c>'])
def test_no_cell_is_lost_that_stands_where_another_does_or_nowhere(cell: str) -> None:
    with pytest.raises(ValueError, match="cell"):
        cells(sheet(f'<row r="1"><c r="A1"><v>1</v></c>{cell}</row>'))


def test_a_cell_far_out_makes_no_row_of_its_width() -> None:
    (row,) = rows_of(sheet('<row r="1"><c r="A1"><v>1</v></c><c r="XFD1"><v>2</v></c></row>'))[0]
    assert row == Row(1, ["1", "2"], far_out=True)
    assert MOST_COLUMNS < 16_384


def test_where_each_row_stands(read_items) -> None:
    rows = [["失信被执行人名单"], ["案号", "被执行人姓名/名称", "失信行为"], [], ["（2019）豫0811执1号", "甲", "x"]]
    found = [place for place, _ in placed_rows(as_xlsx(rows, [["说明", "甲"]], rows[1:]))]
    assert found == [Place(0, 4, 2), Place(1, 1, 0), Place(2, 3, 1)]
    assert [place for place, _ in placed_rows(b"PK\x03\x04")] == [WHOLE]
