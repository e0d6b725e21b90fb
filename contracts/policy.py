"""A contract compiled: which records its subscriber sees, and what it sees of them. Deny is the default.

`Policy.project` is the only maker of `Projected`, and nothing but a `Projected` is ever delivered.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, field
from typing import NoReturn, Protocol, TypeAlias, final

from contracts.model import Terms
from contracts.rows import All, AnyOf, Equals, In, Not, Prefix, Present, Rows, Scalar
from contracts.treatments import TREATMENTS, Treatment
from schemas.canonical import JsonObject, JsonValue
from schemas.slots import nest

Values: TypeAlias = tuple[JsonValue, ...]
# None is "cannot be told", because the slot is null. Only a plain True shows a record.
Test: TypeAlias = Callable[[Values], bool | None]

_MAKER = object()


class PolicyError(ValueError):
    """The terms do not fit the feed; nothing can be shown under them. The message names slots, never a value."""


class FeedShape(Protocol):
    """What a policy needs of a feed (schemas.catalog.Feed)."""

    @property
    def name(self) -> str: ...
    @property
    def schema_version(self) -> int: ...
    @property
    def slots(self) -> tuple[str, ...]: ...


@dataclass(frozen=True, slots=True)
class Source:
    """What the sender has of one record version. `values` stand in slot order; null in all but `status_reason` where
    the version is a withdrawal.
    """

    feed: str
    schema_version: int
    record_id: str
    status: str
    revision: int
    values: Values


@final
@dataclass(frozen=True, slots=True)
class Projected:
    """One record version as one contract shows it.

    `shown`: slots as they are. `treated`: slots in changed form. `hidden_paths`: every slot whose own value stays here,
    the treated ones included, in slot order.
    """

    feed: str
    schema_version: int
    record_id: str
    status: str
    revision: int
    shown: Mapping[str, JsonValue]
    treated: Mapping[str, JsonValue]
    hidden_paths: tuple[str, ...]
    maker: InitVar[object]

    def __post_init__(self, maker: object) -> None:
        if maker is not _MAKER:
            raise TypeError("only contracts.policy makes a Projected")

    def __init_subclass__(cls) -> None:
        raise TypeError("only contracts.policy makes a Projected")

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Projected is neither copied nor pickled; only contracts.policy makes one")

    @property
    def record(self) -> JsonObject:
        """The event's record: what always travels, and the shown fields nested (docs/format.md section 5)."""
        return {
            "feed": self.feed,
            "schema_version": self.schema_version,
            "record_id": self.record_id,
            "status": self.status,
            **nest({**self.shown, **self.treated}),
        }


@dataclass(frozen=True, slots=True)
class Projection:
    """What is shown of a record, and how. Contracts that show the same have equal ones, so what was made for the one
    need not be made again for the next.
    """

    feed: str
    schema_version: int
    shown: tuple[tuple[int, str], ...]
    treated: tuple[tuple[int, str, Treatment], ...]
    hidden: tuple[str, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Policy:
    """Made by `compile_policy`, once for each contract version."""

    terms: Terms
    feed: FeedShape
    projection: Projection = field(repr=False)
    _test: Test = field(repr=False)

    def sees(self, values: Values) -> bool:
        """Whether the row filter shows a listed or amended version. A withdrawal is never asked about (rule D5)."""
        return self._test(values) is True

    def project(self, source: Source) -> Projected:
        """What the contract shows of this version. Raises PolicyError for a record of another feed or version."""
        if (source.feed, source.schema_version) != (self.feed.name, self.feed.schema_version):
            raise PolicyError("the record is not of the contract's feed and schema version")
        if len(source.values) != len(self.feed.slots):
            raise PolicyError("the record does not have a value for each slot")
        values = source.values
        return Projected(
            feed=source.feed,
            schema_version=source.schema_version,
            record_id=source.record_id,
            status=source.status,
            revision=source.revision,
            shown={path: values[index] for index, path in self.projection.shown},
            treated={path: treat(values[index]) for index, path, treat in self.projection.treated},
            hidden_paths=self.projection.hidden,
            maker=_MAKER,
        )

    def shows_like(self, other: "Policy") -> bool:
        """Whether a record that both see looks the same under both, so that it need not be sent again (rule D6)."""
        return self.projection == other.projection


def compile_policy(terms: Terms, feed: FeedShape) -> Policy:
    """The policy of these terms over this feed.

    Raises PolicyError where a field, a treatment or the row filter names a slot that the feed does not have: a
    contract that cannot be carried out to the letter shows nothing.
    """
    if (terms.feed, terms.schema_version) != (feed.name, feed.schema_version):
        raise PolicyError("the contract is for another feed or schema version")
    index = {path: place for place, path in enumerate(feed.slots)}
    listed = frozenset(slot for path in terms.fields for slot in expand(path, feed.slots))
    for path in terms.treatments:
        if path not in listed:
            raise PolicyError(f"the treatment of {path} is for a slot that the contract does not list")
    shown = tuple(path for path in feed.slots if path in listed and path not in terms.treatments)
    return Policy(
        terms=terms,
        feed=feed,
        projection=Projection(
            feed.name,
            feed.schema_version,
            tuple((index[path], path) for path in shown),
            tuple((index[p], p, TREATMENTS[terms.treatments[p]]) for p in feed.slots if p in terms.treatments),
            tuple(path for path in feed.slots if path not in shown),
        ),
        _test=_compile(terms.rows, index),
    )


def expand(path: str, slots: Sequence[str]) -> tuple[str, ...]:
    """The slots that a listed path stands for: itself, or all columns of a list (`subject.identifiers[]`).

    Raises PolicyError where it stands for none.
    """
    found = tuple(slot for slot in slots if slot == path or (path.endswith("[]") and slot.startswith(f"{path}.")))
    if not found:
        raise PolicyError(f"{path} is no slot of the feed")
    return found


def named_slots(rows: Rows) -> Iterator[str]:
    """Every slot that a row filter names."""
    match rows:
        case All(all=parts) | AnyOf(any=parts):
            for part in parts:
                yield from named_slots(part)
        case Not(inner=inner):
            yield from named_slots(inner)
        case Equals() | In() | Prefix() | Present():
            yield rows.slot


def _compile(rows: Rows, index: Mapping[str, int]) -> Test:
    match rows:
        case All(all=parts):
            return _all([_compile(part, index) for part in parts])
        case AnyOf(any=parts):
            return _any([_compile(part, index) for part in parts])
        case Not(inner=inner):
            return _not(_compile(inner, index))
        case Equals() | In() | Prefix() | Present():
            if rows.slot not in index:
                raise PolicyError(f"the row filter names {rows.slot}, which is no slot of the feed")
            return _leaf(rows, index[rows.slot])


def _leaf(rows: Equals | In | Prefix | Present, place: int) -> Test:
    match rows:
        case Equals(equals=wanted):
            return _element(place, _one_of([wanted]))
        case In(values=wanted_values):
            return _element(place, _one_of(wanted_values))
        case Prefix(prefix=prefix):
            return _element(place, lambda value: isinstance(value, str) and value.startswith(prefix))
        case Present():
            return lambda values: _is_present(values[place])


def _one_of(wanted: Sequence[Scalar]) -> Callable[[JsonValue], bool]:
    # With the type, because to Python 1 equals True and in JSON it does not.
    typed = {(type(value), value) for value in wanted}
    return lambda value: isinstance(value, str | bool | int) and (type(value), value) in typed


def _element(place: int, holds: Callable[[JsonValue], bool]) -> Test:
    def test(values: Values) -> bool | None:
        value = values[place]
        if value is None:
            return None
        if not isinstance(value, list | tuple):
            return holds(value)
        if any(holds(one) for one in value):
            return True
        return None if None in value else False

    return test


def _is_present(value: JsonValue) -> bool:
    if isinstance(value, list | tuple):
        return any(one is not None for one in value)
    return value is not None


def _all(tests: Sequence[Test]) -> Test:
    def test(values: Values) -> bool | None:
        told: bool | None = True
        for one in tests:
            match one(values):
                case False:
                    return False
                case None:
                    told = None
        return told

    return test


def _any(tests: Sequence[Test]) -> Test:
    def test(values: Values) -> bool | None:
        told: bool | None = False
        for one in tests:
            match one(values):
                case True:
                    return True
                case None:
                    told = None
        return told

    return test


def _not(inner: Test) -> Test:
    def test(values: Values) -> bool | None:
        told = inner(values)
        return None if told is None else not told

    return test
