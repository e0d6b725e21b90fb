"""The two published shapes of the national list: the court's own site (zxgk) and a search engine's copy (Baidu)."""

import re
from operator import itemgetter

from adapters.feeds.fields import bases, responsible_people, unpacked
from adapters.feeds.said import Said, SaidIdentifier, WrongValue, text
from adapters.feeds.vocabulary import read_grounds, read_performance
from schemas.canonical import JsonObject

_DETAIL = re.compile(r"[?&]id=(\d{1,20})(?:&|$)", re.ASCII)


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
    head, listed = text(record, "businessEntity"), unpacked(record.get("qysler")) or None
    if isinstance(listed, str):
        raise WrongValue("qysler")
    responsible = responsible_people(listed, head) if head or listed else ()
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
        basis=bases(record.get("gistId"), issuer),
        obligation=duty,
        performance=read_performance(performance),
        performed=done,
        unperformed=left,
        grounds=read_grounds(grounds),
        published_on=record.get("publishDate"),
        responsible=responsible,
        unit_fields=bool(responsible),
    )
