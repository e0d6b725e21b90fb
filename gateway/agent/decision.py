"""A decision (决定) on one application, and what is said with it (rule M3, PIPL Art 24)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from typing import Final, Literal

from contracts.model import Review, Terms
from gateway.agent.marks import Dispute
from gateway.agent.match import Grade
from gateway.agent.outgoing import order
from gateway.agent.records import Live
from schemas.canonical import JsonObject, JsonValue

Outcome = Literal["clear", "review", "block", "unknown"]

EXPLANATIONS: Final[Mapping[str, str]] = {
    "identifier-and-name": "The identifier and the name are those of {listed}.",
    "name-contradicts": "The identifier is that of {listed}, the name is another.",
    "name-absent": "The identifier is that of {listed}; a name is missing.",
    "name-masked": "The identifier is that of {listed}; a name is masked.",
    "identifiers-contradict": "One identifier is that of {listed}, another one contradicts it.",
    "identifier-unchecked": "The identifier is that of {listed}, but it has no check that holds.",
    "issuing-country-missing": "The passport number is that of {listed}; its country is not on record.",
    "kind-unknown": "The record does not tell whether the debtor is a person or an organisation.",
    "kind-contradicts": "The record's identifier does not fit the debtor's kind.",
    "record-doubtful": "The court's record carries a warning.",
    "field-missing": "A field that the decision needs is not on record.",
    "minor": "The debtor was under 18 on the day of publication; ask the court.",
    "ask-the-court": "Published five years ago without a period on record; ask the court whether it still stands.",
    "mask-and-name": "The name is equal and the masked identifier fits.",
    "birth-date-and-name": "The name and the birth date are equal.",
    "waived": "The court has approved this one purchase; it passes, and the order stands.",
    "kill-switch": "Automatic blocking is switched off at this agency.",
}
LISTED: Final[Mapping[str, str]] = {
    "dishonest-debtor": "a listed debtor",
    "consumption-restriction": "one whom a court's order restricts",
}
ORDER_GROUND: Final = "被采取限制消费措施"
GROUNDS: Final[Mapping[str, str]] = {
    "able-but-refuses": "有履行能力而拒不履行生效法律文书确定义务",
    "obstructs": "以伪造证据、暴力、威胁等方法妨碍、抗拒执行",
    "evades": "以虚假诉讼、虚假仲裁或者以隐匿、转移财产等方法规避执行",
    "property-report": "违反财产报告制度",
    "consumption-order": "违反限制消费令",
    "settlement": "无正当理由拒不履行执行和解协议",
    "other": "其他",
}
SATURDAY: Final = 5


@dataclass(frozen=True, slots=True)
class ListVersion:
    """How far the list was applied at the decision. `age_seconds`: since it was last known to be complete."""

    contract: str
    contract_version: int
    cause: int
    bulk: int
    priority: int
    age_seconds: int


@dataclass(frozen=True, slots=True)
class Reason:
    """One record that bears on the application. `key` is the scheme that matched, never the value. `waiver`: the number
    of the court's approval that lets the application pass this order. `disputed`: the agency's objection, which changes
    nothing.
    """

    code: str
    explanation: str
    key: str | None
    record_id: str
    contract: str
    case_number: str | None
    court: str | None
    contact: str
    ground: str
    legal_basis: str
    published_on: str | None
    expires_on: str | None
    waiver: str | None = None
    disputed: Dispute | None = None


@dataclass(frozen=True, slots=True)
class ReviewDuty:
    """What a person has to do, by when, whether the business goes on meanwhile, and what happens if nobody looks."""

    proceed: bool
    due_on: str
    on_lapse: str


@dataclass(frozen=True, slots=True)
class Decision:
    """`cause` says why it is unknown, and then `business` whether to go on: `open` or `closed`."""

    decision: Outcome
    list: ListVersion | None
    reasons: tuple[Reason, ...] = ()
    measure: str | None = None
    review: ReviewDuty | None = None
    cause: str | None = None
    business: Literal["open", "closed"] | None = None
    warnings: tuple[str, ...] = ()

    def document(self) -> JsonObject:
        return asdict(self)


def reason(
    contract: str,
    terms: Terms,
    live: Live,
    grade: Grade,
    *,
    code: str | None = None,
    waiver: str | None = None,
    disputed: Dispute | None = None,
) -> Reason:
    """Why this record bears on the application, for the person at the counter and for the applicant."""
    record = live.record
    told: JsonObject = order(terms.effects, record) if terms.effects else {}
    code = code or grade.code
    return Reason(
        code=code,
        explanation=EXPLANATIONS[code].format(listed=LISTED.get(terms.feed, "a listed subject")),
        key=grade.key,
        record_id=live.record_id,
        contract=contract,
        case_number=_text(told.get("case_number")),
        court=_text(told.get("court")),
        contact=str(told.get("contact", "")),
        ground=_ground(record),
        legal_basis=str(told.get("legal_basis", "")),
        published_on=_text(record.get("published_on")),
        expires_on=_text(record.get("listed_until")),
        waiver=waiver,
        disputed=disputed,
    )


def _ground(record: Mapping[str, JsonValue]) -> str:
    grounds = record.get("grounds")
    if isinstance(grounds, list):
        return "；".join(GROUNDS.get(str(one), "其他") for one in grounds)
    return ORDER_GROUND if "subjects" in record else ""


def duty(review: Review | None, today: date) -> ReviewDuty:
    """The review that the contract asks for; where it names none, the business waits for a person."""
    if review is None:
        return ReviewDuty(False, working_days_after(today, 1).isoformat(), "escalate")
    return ReviewDuty(review.proceed, working_days_after(today, review.due_working_days).isoformat(), review.lapses_to)


def working_days_after(day: date, count: int) -> date:
    """Mondays to Fridays. Public holidays are not known here, so the due day may come too early, never too late."""
    while count:
        day += timedelta(days=1)
        count -= day.weekday() < SATURDAY
    return day


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) else None
