"""Contracts and parties as files: YAML that an official reads, strict enough to be signed."""

from pathlib import Path
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from contracts.measures import catalogue
from contracts.model import SignedContract, Slug, Text
from contracts.strict_yaml import YamlError, read_mapping

M = TypeVar("M", bound=BaseModel)

Role = Literal["provider", "subscriber", "gateway"]


class ContractFileError(ValueError):
    """A contract's or a party's file cannot be used. The message says where and why, and repeats no value."""


class PartyName(BaseModel):
    """A party's name (名称) in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    zh: Text
    en: Text


class Party(BaseModel):
    """A court, an agency or the gateway's operator (当事方), with its public keys (docs/format.md section 8)."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    id: Slug
    name: PartyName
    roles: Annotated[tuple[Role, ...], Field(min_length=1)]
    contact: Text
    keys: tuple[dict[str, str | None], ...]


def load_agreement(path: Path) -> SignedContract:
    """The agreement of a YAML file: the members of the terms, and `signatures` where it is signed.

    Raises ContractFileError; also where the measure does not stand in the catalogue in force. That the signatures hold
    is checked by who takes the contract up, not here.
    """
    members = _read(path)
    signatures = members.pop("signatures", [])
    signed = _validated(path, SignedContract, {"terms": members, "signatures": signatures})
    effects = signed.terms.effects
    if effects is not None and catalogue().find(effects.measure) is None:
        raise ContractFileError(f"{path.name}: effects.measure is not in the catalogue of measures in force")
    return signed


def load_party(path: Path) -> Party:
    """The party of a YAML file. Raises ContractFileError."""
    return _validated(path, Party, _read(path))


def _read(path: Path) -> dict[str, object]:
    try:
        return read_mapping(path)
    except YamlError as error:
        raise ContractFileError(f"{path.name}: {error}") from None
    except OSError as error:
        raise ContractFileError(f"{path.name}: cannot be read ({error.strerror})") from None


def _validated(path: Path, model: type[M], members: object) -> M:
    try:
        return model.model_validate(members)
    except ValidationError as error:
        found = error.errors(include_url=False, include_input=False, include_context=False)
        where = "; ".join(f"{'.'.join(str(part) for part in one['loc'])}: {one['msg']}" for one in found[:5])
        raise ContractFileError(f"{path.name}: {where}") from None
