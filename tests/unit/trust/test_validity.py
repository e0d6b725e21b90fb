"""Rule S7: a key's end, and what a checkpoint from before it still proves."""

from datetime import datetime, timedelta

import pytest

from gateway.clock import stamp
from gateway.trust.keys import KeySet, SigningKey
from gateway.trust.validity import BadTime, Signed, judge
from gateway.trust.verify import Verdict, verify_contract, verify_event, verify_heartbeat, verify_receipt

from .conftest import START, District, draft

APPENDED = START + timedelta(minutes=1)
OLDER = START + timedelta(minutes=2)  # a checkpoint from before the key's end
END = START + timedelta(minutes=3)
NEWER = START + timedelta(minutes=4)
ENDS: dict[str, dict[str, datetime]] = {
    "current": {},
    "retired": {"retired_at": END},
    "revoked": {"revoked_at": END},
    "compromised": {"revoked_at": NEWER, "compromised_since": END},
}


def verdict(
    district: District,
    journal_at: datetime | None,
    *,
    appended: datetime = APPENDED,
    sealer: str = "court",
    sender: str = "gateway",
    witness: str = "gateway",
    run_at: datetime = START,
) -> Verdict:
    """Of one event: sealed by `sealer`, sent by `sender`, in a checkpoint of `witness` where `journal_at` is given."""
    drafts = [draft(0)]
    batch = district.batch(drafts, sealer)
    event = district.event(batch, drafts, 0, 1)
    if journal_at is not None:
        event["proof"]["journal"] = district.journal(batch.header, 1, appended, journal_at, witness)
    return verify_event(district.run([event], run_at, sender).events[0], district.key_set())


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("journal_at", [None, OLDER, NEWER], ids=["alone", "older-checkpoint", "newer-checkpoint"])
def test_s7_the_issuers_key(district: District, end: str, journal_at: datetime | None) -> None:
    district.ends["court"] = ENDS[end]
    found = verdict(district, journal_at)
    assert found.status == ("valid" if end == "current" or journal_at == OLDER else "unproven-time")
    assert (found.reason is None) == (found.status == "valid")


@pytest.mark.parametrize("end", ["retired", "revoked", "compromised"])
@pytest.mark.parametrize("late", [END, NEWER])
def test_s7_nothing_sealed_after_the_end_verifies(district: District, end: str, late: datetime) -> None:
    district.ends["court"] = ENDS[end]
    assert verdict(district, NEWER, appended=late).reason == "signed when its key was not in force"


@pytest.mark.parametrize("end", ["retired", "revoked", "compromised"])
def test_s7_a_revoked_keys_checkpoint_proves_no_time(district: District, end: str) -> None:
    """Whoever holds a lost key writes any time into a checkpoint; a retired one was put away in good order."""
    district.ends["court"] = district.ends["gateway+"] = ENDS[end]
    found = verdict(district, OLDER, witness="gateway+")
    assert found.status == ("valid" if end == "retired" else "unproven-time")


@pytest.mark.parametrize("end", ["retired", "revoked", "compromised"])
@pytest.mark.parametrize("journal_at", [None, OLDER, NEWER])
def test_s7_the_senders_key(district: District, end: str, journal_at: datetime | None) -> None:
    """A run stands in no journal: after a retirement its signer's word counts, after a revocation nothing does."""
    district.ends["gateway+"] = ENDS[end]
    found = verdict(district, journal_at, sender="gateway+")
    assert found.status == ("valid" if end == "retired" and journal_at == OLDER else "unproven-time")
    assert verdict(district, OLDER, sender="gateway+", run_at=END).status == "invalid"


@pytest.mark.parametrize("end", ["retired", "revoked", "compromised"])
@pytest.mark.parametrize("journal_at", [None, OLDER, NEWER])
def test_s7_one_key_for_everything(district: District, end: str, journal_at: datetime | None) -> None:
    district.ends["gateway"] = ENDS[end]
    found = verdict(district, journal_at, sealer="gateway")
    if journal_at == NEWER:
        assert found.reason == "signed when its key was not in force"
    else:
        assert found.status == ("valid" if end == "retired" and journal_at == OLDER else "unproven-time")


@pytest.mark.parametrize("end", ENDS)
def test_s7_documents_that_stand_alone(district: District, end: str) -> None:
    heartbeat, contract, receipt = district.heartbeat(), district.contract(), district.receipt()
    late = district.receipt(at=stamp(END))
    for party in ("gateway", "court", "agency"):
        district.ends[party] = ENDS[end]
    keys = district.key_set()
    expected = "valid" if end == "current" else "unproven-time"
    for found in (verify_heartbeat(heartbeat, keys), verify_contract(contract, keys), verify_receipt(receipt, keys)):
        assert found.status == expected
    assert verify_receipt(late, keys).status == ("valid" if end == "current" else "invalid")


def test_s7_an_end_that_lies_ahead_is_no_end_yet(district: District) -> None:
    """A planned retirement must not make today's events unproven."""
    token = district.heartbeat()
    district.ends["gateway"] = {"retired_at": END}
    keys = district.key_set()
    assert verify_heartbeat(token, keys.as_of(END - timedelta(milliseconds=1))).status == "valid"
    assert verify_heartbeat(token, keys.as_of(END)).status == "unproven-time"
    assert len(keys.as_of(START - timedelta(milliseconds=1))) == 0


def test_s7_a_batch_in_the_journal_must_be_that_batch(district: District) -> None:
    drafts = [draft(0), draft(1)]
    batch, other = district.batch(drafts), district.batch(drafts)
    for header, count, signer in (
        (other.header, 2, "gateway"),
        (batch.header, 3, "gateway"),
        (batch.header, 2, "court"),
    ):
        event = district.event(batch, drafts, 0, 1)
        event["proof"]["journal"] = district.journal(header, count, APPENDED, OLDER, signer)  # type: ignore[index,call-overload]
        assert verify_event(district.run([event]).events[0], district.key_set()).status == "invalid"


def test_a_key_is_current_from_its_first_moment_until_just_before_its_end() -> None:
    key = SigningKey.generate("court", START).public()
    assert judge([Signed(key, START)]) == "valid"
    with pytest.raises(BadTime):
        judge([Signed(key, START - timedelta(milliseconds=1))])
    keys = KeySet([key])
    assert keys.find(key.kid, START) == key
    assert keys.find(key.kid, START - timedelta(seconds=1)) is None
    assert [len(keys.current(at)) for at in (START, START - timedelta(seconds=1))] == [1, 0]
