"""Rules J4 and J5: what a provider's statement does to the record it names."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from gateway.journal.versions import Head, Stale, decide_listing, decide_withdrawal

LIVE = Head(position=7, revision=2, status="amended", content_mac=b"new", published_on="2026-01-02")
GONE = Head(
    position=9,
    revision=3,
    status="withdrawn",
    content_mac=b"new",
    published_on="2026-01-02",
    older=frozenset({b"old", b"new"}),
)


def test_a_record_nobody_knew_is_listed() -> None:
    assert decide_listing(None, b"new", "2026-01-02", relist=False) == "listed"


def test_equal_content_makes_no_new_version() -> None:
    assert decide_listing(LIVE, b"new", "2026-01-02", relist=False) == "unchanged"


def test_other_content_amends() -> None:
    assert decide_listing(LIVE, b"other", "2026-01-02", relist=False) == "amended"


def test_j4_yesterdays_list_after_a_withdrawal_is_stale() -> None:
    for mac in (b"old", b"new"):
        assert isinstance(decide_listing(GONE, mac, "2026-01-02", relist=False), Stale)


def test_j4_a_stale_list_with_one_column_changed_is_stale_too() -> None:
    assert isinstance(decide_listing(GONE, b"other", "2026-01-02", relist=False), Stale)
    assert isinstance(decide_listing(GONE, b"other", None, relist=False), Stale)


def test_j4_listing_again_is_explicit() -> None:
    assert decide_listing(GONE, b"new", "2026-01-02", relist=True) == "listed"
    assert decide_listing(GONE, b"other", "2026-03-01", relist=False) == "listed"


def test_j4_old_content_under_a_new_date_cannot_slip_in() -> None:
    assert isinstance(decide_listing(GONE, b"old", "2026-03-01", relist=False), Stale)


def test_j5_a_withdrawal_needs_only_a_record_that_was_listed() -> None:
    assert decide_withdrawal(LIVE) == "withdrawn"
    assert decide_withdrawal(GONE) == "unchanged"
    assert decide_withdrawal(None) is None


SUSPENDED = replace(GONE, suspended=True)


def test_j4_what_was_suspended_is_resumed_by_its_own_word_and_what_was_deleted_is_not() -> None:
    assert decide_listing(SUSPENDED, b"word", "2026-01-02", relist=False, resumes=True) == "listed"
    assert isinstance(decide_listing(GONE, b"word", "2026-01-02", relist=False, resumes=True), Stale)
    assert isinstance(decide_listing(SUSPENDED, b"old", "2026-01-02", relist=False, resumes=True), Stale)
    assert isinstance(decide_listing(SUSPENDED, b"other", "2026-01-02", relist=False), Stale)


def test_j5_what_was_suspended_may_still_be_deleted_and_a_deletion_is_not_suspended() -> None:
    assert decide_withdrawal(SUSPENDED) == "withdrawn"
    assert decide_withdrawal(SUSPENDED, suspends=True) == "unchanged"
    assert decide_withdrawal(GONE, suspends=True) == "unchanged"


@given(st.binary(max_size=4), st.sampled_from([None, "2025-01-01", "2026-01-02"]))
def test_j4_without_a_word_nothing_that_was_withdrawn_comes_back(mac: bytes, published: str | None) -> None:
    assert isinstance(decide_listing(GONE, mac, published, relist=False), Stale)
