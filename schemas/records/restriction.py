"""The canonical record of feed `consumption-restriction` (限制消费): one order of a court, and whom it names.

最高人民法院关于限制被执行人高消费及有关消费的若干规定: a unit's order binds its legal representative and others who
decide for it, so unit and persons are all subjects (article 3). It has no period and stands until it is lifted
(article 9); a purchase that the court approves (article 8) is a waiver in it, not its end.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.records.debtor import Case, Code, Doubt, IdentifierEntry, Kind, Moment, Part, RecordId, Source, Warned

Amount = Annotated[str, Field(pattern=r"^\d{1,15}\.\d\d$")]


class RestrictedSubject(Part):
    """Whom the order restricts (限消对象). `role` is a person's part in the unit; `doubts` are about this subject."""

    kind: Kind
    name: str | None
    name_masked: bool
    role: str | None
    identifiers: tuple[IdentifierEntry, ...]
    doubts: tuple[Doubt, ...]


class Waiver(Part):
    """The court's approval of one purchase (article 8): once, between two days.

    `number` is the approval's own, and makes it one of a kind in the order. `name`: for which subject, null for any of
    the order. `action`: which kind of application passes, as the catalogue of measures names it.
    """

    number: Annotated[str, Field(min_length=1, max_length=200)]
    name: str | None
    action: Code
    valid_from: date
    valid_until: date

    @model_validator(mode="after")
    def _ends_behind_its_beginning(self) -> Self:
        if self.valid_until < self.valid_from:
            raise ValueError("a waiver ends before it begins")
        return self


class ConsumptionRestriction(Part):
    """One order, as one provider states it. The first subject is the one that its `record_id` is made of."""

    feed: Literal["consumption-restriction"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    doubts: tuple[Doubt, ...]
    subjects: Annotated[tuple[RestrictedSubject, ...], Field(min_length=1)]
    case: Case
    applicant: str | None  # 申请人: who asked for the enforcement
    amount: Amount | None
    order_url: str | None  # the order itself (限制消费令), as the court publishes it
    waivers: tuple[Waiver, ...]
    published_on: date | None
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]
