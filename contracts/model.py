"""The contract (共享协议): which agency may see which fields of which records, for which purpose, on which legal basis.

An agreement between a provider and a subscriber, as 网络数据安全管理条例 (2024) Art 12 asks for with each recipient.
Every member is signed, defaults included, so the canonical form of the terms is RFC 8785 over all of them.
"""

import hashlib
from collections.abc import Mapping
from datetime import date, datetime
from typing import Annotated, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StrictBool,
    StrictInt,
    StringConstraints,
    model_validator,
)

from contracts.rows import Rows
from schemas.canonical import JsonObject, b64u, canonical, unb64u


def _readable(text: str) -> str:
    """An official signs what stands on the screen: no control, direction or invisible character may bend it."""
    if not text.isprintable() or text != text.strip():
        raise ValueError("holds an invisible character, a line break, or a blank at an end")
    return text


def _day(value: object) -> object:
    """A calendar date only: pydantic would take an epoch number or a moment for one."""
    if isinstance(value, str):
        day = date.fromisoformat(value)
        if day.isoformat() == value:  # week dates and dates without hyphens are ISO too
            return day
    elif isinstance(value, date) and not isinstance(value, datetime):
        return value
    raise ValueError("not a date written as 2026-01-31")


def _thumbprint(text: str) -> str:
    unb64u(text, length=32)
    return text


Slug = Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{3,64}$")]
Code = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,63}$")]
Text = Annotated[str, StringConstraints(min_length=1, max_length=500), AfterValidator(_readable)]
Day = Annotated[date, BeforeValidator(_day)]
Thumbprint = Annotated[str, AfterValidator(_thumbprint)]
# A slot path, or a list prefix ending in `[]` that stands for all columns of the list.
Path = Annotated[str, StringConstraints(pattern=r"^[a-z_]+(\[\])?(\.[a-z_]+(\[\])?)*$", max_length=100)]
Jws = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+$", max_length=4096)]


class _Part(BaseModel):
    # `in` and `not` are Python's own words, so the row filter is spelled by alias on the way out too.
    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class Side(_Part):
    """One party (当事方) and the RFC 7638 thumbprints of the keys it may sign with (rule S7)."""

    party: Slug
    keys: Annotated[tuple[Thumbprint, ...], Field(min_length=1, max_length=8)]


class LegalBasis(_Part):
    """One law and article (法律依据)."""

    law: Text
    article: Text


class Effects(_Part):
    """What the agency does to a listed subject. `measure` (惩戒措施) is a code of the catalogue; `action` names the
    kinds of application (申请事项) that are blocked; `subjects` the kinds of subject that the measure bears on.
    """

    measure: Code
    action: Annotated[tuple[Code, ...], Field(min_length=1, max_length=16)]
    subjects: Annotated[tuple[Literal["person", "organisation"], ...], Field(min_length=1, max_length=2)]
    legal_basis: Annotated[tuple[LegalBasis, ...], Field(max_length=16)]
    executing_department: Text
    contact: Text
    explanation: Text


class Retention(_Part):
    """How long the subscriber keeps what it saw (保存期限).

    `content_days`: days that a record's content may be kept after its withdrawal or drop; a tombstone stays
    (PIPL Art 19). `proof_years`: receipts and logs without content; at least 3 years (网络数据安全管理条例 Art 12).
    """

    content_days: Annotated[StrictInt, Field(ge=0, le=3650)]
    proof_years: Annotated[StrictInt, Field(ge=3, le=30)]


class Duties(_Part):
    """What the subscriber owes (义务). A heartbeat older than the lease means that the list is stale (rule D11).

    `release_within` is the clock of the law: Henan credit regulation (河南省社会信用条例) Art 42, 1 working day.
    `receipt_within_minutes` is null where the records are receipts themselves, which are not receipted (rule D12).
    `no_joining`: records are not joined with those of another contract or subscriber (禁止关联分析).
    """

    heartbeat_lease_seconds: Annotated[StrictInt, Field(ge=5, le=86_400)]
    receipt_within_minutes: Annotated[StrictInt, Field(ge=1, le=10_080)] | None
    release_within: Annotated[str, StringConstraints(pattern=r"^(1 working day|([2-9]|10) working days)$")]
    no_joining: Literal[True]
    retention: Retention


class Review(_Part):
    """What becomes of an application that a person must look at (人工复核, rule M2, PIPL Art 24).

    It never lapses into a block: that would block every namesake by a full queue.
    """

    proceed: StrictBool = True
    due_working_days: Annotated[StrictInt, Field(ge=1, le=30)]
    lapses_to: Literal["clear", "escalate"]


class Terms(_Part):
    """The terms of one contract version. A pydantic ValidationError, a ValueError, says what cannot be.

    `rows` has no default: `{all: []}` shows every record of the feed, and somebody has to write that down.
    `on_stale` says whether the business goes on (open) or waits (closed) while the list is not known to be fresh (M3).
    `on_end` has no default: it decides what becomes of standing holds (D7).
    `delivery` (交付方式) always has `pull`, for older history and for what is taken back once a topic is shut.
    `quota_per_day` keeps its place; until sending counts against it, a contract that names one is refused.
    """

    id: Slug
    version: Annotated[StrictInt, Field(ge=1, le=1_000_000)]
    feed: Code
    schema_version: Annotated[StrictInt, Field(ge=1, le=1_000)]
    title: Text
    provider: Side
    subscriber: Side
    purpose: Text
    legal_basis: Annotated[tuple[LegalBasis, ...], Field(max_length=16)]
    fields: Annotated[tuple[Path, ...], Field(min_length=1, max_length=200)]
    treatments: Mapping[Path, Literal["mask", "year"]] = Field(default_factory=dict)
    rows: Rows
    effects: Effects | None
    duties: Duties
    on_stale: Literal["open", "closed"]
    on_end: Literal["release", "keep-until-withdrawn"]
    review: Review | None = None
    quota_per_day: None = None
    valid_from: Day
    valid_until: Day
    delivery: Annotated[tuple[Literal["pull", "kafka"], ...], Field(min_length=1, max_length=2)] = ("pull",)

    @model_validator(mode="after")
    def _hangs_together(self) -> "Terms":
        if self.provider.party == self.subscriber.party:
            raise ValueError("provider and subscriber are one party")
        thumbprints = self.provider.keys + self.subscriber.keys
        if len(set(thumbprints)) != len(thumbprints):
            raise ValueError("a key stands twice; each party signs with its own")
        if len(set(self.fields)) != len(self.fields):
            raise ValueError("a field stands twice")
        if self.valid_until < self.valid_from:
            raise ValueError("valid_until lies before valid_from")
        if len(set(self.delivery)) != len(self.delivery):
            raise ValueError("a way of delivery stands twice")
        if "pull" not in self.delivery:
            raise ValueError("delivery lacks pull, by which gaps and older history come")
        if (self.effects is None) != (self.review is None):
            raise ValueError("effects and review go together: who may block says what a person looks at")
        return self


class SignedContract(_Part):
    """Terms with the signatures of the provider and the subscriber (docs/format.md section 7).

    That the signatures hold is not this model's word: `gateway.trust.verify` checks them.
    """

    terms: Terms
    signatures: Annotated[tuple[Jws, ...], Field(max_length=2)] = ()


def terms_digest(terms: Terms) -> bytes:
    """SHA-256 over the canonical terms: 32 bytes."""
    return hashlib.sha256(canonical(terms.model_dump(mode="json"))).digest()


def signature_payload(terms: Terms, party: str) -> JsonObject:
    """What `party` signs as a JWS of `typ` `fuyuan-contract+jws`. Raises ValueError for anybody but the two parties."""
    if party not in (terms.provider.party, terms.subscriber.party):
        raise ValueError("only the provider or the subscriber signs a contract")
    return {
        "type": "contract/1",
        "contract": terms.id,
        "version": terms.version,
        "party": party,
        "terms": b64u(terms_digest(terms)),
    }
