"""The catalog: published schemas, slots, values."""

import hashlib

import orjson
import pytest
from pydantic import ValidationError

from schemas.canonical import canonical, check_canonical
from schemas.catalog import (
    ALWAYS_TRAVEL,
    FEEDS,
    NEVER_LEAVE,
    Feed,
    UnknownFeed,
    feed,
    published_path,
    schema_document,
    tombstone_values,
)
from schemas.records.debtor import DishonestDebtor, doubts_of
from schemas.slots import flatten, nest

DEBTOR = feed("dishonest-debtor")
LINE = {
    "feed": "dishonest-debtor",
    "schema_version": 1,
    "record_id": "a" * 52,
    "revision": 1,
    "status": "listed",
    "status_reason": None,
    "doubts": ["kind"],
    "subject": {
        "kind": "unknown",
        "name": "某厂",
        "name_masked": False,
        "identifiers": [{"scheme": "cn-org", "value": "69670740-9", "masked": False, "check": "pass"}],
        "sex": None,
        "age": 55,
        "birth_year": None,
    },
    "responsible_persons": [
        {"name": "甲", "role": "r", "identifiers": [{"scheme": "cn-id", "value": "x", "masked": True, "check": "none"}]}
    ],
    "case": {"number": "（2019）皖1122执1号", "court": "c", "province": None, "filed_on": "2019-07-09"},
    "basis": [{"number": "n", "issuer": None}, {"number": None, "issuer": "i"}],
    "obligation": "o",
    "performance": "none",
    "performed": None,
    "unperformed": None,
    "grounds": ["evades", "other"],
    "published_on": "2019-07-13",
    "listed_until": None,
    "source_updated_at": "2019-07-13T00:00:00.000Z",
    "source": {"system": "s", "record": None, "digest": "0" * 64},
    "warnings": [{"code": "kind-unclear", "field": "subject.kind"}],
}
RECORD = DishonestDebtor.model_validate_json(orjson.dumps(LINE))


# SHA-256 of each published version without its words: what a version means never changes once it is out.
PUBLISHED = {
    ("consumption-restriction", 1): "8403e310e80d02d60d6a2c1aada0d53b91808f5428e2bedf26f6aefa0538f9c6",
    ("control-feedback", 1): "dd9849f2c09517ec7c41260faedbd52ae8d879aeb80bf84ec681fd0e75e8cf40",
    ("control-officer", 1): "6d2f029925ac144f9c1a04b0d86af408f8593457617a41067cb8736297662a67",
    ("control-request", 1): "029d4a5a9abb022e10e07621f3d00f6b6e017f23ace22100c4a6c6df9916477e",
    ("dishonest-debtor", 1): "292d0130df3cc2eed1bd95733e9f893f56a6318db527dea046dce5188f38f858",
    ("judgment-debtor", 1): "c066098ac161d5843c3d5e8c5a22c0f4831e85e151f3bcd59cbc5487b5bbe23c",
    ("receipt", 1): "e8b75214e8ed33e85dccfe7adbd73ca0f0d59683b8f9a416d0e3905099545d98",
    ("service-address", 1): "b1f2a911801191265721c1fc3686d2bba72f6eac4055bdec74b898cf9e0ae7b4",
    ("service-result", 1): "2a792309ee61c187e6eaf45cb6dd40ce2514b338b068b73a192cf35564eb8b1e",
}


def without_words(value):
    match value:
        case dict():
            return {key: without_words(inner) for key, inner in value.items() if key not in ("description", "title")}
        case list():
            return [without_words(inner) for inner in value]
        case _:
            return value


@pytest.mark.parametrize("one", FEEDS.values(), ids=lambda one: one.name)
def test_a_schema_changes_only_with_a_new_version(one: Feed) -> None:
    """Where this fails: give the feed a new schema_version, keep the old file, publish the new one, add its digest."""
    meaning = canonical(without_words(orjson.loads(schema_document(one))))
    assert hashlib.sha256(meaning).hexdigest() == PUBLISHED[one.name, one.schema_version]


@pytest.mark.parametrize("one", FEEDS.values(), ids=lambda one: one.name)
def test_what_is_published_is_what_the_models_say(one: Feed) -> None:
    """Where only words changed: run `python -m schemas.catalog`."""
    assert published_path(one).read_bytes() == schema_document(one)


@pytest.mark.parametrize("one", FEEDS.values(), ids=lambda one: one.name)
def test_s1_slots_are_unique_and_hold_nothing_that_stays_or_always_travels(one: Feed) -> None:
    assert len(set(one.slots)) == len(one.slots)
    tops = {path.partition(".")[0].removesuffix("[]") for path in one.slots}
    assert not tops & {*ALWAYS_TRAVEL, *NEVER_LEAVE}
    assert "status_reason" in one.slots


def test_p1_source_and_warnings_are_withheld() -> None:
    assert DEBTOR.withheld(RECORD) == {"source": LINE["source"], "warnings": LINE["warnings"]}


def test_values_are_the_record_in_slot_order() -> None:
    assert dict(zip(DEBTOR.slots, DEBTOR.values(RECORD), strict=True)) == flatten(LINE, DEBTOR.slots)


def test_every_leaf_comes_back_from_the_slots() -> None:
    kept = {name: value for name, value in LINE.items() if name not in {*ALWAYS_TRAVEL, *NEVER_LEAVE}}
    assert nest(dict(zip(DEBTOR.slots, DEBTOR.values(RECORD), strict=True))) == kept


def test_values_have_one_canonical_spelling() -> None:
    for value in DEBTOR.values(RECORD):
        check_canonical(value)


def test_published_on_is_iso() -> None:
    assert DEBTOR.published_on(RECORD) == "2019-07-13"


def test_a_tombstone_says_why_and_nothing_else() -> None:
    values = dict(zip(DEBTOR.slots, tombstone_values(DEBTOR, "performed"), strict=True))
    assert values.pop("status_reason") == "performed"
    assert set(values.values()) == {None}


def test_an_unknown_feed() -> None:
    with pytest.raises(UnknownFeed):
        feed("judgement-day")


@pytest.mark.parametrize(
    "change",
    [{"extra": 1}, {"revision": 0}, {"revision": 1.0}, {"record_id": "A" * 52}, {"grounds": ["theft"]},
     {"published_on": "2019-02-30"}, {"schema_version": 2}, {"doubts": ["age"]}],
)  # fmt: skip
def test_the_model_takes_nothing_else(change) -> None:
    with pytest.raises(ValidationError):
        DishonestDebtor.model_validate_json(orjson.dumps({**LINE, **change}))


def test_m1_doubts_follow_from_warnings_on_kind_identifiers_and_period_alone() -> None:
    assert doubts_of(["subject.name", "grounds", "case.filed_on"]) == ()
    assert doubts_of(["subject.kind", "subject.identifiers", "listed_until", "published_on"]) == (
        "identifiers",
        "kind",
        "period",
    )
