"""A row of the table of key sets: one published shape of a record of one feed, and what its keys say."""

from collections.abc import Callable, Mapping
from dataclasses import KW_ONLY, dataclass, field
from typing import Generic, TypeVar

from adapters.feeds.fields import Keys
from adapters.feeds.removal import States
from schemas.canonical import JsonObject

S_co = TypeVar("S_co", covariant=True)  # what a row makes of a record


@dataclass(frozen=True, slots=True, eq=False)
class Shape(Generic[S_co]):
    """A row. `known` are all keys that may be there, `ignored` those of them that say nothing about the debtor.

    `case_number` and `names` are where a withdrawal says which record it means: the first that holds anything counts.
    Of numbers with a fraction only `amounts` can be such; under a key of `identifiers` its digits are lost.
    `telling`: one key of each of these sets must be there as well as those `required`.
    `only`: where one of these keys is there, it must hold one of these values; aggregators put all lists in one form.
    `states`: keys that say by one of these values whether the debtor is off the list.
    `free_text`: where people write sentences, and programs leave quotes open.
    """

    feed: str
    name: str
    required: frozenset[str]
    known: frozenset[str]
    said: Callable[[JsonObject], S_co]
    _: KW_ONLY
    case_number: Keys
    names: Keys
    identifiers: Keys = ()
    amounts: frozenset[str] = frozenset()
    free_text: Keys = ()
    telling: tuple[frozenset[str], ...] = ()
    ignored: frozenset[str] = frozenset()
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    states: States = field(default_factory=dict)
