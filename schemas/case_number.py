"""Case numbers (案号). 法〔2015〕137号 gives the new style, （2019）皖1122执3591号; older ones (字第) keep theirs."""

import re
from functools import lru_cache

from schemas.text import bare

_OPEN = str.maketrans({"(": "（", ")": "）", "[": "（", "]": "）", "〔": "（", "〕": "）", "【": "（", "】": "）"})
_HAN = "[\u4e00-\u9fff]+"
# Year, court code, type code, serial; the court code may hold two to four digits.
_NEW_STYLE = re.compile(f"（?(\\d{{4}})）?({_HAN}(?:\\d{{2,4}}{_HAN})?)0*([1-9]\\d*)(号.*)", re.ASCII)
# Most numbers: nothing in them but the brackets has another form.
_PLAIN = re.compile("[(（]\\d{4}[)）][\\d\u4e00-\u9fff]+", re.ASCII)
_CASE_NUMBER = re.compile(r"（\d{4}）.+号.{0,4}", re.ASCII)
_NONE = frozenset({"", "-", "--", "0", "无", "暂无", "空", "null", "NULL", "None"})


@lru_cache(maxsize=4096)
def normalise_case_number(text: str) -> str:
    """Full-width brackets, no blanks; in the new style no leading zeros in the serial. Idempotent, empty for nothing.

    Numbers of arbitration boards and notaries pass through the same way and keep their own form.
    """
    plain = _PLAIN.fullmatch(text)
    number = f"（{text[1:5]}）{text[6:]}" if plain else bare(text).translate(_OPEN)
    if number in _NONE:
        return ""
    found = _NEW_STYLE.fullmatch(number)
    if not found or "字" in found[2] or "第" in found[2]:
        return number
    return f"（{found[1]}）{found[2]}{found[3]}{found[4]}"


def looks_like_case_number(text: str) -> bool:
    """Whether a normalised text has the build of a court's case number."""
    return bool(_CASE_NUMBER.fullmatch(text))
