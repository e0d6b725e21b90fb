"""Slots: nest and flatten are inverse on any choice of slots (rule S1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalog import FEEDS
from schemas.slots import flatten, nest, parse_slot

SLOTS = FEEDS["dishonest-debtor"].slots
leaf = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(max_size=5)


@st.composite
def shown(draw: st.DrawFn) -> dict[str, object]:
    """Values for any subset of the slots, in which the columns of one list agree in length."""
    paths = draw(st.lists(st.sampled_from(SLOTS), unique=True))
    lengths = {path.partition("[]")[0]: draw(st.none() | st.integers(0, 3)) for path in paths if "[]" in path}
    values: dict[str, object] = {}
    for path in paths:
        if "[]" not in path:
            values[path] = draw(leaf)
            continue
        length = lengths[path.partition("[]")[0]]
        values[path] = None if length is None else draw(st.lists(leaf, min_size=length, max_size=length))
    return values


@given(shown())
def test_s1_nest_and_flatten_are_inverse(values) -> None:
    record = nest(values)
    assert flatten(record, list(values)) == values
    assert nest(flatten(record, list(values))) == record


@given(shown())
def test_s1_a_slot_that_is_not_shown_leaves_no_trace(values) -> None:
    hidden = [path for path in SLOTS if path not in values]
    assert all(value is None or set(value) <= {None} for value in flatten(nest(values), hidden).values())


def test_s1_columns_of_one_list_agree_in_length() -> None:
    with pytest.raises(ValueError, match="length"):
        nest({"basis[].number": ["a", "b"], "basis[].issuer": ["c"]})
    with pytest.raises(ValueError, match="not a list"):
        nest({"basis[].number": ["a"], "basis[].issuer": None})


def test_s1_columns_of_nulls_are_a_null_list() -> None:
    assert nest({"basis[].number": None, "basis[].issuer": None}) == {"basis": None}
    assert nest({"basis[].number": []}) == {"basis": []}


@pytest.mark.parametrize("path", ["", ".", "a..b", "a[]", "a[].", "a[].b.c", "a[].b[].c", "[].a", "a[0].b"])
def test_other_paths_are_refused(path: str) -> None:
    with pytest.raises(ValueError, match="not a slot path"):
        parse_slot(path)


@pytest.mark.parametrize("paths", [["a", "a.b"], ["a.b", "a"], ["a[].b", "a"]])
def test_paths_that_cross_are_refused(paths: list[str]) -> None:
    with pytest.raises(ValueError, match="slot path"):
        nest(dict.fromkeys(paths, "x") | {path: ["x"] for path in paths if "[]" in path})


def test_absent_is_null() -> None:
    assert flatten({"a": {"b": 1}}, ["a.b", "a.c", "x.y", "z[].q"]) == {
        "a.b": 1,
        "a.c": None,
        "x.y": None,
        "z[].q": None,
    }
