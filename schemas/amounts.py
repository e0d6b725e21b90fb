"""Amounts of money (金额) as sources write them, as strings of yuan with two decimals.

A number, a text with separators, a Java double, ten thousands (万元), Chinese words: all are one spelling here, so that
the same amount makes no new version of a record.
"""

import re
from decimal import ROUND_HALF_UP, Decimal

from schemas.canonical import JsonValue
from schemas.text import EMPTY_WORDS, bare

LARGEST = Decimal(10**15)

_CENT = Decimal("0.01")
_MONEY_WORDS = re.compile("^(?:人民币|CNY|RMB)?¥?|(?:[元圆]整?|整)$")
_NUMBER = re.compile(r"(\d+(?:\.\d+)?(?:E\+?\d{1,2})?)(十亿|千万|百万|十万|亿|万|千)?", re.ASCII | re.IGNORECASE)
_SCALES = {
    "": 1,
    "千": 10**3,
    "万": 10**4,
    "十万": 10**5,
    "百万": 10**6,
    "千万": 10**7,
    "亿": 10**8,
    "十亿": 10**9,
}
_THOUSANDS = re.compile(r"\d{1,3}(?:,\d{3})+(?![\d,])[^,]*", re.ASCII)
_SCALED = re.compile("[万萬亿億]|[0-9.][十百千]+$")
_YUAN = re.compile("[元圆]整?$|整$")
_UNIT = re.compile(
    r"以?(?:人民币|CNY|RMB)?:?(十亿|千万|百万|十万|亿|万|千)?[元圆]?(?:人民币|CNY|RMB)?计?", re.IGNORECASE
)
_ZEROS = "零〇"
_DIGITS = {
    word: value for words in ("一二三四五六七八九", "壹贰叁肆伍陆柒捌玖") for value, word in enumerate(words, 1)
} | {
    "两": 2,
    "贰": 2,
}
_TENS = {"十": 10, "拾": 10, "百": 100, "佰": 100, "千": 1000, "仟": 1000}
_GROUPS = {"万": 10**4, "萬": 10**4, "亿": 10**8, "億": 10**8}


class UnreadableAmount(ValueError):
    """The value says something, and no amount. The message repeats nothing of it."""


def read_amount(value: JsonValue, unit: str = "") -> str | None:
    """The amount in yuan, or None where nothing is said. `unit` is the source's own word beside it: 元, 万元.

    It holds where the text says no scale of its own, and no 元; an unknown one stands against all but 元. Raises
    UnreadableAmount.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise UnreadableAmount("the amount is neither a number nor a text")
    text = bare(str(value))
    if text in EMPTY_WORDS:
        return None
    plain = _MONEY_WORDS.sub("", text)
    if "," in plain and not _THOUSANDS.fullmatch(plain):
        raise UnreadableAmount("the commas of the amount part no thousands")
    scale = 1 if _YUAN.search(text) else _scale(unit)
    amount = _read(plain.replace(",", "")) * (1 if _SCALED.search(plain) else scale)
    if amount >= LARGEST:
        raise UnreadableAmount("the amount is larger than any")
    return str(amount.quantize(_CENT, ROUND_HALF_UP))


def unit_of(text: str) -> str | None:
    """The unit that a text names, if amounts are read in it: 万元 for 万元人民币, 以万元计, 人民币：万元."""
    found = _UNIT.fullmatch(bare(text)) if bare(text) else None
    return f"{found[1] or ''}元" if found else None


def _read(text: str) -> Decimal:
    if found := _NUMBER.fullmatch(text):
        return Decimal(found[1]) * _SCALES[found[2] or ""]
    return Decimal(_read_words(text))


def _scale(unit: str) -> int:
    found = _UNIT.fullmatch(bare(unit))
    if found is None:
        raise UnreadableAmount("the unit of the amount is not known")
    return _SCALES[found[1] or ""]


def _read_words(text: str) -> int:
    """八千二百零八万六千六百五十七, 壹拾万, 十亿."""
    total = group = digit = 0
    for word in text:
        if word in _ZEROS:
            continue
        if word in _DIGITS and not digit:
            digit = _DIGITS[word]
        elif word in _TENS:
            group += (digit or 1) * _TENS[word]
            digit = 0
        elif word in _GROUPS and (total or group or digit):
            total = (
                (total + group + digit) * _GROUPS[word]
                if _GROUPS[word] > total
                else (total + (group + digit) * _GROUPS[word])
            )
            group = digit = 0
        else:
            raise UnreadableAmount("the text says no amount")
    if not text or not total + group + digit:
        raise UnreadableAmount("the text says no amount")
    return total + group + digit
