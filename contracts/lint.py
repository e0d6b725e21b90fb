"""What is wrong with terms that can be read: each finding is a reason not to sign, and not to activate.

Beyond the model (contracts/model.py) this looks at the feed, the catalogue of measures and the law.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from contracts.measures import Measure, catalogue
from contracts.model import Effects, Terms
from contracts.policy import FeedShape, PolicyError, expand, named_slots
from schemas.catalog import IDENTIFIER_SLOTS, SUBJECT_SLOTS

# What the ladder of rules M1, M5 and M6 reads of a record, by feed. Without one of these nothing can be blocked
# rightly, or a block could not be explained to the person (PIPL Art 24). Where waivers are not seen, a purchase is
# stopped that the court approved.
MATCHED: Mapping[str, tuple[str, ...]] = {
    "dishonest-debtor": (
        "doubts",
        *SUBJECT_SLOTS,
        "grounds",
        "published_on",
        "listed_until",
    ),
    "consumption-restriction": (
        "doubts",
        "subjects[].kind",
        "subjects[].name",
        "subjects[].name_masked",
        "subjects[].identifiers",
        "subjects[].doubts",
        "waivers[].number",
        "waivers[].name",
        "waivers[].action",
        "waivers[].valid_from",
        "waivers[].valid_until",
        "published_on",
    ),
}
# Feeds that may block at all; a person merely under enforcement (`judgment-debtor`) never is (rule M5).
BLOCKING_FEEDS = frozenset(MATCHED)
# What a day's answer is worked out from (gateway/agent/addresses.py), and what a request to look or its answer may not
# lack: without one of these it would be another's, or nobody could be called.
ANSWERED: Mapping[str, tuple[str, ...]] = {
    "service-address": (
        *IDENTIFIER_SLOTS,
        "occasion",
        "effective_from",
        "effective_until",
    ),
    "control-officer": ("certificate", "name", "valid_from", "valid_until"),
    "control-request": (
        "number",
        "target",
        "subject.name",
        "subject.identifiers[].value",
        "documents[].kind",
        "documents[].digest",
        "officers[].name",
        "officers[].certificate",
        "contact.phone",
        "valid_from",
        "valid_until",
    ),
    "control-feedback": ("request.record_id", "answer", "reason", "occurred_at", "place"),
}
EXPLAINED = ("status_reason", "case.number", "case.court")

# Necessity is judged anew at least every three years, as long as an impact assessment is kept (PIPL Arts 6, 55, 56).
LONGEST_PERIOD = timedelta(days=3 * 366)

_DATED = ("_on", "_until", "_at")


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable, `field` is a path into the terms, `text` tells an official what to do."""

    code: str
    field: str
    text: str


Check: TypeAlias = Callable[[Terms, FeedShape], Iterator[Finding]]


def lint(terms: Terms, feed: FeedShape) -> list[Finding]:
    """Every finding, in the order of the terms' members; none means: fit to be signed.

    Codes: wrong-feed, unknown-slot, treatment-not-listed, treatment-not-a-date, legal-basis-missing, feed-never-blocks,
    field-missing-for-block, treated-match-field, field-missing-for-answer, measure-unknown, measure-not-for-feed,
    measure-not-for-subject, measure-not-for-action, department-not-of-measure, legal-basis-not-of-measure,
    release-too-slow, period-too-long.
    """
    return [finding for check in _CHECKS for finding in check(terms, feed)]


def _feed(terms: Terms, feed: FeedShape) -> Iterator[Finding]:
    if (terms.feed, terms.schema_version) != (feed.name, feed.schema_version):
        yield Finding("wrong-feed", "feed", f"The feed is {feed.name} in schema version {feed.schema_version}.")


def _slots(terms: Terms, feed: FeedShape) -> Iterator[Finding]:
    for path in terms.fields:
        try:
            expand(path, feed.slots)
        except PolicyError as error:
            yield Finding("unknown-slot", "fields", f"{error}; take it out or mend its spelling.")
    for path in named_slots(terms.rows):
        if path not in feed.slots:
            yield Finding("unknown-slot", "rows", f"{path} is no slot of the feed; mend the row filter.")


def _treatments(terms: Terms, feed: FeedShape) -> Iterator[Finding]:
    listed = _listed(terms, feed)
    for path, treatment in terms.treatments.items():
        if path not in listed:
            yield Finding("treatment-not-listed", f"treatments.{path}", "Only a listed slot can be treated.")
        if treatment == "year" and not path.endswith(_DATED):
            yield Finding("treatment-not-a-date", f"treatments.{path}", "Only a date has a year; it would be null.")


def _legal_basis(terms: Terms, _: FeedShape) -> Iterator[Finding]:
    if not terms.legal_basis:
        yield Finding("legal-basis-missing", "legal_basis", "Name the law and article that allow the sharing.")
    if terms.effects is not None and not terms.effects.legal_basis:
        yield Finding("legal-basis-missing", "effects.legal_basis", "Name the law and article of the measure.")


def _block(terms: Terms, feed: FeedShape) -> Iterator[Finding]:
    if terms.effects is None:
        return
    if terms.feed not in BLOCKING_FEEDS:
        yield Finding("feed-never-blocks", "effects", f"Nobody is blocked for being in {terms.feed}; set effects null.")
        return
    listed = _listed(terms, feed)
    matched = MATCHED[terms.feed]
    for path in (*matched, *EXPLAINED):
        if path not in listed:
            yield Finding("field-missing-for-block", "fields", f"A block needs {path}, to be right or to be explained.")
        elif path in terms.treatments and path in matched:
            yield Finding("treated-match-field", f"treatments.{path}", "Matching needs it as it is.")


def _answer(terms: Terms, feed: FeedShape) -> Iterator[Finding]:
    listed = _listed(terms, feed)
    for path in ANSWERED.get(terms.feed, ()):
        if path not in listed or path in terms.treatments:
            yield Finding("field-missing-for-answer", "fields", f"What the feed is for needs {path} as it is.")


def _measure(terms: Terms, _: FeedShape) -> Iterator[Finding]:
    if terms.effects is None:
        return
    measure = catalogue().find(terms.effects.measure)
    if measure is None:
        yield Finding("measure-unknown", "effects.measure", "Take a measure of contracts/measures.yaml.")
    else:
        yield from _fits(terms.feed, terms.effects, measure)


def _fits(feed: str, effects: Effects, measure: Measure) -> Iterator[Finding]:
    if feed not in measure.feeds:
        yield Finding("measure-not-for-feed", "effects.measure", f"It is for: {', '.join(measure.feeds)}.")
    for subject in effects.subjects:
        if subject not in measure.subjects:
            yield Finding("measure-not-for-subject", "effects.subjects", f"The law does not aim it at a {subject}.")
    for action in effects.action:
        if action not in measure.actions:
            yield Finding("measure-not-for-action", "effects.action", f"It does not cover {action}.")
    if effects.executing_department not in measure.executing_departments:
        departments = ", ".join(measure.executing_departments)
        yield Finding(
            "department-not-of-measure", "effects.executing_department", f"It is carried out by: {departments}."
        )
    allowed = {(basis.law, basis.article) for basis in measure.legal_basis}
    for place, basis in enumerate(effects.legal_basis):
        if (basis.law, basis.article) not in allowed:
            yield Finding(
                "legal-basis-not-of-measure",
                f"effects.legal_basis.{place}",
                "The catalogue gives the measure another basis; take that, or have the catalogue amended.",
            )


def _release(terms: Terms, _: FeedShape) -> Iterator[Finding]:
    if terms.effects is not None and terms.duties.release_within != "1 working day":
        yield Finding("release-too-slow", "duties.release_within", "The law gives 1 working day (Henan, Art 42).")


def _period(terms: Terms, _: FeedShape) -> Iterator[Finding]:
    if terms.valid_until - terms.valid_from > LONGEST_PERIOD:
        yield Finding("period-too-long", "valid_until", "Three years at most; then both parties agree anew.")


def _listed(terms: Terms, feed: FeedShape) -> frozenset[str]:
    listed: set[str] = set()
    for path in terms.fields:
        try:
            listed.update(expand(path, feed.slots))
        except PolicyError:
            continue  # `_slots` reports it
    return frozenset(listed)


_CHECKS: tuple[Check, ...] = (_feed, _slots, _treatments, _legal_basis, _block, _answer, _measure, _release, _period)
