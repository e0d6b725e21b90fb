"""Canonical JSON against the third-party vectors and against another implementation."""

from pathlib import Path

import orjson
import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from schemas.canonical import (
    LARGEST_INTEGER,
    CanonicalError,
    b64u,
    canonical,
    canonical_any,
    check_canonical,
    parse_strict,
    unb64u,
)

VECTORS = Path(__file__).parents[2] / "data" / "vectors" / "jcs"
INPUTS = sorted(VECTORS.glob("*.input.json"))

text = st.text(st.characters(exclude_categories=["Cs"]))
ascii_keys = st.text(st.characters(max_codepoint=127))
whole = st.integers(-LARGEST_INTEGER, LARGEST_INTEGER)
ours = st.recursive(
    st.none() | st.booleans() | whole | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(ascii_keys, inner, max_size=4),
    max_leaves=12,
)
anything = st.recursive(
    st.none() | st.booleans() | whole | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4),
    max_leaves=12,
)


def test_all_six_vectors_are_there() -> None:
    assert len(INPUTS) == 6


@pytest.mark.parametrize("path", INPUTS, ids=lambda path: path.name.partition(".")[0])
def test_rfc_8785_vectors(path: Path) -> None:
    expected = path.with_name(path.name.replace("input", "output")).read_bytes().strip()
    assert canonical_any(orjson.loads(path.read_bytes())) == expected


@given(ours)
def test_what_records_hold_is_spelled_as_the_oracle_spells_it(value) -> None:
    check_canonical(value)
    assert canonical(value) == rfc8785.dumps(value) == canonical_any(value)


@given(anything)
def test_any_json_is_spelled_as_the_oracle_spells_it(value) -> None:
    assert canonical_any(value) == rfc8785.dumps(value)


@given(ours)
def test_strict_reading_gives_back_what_was_written(value) -> None:
    assert parse_strict(canonical(value)) == value


@pytest.mark.parametrize(
    "data",
    [
        b'{"a":1,"a":1}',
        b'{"a":1.0}',
        b"[1e3]",
        b"[NaN]",
        b"[Infinity]",
        b"[9007199254740992]",
        b'{"\xc3\xa9":1}',
        b'["\\ud800"]',
        b"{",
        b"",
        b"\xff",
        b"[" * 200_000,
    ],
)
def test_what_has_two_meanings_or_none_is_refused(data: bytes) -> None:
    with pytest.raises(CanonicalError):
        parse_strict(data)


@given(st.binary(max_size=70))
def test_base64url_round_trip_and_one_spelling(data: bytes) -> None:
    written = b64u(data)
    assert unb64u(written, len(data)) == data
    with pytest.raises(CanonicalError):
        unb64u(written + "=")
    with pytest.raises(CanonicalError):
        unb64u(written, len(data) + 1)


@pytest.mark.parametrize("spelled", ["QQ==", "QR", "Q", "Q Q", "+/", "é"])
def test_other_spellings_of_base64url_are_refused(spelled: str) -> None:
    with pytest.raises(CanonicalError):
        unb64u(spelled)
