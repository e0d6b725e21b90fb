"""What the agent's calls take: strict JSON bodies, and what is told of one that is wrong. No value is ever repeated."""

from datetime import date
from typing import Annotated, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, StringConstraints, ValidationError

from gateway.errors import BadRequest
from schemas.canonical import CanonicalError, parse_strict


def _day(value: object) -> object:
    return date.fromisoformat(value) if isinstance(value, str) and len(value) == len("2026-01-31") else value


Day = Annotated[date | None, BeforeValidator(_day)]


class Body(BaseModel):
    """Exactly its members, each of its type."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, hide_input_in_errors=True)


class GivenIdentifier(Body):
    """`scheme` as in the records: cn-id, cn-uscc, cn-org, cn-reg, passport, ..."""

    scheme: Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9-]{1,31}$")]
    value: Annotated[str, StringConstraints(min_length=1, max_length=64)]


Given = TypeVar("Given", bound=Body)


def read_body(kind: type[Given], data: bytes, code: str, line: int | None = None) -> Given:
    """The body, or one line of it. Raises BadRequest under `code`, which names the members that are wrong."""
    place = "" if line is None else f"Line {line}: "
    try:
        return kind.model_validate(parse_strict(data))
    except CanonicalError as error:
        raise BadRequest(code, f"{place}{error}.") from None
    except ValidationError as error:
        known = [str(one["loc"][0]) for one in error.errors() if one["loc"] and one["type"] != "extra_forbidden"]
        wrong = ", ".join(sorted(set(known))) or "a member that is not known, or no object"
        raise BadRequest(code, f"{place}{'Missing' if line is None else 'missing'} or wrong: {wrong}.") from None
