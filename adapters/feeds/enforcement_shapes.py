"""The rows of the table for `judgment-debtor` (被执行人, 终本案件): five published shapes, the labels of the
court's own pages, and our own line.

Addresses, telephone numbers and the applicant stay in the raw record: no purpose of the feed needs them.
"""

import re
from collections.abc import Callable
from functools import partial

from adapters.feeds import labels
from adapters.feeds.adapter import FeedAdapter
from adapters.feeds.enforcement import SaidEnforcement, enforcement
from adapters.feeds.fields import Keys, first_text
from adapters.feeds.own import canonical_line, iso, said_identifiers
from adapters.feeds.removal import REMOVAL
from adapters.feeds.said import SaidIdentifier, SaidPerson, text
from adapters.feeds.shape import Shape
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import JUDGMENT_DEBTOR
from schemas.records.enforcement import JudgmentDebtor
from schemas.text import said as said_text

HEAD = "法定代表人"
ENDED, CLOSED = "终本", "已结案"

_PUBLIC = frozenset({"pname", "caseCode"})
_MONITOR = frozenset({"obligorName", "caseCode"})
_AGGREGATOR = frozenset({"Name", "Anno", "Biaodi"})
_NUMBERS = ("partyCardNum", "zcardNum", "cardNum")
_ENDED = frozenset({"zname", "caseCode"})
# As the court's pages label them, and so clerks' tables, with what is enforced, left unpaid, or how the case stands.
_LISTED = labels.LISTED.split()
_WORDS: dict[str, Keys] = {
    what: tuple(keys.split())
    for what, keys in {
        "case_number": labels.CASE,
        "name": " ".join(name for name in labels.NAME.split() if name not in _LISTED),
        "identifiers": labels.IDENTIFIER,
        "head": labels.HEAD,
        "sex": "性别",
        "court": labels.FIELDS["court"],
        "province": labels.FIELDS["province"],
        "filed_on": labels.FIELDS["filed_on"],
        "basis": labels.FIELDS["basis"],
        "issuer": labels.ISSUER,
        "amount": (
            "执行标的 执行标的金额 执行标的金额（元） 执行标的额 申请执行标的 申请执行标的金额 申请标的 标的金额 标的额"
        ),
        "unpaid": "未履行金额 未履行标的 未履行标的金额 未执行金额 未执行到位金额 未到位金额",
        "state": "案件状态 执行状态 结案方式",
        "ended_on": "终本日期 终本时间 终结本次执行日期",
        "closed_on": "结案日期 结案时间",
    }.items()
}
_AMOUNTS = (*_WORDS["amount"], *_WORDS["unpaid"])
_WITH_HEAD = re.compile("(.*?)[（(]法定代表人[：:](.*)[）)]")
# Court and telephone stand in one field, two blanks or a no-break space between them.
_COURT_ENDS = re.compile("[ \u3000]{2,}|\u00a0+|\t")


def said_by_court(record: JsonObject) -> SaidEnforcement:
    """The court's own site and what copies it; `jsonObject` repeats the record. Raises `WrongValue`."""
    return SaidEnforcement(
        system="zhixing",
        record=text(record, "id"),
        case_number=text(record, "caseCode"),
        name=text(record, "pname"),
        identifiers=(SaidIdentifier(text(record, "partyCardNum")),),
        sex=text(record, "sexname"),
        court=text(record, "execCourtName"),
        province=text(record, "areaName"),
        filed_on=record.get("caseCreateTime"),
        basis=((text(record, "gistId"), text(record, "gistUnit")),),
        state=text(record, "caseState") if "caseState" in record else None,
        amount=record.get("execMoney"),
        amount_unit=text(record, "execMoneyUnit"),
    )


def said_by_monitor(record: JsonObject) -> SaidEnforcement:
    """A debt-monitoring product: with an end and what is unpaid the case has ended unperformed. Raises `WrongValue`."""
    end, unpaid = text(record, "caseEndTime"), record.get("unExecMoney")
    return SaidEnforcement(
        system="assets-monitor",
        record=text(record, "id"),
        case_number=text(record, "caseCode"),
        name=text(record, "obligorName"),
        identifiers=(SaidIdentifier(text(record, "partyCardNum")),),
        sex=text(record, "sexname"),
        court=text(record, "execCourtName"),
        filed_on=record.get("caseCreateTime"),
        basis=((text(record, "gistId"), ""),),
        state=_ended(ended=bool(end), unpaid=unpaid not in (None, "")),
        amount=record.get("execMoney"),
        unpaid=unpaid,
        ended_on=end,
    )


def _ended(*, ended: bool, unpaid: bool) -> str | None:
    if ended and unpaid:
        return ENDED
    return "caseEndTime without unExecMoney, or the other way round" if ended or unpaid else None


def said_by_aggregator(record: JsonObject) -> SaidEnforcement:
    """Raises `WrongValue`."""
    return SaidEnforcement(
        system="qcc-zhixing",
        record=text(record, "Id"),
        case_number=text(record, "Anno"),
        name=text(record, "Name"),
        identifiers=(SaidIdentifier(text(record, "PartyCardNum")),),
        court=text(record, "ExecuteGov"),
        province=text(record, "Province"),
        filed_on=record.get("Liandate"),
        state=text(record, "Status") if "Status" in record else None,
        amount=record.get("Biaodi"),
    )


def said_of_ended(record: JsonObject) -> SaidEnforcement:
    """终本案件: each of them has ended unperformed. Raises `WrongValue`."""
    number = first_text(record, _NUMBERS)
    return SaidEnforcement(
        system="zhongben",
        record=text(record, "id"),
        case_number=text(record, "caseCode"),
        name=text(record, "zname"),
        identifiers=(SaidIdentifier(number),),
        sex=text(record, "sexname"),
        court=text(record, "execCourtName"),
        filed_on=record.get("caseCreateTime"),
        state=ENDED,
        amount=record.get("execMoney"),
        amount_unit=text(record, "execMoneyUnit"),
        unpaid=record.get("noExecMoney"),
        unpaid_unit=text(record, "noExecMoneyUnit"),
        ended_on=record.get("caseFinalTime"),
    )


def said_in_labels(system: str, record: JsonObject) -> SaidEnforcement:
    """A table of clerks, or 上海高院: there the head of a unit stands behind its name, the telephone behind the court.

    With a day on which it ended, or what is unpaid, the case has ended unperformed. Raises `WrongValue`.
    """

    def text_of(what: str) -> str:
        return first_text(record, _WORDS[what])

    def value(what: str) -> JsonValue:
        return next((found for key in _WORDS[what] if (found := record.get(key)) not in (None, "")), None)

    name, head = text_of("name"), said_text(text_of("head"))
    if "法定代表人" in name and (found := _WITH_HEAD.fullmatch(name.strip())):
        name, head = found[1], found[2]
    ended, closed = bool(text_of("ended_on")) or value("unpaid") is not None, bool(text_of("closed_on"))
    stated = text_of("state") if any(key in record for key in _WORDS["state"]) else None
    return SaidEnforcement(
        system=system,
        case_number=text_of("case_number"),
        name=name,
        kind="organisation" if head else None,
        identifiers=tuple(SaidIdentifier(text(record, key)) for key in _WORDS["identifiers"] if record.get(key)),
        sex=text_of("sex"),
        responsible=(SaidPerson(head, HEAD, ()),) if head else (),
        court=_COURT_ENDS.split(text_of("court").strip())[0],
        province=text_of("province"),
        filed_on=value("filed_on"),
        basis=((text_of("basis"), text_of("issuer")),),
        state=stated or (ENDED if ended else CLOSED if closed else stated),
        amount=value("amount"),
        unpaid=value("unpaid"),
        ended_on=value("ended_on") or value("closed_on"),
    )


def said_by_us(record: JsonObject) -> SaidEnforcement:
    """A canonical record as what a source says. Raises `Refused` (`invalid-record`)."""
    line = canonical_line(JudgmentDebtor, record)
    return SaidEnforcement(
        system=line.source.system,
        record=line.source.record or "",
        digest=line.source.digest if "source" in record else None,
        case_number=line.case.number,
        name=line.subject.name or "",
        identifiers=said_identifiers(line.subject.identifiers),
        sex=line.subject.sex or "",
        responsible=tuple(
            SaidPerson(one.name, one.role or "", said_identifiers(one.identifiers)) for one in line.responsible_persons
        ),
        court=line.case.court or "",
        province=line.case.province or "",
        filed_on=iso(line.case.filed_on),
        basis=tuple((one.number or "", one.issuer or "") for one in line.basis),
        state=line.state,
        amount=line.amount,
        unpaid=line.unpaid,
        ended_on=iso(line.ended_on),
        kind=line.subject.kind,
        source_updated_at=line.source_updated_at,
        status_reason=line.status_reason,
        record_id=line.record_id if "record_id" in record else None,
        warnings=tuple((one.code, one.field) for one in line.warnings),
        doubts=line.doubts,
    )


_PUBLIC_KNOWN = _PUBLIC | REMOVAL | {
    "id", "caseState", "execCourtName", "execMoney", "execMoneyUnit", "partyCardNum", "sexname", "gistId", "gistUnit",
    "caseCreateTime", "jsonObject", "areaName", "type", "cid", "hcid", "gid", "createTime", "updateTime",
    "focusNumber", "courtName", "connList",
}  # fmt: skip
_MONITOR_KNOWN = _MONITOR | REMOVAL | {
    "address", "caseCreateTime", "caseEndTime", "execCourtName", "execMoney", "unExecMoney", "gmtCreate",
    "gmtModified", "gmtPublishDate", "id", "isAttention", "isBorrower", "isRead", "obligorId", "obligorType", "orgId",
    "partyCardNum", "sexname", "gistId", "status", "bankruptcyStatus", "dishonestStatus", "url",
}  # fmt: skip
_AGGREGATOR_KNOWN = _AGGREGATOR | REMOVAL | {
    "Id", "Sourceid", "Status", "PartyCardNum", "ExecuteGov", "Liandate", "Province", "Updatedate", "CompanyKeyNo",
    "KeyNo",
}  # fmt: skip
_ENDED_KNOWN = _ENDED | REMOVAL | frozenset(_NUMBERS) | {
    "id", "caseCreateTime", "caseFinalTime", "execMoney", "execMoneyUnit", "noExecMoney", "noExecMoneyUnit",
    "execCourtName", "sexname", "address", "cid", "hcid", "gid", "type", "createTime", "updateTime",
}  # fmt: skip
_LABELS_KNOWN = REMOVAL.union(
    *_WORDS.values(),
    f"{labels.IGNORED} 序号 申请执行人 申请人 案由 年龄 被执行人地址".split(),
)


def _row(
    system: str,
    required: frozenset[str],
    known: frozenset[str],
    said: Callable[[JsonObject], SaidEnforcement],
    **keys: str,
) -> Shape[SaidEnforcement]:
    """A row whose other sets of keys are written as words with blanks between them."""
    words = {name: tuple(text.split()) for name, text in keys.items()}
    return Shape(
        JUDGMENT_DEBTOR.name,
        system,
        required,
        known,
        said,
        case_number=words["case_number"],
        names=words["names"],
        identifiers=words.get("identifiers", ()),
        amounts=frozenset(words["amounts"]),
    )


ENFORCEMENTS = (
    _row(
        "zhixing", _PUBLIC, _PUBLIC_KNOWN, said_by_court,
        case_number="caseCode", names="pname", identifiers="partyCardNum", amounts="execMoney",
    ),
    _row(
        "assets-monitor", _MONITOR, _MONITOR_KNOWN, said_by_monitor,
        case_number="caseCode", names="obligorName", identifiers="partyCardNum", amounts="execMoney unExecMoney",
    ),
    _row(
        "qcc-zhixing", _AGGREGATOR, _AGGREGATOR_KNOWN, said_by_aggregator,
        case_number="Anno", names="Name", identifiers="PartyCardNum", amounts="Biaodi",
    ),
    _row(
        "zhongben", _ENDED, _ENDED_KNOWN, said_of_ended,
        case_number="caseCode", names="zname", identifiers=" ".join(_NUMBERS), amounts="execMoney noExecMoney",
    ),
    *(
        Shape(
            JUDGMENT_DEBTOR.name, system, required, _LABELS_KNOWN, partial(said_in_labels, system),
            case_number=_WORDS["case_number"], names=_WORDS["name"], identifiers=_WORDS["identifiers"],
            amounts=frozenset(_AMOUNTS), telling=tuple(frozenset(keys) for keys in telling),
        )
        for system, required, telling in (
            ("hshfy", frozenset({"承办法院、联系电话"}), (_WORDS["case_number"], _WORDS["name"], _AMOUNTS)),
            (
                "zhixing-chinese", frozenset[str](),
                (_WORDS["case_number"], _WORDS["name"], (*_AMOUNTS, *_WORDS["state"], *_WORDS["ended_on"])),
            ),
        )
    ),
)  # fmt: skip

ADAPTER = FeedAdapter(JUDGMENT_DEBTOR.name, said_by_us, enforcement, ENFORCEMENTS)
