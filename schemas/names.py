"""Names of persons (姓名) and organisations (名称): one spelling, and the key under which two names are equal.

Never by sound: homophones freeze the wrong people's accounts (闫 and 颜).
"""

import re
from typing import Literal, NamedTuple

from schemas.text import visible

NameKind = Literal["person", "organisation"]

# Characters of a name with a number behind it: the look for the number grows with their square.
LONGEST = 1000

_PLAIN_HAN = re.compile("[\u4e00-\u9fff]+")
_BRACKETS = str.maketrans({"(": "（", ")": "）"})
_BLANKS = re.compile(r"\s+")
# A blank goes unless it stands between two letters or digits of a Latin name.
_LOOSE_BLANK = re.compile(r"(?<![!-~]) | (?![!-~])")
_NEAR_HAN = re.compile("[\u2e80-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]")
# A number glued on behind a name: bare, behind a comma, or in brackets; a masked ID number too. A run of digits is
# taken whole or not at all: a run inside a name was tried in every partition, and thirty digits took for ever.
_GLUED_BEHIND = re.compile(r"(?<!\d)(?:（\s*\d[\d*]*+X?\s*）|[,:;、]?\s*\d[\d*]*+X?)++$", re.ASCII | re.IGNORECASE)
_GLUED_BEFORE = re.compile("^\\d[\\d*]*[,:;、.]?(?=[\u4e00-\u9fff]{2,4}$)", re.ASCII)
_MASK = re.compile(r"[*×●○]|^.{1,2}某.{0,2}$")
_NOBODY = frozenset({"", "-", "--", "/", "无", "空", "暂无", "不详", "未知", "null", "NULL", "None", "0"})

_PERSON = re.compile("[\u3400-\u9fff*×●○]{2,4}|[\u3400-\u9fff]+(?:·[\u3400-\u9fff]+)+")
_UNIT_END = re.compile(
    "(?:公司|集团|银行|支行|分行|医院|学校|大学|中学|小学|幼儿园|酒店|饭店|宾馆|中心|合作社|事务所|委员会|协会|基金会|政府"
    "|工作室|经营部|门市部|批发部|项目部|商行|超市|（有限合伙）|（普通合伙）|厂|店)$|公司"
)
_LONG_UNIT_END = re.compile("[行社部院所局处站场馆矿会队城坊庄园村组吧]$")
_LATIN_UNIT = re.compile(r"\b(?:LTD|LIMITED|INC|CO|CORP|LLC|GMBH)\b\.?$", re.IGNORECASE)
_DOTS = str.maketrans(dict.fromkeys("•‧・∙.．⋅", "·"))


class Name(NamedTuple):
    """`masked` where characters are hidden (周*, 张某); `digits_removed` where a source had glued a number on."""

    value: str
    masked: bool
    digits_removed: bool


def read_name(text: str) -> Name | None:
    """A name as a source wrote it, in its one spelling; None where it names nobody."""
    if _PLAIN_HAN.fullmatch(text):
        if text in _NOBODY:
            return None
        return Name(text, masked="某" in text and bool(_MASK.search(text)), digits_removed=False)
    value, digits_removed = _spell(text)
    if value in _NOBODY:
        return None
    return Name(value, masked=bool(_MASK.search(value)), digits_removed=digits_removed)


def normalise_name(text: str) -> str:
    """The one spelling of a name: NFKC, brackets full-width, no inner blanks in Han names, no glued digits.

    Idempotent. Empty where the text names nobody.
    """
    name = read_name(text)
    return name.value if name else ""


def name_key(text: str) -> str:
    """Two names are equal where their keys are: as `normalise_name`, but case and kind of dot do not count."""
    return normalise_name(text).translate(_DOTS).casefold()


def kind_of_name(name: str) -> NameKind | None:
    """What a normalised name looks like; None where it could be either."""
    if (len(name) >= 4 and _UNIT_END.search(name)) or (len(name) >= 5 and _LONG_UNIT_END.search(name)):
        return "organisation"
    if _LATIN_UNIT.search(name):
        return "organisation"
    if _PERSON.fullmatch(name) and not _UNIT_END.search(name):
        return "person"
    return None


def _spell(text: str) -> tuple[str, bool]:
    digits_removed = False
    before = ""
    value = text
    while value != before:  # removing one thing may bring two others together
        before = value
        value = _BLANKS.sub(" ", visible(value)).strip().translate(_BRACKETS)
        if _NEAR_HAN.search(value):
            value = _LOOSE_BLANK.sub("", value)
            bare = value if len(value) > LONGEST else _GLUED_BEFORE.sub("", _GLUED_BEHIND.sub("", value))
            if bare and bare != value and _NEAR_HAN.search(bare):
                value, digits_removed = bare, True
    return value, digits_removed
