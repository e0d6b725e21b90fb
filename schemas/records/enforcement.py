"""The canonical record of feed `judgment-debtor` (被执行人): one debtor in one enforcement case, and how that stands.

Not a list of the dishonest: to be here is no ground for any measure, and nobody is ever blocked by it (rule M5).
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field

from schemas.records.debtor import (
    Basis,
    Case,
    Doubt,
    IdentifierEntry,
    Kind,
    Moment,
    Part,
    RecordId,
    ResponsiblePerson,
    Source,
    Warned,
)
from schemas.records.restriction import Amount

State = Literal[
    "open",  # 执行中
    "closed",  # 已结案
    "ended-unperformed",  # 终本, 终结本次执行程序: no property was found; it may be resumed (民诉法解释 article 517)
    "unknown",
]


class JudgmentSubject(Part):
    """The debtor (被执行人)."""

    kind: Kind
    name: str | None
    name_masked: bool
    identifiers: tuple[IdentifierEntry, ...]
    sex: Literal["male", "female"] | None


class JudgmentDebtor(Part):
    """One debtor in one case, as one provider states it. `ended_on`: when the case was closed or ended unperformed."""

    feed: Literal["judgment-debtor"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    doubts: tuple[Doubt, ...]
    subject: JudgmentSubject
    responsible_persons: tuple[ResponsiblePerson, ...]
    case: Case
    basis: tuple[Basis, ...]
    state: State
    amount: Amount | None  # 执行标的金额
    unpaid: Amount | None  # 未履行金额
    ended_on: date | None
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]
