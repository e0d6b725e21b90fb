"""XML, base64 and SOAP from a far side that is not trusted."""

import base64
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from adapters.lines import xml
from adapters.lines.coding import Coding, decode_bytes, read_payload, write_payload
from adapters.lines.soap import read_envelope, write_envelope
from adapters.lines.xml import Element, read_xml, write_xml
from schemas.text import is_garbled
from tests.unit.adapters.lines.wire import fault_of, nothing_but_a_fault

NAMES = st.from_regex(r"[A-Za-z][A-Za-z0-9]{0,9}", fullmatch=True)
TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=20)
GBK_TEXTS = st.text(st.characters(codec="gbk", exclude_categories=["Cc"]), max_size=40)


def tree(element: Element) -> object:
    return element.name, element.attributes, element.text, [tree(one) for one in element.children]


@given(NAMES, st.dictionaries(NAMES, TEXTS, max_size=4), TEXTS)
def test_an_element_is_read_as_it_was_written(name: str, attributes: dict[str, str], text: str) -> None:
    element = Element(name, attributes, [Element("inside", {"a": text}), Element("b", text=text)])
    assert tree(read_xml(write_xml(element).encode())) == tree(element)
    assert tree(read_payload(write_payload(element))) == tree(element)


@given(GBK_TEXTS)
def test_a_value_is_read_as_it_was_written(text: str) -> None:
    assume(not is_garbled(text))
    for charset in ("gbk", "utf-8", "plain"):
        coding = Coding(charset)
        assert coding.decode(coding.encode(text)) == text.strip()
    assert base64.b64decode(Coding("gbk").encode(text)).decode("gbk") == text


def test_all_that_gbk_writes_is_read_alike() -> None:
    """It is read as GB 18030, which has the rare characters of names besides."""
    for first in range(0x81, 0xFF):
        for second in range(0x40, 0xFF):
            pair = bytes([first, second])
            try:
                expected = pair.decode("gbk")
            except UnicodeDecodeError:
                continue
            assert Coding("gbk").decode(base64.b64encode(pair).decode()) == expected.strip()


def test_a_name_that_gbk_cannot_write_is_never_sent_as_another() -> None:
    assert fault_of(lambda: Coding("gbk").encode("𬭎", "QLR")) == ("not-gbk", "QLR")


@pytest.mark.parametrize(
    ("text", "code"),
    [("张三", "base64-broken"), ("MQ", "base64-broken"), ("M===", "base64-broken"), ("/w==", "text-broken"),
     ("AA==", "text-broken"), ("1cX", "base64-broken")],
)  # fmt: skip
def test_broken_values_are_named(text: str, code: str) -> None:
    assert fault_of(lambda: Coding("gbk").decode(text, "XM")) == (code, "XM")


def test_lines_of_mime_are_one_value() -> None:
    assert decode_bytes("MTIz\r\n NDU2\n") == b"123456"


@pytest.mark.parametrize(
    "document",
    [
        '<!DOCTYPE l [<!ENTITY a "ha">]><l x="&a;"/>',
        '<!DOCTYPE l SYSTEM "file:///etc/passwd"><l/>',
        '<!DOCTYPE l [<!ENTITY a SYSTEM "file:///etc/passwd">]><l>&a;</l>',
        "<!DOCTYPE l><l/>",
        '<?xml-stylesheet href="http://example.org/x.xsl"?><l/>',
    ],
)
def test_no_document_type_no_entity_no_instruction(document: str) -> None:
    assert fault_of(lambda: read_xml(document.encode()))[0] == "xml-unsafe"


def test_sizes_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    assert fault_of(lambda: read_xml(b"<a>" * 50 + b"</a>" * 50))[0] == "too-large"
    many = " ".join(f'a{place}=""' for place in range(xml.MOST_ATTRIBUTES + 1))
    assert fault_of(lambda: read_xml(f"<a {many}/>".encode()))[0] == "too-large"
    monkeypatch.setattr(xml, "MOST_ELEMENTS", 10)
    assert fault_of(lambda: read_xml(b"<l>" + b"<a/>" * 10 + b"</l>"))[0] == "too-large"
    monkeypatch.setattr(xml, "LARGEST_MESSAGE", 10)
    assert fault_of(lambda: read_xml(b"<l></l>    "))[0] == "too-large"


def test_gbk_in_a_document_that_says_utf_8() -> None:
    document = '<?xml version="1.0" encoding="UTF-8"?><l errorMsg="数据库异常"/>'
    assert read_xml(document.encode("gbk")).attributes == {"errorMsg": "数据库异常"}


@pytest.mark.parametrize("body", [b"", b"<", b"<a></b>", b"\xff\xff", b"\x00", b"<a/><b/>", "<a/>".encode("utf-16")])
def test_no_xml_is_a_fault(body: bytes) -> None:
    assert fault_of(lambda: read_xml(body))[0] in {"xml-broken", "text-broken"}


def test_an_envelope_and_what_came_back() -> None:
    sent = read_xml(write_envelope("http://a/", "getXzcxList", [("arg0", "bG9naW4="), ("arg1", "eA==")]))
    (called,) = sent.children[1].children
    assert (called.name, [(one.name, one.text) for one in called.children]) == (
        "getXzcxList", [("arg0", "bG9naW4="), ("arg1", "eA==")],
    )  # fmt: skip
    answer = '<n:xResponse xmlns:n="n"><return>eA==</return></n:xResponse>'
    assert read_envelope(f'<S:Envelope xmlns:S="s"><S:Body>{answer}</S:Body></S:Envelope>'.encode()) == "eA=="


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("<Envelope><Body><Fault><faultcode>x</faultcode></Fault></Body></Envelope>", "soap-fault"),
        ("<Envelope><Body/></Envelope>", "soap-unexpected"),
        ("<Envelope><Body><r><return/></r></Body></Envelope>", "soap-unexpected"),
        ("<html><Body><r><return>a</return></r></Body></html>", "soap-unexpected"),
    ],
)
def test_an_envelope_without_an_answer(body: str, code: str) -> None:
    assert fault_of(lambda: read_envelope(body.encode()))[0] == code


@given(st.binary(max_size=300))
def test_whatever_comes_nothing_but_a_fault_is_raised(data: bytes) -> None:
    for read in (read_xml, read_envelope, lambda some: read_payload(base64.b64encode(some).decode())):
        nothing_but_a_fault(partial(read, data))
