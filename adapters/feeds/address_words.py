"""The words of registries and banks about a party's addresses, and what they mean."""

import re

from schemas.records.address import Consent, Occasion, PartyState
from schemas.records.service_result import Outcome, Return, Use
from schemas.text import said, visible

_NOTE = re.compile(r"[(（].*")
_BETWEEN = re.compile(r"[\s,，、;；/]+")


def bare_word(text: str) -> str:
    """Without blanks, marks between its parts and a note in brackets: 存续（在营、开业、在册） is 存续."""
    return _BETWEEN.sub("", _NOTE.sub("", visible(said(text) or ""))).lower()


STATES: dict[str, PartyState] = {
    **dict.fromkeys(("存续", "在营", "开业", "在册", "在业", "正常", "已开业", "恢复营业", "operating"), "operating"),
    **dict.fromkeys(("歇业", "歇业中", "已歇业", "suspended"), "suspended"),
    **dict.fromkeys(("吊销", "已吊销", "吊销未注销", "licence-revoked"), "licence-revoked"),
    **dict.fromkeys(("迁出", "已迁出", "moved-out"), "moved-out"),
    **dict.fromkeys(("注销", "已注销", "吊销已注销", "简易注销", "deregistered"), "deregistered"),
    "unknown": "unknown",
}

OCCASIONS: dict[str, Occasion] = {
    **dict.fromkeys(("设立登记", "设立", "开业登记", "registration"), "registration"),
    **dict.fromkeys(("变更登记", "变更", "变更备案", "住所变更", "地址变更", "送达地址变更", "change"), "change"),
    **dict.fromkeys(("歇业备案", "歇业", "suspension"), "suspension"),
    **dict.fromkeys(("恢复营业", "终止歇业", "歇业终止", "resumption"), "resumption"),
    **dict.fromkeys(("注销登记", "注销", "简易注销登记", "简易注销", "deregistration"), "deregistration"),
    **dict.fromkeys(("送达地址确认", "地址确认", "合同确认", "确认", "confirmation"), "confirmation"),
}

CONSENTS: dict[str, Consent] = {
    **dict.fromkeys(("是", "同意", "已同意", "接受", "y", "yes", "true", "1", "given"), "given"),
    **dict.fromkeys(
        ("否", "不同意", "未同意", "拒绝", "不接受", "撤回", "已撤回", "撤回同意", "n", "no", "false", "0", "refused"),
        "refused",
    ),
    **dict.fromkeys(("", "未填写", "unstated"), "unstated"),
}

USES: dict[str, Use] = {
    **dict.fromkeys(("住所", "登记住所", "domicile"), "domicile"),
    **dict.fromkeys(("备用送达地址", "备用地址", "备用", "spare"), "spare"),
    **dict.fromkeys(("法律文书送达地址", "歇业送达地址", "while-suspended"), "while-suspended"),
    **dict.fromkeys(("合同确认地址", "确认送达地址", "confirmed"), "confirmed"),
    **dict.fromkeys(("电子邮箱", "电子邮件", "电子送达地址", "email"), "email"),
}

OUTCOMES: dict[str, Outcome] = {
    **dict.fromkeys(("已送达", "送达", "妥投", "签收", "已签收", "served"), "served"),
    **dict.fromkeys(("退回", "已退回", "退件", "未送达", "未妥投", "returned"), "returned"),
}

RETURNS: dict[str, Return] = {
    **dict.fromkeys(("迁移新址不明", "迁址不明", "moved"), "moved"),
    **dict.fromkeys(("原址查无此人", "查无此人", "查无此单位", "原址查无此单位", "unknown-there"), "unknown-there"),
    **dict.fromkeys(("地址欠详", "地址不详", "address-insufficient"), "address-insufficient"),
    **dict.fromkeys(("无此地址", "查无此址", "no-such-address"), "no-such-address"),
    **dict.fromkeys(("拒收", "拒绝签收", "refused"), "refused"),
    **dict.fromkeys(("逾期未领", "无人领取", "unclaimed"), "unclaimed"),
    **dict.fromkeys(("邮件退回", "无法投递", "undeliverable"), "undeliverable"),
    **dict.fromkeys(("其他", "other"), "other"),
}
