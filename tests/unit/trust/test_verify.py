"""What `fuyuan verify` lets through, and what not: each byte flipped in turn, and each check with its own forgery."""

import json
import math
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gateway.clock import stamp
from gateway.trust import jws
from gateway.trust.keys import KeySet
from gateway.trust.verify import Verdict, verify_contract, verify_event, verify_heartbeat, verify_line, verify_receipt
from schemas.canonical import b64u, canonical, unb64u

from .conftest import START, District, draft, event_without_record, values

DOCUMENTS: dict[str, Callable[[District], Any]] = {
    "event": lambda district: district.sealed_event(),
    "event-in-journal": lambda district: district.sealed_event(START + timedelta(minutes=1)),
    "drop": lambda district: district.run([event_without_record(5, "drop")]).events[0],
    "void": lambda district: district.run([event_without_record(5, "void")]).events[0],
    "contract-event": lambda district: district.run([event_without_record(5, "contract")]).events[0],
    "receipt": lambda district: {"receipt": district.receipt()},
    "checkpoint": lambda district: {"checkpoint": district.checkpoint(b"4", START)[0]},
    "heartbeat": lambda district: {"heartbeat": district.heartbeat()},
    "contract": lambda district: {"contract": district.contract()},
}
FLIPS = (0x01, 0x20, 0x80)


@pytest.mark.parametrize("name", DOCUMENTS)
def test_every_flipped_byte_is_caught(district: District, name: str) -> None:
    document = canonical(DOCUMENTS[name](district))
    keys = district.key_set()
    assert verify_line(document, keys).status == "valid"
    for place in range(len(document)):
        for flip in FLIPS:
            changed = bytearray(document)
            changed[place] ^= flip
            verdict = verify_line(bytes(changed), keys)
            assert verdict.status == "invalid", (place, flip, document[max(0, place - 20) : place + 20])
    assert verify_line(document, keys).status == "valid"


@pytest.mark.parametrize("name", ["event", "contract", "contract-event"])
def test_every_changed_case_is_caught_where_text_is_escaped(district: District, name: str) -> None:
    r"""The digits of \u00e9 and \u00E9 mean the same, so one of the two spellings must not pass."""
    document = json.dumps(DOCUMENTS[name](district), indent=1).encode()
    keys = district.key_set()
    assert verify_line(document, keys).status == "valid"
    for place, byte in enumerate(document):
        if chr(byte).isalpha():
            changed = document[:place] + bytes([byte ^ 0x20]) + document[place + 1 :]
            assert verify_line(changed, keys).status == "invalid", document[max(0, place - 20) : place + 20]


def test_trailing_bits_of_base64url_are_not_free(district: District) -> None:
    event = district.sealed_event(START + timedelta(minutes=1))
    proof, keys = event["proof"], district.key_set()
    last = {
        "salts": lambda text: proof["salts"].update({"case.number": text}),
        "hidden": lambda text: proof.update(hidden=text),
        "path": lambda text: proof["path"].__setitem__(0, text),
        "run_path": lambda text: proof["run_path"].__setitem__(0, text),
        "run": lambda text: proof.update(run=text),
        "batch": lambda text: proof.update(batch=text),
    }
    was = {
        "salts": proof["salts"]["case.number"],
        **{name: proof[name] for name in ("hidden", "run", "batch")},
        **{name: proof[name][0] for name in ("path", "run_path")},
    }
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for name, change in last.items():
        for other in {alphabet[alphabet.index(was[name][-1]) ^ bits] for bits in (1, 2, 3)} | {
            "=",
            was[name][-1] + "=",
        }:
            change(was[name][:-1] + other)
            assert verify_event(event, keys).status == "invalid", (name, other)
        change(was[name])
    assert verify_event(event, keys).status == "valid"


def invalid(verdict: Verdict, reason: str) -> None:
    assert (verdict.status, verdict.reason) == ("invalid", reason)


@pytest.mark.parametrize("kind", ["drop", "void", "contract"])
def test_events_without_a_record_verify(district: District, kind: str) -> None:
    verdict = verify_event(district.run([event_without_record(7, kind)]).events[0], district.key_set())
    assert (verdict.status, verdict.id, verdict.by) == ("valid", "debtors-to-agency/bulk/7", ("gateway",))


def test_a_withdrawn_version_verifies(district: District) -> None:
    drafts = [draft(0, "withdrawn")]
    event = district.run([district.event(district.batch(drafts), drafts, 0, 1)]).events[0]
    assert event["kind"] == "withdrawn"
    assert event["record"]["status_reason"] == "performed"
    assert verify_event(event, district.key_set()).status == "valid"


def test_s1_nothing_may_be_shown_that_is_not_proved(district: District) -> None:
    added = district.sealed_event()
    added["record"]["case"]["court"] = "另一法院"
    invalid(verify_event(added, district.key_set()), "record: shows other fields than the proof covers")
    element = district.sealed_event()
    element["record"]["subject"]["identifiers"][0]["issuer"] = "x"
    invalid(verify_event(element, district.key_set()), "record: shows other fields than the proof covers")
    lacking = district.sealed_event()
    del lacking["record"]["published_on"]
    invalid(verify_event(lacking, district.key_set()), "record: shows other fields than the proof covers")


def test_a_float_that_is_no_number_does_not_pass_for_null(district: District) -> None:
    """A JSON library may read NaN, and others write it as null again: the bytes would be those that were sealed."""
    event = district.sealed_event()
    assert event["record"]["status_reason"] is None
    event["record"]["status_reason"] = math.nan
    assert verify_event(event, district.key_set()).status == "invalid"
    notice = district.run([event_without_record(7, "contract")]).events[0]
    notice["notice"]["on_end"] = [math.nan]
    assert verify_event(notice, district.key_set()).status == "invalid"


def test_s4_a_token_of_another_kind_does_not_pass(district: District) -> None:
    """Every kind of JWS has its own `typ`."""
    heartbeat, receipt = district.heartbeat(), district.receipt()
    keys = district.key_set()
    reason = "the JWS header is not that of this kind of document and this key"
    invalid(verify_receipt(heartbeat, keys), reason)
    invalid(verify_heartbeat(receipt, keys), reason)


def test_s6_only_the_gateway_or_the_provider_seals(district: District) -> None:
    drafts = [draft(0)]
    for sealer, status in (("gateway", "valid"), ("court", "valid"), ("agency", "invalid")):
        event = district.run([district.event(district.batch(drafts, sealer), drafts, 0, 1)]).events[0]
        verdict = verify_event(event, district.key_set())
        assert verdict.status == status
    invalid(verdict, "batch: sealed neither by the gateway nor by the provider")
    event = district.run([district.event(district.batch(drafts, "court"), drafts, 0, 1)]).events[0]
    assert verify_event(event, district.key_set()).by == ("court", "gateway")


def test_a_key_speaks_for_its_own_party_alone(district: District) -> None:
    for signer in ("court", "agency"):
        forged = jws.sign(district.key(signer), jws.HEARTBEAT, {**_payload(district.heartbeat()), "gateway": "gateway"})
        invalid(verify_heartbeat(forged, district.key_set()), "gateway: signed by another party's key")
    verdict = verify_receipt(district.receipt(agency="court"), district.key_set())
    invalid(verdict, "agency: the receipt is signed by another party's key")


def test_an_event_of_one_lane_does_not_pass_for_another(district: District) -> None:
    keys = district.key_set()
    event = district.sealed_event()
    for member, value in {
        "contract": "debtors-to-others",
        "lane": "priority",
        "number": 13,
        "cause": 18,
        "contract_version": 2,
        "kind": "withdrawn",
        "notice": {},
    }.items():
        assert verify_event({**event, member: value}, keys).status == "invalid", member
    neighbour = district.sealed_event()
    neighbour["proof"]["run"] = event["proof"]["run"]
    assert verify_event(neighbour, keys).status == "invalid"  # its salts are others


def test_the_feed_of_a_drop_is_vouched_for(district: District) -> None:
    event = district.run([event_without_record(5, "drop")]).events[0]
    event["record"]["feed"] = "receipt"
    assert verify_event(event, district.key_set()).status == "invalid"


def test_receipts_are_one_of_a_kind_by_their_key(district: District) -> None:
    keys = district.key_set
    assert verify_receipt(district.receipt(), keys()).status == "valid"
    screening = district.receipt(key="R-1", reference="R-1", row="R-1")
    assert verify_receipt(screening, keys()).status == "valid"
    ranged = {"lane": "bulk", "first": 3, "last": 9, "digest": b64u(bytes(32))}
    received = {"kind": "received", "event": None, "row": None, "range": ranged}
    assert verify_receipt(district.receipt(**received, key="debtors-to-agency/bulk/3-9"), keys()).status == "valid"
    for changed in (
        {"key": "debtors-to-agency/bulk/12"},
        {"key": "debtors-to-others/bulk/12/row-7"},
        {"event": None},
        {"range": ranged},
        {**received, "key": "debtors-to-agency/bulk/3-8"},
        {**received, "range": {**ranged, "first": 10}, "key": "debtors-to-agency/bulk/10-9"},
        {"kind": "lost"},
        {"note": "more"},
        {"at": "2026-11-23T01:02:03Z"},
        {"event": {"lane": "bulk", "number": True, "cause": 17, "leaf": b64u(bytes(32))}},
        {"event": {"lane": "bulk", "number": 12, "cause": 17, "leaf": b64u(bytes(31))}},
    ):
        assert verify_receipt(district.receipt(**changed), keys()).status == "invalid", changed


def test_s7_a_contract_names_the_keys_that_sign_it(district: District) -> None:
    signed = district.contract()
    keys = district.key_set()
    assert verify_contract(signed, keys).by == ("court", "agency")
    invalid(
        verify_contract({**signed, "signatures": signed["signatures"][::-1]}, keys),
        "signatures: the provider's and the subscriber's, in that order",
    )
    for signatures in ([], signed["signatures"][:1], [signed["signatures"][0]] * 2, [None, None]):
        assert verify_contract({**signed, "signatures": signatures}, keys).status == "invalid"
    swapped = district.contract()
    swapped["terms"]["subscriber"]["keys"] = [district.key("agency+").kid]
    invalid(verify_contract(swapped, district.key_set()), "signatures: for other terms than these")
    again = district.contract()
    again["signatures"][1] = jws.sign(district.key("agency+"), jws.CONTRACT, _payload(again["signatures"][1]))
    invalid(verify_contract(again, district.key_set()), "signatures: signed by a key that the terms do not name")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"{}",
        b'{"receipt": 1}',
        b'{"receipt": "a.b.c", "more": 1}',
        b'{"receipt": "..", "receipt": ".."}',
        b'{"contract": []}',
        b'{"proof": null}',
        b'{"event": {}}',
        b"[" * 100_000,
        b'{"contract": ' * 900 + b"1" + b"}" * 900,
        b'{"receipt": "\xff"}',
        b'{"receipt": "\\ud800"}',
        b'{"a": 1e400}',
        b'{"a": 123456789012345678901234567890}',
    ],
)
def test_whatever_else_comes_is_invalid_and_nothing_breaks(district: District, line: bytes) -> None:
    verdict = verify_line(line, district.key_set())
    assert verdict.status == "invalid"
    assert verdict.reason


def test_p1_a_reason_repeats_nothing_of_the_document(district: District) -> None:
    marker = "身份证110101199003077571"
    keys = district.key_set()
    event = district.sealed_event()
    proof = event["proof"]
    for broken in (
        {**event, marker: 1},
        {**event, "contract": marker},
        {**event, "record": {**event["record"], marker: marker}},
        {**event, "record": marker},
        {**event, "record": {**event["record"], "feed": marker}},
        {**event, "proof": {**proof, marker: marker}},
        {**event, "proof": {**proof, "salts": {**proof["salts"], marker: marker}}},
        {**event, "proof": {**proof, "salts": {**proof["salts"], marker: 1}}},
        {**event, "proof": {**proof, "treated": [marker]}},
        {**event, "proof": {**proof, "run": marker}},
        {**event, "proof": {**proof, "journal": {marker: {}}}},
    ):
        verdict = verify_line(canonical(broken), keys)
        assert verdict.status == "invalid"
        assert marker not in repr(verdict)
        assert "110101" not in repr(verdict)


def test_headers_verified_under_one_key_set_prove_nothing_under_another(district: District) -> None:
    event = district.sealed_event()
    assert verify_event(event, district.key_set()).status == "valid"
    others = KeySet(key for key in district.key_set() if key.party != "gateway")
    invalid(verify_event(event, others), "signed by no known key")


def test_events_of_one_page_share_their_headers_and_stay_exact(district: District) -> None:
    """The second event of a run is checked against remembered nodes: each hash of its paths still counts."""
    drafts = [draft(number, said=values(**{"subject.age": number + 1})) for number in range(7)]
    batch = district.batch(drafts)
    events = district.run([district.event(batch, drafts, index, 1 + index) for index in range(7)]).events
    keys = district.key_set()
    for event in events:
        assert verify_event(event, keys).status == "valid"
    for event in events:
        for path in ("path", "run_path"):
            known = event["proof"][path]
            for changed in (known[:-1], [*known, known[0]], [known[0][::-1], *known[1:]], [*known[:-1], known[0]], []):
                if changed != known:
                    forged = {**event, "proof": {**event["proof"], path: changed}}
                    assert verify_event(forged, keys).status == "invalid"
        for index in {0, 1, 6} - {event["proof"]["index"]}:
            assert verify_event({**event, "proof": {**event["proof"], "index": index}}, keys).status == "invalid"


def test_the_time_a_signer_claims_lies_within_its_key(district: District) -> None:
    before = district.heartbeat(at=stamp(START - timedelta(milliseconds=1)))
    invalid(verify_heartbeat(before, district.key_set()), "signed when its key was not in force")


def _payload(token: str) -> Any:
    return json.loads(unb64u(token.split(".")[1]))
