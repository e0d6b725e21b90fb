"""One finding: a sentence on what is so, and one on what to do. Neither holds a personal value (rule P1)."""

from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from typing import Final, Literal

from schemas.canonical import JsonObject

Level = Literal["ok", "warning", "error"]
Area = Literal["keys", "clock", "database", "broker", "contracts", "lag", "quarantine", "gateway", "list", "register"]

SOON: Final = timedelta(days=30)  # how long ahead an end is told


@dataclass(frozen=True, slots=True)
class Finding:
    """`code` is stable. `remedy` is empty where all is well."""

    level: Level
    area: Area
    code: str
    text: str
    remedy: str = ""

    def line(self) -> str:
        return f"{self.level:8}{self.area:11}{self.text}{' ' + self.remedy if self.remedy else ''}"

    def document(self) -> JsonObject:
        return asdict(self)


def in_words(age: timedelta) -> str:
    """`90 s`, `12 min`, `5 h`, `3 days`."""
    seconds = int(age.total_seconds())
    if seconds < 2 * 60:
        return f"{seconds} s"
    if seconds < 2 * 3600:
        return f"{seconds // 60} min"
    if seconds < 2 * 86_400:
        return f"{seconds // 3600} h"
    return f"{seconds // 86_400} days"


def since(moment: datetime, now: datetime) -> str:
    return in_words(max(timedelta(), now - moment))
