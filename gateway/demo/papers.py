"""The papers of one district day, in the shapes in which courts, registries, banks and police write them.

All of it is made up, and the days are around today, for what stands for longer than its period blocks nobody. Identity
numbers and credit codes are of a region that does not exist (999999), but for the company's, which is in both stories.
"""

import csv
import io
from datetime import date, timedelta

from schemas.canonical import JsonObject, canonical
from schemas.identifiers import id_check

COURT_NAME = "焦作市山阳区人民法院"
# Also in the court's list of the first story, in two cases of this year: once under its unified social credit code,
# once under the organisation code inside it. The samples beside it are too old to block by themselves (rule M6).
COMPANY, COMPANY_CODE = "焦作市山阳区示例建材有限公司", "91410811MA47YB0X60"
SUSPENDED, SUSPENDED_CODE = "焦作市山阳区示例餐饮有限公司", "91999999MA3X12345U"
HEAD, HEAD_ID = "示例人甲", "99999919800101001" + id_check("99999919800101001")
NAMESAKE_ID = "99999919920303002" + id_check("99999919920303002")
LOAN = "示例银借字（2025）第8号"
CASE, SECOND_CASE = "（2026）豫0811执201号", "（2026）豫0811执202号"
OVER_CASE, ORDER_CASE, ENFORCED_CASE = "（2025）豫0811执88号", "（2026）豫0811执716号", "（2026）豫0811执301号"
OVER, OVER_CODE = "焦作市山阳区示例运输有限公司", "91999999MA7TRK016G"
CERTIFICATE, OFFICER = "豫0811执001", "示例执行员"
EMAIL, PHONE = "law@example.cn", "0391-0000002"
DOMICILE, BORROWERS, CROSSING = "焦作市山阳区丰收路1号", "焦作市解放区民主路3号", "焦作市某路口"
PLATE = "豫H00000"
NOTICE = b"%PDF-1.7 notice to assist\n"


def registry_table(today: date) -> bytes:
    """The registry's export: a company that consented to electronic service, and one that is suspended (歇业)."""
    stated = f"{today - timedelta(days=40)}"
    return _table(
        {
            "统一社会信用代码": COMPANY_CODE, "企业名称": COMPANY, "住所": DOMICILE,
            "邮政编码": "454000", "备用送达地址": "焦作市山阳区解放路2号",
            "电子邮箱": EMAIL, "是否同意电子送达": "是",
            "同意电子送达时间": f"{today - timedelta(days=41)} 09:30:00", "登记状态": "存续（在营、开业、在册）",
            "业务类型": "变更登记", "核准日期": stated,
        },
        {
            "统一社会信用代码": SUSPENDED_CODE, "企业名称": SUSPENDED, "住所": "焦作市山阳区建设路3号",
            "登记状态": "存续（在营、开业、在册）", "业务类型": "设立登记", "核准日期": stated,
        },
        {
            "统一社会信用代码": SUSPENDED_CODE, "企业名称": SUSPENDED, "法律文书送达地址": "焦作市马村区文昌路4号",
            "登记状态": "歇业", "业务类型": "歇业备案", "歇业开始日期": f"{today - timedelta(days=10)}",
            "歇业截止日期": f"{today + timedelta(days=120)}",
        },
    )  # fmt: skip


def loan_table(today: date) -> bytes:
    """A bank's table of what borrowers confirmed in their contracts."""
    return _table(
        {
            "合同编号": LOAN, "借款人": HEAD, "证件号码": HEAD_ID, "确认送达地址": BORROWERS,
            "邮编": "454001", "签订日期": f"{today - timedelta(days=400)}", "贷款银行": "示例银行",
        },
    )  # fmt: skip


def clerks_table(today: date) -> bytes:
    """The clerk's list under the labels of the court's site. A spreadsheet has rounded the last row's number."""

    def row(name: str, code: str, case: str, **more: str) -> dict[str, str]:
        return {
            "案号": case, "被执行人姓名/名称": name, "身份证号码/组织机构代码": code, "执行法院": COURT_NAME,
            "省份": "河南", "立案时间": f"{today - timedelta(days=90)}", "生效法律文书确定的义务": "偿还借款本息",
            "被执行人的履行情况": "全部未履行", "失信被执行人行为具体情形": "违反财产报告制度",
            "发布时间": f"{today - timedelta(days=1)}", **more,
        }  # fmt: skip

    return _table(
        row(COMPANY, COMPANY_CODE, CASE),
        row(COMPANY, COMPANY_CODE, SECOND_CASE),
        row(OVER, OVER_CODE, OVER_CASE, 失信期限届满日=f"{today - timedelta(days=1)}"),
        row("示例人乙", "4.10811E+17", "（2026）豫0811执203号"),
    )


def restriction(today: date, *, waived: bool = False) -> bytes:
    """An order restricting consumption: the company and its head; with a waiver for one purchase if `waived`."""
    waiver: JsonObject = {
        "number": "（2026）豫0811执716号批1", "name": HEAD, "action": "property", "valid_from": f"{today}",
        "valid_until": f"{today + timedelta(days=7)}",
    }  # fmt: skip
    subjects: list[JsonObject] = [
        {"kind": "organisation", "name": COMPANY, "name_masked": False, "role": None,
         "identifiers": [_identifier("cn-uscc", COMPANY_CODE)]},
        {"kind": "person", "name": HEAD, "name_masked": False, "role": "法定代表人",
         "identifiers": [_identifier("cn-id", HEAD_ID)]},
    ]  # fmt: skip
    return canonical({
        "feed": "consumption-restriction", "schema_version": 1, "status": "listed", "status_reason": None,
        "subjects": subjects, "case": _case(ORDER_CASE, today), "applicant": "示例银行", "amount": "12000.00",
        "order_url": None, "waivers": [waiver] if waived else [], "published_on": f"{today}", "source_updated_at": None,
    })  # fmt: skip


def enforcement(today: date) -> bytes:
    """A debtor under enforcement, as the court's own site publishes it."""
    return canonical({
        "id": 105576666, "caseCode": ENFORCED_CASE, "caseState": "执行中", "execCourtName": COURT_NAME,
        "execMoney": 377352, "partyCardNum": SUSPENDED_CODE, "pname": SUSPENDED, "gistId": "（2025）豫0811民初33号",
        "caseCreateTime": f"{today - timedelta(days=60)}",
    })  # fmt: skip


def officer(today: date) -> bytes:
    return canonical({
        "feed": "control-officer", "schema_version": 1, "status": "listed", "status_reason": None,
        "certificate": CERTIFICATE, "name": OFFICER, "phone": "0391-0000001", "valid_from": f"{today}",
        "valid_until": f"{today + timedelta(days=365)}", "source_updated_at": None,
    })  # fmt: skip


def control_request(today: date, number: str, digest: str, *, plate: str | None = None) -> bytes:
    """A request about the company's head, or about the vehicle with that plate. `digest` is that of the notice."""
    return canonical({
        "feed": "control-request", "schema_version": 1, "status": "listed", "status_reason": None, "number": number,
        "to": "shanyang-police", "target": "person" if plate is None else "vehicle",
        "subject": {"kind": "person", "name": HEAD, "name_masked": False,
                    "identifiers": [_identifier("cn-id", HEAD_ID)]},
        "address": None, "photo": None,
        "vehicle": {"plate": plate, "plate_kind": plate and "02", "vin": None, "brand": None, "colour": None},
        "case": _case(CASE, today),
        "documents": [{"kind": "assistance-notice", "number": f"{CASE}之一", "digest": digest}],
        "officers": [{"name": OFFICER, "certificate": CERTIFICATE}],
        "contact": {"name": "执行指挥中心", "phone": PHONE}, "valid_from": f"{today}",
        "valid_until": f"{today + timedelta(days=30)}", "source_updated_at": None,
    })  # fmt: skip


def service_result(today: date, place: JsonObject, outcome: str, reason: str | None) -> bytes:
    """What became of an attempt at the place that the court's agent answered with: `statement`, `from_party`, `use`."""
    return canonical({
        "feed": "service-result", "schema_version": 1, "status": "listed", "status_reason": None,
        "reference": f"S-{today:%Y%m%d}-1",
        "subject": {"kind": "organisation", "name": COMPANY, "name_masked": False,
                    "identifiers": [_identifier("cn-uscc", COMPANY_CODE)]},
        "statement": place, "outcome": outcome, "reason": reason, "occurred_on": f"{today}", "source_updated_at": None,
    })  # fmt: skip


def _case(number: str, today: date) -> JsonObject:
    return {"number": number, "court": COURT_NAME, "province": "河南", "filed_on": f"{today - timedelta(days=90)}"}


def _identifier(scheme: str, value: str) -> JsonObject:
    return {"scheme": scheme, "value": value, "masked": False, "check": "pass"}


def _table(*rows: dict[str, str]) -> bytes:
    """A CSV with Chinese headings in GB18030, as offices' programs write it."""
    headings = list(dict.fromkeys(heading for row in rows for heading in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, headings, restval="")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue().encode("gb18030")
