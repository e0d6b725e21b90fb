"""Matching an application with a listed record, in grades (rules M1, M2, M5, M6).

`block` asks for everything: an identifier whose check passes on both sides, names that are present and equal, a kind
that fits, no doubt on the record, a listing that still runs. What falls short of that is for a person to look at
(`review`), or no more than a likeness (`note`), which decides nothing.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from enum import IntEnum
from typing import Final

from gateway.agent.listed import Listed, listed_in
from schemas.canonical import JsonValue
from schemas.identifiers import CORPORATE, PERSONAL, Identifier, birth_date, org_code_of, read_identifier
from schemas.names import name_key, read_name

ADULT_YEARS: Final = 18  # 失信 rules (法释〔2017〕7号) Art 4: minors are not listed
LONGEST_PERIOD_YEARS: Final = 5  # Art 2: two years, and at most three more
WITHOUT_PERIOD: Final = "able-but-refuses"  # Art 1 (1): stands until deleted
SEEN_AT_LEAST: Final = 6  # characters of a mask; fewer would fit half a county
CUT: Final = (10, 4)  # a masked citizen number whose stars were stripped: region and year, the last four


class Level(IntEnum):
    NONE = 0
    NOTE = 1
    REVIEW = 2
    BLOCK = 3


@dataclass(frozen=True, slots=True)
class Grade:
    """`code` says why; `key` is the scheme of the identifier that matched, never its value."""

    level: Level
    code: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Applicant:
    """Whom an application or a register row is about. `name` in its one spelling, empty where there is none."""

    name: str
    identifiers: tuple[Identifier, ...]
    born_on: date | None = None


NO_MATCH: Final = Grade(Level.NONE, "no-match")


def grade(applicant: Applicant, record: Mapping[str, JsonValue], today: date, subjects: Sequence[str]) -> Grade:
    """How far a live record bears on the applicant. `record` is nested as delivered; `today` is the date in China;
    `subjects` are the kinds that the contract's measure bears on.
    """
    grades = [_grade(applicant, record, listed, today, subjects) for listed in listed_in(record)]
    return max(grades, key=lambda one: (one.level, one != NO_MATCH), default=NO_MATCH)


def may_block(record: Mapping[str, JsonValue], about: Iterable[Listed], today: date, subjects: Sequence[str]) -> bool:
    """Whether the record `about` these could block anybody at all: it is worth looking up in the agency's register."""
    for listed in about:
        itself = Applicant(listed.name, tuple(one for one in listed.identifiers if not one.masked))
        if _grade(itself, record, listed, today, subjects).level is Level.BLOCK:
            return True
    return False


def _grade(
    applicant: Applicant, record: Mapping[str, JsonValue], listed: Listed, today: date, subjects: Sequence[str]
) -> Grade:
    """How far one subject of a record is the applicant, and what follows."""
    subject = listed.subject
    contact = _compare(applicant.identifiers, listed.identifiers)
    name = _compare_names(applicant.name, subject)
    if contact.key is None and name != "equal":
        return NO_MATCH
    if record.get("feed") not in _DOUBTS:
        return Grade(Level.NONE, "feed-never-blocks")  # rule M5: to be under enforcement is no ground for anything
    if _period_is_over(record, today):
        return Grade(Level.NONE, "period-over")
    kind = subject.get("kind")
    if kind in ("person", "organisation") and kind not in subjects:
        return Grade(Level.NONE, "measure-not-for-kind")
    if contact.key is None:
        return _likeness(applicant, listed.identifiers, contact)
    if name != "equal":
        return Grade(Level.REVIEW, f"name-{name}", contact.key.scheme)
    if contact.contradicts:
        return Grade(Level.REVIEW, "identifiers-contradict", contact.key.scheme)
    doubt = _doubt(record, listed, contact.key, today)
    if doubt is not None:
        return Grade(Level.REVIEW, doubt, contact.key.scheme)
    return Grade(Level.BLOCK, "identifier-and-name", contact.key.scheme)


def fits(mask: str, value: str) -> bool:
    """Whether a masked number can stand for a whole one: what is seen before and behind the stars is at its ends.

    The number of stars means nothing: one star may stand for several characters. The whole number's check is for the
    caller: it must pass, and so the mask is tested as exactly as its check character allows.
    """
    before, star, rest = mask.partition("*")
    if not star:
        before, behind = mask[: CUT[0]], mask[CUT[0] :]
        if len(mask) != sum(CUT):
            return False
    else:
        behind = rest.rpartition("*")[2]
        if len(before) + len(behind) < SEEN_AT_LEAST:
            return False
    return len(before) + len(behind) < len(value) and value.startswith(before) and value.endswith(behind)


@dataclass(frozen=True, slots=True)
class _Contact:
    """How two sets of identifiers meet: the record's identifier that is equal, one whose mask fits, a contradiction."""

    key: Identifier | None
    masked: Identifier | None
    contradicts: bool


def _compare(given: Sequence[Identifier], listed: Sequence[Identifier]) -> _Contact:
    key = masked = None
    contradicts = False
    for ours in given:
        for theirs in listed:
            if "fail" in (ours.check, theirs.check):
                continue  # never matches, and nothing is derived from it
            if ours.masked or theirs.masked:
                if ours.masked and theirs.masked:
                    continue  # two masks prove nothing either way
                mask, whole = (ours, theirs) if ours.masked else (theirs, ours)
                if whole.check != "pass" or mask.scheme not in (whole.scheme, "other"):
                    continue
                if fits(mask.value, whole.value):
                    masked = theirs
                elif mask.scheme == whole.scheme:
                    contradicts = True
            elif _code(ours) == _code(theirs):
                # The same organisation code under another credit code: one of the two is wrong or old.
                contradicts = contradicts or (ours.scheme == theirs.scheme and ours.value != theirs.value)
                weakest = min(ours, theirs, key=lambda one: one.check == "pass")
                key = key or Identifier(theirs.scheme, theirs.value, theirs.masked, weakest.check)
            elif _space(ours) == _space(theirs):
                contradicts = True
    return _Contact(key, masked, contradicts)


def _space(identifier: Identifier) -> str:
    """Credit codes and organisation codes name the same thing: GB 32100 holds GB 11714 in characters 9 to 17."""
    return "cn-org" if identifier.scheme == "cn-uscc" else identifier.scheme


def _code(identifier: Identifier) -> tuple[str, str]:
    value = identifier.value
    if identifier.scheme == "cn-uscc" and len(value) == 18 and identifier.check == "pass":
        value = org_code_of(value)
    return _space(identifier), value


def _compare_names(name: str, subject: Mapping[str, JsonValue]) -> str:
    """`equal`, `contradicts`, `absent` or `masked`."""
    listed = subject.get("name")
    if not isinstance(listed, str) or not listed or not name:
        return "absent"
    read = read_name(name)
    if subject.get("name_masked") is not False or (read is not None and read.masked):
        return "masked"
    # Most are spelt alike, and to bring two names into one spelling costs more than the rest of the comparison.
    return "equal" if name == listed or name_key(name) == name_key(listed) else "contradicts"


def _likeness(applicant: Applicant, listed: Sequence[Identifier], contact: _Contact) -> Grade:
    """The names are equal and no identifier is (rule M2)."""
    if contact.contradicts:
        return Grade(Level.NOTE, "namesake")
    if contact.masked is not None:
        return Grade(Level.REVIEW, "mask-and-name", contact.masked.scheme)
    if applicant.born_on is not None and f"{applicant.born_on:%Y%m%d}" in map(birth_shown, listed):
        return Grade(Level.REVIEW, "birth-date-and-name", "birth-date")
    return Grade(Level.NOTE, "name-alone")


def birth_shown(identifier: Identifier) -> str | None:
    """The birth date that a listed citizen number shows, masked behind it or not: 19800131."""
    seen = identifier.value.partition("*")[0][6:14]
    return (
        seen if identifier.scheme == "cn-id" and identifier.check != "fail" and len(seen) == len("19800131") else None
    )


def _doubt(record: Mapping[str, JsonValue], listed: Listed, key: Identifier, today: date) -> str | None:
    """Why an equal identifier with an equal name must not block by itself; None where nothing speaks against it."""
    kind = listed.subject.get("kind")
    if key.scheme == "passport":
        return "issuing-country-missing"  # records do not say which country issued it
    if not _passes(key):
        return "identifier-unchecked"
    if kind not in ("person", "organisation"):
        return "kind-unknown"
    if (kind == "person") != (key.scheme in PERSONAL) or (kind == "organisation") != (key.scheme in CORPORATE):
        return "kind-contradicts"
    if listed.doubts is None:
        return "field-missing"
    if listed.doubts:
        return "record-doubtful"
    published_on = _day(record.get("published_on"))
    if published_on is None:
        return "field-missing"
    born_on = birth_date(key)
    if born_on is not None and published_on < _anniversary(born_on, ADULT_YEARS):
        return "minor"
    return _DOUBTS[str(record["feed"])](record, published_on, today)


def _listing_doubt(record: Mapping[str, JsonValue], published_on: date, today: date) -> str | None:
    """失信: how long it runs depends on its grounds, and on a period where it has one."""
    if "listed_until" not in record or not isinstance(record.get("grounds"), list):
        return "field-missing"
    if record["listed_until"] is None and _may_have_lapsed(record, published_on, today):
        return "ask-the-court"
    if record["listed_until"] is not None and _day(record["listed_until"]) is None:
        return "field-missing"
    return None


def _order_doubt(record: Mapping[str, JsonValue], _published_on: date, _today: date) -> str | None:
    """限制消费: it stands until it is lifted, but who cannot see its waivers would block what the court approved."""
    return None if isinstance(record.get("waivers"), list) else "field-missing"


# The feeds that may block at all, each with what else must be sure before it does.
_DOUBTS: Final[Mapping[str, Callable[[Mapping[str, JsonValue], date, date], str | None]]] = {
    "dishonest-debtor": _listing_doubt,
    "consumption-restriction": _order_doubt,
}


def _passes(identifier: Identifier) -> bool:
    """The check again, on the value itself: what a record says of its own check is not enough to block."""
    if identifier.check != "pass":
        return False
    try:
        return read_identifier(identifier.value) == identifier
    except ValueError:  # a placeholder: codes of zeros pass their checks
        return False


def _period_is_over(record: Mapping[str, JsonValue], today: date) -> bool:
    """To the day: on the last day of its period a listing still stands."""
    listed_until = _day(record.get("listed_until"))
    return listed_until is not None and today > listed_until


def _may_have_lapsed(record: Mapping[str, JsonValue], published_on: date, today: date) -> bool:
    """Rule M6: without a period on record, no listing but that of ground 1 can run for more than five years."""
    grounds = record["grounds"]
    if isinstance(grounds, list) and WITHOUT_PERIOD in grounds:
        return False
    return today >= _anniversary(published_on, LONGEST_PERIOD_YEARS)


def _anniversary(day: date, years: int) -> date:
    try:
        return day.replace(year=day.year + years)
    except ValueError:  # 29 February
        return date(day.year + years, 3, 1)


def _day(value: JsonValue) -> date | None:
    try:
        return date.fromisoformat(value) if isinstance(value, str) else None
    except ValueError:
        return None
