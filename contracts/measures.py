"""The catalogue of measures (惩戒措施清单): what may be done to a listed subject, by whom, and under which law.

A measure must come from it, with its legal basis, its kinds of subject and its executing department; one edition is in
force, `contracts/measures.yaml`.
"""

from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StrictInt, model_validator

from contracts.model import Code, Day, LegalBasis, Text
from contracts.strict_yaml import read_mapping

CATALOGUE = Path(__file__).with_name("measures.yaml")


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Basis(LegalBasis):
    """`checked`: the article was compared with the law's official text."""

    checked: StrictBool


class Measure(_Part):
    """One measure (措施): for which feeds and kinds of subject, on which applications, by which departments."""

    code: Code
    title: Text
    feeds: Annotated[tuple[Code, ...], Field(min_length=1)]
    subjects: Annotated[tuple[Literal["person", "organisation"], ...], Field(min_length=1)]
    actions: Annotated[tuple[Code, ...], Field(min_length=1)]
    executing_departments: Annotated[tuple[Text, ...], Field(min_length=1)]
    legal_basis: Annotated[tuple[Basis, ...], Field(min_length=1)]


class Catalogue(_Part):
    """One edition (版次) of the catalogue."""

    edition: Annotated[StrictInt, Field(ge=1)]
    in_force_from: Day
    measures: tuple[Measure, ...]

    @model_validator(mode="after")
    def _codes_stand_once(self) -> "Catalogue":
        if len({measure.code for measure in self.measures}) != len(self.measures):
            raise ValueError("a measure stands twice")
        return self

    def find(self, code: str) -> Measure | None:
        return next((measure for measure in self.measures if measure.code == code), None)


@cache
def catalogue() -> Catalogue:
    """The edition in force."""
    return Catalogue.model_validate(read_mapping(CATALOGUE))
