"""The registry's wire: messages of elements, in each charset."""

import base64
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lines.land import LandLine
from schemas.line import KINDS, Charset, Request, Rollback
from tests.unit.adapters.lines.wire import BDHM, fault_of, nothing_but_a_fault, payload

AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
UNIT = "410811001001GB00001F00010001"
PERSON = {
    "XM": "张三",
    "ZJZL": "1",
    "ZJH": "410811199001010014",
    "FIFTEENZJH": "410811900101001",
    "AH": "（2026）豫0811执1号",
}
CHARSETS: tuple[Charset, ...] = ("utf-8", "gbk", "plain")


def value(text: str, charset: Charset) -> str:
    return text if charset == "plain" else base64.b64encode(text.encode(charset)).decode("ascii")


def elements(values: dict[str, str], charset: Charset) -> str:
    return "".join(f'<{name} name="名称">{value(text, charset)}</{name}>' for name, text in values.items())


def message(inside: str, code: str = "") -> str:
    return payload(f"<Message><Head><CREATETIME>x</CREATETIME>{code}</Head><Data>{inside}</Data></Message>")


def control(charset: Charset, **changed: str) -> str:
    right = {"BDCDYH": UNIT, "KZCS": "11", "KSRQ": "2026/11/23", "JSRQ": "2029/11/22", "ZL": "解放路1号", **changed}
    rights = f"<BDCQLLIST><BDCQL>{elements(right, charset)}</BDCQL></BDCQLLIST>"
    return message(
        f"<BDCKZQQLIST><BDCKZQQ>{elements({'CXQQDH': BDHM, **PERSON}, charset)}{rights}</BDCKZQQ></BDCKZQQLIST>"
    )


def root_of(argument: str | None) -> ET.Element:
    return ET.fromstring(base64.b64decode(argument or ""))  # noqa: S314 - our own


@pytest.mark.parametrize("charset", CHARSETS)
def test_a_seal_from_the_request_to_the_feedback(charset: Charset) -> None:
    line = LandLine("bdc", "secret", charset)
    (request,) = line.read_poll("control", control(charset)).requests
    assert request.number == BDHM
    assert (
        request.fields["FIFTEENZJH"] == PERSON["FIFTEENZJH"]
    )  # an identity number of 15 digits stands beside the new one
    (right,) = request.fields["BDCQL"]
    assert (right["KSRQ"], right["KZCS"]) == ("2026-11-23", "11")
    row = {"BDCDYH": UNIT, "KZZT": "1", "CSKSRQ": "2026-11-23", "CSJSRQ": "2029-11-22", "YWH": "1"}
    call = line.feedback(request, {"rows": [row]}, AT)
    root = root_of(call.argument)
    assert call.operation == "feedkzBdcQL"
    assert root.findtext(".//BDCKZJG/CXQQDH") == value(BDHM, charset)
    assert root.findtext(".//KZXXLIST/KZXX/CSJSRQ") == value("2029/11/22", charset)
    assert root.findtext("Head/RESPONSECODE") == value("0000", charset)
    envelope = ET.fromstring(line.write_envelope(call))  # noqa: S314 - our own
    assert [one.tag for one in envelope[1][0]] == ["usermarker", "feedbackinfo"]


def test_a_query_is_answered_register_by_register() -> None:
    line = LandLine("bdc", "secret")
    asked = message(f"<BDCCXQQLIST><BDCCXQQ>{elements({'CXQQDH': BDHM, **PERSON}, 'utf-8')}</BDCCXQQ></BDCCXQQLIST>")
    (request,) = line.read_poll("query", asked).requests
    rows = [{"LIST": "FDCQLIST", "BDCDYH": UNIT, "ZL": "解放路1号"}, {"LIST": "CFDJLIST", "BDCDYH": UNIT}]
    root = root_of(line.feedback(request, {"rows": [*rows]}, AT).argument)
    assert root.findtext(".//BDCCXJG/FDCQLIST/ZL") == value("解放路1号", "utf-8")
    assert root.find(".//BDCCXJG/CFDJLIST") is not None
    assert fault_of(lambda: line.feedback(request, {"rows": [{"LIST": "X"}]}, AT)) == ("unknown-code", "LIST")
    assert fault_of(lambda: line.feedback(request, {"rows": [], "receipt": {}}, AT)) == ("unknown-field", "receipt")
    assert root_of(line.feedback(request, {"rows": []}, AT).argument).find(".//BDCCXJG/RESULT") is not None


@pytest.mark.parametrize(
    ("changed", "fault"),
    [({"KZCS": "01"}, ("unknown-code", "KZCS")), ({"KZCS": "14"}, ("original-missing", "YDJDH")),
     ({"KSRQ": "2026/02/30"}, ("date-unreadable", "KSRQ")), ({"BDCDYH": ""}, ("field-missing", "BDCDYH"))],
)  # fmt: skip
def test_a_bad_item_is_named(changed: dict[str, str], fault: tuple[str, str]) -> None:
    (unread,) = LandLine("bdc", "s").read_poll("control", control("utf-8", **changed)).unread
    assert (unread.number, unread.fault.code, unread.fault.field) == (BDHM, *fault)


def test_an_error_in_the_message_or_in_its_head() -> None:
    line = LandLine("bdc", "s")
    failed = payload('<Message ErrorMSG="用户名错误"><Data/></Message>')
    assert fault_of(lambda: line.read_poll("query", failed))[0] == "court-error"
    code = f"<RESPONSECODE>{value('2000', 'utf-8')}</RESPONSECODE>"
    assert fault_of(lambda: line.read_poll("query", message("", code)))[0] == "court-error"
    assert line.read_poll("query", message("")).requests == []


def test_results_and_rollbacks() -> None:
    line = LandLine("bdc", "s")
    said = elements({"CXQQDH": BDHM, "RESULT": "success", "MSG": ""}, "utf-8")
    assert line.read_result(payload(f"<RESULTLIST><KZJGLIST><JG>{said}</JG></KZJGLIST></RESULTLIST>"), BDHM).taken
    errors = payload("<RESULTLIST><errMsg>用户名错误</errMsg></RESULTLIST>")
    assert fault_of(lambda: line.read_result(errors, BDHM))[0] == "court-error"
    call = line.rollback(Request(BDHM, "control", b"", {}), Rollback(BDHM, "不属本局"), AT)
    assert root_of(call.argument).findtext(".//BDCKZJG/MESSAGE") == value("不属本局", "utf-8")
    back = f"<htxx>{elements({'CXQQDH': BDHM, 'XCHTYY': '已结案'}, 'utf-8')}</htxx>"
    assert line.read_poll("control", message(back)).rollbacks == [Rollback(BDHM, "已结案")]


def test_papers() -> None:
    line = LandLine("bdc", "s")
    paper = elements({"CXQQDH": BDHM, "WJMC": "通知书", "WJLX": "pdf", "WSNR": "JVBERg=="}, "utf-8")
    (document,) = line.read_documents(payload(f"<WSLIST><WSINFO>{paper}</WSINFO></WSLIST>"))
    assert (document.data, document.suffix) == (b"%PDF", "pdf")
    assert line.read_documents(message(f"<WSLIST><WSINFO>{paper}</WSINFO></WSLIST>")) == [document]
    assert line.read_documents(message(f"<WSINFO>{paper}</WSINFO>")) == [document]
    officer = elements({"GWZBM": "1", "GWZWJGS": "jpg", "GWZ": "/9j/", "GZZBM": "2", "GZZ": "/9j/"}, "utf-8")
    pages = line.read_certificates(payload(f"<ZJLIST><ZJINFO>{officer}</ZJINFO></ZJLIST>"))
    assert [(one.name, one.suffix) for one in pages] == [("1", "jpg"), ("2", "bin")]
    assert fault_of(lambda: line.read_certificates(payload("<ZJLIST/>")))[0] == "certificate-missing"


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()))
def test_whatever_comes_nothing_but_a_fault_is_raised(data: str) -> None:
    line = LandLine("bdc", "s")
    reads = [line.read_documents, line.read_certificates, lambda some: line.read_result(some, BDHM)]
    for read in [*reads, *(lambda some, kind=kind: line.read_poll(kind, some) for kind in KINDS)]:
        nothing_but_a_fault(partial(read, data))
