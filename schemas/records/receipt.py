"""The `receipt` record (回执): what an agency did with one event, one range of numbers or one screening, or says of one
record that it was shown.

The agency signs the receipt itself (`jws`, docs/format.md section 6); the other slots repeat what it says, so that the
court's contract can filter and show them. Nothing here names a person: `row` and `reference` are the agency's own
opaque numbers (rule D12).
"""

from typing import Literal, TypeAlias

from pydantic import BaseModel, ConfigDict

ReceiptKind: TypeAlias = Literal[
    "received", "matched", "blocked", "released", "refused", "closing", "accepted", "rejected", "disputed"
]  # fmt: skip


class Receipt(BaseModel):
    """Feed `receipt`, version 1.

    `about` is the party id of the provider whose record the receipt is about. `key` makes it one of a kind within
    (contract, kind). `at` is when the agency made it, RFC 3339 in UTC. `lane`, `first`, `last` are the numbers it
    stands for, equal for one event; `cause` is that event's journal position. `leaf` is the delivery leaf's Merkle
    hash, or the digest of the range, base64url. `reference` is the screening's or the feedback's, `row` the register
    row's, `measure` a code of the measure catalogue (惩戒措施), `reason` a code. `jws` is the signed receipt.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    feed: Literal["receipt"] = "receipt"
    schema_version: Literal[1] = 1
    record_id: str
    revision: int
    status: Literal["listed", "amended"]
    status_reason: str | None
    agency: str
    about: str | None
    contract: str
    kind: ReceiptKind
    key: str
    at: str
    lane: Literal["priority", "bulk"] | None
    first: int | None
    last: int | None
    cause: int | None
    leaf: str | None
    reference: str | None
    subject_record: str | None
    measure: str | None
    row: str | None
    reason: str | None
    jws: str
