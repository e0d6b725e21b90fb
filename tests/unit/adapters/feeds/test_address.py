"""`service-address` (送达地址): a registry's tables, a bank's and our own line, each with its quirks."""

from datetime import date
from typing import Any

import orjson
import pytest

from schemas.catalog import SERVICE_ADDRESS
from schemas.identifiers import id_check
from schemas.reading import Accepted, Rejected, Withdrawal
from schemas.records.address import ServiceAddress
from schemas.slots import flatten
from tests.unit.adapters.feeds.reading import Reading
from tests.unit.adapters.feeds.tables import as_csv, as_xlsx

FEED = "service-address"
UNIT, CODE = "焦城试验有限公司", "91999999MA3X12345U"
PERSON, NUMBER = "苏嘉川", "99999919800101001" + id_check("99999919800101001")
REGISTRY: dict[str, Any] = {
    "统一社会信用代码": CODE, "企业名称": UNIT, "住所": "焦作市山阳区丰收路1号", "邮政编码": "454000",
    "备用送达地址": "焦作市山阳区解放路2号", "电子邮箱": "law@example.cn", "是否同意电子送达": "是",
    "同意电子送达时间": "2026-01-05 09:30:00", "联系人": "钱某", "联系电话": "0391-0000000",
    "登记状态": "存续（在营、开业、在册）", "业务类型": "变更登记", "核准日期": "2026年01月06日",
    "成立日期": "2019-03-01",
}  # fmt: skip
COLUMNS: dict[str, Any] = {
    "UNISCID": CODE, "ENTNAME": UNIT, "DOM": "焦作市山阳区丰收路1号", "POSTALCODE": "454000", "REGSTATE": "1",
    "REGSTATE_CN": "存续（在营、开业、在册）", "APPRDATE": "2026-01-06", "ESTDATE": "2019-03-01", "OPSCOPE": "机械",
    "EMAIL": "law@example.cn", "LAW_SEND_ADDR": "焦作市山阳区解放路2号", "REGORG_CN": "山阳区市场监督管理局",
}  # fmt: skip
LOAN: dict[str, Any] = {
    "合同编号": "焦商银借字（2025）第8号", "借款人": PERSON, "证件号码": NUMBER,
    "确认送达地址": "焦作市解放区民主路3号", "邮编": "454001", "联系电话": "13900000000", "电子邮箱": "",
    "签订日期": "2025-05-01", "贷款银行": "某银行",
}  # fmt: skip


READING = Reading(FEED, ServiceAddress)
items, one, record, code = READING.items, READING.one, READING.record, READING.code


def warned(found: ServiceAddress) -> set[str]:
    return {one.code for one in found.warnings}


def test_a_registry_row_states_domicile_spare_address_email_and_contact() -> None:
    found = record(REGISTRY)
    assert (found.subject.kind, found.subject.name, found.subject.identifiers[0].value) == ("organisation", UNIT, CODE)
    assert (found.occasion, found.state, found.effective_from) == ("change", "operating", date(2026, 1, 6))
    assert (found.domicile.address, found.domicile.postcode) == ("焦作市山阳区丰收路1号", "454000")
    assert (found.spare.address, found.while_suspended.address) == ("焦作市山阳区解放路2号", None)
    assert found.electronic.model_dump() == {
        "email": "law@example.cn", "consent": "given", "consented_at": "2026-01-05T01:30:00.000Z",
    }  # fmt: skip
    assert (found.contact.name, found.contact.phone) == ("钱某", "0391-0000000")
    assert (found.loan.number, warned(found)) == (None, set())


@pytest.mark.parametrize(
    "spell", [str, str.lower, {"UNISCID": "uniscId", "ENTNAME": "entName", "DOM": "dom", "POSTALCODE": "postalCode",
              "REGSTATE": "regState", "REGSTATE_CN": "regState_CN", "APPRDATE": "apprDate", "ESTDATE": "estDate",
              "OPSCOPE": "opScope", "EMAIL": "email", "LAW_SEND_ADDR": "lawSendAddr", "REGORG_CN": "regOrg_CN"}.get],
)  # fmt: skip
def test_national_column_names_in_any_spelling(spell) -> None:
    found = record({spell(key): value for key, value in COLUMNS.items()})
    assert (found.domicile.address, found.spare.address) == ("焦作市山阳区丰收路1号", "焦作市山阳区解放路2号")
    assert (found.state, found.effective_from) == ("operating", date(2026, 1, 6))
    assert found.electronic.consent == "unstated"
    assert found.record_id == record(COLUMNS).record_id


def test_a_bank_states_what_its_borrower_confirmed_in_a_contract() -> None:
    found = record(LOAN)
    assert (found.occasion, found.state, found.subject.kind) == ("confirmation", "unknown", "person")
    assert (found.loan.number, found.loan.lender) == ("焦商银借字（2025）第8号", "某银行")
    assert (found.confirmed.address, found.confirmed.postcode) == ("焦作市解放区民主路3号", "454001")
    assert (found.domicile.address, found.effective_from) == (None, date(2025, 5, 1))
    assert record(LOAN, 合同编号="另一份").record_id != found.record_id


def test_tables_say_the_same_as_json() -> None:
    rows = [list(REGISTRY), list(REGISTRY.values())]
    whole = record(REGISTRY)
    for data in (as_csv(rows), as_csv(rows, "gb18030"), as_xlsx(rows), as_csv([["送达地址登记表"], *rows])):
        (item,) = items(data)
        assert isinstance(item, Accepted), item
        assert item.record.model_copy(update={"source": whole.source}) == whole


def test_a_suspended_party_is_served_at_the_address_that_takes_the_domiciles_place_until_its_last_day() -> None:
    found = record(
        REGISTRY, 登记状态="歇业", 业务类型="歇业备案", 备用送达地址="", 法律文书送达地址="焦作市马村区文昌路4号",
        歇业开始日期="2026-03-01", 歇业截止日期="2027-02-28",
    )  # fmt: skip
    assert (found.state, found.while_suspended.address, found.spare.address) == (
        "suspended", "焦作市马村区文昌路4号", None,
    )  # fmt: skip
    assert (found.effective_from, found.effective_until) == (date(2026, 3, 1), date(2027, 2, 28))


def test_days_of_a_suspension_that_is_over_are_not_those_of_the_row() -> None:
    found = record(REGISTRY, 法律文书送达地址="焦作市马村区文昌路4号", 备用送达地址="", 歇业开始日期="2027-03-01")
    assert (found.effective_from, found.effective_until) == (date(2026, 1, 6), None)
    assert found.spare.address == "焦作市马村区文昌路4号"


def test_a_deregistered_party_has_the_day_of_its_end() -> None:
    found = record(REGISTRY, 登记状态="注销", 业务类型="注销登记", 注销日期="2026-06-30")
    assert (found.state, found.occasion, found.effective_from) == ("deregistered", "deregistration", date(2026, 6, 30))


@pytest.mark.parametrize(
    ("word", "state"),
    [("吊销，未注销", "licence-revoked"), ("吊销,已注销", "deregistered"), ("在业", "operating"), ("迁出", "moved-out"),
     ("停产", "unknown")],
)  # fmt: skip
def test_words_of_the_state(word: str, state: str) -> None:
    found = record(REGISTRY, 登记状态=word)
    assert found.state == state
    assert ("state-unknown" in warned(found)) == (state == "unknown")


@pytest.mark.parametrize(
    ("said", "consent", "at"),
    [
        ({"是否同意电子送达": "否"}, "refused", "2026-01-05T01:30:00.000Z"),
        ({"是否同意电子送达": "撤回同意"}, "refused", "2026-01-05T01:30:00.000Z"),
        ({"是否同意电子送达": "", "同意电子送达时间": "2026年1月5日"}, "given", "2026-01-05"),
        ({"是否同意电子送达": "是", "同意电子送达时间": ""}, "given", None),
        ({"是否同意电子送达": "", "同意电子送达时间": ""}, "unstated", None),
        (
            {"是否同意电子送达": "是", "同意电子送达时间": "2026-01-05T09:30:00+08:00"},
            "given",
            "2026-01-05T01:30:00.000Z",
        ),
        ({"是否同意电子送达": "是", "同意电子送达时间": "2027-01-05"}, "given", None),  # not yet
    ],
)
def test_consent_and_its_time(said: dict[str, str], consent: str, at: str | None) -> None:
    found = record(REGISTRY, **said)
    assert (found.electronic.consent, found.electronic.consented_at) == (consent, at)


def test_what_cannot_be_read_is_null_with_a_warning_and_rejects_nothing() -> None:
    found = record(REGISTRY, 电子邮箱="见附件", 邮政编码="45400", 是否同意电子送达="也许", 业务类型="其他事项")
    assert (found.electronic.email, found.domicile.postcode, found.occasion) == (None, None, None)
    assert warned(found) == {"email-unreadable", "odd-postcode", "consent-unknown", "occasion-unknown"}
    assert record(REGISTRY, 电子邮箱="law＠example.cn").electronic.email == "law@example.cn"


@pytest.mark.parametrize(
    ("source", "changed", "expected"),
    [
        (REGISTRY, {"统一社会信用代码": CODE[:-1] + "V"}, "no-identifier"),
        (LOAN, {"证件号码": "999999********0011"}, "no-identifier"),
        (LOAN, {"证件号码": "", "借款人": ""}, "no-subject"),
        (LOAN, {"证件号码": 1.2e17}, "rounded-identifier"),
        (REGISTRY, {"核准日期": "", "成立日期": "2019-02-30"}, "no-effective-date"),
        (REGISTRY, {"生效日期": "2026-02-01", "失效日期": "2026-01-31"}, "period-reversed"),
        (REGISTRY, {"备注": "地址已变"}, "unknown-shape"),
        (REGISTRY, {"住所": "閿熸枻鎷烽敓鏂ゆ嫹"}, "garbled-text"),
    ],
)
def test_refusals(source: dict[str, Any], changed: dict[str, Any], expected: str) -> None:
    item = one(source, **changed)
    assert isinstance(item, Rejected)
    assert item.code == expected
    assert not [value for value in (CODE, NUMBER, UNIT, PERSON, "丰收路", "民主路") if value in item.reason], "P1"


def test_two_changes_are_two_statements_and_the_same_one_again_is_one() -> None:
    first = record(REGISTRY)
    assert record(REGISTRY, 住所="别处").record_id == first.record_id, "a correction of the same statement"
    assert record(REGISTRY, 核准日期="2026-01-07").record_id != first.record_id
    assert record(REGISTRY, 业务流水号="2").record_id != first.record_id, "two changes on one day"


def test_our_own_line_is_read_back() -> None:
    found = record(REGISTRY, 登记状态="歇业", 法律文书送达地址="焦作市马村区文昌路4号", 歇业开始日期="2026-03-01")
    line = orjson.loads(found.model_dump_json())
    again = record(line)
    assert flatten(orjson.loads(again.model_dump_json()), SERVICE_ADDRESS.slots) == flatten(line, SERVICE_ADDRESS.slots)
    assert again.record_id == found.record_id
    del line["record_id"]
    assert record(line).record_id == found.record_id, "made of what it says"
    assert code(line, effective_until="2020-01-01") == "invalid-record"
    assert code(line, feed="judgment-debtor") == "wrong-feed"


def test_a_withdrawal_names_the_party_and_the_day_or_the_record() -> None:
    found = record(LOAN)
    short = {"identifier": NUMBER, "effective_from": "2025-05-01", "loan_number": "焦商银借字（2025）第8号"}
    for line in (
        {"record_id": found.record_id}, short, {**LOAN, "是否撤销": "是"}, {**LOAN, "是否撤销": "是", "联系电话": 1.5},
    ):  # fmt: skip
        item = one(line if "是否撤销" in line else {**line, "status": "withdrawn"})
        assert isinstance(item, Withdrawal), item
        assert item.record_ids == (found.record_id,)
    assert code({"identifier": NUMBER, "status": "withdrawn"}) == "withdrawal-without-key"
    assert (
        code({"identifier": "见附件", "effective_from": "2025-05-01", "status": "withdrawn"})
        == "withdrawal-without-key"
    )


def test_a_list_in_the_wrong_feed_is_told_by_its_keys() -> None:
    for other in ("dishonest-debtor", "judgment-debtor", "service-result"):
        (item,) = items(orjson.dumps(REGISTRY), other)
        assert isinstance(item, Rejected)
        assert item.code == "wrong-feed"
