"""The two published shapes of the national list: the court's own site (zxgk) and a search engine's copy (Baidu)."""

import re
from operator import itemgetter

from adapters.feeds.said import Said, SaidIdentifier, SaidPerson, WrongValue, text
from adapters.feeds.vocabulary import read_grounds, read_performance
from schemas.canonical import JsonObject
from schemas.names import read_name

HEAD_OF_UNIT = "法定代表人或者负责人"  # the label of `businessEntity`
_DETAIL = re.compile(r"[?&]id=(\d{1,20})(?:&|$)", re.ASCII)
_YES = frozenset({"true", "1", "是", "yes"})
_NO = frozenset({"", "false", "0", "否", "no"})


# Fetched in one go; what a record lacks is nothing.
_FIELDS = (
    "caseCode", "iname", "cardNum", "age", "sexy", "sexname", "courtName", "areaName", "gistUnit", "duty",
    "performance", "performedPart", "unperformPart", "disruptTypeName",
)  # fmt: skip
_ABSENT = dict.fromkeys(_FIELDS, "")
_FETCH = itemgetter(*_FIELDS)


def said_by_zxgk(record: JsonObject) -> Said:
    """Raises `WrongValue` where a field holds neither text nor a whole number."""
    return _said(record, "zxgk", text(record, "id"))


def said_by_baidu(record: JsonObject) -> Said:
    """As zxgk; the record's number there stands in `loc`. Raises `WrongValue`."""
    loc = text(record, "loc")
    detail = _DETAIL.search(loc)
    return _said(record, "baidu", detail[1] if detail else loc)


def _said(record: JsonObject, system: str, number: str) -> Said:
    found = _FETCH(_ABSENT | record)
    texts = [one if type(one) is str else text(record, name) for name, one in zip(_FIELDS, found, strict=True)]
    case_number, name, card, age, sex, sex_name, court, province, issuer, duty, performance, done, left, grounds = texts
    responsible = _responsible(record) if record.get("businessEntity") or record.get("qysler") else ()
    return Said(
        system=system,
        record=number,
        case_number=case_number,
        name=name,
        identifiers=(SaidIdentifier(card),),
        age=age,
        sex=sex or sex_name,
        court=court,
        province=province,
        filed_on=record.get("regDate"),
        basis=_basis(record, issuer),
        obligation=duty,
        performance=read_performance(performance),
        performed=done,
        unperformed=left,
        grounds=read_grounds(grounds),
        published_on=record.get("publishDate"),
        responsible=responsible,
        unit_fields=bool(responsible),
    )


def _basis(record: JsonObject, issuer: str) -> tuple[tuple[str, str], ...]:
    """`gistId` is a text, or a list of them."""
    numbers = record.get("gistId")
    if not isinstance(numbers, list):
        return ((text(record, "gistId"), issuer),)
    if not all(isinstance(number, str) for number in numbers):
        raise WrongValue("gistId")
    return tuple((str(number), issuer) for number in numbers)


def _responsible(record: JsonObject) -> tuple[SaidPerson, ...]:
    """`qysler`, and `businessEntity` where that list does not name the same person."""
    listed = record.get("qysler")
    people: list[SaidPerson] = []
    if listed not in (None, ""):
        if not isinstance(listed, list):
            raise WrongValue("qysler")
        for one in listed:
            if not isinstance(one, dict):
                raise WrongValue("qysler")
            name, number = text(one, "iname"), text(one, "cardNum")
            people.append(SaidPerson(name, text(one, "corporationtypename"), (SaidIdentifier(number),)))
    if (head := read_name(text(record, "businessEntity"))) and all(head != read_name(one.name) for one in people):
        people.append(SaidPerson(head.value, HEAD_OF_UNIT, ()))
    return tuple(one for one in people if read_name(one.name))


def is_removed(record: JsonObject) -> bool:
    """Whether `removeStatus` says that the debtor is off the list. Raises `WrongValue`."""
    value = record.get("removeStatus")
    if value is None or isinstance(value, bool):
        return bool(value)
    word = text(record, "removeStatus").strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise WrongValue("removeStatus")
