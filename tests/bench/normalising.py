"""From bytes to canonical records, one core: the court's own list, every key set of every feed, CSV and workbooks."""

import csv
import hashlib
import io
import re
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import orjson

from adapters.feeds import read
from adapters.feeds.registry import ADAPTERS
from schemas.canonical import JsonObject
from schemas.reading import Item
from tests.bench.figure import Figure, seconds
from tests.bench.sealing import TODAY, court_list
from tests.unit.adapters.feeds.tables import as_excel_writes

KEY = b"a record key of 32 bytes, for now"
CONFORMANCE = Path(__file__).parents[1] / "data/conformance"
DEBTORS = "dishonest-debtor"
LABELS = {
    "iname": "被执行人姓名/名称", "caseCode": "案号", "age": "年龄", "sexy": "性别",
    "cardNum": "身份证号码/组织机构代码", "businessEntity": "法定代表人或者负责人姓名", "courtName": "执行法院",
    "areaName": "省份", "gistId": "执行依据文号", "regDate": "立案时间", "gistUnit": "做出执行依据单位",
    "duty": "生效法律文书确定的义务", "performance": "被执行人的履行情况", "performedPart": "已履行部分",
    "unperformPart": "未履行部分", "disruptTypeName": "失信被执行人行为具体情形", "publishDate": "发布时间",
}  # fmt: skip
_SERIAL = re.compile(r"(?<=执)(?:恢|字第)?\d+(?=号)")


def run(*, quick: bool) -> list[Figure]:
    records = 2_000 if quick else 20_000  # more than any cache holds
    listed = court_list(records)
    table = _table(listed)
    mixed = {feed: _of_feed(feed, records // len(ADAPTERS)) for feed in ADAPTERS}
    return [
        _figure("normalise, the court's own list", {DEBTORS: listed}),
        _figure("normalise, all adapters active", mixed),
        _figure("normalise, CSV in GB18030", {DEBTORS: table.encode("gb18030")}, {DEBTORS: listed}),
        _figure("normalise, XLSX", {DEBTORS: _workbook(table)}, {DEBTORS: listed}),
    ]


def _figure(name: str, data: Mapping[str, bytes], lines: Mapping[str, bytes] | None = None) -> Figure:
    """`lines` are the same records as JSON, where `data` is a table."""
    count = 0

    def normalise() -> None:
        nonlocal count
        last: list[Item] = []
        for feed, body in data.items():
            last += deque(read(feed, body, record_key=KEY, today=TODAY), maxlen=1)
        count = sum(item.line for item in last)

    def bare() -> None:
        for body in (lines or data).values():
            for line in body.splitlines():
                orjson.loads(line)
                hashlib.sha256(line).digest()
        for body in data.values():
            if body.startswith(b"PK"):
                with ZipFile(io.BytesIO(body)) as package:
                    deque(map(package.read, package.namelist()), maxlen=0)

    taken, beside = seconds(normalise), seconds(bare)
    work = "the time of orjson.loads and one SHA-256 a record"
    return Figure(name, count / taken, "records/s", "8,000", work, taken / beside)


def _of_feed(feed: str, records: int) -> bytes:
    """The feed's conformance samples in turn, each time of another case."""
    samples = (CONFORMANCE / f"{feed}.ndjson").read_text("utf-8").splitlines()
    return "\n".join(
        _SERIAL.sub(str(serial), samples[serial % len(samples)]) for serial in range(1, records + 1)
    ).encode()


def _table(listed: bytes) -> str:
    out = io.StringIO()
    rows: list[JsonObject] = [orjson.loads(line) for line in listed.splitlines()]
    csv.writer(out).writerows([list(LABELS.values()), *([row.get(key, "") for key in LABELS] for row in rows)])
    return out.getvalue()


def _workbook(table: str) -> bytes:
    """As spreadsheets write it, with the texts in a table of their own."""
    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in csv.reader(io.StringIO(table)):
        sheet.append(row)
    out = io.BytesIO()
    book.save(out)
    return as_excel_writes(out.getvalue())
