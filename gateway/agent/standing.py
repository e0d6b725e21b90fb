"""How the agent stands under its contract: what is applied, and whether its list may be relied on (rules M3, D11)."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from typing import Final

import orjson

from contracts.model import Terms
from gateway.agent.event import EventRef
from gateway.agent.index import Change, View
from gateway.clock import china_date, stamp, unstamp
from gateway.trust.documents import LANES, Lane
from schemas.canonical import JsonObject

ENDED: Final = frozenset({"revoking", "revoked", "ended", "closed"})  # nothing new comes under the contract
CLOCK_SLACK: Final = timedelta(seconds=5)  # what a time service may set a clock back by


@dataclass(frozen=True, slots=True)
class Standing:
    """`priority` and `bulk`: the last number applied of each lane. `cause`: the greatest journal position applied.
    `offsets`, by lane: the next place to read in its topic, where Kafka was followed; a hint, for numbers decide.

    `state` and `version` are the contract's as its own events tell, `opened_by` is the last of those. `beat` is the
    state that the last heartbeat told, `heads` the last number of each lane that any told. `fresh_at` is the time of
    the last heartbeat whose heads had all been applied.
    `failure` is the code of a page that was refused, until a good one comes. `rescan`: standing holds are to be judged
    anew. `swept_on`: the last day for which they were.
    """

    priority: int = 0
    bulk: int = 0
    cause: int = 0
    state: str = "unknown"
    version: int = 0
    opened_by: EventRef | None = None
    beat: str = "unknown"
    fresh_at: str | None = None
    tree_size: int = 0
    tree_root: str | None = None
    failure: str | None = None
    rescan: bool = False
    swept_on: str | None = None
    offsets: dict[str, int] = field(default_factory=dict)
    heads: dict[str, int] = field(default_factory=dict)

    def applied(self, lane: Lane) -> int:
        return self.priority if lane == "priority" else self.bulk

    def with_applied(self, lane: Lane, number: int, cause: int) -> "Standing":
        cause = max(self.cause, cause)
        if lane == "priority":
            return replace(self, priority=number, cause=cause)
        return replace(self, bulk=number, cause=cause)

    def with_heads(self, heads: Mapping[Lane, int]) -> "Standing":
        """Lanes only grow: what is less than was told before is old."""
        return replace(self, heads={lane: max(heads[lane], self.heads.get(lane, 0)) for lane in LANES})

    @property
    def behind(self) -> int:
        """How many numbers a heartbeat told of that are not applied."""
        return sum(max(0, self.heads.get(lane, 0) - self.applied(lane)) for lane in LANES)

    @property
    def checkpoint(self) -> JsonObject | None:
        return None if self.tree_root is None else {"size": self.tree_size, "root": self.tree_root}


@lru_cache(maxsize=16)
def moment(text: str) -> datetime:
    """A stored time; every screening asks for the same one."""
    return unstamp(text)


def read_standing(view: View, contract: str) -> Standing:
    found = view.value("standing", contract.encode())
    return Standing() if found is None else parse_standing(found)


def parse_standing(document: bytes) -> Standing:
    members = orjson.loads(document)
    opened_by = members.pop("opened_by")
    return Standing(**members, opened_by=None if opened_by is None else EventRef(**opened_by))


def write_standing(change: Change, contract: str, standing: Standing) -> None:
    change.put("standing", contract.encode(), orjson.dumps(standing))


def read_terms(view: View, contract: str) -> Terms | None:
    found = view.value("terms", contract.encode())
    return None if found is None else _parse_terms(found)


@lru_cache(maxsize=16)
def _parse_terms(document: bytes) -> Terms:
    """Every page and every look-up asks for the same ones."""
    return Terms.model_validate_json(document)


def read_ground(view: View, contract: str) -> tuple[Standing, Terms | None]:
    """What every decision rests on: how the agent stands, and the terms, None until they were read."""
    return read_standing(view, contract), read_terms(view, contract)


def unknown_because(standing: Standing, terms: Terms | None, now: datetime) -> str | None:
    """Why no decision can be made on this list (rule M3); None where it can be relied on."""
    if standing.failure is not None:
        return "verification-failed"
    if terms is None or standing.version > terms.version:
        return "contract-unread"
    today = china_date(now)
    if standing.state in ENDED or today > terms.valid_until:
        return "contract-ended"
    if standing.fresh_at is None:
        return "list-incomplete"
    if standing.state != "active" or standing.beat != "active" or today < terms.valid_from:
        return "contract-not-active"
    if not moment(standing.fresh_at) - CLOCK_SLACK <= now < fresh_until(standing, terms):
        return "list-stale"  # also where the clock was set back: nobody knows how old the list is then
    return None


def fresh_until(standing: Standing, terms: Terms) -> datetime:
    """When the lease of the last complete heartbeat ends (rule D11). There must have been one."""
    if standing.fresh_at is None:
        raise ValueError("no heartbeat was complete yet")
    return moment(standing.fresh_at) + timedelta(seconds=terms.duties.heartbeat_lease_seconds)


def due_within(terms: Terms) -> timedelta:
    """How old the last complete heartbeat may be: they come three times in a lease, so behind half of it one is missing
    and it is time to pull.
    """
    return timedelta(seconds=terms.duties.heartbeat_lease_seconds / 2)


def beaten(
    standing: Standing,
    *,
    at: datetime,
    now: datetime,
    heads: Mapping[Lane, int],
    state: str,
    tree_size: int,
    tree_root: str,
) -> Standing:
    """The standing behind a verified heartbeat. A heartbeat from the future counts as one of now, and so does an older
    one that the clock, set back since, makes one of the future.
    """
    if all(standing.applied(lane) >= heads[lane] for lane in LANES):
        told = stamp(min(at, now))
        standing = replace(standing, fresh_at=max(min(standing.fresh_at or told, stamp(now)), told))
    return replace(standing.with_heads(heads), beat=state, tree_size=tree_size, tree_root=tree_root)


def is_due(standing: Standing, today: date) -> bool:
    """Whether standing holds are to be judged anew: a day began on which a period may be over, or the terms changed."""
    return standing.rescan or standing.swept_on != today.isoformat()
