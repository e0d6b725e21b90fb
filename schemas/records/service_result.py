"""The canonical record of feed `service-result` (送达结果): what became of one attempt to serve at a stated address.

It goes back to whoever stated the address, so that a registry learns which of its addresses are dead. It says nothing
of the case and nothing of who opened the door.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.records.address import AddressedParty
from schemas.records.debtor import Doubt, Moment, Part, RecordId, Source, Warned

Use = Literal["domicile", "spare", "while-suspended", "confirmed", "email"]
Outcome = Literal["served", "returned"]
Return = Literal[
    "moved",  # 迁移新址不明
    "unknown-there",  # 原址查无此人, 查无此单位
    "address-insufficient",  # 地址欠详
    "no-such-address",  # 无此地址
    "refused",  # 拒收
    "unclaimed",  # 逾期未领
    "undeliverable",  # an e-mail that came back
    "other",
]


class StatedAddress(Part):
    """Which address of which statement. `from_party` made the statement; `record_id` is what the court knows it by."""

    record_id: RecordId | None
    from_party: Annotated[str, Field(pattern=r"^[a-z0-9-]{3,64}$")]
    effective_from: date | None
    use: Use


class ServiceResult(Part):
    """One attempt. `reference` is the court's own opaque number for it; `reason` is null where it was served."""

    feed: Literal["service-result"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    doubts: tuple[Doubt, ...]
    reference: Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
    subject: AddressedParty
    statement: StatedAddress
    outcome: Outcome
    reason: Return | None
    occurred_on: date
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]
