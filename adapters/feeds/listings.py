"""The table of key sets: one row for each published shape of a listing.

A row has the keys that tell it (all of `required`, one of each set in `telling`) and, in `fields`, what each key says.
To read another list, add a row. A key that no row knows may say that the debtor was removed, so it is never passed over
unless it holds nothing or is a mark of the machine that copied the list.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

from adapters.feeds.fields import Fields, said_with
from adapters.feeds.published import said_by_baidu, said_by_zxgk
from adapters.feeds.removal import REMOVAL, States
from adapters.feeds.said import Said
from schemas.canonical import JsonObject
from schemas.catalog import DISHONEST_DEBTOR

# What crawlers, search engines, queues and databases put beside a record.
COPIED = re.compile(
    r"_.*|bbd_.*|md5|hash|uuid|guid|rowkey|keyid|keyno|key|index|seq|sn|rn|rownum|version|序号|编号"
    r"|(?:company|corp|ent|enterprise|obligor|record|data|task|batch|row|tyc|tycCompany|shixin|[oucgsr])?_?id"
    r"|(?:source_?)?url|link|source|data_?source|website|StdSt[gl]|SiteId|priority|lastmod"
    r"|(?:gmt|data|row|last)?_?(?:create|update|insert|modify|modifie|crawl|fetch|grab|spider|load|sync|build|collect|up|do|etl)"
    r"d?_?(?:time|date|at|stamp|ymd)?|[cu]time|dt|ymd",
    re.IGNORECASE | re.ASCII,
)


@dataclass(frozen=True, slots=True)
class Shape:
    """A row. `known` are all keys that may be there, `ignored` those of them that say nothing about the debtor.

    `only`: where one of these keys is there, it must hold one of these values; aggregators put all lists in one form.
    `states`: keys that say by one of these values whether the debtor is off the list.
    """

    feed: str
    name: str
    required: frozenset[str]
    known: frozenset[str]
    said: Callable[[JsonObject], Said]
    fields: Fields | None = None
    telling: tuple[frozenset[str], ...] = ()
    ignored: frozenset[str] = frozenset()
    only: Mapping[str, frozenset[str]] = field(default_factory=dict)
    states: States = field(default_factory=dict)

    @property
    def identifiers(self) -> tuple[str, ...]:
        return self.fields.identifiers if self.fields else ("cardNum",)


def _row(
    name: str,
    required: str,
    *telling: str,
    ignored: str = "",
    only: Mapping[str, frozenset[str]] | None = None,
    states: States | None = None,
    **said: str,
) -> Shape:
    """A row whose sets of keys are written as words with blanks between them."""
    words = Fields(**{field: tuple(keys.split()) for field, keys in said.items()})
    passed_over = frozenset(ignored.split()) | frozenset(only or ()) | frozenset(states or ())
    return Shape(
        feed=DISHONEST_DEBTOR.name,
        name=name,
        required=frozenset(required.split()),
        known=words.all() | passed_over | REMOVAL,
        said=partial(said_with, words, name),
        fields=words,
        telling=tuple(frozenset(one.split()) for one in telling),
        ignored=passed_over,
        only=only or {},
        states=states or {},
    )


_NEEDED = frozenset({"iname", "caseCode", "cardNum", "courtName", "publishDate"})
_ZXGK = _NEEDED | REMOVAL | {
    "id", "age", "sexy", "sexname", "businessEntity", "areaName", "partyTypeName", "gistId", "regDate", "gistUnit",
    "duty", "performance", "performedPart", "unperformPart", "disruptTypeName", "focusNumber", "qysler",
}  # fmt: skip
_BAIDU = _ZXGK | {
    "StdStg", "StdStl", "type", "loc", "sitelink", "publishDateStamp", "lastmod", "_update_time", "_select_time",
    "_version", "areaNameNew", "SiteId", "changefreq", "priority", "cambrian_appid",
}  # fmt: skip

LISTINGS = (
    Shape(DISHONEST_DEBTOR.name, "zxgk", _NEEDED, _ZXGK, said_by_zxgk),
    Shape(DISHONEST_DEBTOR.name, "baidu", _NEEDED | {"publishDateStamp"}, _BAIDU, said_by_baidu),
)
