"""The words of the published lists, and what they mean."""

import re
from functools import lru_cache
from typing import Literal

from schemas.identifiers import Scheme
from schemas.records.debtor import Ground, Performance

# 法释〔2017〕7号 article 1, in its order; display texts differ a little between sources and years.
_GROUNDS: tuple[tuple[Ground, re.Pattern[str]], ...] = (
    ("able-but-refuses", re.compile("有(?:履行)?能力而?拒不履行")),
    ("obstructs", re.compile("伪造证据|暴力|威胁|妨碍|抗拒执行")),
    ("evades", re.compile("规避执行|虚假诉讼|虚假仲裁|隐匿|转移财产")),
    ("property-report", re.compile("财产报告")),
    ("consumption-order", re.compile("限制(?:高)?消费")),
    ("settlement", re.compile("和解协议")),
)
_ORDER: tuple[Ground, ...] = (*(ground for ground, _ in _GROUNDS), "other")
_BETWEEN = re.compile("[,，;；|\\r\\n]+")
_NO_GROUND = frozenset({"", "暂无", "无", "空", "null", "-"})

_PERFORMANCE: dict[str, Performance] = {
    "全部未履行": "none",
    "未履行": "none",
    "部分未履行": "partial",
    "部分履行": "partial",
    "部分已履行": "partial",
    "全部履行": "full",
    "全部已履行": "full",
    "已履行": "full",
    "": "unknown",
    "暂无": "unknown",
    "null": "unknown",
}

# How sources name the kind of a number (证件类型); a word that is not here names none.
SCHEMES: dict[str, Scheme] = {
    "身份证": "cn-id",
    "居民身份证": "cn-id",
    "统一社会信用代码": "cn-uscc",
    "组织机构代码": "cn-org",
    "注册号": "cn-reg",
    "工商注册号": "cn-reg",
    "护照": "passport",
    "1": "cn-id",
    "11": "cn-org",
}

SEXES: dict[str, Literal["male", "female"]] = {
    "男": "male",
    "男性": "male",
    "male": "male",
    "女": "female",
    "女性": "female",
    "female": "female",
}


@lru_cache(maxsize=1024)
def read_grounds(text: str) -> tuple[Ground, ...]:
    """The grounds (失信被执行人行为具体情形) in the law's order; words that are not known are `other`."""
    found = {_ground(part.strip()) for part in _BETWEEN.split(text) if part.strip() not in _NO_GROUND}
    return tuple(sorted(found, key=_ORDER.index))


def _ground(text: str) -> Ground:
    return next((ground for ground, pattern in _GROUNDS if pattern.search(text)), "other")


def read_performance(text: str) -> Performance | None:
    """How far the debtor has performed (履行情况); None for a word that is not known."""
    return _PERFORMANCE.get(text.strip())
