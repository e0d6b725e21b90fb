"""The seal: what any choice of shown slots proves, bodies that open with their secret alone, the vault (S1 to S5)."""

import copy
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.errors import Broken
from gateway.trust.event import delivery_leaf, open_record
from gateway.trust.seal import Draft, SealedBatch, open_body, salts, submission_commitment
from gateway.trust.vault import Vault
from gateway.trust.verify import verify_event
from schemas.canonical import b64u, canonical
from schemas.catalog import DISHONEST_DEBTOR as FEED
from schemas.slots import flatten, nest

from .conftest import District, bare_event, draft, event_without_record, values

DISTRICT = District()
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
PLAIN = st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXT
SLOTS = st.sets(st.sampled_from(FEED.slots), min_size=1)


@st.composite
def records(draw: st.DrawFn) -> tuple[Any, ...]:
    """Any values in slot order, the columns of one list equally long or all null."""
    lengths = {slot.partition("[]")[0]: draw(st.none() | st.integers(0, 3)) for slot in FEED.slots if "[]" in slot}

    def value(slot: str) -> Any:
        if "[]" not in slot:
            return draw(PLAIN | st.lists(PLAIN, max_size=2))
        length = lengths[slot.partition("[]")[0]]
        return None if length is None else draw(st.lists(PLAIN, min_size=length, max_size=length))

    return tuple(value(slot) for slot in FEED.slots)


def shown_event(said: tuple[Any, ...], shown: set[str]) -> tuple[dict[str, Any], SealedBatch]:
    drafts = [draft(0), draft(1, said=said), draft(2)]
    batch = DISTRICT.batch(drafts)
    event = DISTRICT.event(batch, drafts, 1, 1, DISTRICT.terms(sorted(shown), {}))
    return DISTRICT.run([event]).events[0], batch


@given(records(), SLOTS)
@settings(max_examples=60)
def test_s2_any_choice_of_slots_verifies_and_shows_nothing_else(said: tuple[Any, ...], shown: set[str]) -> None:
    event, batch = shown_event(said, shown)
    assert verify_event(event, DISTRICT.key_set()).status == "valid"
    assert set(event["proof"]["salts"]) == shown
    fields = {name: value for name, value in event["record"].items() if name not in ("feed", "schema_version")}
    assert fields == {"record_id": batch.records[1].record_id, "status": "listed"} | nest(
        {slot: value for slot, value in zip(FEED.slots, said, strict=True) if slot in shown}
    )
    hidden = salts(batch.records[1].secret, len(FEED.slots))
    for slot, salt in zip(FEED.slots, hidden, strict=True):
        assert (b64u(salt) in canonical(event).decode()) == (slot in shown)


@given(records(), SLOTS, st.data())
@settings(max_examples=60)
def test_s2_no_other_value_and_no_other_salt_verifies(
    said: tuple[Any, ...], shown: set[str], data: st.DataObject
) -> None:
    event, _ = shown_event(said, shown)
    keys = DISTRICT.key_set()
    slot = data.draw(st.sampled_from(sorted(shown)))
    place = FEED.slots.index(slot)
    other = data.draw(PLAIN if "[]" not in slot else st.lists(PLAIN, max_size=3))
    if canonical(other) != canonical(said[place]):
        swapped = tuple(other if at == place else value for at, value in enumerate(said))
        try:
            record = nest({path: value for path, value in zip(FEED.slots, swapped, strict=True) if path in shown})
        except ValueError:
            return
        always = {name: event["record"][name] for name in ("feed", "schema_version", "record_id", "status")}
        assert verify_event({**event, "record": {**always, **record}}, keys).status == "invalid"
    second = data.draw(st.sampled_from(sorted(shown)))
    if second != slot:
        crossed = copy.deepcopy(event)
        known = crossed["proof"]["salts"]
        known[slot], known[second] = known[second], known[slot]
        assert verify_event(crossed, keys).status == "invalid"


@given(records(), SLOTS)
@settings(max_examples=60)
def test_the_exact_reader_agrees_with_flatten(said: tuple[Any, ...], shown: set[str]) -> None:
    record = nest({slot: value for slot, value in zip(FEED.slots, said, strict=True) if slot in shown})
    paths = tuple(sorted(shown))
    assert open_record(record, paths) == flatten(record, paths)


def test_s3_two_versions_of_one_record_share_no_commitment() -> None:
    """Equal values under reused salts would show which withheld field changed."""
    batch = DISTRICT.batch([draft(1), draft(1)])
    first, second = (record.digests for record in batch.records)
    assert not {first[at : at + 32] for at in range(0, len(first), 32)} & {
        second[at : at + 32] for at in range(0, len(second), 32)
    }


def test_s3_a_body_opens_with_its_own_secret_and_name_alone() -> None:
    drafts = [draft(0), draft(1)]
    one, two = DISTRICT.batch(drafts).records
    assert open_body(one.secret, one.record_id, 1, one.body) == drafts[0].body
    for secret, record_id, revision, body in (
        (two.secret, one.record_id, 1, one.body),
        (one.secret, two.record_id, 1, one.body),
        (one.secret, one.record_id, 2, one.body),
        (one.secret, one.record_id, 1, one.body[:-1]),
        (one.secret, one.record_id, 1, b""),
    ):
        with pytest.raises(Broken):
            open_body(secret, record_id, revision, body)


def test_a_batch_needs_records_and_every_slots_value() -> None:
    with pytest.raises(ValueError, match="at least one"):
        DISTRICT.batch([])
    short = Draft("a" * 52, 1, "listed", values()[:-1], b"{}")
    with pytest.raises(ValueError, match="zip"):
        DISTRICT.batch([short])


def test_s5_a_submission_cannot_be_guessed_without_the_salt() -> None:
    body, signature = bytes(32), b"\x01" * 32
    one = submission_commitment(bytes(32), body, signature)
    assert len(one) == 32
    assert one != submission_commitment(b"\x01" + bytes(31), body, signature)
    assert one != submission_commitment(bytes(32), signature, body)


def test_a_run_is_whole_and_in_its_places() -> None:
    events = [event_without_record(number, "void") for number in (5, 6)]
    run = DISTRICT.run(events)
    assert (run.first, run.last, run.leaves) == (5, 6, [delivery_leaf(event) for event in run.events])
    for wrong in ([events[1], events[0]], [events[0], events[0]], [bare_event(5, "void", {"feed": "x"}, {})]):
        with pytest.raises(ValueError, match=r"."):
            DISTRICT.run(wrong)


def test_s3_the_vault_gives_back_what_it_got_and_nothing_that_was_changed() -> None:
    vault = Vault(bytes(range(32)))
    for data in (b"", b"secret", bytes(100_000)):
        wrapped = vault.wrap(data)
        assert vault.unwrap(wrapped) == data
        assert wrapped != vault.wrap(data)
        for place in (0, 12, len(wrapped) - 1):
            changed = bytearray(wrapped)
            changed[place] ^= 1
            with pytest.raises(Broken):
                vault.unwrap(bytes(changed))
    for short in (b"", bytes(12), bytes(27)):
        with pytest.raises(Broken):
            vault.unwrap(short)
    with pytest.raises(Broken):
        Vault(bytes(32)).unwrap(vault.wrap(b"secret"))
    with pytest.raises(ValueError, match="32 bytes"):
        Vault(bytes(16))
