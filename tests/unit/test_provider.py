"""How a file goes out: NDJSON in pieces, whatever has headings as a whole."""

import pytest

from gateway.content import CSV, NDJSON, READABLE_FEEDS, XLSX
from gateway.provider import PIECE_LINES, _pieces

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
    pieces = list(_pieces(data, None))
    assert [kind for kind, _ in pieces] == kinds
    assert b"".join(piece for _, piece in pieces) == data
    assert set(kinds) <= READABLE_FEEDS
