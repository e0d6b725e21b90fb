"""A feed like the real one, terms that are right, and records whose every value can be told from any other."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from contracts.model import Terms
from contracts.policy import Source
from schemas.canonical import JsonValue


@dataclass(frozen=True)
class Shape:
    name: str
    schema_version: int
    slots: tuple[str, ...]


DEBTORS = Shape(
    "dishonest-debtor",
    1,
    (
        "status_reason",
        "doubts",
        "subject.kind",
        "subject.name",
        "subject.name_masked",
        "subject.identifiers[].scheme",
        "subject.identifiers[].value",
        "subject.identifiers[].masked",
        "subject.identifiers[].check",
        "responsible_persons[].name",
        "responsible_persons[].role",
        "case.number",
        "case.court",
        "case.filed_on",
        "obligation",
        "performance",
        "grounds",
        "published_on",
        "listed_until",
    ),
)

BLOCKING = {
    "id": "debtors-to-somebody",
    "version": 1,
    "feed": "dishonest-debtor",
    "schema_version": 1,
    "title": "An agreement",
    "provider": {"party": "some-court", "keys": ["A" * 43]},
    "subscriber": {"party": "some-agency", "keys": ["E" * 43]},
    "purpose": "to keep debtors out of tenders",
    "legal_basis": [{"law": "Provisions on the list", "article": "8"}],
    "fields": [
        "subject.kind",
        "subject.name",
        "subject.name_masked",
        "subject.identifiers[]",
        "doubts",
        "grounds",
        "published_on",
        "listed_until",
        "case.number",
        "case.court",
        "status_reason",
    ],
    "treatments": {},
    "rows": {"all": []},
    "effects": {
        "measure": "tender-restriction",
        "action": ["tender"],
        "subjects": ["organisation"],
        "legal_basis": [{"law": "最高人民法院关于公布失信被执行人名单信息的若干规定", "article": "第八条"}],
        "executing_department": "公共资源交易监督管理部门",
        "contact": "the court's enforcement office",
        "explanation": "on the list",
    },
    "duties": {
        "heartbeat_lease_seconds": 120,
        "receipt_within_minutes": 60,
        "release_within": "1 working day",
        "no_joining": True,
        "retention": {"content_days": 0, "proof_years": 3},
    },
    "on_stale": "closed",
    "on_end": "release",
    "review": {"due_working_days": 3, "lapses_to": "clear"},
    "valid_from": "2026-01-01",
    "valid_until": "2028-12-31",
}


@pytest.fixture(scope="session")
def debtors() -> Shape:
    return DEBTORS


@pytest.fixture(scope="session")
def document() -> Callable[..., dict[str, Any]]:
    """The members of terms that lint finds nothing in, with changes. A change to ... takes the member out."""

    def make(**changes: object) -> dict[str, Any]:
        return {name: value for name, value in {**BLOCKING, **changes}.items() if value is not ...}

    return make


@pytest.fixture(scope="session")
def terms(document: Callable[..., dict[str, Any]]) -> Callable[..., Terms]:
    def make(**changes: object) -> Terms:
        return Terms.model_validate(document(**changes))

    return make


@pytest.fixture(scope="session")
def source() -> Callable[..., Source]:
    def make(values: tuple[JsonValue, ...], status: str = "listed") -> Source:
        return Source(DEBTORS.name, DEBTORS.schema_version, "record-1", status, 1, values)

    return make
