"""A submission cut into records: nothing lost, nothing twice, a broken neighbour takes nobody with it."""

import time

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.feeds.split import MOST_BROKEN, split
from schemas.reading import Accepted, Rejected


def raws(data: bytes) -> list[bytes]:
    return [piece.raw for piece in split(data)]


text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
records = st.lists(st.dictionaries(text, text | st.lists(text, max_size=2) | st.integers(0, 9), max_size=3), max_size=5)


@given(records)
def test_an_array_and_its_lines_are_the_same_records(found) -> None:
    one_by_one = [orjson.dumps(record) for record in found]
    assert raws(orjson.dumps(found)) == one_by_one
    assert raws(b"\n".join(one_by_one)) == one_by_one
    assert [orjson.loads(raw) for raw in raws(orjson.dumps(found, option=orjson.OPT_INDENT_2))] == found


@given(records, records)
def test_a_container_gives_the_elements_of_both_its_lists(updates, deletes) -> None:
    data = orjson.dumps({"index": [1, {"updateList": 5}], "updateList": updates, "deleteList": deletes})
    pieces = list(split(data))
    assert [orjson.loads(piece.raw) for piece in pieces] == [*updates, *deletes]
    assert [piece.deletes for piece in pieces] == [False] * len(updates) + [True] * len(deletes)


@pytest.mark.parametrize("data", [b"", b"  \n\n ", b"\xef\xbb\xbf", b"[]", b" [ ] "])
def test_nothing_is_no_record(data: bytes) -> None:
    assert raws(data) == []


def test_one_object_over_many_lines() -> None:
    assert raws(b'{\n  "a": [\n    {"b": 1}\n  ]\n}\n') == [b'{\n  "a": [\n    {"b": 1}\n  ]\n}']


def test_a_raw_line_break_in_a_text_does_not_part_a_record() -> None:
    assert raws(b'{"a":"x\ny"}\n{"a":"z"}') == [b'{"a":"x\ny"}', b'{"a":"z"}']


def test_lines_that_are_no_json_are_each_a_record() -> None:
    assert raws(b'what\n{"a":1}\n12\n13\n\nend') == [b"what", b'{"a":1}', b"12", b"13", b"end"]


def broken_in_array(unit, broken: bytes) -> bytes:
    good = [orjson.dumps({**unit, "caseCode": f"(2019)豫0811执{n}号"}) for n in (1, 2, 3)]
    return b"[" + b",\n".join([good[0], broken, good[1], good[2]]) + b"]"


@pytest.mark.parametrize(
    "broken",
    [b'{"iname": "x", "duty": }', b"{]", b"nonsense", b'{"id": 1, "qysler": [{"iname": "a"},{"iname": "b"}], "x": "'],
)
def test_a_broken_element_does_not_take_the_rest_with_it(broken: bytes, unit, read_items) -> None:
    items = read_items(broken_in_array(unit, broken))
    assert [type(item) for item in items] == [Accepted, Rejected, Accepted, Accepted]
    assert items[1].code == "unparseable"
    assert items[1].raw == broken


def test_an_unescaped_quote_in_an_array_is_repaired_in_its_place(unit, read_items) -> None:
    broken = orjson.dumps({**unit, "duty": "QUOTED"}).replace(b"QUOTED", '见"判决书"主文'.encode())
    items = read_items(broken_in_array(unit, broken))
    assert [type(item) for item in items] == [Accepted] * 4
    assert items[1].record.obligation == '见"判决书"主文'


def test_bytes_that_are_no_utf_8_spoil_one_record_alone(unit, read_items) -> None:
    good = orjson.dumps(unit)
    bad = good.replace("河南".encode(), "河南".encode("gbk"))
    for data in (b"\n".join([good, bad, good]), b"[" + b",".join([good, bad, good]) + b"]"):
        items = read_items(data)
        assert [type(item) for item in items] == [Accepted, Rejected, Accepted]
        assert (items[1].code, items[1].raw) == ("unparseable", bad)


def test_an_array_that_is_cut_off_is_told_of(unit, read_items) -> None:
    good = orjson.dumps(unit)
    between, within = read_items(b"[" + good + b","), read_items(b"[" + good + b"," + good[:-9])
    for items in (between, within):
        assert [type(item) for item in items] == [Accepted, Rejected]
        assert items[1].code == "unparseable"
    assert within[1].raw == good[:-9]


@pytest.mark.parametrize(
    "data",
    [b"[" + b'{"a":' * 100_000, b"[" * 500_000, b"[" + b'},{"":[{' * 50_000, b"[" + b'{"a" 1},' * (3 * MOST_BROKEN)],
)
def test_hostile_nesting_and_rubble_end_soon(data: bytes, read_items) -> None:
    began = time.perf_counter()
    assert all(isinstance(item, Rejected) for item in read_items(data))
    assert time.perf_counter() - began < 20
