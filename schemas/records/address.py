"""The canonical record of feed `service-address` (送达地址): one statement of where a party is served, and from when.

A statement never replaces another: which one answers for a day follows from their days (`gateway.agent.addresses`).
The market regulator states domicile, spare address and e-mail (市场主体登记管理条例 articles 11, 30); a bank what its
borrower confirmed in a loan contract. E-mail counts only with the party's consent (民事诉讼法 article 90).
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.records.debtor import Doubt, IdentifierEntry, Kind, Moment, Part, RecordId, Source, Warned

Occasion = Literal[
    "registration",  # 设立登记
    "change",  # 变更登记
    "suspension",  # 歇业
    "resumption",  # 恢复营业
    "deregistration",  # 注销登记
    "confirmation",  # 送达地址确认, in a loan contract
]
PartyState = Literal[
    "operating",  # 存续, 在营
    "suspended",  # 歇业: the address for service of documents takes the domicile's place
    "licence-revoked",  # 吊销: it may do no business, and can still be sued and served
    "moved-out",  # 迁出: another registry keeps it now
    "deregistered",  # 注销: it is no more
    "unknown",
]
Consent = Literal["given", "refused", "unstated"]
# A moment, or the calendar day in China where the source says no more.
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d(T\d\d:\d\d:\d\d\.\d{3}Z)?$")]
Line = Annotated[str, Field(min_length=1, max_length=500)]
Email = Annotated[str, Field(pattern=r"^[^@\s]{1,64}@[^@\s]{1,255}$")]


class AddressedParty(Part):
    """Whom the statement is about (受送达人)."""

    kind: Kind
    name: str | None
    name_masked: bool
    identifiers: tuple[IdentifierEntry, ...]


class Place(Part):
    """A postal address. Both are null where the statement does not speak of it."""

    address: Line | None
    postcode: Annotated[str, Field(pattern=r"^\d{6}$")] | None


class Electronic(Part):
    """The electronic address (电子送达地址). `refused` also stands where a consent was taken back."""

    email: Email | None
    consent: Consent
    consented_at: Time | None


class Contact(Part):
    """Who takes documents in, and the telephone."""

    name: Line | None
    phone: Line | None


class Loan(Part):
    """The loan contract in which the borrower confirmed an address; null members where it is no confirmation."""

    number: Line | None
    lender: Line | None


class ServiceAddress(Part):
    """One statement. `effective_until` is its last day, null while nobody has set one.

    `number` is the source's own number of the statement. `while_suspended` takes the domicile's place while the party
    is suspended; `confirmed` is what a loan contract says.
    """

    feed: Literal["service-address"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    doubts: tuple[Doubt, ...]
    subject: AddressedParty
    occasion: Occasion | None
    number: Line | None
    state: PartyState
    effective_from: date
    effective_until: date | None
    domicile: Place
    spare: Place
    while_suspended: Place
    confirmed: Place
    electronic: Electronic
    contact: Contact
    loan: Loan
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]

    @model_validator(mode="after")
    def _ends_behind_its_beginning(self) -> Self:
        if self.effective_until is not None and self.effective_until < self.effective_from:
            raise ValueError("a statement ends before it begins")
        return self
