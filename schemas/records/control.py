"""The canonical records of enforcement control (协助控制): a court's officers, its requests, the police's answers.

A request asks the police to look for a debtor or a debtor's vehicle (财产调查规定 articles 15, 16) and to tell the
court; whether and how they do is theirs to decide. Officers are registered in advance and not shown anew with each
request (网络查询、冻结规定 article 2); documents are attached by digest, so that what is read is what was sent.
"""

from datetime import date
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from schemas.control_states import Answer
from schemas.records.address import AddressedParty, Line
from schemas.records.debtor import Case, Doubt, Moment, Part, RecordId, Source, Warned

Target = Literal["person", "vehicle"]
DocumentKind = Literal[
    "assistance-notice",  # 协助执行通知书
    "ruling",  # 执行裁定书
    "decision",  # 决定书, as of detention
    "warrant",  # 搜查令, 拘传票
    "other",
]
Refusal = Literal[
    "document-missing",
    "document-differs",  # what came has another digest
    "identity-unclear",
    "another-area",  # 管辖外
    "no-basis",  # the police see no ground in law
    "not-approved",  # 审批未通过
    "other",
]
Opaque = Annotated[str, Field(pattern=r"^[!-~]{1,128}$")]
Party = Annotated[str, Field(pattern=r"^[a-z0-9-]{3,64}$")]
Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
Certificate = Annotated[str, Field(pattern=r"^[0-9A-Za-z\u4e00-\u9fff（）()-]{4,40}$")]
Phone = Annotated[str, Field(pattern=r"^[0-9+() -]{3,32}$")]


class ControlOfficer(Part):
    """An officer (执行人员) of the court with the number of the certificate (执行公务证), and until when it is good."""

    feed: Literal["control-officer"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    certificate: Certificate
    name: Line
    phone: Phone | None
    valid_from: date
    valid_until: date
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]

    @model_validator(mode="after")
    def _ends_behind_its_beginning(self) -> Self:
        if self.valid_until < self.valid_from:
            raise ValueError("a certificate ends before it begins")
        return self


class Vehicle(Part):
    """A plate is known by its kind (号牌种类) too: two vehicles may have one number. All null where none is sought."""

    plate: Annotated[str, Field(pattern=r"^[\u4e00-\u9fffA-Z0-9]{5,10}$")] | None
    plate_kind: Annotated[str, Field(pattern=r"^\d\d$")] | None
    vin: Annotated[str, Field(pattern="^[A-HJ-NPR-Z0-9]{17}$")] | None
    brand: Line | None
    colour: Line | None


class Document(Part):
    """A document of the request. `digest` is SHA-256 of its bytes, in hex; the bytes go another way."""

    kind: DocumentKind
    number: Line
    digest: Digest


class Officer(Part):
    """Who is in charge; registered as `control-officer`."""

    name: Line
    certificate: Certificate


class RoundTheClock(Part):
    """Whom to call at any hour."""

    name: Line
    phone: Phone


class ControlRequest(Part):
    """One request. `number` is the court's own, and one request's alone; `to` the police that it is addressed to.

    `subject` is the debtor, who is sought, or whose vehicle is. `valid_until` is the last day of the control.
    """

    feed: Literal["control-request"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    doubts: tuple[Doubt, ...]
    number: Opaque
    to: Party
    target: Target
    subject: AddressedParty
    address: Line | None
    photo: Digest | None
    vehicle: Vehicle
    case: Case
    documents: Annotated[tuple[Document, ...], Field(min_length=1, max_length=16)]
    officers: Annotated[tuple[Officer, ...], Field(min_length=1, max_length=8)]
    contact: RoundTheClock
    valid_from: date
    valid_until: date
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]


class AnsweredRequest(Part):
    """Which request: the record id that the police see, and whose it is."""

    record_id: RecordId
    from_party: Party


class Contact(Part):
    """Whom the court calls about a sighting; null members where nobody is named."""

    name: Line | None
    phone: Phone | None


class ControlFeedback(Part):
    """One answer. `reference` is the police's own number of it; `occurred_at` is when it happened, not when it was
    told; `place` says where somebody or something was sighted or handed over.
    """

    feed: Literal["control-feedback"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    reference: Opaque
    request: AnsweredRequest
    answer: Answer
    reason: Refusal | None
    note: Line | None
    occurred_at: Moment
    place: Line | None
    contact: Contact
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]
