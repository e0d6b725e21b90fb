"""What an agent is asked and answered: any body of a call, event of a topic or answer of a gateway."""

from pathlib import Path

import orjson
import pytest
from aiokafka import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.agent import control_service
from gateway.agent.address_service import Question
from gateway.agent.body import read_body
from gateway.agent.service import Screening
from gateway.agent.topics import read_event
from gateway.client import GatewayProblem, read_answer, read_pushed
from gateway.errors import BadRequest
from gateway.trace import read_parent
from schemas.canonical import canonical
from schemas.envelope import EVENT, BadMessage
from tests.fuzzing import Parser, examples, kept

ASKED = canonical(
    {
        "reference": "A-1", "action": "licence", "name": "焦作市山阳区示例建材有限公司", "birth_date": "1980-01-01",
        "identifiers": [{"scheme": "cn-uscc", "value": "91410811MA47YB0X60"}],
    }
)  # fmt: skip
QUESTION = canonical({"identifier": {"scheme": "cn-uscc", "value": "91410811MA47YB0X60"}, "on": "2026-03-01"})
ANSWER = canonical(
    {"request": "a" * 52, "answer": "sighted", "reference": "R-1", "occurred_at": "2026-11-23T01:00:00.000Z"}
)
PUSHED = orjson.dumps({"batches": [], "counts": {"listed": 1}, "quarantine": [{"line": 1}]})
HEADER = canonical({"contract": "debtors-to-x", "kind": "upsert", "lane": "bulk", "number": 5, "cause": 7})


def brought(data: bytes) -> None:
    """A message whose value, event header or id is any bytes."""
    for value, header, number in ((data, HEADER, b"x/bulk/5"), (b"{}", data, b"x/bulk/5"), (b"{}", HEADER, data)):
        headers = ((EVENT, header), ("ce_id", number))
        record = ConsumerRecord("t", 0, 0, 0, 0, None, value, None, 0, len(value), headers)
        try:
            read_event(record)
        except BadMessage:
            continue


def answered(data: bytes) -> None:
    for status in (200, 404, 503):
        for kind in ("application/json", "application/problem+json"):
            try:
                read_pushed(read_answer(status, kind, data))
            except GatewayProblem:
                continue


PARSERS = {
    "screening": Parser(lambda data: read_body(Screening, data, "screening-unreadable", 1), [ASKED], (BadRequest,)),
    "address-question": Parser(
        lambda data: read_body(Question, data, "question-unreadable"), [QUESTION], (BadRequest,)
    ),
    "control-answer": Parser(
        lambda data: read_body(control_service.Given, data, "control-answer-unreadable"), [ANSWER], (BadRequest,)
    ),
    "event-of-a-topic": Parser(brought, [HEADER, b"{}", b"x/bulk/5"]),
    "gateway-answer": Parser(answered, [PUSHED, b'{"code":"x","detail":"y"}']),
    "traceparent": Parser(
        lambda data: read_parent([data.decode("latin-1")]), [b"00-" + b"1" * 32 + b"-" + b"2" * 16 + b"-01"]
    ),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(150))
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name](data.draw(PARSERS[name].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())
