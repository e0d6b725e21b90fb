"""The canonical record of feed `dishonest-debtor` (失信被执行人): one debtor in one enforcement case.

Content follows 最高人民法院关于公布失信被执行人名单信息的若干规定 (法释〔2017〕7号) article 6. `source` and `warnings`
never leave the gateway; `doubts` says of them only what an agency must know, so that nobody is blocked by a doubtful
record (rule M1).
"""

from collections.abc import Iterable
from datetime import date
from typing import Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from schemas.identifiers import Check, Scheme

Kind = Literal["person", "organisation", "unknown"]
Performance = Literal["none", "partial", "full", "unknown"]
Ground = Literal[
    "able-but-refuses",  # article 1 (1): no period, until deleted
    "obstructs",  # (2), and all that follow: two years, and up to three more (article 2)
    "evades",  # (3)
    "property-report",  # (4)
    "consumption-order",  # (5)
    "settlement",  # (6)
    "other",
]
Doubt = Literal["identifiers", "kind", "period"]

RecordId = Annotated[str, Field(pattern="^[a-z2-7]{52}$")]
Code = Annotated[str, Field(pattern="^[a-z0-9-]{1,40}$")]
Moment = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")]


_new, _assign = object.__new__, object.__setattr__


class Part(BaseModel):
    """What every part of a record is: frozen, strict, nothing beside its fields."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    _all_fields: ClassVar[set[str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **_: object) -> None:
        cls._all_fields = set(cls.model_fields)

    @classmethod
    def made(cls, **values: object) -> Self:
        """The part of values that were checked where they were made, every field given: validated nowhere else.

        Validation costs a fifth of a record's way in. A test validates what the readers make.
        """
        part = _new(cls)
        _assign(part, "__dict__", values)
        _assign(part, "__pydantic_fields_set__", cls._all_fields)  # one for all: a frozen part never changes its own
        _assign(part, "__pydantic_extra__", None)
        _assign(part, "__pydantic_private__", None)
        return part


class IdentifierEntry(Part):
    """证件号码. A value that fails its check is kept, never matches, and nothing is derived from it."""

    scheme: Scheme
    value: str
    masked: bool
    check: Check


class Subject(Part):
    """The debtor (被执行人). `age`: years at publication, as the source says; `birth_year` only where it is said."""

    kind: Kind
    name: str | None
    name_masked: bool
    identifiers: tuple[IdentifierEntry, ...]
    sex: Literal["male", "female"] | None
    age: Annotated[int, Field(ge=1, le=150)] | None
    birth_year: Annotated[int, Field(ge=1850, le=2200)] | None


class ResponsiblePerson(Part):
    """企业失信人责任人: who answers for a listed unit, and is not listed by that (rule M5)."""

    name: str
    role: str | None
    identifiers: tuple[IdentifierEntry, ...]


class Case(Part):
    """The enforcement case (执行案件): 案号, 执行法院, 省份, 立案时间."""

    number: Annotated[str, Field(min_length=1)]
    court: str | None
    province: str | None
    filed_on: date | None


class Basis(Part):
    """执行依据: the document that is enforced, and who made it."""

    number: str | None
    issuer: str | None


class Source(Part):
    """Where the record came from. `digest` is SHA-256 of the raw record, in hex."""

    system: str
    record: str | None
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


class Warned(Part):
    """What was odd about a field, as a code; never its value."""

    code: Code
    field: str


class DishonestDebtor(Part):
    """One debtor in one case, as one provider states it."""

    feed: Literal["dishonest-debtor"]
    schema_version: Literal[1]
    record_id: RecordId
    revision: Annotated[int, Field(ge=1)]
    status: Literal["listed", "amended", "withdrawn"]
    status_reason: str | None
    doubts: tuple[Doubt, ...]
    subject: Subject
    responsible_persons: tuple[ResponsiblePerson, ...]
    case: Case
    basis: tuple[Basis, ...]
    obligation: str | None  # 生效法律文书确定的义务: free text, names other people
    performance: Performance
    performed: str | None
    unperformed: str | None
    grounds: tuple[Ground, ...]
    published_on: date | None
    listed_until: date | None
    source_updated_at: Moment | None
    source: Source
    warnings: tuple[Warned, ...]


_DOUBTFUL: dict[str, Doubt] = {
    "subject.kind": "kind",
    "subject.identifiers": "identifiers",
    "published_on": "period",
    "listed_until": "period",
}


def doubts_of(fields: Iterable[str], known: Iterable[Doubt] = ()) -> tuple[Doubt, ...]:
    """What warnings on these fields make doubtful (rule M1), with what was `known` to be, sorted."""
    return tuple(sorted({*known, *(_DOUBTFUL[field] for field in fields if field in _DOUBTFUL)}))
