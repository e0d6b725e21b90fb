"""Our own line: canonical records are checked anew, withdrawals need nothing but their key (rule J5)."""

import orjson
import pytest

from schemas.identifiers import id_check
from schemas.reading import Accepted, Rejected, Withdrawal


@pytest.fixture
def line(read_one):
    """A canonical record as a mapping."""
    return orjson.loads(read_one().record.model_dump_json())


def changed(line, path: str, value: object) -> bytes:
    *way, last = path.split(".")
    place = line
    for key in way:
        place = place[int(key)] if isinstance(place, list) else place[key]
    place[last] = value
    return orjson.dumps(line)


def test_reading_what_was_written_changes_nothing(samples, read_items) -> None:
    for name in ("shixin_zxgk.jsonl", "shixin_baidu.jsonl", "shixin_baidu_raw.jsonl.txt"):
        for first in read_items((samples / name).read_bytes()):
            (again,) = read_items(first.record.model_dump_json().encode())
            assert again.record == first.record


@pytest.mark.parametrize("absent", ["record_id", "revision", "doubts", "warnings", "source"])
def test_what_the_gateway_makes_may_be_absent(absent: str, line, read_items) -> None:
    whole = read_items(orjson.dumps(line))[0].record
    del line[absent]
    (item,) = read_items(orjson.dumps(line))
    assert item.record.model_copy(update={"source": whole.source}) == whole


def test_a_claimed_check_is_not_believed(line, read_items) -> None:
    wrong = "41081119800101001" + ("0" if id_check("41081119800101001") != "0" else "1")
    entry = {"scheme": "cn-id", "value": wrong, "masked": False, "check": "pass"}
    (item,) = read_items(changed(line, "subject.identifiers", [entry]))
    assert [one.check for one in item.record.subject.identifiers] == ["fail"]
    assert item.record.doubts == ("identifiers",)


def test_a_claimed_scheme_is_not_believed(line, read_items) -> None:
    entry = {"scheme": "cn-uscc", "value": "69670740-9", "masked": False, "check": "pass"}
    (item,) = read_items(changed(line, "subject.identifiers", [entry]))
    assert [one.scheme for one in item.record.subject.identifiers] == ["cn-org"]
    assert "identifiers" in item.record.doubts


def test_a_passport_of_a_form_nobody_knows_stays_one(line, read_items) -> None:
    entry = {"scheme": "passport", "value": "X99A", "masked": False, "check": "none"}
    (item,) = read_items(changed(line, "subject.identifiers", [entry]))
    assert [(one.scheme, one.check) for one in item.record.subject.identifiers] == [("passport", "none")]


def test_a_claimed_kind_is_evidence_and_no_more(line, read_items) -> None:
    (item,) = read_items(changed(line, "subject.kind", "person"))
    assert (item.record.subject.kind, item.record.doubts) == ("unknown", ("kind",))


def test_what_the_provider_doubts_stays_doubtful(line, read_items) -> None:
    (item,) = read_items(changed(line, "doubts", ["period"]))
    assert item.record.doubts == ("period",)


def test_a_minor_is_refused_here_too(line, read_items) -> None:
    number = "41081120150101001"
    entry = {"scheme": "cn-id", "value": number + id_check(number), "masked": False, "check": "pass"}
    (item,) = read_items(changed(line, "subject.identifiers", [entry]))
    assert item.code == "minor"


def test_a_listing_may_end_in_the_future(line, read_items) -> None:
    (item,) = read_items(changed(line, "listed_until", "2031-02-11"))
    assert item.record.listed_until.isoformat() == "2031-02-11"
    assert item.record.doubts == ()


@pytest.mark.parametrize(
    ("path", "value", "code"),
    [
        ("feed", "judgment-debtor", "wrong-feed"),
        ("feed", 5, "wrong-feed"),
        ("schema_version", 2, "invalid-record"),
        ("subject.age", 55.5, "invalid-record"),
        ("subject.王伟的电话", 1, "invalid-record"),
        ("grounds", ["theft"], "invalid-record"),
        ("published_on", "2019-02-30", "invalid-record"),
        ("record_id", "me", "invalid-record"),
        ("case", {}, "invalid-record"),
        ("subject", None, "invalid-record"),
    ],
)
def test_an_invalid_line_names_the_field_and_no_value(path: str, value: object, code: str, line, read_items) -> None:
    (item,) = read_items(changed(line, path, value))
    assert isinstance(item, Rejected)
    assert item.code == code
    assert item.reason.isascii()


def test_j5_by_record_id(line, read_items) -> None:
    record_id = line["record_id"]
    for said in (
        {},
        {"feed": "dishonest-debtor", "subject": 5},
        {"name": "别人", "case_number": "(2019)豫1执1号"},
        line,
    ):
        (item,) = read_items(
            orjson.dumps({**said, "record_id": record_id, "status": "withdrawn", "status_reason": "r"})
        )
        assert isinstance(item, Withdrawal)
        assert (item.record_ids, item.status_reason) == ((record_id,), "r")


@pytest.mark.parametrize(
    "named",
    [
        {"case_number": "(2019)豫0811执00123号", "name": " 焦作山阳机械有限公司"},
        {"case": {"number": "（2019）豫0811执123号"}, "subject": {"name": "焦作山阳机械有限公司"}},
        {"case": "（2019）豫0811执123号", "name": "焦作山阳机械 有限公司", "record_id": None},
        {"caseCode": "（2019）豫0811执123号", "iname": "焦作山阳机械有限公司", "cardNum": 1.5},
    ],
)
def test_j5_by_case_number_and_name_whatever_the_kind_is(named, line, read_items) -> None:
    (item,) = read_items(orjson.dumps({**named, "status": "withdrawn"}))
    assert isinstance(item, Withdrawal)
    assert line["record_id"] in item.record_ids
    assert item.status_reason is None


@pytest.mark.parametrize(
    "said",
    [{}, {"case_number": "(2019)豫0811执1号"}, {"name": "张三"}, {"record_id": "x"}, {"case_number": 5, "name": []}],
)
def test_a_withdrawal_that_names_no_record_is_told_of(said, read_items) -> None:
    (item,) = read_items(orjson.dumps({**said, "status": "withdrawn"}))
    assert item.code == "withdrawal-without-key"


def test_a_withdrawal_from_another_feed_is_refused(read_items) -> None:
    (item,) = read_items(orjson.dumps({"record_id": "a" * 52, "status": "withdrawn", "feed": "receipt"}))
    assert item.code == "wrong-feed"


def test_a_delete_list_of_record_ids(line, read_items) -> None:
    known, foreign = read_items(orjson.dumps({"updateList": [], "deleteList": [line["record_id"], "d41d8cd98f00"]}))
    assert isinstance(known, Withdrawal)
    assert known.record_ids == (line["record_id"],)
    assert foreign.code == "withdrawal-without-key"


def test_a_record_id_that_the_provider_carries_on_is_kept(line, read_items) -> None:
    """A correction of name or number carries the old id."""
    line["subject"]["name"] = "焦作山阳机电有限公司"
    (item,) = read_items(changed(line, "record_id", "b" * 52))
    assert isinstance(item, Accepted)
    assert item.record.record_id == "b" * 52
