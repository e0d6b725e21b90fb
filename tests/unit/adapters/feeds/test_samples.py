"""Every sample record is accounted for: what the lists of this feed say, and the rest refused for what it is."""

from collections import Counter
from pathlib import Path

import orjson
import pytest

from adapters.feeds import read
from schemas.catalog import UnknownFeed
from schemas.reading import Accepted, Rejected
from tests.unit.adapters.feeds.conftest import TODAY

TEST_KEY = b"fuyuan normalise, a test key only"
TO_THE_LETTER = {"shixin_zxgk.jsonl": 3, "shixin_baidu.jsonl": 9, "shixin_baidu_raw.jsonl.txt": 1}
READ = {  # the system, and how many lines are records; the rest name nobody
    "shixin_am.jsonl": ("monitor", 4),
    "shixin_bbd.jsonl": ("bbd", 1),
    "shixin_masked.jsonl": ("masked", 1),
    "shixin_other.jsonl": ("crawled", 1),
    "shixin_qcc.jsonl": ("qcc", 4),
    "shixin_qcc_old.jsonl": ("qcc", 2),
    "shixin_tyc.jsonl": ("tyc", 3),
}
OTHERS = {
    "chakong_plain_xml.xml": {"unparseable": 1},
    "hshfy.jsonl": {"wrong-feed": 1},
    "shixin_am_short.jsonl": {"no-subject": 8},
    "shixin_qysler.jsonl": {"not-a-listing": 2},
    "shixin_report.jsonl": {"no-subject": 4},
    "uscc_excel.txt": {"rounded-identifier": 3},
    "xgl.jsonl": {"wrong-feed": 2},
    "xgl_am.jsonl": {"wrong-feed": 3},
    "zhixing_am.jsonl": {"wrong-feed": 2},
    "zhixing_list.jsonl": {"wrong-feed": 2},
    "zhixing_qcc.jsonl": {"wrong-feed": 5},
    "zhixing_tyc.jsonl": {"wrong-feed": 15},
    "zhixing_zxgk.jsonl": {"wrong-feed": 3},
    "zhongben.jsonl": {"wrong-feed": 1},
}


def test_every_sample_file_is_named_here(samples: Path) -> None:
    found = {path.name for path in samples.iterdir()} - {"README.md", "golden.ndjson"}
    assert found == {*TO_THE_LETTER, *READ, *OTHERS}


def test_golden_every_record_of_the_two_shapes_to_the_letter(samples: Path) -> None:
    golden = [orjson.loads(line)["record"] for line in (samples / "golden.ndjson").read_bytes().splitlines()]
    found = []
    for name, count in TO_THE_LETTER.items():
        items = list(read("dishonest-debtor", (samples / name).read_bytes(), record_key=TEST_KEY, today=TODAY))
        assert [item.line for item in items] == list(range(1, count + 1))
        found += [orjson.loads(item.record.model_dump_json()) for item in items if isinstance(item, Accepted)]
    assert found == golden
    assert len(golden) == 13


@pytest.mark.parametrize("name", READ)
def test_every_line_of_every_family_is_a_record(name: str, samples: Path, read_items) -> None:
    system, count = READ[name]
    items = read_items((samples / name).read_bytes())
    assert [item.line for item in items] == list(range(1, count + 1))
    for item in items:
        assert isinstance(item, Accepted)
        assert item.record.source.system == system
        assert item.record.subject.kind != "unknown"


FACTS = [  # (file, line, path, what it says)
    ("shixin_tyc.jsonl", 1, "subject.sex", "male"),
    ("shixin_tyc.jsonl", 1, "subject.age", 46),
    ("shixin_tyc.jsonl", 1, "subject.identifiers.0.value", "3209231969****0502"),
    ("shixin_tyc.jsonl", 1, "source.record", "1509363"),
    ("shixin_tyc.jsonl", 2, "case.filed_on", "2013-06-27"),
    ("shixin_tyc.jsonl", 2, "published_on", "2013-10-09"),
    ("shixin_tyc.jsonl", 2, "responsible_persons.0.name", "金修溪"),
    ("shixin_tyc.jsonl", 3, "basis.0.issuer", "天津市仲裁委员会"),
    ("shixin_tyc.jsonl", 3, "performance", "unknown"),
    ("shixin_qcc.jsonl", 1, "subject.identifiers.0.value", "58255643-8"),
    ("shixin_qcc.jsonl", 1, "subject.identifiers.0.check", "pass"),
    ("shixin_qcc.jsonl", 1, "basis.0.issuer", "北京知识产权法院"),
    ("shixin_qcc.jsonl", 1, "grounds.0", "property-report"),
    ("shixin_qcc.jsonl", 4, "case.filed_on", "2019-03-01"),
    ("shixin_qcc_old.jsonl", 1, "subject.identifiers.0.value", "67004606-7"),
    ("shixin_qcc_old.jsonl", 1, "published_on", "2014-12-08"),
    ("shixin_qcc_old.jsonl", 2, "responsible_persons.0.name", "章舟"),
    ("shixin_bbd.jsonl", 1, "subject.identifiers.0.check", "pass"),
    ("shixin_bbd.jsonl", 1, "performance", "partial"),
    ("shixin_bbd.jsonl", 1, "obligation", None),
    ("shixin_am.jsonl", 1, "subject.identifiers.0.check", "fail"),
    ("shixin_am.jsonl", 1, "published_on", "2019-12-11"),
    ("shixin_am.jsonl", 4, "obligation", None),
    ("shixin_other.jsonl", 1, "subject.identifiers.0.value", "67615059-4"),
    ("shixin_other.jsonl", 1, "subject.name_masked", True),
    ("shixin_other.jsonl", 1, "obligation", "支付款项427408元"),
    ("shixin_masked.jsonl", 1, "subject.birth_year", 1986),
    ("shixin_masked.jsonl", 1, "subject.name_masked", True),
    ("shixin_masked.jsonl", 1, "case.number", "（2025）京0112执测L2号"),
]


@pytest.mark.parametrize(("name", "line", "path", "value"), FACTS)
def test_what_a_family_says(name: str, line: int, path: str, value: object, samples: Path, read_items) -> None:
    found = orjson.loads(read_items((samples / name).read_bytes())[line - 1].record.model_dump_json())
    for step in path.split("."):
        found = found[int(step) if step.isdigit() else step]
    assert found == value


@pytest.mark.parametrize("name", OTHERS)
def test_no_other_list_ever_becomes_a_listing(name: str, samples: Path, read_items) -> None:
    """Being under enforcement (被执行人), restricted (限高) or ended unperformed (终本) is no listing."""
    items = read_items((samples / name).read_bytes())
    assert all(isinstance(item, Rejected) for item in items)
    assert Counter(item.code for item in items) == OTHERS[name]
    assert [item.line for item in items] == list(range(1, len(items) + 1))


@pytest.mark.parametrize("name", [*TO_THE_LETTER, *READ, *OTHERS])
def test_p1_a_reason_repeats_nothing_of_the_record(name: str, samples: Path, read_items) -> None:
    for item in read_items((samples / name).read_bytes()):
        if isinstance(item, Rejected):
            words = {word for word in item.reason.split() if not word.isascii() or any(map(str.isdigit, word))}
            assert not words


@pytest.mark.parametrize("name", ["shixin_zxgk.jsonl", "shixin_baidu.jsonl", *READ])
def test_a_shape_is_told_by_its_content_in_any_packing(name: str, samples: Path, read_items) -> None:
    data = (samples / name).read_bytes()
    records = [orjson.loads(line) for line in data.splitlines()]
    plain = read_items(data)
    packings = [
        orjson.dumps(records),
        orjson.dumps(records, option=orjson.OPT_INDENT_2),
        b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
        orjson.dumps({"updateList": records, "deleteList": [], "index": "x", "type": 1}),
        orjson.dumps(records[:1]) + b"\n" + orjson.dumps(records[1:]),
    ]
    for packed in packings:
        items = read_items(packed)
        assert [item.line for item in items] == [item.line for item in plain]
        assert [without_digest(item) for item in items] == [without_digest(item) for item in plain]


def without_digest(item: object) -> object:
    assert isinstance(item, Accepted)
    record = orjson.loads(item.record.model_dump_json())
    del record["source"]["digest"]
    return record


@pytest.mark.parametrize("feed", ["receipt", "control", ""])
def test_a_feed_without_a_reader_is_unknown(feed: str) -> None:
    with pytest.raises(UnknownFeed):
        read(feed, b"{}", record_key=TEST_KEY, today=TODAY)
