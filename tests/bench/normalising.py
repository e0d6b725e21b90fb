"""From bytes to canonical records, one core: the court's own list, every key set of every feed, CSV and workbooks."""

import csv
import hashlib
import io
import re
from collections import deque
from collections.abc import Mapping
from itertools import count
from pathlib import Path
from zipfile import ZipFile

import openpyxl
import orjson

from adapters.feeds import read
from adapters.feeds.registry import ADAPTERS
from schemas.canonical import JsonObject
from schemas.names import kind_of_name
from schemas.reading import Accepted, Item
from tests.bench.figure import Figure, seconds
from tests.bench.screening import person
from tests.bench.sealing import TODAY, company, court_list
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
_SERIAL = re.compile(r"(?<=执)(?:恢|测L|民字第|字第)?\d+(?=号)")
_OWN_NUMBER = re.compile(r'(?<=XK-2026-)\d+|(?<=S-2026-)\d+|(?<="A-)\d+|(?<=豫0811执)\d+(?=")|(?<=借字（2025）第)\d+')
_SUBJECT = re.compile(
    "(?P<unit>焦城(?:执行|限消|试验)有限公司|焦作山阳机械有限公司|新昌县示例纺织有限公司|广昌青湖钢厂|上海浩龙实业发展总公司"
    "|乐视控股（北京）有限公司|淮南市浩泰房地产开发有限公司)"
    "|(?P<person>苏嘉川|金知远|章清远|葛书榆|苗明棠|方岚|李执行|钱某)"
    "|(?P<code>91999999MA3X12345U|91340400667119998R|69670740-9|680926658|68092665-8|58255643-8)"
    "|999999198001010011|321119196905018431|330822197401130974"
)


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
    read_of_it = 0

    def normalise() -> None:
        nonlocal read_of_it
        last: list[Item] = []
        for feed, body in data.items():
            last += deque(read(feed, body, record_key=KEY, today=TODAY), maxlen=1)
        read_of_it = sum(item.line for item in last)

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
    return Figure(name, read_of_it / taken, "records/s", "8,000", work, taken / beside)


def _of_feed(feed: str, records: int) -> bytes:
    """The feed's conformance samples that are listed, in turn: each time another subject with its numbers in another
    case, so that no cache knows them.
    """
    lines = (CONFORMANCE / f"{feed}.ndjson").read_text("utf-8").splitlines()
    samples = [line for line in lines if isinstance(_items(feed, line.encode())[0], Accepted)]
    made = [_as_another(samples[serial % len(samples)], serial) for serial in range(1, records + 1)]
    data = "\n".join(made).encode()
    found = [item.record.record_id for item in _items(feed, data) if isinstance(item, Accepted)]
    if len(set(found)) < records:
        raise ValueError(f"of {records} records of {feed} {len(set(found))} are listed and differ")
    return data


def _items(feed: str, data: bytes) -> list[Item]:
    return list(read(feed, data, record_key=KEY, today=TODAY))


def _as_another(line: str, serial: int) -> str:
    name, number = _adult(serial)

    def other(found: re.Match[str]) -> str:
        match found.lastgroup:
            case "unit":
                return f"焦城{name}有限公司"
            case "person":
                return name
            case "code":
                return company(serial)
        return number

    return _OWN_NUMBER.sub(str(serial), _SUBJECT.sub(other, _SERIAL.sub(str(serial), line)))


def _adult(serial: int) -> tuple[str, str]:
    """Of age when the oldest samples were published, and by the name a person."""
    others = (person(serial + step * 1_000_003) for step in count())
    return next((name, number) for name, number in others if number[6:10] < "1996" and kind_of_name(name) == "person")


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
