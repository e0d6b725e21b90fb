"""Terms say one thing only, and everything that they say is signed."""

import hashlib
from collections.abc import Callable
from datetime import date, datetime
from typing import Any

import pytest
import rfc8785
from pydantic import ValidationError

from contracts.model import SignedContract, Terms, signature_payload, terms_digest
from schemas.canonical import b64u, check_canonical

Document = Callable[..., dict[str, Any]]

ROWS = {
    "all": [
        {"slot": "subject.kind", "in": ["person", "organisation"]},
        {"not": {"any": [{"slot": "case.number", "prefix": "（2019）"}, {"slot": "obligation", "present": True}]}},
        {"slot": "subject.name_masked", "equals": False},
    ]
}


def test_terms_survive_the_way_through_their_signed_form(document: Document) -> None:
    terms = Terms.model_validate(document(rows=ROWS, treatments={"case.number": "mask"}))
    spelled = terms.model_dump(mode="json")
    assert spelled["rows"] == ROWS
    assert Terms.model_validate(spelled) == terms
    assert SignedContract.model_validate(SignedContract(terms=terms).model_dump(mode="json")).terms == terms


def test_s7_the_digest_covers_every_member_defaults_included(document: Document) -> None:
    members = document()
    assert not {"quota_per_day", "delivery"} & members.keys()
    terms = Terms.model_validate(members)
    spelled = terms.model_dump(mode="json")
    assert set(spelled) == set(Terms.model_fields)
    assert spelled["delivery"] == ["pull"]
    assert spelled["review"]["proceed"] is True
    check_canonical(spelled)
    assert terms_digest(terms) == hashlib.sha256(rfc8785.dumps(spelled)).digest()


@pytest.mark.parametrize(
    "changes",
    [
        {"version": 2},
        {"title": "Another"},
        {"provider": {"party": "some-court", "keys": ["I" * 43]}},
        {"fields": ["case.number"]},
        {"treatments": {"case.number": "mask"}},
        {"rows": {"any": []}},
        {"on_end": "keep-until-withdrawn"},
        {"valid_until": "2028-12-30"},
    ],
)
def test_s7_any_change_changes_the_digest(document: Document, changes: dict[str, object]) -> None:
    assert terms_digest(Terms.model_validate(document(**changes))) != terms_digest(Terms.model_validate(document()))


def test_the_payload_is_the_one_of_the_format(terms: Callable[..., Terms]) -> None:
    assert signature_payload(terms(), "some-agency") == {
        "type": "contract/1",
        "contract": "debtors-to-somebody",
        "version": 1,
        "party": "some-agency",
        "terms": b64u(terms_digest(terms())),
    }
    with pytest.raises(ValueError, match="provider or the subscriber"):
        signature_payload(terms(), "somebody-else")


@pytest.mark.parametrize(
    "changes",
    [
        {"on_end": ...},  # D7: no default
        {"rows": ...},  # deny by default
        {"effects": ...},
        {"effects": None},  # review without effects
        {"review": None},  # effects without review
        {"surprise": 1},
        {"id": "Debtors"},
        {"id": "de"},
        {"id": "debtors-to-somebody\n"},
        {"version": 0},
        {"version": True},
        {"version": "1"},
        {"version": 1.0},
        {"title": ""},
        {"title": "two\nlines"},
        {"title": "turned \u202e round"},
        {"title": "in\u200bvisible"},
        {"title": " padded"},
        {"title": "\ud800"},
        {"fields": []},
        {"fields": ["case.number", "case.number"]},
        {"fields": ["*"]},
        {"treatments": {"case.number": "shout"}},
        {"provider": {"party": "some-agency", "keys": ["A" * 43]}},
        {"provider": {"party": "some-court", "keys": ["E" * 43]}},
        {"provider": {"party": "some-court", "keys": []}},
        {"provider": {"party": "some-court", "keys": ["A" * 42 + "B"]}},  # trailing bits
        {"valid_from": "2029-01-01"},
        {"valid_from": 0},
        {"valid_from": "20260101"},
        {"valid_from": "2026-W01-1"},
        {"valid_from": "2026-02-30"},
        {"valid_from": datetime(2026, 1, 1)},  # noqa: DTZ001
        {"delivery": []},
        {"delivery": ["courier"]},
        {"delivery": ["kafka"]},  # what takes back after the end comes by pull
        {"delivery": ["pull", "pull"]},
        {"quota_per_day": 10},  # nothing counts against it yet, so it must not be promised
        {"on_stale": "maybe"},
        {"review": {"due_working_days": 3, "lapses_to": "block"}},  # M2: a queue never blocks
        {"rows": {}},
        {"rows": None},
        {"rows": {"slot": "case.number"}},
        {"rows": {"slot": "case.number", "present": False}},
        {"rows": {"slot": "case.number", "equals": "a", "prefix": "a"}},
        {"rows": {"slot": "case.number", "in": []}},
        {"rows": {"slot": "case.number", "prefix": ""}},
        {"rows": {"slot": "case.number", "equals": None}},
        {"rows": {"slot": "case.number", "equals": 1.5}},
        {"rows": {"all": [{"any": [{"slot": "case.number", "matches": ".*"}]}]}},
        {"rows": {"all": [], "any": []}},
    ],
)
def test_what_cannot_be_is_refused(document: Document, changes: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        Terms.model_validate(document(**changes))


def test_kafka_comes_beside_pull(document: Document) -> None:
    assert Terms.model_validate(document(delivery=["pull", "kafka"])).delivery == ("pull", "kafka")


@pytest.mark.parametrize("name", ["no_joining", "release_within", "retention"])
def test_no_duty_can_be_left_out_or_waived(document: Document, name: str) -> None:
    duties = document()["duties"]
    for changed in (
        {key: value for key, value in duties.items() if key != name},
        {**duties, name: {"no_joining": False, "release_within": "1 month", "retention": None}[name]},
    ):
        with pytest.raises(ValidationError):
            Terms.model_validate(document(duties=changed))


def test_terms_cannot_be_changed(terms: Callable[..., Terms]) -> None:
    with pytest.raises(ValidationError):
        terms().version = 2  # type: ignore[misc]


def test_dates_may_come_as_dates(document: Document) -> None:
    assert Terms.model_validate(document(valid_from=date(2026, 1, 1))) == Terms.model_validate(document())
