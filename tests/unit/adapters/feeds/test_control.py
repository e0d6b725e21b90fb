"""Enforcement control: officers, requests, answers, in our own form."""

import json
from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adapters.feeds import read
from schemas.reading import Accepted, Item, Rejected, Withdrawal
from schemas.records.control import ControlFeedback, ControlOfficer, ControlRequest
from tests.unit.adapters.feeds.conftest import KEY, TODAY
from tests.unit.adapters.feeds.controls import CERTIFICATE, REQUEST, answer, officer, person, request, vehicle
from tests.unit.adapters.feeds.test_hostile import json_values

MODELS = (ControlOfficer, ControlRequest, ControlFeedback)


def one(line: dict[str, Any], feed: str | None = None) -> Item:
    (item,) = read(feed or line["feed"], orjson.dumps(line), record_key=KEY, today=TODAY)
    return item


def accepted(line: dict[str, Any]) -> Any:
    item = one(line)
    assert isinstance(item, Accepted), item
    assert isinstance(item.record, MODELS)
    assert type(item.record).model_validate_json(item.record.model_dump_json()) == item.record
    return item.record


def test_a_request_is_known_by_its_number_so_two_on_one_person_stay_two() -> None:
    first, second = accepted(request("XK-1")), accepted(request("XK-2"))
    assert first.subject == second.subject
    assert first.record_id != second.record_id
    assert accepted(request("XK-1", valid_until="2027-01-31")).record_id == first.record_id
    assert accepted(request("XK-2", record_id=first.record_id)).record_id == second.record_id, "whatever it claims"


def test_what_a_line_says_of_itself_is_made_anew() -> None:
    case = {"number": "(2026)豫0811执0716号", "court": None, "province": None, "filed_on": None}
    found = accepted(request(case=case))
    assert (found.case.number, found.status, found.revision, found.doubts) == ("（2026）豫0811执716号", "listed", 1, ())
    assert found.source.digest != "0" * 64
    assert accepted(vehicle()).vehicle.plate_kind == "02"


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (request(documents=[]), "no-document"),
        (request(documents=[{"kind": "decision", "number": "1", "digest": "1" * 64}]), "no-document"),
        (request(documents=[{"kind": "assistance-notice", "number": "1", "digest": "1" * 32}]), "invalid-record"),
        (request(documents=2 * [{"kind": "assistance-notice", "number": "1", "digest": "1" * 64}]), "document-twice"),
        (request(officers=[]), "no-officer"),
        (request(officers=2 * [{"name": "李执行", "certificate": CERTIFICATE}]), "officer-twice"),
        (request(contact=None), "no-contact"),
        (request(contact={"name": "执行局", "phone": ""}), "invalid-record"),
        (request("999999198001010011"), "no-reference"),
        (request(subject={**person(), "identifiers": []}), "no-identifier"),
        (request(subject=person(number="999999198001010012")), "no-identifier"),
        (request(subject=person(number="999999201501010012")), "minor"),
        (request(valid_until="2026-11-22"), "period-reversed"),
        (request(target="vehicle"), "no-vehicle"),
        (vehicle(target="person"), "two-targets"),
        (vehicle(vehicle={**vehicle()["vehicle"], "plate_kind": None}), "no-vehicle"),
        (request(feed="control-feedback"), "wrong-feed"),
        (request(replaces={"case_number": "（2026）豫0811执716号", "name": "苏嘉川"}), "wrong-value"),
        (answer("refused", "A-1", reason=None), "no-reason"),
        (answer("accepted", "A-1", reason="other"), "wrong-value"),
        (answer("sighted", "A-1", place=None), "no-place"),
        (answer("arrested", "A-1"), "invalid-record"),
        (answer("accepted", ""), "invalid-record"),
        (officer(valid_until="2025-01-01"), "invalid-record"),
    ],
)  # fmt: skip
def test_refusals_repeat_no_value(line: dict[str, Any], code: str) -> None:
    feed = "control-request" if code == "wrong-feed" else line["feed"]
    item = one(line, feed)
    assert isinstance(item, Rejected), item
    assert item.code == code
    assert not [value for value in ("苏嘉川", "999999198", "李执行") if value in item.reason]


def test_an_answer_is_known_by_its_request_and_the_number_that_the_police_give_it() -> None:
    first = accepted(answer("accepted", "A-1"))
    assert accepted(answer("in-force", "A-1")).record_id == first.record_id
    assert accepted(answer("accepted", "A-2")).record_id != first.record_id
    assert accepted(answer("accepted", "A-1", "b" * 52)).record_id != first.record_id


def test_j5_a_withdrawal_needs_only_what_the_record_is_known_by() -> None:
    asked, answered, registered = accepted(request()), accepted(answer("accepted", "A-1")), accepted(officer())
    for feed, line, meant in (
        ("control-request", {"number": "XK-2026-1"}, asked),
        ("control-request", {"record_id": asked.record_id}, asked),
        ("control-request", {**request(), "documents": 7}, asked),
        ("control-feedback", {"request": REQUEST, "reference": "A-1"}, answered),
        ("control-feedback", {**answer("accepted", "A-1"), "answer": None}, answered),
        ("control-officer", {"certificate": CERTIFICATE}, registered),
    ):
        item = one({**line, "status": "withdrawn", "status_reason": "settled"}, feed)
        assert isinstance(item, Withdrawal), item
        assert item.record_ids == (meant.record_id,)
    for feed in ("control-request", "control-feedback", "control-officer"):
        item = one({"status": "withdrawn"}, feed)
        assert isinstance(item, Rejected)
        assert item.code == "withdrawal-without-key"


LINES = [request(), vehicle(), answer("sighted", "A-1"), officer()]


@settings(max_examples=150)
@given(st.data())
def test_whatever_stands_in_a_line_it_is_accounted_for_once(data: st.DataObject) -> None:
    line = dict(data.draw(st.sampled_from(LINES)))
    feed = line["feed"]
    for key in data.draw(st.lists(st.sampled_from([*line, "record_id", "source", "replaces", "是否撤销"]), max_size=4)):
        line[key] = data.draw(json_values)
    for key in data.draw(st.lists(st.sampled_from(sorted(line)), max_size=2, unique=True)):
        del line[key]
    found = list(read(feed, json.dumps(line).encode("utf-8", "surrogatepass"), record_key=KEY, today=TODAY))
    assert [item.line for item in found] == [1]
    for item in found:
        if isinstance(item, Accepted):
            assert isinstance(item.record, MODELS)
            assert type(item.record).model_validate_json(item.record.model_dump_json()) == item.record
