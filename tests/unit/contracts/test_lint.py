"""Every finding has its counter-example, and what is right has none."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from contracts import lint as lint_module
from contracts.lint import ANSWERED, EXPLAINED, MATCHED, lint
from contracts.load import load_agreement
from contracts.model import Terms
from contracts.policy import FeedShape, expand
from schemas.catalog import feed

AGREEMENTS = Path(lint_module.__file__).parent / "agreements"
RESTRICTIONS = AGREEMENTS / "restrictions-to-natural-resources.yaml"

Document = Callable[..., dict[str, Any]]
MakeTerms = Callable[..., Terms]


def effects(document: Document, **changes: object) -> dict[str, Any]:
    return {**document()["effects"], **changes}


def codes(terms: Terms, shape: FeedShape) -> list[str]:
    return [finding.code for finding in lint(terms, shape)]


CASES: list[tuple[str, str, dict[str, object], dict[str, object]]] = [
    # code, field, changes to the terms, changes to the effects
    ("wrong-feed", "feed", {"schema_version": 2}, {}),
    ("unknown-slot", "rows", {"rows": {"not": {"slot": "case.nmuber", "present": True}}}, {}),
    ("treatment-not-listed", "treatments.obligation", {"treatments": {"obligation": "mask"}}, {}),
    ("treatment-not-a-date", "treatments.case.court", {"treatments": {"case.court": "year"}}, {}),
    ("legal-basis-missing", "legal_basis", {"legal_basis": []}, {}),
    ("legal-basis-missing", "effects.legal_basis", {}, {"legal_basis": []}),
    ("treated-match-field", "treatments.subject.name", {"treatments": {"subject.name": "mask"}}, {}),
    ("treated-match-field", "treatments.published_on", {"treatments": {"published_on": "year"}}, {}),
    ("measure-unknown", "effects.measure", {}, {"measure": "pillory"}),
    ("measure-not-for-feed", "effects.measure", {}, {"measure": "spending-restriction"}),
    (
        "measure-not-for-subject",
        "effects.subjects",
        {},
        {"measure": "qualification-restriction", "subjects": ["person"]},
    ),
    ("measure-not-for-action", "effects.action", {}, {"action": ["tender", "school"]}),
    ("department-not-of-measure", "effects.executing_department", {}, {"executing_department": "somebody"}),
    (
        "legal-basis-not-of-measure",
        "effects.legal_basis.0",
        {},
        {"legal_basis": [{"law": "A law made up", "article": "1"}]},
    ),
    (
        "release-too-slow",
        "duties.release_within",
        {
            "duties": {
                "heartbeat_lease_seconds": 120,
                "receipt_within_minutes": 60,
                "release_within": "2 working days",
                "no_joining": True,
                "retention": {"content_days": 0, "proof_years": 3},
            }
        },
        {},
    ),
    ("period-too-long", "valid_until", {"valid_until": "2029-01-04"}, {}),
]


@pytest.mark.parametrize(("code", "field", "changes", "effect_changes"), CASES)
def test_a_finding(
    document: Document,
    terms: MakeTerms,
    debtors: FeedShape,
    code: str,
    field: str,
    changes: dict[str, object],
    effect_changes: dict[str, object],
) -> None:
    found = lint(terms(**changes, effects=effects(document, **effect_changes)), debtors)
    assert (code, field) in [(finding.code, finding.field) for finding in found]
    assert all(finding.text for finding in found)


def test_an_unknown_slot_among_the_fields(document: Document, terms: MakeTerms, debtors: FeedShape) -> None:
    assert codes(terms(fields=[*document()["fields"], "case.nmuber"]), debtors) == ["unknown-slot"]


def test_right_terms_have_no_finding(terms: MakeTerms, debtors: FeedShape) -> None:
    assert lint(terms(), debtors) == []
    assert lint(terms(valid_until="2029-01-03"), debtors) == []
    assert lint(terms(effects=None, review=None, fields=["case.number"]), debtors) == []


@pytest.mark.parametrize("slot", [*MATCHED["dishonest-debtor"], *EXPLAINED])
def test_m1_a_block_without_one_of_its_fields(
    document: Document, terms: MakeTerms, debtors: FeedShape, slot: str
) -> None:
    columns = [f"subject.identifiers[].{name}" for name in ("scheme", "value", "masked", "check")]
    fields = [path for path in document()["fields"] if path != "subject.identifiers[]"] + columns
    assert codes(terms(fields=fields), debtors) == []
    fields.remove(slot)
    assert codes(terms(fields=fields), debtors) == ["field-missing-for-block"]


@pytest.mark.parametrize("slot", [*MATCHED["consumption-restriction"], *EXPLAINED])
def test_a_block_by_an_order_needs_every_field_that_it_reads_or_that_explains_it(slot: str) -> None:
    agreed = load_agreement(RESTRICTIONS).terms
    shape = feed("consumption-restriction")
    fields = tuple(one for path in agreed.fields for one in expand(path, shape.slots) if one != slot)
    assert codes(agreed.model_copy(update={"fields": fields}), shape) == ["field-missing-for-block"]


def test_an_order_takes_no_measure_that_is_for_dishonest_debtors() -> None:
    agreed = load_agreement(RESTRICTIONS).terms
    assert agreed.effects is not None
    wrong = agreed.effects.model_copy(update={"measure": "tender-restriction"})
    assert "measure-not-for-feed" in codes(
        agreed.model_copy(update={"effects": wrong}), feed("consumption-restriction")
    )


@pytest.mark.parametrize("slot", ANSWERED["service-address"])
def test_an_answer_for_a_day_needs_every_field_that_it_is_worked_out_from(slot: str) -> None:
    agreed = load_agreement(AGREEMENTS / "addresses-from-bank.yaml").terms
    shape = feed("service-address")
    fields = tuple(one for path in agreed.fields for one in expand(path, shape.slots))
    assert codes(agreed.model_copy(update={"fields": fields}), shape) == []
    fewer = tuple(one for one in fields if one != slot)
    assert codes(agreed.model_copy(update={"fields": fewer}), shape) == ["field-missing-for-answer"]
    treated = agreed.model_copy(update={"treatments": {slot: "mask"}})
    assert "field-missing-for-answer" in codes(treated, shape)


def test_what_only_explains_may_be_treated(terms: MakeTerms, debtors: FeedShape) -> None:
    assert codes(terms(treatments={"case.court": "mask"}), debtors) == []


@pytest.mark.parametrize("name", ["judgment-debtor", "service-address", "control-request", "receipt"])
def test_m5_a_feed_that_never_blocks(terms: MakeTerms, name: str) -> None:
    shape = feed("receipt") if name == "receipt" else _Named(name)
    found = lint(terms(feed=name), shape)
    assert ("feed-never-blocks", "effects") in [(finding.code, finding.field) for finding in found]


class _Named:
    schema_version = 1
    slots = ("case.number",)

    def __init__(self, name: str) -> None:
        self.name = name


def test_every_code_that_the_docstring_names_has_a_case() -> None:
    documented = set((lint_module.lint.__doc__ or "").partition("Codes: ")[2].replace(".", "").replace(",", "").split())
    tested = {code for code, *_ in CASES}
    tested |= {"field-missing-for-block", "field-missing-for-answer", "feed-never-blocks"}
    assert tested == documented
