"""The cursor: what we wrote reads back, and nothing else is taken for one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.delivery.cursor import NUMBER_LIMIT, Cursor, read_cursor
from gateway.errors import BadRequest
from schemas.canonical import b64u

numbers = st.integers(0, NUMBER_LIMIT - 1)


@given(numbers, numbers)
def test_what_was_written_reads_back(priority: int, bulk: int) -> None:
    cursor = Cursor(priority=priority, bulk=bulk)
    assert read_cursor(cursor.write()) == cursor


def test_no_cursor_is_the_beginning() -> None:
    assert read_cursor("") == Cursor(0, 0)


@pytest.mark.parametrize(
    "inside", ["", "1", "1.2.3", "-1.0", "01.0", "1.+2", "1. 2", "1_0.0", "a.b", "١.٢", f"{NUMBER_LIMIT}.0"]
)
def test_another_text_is_refused_and_not_repeated(inside: str) -> None:
    text = b64u(inside.encode()) or "="
    with pytest.raises(BadRequest) as caught:
        read_cursor(text)
    assert caught.value.code == "cursor-unreadable"
    assert text not in caught.value.detail
