"""Reading a receipt at the door: unreadable is one code, whatever is wrong with it."""

import pytest

from gateway.errors import BadRequest
from gateway.trust.receipt import read_receipt
from schemas.canonical import b64u

from .conftest import District


def test_a_receipt_is_read_with_its_hashes(district: District) -> None:
    receipt = read_receipt(district.receipt(), district.key_set())
    assert (receipt.agency, receipt.kind, receipt.row) == ("agency", "blocked", "row-7")
    assert receipt.event is not None
    assert (receipt.event.number, receipt.event.leaf_hash) == (12, bytes(32))
    ranged = {"lane": "bulk", "first": 3, "last": 9, "digest": b64u(b"\x01" * 32)}
    token = district.receipt(kind="received", key="debtors-to-agency/bulk/3-9", event=None, row=None, range=ranged)
    received = read_receipt(token, district.key_set())
    assert received.range is not None
    assert received.range.digest_hash == b"\x01" * 32


def test_what_does_not_hold_is_unreadable(district: District) -> None:
    token = district.receipt()
    for wrong in ("", token[:-1], district.heartbeat(), district.receipt(key="x"), district.receipt(agency="court")):
        with pytest.raises(BadRequest) as refused:
            read_receipt(wrong, district.key_set())
        assert refused.value.code == "receipt-unreadable"
