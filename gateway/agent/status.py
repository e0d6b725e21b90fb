"""How an agent stands, as its service, its metrics and `fuyuan doctor` tell it."""

from dataclasses import asdict, dataclass
from datetime import timedelta

from contracts.model import Terms
from gateway.agent.parts import Parts
from gateway.agent.standing import Standing, due_within, read_ground, unknown_because
from gateway.clock import Clock, unstamp
from schemas.canonical import JsonObject

MOST_ASIDE = 20  # refused receipts looked at for their codes


@dataclass(frozen=True, slots=True)
class Status:
    """`terms` are None until they were read. `unknown` says why no decision can be made, None where one can.
    `age_seconds` is the list's; None before the first heartbeat was complete. The counts: records to be looked up,
    holds, orders to the register and receipts to the gateway that wait, receipts that the gateway refused.
    """

    contract: str
    terms: Terms | None
    standing: Standing
    unknown: str | None
    age_seconds: int | None
    pending: int
    holds: int
    orders: int
    receipts: int
    aside: int
    aside_codes: tuple[str, ...]
    kill_switch: bool

    @property
    def lagging(self) -> bool:
        """Whether the list is not as far as a heartbeat told, and a complete one is overdue. It may still be used."""
        if self.terms is None or self.age_seconds is None or not self.standing.behind:
            return False
        return timedelta(seconds=self.age_seconds) > due_within(self.terms)

    def document(self) -> JsonObject:
        standing = self.standing
        return {
            "contract": self.contract,
            "contract_version": self.terms.version if self.terms else None,
            "state": standing.state,
            "unknown": self.unknown,
            "list": {
                "cause": standing.cause,
                "bulk": standing.bulk,
                "priority": standing.priority,
                "behind": standing.behind,
                "fresh_at": standing.fresh_at,
                "age_seconds": self.age_seconds,
                "offsets": standing.offsets,  # how far topics were read
            },
            "failure": standing.failure,
            "opened_by": asdict(standing.opened_by) if standing.opened_by else None,
            "pending": self.pending,
            "holds": self.holds,
            "aside": self.aside,
            "outbox": self.orders + self.receipts,
            "aside_codes": list(self.aside_codes),
            "kill_switch": self.kill_switch,
        }


def read_status(parts: Parts, clock: Clock) -> Status:
    now = clock.now()
    with parts.index.read() as view:
        standing, terms = read_ground(view, parts.contract)
        count = {name: view.count(name) for name in ("pending", "holds", "orders", "receipts", "aside")}
        refused = [view.document("aside", key) or {} for key, _ in view.items("aside")][:MOST_ASIDE]
    age = None if standing.fresh_at is None else int((now - unstamp(standing.fresh_at)).total_seconds())
    return Status(
        contract=parts.contract,
        terms=terms,
        standing=standing,
        unknown=unknown_because(standing, terms, now),
        age_seconds=age,
        aside_codes=tuple(sorted({str(one.get("code")) for one in refused})),
        kill_switch=parts.kill_switch.exists(),
        **count,
    )
