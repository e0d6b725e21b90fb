"""Slots (rule S1): a record as a fixed list of values, and back.

A path is dotted, `case.number`. A list of objects is one slot a column, `subject.identifiers[].value`, whose value is
the list of that column: a slot for each element would leak how many there are.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from schemas.canonical import JsonObject, JsonValue


class Slot(NamedTuple):
    """A parsed path. `keys` leads to the value, or to the list where `column` names a member of each element."""

    path: str
    keys: tuple[str, ...]
    column: str | None


@lru_cache(maxsize=1024)
def parse_slot(path: str) -> Slot:
    """Raises ValueError unless the path is dotted names, with at most one `[]` before the last."""
    stem, mark, column = path.partition("[].")
    keys = tuple(stem.split("."))
    if not all(keys) or "[" in stem or (mark and (not column or "." in column or "[" in column)):
        raise ValueError("not a slot path")
    return Slot(path, keys, column if mark else None)


def flatten(record: JsonObject, paths: Sequence[str]) -> dict[str, JsonValue]:
    """The value of each path, in order; an absent one is null."""
    return {path: _find(record, parse_slot(path)) for path in paths}


@dataclass(frozen=True, slots=True)
class Columns:
    """A list of objects: the slot path behind each member."""

    paths: dict[str, str]


# The members of a record, or of an object in it, with the slot path behind each.
Form: TypeAlias = dict[str, "str | Columns | Form"]


@lru_cache(maxsize=1024)
def form(paths: tuple[str, ...]) -> Form:
    """What a record with exactly these slots looks like, worked out once for all records that one contract shows.

    Raises ValueError where a path runs through another slot, or two name one place.
    """
    whole: Form = {}
    for path in paths:
        slot = parse_slot(path)
        place = whole
        for key in slot.keys[:-1]:
            inner = place.setdefault(key, {})
            if not isinstance(inner, dict):
                raise ValueError("a slot path runs through another slot's value")  # noqa: TRY004 - of the paths
            place = inner
        last, standing = slot.keys[-1], place.get(slot.keys[-1])
        if slot.column is None and standing is None:
            place[last] = path
        elif slot.column is not None and isinstance(standing, Columns | None):
            place[last] = Columns({**(standing.paths if standing else {}), slot.column: path})
        else:
            raise ValueError("two slot paths name one place")
    return whole


def nest(values: Mapping[str, JsonValue]) -> JsonObject:
    """The record that holds exactly these slots. Columns of one list that are all null make the list null.

    Raises ValueError where the columns of one list differ in length, and as `form`.
    """
    return _nested(form(tuple(values)), values)


def _nested(members: Form, values: Mapping[str, JsonValue]) -> JsonObject:
    record: JsonObject = {}
    for key, inner in members.items():
        if type(inner) is str:
            record[key] = values[inner]
        elif isinstance(inner, Columns):
            record[key] = _rows({column: values[path] for column, path in inner.paths.items()})
        elif isinstance(inner, dict):
            record[key] = _nested(inner, values)
    return record


def _find(record: JsonObject, slot: Slot) -> JsonValue:
    value: JsonValue = record
    for key in slot.keys:
        if not isinstance(value, Mapping):
            return None
        value = value.get(key)
    if slot.column is None or value is None:
        return value
    if isinstance(value, str) or not isinstance(value, Sequence):
        return None
    return [element.get(slot.column) if isinstance(element, Mapping) else None for element in value]


def _rows(columns: Mapping[str, JsonValue]) -> JsonValue:
    if all(column is None for column in columns.values()):
        return None
    lists: list[Sequence[JsonValue]] = []
    for column in columns.values():
        if isinstance(column, str) or not isinstance(column, Sequence):
            raise ValueError("a column of a list is not a list")  # noqa: TRY004 - of the values
        lists.append(column)
    if len({len(column) for column in lists}) > 1:
        raise ValueError("the columns of one list differ in length")
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
