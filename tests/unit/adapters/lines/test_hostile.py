"""Whatever a message holds: reading ends, raises nothing but a fault, and accounts for each item once.

tests/data/line/hostile is the corpus: put there what ever went wrong.
"""

import base64
from functools import partial
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.lines.bank import BankLine
from adapters.lines.land import LandLine
from schemas.line import KINDS, Kind, LineFault, Poll
from tests.unit.adapters.lines.wire import QUERY, element, nothing_but_a_fault

DATA = Path(__file__).parents[3] / "data/line"
CORPUS = sorted((DATA / "hostile").iterdir())
ACCOUNT = element("kzzh", {"CCXH": "1", "KZCS": "01", "JE": "5000.00", "KSRQ": "2026/11/23"})
SEEDS = [
    *(path.read_bytes() for path in [*CORPUS, DATA / "chakong_plain_xml.xml"]),
    f"<cxqqList>{element('cxqq', QUERY)}{element('cxqq', QUERY)}</cxqqList>".encode(),
    f"<kzqqList>{element('kzqq', QUERY | {'XZ': '2'}, f'<kzzhlist>{ACCOUNT}</kzzhlist>')}</kzqqList>".encode(),
    f"<result><cxjglist>{element('jg', {'bdhm': QUERY['BDHM'], 'result': 'success'})}</cxjglist></result>".encode(),
    f"<wsinfoList>{element('wsinfo', {'XH': '1', 'WJMC': '书', 'WSNR': 'JVBERg=='})}</wsinfoList>".encode(),
]
LINES = (BankLine("user", "secret"), LandLine("user", "secret"), LandLine("user", "secret", "plain"))


def read_all(document: bytes) -> None:
    payload = base64.b64encode(document).decode("ascii")
    for line in LINES:
        for kind in KINDS:
            nothing_but_a_fault(partial(account, line, kind, payload))
        nothing_but_a_fault(partial(line.read_documents, payload))
        nothing_but_a_fault(partial(line.read_certificates, payload))
        nothing_but_a_fault(partial(line.read_result, payload, QUERY["BDHM"]))
        nothing_but_a_fault(partial(line.read_envelope, document))


def account(line: BankLine | LandLine, kind: Kind, payload: str) -> None:
    poll: Poll = line.read_poll(kind, payload)
    for request in poll.requests:
        assert request.number.isalnum()
        assert request.number.isascii()
        nothing_but_a_fault(partial(line.documents, request))
    for unread in poll.unread:
        assert unread.fault.code


@pytest.mark.parametrize("path", CORPUS, ids=lambda path: path.name)
def test_the_corpus(path: Path) -> None:
    read_all(path.read_bytes())


@pytest.mark.parametrize(
    ("name", "code"),
    [("bomb", "xml-unsafe"), ("outside", "xml-unsafe"), ("parameter-entity", "xml-unsafe"), ("deep", "too-large"),
     ("cut", "xml-broken"), ("gbk-in-utf-8", "court-error"), ("utf-16", "text-broken")],
)  # fmt: skip
def test_a_message_that_is_refused_whole(name: str, code: str) -> None:
    payload = base64.b64encode((DATA / f"hostile/{name}.xml").read_bytes()).decode("ascii")
    with pytest.raises(LineFault) as caught:
        LINES[0].read_poll("query", payload)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("name", "code"),
    [("two-numbers", "field-twice"), ("plain-values", "number-unusable"), ("climbing-number", "number-unusable"),
     ("null-inside", "text-broken"), ("utf-8-inside", "text-broken"),
     ("utf-8-inside-even", "text-broken"), ("other-root", "unknown-item")],
)  # fmt: skip
def test_an_item_that_is_named_by_itself(name: str, code: str) -> None:
    payload = base64.b64encode((DATA / f"hostile/{name}.xml").read_bytes()).decode("ascii")
    poll = LINES[0].read_poll("query", payload)
    assert [one.fault.code for one in poll.unread] == [code]
    assert poll.requests == []


@settings(max_examples=300)
@given(st.data())
def test_mutated_messages(data: st.DataObject) -> None:
    document = bytearray(data.draw(st.sampled_from(SEEDS)))
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, max(0, len(document) - 1)))
        match data.draw(st.sampled_from(["byte", "cut", "double", "insert"])):
            case "byte" if document:
                document[place] = data.draw(st.integers(0, 255))
            case "cut":
                del document[place : place + data.draw(st.integers(1, 30))]
            case "double":
                document[place:place] = document[place : place + data.draw(st.integers(1, 60))]
            case _:
                document[place:place] = data.draw(st.sampled_from([b"&a;", b"<", b"]]>", b"\x00", b"\xff", b"=", b'"']))
    read_all(bytes(document))
