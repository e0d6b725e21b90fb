"""The rows of a bank's line (names after the gf bindings of fukaixin333/learnGitbyGitHub)."""

from typing import Final

from adapters.lines.shape import Shape

RELEASE: Final = "04"  # KZCS: 01 freeze 冻结, 02 extend 续冻, 04 release 解除冻结, 06 deduct 扣划
AMOUNTS: Final = frozenset({"01", "06"})  # those whose outcome has an amount


def _names(text: str) -> frozenset[str]:
    return frozenset(text.split())


CXQQ: Final = Shape(
    "cxqq",
    {"BDHM": "number", "CKKSSJ": "moment", "CKJSSJ": "moment", "XZ": {"1", "2"}},
    ("BDHM", "XM", "DSRZJHM"),
)
KZZH: Final = Shape(
    "kzzh",
    {
        "KZLX": {"1", "2"},  # deposits 存款, other assets 非存款类金融资产
        "KZCS": {"01", "02", "04", "06"},
        "KZNR": {"1", "2"},  # the money in an account, the account
        "JE": "money", "SE": "share", "KSRQ": "day", "JSRQ": "day", "YDJDH": "number",
    },
    ("CCXH", "KZCS"),
)  # fmt: skip
KZQQ: Final = Shape("kzqq", {"BDHM": "number", "XZ": {"1", "2"}}, ("BDHM", "XM", "DSRZJHM"), lists={"kzzhlist": KZZH})

DJXX: Final = Shape(
    "djxx",
    {"DJJE": "money", "DJJZRQ": "day"},
    known=_names("BDHM CCXH CSXH ZCXH JRCPBH SFBDJ DJJG DJWH DJJE DJJZRQ BEIZ"),
)  # earlier freezes
QLXX: Final = Shape(
    "qlxx", {"QLJE": "money"}, known=_names("BDHM CCXH XH ZCXH JRCPBH QLLX QLR QLJE QLRDZ QLRLXFS BEIZ")
)  # rights of others
JRXX: Final = Shape(
    "jrxx",
    {"ZCDWJG": "share", "SE": "share", "KYSE": "share", "ZCZJE": "money", "XZXCRQ": "moment"},
    known=_names(
        "ZCXH ZCMC ZCLX CPXSZL DQH JRCPBH LCZH ZJHKZH ZCGLR ZCKFJY ZCJYXZ XZXCRQ ZYQR TGR SYR CLR SHR TGZH JLDW BZ "
        "ZCDWJG SE KYSE ZCZJE BEIZ"
    ),
)  # assets that are no deposits
WLXX: Final = Shape(
    "wlxx",
    {"JE": "money", "JYSJ": "moment"},
    known=_names(
        "WLXH JYZL ZJLX BZ JE JYSJ JYLSH ZCKZXM ZCKZH ZCKZHKHH JYDSYHHH JYDSZJLX JYDSZJHM JYDSTXDZ JYDSYZBM JYDSLXDH "
        "BEIZ"
    ),
)  # payments
GLXX: Final = Shape(
    "glxx", {"YE": "money", "KYYE": "money"}, known=_names("GLXH ZKHZH GLZHLB GLZHHM GLZHMC BZ YE KYYE BEIZ")
)  # sub-accounts
ZHXX: Final = Shape(
    "zhxx",
    {"BDHM": "number", "KHRQ": "moment", "XHRQ": "moment", "FKSJ": "moment", "YE": "money", "KYYE": "money"},
    ("BDHM", "KHZH"),
    _names("BDHM CCXH KHZH CCLB ZHZT KHWD KHWDDM KHRQ XHRQ BZ YE KYYE GLZJZH FKSJ TXDZ YZBM LXDH SFTZ BEIZ"),
    {"jrxxList": JRXX, "djxxList": DJXX, "wlxxList": WLXX, "qlxxList": QLXX, "glxxList": GLXX},
)
KZXX: Final = Shape(
    "kzxx",
    {
        "BDHM": "number",
        "KZZT": {"1", "2"},  # controlled, not controlled
        "YE": "money", "KYYE": "money", "DJXE": "money", "SKJE": "money", "CESKJE": "money", "SKSE": "share",
        "CSKSRQ": "day", "CSJSRQ": "day",
    },
    ("BDHM", "CCXH", "KZZT"),
    _names(
        "BDHM CCXH KHZH GLZHHM JRCPBH LCZH KZNR KZZT YE KYYE CSKSRQ CSJSRQ DJXE SKSE SKJE CESKJE WNKZYY BEIZ"
    ),
    {"djxxList": DJXX, "qlxxList": QLXX},
)  # fmt: skip
HZXX: Final = Shape("hzxx", {"BDHM": "number"}, ("BDHM", "WJMC", "WJLX"), _names("BDHM WJMC WJLX WSLB MD5"))
HTXX: Final = Shape("htxx", {"BDHM": "number"}, ("BDHM", "XCHTYY"), _names("BDHM XCHTYY XCHTBZ XCHTR XCHTDH"))
