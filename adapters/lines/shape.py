"""Rows of the line as tables: which values a row has, which it must have, and which rows are in it.

A bank's rows keep their values in attributes, a registry's in elements. A name of the line's own form that stands in no
table is text: versions of the specification add some, and the institution needs to see them.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from adapters.lines.coding import Coding
from adapters.lines.values import Spec, read_value, write_value
from adapters.lines.xml import Element
from schemas.canonical import JsonObject, JsonValue
from schemas.line import LineFault

NAME: Final = re.compile(r"[A-Z][A-Z0-9]{0,19}")
MOST_ROWS: Final = 10_000


@dataclass(frozen=True, slots=True)
class Shape:
    """`name` is a row's element, `values` what is more than text. `known` are all names that may be written, any where
    it is None. `lists`: the element around rows -> the rows.
    """

    name: str
    values: Mapping[str, Spec] = field(default_factory=dict)
    required: tuple[str, ...] = ()
    known: frozenset[str] | None = None
    lists: "Mapping[str, Shape]" = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Style:
    """Where a row's values stand, and how they are coded."""

    where: Literal["attributes", "elements"]
    coding: Coding

    def read(self, shape: Shape, element: Element) -> JsonObject:
        """The row, without what says nothing. Raises LineFault."""
        row: JsonObject = {}
        seen: set[str] = set()
        for name, text in self._values(shape, element):
            if name in seen:
                raise LineFault("field-twice", name)
            seen.add(name)
            if value := read_value(shape.values.get(name, "text"), self.coding.decode(text, name), name):
                row[name] = value
        for around, inner in shape.lists.items():
            if found := [one for part in _all(element, around) for one in _all(part, inner.name)]:
                row[inner.name] = [self.read(inner, one) for one in found]
        _require(shape, row)
        return row

    def write(self, shape: Shape, row: JsonObject) -> Element:
        """Names in their alphabetical order, so that the same row is the same bytes. Raises LineFault."""
        element = Element(shape.name)
        inner = {one.name: (around, one) for around, one in shape.lists.items()}
        for name in sorted(row.keys() - inner.keys()):
            if not NAME.fullmatch(name) or (shape.known is not None and name not in shape.known):
                raise LineFault("unknown-field", shape.name)  # not the name: who writes a wrong one may write a value
            self._put(element, name, write_value(shape.values.get(name, "text"), row[name], name))
        for name in sorted(row.keys() & inner.keys()):
            around, of = inner[name]
            rows = [self.write(of, one) for one in rows_of(row[name], of.name)]
            element.children.append(Element(around, children=rows))
        _require(shape, row)
        return element

    def value(self, element: Element, name: str) -> str:
        """One value of an element, whatever case its name is in; empty where there is none. Raises LineFault."""
        if self.where == "elements":
            found = element.child(name)
            return "" if found is None else self.coding.decode(found.text, name)
        for written, text in element.attributes.items():
            if written.lower() == name.lower():
                return self.coding.decode(text, name)
        return ""

    def _values(self, shape: Shape, element: Element) -> Iterator[tuple[str, str]]:
        if self.where == "attributes":
            pairs = list(element.attributes.items())
        else:
            pairs = [(one.name, one.text) for one in element.children if one.name not in shape.lists]
        for written, text in pairs:
            name = written.upper()
            if not NAME.fullmatch(name):
                raise LineFault("unknown-field", shape.name)
            yield name, text

    def _put(self, element: Element, name: str, value: str) -> None:
        coded = self.coding.encode(value, name)
        if self.where == "attributes":
            element.attributes[name] = coded
        else:
            element.children.append(Element(name, text=coded))


def rows_of(value: JsonValue, name: str) -> list[JsonObject]:
    """Raises LineFault (`answer-unreadable`) where the value is no list of objects."""
    if not isinstance(value, list) or len(value) > MOST_ROWS:
        raise LineFault("answer-unreadable", name)
    rows = [one for one in value if isinstance(one, dict)]
    if len(rows) != len(value):
        raise LineFault("answer-unreadable", name)
    return rows


def _all(element: Element, name: str) -> list[Element]:
    return [one for one in element.children if one.name.lower() == name.lower()]


def _require(shape: Shape, row: JsonObject) -> None:
    for name in shape.required:
        if row.get(name) in {None, ""}:
            raise LineFault("field-missing", name)
