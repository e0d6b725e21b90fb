"""Record ids: the same on re-publication, and nothing to guess from."""

import base64
import hashlib
import hmac

from hypothesis import given
from hypothesis import strategies as st

from schemas.record_id import is_record_id, record_id

part = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


@given(st.binary(min_size=1, max_size=80), part, st.lists(part, max_size=4))
def test_it_is_base32_of_hmac_sha256_over_the_canonical_list(key: bytes, feed: str, parts: list[str]) -> None:
    import rfc8785  # noqa: PLC0415

    expected = base64.b32encode(hmac.digest(key, rfc8785.dumps([feed, *parts]), hashlib.sha256)).decode()
    found = record_id(key, feed, *parts)
    assert found == expected.rstrip("=").lower()
    assert is_record_id(found)


@given(st.lists(part, min_size=2, max_size=4, unique=True))
def test_parts_do_not_run_into_each_other(parts: list[str]) -> None:
    joined = [parts[0] + parts[1], *parts[2:]]
    assert record_id(b"k", "f", *parts) != record_id(b"k", "f", *joined)


def test_another_key_gives_another_id() -> None:
    assert record_id(b"a", "f", "x") != record_id(b"b", "f", "x")
