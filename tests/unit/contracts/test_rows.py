"""The row filter: three-valued, so that what is not known is never a reason to show a record."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from contracts.model import Terms
from contracts.policy import FeedShape, PolicyError, compile_policy, named_slots
from schemas.canonical import JsonValue

MakeTerms = Callable[..., Terms]

SINGLE = "subject.kind"
COLUMN = "subject.identifiers[].scheme"
SCALARS = st.sampled_from(["a", "ab", "b", "", 0, 1, True, False])
SLOT_VALUES = st.none() | SCALARS | st.lists(st.none() | SCALARS, max_size=3)
SLOTS = st.sampled_from([SINGLE, COLUMN, "case.number"])


def filters(slots: st.SearchStrategy[str], *, present: bool) -> st.SearchStrategy[dict[str, Any]]:
    leaves = [
        st.fixed_dictionaries({"slot": slots, "equals": SCALARS}),
        st.fixed_dictionaries({"slot": slots, "in": st.lists(SCALARS, min_size=1, max_size=3)}),
        st.fixed_dictionaries({"slot": slots, "prefix": st.sampled_from(["a", "ab"])}),
    ]
    if present:
        leaves.append(st.fixed_dictionaries({"slot": slots, "present": st.just(True)}))
    return st.recursive(
        st.one_of(leaves),
        lambda inner: st.one_of(
            st.fixed_dictionaries({"not": inner}),
            st.fixed_dictionaries({"all": st.lists(inner, max_size=3)}),
            st.fixed_dictionaries({"any": st.lists(inner, max_size=3)}),
        ),
        max_leaves=8,
    )


def record(feed: FeedShape, **values: JsonValue) -> tuple[JsonValue, ...]:
    by_slot = {SINGLE: values.get("single"), COLUMN: values.get("column"), "case.number": values.get("case")}
    return tuple(by_slot.get(slot) for slot in feed.slots)


@pytest.mark.parametrize(
    ("rows", "values", "seen"),
    [
        ({"all": []}, {}, True),
        ({"any": []}, {"single": "a"}, False),
        ({"slot": SINGLE, "equals": "person"}, {"single": "person"}, True),
        ({"slot": SINGLE, "equals": "person"}, {"single": "persona"}, False),
        ({"slot": SINGLE, "equals": "person"}, {}, False),
        ({"not": {"slot": SINGLE, "equals": "person"}}, {"single": "organisation"}, True),
        ({"not": {"slot": SINGLE, "equals": "person"}}, {}, False),  # null is not known to be something else
        ({"slot": SINGLE, "equals": 1}, {"single": True}, False),
        ({"slot": SINGLE, "equals": False}, {"single": 0}, False),
        ({"slot": SINGLE, "in": ["a", "b"]}, {"single": "b"}, True),
        ({"slot": SINGLE, "in": [1]}, {"single": True}, False),
        ({"slot": SINGLE, "prefix": "（2019）"}, {"single": "（2019）皖1122执3591号"}, True),
        ({"slot": SINGLE, "prefix": "（2019）"}, {"single": "皖（2019）"}, False),
        ({"slot": SINGLE, "prefix": "1"}, {"single": 1}, False),
        ({"slot": COLUMN, "equals": "cn-id"}, {"column": ["cn-uscc", "cn-id"]}, True),
        ({"slot": COLUMN, "equals": "cn-id"}, {"column": []}, False),
        ({"not": {"slot": COLUMN, "equals": "cn-id"}}, {"column": []}, True),
        ({"not": {"slot": COLUMN, "equals": "cn-id"}}, {"column": ["cn-uscc", None]}, False),
        ({"slot": COLUMN, "present": True}, {"column": [None]}, False),
        ({"slot": COLUMN, "present": True}, {"column": [None, "x"]}, True),
        ({"slot": SINGLE, "present": True}, {"single": False}, True),
        ({"not": {"slot": SINGLE, "present": True}}, {}, True),
        ({"any": [{"slot": SINGLE, "equals": "a"}, {"slot": COLUMN, "equals": "b"}]}, {"column": ["b"]}, True),
        ({"all": [{"slot": SINGLE, "equals": "a"}, {"slot": COLUMN, "equals": "b"}]}, {"column": ["b"]}, False),
        ({"not": {"all": [{"slot": SINGLE, "equals": "a"}, {"slot": COLUMN, "equals": "b"}]}}, {"column": ["x"]}, True),
    ],
)
def test_operators(
    terms: MakeTerms, debtors: FeedShape, rows: dict[str, Any], values: dict[str, JsonValue], seen: bool
) -> None:
    assert compile_policy(terms(rows=rows), debtors).sees(record(debtors, **values)) is seen


@given(rows=filters(SLOTS, present=False), single=SLOT_VALUES, column=SLOT_VALUES, case=SLOT_VALUES, data=st.data())
def test_losing_a_value_never_shows_a_record(
    terms: MakeTerms,
    debtors: FeedShape,
    rows: dict[str, Any],
    single: JsonValue,
    column: JsonValue,
    case: JsonValue,
    data: st.DataObject,
) -> None:
    """Without `present`, which asks for absence openly, a null takes records away and never adds one."""
    policy = compile_policy(terms(rows=rows), debtors)
    full = {"single": single, "column": column, "case": case}
    lost = {name: None if data.draw(st.booleans()) else value for name, value in full.items()}
    if policy.sees(record(debtors, **lost)):
        assert policy.sees(record(debtors, **full))


@given(rows=filters(SLOTS, present=True), single=SLOT_VALUES, column=SLOT_VALUES, case=SLOT_VALUES)
def test_a_filter_and_its_opposite_never_both_see(
    terms: MakeTerms, debtors: FeedShape, rows: dict[str, Any], single: JsonValue, column: JsonValue, case: JsonValue
) -> None:
    values = record(debtors, single=single, column=column, case=case)
    plain = compile_policy(terms(rows=rows), debtors).sees(values)
    opposite = compile_policy(terms(rows={"not": rows}), debtors).sees(values)
    twice = compile_policy(terms(rows={"not": {"not": rows}}), debtors).sees(values)
    assert not (plain and opposite)
    assert twice == plain


@given(filters(st.just("no.such_slot"), present=True), filters(SLOTS, present=True))
def test_a_filter_on_an_unknown_slot_fails_closed(
    terms: MakeTerms, debtors: FeedShape, broken: dict[str, Any], whole: dict[str, Any]
) -> None:
    made = terms(rows={"any": [whole, broken]})
    if "no.such_slot" in set(named_slots(made.rows)):
        with pytest.raises(PolicyError, match=r"no\.such_slot"):
            compile_policy(made, debtors)
