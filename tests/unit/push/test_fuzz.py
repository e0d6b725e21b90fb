"""What a topic brings, pushes and replies: any headers and bytes are proved, or refused in our own words."""

import asyncio
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import BadRequest, Unauthenticated
from gateway.push.message import Arrived
from tests.fuzzing import Parser, examples, kept
from tests.unit.push.test_message import PUSHED, REPLIES, check_push, check_reply, push, reply


def spelled(headers: object) -> bytes:
    """Headers as lines, for the fuzzer to spoil."""
    assert isinstance(headers, list)
    return b"\n".join(name.encode() + b": " + (value or b"") for name, value in headers)


def arrived(topic: str, data: bytes, value: bytes | None) -> Arrived:
    lines = (line.partition(b": ") for line in data.split(b"\n"))
    return Arrived(topic, 0, 7, value, [(name.decode("utf-8", "replace"), rest) for name, _, rest in lines])


def pushed(data: bytes) -> None:
    assert asyncio.run(check_push(arrived(PUSHED, data, b"[]"))) == "the-court"


def replied(data: bytes) -> None:
    assert asyncio.run(check_reply(arrived(REPLIES, data, b"{}"))).status == 201


PARSERS = {
    "push-headers": Parser(pushed, [spelled(push().headers)], (BadRequest, Unauthenticated)),
    "reply-headers": Parser(replied, [spelled(reply().headers)], (BadRequest, Unauthenticated)),
}


@pytest.mark.parametrize("name", PARSERS)
@settings(max_examples=examples(120))
@given(data=st.data())
def test_any_bytes(name: str, data: st.DataObject) -> None:
    PARSERS[name](data.draw(PARSERS[name].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())
