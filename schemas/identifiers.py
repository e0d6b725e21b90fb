"""Identifiers of persons and organisations: what a court wrote, read into scheme, value and check.

A scheme is told from structure, date and check character together, never from length alone and never from a region
table: libraries' tables refuse valid numbers whose region code is no longer in use. Rule M1: an identifier acts by
itself only where its check passes, and placeholders are refused here, since codes of zeros pass their checks.
"""

import re
import unicodedata
from datetime import date
from functools import lru_cache
from operator import mul
from typing import Literal, NamedTuple

from schemas.text import bare

Scheme = Literal[
    "cn-id",  # 公民身份号码, GB 11643; residence permits of the same build too
    "cn-uscc",  # 统一社会信用代码, GB 32100
    "cn-org",  # 组织机构代码, GB 11714, with its hyphen
    "cn-reg",  # 工商注册号
    "passport",
    "hk-macau-permit",  # 港澳居民来往内地通行证
    "foreign-resident-id",  # 外国人永久居留身份证, the older form
    "other",
]
Check = Literal["pass", "fail", "none"]

PERSONAL: frozenset[Scheme] = frozenset({"cn-id", "passport", "hk-macau-permit", "foreign-resident-id"})
CORPORATE: frozenset[Scheme] = frozenset({"cn-uscc", "cn-org", "cn-reg"})

ID_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
ID_CHECKS = "10X98765432"
USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
USCC_WEIGHTS = (1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28)
ORG_WEIGHTS = (3, 7, 9, 10, 5, 8, 4, 2)

_ID_ZEROS = ord("0") * sum(ID_WEIGHTS)  # what the digits' codes add to the weighted sum of the digits
_USCC_VALUE = {character: index for index, character in enumerate(USCC_ALPHABET)}
_ID = re.compile(r"[1-9]\d{5}(\d{4})(\d{2})(\d{2})\d{3}[\dX]", re.ASCII)
_LEGACY_ID = re.compile(r"[1-9]\d{5}(\d{2})(\d{2})(\d{2})\d{3}", re.ASCII)
_USCC = re.compile(r"[1-9ANY][1-9A-HJ-NPQRTUWXY]\d{6}[0-9A-HJ-NPQRTUWXY]{9}[0-9A-HJ-NPQRTUWXY]", re.ASCII)
_ORG = re.compile(r"([0-9A-Z]{8})-?([0-9X])", re.ASCII)
_REG = re.compile(r"\d{15}", re.ASCII)
_OLD_REG = re.compile(r"[^\d]*字第?\d+号")
_DOCUMENTS: tuple[tuple[re.Pattern[str], Scheme], ...] = (
    (re.compile(r"[EGDSP]\d{8}|E[A-Z]\d{7}", re.ASCII), "passport"),
    (re.compile(r"[HM]\d{8}(\d\d)?", re.ASCII), "hk-macau-permit"),
    (re.compile(r"[A-Z]{3}\d{12}", re.ASCII), "foreign-resident-id"),
)
# What is seen of a masked or cut number: 11-65 are the provinces, 71, 81-83 the regions outside the mainland.
_REGION = r"(?:1[1-5]|2[1-3]|3[1-7]|4[1-6]|5[0-4]|6[1-5]|71|8[1-3])\d{4}"
_ID_HEAD = re.compile(_REGION + r"(?:19|20)\d\d", re.ASCII)
_REGION_ALONE = re.compile(_REGION + r"\*", re.ASCII)  # a person's region, or a unit's department, kind and region
_USCC_HEAD = re.compile(r"[1-9ANY][1-9A-HJ-NPQRTUWXY]\d{4}", re.ASCII)
_MASKED_ORG = re.compile(r"[0-9A-Z*]{3,9}-[0-9X*]", re.ASCII)
_CUT_ID = re.compile(_ID_HEAD.pattern + r"\d{3}[\dX]", re.ASCII)  # stars stripped: region, year, last four
_MASKS = str.maketrans(dict.fromkeys("×✕✖●•○■□", "*"))
_LETTER_MASK = re.compile(r"X{3,}(?=.)")

_NOTHING = re.compile(r"[0\-/.]*|NULL|NONE|N/?A|NAN|无证?|暂无|空|不详|未知|没有")
_MARKS = re.compile(r"[^0-9A-Z]")
_RISING = "01234567890123456789"
_FALLING = _RISING[::-1]
_PLAIN = re.compile("[0-9A-Z]+")  # in its one spelling already
_SCIENTIFIC = re.compile(r"\d(\.\d+)?E\+?\d{2}", re.ASCII)
_ROUNDED = re.compile(r"[1-9]\d{14}000", re.ASCII)


class PlaceholderIdentifier(ValueError):
    """The text stands where an identifier should, and is none."""


class RoundedIdentifier(ValueError):
    """A spreadsheet kept 15 significant digits of the number; the rest is lost."""


class Identifier(NamedTuple):
    """`value` in canonical spelling; `masked` where characters are hidden, and then `check` is none."""

    scheme: Scheme
    value: str
    masked: bool
    check: Check


def id_passes(number: str) -> bool:
    """GB 11643-1999: structure, a date that exists, and the check character (ISO 7064, MOD 11-2)."""
    found = _ID.fullmatch(number)
    return found is not None and _is_date(*map(int, found.groups())) and id_check(number[:17]) == number[17]


def id_check(digits: str) -> str:
    """The check character of the 17 digits before it."""
    return ID_CHECKS[(sum(map(mul, ID_WEIGHTS, digits.encode())) - _ID_ZEROS) % 11]


def upgraded(legacy: str) -> str:
    """The 18-character form of a 15-digit legacy number: born in the 1900s, check character added."""
    digits = f"{legacy[:6]}19{legacy[6:]}"
    return digits + id_check(digits)


def uscc_passes(code: str) -> bool:
    """GB 32100-2015: alphabet, layout and check character; a remainder of 31 stands for 0."""
    if not _USCC.fullmatch(code):
        return False
    total = sum(map(mul, USCC_WEIGHTS, map(_USCC_VALUE.__getitem__, code)))  # the check character has no weight
    return USCC_ALPHABET[-total % 31] == code[17]


def org_passes(code: str) -> bool:
    """GB 11714-1997: eight characters and a check character, with the hyphen or without."""
    found = _ORG.fullmatch(code)
    if not found:
        return False
    total = sum(weight * int(character, 36) for weight, character in zip(ORG_WEIGHTS, found[1], strict=True))
    return "0X987654321"[total % 11] == found[2]


def reg_passes(number: str) -> bool:
    """The 15-digit registration number's check digit (ISO 7064, MOD 11,10)."""
    if not _REG.fullmatch(number):
        return False
    remainder = 10
    for digit in number[:14]:
        remainder = ((remainder + int(digit)) % 10 or 10) * 2 % 11
    return (remainder + int(number[14])) % 10 == 1


def org_code_of(uscc: str) -> str:
    """The organisation code inside a unified social credit code (characters 9 to 17), with its hyphen."""
    return f"{uscc[8:16]}-{uscc[16]}"


def birth_date(identifier: Identifier) -> date | None:
    """The birth date in a citizen number that passes its check; nothing is derived from any other."""
    if identifier.scheme != "cn-id" or identifier.check != "pass":
        return None
    return date(int(identifier.value[6:10]), int(identifier.value[10:12]), int(identifier.value[12:14]))


def birth_year_shown(identifier: Identifier) -> int | None:
    """The birth year that a citizen number shows, masked or not; None where a full number fails its check."""
    if identifier.scheme != "cn-id" or identifier.check == "fail" or not _ID_HEAD.match(identifier.value):
        return None
    return int(identifier.value[6:10])


@lru_cache(maxsize=4096)  # a debtor is listed once for each case, thirteen times and more
def read_identifier(text: str) -> Identifier | None:
    """What a source wrote, read; None where it wrote nothing.

    Raises `PlaceholderIdentifier` for zeros, runs and words that stand for nothing, `RoundedIdentifier` for what a
    spreadsheet spoiled. The messages hold no value.
    """
    if id_passes(text):  # the most frequent by far, and no placeholder has a date in it
        return Identifier("cn-id", text, masked=False, check="pass")
    folded = text if _PLAIN.fullmatch(text) else _folded(text)
    if not folded:
        return None
    if _is_placeholder(folded):
        raise PlaceholderIdentifier("a placeholder stands in place of an identifier")
    if len(folded) >= 12 and "XXX" in folded:
        folded = _LETTER_MASK.sub(lambda run: "*" * len(run[0]), folded)
    if "*" in folded:
        return _read_masked(folded)
    return _read_full(folded)


def _folded(text: str) -> str:
    folded = bare(text).upper().lstrip("'").replace("#", "*")
    # Capitals may make two letters of one, and a mark then stands behind another than before: ß¸.
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded).translate(_MASKS)


def _read_full(text: str) -> Identifier:
    if _SCIENTIFIC.fullmatch(text):
        raise RoundedIdentifier("a spreadsheet wrote the number in scientific form")
    if len(text) == 18:
        return _read_eighteen(text)
    if found := _ORG.fullmatch(text):
        return _read_nine(text, found)
    if _REG.fullmatch(text):
        return _read_fifteen(text)
    if _CUT_ID.fullmatch(text):
        return Identifier("cn-id", text, masked=True, check="none")
    if _OLD_REG.fullmatch(text):
        return Identifier("cn-reg", text, masked=False, check="none")
    for form, scheme in _DOCUMENTS:
        if form.fullmatch(text):
            return Identifier(scheme, text, masked=False, check="none")
    return Identifier("other", text, masked=False, check="none")


def _read_eighteen(text: str) -> Identifier:
    if id_passes(text):
        return Identifier("cn-id", text, masked=False, check="pass")
    if uscc_passes(text):
        return Identifier("cn-uscc", text, masked=False, check="pass")
    if _ROUNDED.fullmatch(text):
        raise RoundedIdentifier("the number ends in zeros and fails its check: a spreadsheet rounded it")
    found = _ID.fullmatch(text)
    if found and _is_date(*map(int, found.groups())):
        return Identifier("cn-id", text, masked=False, check="fail")
    if _USCC_HEAD.match(text):
        return Identifier("cn-uscc", text, masked=False, check="fail")
    return Identifier("other", text, masked=False, check="none")


def _read_nine(text: str, found: re.Match[str]) -> Identifier:
    """An organisation code; a document number of the same width where the check says that it is none."""
    passes = org_passes(text)
    if not passes and "-" not in text:
        for form, scheme in _DOCUMENTS:
            if form.fullmatch(text):
                return Identifier(scheme, text, masked=False, check="none")
    return Identifier("cn-org", f"{found[1]}-{found[2]}", masked=False, check="pass" if passes else "fail")


def _read_fifteen(text: str) -> Identifier:
    """A registration number, or a legacy citizen number, which has no check character and so never acts by itself."""
    if reg_passes(text):
        return Identifier("cn-reg", text, masked=False, check="pass")
    found = _LEGACY_ID.fullmatch(text)
    if found:
        year, month, day = map(int, found.groups())
        if _is_date(1900 + year, month, day):
            return Identifier("cn-id", upgraded(text), masked=False, check="none")
    return Identifier("cn-reg", text, masked=False, check="fail")


def _read_masked(text: str) -> Identifier:
    """Typed by what is seen, since masks of 18 and of 19 characters hide the same number."""
    if _MASKED_ORG.fullmatch(text):
        scheme: Scheme = "cn-org"
    elif _ID_HEAD.match(text) and (text[-1] in "0123456789X*"):
        scheme = "cn-id"
    elif _USCC_HEAD.match(text) and not _REGION_ALONE.match(text):
        scheme = "cn-uscc"
    else:
        scheme = "other"
    return Identifier(scheme, text, masked=True, check="none")


def _is_placeholder(text: str) -> bool:
    if _NOTHING.fullmatch(text):
        return True
    seen = _MARKS.sub("", text) if text.isascii() and not text.isalnum() else text
    if len(set(seen)) <= 1 or seen.strip("0X") in ("", "1"):
        return True
    if len(seen) >= 6 and (seen in _RISING or seen in _FALLING):
        return True
    return len(seen) == 18 and "*" not in text and set(seen[8:17]) == {"0"}


def _is_date(year: int, month: int, day: int) -> bool:
    if not 1850 <= year <= 2100:
        return False
    try:
        date(year, month, day)
    except ValueError:
        return False
    return True
