"""The rows of the table for `service-address` (送达地址): a registry's tables, a bank's, and our own line.

Registries export by the labels of their forms or by the national names of the columns (`UNISCID`, `DOM`), in capitals,
small letters or as the public system spells them. What else they hold about an enterprise is let be.
"""

from collections.abc import Callable, Mapping
from functools import partial

from adapters.feeds.adapter import FeedAdapter, Row
from adapters.feeds.address import FEED, SaidAddress, SaidPlace, address, is_suspended, stated_ids
from adapters.feeds.address_words import OCCASIONS, STATES, bare_word
from adapters.feeds.fields import Keys, first_text
from adapters.feeds.own import canonical_line, iso, said_identifiers
from adapters.feeds.removal import REMOVAL
from adapters.feeds.said import SaidIdentifier, WrongValue
from adapters.feeds.shape import Shape
from schemas.canonical import JsonObject, JsonValue
from schemas.records.address import Place, ServiceAddress

Words = Mapping[str, Keys]
IDENTIFIER, BEGINS = "identifier", "effective_from"  # keys of our own withdrawal line

# For each thing that is said the keys that may say it: the first that holds anything counts.
_REGISTRY: dict[str, str] = {
    "identifiers": "统一社会信用代码 社会信用代码 注册号 工商注册号",
    "name": "企业名称 市场主体名称 经营主体名称 单位名称 名称 字号名称",
    "domicile": (
        "住所 住所地 登记住所 企业住所 住所（经营场所） 住所(经营场所) 住所/经营场所 经营场所 注册地址 登记地址"
    ),
    "domicile_postcode": "邮政编码 邮编 住所邮政编码 住所邮编",
    "spare": "备用送达地址 备用地址 其他送达地址",
    "spare_postcode": "备用送达地址邮编 备用地址邮编",
    "for_service": "法律文书送达地址 歇业期间法律文书送达地址 送达地址",
    "for_service_postcode": "法律文书送达地址邮编 送达地址邮编",
    "email": "电子送达地址 电子邮箱 电子邮件 邮箱 法律文书电子送达地址",
    "consent": "是否同意电子送达 同意电子送达 电子送达 是否接受电子送达",
    "consented_at": "同意电子送达时间 电子送达同意时间 同意时间",
    "contact_name": "联系人 送达联系人 收件人",
    "contact_phone": "联系电话 送达联系电话 联系人电话 电话 手机号码",
    "state": "登记状态 企业状态 经营状态 主体状态 存续状态",
    "occasion": "业务类型 登记类型 事项 登记事项 业务事项",
    "number": "业务流水号 登记通知书文号 通知书文号 受理号",
    "begins": "生效日期 生效时间",
    "days": "变更日期 核准日期 登记日期 成立日期",
    "suspended_from": "歇业开始日期 歇业日期 歇业起始日期",
    "suspended_until": "歇业截止日期 歇业结束日期 歇业终止日期",
    "deregistered_on": "注销日期",
    "ends": "失效日期",
    "record": "主体身份代码 记录编号",
}
_REGISTRY_IGNORED = (
    "序号 类型 企业类型 市场主体类型 经营主体类型 法定代表人 负责人 经营者 注册资本 注册资本（万元） 经营范围 登记机关 "
    "行业 行业门类 经营期限自 经营期限至 营业期限 吊销日期 填报人 填报日期"
)

_LOAN: dict[str, str] = {
    "loan_number": "合同编号 借款合同编号 贷款合同编号 合同号 借款合同号",
    "identifiers": (
        "证件号码 证件号 身份证号码 身份证号 公民身份号码 统一社会信用代码 借款人证件号码 身份证号码/统一社会信用代码"
    ),
    "name": "借款人 借款人名称 借款人姓名 借款人姓名/名称 客户名称 受送达人 担保人 姓名 名称",
    "confirmed": "确认送达地址 约定送达地址 送达地址 确认的送达地址",
    "confirmed_postcode": "邮政编码 邮编",
    "email": "电子送达地址 电子邮箱 电子邮件 邮箱",
    "consent": "是否同意电子送达 同意电子送达 电子送达 是否接受电子送达",
    "consented_at": "同意电子送达时间 电子送达同意时间 同意时间",
    "contact_name": "联系人 送达联系人 收件人",
    "contact_phone": "联系电话 送达联系电话 电话 手机号码 手机号",
    "lender": "贷款银行 贷款人 出借人 贷款机构 银行名称 经办机构",
    "begins": "确认日期 地址确认日期 签订日期 合同签订日期 签署日期",
    "ends": "失效日期",
    "number": "确认书编号",
}
_LOAN_IGNORED = "序号 证件类型 贷款金额 合同金额 到期日期 贷款到期日 客户号 客户经理 填报日期"


def _spelled(keys: str) -> str:
    """National column names as databases and the public system spell them."""
    return " ".join(spelling for key in keys.split() for spelling in dict.fromkeys((key, key.upper(), key.lower())))


_COLUMNS: dict[str, str] = {
    "identifiers": _spelled("uniscId uniSCID"),
    "name": _spelled("entName"),
    "domicile": _spelled("dom"),
    "domicile_postcode": _spelled("postalCode"),
    "for_service": _spelled("lawSendAddr law_send_addr"),
    "email": _spelled("lawEmailAddr law_email_addr email"),
    "consent": _spelled("eleDelivery acceptEleDel"),
    "consented_at": _spelled("eleDeliveryDate"),
    "contact_name": _spelled("linkman"),
    "contact_phone": _spelled("linkmanPhone tel"),
    "state": _spelled("regState_CN regStateCn"),
    "begins": _spelled("effectDate"),
    "days": _spelled("altDate apprDate estDate"),
    "deregistered_on": _spelled("canDate"),
    "record": _spelled("pripId"),
}
_COLUMNS_IGNORED = _spelled(
    "regNo regState entType entType_CN entTypeCn regOrg regOrg_CN regOrgCn industryPhy industryCo regCap regCapCur_CN "
    "regCapCurCn opScope opFrom opTo name leRep nodeNum sExtNodeNum s_ext_nodenum revDate"
)


def said_with(words: Words, system: str, record: JsonObject) -> SaidAddress:
    """What the record says under these keys. Raises `WrongValue` where a field holds what it cannot."""

    def text(what: str) -> str:
        return first_text(record, words.get(what, ()))

    def place(what: str) -> SaidPlace:
        return SaidPlace(text(what), text(f"{what}_postcode"))

    def days(*what: str) -> tuple[JsonValue, ...]:
        return tuple(
            value for one in what for key in words.get(one, ()) if (value := record.get(key)) not in ("", None)
        )

    # A day that is over, or has not come, is no part of what the row says now.
    state = STATES.get(bare_word(text("state")), "unknown")
    occasion = OCCASIONS.get(bare_word(text("occasion")))
    suspended = is_suspended(state, occasion)
    gone = state == "deregistered" or occasion == "deregistration"
    now = ("days", *(("suspended_from",) if suspended else ()), *(("deregistered_on",) if gone else ()))
    until = days("ends", *(("suspended_until",) if suspended else ()))
    return SaidAddress(
        system=system,
        record=text("record") or first_text(record, ("md5", "_id")),
        name=text("name"),
        identifiers=tuple(
            SaidIdentifier(found) for key in words["identifiers"] if (found := first_text(record, (key,)))
        ),
        effective_from=days("begins")[:1] or days(*now),
        effective_until=until[0] if until else None,
        occasion=text("occasion"),
        number=text("number"),
        state=text("state"),
        domicile=place("domicile"),
        spare=place("spare"),
        for_service=place("for_service"),
        confirmed=place("confirmed"),
        email=text("email"),
        consent=text("consent"),
        consented_at=next(iter(days("consented_at")), None),
        contact_name=text("contact_name"),
        contact_phone=text("contact_phone"),
        loan_number=text("loan_number"),
        lender=text("lender"),
    )


def said_by_us(record: JsonObject) -> SaidAddress:
    """A canonical record as what a source says. Raises `Refused` (`invalid-record`)."""
    line = canonical_line(ServiceAddress, record)
    return SaidAddress(
        system=line.source.system,
        record=line.source.record or "",
        digest=line.source.digest if "source" in record else None,
        name=line.subject.name or "",
        identifiers=said_identifiers(line.subject.identifiers),
        effective_from=(line.effective_from.isoformat(),),
        effective_until=iso(line.effective_until),
        occasion=line.occasion or "",
        number=line.number or "",
        state=line.state,
        domicile=_of(line.domicile),
        spare=_of(line.spare),
        while_suspended=_of(line.while_suspended),
        confirmed=_of(line.confirmed),
        email=line.electronic.email or "",
        consent=line.electronic.consent,
        consented_at=line.electronic.consented_at,
        contact_name=line.contact.name or "",
        contact_phone=line.contact.phone or "",
        loan_number=line.loan.number or "",
        lender=line.loan.lender or "",
        kind=line.subject.kind,
        source_updated_at=line.source_updated_at,
        status_reason=line.status_reason,
        record_id=line.record_id if "record_id" in record else None,
        warnings=tuple((one.code, one.field) for one in line.warnings),
        doubts=line.doubts,
    )


def said_in_withdrawal(record: JsonObject) -> SaidAddress:
    """Our own short line: `identifier`, `effective_from`, and `loan_number` and `number` where there are any."""
    return SaidAddress(
        system="canonical",
        name="",
        identifiers=(SaidIdentifier(first_text(record, (IDENTIFIER,))),),
        effective_from=(record.get(BEGINS),),
        loan_number=first_text(record, ("loan_number",)),
        number=first_text(record, ("number",)),
    )


def statement_ids(record: JsonObject, shape: Row | None, record_key: bytes) -> tuple[str, ...]:
    """The statements that a withdrawal means, by the words of its row, or else of our own short line."""
    said = _said_anyhow(record, said_in_withdrawal if shape is None else shape.said)
    return () if said is None else stated_ids(said, record_key)


def _said_anyhow(record: JsonObject, say: Callable[[JsonObject], SaidAddress]) -> SaidAddress | None:
    """What is said without the fields that hold what they cannot (rule J5)."""
    while True:
        try:
            return say(record)
        except WrongValue as wrong:
            if wrong.name not in record:
                return None
            record = {key: value for key, value in record.items() if key != wrong.name}


def _of(place: Place) -> SaidPlace:
    return SaidPlace(place.address or "", place.postcode or "")


def _row(system: str, words: Mapping[str, str], ignored: str, *telling: str) -> Shape[SaidAddress]:
    keys = {what: tuple(said.split()) for what, said in words.items()}
    passed_over = frozenset(ignored.split())
    return Shape(
        FEED,
        system,
        frozenset(),
        frozenset(key for some in keys.values() for key in some) | passed_over | REMOVAL,
        partial(said_with, keys, system),
        case_number=(),
        names=keys["name"],
        identifiers=keys["identifiers"],
        telling=tuple(frozenset(one.split()) for one in telling),
        ignored=passed_over,
    )


ADDRESSES: tuple[Shape[SaidAddress], ...] = (
    _row("loan", _LOAN, _LOAN_IGNORED, _LOAN["loan_number"], _LOAN["identifiers"], _LOAN["confirmed"]),
    _row(
        "registry", _REGISTRY, _REGISTRY_IGNORED,
        "统一社会信用代码 社会信用代码",
        " ".join(_REGISTRY[one] for one in ("domicile", "spare", "for_service", "state")),
        " ".join(_REGISTRY[one] for one in ("begins", "days", "suspended_from", "deregistered_on")),
    ),
    _row(
        "registry-columns", _COLUMNS, _COLUMNS_IGNORED,
        _COLUMNS["identifiers"], " ".join(_COLUMNS[one] for one in ("domicile", "for_service", "state")),
        _COLUMNS["name"],
    ),
)  # fmt: skip

ADAPTER = FeedAdapter(
    FEED, said_by_us, address, ADDRESSES,
    ids=statement_ids, known_by="the party's identifier and the day from which the statement holds",
)  # fmt: skip
