"""A record's shape is told by its keys alone, never by a file's name: the look-ups in the table of key sets.

The table has rows for each feed that is read; whoever is merely under enforcement must not enter the dishonest list.
"""

from collections.abc import Callable, Iterable, Mapping

from adapters.feeds.adapter import Row
from adapters.feeds.fields import Keys
from adapters.feeds.listings import COPIED, SPELLED_ANYHOW
from adapters.feeds.registry import ADAPTERS, TABLE
from adapters.feeds.units import without_units
from schemas.canonical import JsonObject, JsonValue
from schemas.catalog import DISHONEST_DEBTOR
from schemas.text import EMPTY_WORDS

# Of records that no row takes, since they have keys that nobody knows: (feed, keys that give it away)
OTHER_FEEDS: tuple[tuple[str, frozenset[str]], ...] = tuple(
    (feed, frozenset(keys))
    for feed, keys in (
        ("judgment-debtor", {"execMoney"}),  # 被执行人 and 终本
        ("judgment-debtor", {"unExecMoney"}),
        ("judgment-debtor", {"partyCardNum"}),
        ("judgment-debtor", {"pname", "caseCreateTime"}),
        ("judgment-debtor", {"pname", "exec_subject"}),
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

KNOWN_KEYS = frozenset().union(*(shape.known for shape in TABLE))
AMOUNTS = frozenset(key for shape in TABLE for key in shape.amounts)
FREE_TEXT = frozenset(key for shape in TABLE for key in shape.free_text)
_UNNAMED = ("column 1", "Unnamed: 0")  # row numbers, as programs put them before a table


def _of_each_feed(keys_of: Callable[[Row], Keys]) -> Mapping[str, Keys]:
    by_case = [adapter for adapter in ADAPTERS.values() if adapter.shapes or adapter.ids is None]
    return {one.feed: tuple(key for shape in one.shapes for key in keys_of(shape)) for one in by_case}


# The keys under which any list of a feed has case number and names.
CASE_KEYS = _of_each_feed(lambda shape: shape.case_number)
NAME_KEYS = _of_each_feed(lambda shape: shape.names)
_SPELLINGS = {key.replace("_", "").lower(): key for key in sorted(SPELLED_ANYHOW.known)}


# The orders of keys met before: a list has one or two. All of them are known, so that no stranger's keys are kept.
_MET: dict[tuple[str, ...], Row] = {}
_MOST_MET = 1000
_ZXGK_S_OWN = frozenset({"iname", "caseCode"})  # spelled as on the court's site: what such a record lacks, it lacks


def recognised(record: JsonObject) -> tuple[JsonObject, Row | None]:
    """The shape that the record has, and the record with its keys spelled as that shape's are."""
    if shape := shape_of(record):
        return record, shape
    bare = _respelled(record, str.strip) or record
    if shape := shape_of(bare):
        return bare, shape
    if (plain := without_units(bare)) and (shape := shape_of(plain)):
        return plain, shape
    respelled = None if bare.keys() >= _ZXGK_S_OWN else _respelled(bare, spelled_as_zxgk)
    if respelled and (shape := shape_of(respelled)):
        return respelled, shape
    return bare, None


def spelled_as_zxgk(key: str) -> str:
    """A key in capitals or in words joined by low lines as zxgk's lists have it; any other key as it is."""
    return _SPELLINGS.get(key.strip().replace("_", "").lower(), key)


def _respelled(record: JsonObject, spell: Callable[[str], str]) -> JsonObject | None:
    """The same record under other keys; None where that changes nothing, or makes two keys one."""
    keys = {key: spell(key) for key in record}
    if len(set(keys.values())) < len(keys) or all(key == other for key, other in keys.items()):
        return None
    return {keys[key]: value for key, value in record.items()}


def shape_of(record: JsonObject) -> Row | None:
    """The row whose keys the record has; it tells the feed too."""
    order = tuple(record)
    if shape := _MET.get(order):
        return shape
    keys = record.keys()
    for shape in TABLE:
        if shape.required <= keys <= shape.known and _tells(shape, keys):
            if len(_MET) >= _MOST_MET:
                _MET.clear()
            _MET[order] = shape
            return shape
    return next((shape for shape in TABLE if _passes(shape, record)), None)


def _tells(shape: Row, keys: Iterable[str]) -> bool:
    return all(not one.isdisjoint(keys) for one in shape.telling)


def _passes(shape: Row, record: JsonObject) -> bool:
    """Whether the shape's keys are there, and what is there besides says nothing about a debtor."""
    keys = record.keys()
    if not shape.required <= keys or not _tells(shape, keys):
        return False
    return all(says_nothing(key, record[key]) for key in keys - shape.known)


def says_nothing(key: str, value: JsonValue) -> bool:
    """Whether an unknown key may be passed over: it holds nothing, or is a mark of the copying machine."""
    if value in (None, [], {}) or (isinstance(value, str) and value.strip() in EMPTY_WORDS):
        return True
    if key in _UNNAMED:
        return str(value).strip().isdigit()
    return key == "upstate" or bool(COPIED.fullmatch(key))


def is_listing(record: JsonObject) -> bool:
    """Whether the keys are those of a listing of any feed, or of our own line."""
    return shape_of(record) is not None or "record_id" in record or other_feed(record) is not None


def other_feed(record: JsonObject, feed: str = DISHONEST_DEBTOR.name) -> str | None:
    """The feed that some keys give away, where no row has them all and it is another one than `feed`."""
    keys = record.keys()
    return next((other for other, telling in OTHER_FEEDS if other != feed and telling <= keys), None)


def is_fragment(record: JsonObject) -> bool:
    """Whether this is one person of a `qysler` list: part of a record, and not itself a listing."""
    return any(keys == record.keys() for keys in _FRAGMENT)
