"""Reading a receipt: the agency's own word, by the agency's own key, bound to one event, range or screening (D12)."""

import re
from typing import Final

from gateway.errors import BadRequest
from gateway.trust import jws
from gateway.trust.documents import BadDocument, Receipt, read
from gateway.trust.keys import KeySet, PublicKey
from schemas.feedback import ANSWERS, REASONS, is_identity_number, may_have_row

OPAQUE: Final = re.compile(r"[!-~]{1,128}")


def read_receipt(token: str, keys: KeySet) -> Receipt:
    """The payload of a receipt that one of `keys` signed for its own party; give it the keys that are in force.

    Raises BadRequest (`receipt-unreadable`).
    """
    try:
        return open_receipt(token, keys)[0]
    except ValueError as error:
        raise BadRequest("receipt-unreadable", f"A receipt does not hold: {error}.") from None


def open_receipt(token: str, keys: KeySet) -> tuple[Receipt, PublicKey]:
    """The receipt and the key behind it, whenever that was in force. Raises `BadJws` or `BadDocument`."""
    payload, key = jws.verify(token, jws.RECEIPT, keys)
    receipt = read(Receipt, payload)
    if key.party != receipt.agency:
        raise BadDocument("agency: the receipt is signed by another party's key")
    check_key(receipt)
    if receipt.kind in ANSWERS:
        _check_feedback(receipt)
    return receipt, key


def check_key(receipt: Receipt) -> None:
    """`key` is what makes a receipt one of a kind (docs/format.md section 6). Raises `BadDocument` for another one."""
    event, shown = receipt.event, receipt.range
    if shown is not None and (event is not None or shown.first > shown.last):
        raise BadDocument("range: stands without an event, and runs from first to last")
    row = "" if receipt.row is None else f"/{receipt.row}"
    made = set()
    if event is not None:
        made.add(f"{receipt.contract}/{event.lane}/{event.number}{row}")
    if shown is not None:
        made.add(f"{receipt.contract}/{shown.lane}/{shown.first}-{shown.last}{row}")
    if receipt.reference is not None:
        made.add(receipt.reference)
    if receipt.key not in made:
        raise BadDocument("key: neither the event's, the range's nor the screening's")


def _check_feedback(receipt: Receipt) -> None:
    """What an agency says of a record has its own number as `key`, a code as `reason`, and no free text (section 6)."""
    reference = receipt.reference or ""
    if receipt.event is None or receipt.record_id is None or receipt.measure is not None:
        raise BadDocument("event: feedback is about one record, as one event showed it, and names no measure")
    if receipt.key != reference or not OPAQUE.fullmatch(reference) or is_identity_number(reference):
        raise BadDocument("reference: the agency's own opaque number of the feedback, which is also its key")
    if receipt.reason not in REASONS[receipt.kind]:
        raise BadDocument("reason: not one that this kind of feedback has")
    if receipt.row is not None and not may_have_row(receipt.kind, receipt.reason):
        raise BadDocument("row: only an identity is disputed of one row")
