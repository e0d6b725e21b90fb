"""Which keys of a family say what: a row of words, read by one function for all families."""

import re
from dataclasses import dataclass, field, fields
from functools import lru_cache

import orjson

from adapters.feeds.labels import AGAIN
from adapters.feeds.said import Said, SaidIdentifier, SaidPerson, WrongValue, text
from adapters.feeds.vocabulary import SCHEMES, read_grounds, read_performance
from schemas.canonical import JsonObject, JsonValue
from schemas.names import read_name
from schemas.withdrawal_reasons import RESUMED

HEAD_OF_UNIT = "法定代表人或者负责人"  # the label of zxgk's `businessEntity`
_NAME, _ROLE, _NUMBER = ("iname", "name"), ("corporationtypename", "role"), ("cardNum", "cardnum", "code")

# Shanghai writes two things in one: a unit and its head, a court and its telephone.
_NAME_AND_HEAD = re.compile("(.+?)[（(]法定代表人[：:](.*?)[）)]")
_BEHIND_COURT = re.compile(r"\s{2,}[\d\s、,;()（）-]+$")

Keys = tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fields:
    """For each thing that is said the keys that may say it: the first that holds anything counts.

    All `identifiers` count. `responsible` is a list of people, `head` the name of one.
    """

    case_number: Keys
    name: Keys = ()
    identifiers: Keys = ()
    scheme: Keys = ()
    age: Keys = ()
    sex: Keys = ()
    birth_year: Keys = ()
    head: Keys = ()
    responsible: Keys = ()
    court: Keys = ()
    province: Keys = ()
    filed_on: Keys = ()
    basis: Keys = ()
    issuer: Keys = ()
    obligation: Keys = ()
    performance: Keys = ()
    performed: Keys = ()
    unperformed: Keys = ()
    grounds: Keys = ()
    published_on: Keys = ()
    listed_until: Keys = ()
    state: Keys = ()
    record: Keys = ()

    all: frozenset[str] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        keys = frozenset(key for one in fields(self) if one.init for key in getattr(self, one.name))
        object.__setattr__(self, "all", keys)


def said_with(words: Fields, system: str, record: JsonObject) -> Said:
    """What the record says under these keys. Raises `WrongValue` where a field holds what it cannot."""
    words = _present(words, words.all.intersection(record))
    issuer, name, head = (first_text(record, keys) for keys in (words.issuer, words.name, words.head))
    if "法定代表人" in name and (found := _NAME_AND_HEAD.fullmatch(name.strip())):
        name, head = found[1], head or found[2]
    responsible = responsible_people(_first(record, words.responsible), head)
    return Said(
        system=system,
        record=first_text(record, words.record) or first_text(record, ("md5", "_id")),
        case_number=first_text(record, words.case_number),
        name=name,
        identifiers=_identifiers(record, words),
        age=first_text(record, words.age),
        sex=first_text(record, words.sex),
        court=_BEHIND_COURT.sub("", first_text(record, words.court)),
        province=first_text(record, words.province),
        filed_on=_first(record, words.filed_on),
        basis=bases(_first(record, words.basis), issuer),
        obligation=first_text(record, words.obligation),
        performance=read_performance(first_text(record, words.performance)),
        performed=first_text(record, words.performed),
        unperformed=first_text(record, words.unperformed),
        grounds=read_grounds(first_text(record, words.grounds)),
        published_on=_first(record, words.published_on),
        responsible=responsible,
        unit_fields=bool(responsible),
        birth_year=_year(first_text(record, words.birth_year)),
        listed_until=_first(record, words.listed_until),
        status_reason=RESUMED if first_text(record, words.state).strip() in AGAIN else None,
    )


@lru_cache(maxsize=1000)
def _present(words: Fields, keys: frozenset[str]) -> Fields:
    """The same without the keys that are not there: a list has a few of the many ways to write a heading."""
    kept = {one.name: getattr(words, one.name) for one in fields(words) if one.init}
    return Fields(**{name: tuple(key for key in known if key in keys) for name, known in kept.items()})


def first_text(record: JsonObject, keys: Keys) -> str:
    """The first of these keys that holds any text. Raises `WrongValue`."""
    for key in keys:
        if found := text(record, key):
            return found
    return ""


def _first(record: JsonObject, keys: Keys) -> JsonValue:
    return next((value for key in keys if (value := record.get(key)) not in (None, "")), None)


def _identifiers(record: JsonObject, words: Fields) -> tuple[SaidIdentifier, ...]:
    scheme = SCHEMES.get(first_text(record, words.scheme).strip())
    return tuple(SaidIdentifier(found, scheme) for key in words.identifiers if (found := text(record, key)))


def _year(said: str) -> int | None:
    said = said.strip().removesuffix("年")
    return int(said) if len(said) == 4 and said.isascii() and said.isdigit() and said > "1850" else None


def bases(numbers: JsonValue, issuer: str) -> tuple[tuple[str, str], ...]:
    """The documents that are enforced: one number, or a list of them. Raises `WrongValue`."""
    numbers = unpacked(numbers)
    if not isinstance(numbers, list):
        return ((text({"basis": numbers}, "basis"), issuer),)
    if not all(isinstance(number, str) for number in numbers):
        raise WrongValue("basis")
    return tuple((str(number), issuer) for number in numbers)


def unpacked(value: JsonValue) -> JsonValue:
    """A list that stands as JSON in the cell of a table; any other value as it is."""
    if not isinstance(value, str) or not value.startswith("["):
        return value
    try:
        found: JsonValue = orjson.loads(value)
    except orjson.JSONDecodeError:
        return value
    return found


def responsible_people(listed: JsonValue, head: str) -> tuple[SaidPerson, ...]:
    """A unit's responsible persons, and its head where that list does not name the same person. Raises `WrongValue`."""
    listed = unpacked(listed)
    people: list[SaidPerson] = []
    if isinstance(listed, str):
        people += [SaidPerson(name, "", ()) for name in listed.replace("，", ",").replace("、", ",").split(",")]
    elif listed is not None:
        if not isinstance(listed, list):
            raise WrongValue("responsible")
        for one in listed:
            if not isinstance(one, dict):
                raise WrongValue("responsible")
            number = SaidIdentifier(first_text(one, _NUMBER))
            people.append(SaidPerson(first_text(one, _NAME), first_text(one, _ROLE), (number,)))
    if (name := read_name(head)) and all(name != read_name(one.name) for one in people):
        people.append(SaidPerson(name.value, HEAD_OF_UNIT, ()))
    return tuple(one for one in people if read_name(one.name))
