"""Slots (rule S1): a record as a fixed list of values, and back.

A path is dotted, `case.number`. A list of objects is one slot a column, `subject.identifiers[].value`, whose value is
the list of that column: a slot for each element would leak how many there are.
"""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import NamedTuple

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


def nest(values: Mapping[str, JsonValue]) -> JsonObject:
    """The record that holds exactly these slots. Columns of one list that are all null make the list null.

    Raises ValueError where the columns of one list differ in length, or where a path runs through a value.
    """
    record: JsonObject = {}
    columns: dict[tuple[str, ...], dict[str, JsonValue]] = {}
    for path, value in values.items():
        slot = parse_slot(path)
        if slot.column is None:
            _put(record, slot.keys, value)
        else:
            columns.setdefault(slot.keys, {})[slot.column] = value
    for keys, by_name in columns.items():
        _put(record, keys, _rows(by_name))
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


def _put(record: JsonObject, keys: Sequence[str], value: JsonValue) -> None:
    for key in keys[:-1]:
        inner = record.setdefault(key, {})
        if not isinstance(inner, dict):
            raise ValueError("a slot path runs through another slot's value")  # noqa: TRY004 - of the paths
        record = inner
    if keys[-1] in record:
        raise ValueError("two slot paths name one place")
    record[keys[-1]] = value


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
