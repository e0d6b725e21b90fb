"""How a file goes out: NDJSON in pieces, whatever has headings as a whole."""

import tracemalloc

import pytest

from gateway.content import CSV, NDJSON, READABLE_FEEDS, XLSX
from gateway.pieces import LONGEST_JSON, PIECE_LINES, is_whole, pieces

LINES = b'{"a":1}\n' * (PIECE_LINES + 1)
TABLE = "案号,姓名\n".encode() + b"1,2\n" * (2 * PIECE_LINES)


@pytest.mark.parametrize(
    ("data", "kinds"),
    [
        (LINES, [NDJSON, NDJSON]),
        (b"\xef\xbb\xbf" + LINES, [NDJSON, NDJSON]),
        (b' [{"a":1}]', ["application/json"]),
        (TABLE, [CSV]),
        (b"\xef\xbb\xbf" + TABLE, [CSV]),
        (TABLE.decode().encode("gb18030"), [CSV]),
        (TABLE.replace(b",", b"\t"), [CSV]),
        (b"PK\x03\x04" + b"x\n" * (2 * PIECE_LINES), [XLSX]),
        (b"rubble\n" * 3, [NDJSON]),
    ],
)
def test_a_table_is_never_parted_from_its_headings(data: bytes, kinds: list[str]) -> None:
    parts = list(pieces(data))
    assert [piece.content_type for piece in parts] == kinds
    assert b"".join(piece.body for piece in parts) == data
    assert set(kinds) <= READABLE_FEEDS


def test_a_piece_says_how_many_lines_stand_before_it() -> None:
    assert [piece.before for piece in pieces(b"\n" + LINES)] == [0, PIECE_LINES - 1]
    assert [piece.before for piece in pieces(b'{"a":1}\n' * 3, 8)] == [0, 1, 2]


def test_memory_does_not_grow_with_the_number_of_lines() -> None:
    """A list of all lines takes twenty times the file, and the file may have 256 MiB."""
    data = b"a\n" * 500_000
    tracemalloc.start()
    try:
        assert is_whole(data)
        assert sum(len(piece.body) for piece in pieces(data)) == len(data)
        height = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert height < len(data)


def test_a_document_too_long_to_be_looked_through_needs_its_line_end() -> None:
    long = b'{"a":[\n"' + b"x" * LONGEST_JSON + b'"]}'
    assert not is_whole(long)
    assert is_whole(long + b"\n")


def test_lines_end_as_they_do_anywhere() -> None:
    data = b'{"a":1}\r\n{"a":2}\r{"a":3}\n\n{"a":4}'
    assert [piece.body for piece in pieces(data, 1)] == data.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("data", "whole"),
    [
        (b'{"a":1}\n', True),
        (b'{"a":1}\n{"a":{"b":2}}', True),
        (b'{"a":1}\n{"a":{"b":2}', False),
        ('{"a":1}\n{"姓名":"王"}'.encode("gb18030"), True),
        ('{"a":1}\n{"姓名":"王"'.encode("gb18030"), False),
        (b'{"updateList":[\n1\n]}', True),
        (b'[{"a":1}]', True),
        (b'[{"a":1},', False),
        ("案号,姓名\n（2026）豫0811执12".encode(), False),
        ("案号,姓名\n（2026）豫0811执12号,王\r\n".encode(), True),
        (b"PK\x03\x04" + b"x" * 200, False),
        (b"PK\x03\x04" + b"x" * 200 + b"PK\x05\x06" + b"\0" * 18, True),
    ],
)
def test_a_file_that_was_cut_is_told(data: bytes, whole: bool) -> None:
    assert is_whole(data) is whole
