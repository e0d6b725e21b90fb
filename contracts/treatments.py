"""How a listed slot is shown in changed form (脱敏). What a treatment cannot read becomes null, never the raw value."""

import re
from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

from schemas.canonical import JsonValue

Treatment: TypeAlias = Callable[[JsonValue], JsonValue]

_DATE = re.compile(r"([0-9]{4})-[0-9]{2}-[0-9]{2}(T.*)?", re.DOTALL)


def mask(value: JsonValue) -> JsonValue:
    """The first character and two stars, whatever the length: 王小明 becomes 王**. A lone character is starred too."""
    match value:
        case str():
            return f"{value[0] if len(value) > 1 else '*'}**" if value else None
        case list() | tuple():
            return [mask(one) for one in value]
        case _:
            return None


def year(value: JsonValue) -> JsonValue:
    """The year of a date, as text."""
    match value:
        case str():
            found = _DATE.fullmatch(value)
            return found[1] if found else None
        case list() | tuple():
            return [year(one) for one in value]
        case _:
            return None


TREATMENTS: Mapping[Literal["mask", "year"], Treatment] = {"mask": mask, "year": year}
