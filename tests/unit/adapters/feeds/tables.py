"""Tables for the tests: records under the Chinese labels, as CSV and as a workbook."""

import csv
import io
import re
from collections.abc import Iterable, Sequence
from zipfile import ZIP_DEFLATED, ZipFile

import openpyxl

LABELS = {  # zxgk's keys: the labels of its own pages
    "iname": "被执行人姓名/名称",
    "caseCode": "案号",
    "age": "年龄",
    "sexy": "性别",
    "cardNum": "身份证号码/组织机构代码",
    "businessEntity": "法定代表人或者负责人姓名",
    "courtName": "执行法院",
    "areaName": "省份",
    "gistId": "执行依据文号",
    "regDate": "立案时间",
    "gistUnit": "做出执行依据单位",
    "duty": "生效法律文书确定的义务",
    "performance": "被执行人的履行情况",
    "performedPart": "已履行部分",
    "unperformPart": "未履行部分",
    "disruptTypeName": "失信被执行人行为具体情形",
    "publishDate": "发布时间",
}


def table_of(records: Iterable[dict[str, object]]) -> list[list[object]]:
    """Headings, and a row for each record."""
    return [list(LABELS.values()), *([record.get(key, "") for key in LABELS] for record in records)]


def as_csv(rows: Sequence[Sequence[object]], encoding: str = "utf-8", delimiter: str = ",") -> bytes:
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter).writerows(rows)
    return out.getvalue().encode(encoding)


def as_xlsx(*sheets: Sequence[Sequence[object]]) -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.active)
    for rows in sheets:
        sheet = book.create_sheet()
        for row in rows:
            sheet.append([None if cell == "" else cell for cell in row])
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


SHARED = "xl/sharedStrings.xml"
_INLINE = re.compile(rb't="inlineStr"><is>(<t[^>]*>.*?</t>)</is>', re.DOTALL)
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_TYPE = (
    b'<Override PartName="/xl/sharedStrings.xml" '
    b'ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"/></Types>'
)


def as_excel_writes(package: bytes) -> bytes:
    """The same workbook with its texts in a table of their own, as spreadsheets write it; the library does not."""
    texts: list[bytes] = []

    def shared(found: re.Match[bytes]) -> bytes:
        texts.append(found[1])
        return b't="s"><v>%d</v>' % (len(texts) - 1)

    out = io.BytesIO()
    with ZipFile(io.BytesIO(package)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for part in old.namelist():
            content = old.read(part)
            if part.startswith("xl/worksheets/"):
                content = _INLINE.sub(shared, content)
            elif part == "[Content_Types].xml":
                content = content.replace(b"</Types>", _TYPE)
            new.writestr(part, content)
        table = b"".join(b"<si>%s</si>" % text for text in texts)
        new.writestr(SHARED, b'<sst xmlns="%s">%s</sst>' % (_MAIN.encode(), table))
    return out.getvalue()


def with_part(package: bytes, name: str, content: bytes) -> bytes:
    """The workbook with one part of it replaced, or added."""
    out = io.BytesIO()
    with ZipFile(io.BytesIO(package)) as old, ZipFile(out, "w", ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return out.getvalue()


def part_of(package: bytes, name: str) -> bytes:
    with ZipFile(io.BytesIO(package)) as opened:
        return opened.read(name)
