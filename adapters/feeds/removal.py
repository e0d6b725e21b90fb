"""Whether a record says of itself that the debtor is off the list. Read before all else (rule J5)."""

from collections.abc import Mapping
from typing import TypeAlias

from adapters.feeds.said import WrongValue, text
from schemas.canonical import JsonObject

# For each key the values that it may hold, in lower case, and whether the debtor is then off the list.
States: TypeAlias = Mapping[str, Mapping[str, bool]]

REMOVAL = frozenset(
    {"removeStatus", "isRemoved", "isDeleted", "isDelete", "deleted", "delFlag", "是否撤销", "是否删除"}
)
"""Keys that say it with yes or no, in any list."""

_YES_OR_NO = {
    **dict.fromkeys(("true", "1", "是", "yes"), True),
    **dict.fromkeys(("", "false", "0", "否", "no"), False),
}
_UPSTATE = "upstate"  # of the update and delete list: what is done with the record
_GONE = frozenset({"delete", "deleted", "del", "d", "remove", "removed", "-1"})


def is_removed(record: JsonObject, states: States) -> bool:
    """Raises `WrongValue` where a key that says it holds a word that is not known."""
    if REMOVAL.isdisjoint(record) and not states and _UPSTATE not in record:
        return False
    said = [_said(record, key, _YES_OR_NO) for key in record.keys() & REMOVAL]
    said += [_said(record, key, states[key]) for key in record.keys() & states.keys()]
    return any(said) or (_UPSTATE in record and _word(record, _UPSTATE) in _GONE)


def _said(record: JsonObject, key: str, words: Mapping[str, bool]) -> bool:
    word = _word(record, key)
    if word in words:
        return words[word]
    if not word:
        return False
    raise WrongValue(key)


def _word(record: JsonObject, key: str) -> str:
    value = record[key]
    return str(value).lower() if isinstance(value, bool) else text(record, key).strip().lower()
