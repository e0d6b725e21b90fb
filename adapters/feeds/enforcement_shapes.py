"""The rows of the table for `judgment-debtor` (被执行人, 终本案件): five published shapes, the labels of the
court's own pages, and our own line.

Addresses, telephone numbers and the applicant stay in the raw record: no purpose of the feed needs them.
"""

import re
from collections.abc import Callable

from adapters.feeds.enforcement import SaidEnforcement
from adapters.feeds.fields import first_text
from adapters.feeds.own import canonical_line, iso, said_identifiers
from adapters.feeds.removal import REMOVAL
from adapters.feeds.said import SaidIdentifier, SaidPerson, text
from adapters.feeds.shape import Shape
from schemas.canonical import JsonObject
from schemas.catalog import JUDGMENT_DEBTOR
from schemas.records.enforcement import JudgmentDebtor

HEAD = "法定代表人"
ENDED = "终本"

_PUBLIC = frozenset({"pname", "caseCode"})
_MONITOR = frozenset({"obligorName", "caseCode"})
_AGGREGATOR = frozenset({"Name", "Anno", "Biaodi"})
_NUMBERS = ("partyCardNum", "zcardNum", "cardNum")
_ENDED = frozenset({"zname", "caseCode"})
_SHANGHAI = frozenset({"案号", "被执行人", "执行标的金额（元）"})
# As the court's pages label them, and so a clerk's table: with what is enforced, or with what was left unpaid.
_NAME, _CARD = "被执行人姓名/名称", "身份证号码/组织机构代码"
_LABELLED = frozenset({"案号", _NAME, "执行标的"})
_LABELLED_ENDED = frozenset({"案号", _NAME, "未履行金额"})
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


def said_by_shanghai(record: JsonObject) -> SaidEnforcement:
    """上海高院: the head of a unit stands behind its name, the telephone behind the court. Raises `WrongValue`."""
    name = text(record, "被执行人")
    head = _WITH_HEAD.fullmatch(name.strip())
    people = (SaidPerson(head[2], HEAD, ()),) if head else ()
    return SaidEnforcement(
        system="hshfy",
        case_number=text(record, "案号"),
        name=head[1] if head else name,
        kind="organisation" if head else None,
        responsible=people,
        court=_COURT_ENDS.split(text(record, "承办法院、联系电话").strip())[0],
        filed_on=record.get("立案日期"),
        amount=record.get("执行标的金额（元）"),
    )


def said_in_labels(record: JsonObject) -> SaidEnforcement:
    """With a day on which it ended, or what is unpaid, the case has ended unperformed. Raises `WrongValue`."""
    ended = bool(text(record, "终本日期")) or record.get("未履行金额") not in (None, "")
    state = text(record, "案件状态") if "案件状态" in record else None
    return SaidEnforcement(
        system="zhixing-chinese",
        case_number=text(record, "案号"),
        name=text(record, _NAME),
        identifiers=(SaidIdentifier(text(record, _CARD)),),
        sex=text(record, "性别"),
        court=text(record, "执行法院"),
        province=text(record, "省份"),
        filed_on=record.get("立案时间"),
        basis=((text(record, "执行依据文号"), text(record, "做出执行依据单位")),),
        state=state or (ENDED if ended else state),
        amount=record.get("执行标的"),
        unpaid=record.get("未履行金额"),
        ended_on=record.get("终本日期"),
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
_SHANGHAI_KNOWN = _SHANGHAI | REMOVAL | {"被执行人地址", "申请执行人", "承办法院、联系电话", "立案日期", "序号"}
_LABELLED_KNOWN = _LABELLED | _LABELLED_ENDED | REMOVAL | {
    "序号", _CARD, "性别", "执行法院", "省份", "立案时间", "执行依据文号", "做出执行依据单位", "案件状态", "终本日期",
    "地址",
}  # fmt: skip


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
    _row(
        "hshfy", _SHANGHAI, _SHANGHAI_KNOWN, said_by_shanghai,
        case_number="案号", names="被执行人", amounts="执行标的金额（元）",
    ),
    *(
        _row(
            "zhixing-chinese", labelled, _LABELLED_KNOWN, said_in_labels,
            case_number="案号", names=_NAME, identifiers=_CARD, amounts="执行标的 未履行金额",
        )
        for labelled in (_LABELLED, _LABELLED_ENDED)
    ),
)  # fmt: skip
