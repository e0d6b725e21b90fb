"""Whatever a clerk's file holds, it is a table with a verdict for each row, or a fault."""

import io
import zipfile

import openpyxl
from hypothesis import given
from hypothesis import strategies as st

from adapters.sheets.table import read_sheet
from schemas.sheet import Refusal, SheetFault

HEAD = "案号,被执行人姓名/名称,身份证号码/组织机构代码,发布时间,失信行为\n"
CELLS = st.text(alphabet=st.sampled_from('=+-@,;"\n\r\t\x00案1E0.（）'), max_size=12)


def judged(data: bytes) -> None:
    try:
        table = read_sheet(data)
        refused = [Refusal("some-code", "some reason") for _ in table.rows]
        copy = openpyxl.load_workbook(io.BytesIO(table.with_verdicts(refused)))
    except SheetFault:
        return
    assert sum(cell.value == "未接收" for sheet in copy for row in sheet for cell in row) >= len(refused)
    assert all(cell.data_type != "f" for sheet in copy for row in sheet for cell in row)


def workbook() -> bytes:
    book = openpyxl.Workbook()
    sheet = book.worksheets[0]
    for line in (HEAD.strip(), "（2026）豫0811执1号,王某某,69670740-9,2026-10-09,其他", "1,2,3,4,5"):
        sheet.append(line.split(","))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


WORKBOOK = workbook()


@given(st.binary(max_size=200))
def test_bytes(data: bytes) -> None:
    judged(data)


@given(st.lists(CELLS, max_size=8), st.sampled_from(["utf-8", "gb18030"]))
def test_text_tables(cells: list[str], encoding: str) -> None:
    judged((HEAD + ",".join(cells) + "\n1,2,3,4,5\n").encode(encoding))


@given(st.integers(0, len(WORKBOOK) - 1), st.integers(0, 255), st.booleans())
def test_damaged_packages(place: int, byte: int, cut: bool) -> None:
    judged(WORKBOOK[:place] if cut else WORKBOOK[:place] + bytes([byte]) + WORKBOOK[place + 1 :])


@given(st.integers(0, 10_000), st.binary(max_size=20))
def test_damaged_sheets(place: int, put: bytes) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(WORKBOOK)) as old, zipfile.ZipFile(out, "w") as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename.startswith("xl/worksheets"):
                place %= len(content)
                content = content[:place] + put + content[place:]
            new.writestr(part.filename, content)
    judged(out.getvalue())
