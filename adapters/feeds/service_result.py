"""`service-result` (送达结果): a court's own table of what became of its attempts to serve, and our own line."""

from datetime import date
from functools import partial
from typing import NamedTuple

from adapters.feeds.adapter import FeedAdapter, Row
from adapters.feeds.address import whole_identifiers
from adapters.feeds.address_words import OUTCOMES, RETURNS, USES, bare_word
from adapters.feeds.debtor import Refused, Warnings, check_text, entries, kind_of, read_day, read_identifiers, source_of
from adapters.feeds.fields import Keys, first_text
from adapters.feeds.own import canonical_line, iso, said_identifiers
from adapters.feeds.removal import REMOVAL
from adapters.feeds.said import SaidIdentifier
from adapters.feeds.shape import Shape
from schemas.canonical import JsonObject, JsonValue
from schemas.identifiers import read_identifier
from schemas.names import read_name
from schemas.record_id import is_record_id, record_id
from schemas.records.address import AddressedParty
from schemas.records.debtor import Doubt, Kind, Warned, doubts_of
from schemas.records.service_result import ServiceResult, StatedAddress
from schemas.text import said as said_text

FEED = "service-result"
REFERENCE = "reference"  # key of our own withdrawal line
_OPAQUE = frozenset(map(chr, range(0x21, 0x7F)))

_WORDS: dict[str, Keys] = {
    "reference": ("送达编号", "送达任务编号"),
    "identifiers": ("统一社会信用代码", "社会信用代码", "证件号码"),
    "name": ("受送达人", "企业名称", "名称"),
    "statement": ("地址声明编号",),
    "from_party": ("地址来源",),
    "effective_from": ("地址生效日期",),
    "use": ("地址类型", "送达地址类型"),
    "outcome": ("送达结果",),
    "reason": ("退回原因",),
    "occurred_on": ("送达日期", "退回日期", "结果日期"),
}


class SaidResult(NamedTuple):
    """Texts as they stand; empty where nothing is said."""

    system: str
    reference: str
    name: str
    identifiers: tuple[SaidIdentifier, ...]
    statement: str
    from_party: str
    use: str
    outcome: str
    reason: str
    occurred_on: JsonValue
    effective_from: JsonValue = None
    # Only our own line says these.
    kind: Kind | None = None
    source_updated_at: str | None = None
    status_reason: str | None = None
    record_id: str | None = None
    digest: str | None = None
    warnings: tuple[tuple[str, str], ...] = ()
    doubts: tuple[Doubt, ...] = ()


def service_result(said: SaidResult, raw: bytes, *, record_key: bytes, today: date) -> ServiceResult:
    """The canonical record. Raises `Refused`."""
    warnings: Warnings = list(said.warnings)
    check_text(said.name)
    name, identifiers = read_name(said.name), read_identifiers(said.identifiers, warnings)
    if not whole_identifiers(identifiers):
        raise Refused("no-identifier", "no identifier of the party is whole and passes its check, so none can find it")
    kind = kind_of(name, identifiers, said.kind, warnings)
    use, outcome = USES.get(bare_word(said.use)), OUTCOMES.get(bare_word(said.outcome))
    if use is None or outcome is None:
        raise Refused("wrong-value", "the use of the address or what became of the attempt is a word that is not known")
    day = read_day(said.occurred_on, today, "occurred_on", warnings)
    if day is None:
        raise Refused("no-effective-date", "the record does not say on which day the attempt ended")
    reason = None if outcome == "served" else RETURNS.get(bare_word(said.reason), "other")
    if reason == "other" and bare_word(said.reason) not in RETURNS:
        warnings.append(("reason-unknown", "reason"))
    statement = said.statement.strip()
    if statement and not is_record_id(statement):
        raise Refused("wrong-value", "the statement is named by no record id")
    reference = checked_reference(said.reference)
    return ServiceResult.made(
        feed=FEED,
        schema_version=1,
        record_id=said.record_id or record_id(record_key, FEED, reference),
        revision=1,
        status="listed",
        status_reason=said.status_reason,
        doubts=doubts_of([field for _, field in warnings], said.doubts),
        reference=reference,
        subject=AddressedParty.made(
            kind=kind,
            name=name.value if name else None,
            name_masked=name is not None and name.masked,
            identifiers=entries(identifiers),
        ),
        statement=StatedAddress.model_validate(
            {
                "record_id": statement or None,
                "from_party": _party(said.from_party),
                "effective_from": read_day(said.effective_from, today, "statement.effective_from", warnings),
                "use": use,
            }
        ),
        outcome=outcome,
        reason=reason,
        occurred_on=day,
        source_updated_at=said.source_updated_at,
        source=source_of(said.system, "", said.digest, raw),
        warnings=tuple([Warned.made(code=code, field=field) for code, field in sorted(set(warnings))]),
    )


def checked_reference(said: str, of: str = "attempt") -> str:
    """A party's own opaque number. Raises `Refused` where it is none, or is itself an identity number (rule P1)."""
    text = said_text(said) or ""
    if not 0 < len(text) <= 128 or not _OPAQUE.issuperset(text):
        raise Refused("no-reference", f"the {of} has no number of its own in plain characters")
    try:
        found = read_identifier(text)
    except ValueError:
        return text
    if found is not None and found.check == "pass" and found.scheme in ("cn-id", "cn-uscc"):
        raise Refused("no-reference", f"the number of the {of} is an identity number; take an opaque one")
    return text


def result_ids(record: JsonObject, _shape: Row | None, record_key: bytes) -> tuple[str, ...]:
    """The id of the attempt that a withdrawal names by its number. Empty where it has none."""
    try:
        return (record_id(record_key, FEED, checked_reference(first_text(record, (REFERENCE, *_WORDS["reference"])))),)
    except (Refused, ValueError):
        return ()


def said_with(words: dict[str, Keys], record: JsonObject) -> SaidResult:
    """Raises `WrongValue` where a field holds what it cannot."""

    def text(what: str) -> str:
        return first_text(record, words[what])

    return SaidResult(
        system="results",
        reference=text("reference"),
        name=text("name"),
        identifiers=tuple(
            SaidIdentifier(found) for key in words["identifiers"] if (found := first_text(record, (key,)))
        ),
        statement=text("statement"),
        from_party=text("from_party"),
        use=text("use"),
        outcome=text("outcome"),
        reason=text("reason"),
        occurred_on=next((day for key in words["occurred_on"] if (day := record.get(key)) not in (None, "")), None),
        effective_from=record.get(words["effective_from"][0]),
    )


def said_by_us(record: JsonObject) -> SaidResult:
    """A canonical record as what a source says. Raises `Refused` (`invalid-record`)."""
    line = canonical_line(ServiceResult, record)
    return SaidResult(
        system=line.source.system,
        digest=line.source.digest if "source" in record else None,
        reference=line.reference,
        name=line.subject.name or "",
        identifiers=said_identifiers(line.subject.identifiers),
        statement=line.statement.record_id or "",
        from_party=line.statement.from_party,
        effective_from=iso(line.statement.effective_from),
        use=line.statement.use,
        outcome=line.outcome,
        reason=line.reason or "",
        occurred_on=line.occurred_on.isoformat(),
        kind=line.subject.kind,
        source_updated_at=line.source_updated_at,
        status_reason=line.status_reason,
        record_id=line.record_id if "record_id" in record else None,
        warnings=tuple((one.code, one.field) for one in line.warnings),
        doubts=line.doubts,
    )


def _party(said: str) -> str:
    text = said.strip()
    if not (3 <= len(text) <= 64 and text.isascii() and text.replace("-", "").isalnum() and text == text.lower()):
        raise Refused("wrong-value", "who stated the address is named by no party id")
    return text


RESULTS: tuple[Shape[SaidResult], ...] = (
    Shape(
        FEED,
        "results",
        frozenset({"送达结果"}),
        frozenset(key for keys in _WORDS.values() for key in keys) | REMOVAL | {"序号"},
        partial(said_with, _WORDS),
        case_number=(),
        names=_WORDS["name"],
        identifiers=_WORDS["identifiers"],
        telling=(frozenset(_WORDS["reference"]),),
        ignored=frozenset({"序号"}),
    ),
)

ADAPTER = FeedAdapter(FEED, said_by_us, service_result, RESULTS, ids=result_ids, known_by="the number of the attempt")
