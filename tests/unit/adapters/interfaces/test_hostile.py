"""Whatever an interface answers, it is a page, a fault or another try, and each element is one record."""

from typing import Any

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from adapters.interfaces.call import Page, read_page
from adapters.interfaces.front import UNKEYED, spooled_row
from adapters.interfaces.mapping import InterfaceMapping
from schemas.front import FrontAway, FrontFault

MAPPING = InterfaceMapping.model_validate(
    {
        "feed": "dishonest-debtor",
        "url": "https://share.example/list",
        "key": ["id", "of.no"],
        "columns": {"caseCode": "ah", "iname": "of.mc"},
        "named": {"case_number": "ah", "name": "of.mc"},
        "answer": {"ok": "code", "values": ["0"], "rows": "data.list"},
        "pages": {"by": "cursor", "parameter": "at", "next": "data.next", "total": "data.total"},
        "deletions": {"column": "czlx", "values": ["D", "true"], "reason": "scyy"},
    }
)
SCALARS = st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.floats(allow_nan=False) | st.text()
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)
NAMED = st.fixed_dictionaries({}, optional=dict.fromkeys(("id", "of", "ah", "czlx", "scyy", "no", "mc"), JSON))
ANSWER = st.fixed_dictionaries(
    {"code": st.sampled_from([0, "0"]) | JSON},
    optional={"data": st.fixed_dictionaries({}, optional=dict.fromkeys(("list", "total", "next"), JSON)) | JSON},
)


def read(body: bytes) -> Page | None:
    try:
        return read_page(MAPPING, body)
    except (FrontAway, FrontFault):
        return None


@given(st.binary())
def test_bytes_are_a_page_or_a_fault(body: bytes) -> None:
    read(body)


@given(ANSWER)
@example({"code": 0, "data": {"list": [], "total": "9" * 5000}})
def test_answers_are_a_page_or_a_fault(answer: dict[str, Any]) -> None:
    page = read(orjson.dumps(answer))
    if page is not None:
        assert str(answer["code"]) == "0"
        assert page.rows == answer["data"]["list"] or page.total == 0


@given(JSON | NAMED)
def test_every_element_is_one_record(row: Any) -> None:
    found = spooled_row(MAPPING, row)
    assert found == spooled_row(MAPPING, row)
    body = orjson.loads(found.body)
    assert isinstance(body["line"], dict)
    assert isinstance(orjson.loads(found.key), list)
    if found.key.startswith(UNKEYED):
        assert body["named"] == {}


def test_an_element_nested_without_end_is_one_too() -> None:
    deep = orjson.loads(b'{"id": 1, "of": {"no": 1}, "ah": ' + b"[" * 900 + b"]" * 900 + b"}")
    assert spooled_row(MAPPING, deep).key.startswith(UNKEYED)
    with pytest.raises(FrontAway):
        read_page(MAPPING, b"[" * 100_000)
