"""The subscriber's cursor: any text is a place, or is refused."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.delivery.cursor import Cursor, read_cursor
from gateway.errors import BadRequest
from tests.fuzzing import Parser, examples, kept


def place(data: bytes) -> None:
    text = data.decode("latin-1")
    assert read_cursor(text).write() == text or not text


PARSERS = {"cursor": Parser(place, [Cursor(5, 700).write().encode(), Cursor(0, 0).write().encode()], (BadRequest,))}


@settings(max_examples=examples(300))
@given(data=st.data())
def test_any_bytes(data: st.DataObject) -> None:
    PARSERS["cursor"](data.draw(PARSERS["cursor"].any_input()))


@pytest.mark.parametrize(("name", "file"), kept(PARSERS))
def test_the_kept_corpus(name: str, file: Path) -> None:
    PARSERS[name](file.read_bytes())
