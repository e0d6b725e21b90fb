"""The lists beside that of dishonest debtors, feed by feed: a record read, and the ids that a withdrawal names."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import date

from adapters.feeds import enforcement_shapes, restriction_shapes
from adapters.feeds.enforcement import enforcement
from adapters.feeds.own import KINDS
from adapters.feeds.restriction import restriction
from adapters.feeds.rows import said_in
from schemas.canonical import JsonObject, JsonValue
from schemas.case_number import normalise_case_number
from schemas.catalog import CONSUMPTION_RESTRICTION, JUDGMENT_DEBTOR, Record
from schemas.names import normalise_name
from schemas.record_id import is_record_id, record_id

OTHER_LISTS = frozenset({CONSUMPTION_RESTRICTION.name, JUDGMENT_DEBTOR.name})

# Where the shapes of these lists have the case number, and whom they are about.
_NUMBERS = ("case_number", "caseCode", "caseNumber", "Anno", "案号", "case")
_NAMES = (
    "name", "pname", "zname", "xname", "qyinfo", "companyName", "personName", "obligorName", "Name",
    "限制高消费企业名称", "被执行人姓名/名称",
)  # fmt: skip


def read_other_list(feed: str, record: JsonObject, raw: bytes, *, record_key: bytes, today: date) -> Record:
    """The canonical record of one of `OTHER_LISTS`. Raises `Refused`, `WrongValue`."""
    if feed == CONSUMPTION_RESTRICTION.name:
        order = said_in(feed, record, restriction_shapes.RESTRICTIONS, restriction_shapes.said_by_us)
        return restriction(order, raw, record_key=record_key, today=today)
    enforced = said_in(feed, record, enforcement_shapes.ENFORCEMENTS, enforcement_shapes.said_by_us)
    return enforcement(enforced, raw, record_key=record_key, today=today)


def named_ids(record: JsonObject, feed: str, record_key: bytes) -> tuple[str, ...]:
    """The ids that a withdrawal names: its own, or those of everybody whom it names in its case, of each kind.

    An order may be listed once for the unit and once for its person, and is lifted for both (rule J5: nothing else in a
    withdrawal can be wrong). Empty where it names no record.
    """
    own = record.get("record_id")
    if isinstance(own, str) and is_record_id(own):
        return (own,)
    case, subject, subjects = record.get("case"), record.get("subject"), record.get("subjects")
    told = (*_texts(record, _NUMBERS), *_texts(case, ("number",)))
    number = normalise_case_number(told[0]) if told else ""
    places = (record, subject, *(subjects if isinstance(subjects, list) else ()))
    names = dict.fromkeys(normalise_name(name) for place in places for name in _texts(place, _NAMES))
    if not number:
        return ()
    return tuple(record_id(record_key, feed, number, kind, name) for name in names if name for kind in KINDS)


def _texts(place: JsonValue, keys: Iterable[str]) -> Iterator[str]:
    if isinstance(place, Mapping):
        yield from (value for key in keys if isinstance(value := place.get(key), str) and value)
