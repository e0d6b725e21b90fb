"""An unlisted field never leaves: property tests over random records and random contracts."""

import copy
import dataclasses
import pickle
from collections.abc import Callable
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.model import Terms
from contracts.policy import FeedShape, PolicyError, Projected, Source, compile_policy, expand
from contracts.treatments import mask, year
from schemas.canonical import JsonValue
from schemas.catalog import FEEDS, tombstone_values

MakeTerms = Callable[..., Terms]

feeds = st.sampled_from(sorted(FEEDS.values(), key=lambda feed: feed.name))


def markers(slot: str, column_length: int) -> JsonValue:
    """Values that stand nowhere else, so that a leak can be seen."""
    if "[]" in slot:
        return [f"<{slot}#{number}>" for number in range(column_length)]
    return f"<{slot}>"


def texts(value: JsonValue) -> list[str]:
    return [text for text in (value if isinstance(value, list) else [value]) if isinstance(text, str)]


@st.composite
def cases(draw: st.DrawFn) -> tuple[Any, list[str], dict[str, str], tuple[JsonValue, ...]]:
    """A feed, listed fields, treatments of some of them, and a record; some of its slots are null."""
    feed = draw(feeds)
    prefixes = {slot.partition("[].")[0] + "[]" for slot in feed.slots if "[]." in slot}
    fields = draw(st.lists(st.sampled_from([*feed.slots, *sorted(prefixes)]), min_size=1, unique=True))
    listed = [slot for path in fields for slot in expand(path, feed.slots)]
    treatments = draw(st.dictionaries(st.sampled_from(listed), st.sampled_from(["mask", "year"]), max_size=4))
    lengths = {prefix: draw(st.integers(0, 3)) for prefix in sorted(prefixes)}
    values = tuple(
        markers(slot, lengths[slot.partition("[].")[0] + "[]"] if "[]." in slot else 0)
        if "[]." in slot or draw(st.booleans())
        else None
        for slot in feed.slots
    )
    return feed, fields, treatments, values


def of(feed: FeedShape, make: MakeTerms, **changes: object) -> Terms:
    effects = {} if feed.name == "dishonest-debtor" else {"effects": None, "review": None}
    return make(feed=feed.name, schema_version=feed.schema_version, **effects, **changes)


def version(feed: FeedShape, values: tuple[JsonValue, ...], status: str = "listed") -> Source:
    return Source(feed.name, feed.schema_version, "record-1", status, 1, values)


@given(cases())
def test_a_projection_holds_nothing_of_an_unlisted_slot(terms: MakeTerms, case: Any) -> None:
    feed, fields, treatments, values = case
    policy = compile_policy(of(feed, terms, fields=fields, treatments=treatments), feed)
    projected = policy.project(version(feed, values))
    listed = {slot for path in fields for slot in expand(path, feed.slots)}
    leaving = orjson.dumps(projected.record).decode() + repr(projected) + repr(dataclasses.asdict(projected))
    for slot, value in zip(feed.slots, values, strict=True):
        as_it_is = slot in listed and slot not in treatments
        for text in texts(value):
            assert (text in leaving) == as_it_is, slot
    assert set(projected.shown) == listed - set(treatments)
    assert set(projected.treated) == set(treatments)
    assert projected.hidden_paths == tuple(slot for slot in feed.slots if slot not in projected.shown)


@given(cases())
def test_shown_values_are_the_records_own_and_projection_is_deterministic(terms: MakeTerms, case: Any) -> None:
    feed, fields, treatments, values = case
    made = of(feed, terms, fields=fields, treatments=treatments)
    projected = compile_policy(made, feed).project(version(feed, values))
    assert projected.shown == {slot: values[feed.slots.index(slot)] for slot in projected.shown}
    again = compile_policy(Terms.model_validate(made.model_dump(mode="json")), feed).project(version(feed, values))
    assert again == projected
    assert orjson.dumps(again.record) == orjson.dumps(projected.record)


@given(cases())
def test_the_record_has_what_always_travels_and_the_listed_slots_only(terms: MakeTerms, case: Any) -> None:
    feed, fields, treatments, values = case
    record = (
        compile_policy(of(feed, terms, fields=fields, treatments=treatments), feed)
        .project(version(feed, values))
        .record
    )
    tops = {path.partition(".")[0].removesuffix("[]") for path in fields}
    assert set(record) == {"feed", "schema_version", "record_id", "status"} | tops


@given(cases())
def test_d5_a_withdrawal_shows_its_reason_alone(terms: MakeTerms, case: Any) -> None:
    feed, fields, treatments, _ = case
    listed_reason = ["status_reason", *[path for path in fields if path != "status_reason"]]
    treatments = {path: how for path, how in treatments.items() if path != "status_reason"}
    policy = compile_policy(of(feed, terms, fields=listed_reason, treatments=treatments), feed)
    projected = policy.project(version(feed, tombstone_values(feed, "performed"), status="withdrawn"))
    filled = {slot for slot, value in {**projected.shown, **projected.treated}.items() if value is not None}
    assert filled == {"status_reason"}
    assert projected.status == "withdrawn"


@given(st.text(min_size=2) | st.lists(st.text(min_size=2), min_size=1))
def test_a_treated_value_is_never_the_raw_one(value: JsonValue) -> None:
    assert year(value) != value
    masked = mask(value)
    for raw, shown in zip(texts(value), texts(masked), strict=True):
        assert shown == f"{raw[0]}**"  # one character is all that is left, and no length
    if all(not text.endswith("**") for text in texts(value)):
        assert masked != value


@pytest.mark.parametrize(
    ("treat", "value", "shown"),
    [
        (mask, "王小明", "王**"),
        (mask, "王", "***"),
        (mask, "", None),
        (mask, None, None),
        (mask, 55, None),
        (mask, {"name": "王"}, None),
        (mask, ["王小明", None, 5], ["王**", None, None]),
        (year, "2019-07-13", "2019"),
        (year, "2019-07-13T00:00:00.000Z", "2019"),
        (year, "2019-07-13 ", None),
        (year, "20190713", None),
        (year, 2019, None),
        (year, None, None),
        (year, ["2019-07-13", "x"], ["2019", None]),
    ],
)
def test_treatments(treat: Callable[[JsonValue], JsonValue], value: JsonValue, shown: JsonValue) -> None:
    assert treat(value) == shown


def test_a_projected_cannot_be_made_elsewhere(terms: MakeTerms, debtors: FeedShape) -> None:
    values = tuple(markers(slot, 1) for slot in debtors.slots)
    projected = compile_policy(terms(), debtors).project(version(debtors, values))
    parts = {field.name: getattr(projected, field.name) for field in dataclasses.fields(projected)}
    for maker in (None, object(), projected, True):
        with pytest.raises(TypeError, match=r"only contracts\.policy"):
            Projected(**parts, maker=maker)
    with pytest.raises(TypeError):
        Projected(**parts)  # type: ignore[call-arg]
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(projected, shown={"obligation": "everything"})
    with pytest.raises(dataclasses.FrozenInstanceError):
        projected.shown = {"obligation": "everything"}  # type: ignore[misc]
    for copied in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError, match=r"only contracts\.policy"):
            copied(projected)
    with pytest.raises(TypeError, match=r"only contracts\.policy"):
        type("Forged", (Projected,), {"__post_init__": lambda *_: None})


@pytest.mark.parametrize(
    "changes",
    [
        {"fields": ["case.number", "case.nmuber"]},
        {"fields": ["case"]},
        {"fields": ["case[]"]},
        {"fields": ["subject.identifiers"]},
        {"fields": ["source.digest"]},
        {"fields": ["warnings"]},
        {"treatments": {"obligation": "mask"}},  # not listed
        {"treatments": {"subject.identifiers[]": "mask"}},  # a treatment is for one slot
        {"rows": {"slot": "case.nmuber", "equals": "x"}},
        {"schema_version": 2},
        {"feed": "judgment-debtor"},
    ],
)
def test_terms_that_do_not_fit_the_feed_show_nothing(
    terms: MakeTerms, debtors: FeedShape, changes: dict[str, object]
) -> None:
    with pytest.raises(PolicyError):
        compile_policy(terms(**changes), debtors)


def test_a_record_of_another_feed_or_shape_is_refused(terms: MakeTerms, debtors: FeedShape) -> None:
    policy = compile_policy(terms(), debtors)
    values = tuple(None for _ in debtors.slots)
    good = version(debtors, values)
    for bad in (
        dataclasses.replace(good, feed="judgment-debtor"),
        dataclasses.replace(good, schema_version=2),
        dataclasses.replace(good, values=values[1:]),
        dataclasses.replace(good, values=(*values, "one more")),
    ):
        with pytest.raises(PolicyError):
            policy.project(bad)


def test_d6_two_versions_show_alike_only_with_the_same_slots_and_treatments(
    terms: MakeTerms, debtors: FeedShape
) -> None:
    policy = compile_policy(terms(), debtors)
    assert policy.shows_like(compile_policy(terms(version=2, rows={"any": []}, on_stale="open"), debtors))
    assert not policy.shows_like(compile_policy(terms(fields=["case.number"]), debtors))
    assert not policy.shows_like(compile_policy(terms(treatments={"case.number": "mask"}), debtors))
    masked = compile_policy(terms(treatments={"published_on": "mask"}), debtors)
    assert not masked.shows_like(compile_policy(terms(treatments={"published_on": "year"}), debtors))


def test_a_list_prefix_stands_for_all_its_columns(debtors: FeedShape) -> None:
    assert expand("subject.identifiers[]", debtors.slots) == debtors.slots[5:9]
    assert expand("case.number", debtors.slots) == ("case.number",)
