"""The table of key sets: a record's shape is told by its keys alone, never by a file's name.

A listing shape is a row of `LISTINGS`: all required keys, and no key that the row does not know, since an unknown key
may say that the debtor was removed. Rows of `OTHER_FEEDS` only recognise what belongs elsewhere: a person merely under
enforcement must not enter the dishonest list.
"""

from collections.abc import Callable
from dataclasses import dataclass

from adapters.feeds.published import said_by_baidu, said_by_zxgk
from adapters.feeds.said import Said
from schemas.canonical import JsonObject

_NEEDED = frozenset({"iname", "caseCode", "cardNum", "courtName", "publishDate"})
_ZXGK = _NEEDED | {
    "id", "age", "sexy", "sexname", "businessEntity", "areaName", "partyTypeName", "gistId", "regDate", "gistUnit",
    "duty", "performance", "performedPart", "unperformPart", "disruptTypeName", "focusNumber", "qysler", "removeStatus",
}  # fmt: skip
_BAIDU = _ZXGK | {
    "StdStg", "StdStl", "type", "loc", "sitelink", "publishDateStamp", "lastmod", "_update_time", "_select_time",
    "_version", "areaNameNew", "SiteId", "changefreq", "priority", "cambrian_appid",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Shape:
    """A row: the keys that must be there, all keys that may be, and what they say."""

    name: str
    required: frozenset[str]
    known: frozenset[str]
    said: Callable[[JsonObject], Said]


LISTINGS = (
    Shape("zxgk", _NEEDED, _ZXGK, said_by_zxgk),
    Shape("baidu", _NEEDED | {"publishDateStamp"}, _BAIDU, said_by_baidu),
)

# (feed, keys that give it away)
OTHER_FEEDS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (feed, frozenset(keys))
    for feed, keys in (
        ("judgment-debtor", {"execMoney"}),  # 被执行人 and 终本
        ("judgment-debtor", {"unExecMoney"}),
        ("judgment-debtor", {"partyCardNum"}),
        ("judgment-debtor", {"pname", "caseCreateTime"}),
        ("judgment-debtor", {"PartyCardNum", "Biaodi"}),
        ("judgment-debtor", {"zname", "caseCreateTime"}),
        ("judgment-debtor", {"案号", "被执行人", "执行标的金额（元）"}),
        ("judgment-debtor", {"案号", "执行标的"}),
        ("judgment-debtor", {"案号", "未履行金额"}),
        ("consumption-restriction", {"xname", "caseCode"}),  # 限制高消费
        ("consumption-restriction", {"qyinfo", "caseCode"}),
        ("consumption-restriction", {"限制高消费企业名称", "案号"}),
        ("consumption-restriction", {"obligorType", "personName", "caseNumber"}),
    )
)

_FRAGMENT = (frozenset({"corporationtypename", "iname"}), frozenset({"cardNum", "corporationtypename", "iname"}))

KNOWN_KEYS = frozenset().union(*(shape.known for shape in LISTINGS))


def shape_of(record: JsonObject) -> Shape | None:
    """The listing shape that the keys have."""
    keys = record.keys()
    for shape in LISTINGS:
        if shape.required <= keys <= shape.known:
            return shape
    return None


def is_listing(record: JsonObject) -> bool:
    """Whether the keys are those of a listing of any feed, or of our own line."""
    return shape_of(record) is not None or "record_id" in record or other_feed(record) is not None


def other_feed(record: JsonObject, feed: str = "dishonest-debtor") -> str | None:
    """The feed that the keys belong to, where it is another one than `feed`."""
    keys = record.keys()
    if feed != "dishonest-debtor" and shape_of(record):
        return "dishonest-debtor"
    return next((other for other, telling in OTHER_FEEDS if other != feed and telling <= keys), None)


def is_fragment(record: JsonObject) -> bool:
    """Whether this is one person of a `qysler` list: part of a record, and not itself a listing."""
    return any(keys == record.keys() for keys in _FRAGMENT)


def trimmed(record: JsonObject) -> JsonObject:
    """The same record with blanks around its key names removed, where that makes no two keys one."""
    keys = {key: key.strip() for key in record}
    if len(set(keys.values())) < len(keys) or all(key == bare for key, bare in keys.items()):
        return record
    return {keys[key]: value for key, value in record.items()}
