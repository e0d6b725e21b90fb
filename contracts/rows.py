"""The row filter (行过滤) of a contract: which records, by the values of their slots.

In YAML each test names a slot: `{slot: subject.kind, equals: person}`, `{slot: ..., in: [...]}`,
`{slot: ..., prefix: text}`, `{slot: ..., present: true}`, joined by `not`, `all` and `any`. On a list column a test
means: any element.
"""

from __future__ import annotations

from typing import Annotated, Literal, TypeAlias

from pydantic import (
    BaseModel,
    ConfigDict,
    Discriminator,
    Field,
    StrictBool,
    StrictInt,
    StrictStr,
    StringConstraints,
    Tag,
)

Scalar: TypeAlias = StrictStr | StrictBool | StrictInt
SlotPath: TypeAlias = Annotated[str, StringConstraints(min_length=1, max_length=100)]

_OPERATORS = ("equals", "in", "prefix", "present", "not", "all", "any")


class _Node(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", serialize_by_alias=True)


class Equals(_Node):
    slot: SlotPath
    equals: Scalar


class In(_Node):
    slot: SlotPath
    values: Annotated[tuple[Scalar, ...], Field(alias="in", min_length=1, max_length=1_000)]


class Prefix(_Node):
    slot: SlotPath
    prefix: Annotated[StrictStr, StringConstraints(min_length=1)]


class Present(_Node):
    slot: SlotPath
    present: Literal[True]


class Not(_Node):
    inner: Annotated[Rows, Field(alias="not")]


class All(_Node):
    """Every one of them; of none at all: every record."""

    all: Annotated[tuple[Rows, ...], Field(max_length=50)]


class AnyOf(_Node):
    """At least one of them; of none at all: no record."""

    any: Annotated[tuple[Rows, ...], Field(max_length=50)]


def _operator(value: object) -> str | None:
    """The one operator that a node names; pydantic refuses the node where this is None."""
    if isinstance(value, _Node):
        names = value.model_dump(by_alias=True, mode="json").keys()
    elif isinstance(value, dict):
        names = value.keys()
    else:
        return None
    named = [operator for operator in _OPERATORS if operator in names]
    return named[0] if len(named) == 1 else None


Rows: TypeAlias = Annotated[
    Annotated[Equals, Tag("equals")]
    | Annotated[In, Tag("in")]
    | Annotated[Prefix, Tag("prefix")]
    | Annotated[Present, Tag("present")]
    | Annotated[Not, Tag("not")]
    | Annotated[All, Tag("all")]
    | Annotated[AnyOf, Tag("any")],
    Discriminator(_operator),
]

for _model in (Not, All, AnyOf):
    _model.model_rebuild()
