"""The bank's wire: lists, papers, feedback, results."""

import base64
import hashlib
import re
import xml.etree.ElementTree as ET
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.lines.bank import BankLine
from schemas.canonical import JsonObject
from schemas.line import KINDS, Kind, Request, Rollback
from schemas.text import is_garbled
from tests.unit.adapters.lines.wire import BDHM, QUERY, coded, element, fault_of, nothing_but_a_fault, payload

LINE = BankLine("YH000001", "secret")
AT = datetime(2026, 11, 23, 1, 0, tzinfo=UTC)
SAMPLE = Path(__file__).parents[3] / "data/line/chakong_plain_xml.xml"
KEYS = st.from_regex("[ABKZHXM][ABKZHXM1]{0,3}", fullmatch=True)
VALUES = st.text(
    st.characters(codec="gbk", exclude_categories=["Cc", "Zs", "Zl", "Zp"]), min_size=1, max_size=20
).filter(lambda text: not is_garbled(text))


def ask(kind: Kind = "query", **fields: object) -> Request:
    return Request(BDHM, kind, b"", {**QUERY, **fields})


def root_of(argument: str | None) -> ET.Element:
    return ET.fromstring(base64.b64decode(argument or ""))  # noqa: S314 - our own


def said(one: ET.Element) -> dict[str, str]:
    return {name: base64.b64decode(value).decode("gbk") for name, value in one.attrib.items()}


def test_the_sample_of_the_line_is_read_once_coded() -> None:
    items = [dict(one.attrib) for one in ET.parse(SAMPLE).getroot()]  # noqa: S314 - a fixture
    poll = LINE.read_poll("query", payload(f"<cxqqList>{''.join(element('cxqq', one) for one in items)}</cxqqList>"))
    assert [one.number for one in poll.requests] == [one["BDHM"] for one in items]
    assert poll.requests[0].fields["CKJSSJ"] == "2011-11-30T21:09:30+08:00"
    assert poll.requests[0].fields["FZJG"] == "江苏南京"
    assert poll.unread == []


@given(st.dictionaries(KEYS, VALUES, max_size=5))
def test_whatever_a_version_of_the_specification_adds_comes_through(more: dict[str, str]) -> None:
    poll = LINE.read_poll("query", payload(f"<cxqqList>{element('cxqq', QUERY | more)}</cxqqList>"))
    if {"XM", "XZ"} & more.keys():
        return
    assert poll.requests[0].fields == QUERY | {name: value.strip() for name, value in more.items() if value.strip()}


@pytest.mark.parametrize("name", ["ErrorMSG", "errorMsg", "errMsg"])
@pytest.mark.parametrize("words", ["数据库异常", coded("数据库异常")])
def test_an_error_inside_however_it_is_spelt(name: str, words: str) -> None:
    xml = payload(f'<cxqqList {name}="{words}">{element("cxqq", QUERY)}</cxqqList>')
    assert fault_of(lambda: LINE.read_poll("query", xml))[0] == "court-error"
    assert LINE.read_poll("query", payload(f'<cxqqList {name}="">{element("cxqq", QUERY)}</cxqqList>')).requests


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"XM": ""}, ("field-missing", "XM")),
        ({"XZ": "2"}, ("unknown-code", "XZ")),
        ({"XZ": "9"}, ("unknown-code", "XZ")),
        ({"CKKSSJ": "昨天"}, ("date-unreadable", "CKKSSJ")),
        ({"BEIZ": "字" * 4001}, ("value-too-long", "BEIZ")),
    ],
)
def test_a_bad_item_is_named_and_known_by_its_number(changed: dict[str, str], fault: tuple[str, str]) -> None:
    good = QUERY | {"BDHM": "20261123410811000002"}
    xml = payload(f"<cxqqList>{element('cxqq', QUERY | changed)}{element('cxqq', good)}<other/></cxqqList>")
    poll = LINE.read_poll("query", xml)
    assert [one.number for one in poll.requests] == [good["BDHM"]]
    assert [(one.number, one.fault.code, one.fault.field) for one in poll.unread] == [
        (BDHM, *fault), (None, "unknown-item", ""),
    ]  # fmt: skip


@pytest.mark.parametrize("changed", [{}, {"XM": ""}])
def test_an_item_is_the_same_however_it_is_spelt(changed: dict[str, str]) -> None:
    """Attributes in another order, base64 broken into lines; read or not."""
    values = QUERY | changed
    broken = re.sub(r'="(?=\w)', '="&#10; ', element("cxqq", {name: values[name] for name in reversed(values)}))
    spellings = element("cxqq", values), broken, element("cxqq", values | {"LB": "XX"})
    polls = [LINE.read_poll("query", payload(f"<cxqqList>{one}</cxqqList>")) for one in spellings]
    first, second, other = (next(iter([*poll.requests, *poll.unread])).digest for poll in polls)
    assert first == second != other


def control(*accounts: dict[str, str]) -> str:
    rows = "".join(element("kzzh", {"CCXH": "1", "KZCS": "01", **one}) for one in accounts)
    return payload(f"<kzqqList>{element('kzqq', QUERY | {'XZ': '2'}, f'<kzzhList>{rows}</kzzhList>')}</kzqqList>")


@pytest.mark.parametrize(
    ("accounts", "fault"),
    [
        ([], ("field-missing", "kzzh")),
        ([{}, {}], ("row-twice", "CCXH")),
        ([{"KZCS": "03"}], ("unknown-code", "KZCS")),
        ([{"KZCS": "04"}], ("original-missing", "YDJDH")),
        ([{"KZCS": "04", "YDJDH": BDHM}], ("original-missing", "YDJDH")),
        ([{"JE": "5千"}], ("amount-unreadable", "JE")),
        ([{"CCXH": "𬭎"}], ("not-gbk", "CCXH")),
    ],
)
def test_a_control_that_cannot_be_acted_on(accounts: list[dict[str, str]], fault: tuple[str, str]) -> None:
    (unread,) = LINE.read_poll("control", control(*accounts)).unread
    assert (unread.fault.code, unread.fault.field) == fault


def test_a_release_names_the_request_and_the_case_that_froze() -> None:
    released = {"KZCS": "04", "YDJDH": BDHM, "YDJAH": "（2026）豫0811执1号"}
    (request,) = LINE.read_poll("control", control(released)).requests
    assert request.fields["kzzh"] == [{"CCXH": "1", **released}]


def test_a_rollback_needs_only_its_number() -> None:
    back = f'<htxx BDHM="{coded(BDHM)}" XCHTYY="张三"/>'
    poll = LINE.read_poll("control", payload(f"<kzqqList><htxxList>{back}</htxxList>{back}<htxx/></kzqqList>"))
    assert poll.rollbacks == [Rollback(BDHM, ""), Rollback(BDHM, "")]
    assert [one.fault.code for one in poll.unread] == ["number-unusable"]


def test_login_and_conditions_are_coded_twice() -> None:
    assert [one.argument for one in (LINE.poll("query"), LINE.poll("control"))] == [None, None]
    call = LINE.documents(ask(WSBH="文0001"))
    assert (call.operation, said(root_of(call.argument)[0])) == ("cxwsInfo", {"WSBH": "文0001"})
    call = LINE.documents(ask("control"))
    assert (call.operation, said(root_of(call.argument)[0])) == ("kzwsInfo", {"BDHM": BDHM})
    assert fault_of(lambda: LINE.documents(ask())) == ("document-missing", "WSBH")
    assert "secret" not in repr(LINE)
    assert b"secret" not in LINE.write_envelope(call)


def papers(content: str, md5: str = "") -> str:
    values = {"XH": "1", "WJMC": "通知书", "WJLX": "../PDF", "WSNR": content, "MD5": md5}
    return payload(f"<wsinfoList>{element('wsinfo', values)}</wsinfoList>")


def test_papers_are_read_and_held_against_their_digest() -> None:
    md5 = hashlib.md5(b"%PDF").hexdigest().upper()  # noqa: S324 - the line's own check
    (document,) = LINE.read_documents(papers("JVBERg==", md5))
    assert (document.data, document.suffix, document.name) == (b"%PDF", "bin", "通知书")
    assert fault_of(lambda: LINE.read_documents(papers("JVBERg==", "0" * 32)))[0] == "document-differs"
    assert fault_of(lambda: LINE.read_documents(papers("")))[0] == "document-missing"
    assert fault_of(lambda: LINE.read_documents(papers("%")))[0] == "base64-broken"
    assert fault_of(lambda: LINE.read_documents(payload("<wsinfoList/>")))[0] == "document-missing"
    assert fault_of(lambda: LINE.read_certificates(payload("<l><zjinfo/></l>")))[0] == "certificate-missing"


def test_only_a_control_has_a_receipt() -> None:
    receipt = {"name": "回执", "suffix": "pdf", "content": "JVBERg=="}
    assert fault_of(lambda: LINE.feedback(ask(), {"rows": [], "receipt": receipt}, AT)) == ("unknown-field", "receipt")


ROWS = st.lists(
    st.dictionaries(st.sampled_from(["KHWD", "TXDZ", "BEIZ", "CCLB"]), VALUES).map(lambda row: {"KHZH": "1", **row}),
    min_size=1, max_size=4,
)  # fmt: skip


@given(ROWS)
def test_a_feedback_says_what_the_answer_said(rows: list[JsonObject]) -> None:
    call = LINE.feedback(ask(), {"rows": rows}, AT)
    assert call == LINE.feedback(ask(), {"rows": rows}, AT)
    for place, (row, one) in enumerate(zip(rows, root_of(call.argument), strict=True), 1):
        added = {"BDHM": BDHM, "CCXH": str(place), "FKSJ": "2026/11/23 09:00:00"}
        assert said(one) == {name: str(value).strip() for name, value in row.items()} | added


def test_an_answer_never_speaks_for_another_number() -> None:
    call = LINE.feedback(ask(), {"rows": [{"KHZH": "1", "BDHM": "99999999999999999999"}]}, AT)
    assert said(root_of(call.argument)[0])["BDHM"] == BDHM


def result(xml: str) -> str:
    return payload(f"<result>{xml}</result>")


def jg(**values: str) -> str:
    return f"<cxjglist>{element('jg', values)}</cxjglist>"


def test_what_the_court_said_of_a_feedback() -> None:
    read = LINE.read_result
    assert read(result(jg(bdhm=BDHM, result="success", msg="")), BDHM).taken
    assert read(result(jg(bdhm="", result="success")), BDHM).taken  # some leave it out
    refused = read(result(jg(bdhm=BDHM, result="fail", msg="账号不符")), BDHM)
    assert (refused.taken, refused.message) == (False, "账号不符")
    already = payload(f'<result errorMsg="{coded("已经反馈, 不能再次反馈")}"/>')
    assert read(already, BDHM).taken
    for xml, code in (
        (result(jg(bdhm="20261123410811000009", result="success")), "result-missing"),
        (result(""), "result-missing"),
        (result(jg(bdhm=BDHM, result="maybe")), "unknown-code"),
        (payload(f'<result errMsg="{coded("用户名错误")}"/>'), "court-error"),
    ):
        assert fault_of(lambda xml=xml: read(xml, BDHM))[0] == code


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda data: base64.b64encode(data).decode()))
def test_whatever_comes_nothing_but_a_fault_is_raised(data: str) -> None:
    reads = [LINE.read_documents, LINE.read_certificates, lambda some: LINE.read_result(some, BDHM)]
    for read in [*reads, *(lambda some, kind=kind: LINE.read_poll(kind, some) for kind in KINDS)]:
        nothing_but_a_fault(partial(read, data))


MEMBERS = st.sampled_from(["name", "suffix", "content", "CCXH", "KZZT", "KHZH", "YE", "djxx", "X"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@given(st.dictionaries(st.sampled_from(["rows", "receipt"]), JSON))
def test_whatever_the_institution_writes_nothing_but_a_fault_is_raised(answer: JsonObject) -> None:
    for request in (ask(), ask("control", kzzh=[{"CCXH": "1", "KZCS": "01"}])):
        nothing_but_a_fault(partial(LINE.feedback, request, answer, AT))
