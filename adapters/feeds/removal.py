"""Whether a record says of itself that the debtor is off the list, and why. Read before all else (rule J5)."""

from collections.abc import Mapping
from typing import TypeAlias

from adapters.feeds import labels
from adapters.feeds.said import WrongValue, text
from schemas.canonical import JsonObject
from schemas.text import EMPTY_WORDS
from schemas.withdrawal_reasons import reason_in

# For each key the values that it may hold, in lower case, and whether the debtor is then off the list.
States: TypeAlias = Mapping[str, Mapping[str, bool]]

_SAID_SO = frozenset(
    {"removeStatus", "isRemoved", "isDeleted", "isDelete", "deleted", "delFlag", "是否撤销", "是否删除"}
)
_REASONS = frozenset(
    {"removeReason", "deleteReason", "删除原因", "撤销原因", "屏蔽原因", "撤下原因", "移除原因", "退出原因", "解除原因"}
)
REMOVAL = _SAID_SO | _REASONS
"""Keys that say it in any list: with yes or no, or by giving a reason."""

_YES_OR_NO = {
    **dict.fromkeys(("true", "1", "是", "yes"), True),
    **dict.fromkeys(("", "false", "0", "否", "no"), False),
}
_UPSTATE = "upstate"  # of the update and delete list: what is done with the record
_GONE = frozenset({"delete", "deleted", "del", "d", "remove", "removed", "-1"})


def is_removed(record: JsonObject, states: States | None) -> bool:
    """`states` are those of the record's key set, None where that is not known.

    Raises `WrongValue` where a key that says it holds a word that is not known.
    """
    if states is None:  # another key is odd: a word that can only mean removal counts all the same
        states = {}
        state = record.get(labels.STATE_KEY)
        if isinstance(state, str) and state.strip() in labels.GONE:
            return True
    if REMOVAL.isdisjoint(record) and not states and _UPSTATE not in record:
        return False
    said = [_said(record, key, _YES_OR_NO) for key in record.keys() & _SAID_SO]
    said += [_said(record, key, states[key]) for key in record.keys() & states.keys()]
    if any(said) or (_UPSTATE in record and _word(record, _UPSTATE) in _GONE):
        return True  # whatever stands where the reason would
    return any(_word(record, key) not in EMPTY_WORDS for key in record.keys() & _REASONS)


def removal_reason(record: JsonObject) -> str | None:
    """Why it is taken back: a code where the words have one. Our own line may say it in words of its own.

    What is no text tells no reason, and stops no withdrawal.
    """
    own = record.get("status_reason")
    if isinstance(own, str):
        return reason_in(own) or own
    said = [record[key] for key in (*sorted(record.keys() & _REASONS), labels.STATE_KEY) if key in record]
    return next((code for one in said if isinstance(one, str) and (code := reason_in(one))), None)


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
