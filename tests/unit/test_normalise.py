"""`fuyuan normalise`: the lines, the summary, the exit codes of the surface."""

import base64
import io
from datetime import date
from pathlib import Path

import orjson

from gateway.normalise import normalise, normalise_file
from gateway.wiring import read_feed

SAMPLES = Path(__file__).parents[1] / "data" / "samples"
TODAY = date(2026, 11, 23)


def run(data: bytes, feed: str = "dishonest-debtor") -> tuple[int, list, str]:
    out, err = io.BytesIO(), io.StringIO()
    code = normalise(feed, data, read_feed, out, err, today=TODAY)
    return code, [orjson.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


def test_one_line_for_each_input_record_in_order() -> None:
    data = b"".join((SAMPLES / name).read_bytes() for name in ("shixin_zxgk.jsonl", "xgl.jsonl", "shixin_baidu.jsonl"))
    code, lines, err = run(data)
    assert code == 0
    assert [line["line"] for line in lines] == list(range(1, 15))
    assert [next(key for key in line if key != "line") for line in lines] == ["record"] * 3 + ["rejected"] * 2 + [
        "record"
    ] * 9
    assert "14 input records" in err
    assert "12 accepted" in err
    assert "2 rejected (wrong-feed)" in err


def test_it_says_that_the_key_is_a_test_key() -> None:
    assert "test key" in run(b"")[2]


def test_raw_is_the_text_or_base64_where_it_is_none() -> None:
    _, lines, _ = run(b'{"x":1}\n{"\xff":1}')
    assert [line["rejected"]["raw"] for line in lines] == [
        '{"x":1}',
        {"base64": base64.b64encode(b'{"\xff":1}').decode()},
    ]


def test_a_withdrawal_has_its_line() -> None:
    _, lines, err = run(orjson.dumps({"record_id": "a" * 52, "status": "withdrawn", "status_reason": "performed"}))
    assert lines == [{"line": 1, "withdrawn": {"record_ids": ["a" * 52], "status_reason": "performed"}}]
    assert "1 withdrawn" in err


def test_a_listing_that_takes_the_place_of_another_names_it_as_our_own_line_does() -> None:
    data = "案号,失信被执行人,发布时间,原案号\n（2026）豫0811执恢7号,焦城试验有限公司,2026-02-01,（2026）豫0811执1号\n"
    _, (line,), _ = run(data.encode())
    assert len(line["replaces"]) == 3, "one for each kind"
    own = {**line["record"], "replaces": line["replaces"]}
    assert run(orjson.dumps(own))[1] == [line]


def test_exit_2_for_an_unknown_feed_or_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    code, lines, err = run(b"{}", feed="no-such-feed")
    assert (code, lines) == (2, [])
    assert err
    assert normalise_file("dishonest-debtor", tmp_path / "none", read_feed, io.BytesIO(), io.StringIO()) == 2
    assert normalise_file("dishonest-debtor", tmp_path, read_feed, io.BytesIO(), io.StringIO()) == 2


def test_a_file_is_read() -> None:
    out = io.BytesIO()
    code = normalise_file("dishonest-debtor", SAMPLES / "shixin_zxgk.jsonl", read_feed, out, io.StringIO())
    assert (code, out.getvalue().count(b"\n")) == (0, 3)
