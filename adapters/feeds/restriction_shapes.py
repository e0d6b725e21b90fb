"""The rows of the table for `consumption-restriction` (限制消费): three published shapes, and our own line.

An order is published twice, once for the unit and once for its person; both rows say both, and each is a record of its
own, named after whom it is about, so that whoever is restricted by either stays so until both are lifted (rule M4).
"""

from adapters.feeds import labels
from adapters.feeds.adapter import FeedAdapter
from adapters.feeds.fields import first_text
from adapters.feeds.own import canonical_line, iso, said_identifiers
from adapters.feeds.removal import REMOVAL
from adapters.feeds.restriction import SaidOrder, SaidSubject, named, restriction
from adapters.feeds.said import SaidIdentifier, text
from adapters.feeds.shape import Shape
from schemas.canonical import JsonObject
from schemas.catalog import CONSUMPTION_RESTRICTION
from schemas.records.restriction import ConsumptionRestriction

HEAD = "法定代表人"
_PERSON = "2"  # `obligorType` of a row that is about the person

_NUMBERS = ("xcardNum", "cardNum", "cardnum")
_AGGREGATOR = frozenset({"xname", "caseCode"})
_UNIT_ALONE = frozenset({"qyinfo", "caseCode"})
_CHINESE = frozenset({"限制高消费企业名称", "案号"})
_MONITOR = frozenset({"caseNumber", "personName", "obligorType"})


def said_by_aggregator(record: JsonObject) -> SaidOrder:
    """`xname` is whom the row is about, `qyinfo` the unit of that person. Raises `WrongValue`."""
    number = first_text(record, _NUMBERS)
    first = named(text(record, "xname"))
    if number and len(first) <= 1:
        first = (SaidSubject(text(record, "xname"), (SaidIdentifier(number),)),)
    unit = named(text(record, "qyinfo") or text(record, "qyinfoAlias"), kind="organisation")
    return SaidOrder(
        system="xgl",
        record=text(record, "id"),
        case_number=text(record, "caseCode"),
        subjects=(*first, *unit),
        court=text(record, "execCourtName"),
        province=text(record, "areaName"),
        filed_on=record.get("caseCreateTime"),
        applicant=text(record, "applicant"),
        amount=record.get("execMoney"),
        order_url=text(record, "filePath"),
        published_on=record.get("publishDate"),
    )


def said_in_chinese(record: JsonObject) -> SaidOrder:
    """Keys as a page shows them. Raises `WrongValue`."""
    person = named(text(record, "限制高消费人员姓名"), kind="person")
    return SaidOrder(
        system="xgl-chinese",
        case_number=text(record, "案号"),
        subjects=(
            *named(text(record, "限制高消费企业名称"), kind="organisation"),
            *named(text(record, HEAD), HEAD, "person"),
            *person,
        ),
        court=text(record, "执行法院"),
        province=text(record, "省份"),
        filed_on=record.get("立案日期"),
        applicant=text(record, "申请人"),
        amount=record.get("涉案金额"),
        order_url=text(record, "限消令"),
        published_on=record.get("限高发布日期"),
    )


def said_by_monitor(record: JsonObject) -> SaidOrder:
    """A debt-monitoring product; a row is about the person where `obligorType` says so. Raises `WrongValue`."""
    unit = named(text(record, "companyName"), kind="organisation")
    number = SaidIdentifier(text(record, "personNumber"))
    name = text(record, "personName")
    person = (SaidSubject(name, (number,), "", "person"),) if number.text else named(name, kind="person")
    return SaidOrder(
        system="assets-monitor",
        record=text(record, "id"),
        case_number=text(record, "caseNumber"),
        subjects=(*person, *unit) if text(record, "obligorType") == _PERSON else (*unit, *person),
        court=text(record, "court"),
        filed_on=record.get("registerDate"),
        applicant=text(record, "applicant"),
        order_url=text(record, "url"),
        published_on=record.get("gmtPublishDate"),
    )


def said_by_us(record: JsonObject) -> SaidOrder:
    """A canonical record as what a source says. Raises `Refused` (`invalid-record`)."""
    subjects = record.get("subjects")
    if isinstance(subjects, list):
        record = {**record, "subjects": [{"doubts": [], **one} if isinstance(one, dict) else one for one in subjects]}
    line = canonical_line(ConsumptionRestriction, record)
    return SaidOrder(
        system=line.source.system,
        record=line.source.record or "",
        digest=line.source.digest if "source" in record else None,
        case_number=line.case.number,
        subjects=tuple(
            SaidSubject(one.name or "", said_identifiers(one.identifiers), one.role or "", one.kind, one.doubts)
            for one in line.subjects
        ),
        court=line.case.court or "",
        province=line.case.province or "",
        filed_on=iso(line.case.filed_on),
        applicant=line.applicant or "",
        amount=line.amount,
        order_url=line.order_url or "",
        published_on=iso(line.published_on),
        waivers=line.waivers,
        source_updated_at=line.source_updated_at,
        status_reason=line.status_reason,
        record_id=line.record_id if "record_id" in record else None,
        warnings=tuple((one.code, one.field) for one in line.warnings),
        doubts=line.doubts,
    )


_AGGREGATOR_KNOWN = _AGGREGATOR | _UNIT_ALONE | REMOVAL | {
    "id", "gid", "cid", "hcid", "pid", "type", "alias", "qyinfoAlias", "applicant", "applicantCid", "applicantHcid",
    "applicantType", "execCourtName", "caseCreateTime", "publishDate", "filePath", "areaName", "cardNum", "cardnum",
    "xcardNum", "sexname", "execMoney", "createTime", "updateTime",
}  # fmt: skip


def _aggregator(required: frozenset[str]) -> Shape[SaidOrder]:
    return Shape(
        CONSUMPTION_RESTRICTION.name,
        "xgl",
        required,
        _AGGREGATOR_KNOWN,
        said_by_aggregator,
        case_number=("caseCode",),
        names=("xname", "qyinfo", "qyinfoAlias"),
        identifiers=_NUMBERS,
        amounts=frozenset({"execMoney"}),
    )


RESTRICTIONS: tuple[Shape[SaidOrder], ...] = (
    _aggregator(_AGGREGATOR),
    _aggregator(_UNIT_ALONE),
    Shape(
        CONSUMPTION_RESTRICTION.name,
        "xgl-chinese",
        _CHINESE,
        _CHINESE | REMOVAL | {
            HEAD, "申请人", "涉案金额", "执行法院", "立案日期", "限高发布日期", "省份", "序号", "限消令",
            "限制高消费人员姓名", labels.STATE_KEY,
        },
        said_in_chinese,
        case_number=("案号",),
        names=("限制高消费企业名称", HEAD, "限制高消费人员姓名"),
        amounts=frozenset({"涉案金额"}),
        states={labels.STATE_KEY: labels.STATE},
    ),
    Shape(
        CONSUMPTION_RESTRICTION.name,
        "assets-monitor",
        _MONITOR,
        _MONITOR | REMOVAL | {
            "companyName", "bankruptcyStatus", "dishonestStatus", "gmtCreate", "gmtModified", "gmtPublishDate", "id",
            "isAttention", "isBorrower", "isRead", "obligorId", "obligorName", "orgId", "personNumber", "registerDate",
            "status", "url", "court", "applicant", "limitHeightStatus", "pushType",
        },
        said_by_monitor,
        case_number=("caseNumber",),
        names=("companyName", "personName"),
        identifiers=("personNumber",),
    ),
)  # fmt: skip

ADAPTER = FeedAdapter(CONSUMPTION_RESTRICTION.name, said_by_us, restriction, RESTRICTIONS)
