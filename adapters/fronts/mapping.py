"""Which table and columns a department has, as a small file:

feed = "dishonest-debtor"
table = "sxbzxr"                # and `schema`, where it is not the user's own
key = ["id"]                    # what a row is known by; whole numbers or text

[columns]                       # a member of the record, in the words of any form of the list -> column
caseCode = "ah"
iname = "bzxrmc"

[named]                         # the members that name a record in a withdrawal -> column
case_number = "ah"
name = "bzxrmc"

[changes]
by = "state"                    # or "watermark", or "refresh": the whole table each time
column = "zt"
new = ["0"]                     # state: waits to be fetched; then one of the next two is written
taken = "1"
refused = "9"
verdict = "fhxx"                # state, may be left out: a column for the code of the refusal
overlap = 600                   # watermark: seconds, or numbers, that are read again each time

[deletions]                     # may be left out
column = "czlx"
values = ["D"]
reason = "scyy"                 # a column of words; may be left out
gone = "performed"              # the reason where a row is no longer there; may be left out

[brake]                         # may be left out
percent = 10
rows = 20
"""

import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from schemas.front import By, FrontFault

Name = Annotated[str, Field(min_length=1, max_length=128)]


class Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Changes(Part):
    by: By
    column: Name | None = None
    new: tuple[str, ...] = ()
    taken: str | None = None
    refused: str | None = None
    verdict: Name | None = None
    overlap: int = Field(600, ge=0)

    @model_validator(mode="after")
    def _members_of_its_kind(self) -> Self:
        of_state = (self.new, self.taken, self.refused)
        if (self.by == "state") != all(of_state) or (self.by != "state" and any((*of_state, self.verdict))):
            raise ValueError("by state: new, taken and refused, and nowhere else")
        if (self.by == "refresh") != (self.column is None):
            raise ValueError("by state and by watermark need a column, by refresh has none")
        if self.taken in self.new or self.refused in self.new:
            raise ValueError("taken and refused are not among new")
        return self


class Deletions(Part):
    column: Name | None = None
    values: tuple[str, ...] = ()
    reason: Name | None = None
    gone: Name | None = None


class BrakeAt(Part):
    percent: int = Field(10, ge=0, le=100)
    rows: int = Field(20, ge=0)


class FrontMapping(Part):
    """`columns` and `named`: member -> column."""

    feed: Name
    table: Name
    schema_: Name | None = Field(None, alias="schema")
    key: tuple[Name, ...] = Field(min_length=1)
    columns: Mapping[Name, Name] = Field(min_length=1)
    named: Mapping[Name, Name] = Field(min_length=1)
    changes: Changes
    deletions: Deletions = Deletions()
    brake: BrakeAt = BrakeAt()

    def all_columns(self) -> tuple[str, ...]:
        """Every column that is read or written, each once."""
        changes, deletions = self.changes, self.deletions
        named = (changes.column, changes.verdict, deletions.column, deletions.reason)
        return tuple(dict.fromkeys([*self.key, *self.columns.values(), *self.named.values(), *filter(None, named)]))


def read_front_mapping(path: Path) -> FrontMapping:
    """Raises FrontFault, naming the member."""
    try:
        return FrontMapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise FrontFault("the mapping is no TOML") from None
    except ValidationError as error:
        raise fault_of(error) from None


def fault_of(error: ValidationError) -> FrontFault:
    """What is wrong with a mapping, by its member and without its value."""
    first = error.errors(include_input=False, include_url=False, include_context=False)[0]
    place = ".".join(map(str, first["loc"])) or "mapping"
    return FrontFault(f"the mapping's {place}: {first['msg']}")
