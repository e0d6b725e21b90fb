"""Keeping the Kafka brokers as the contracts want them: at the start, at each change of a contract, and on a timer.

What was changed by hand is found, told of once, and mended (rules D8, D10). A revoked contract stays `revoking` until
the brokers were read back and let its subscriber read nothing more.
"""

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic
from typing import Final

import orjson
import structlog
from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from contracts.model import SignedContract
from gateway.admin.registry import Registry
from gateway.delivery.access import Access, Acl, Agreed, Drift, Plan, can_read, desired, difference, user_of
from gateway.delivery.kafka_access import Brokers
from gateway.errors import Conflict, FuyuanError
from gateway.journal.tables import contract, contract_version, party
from gateway.trust.documents import LANES
from schemas.envelope import topic_of

log = structlog.get_logger(__name__)

LOOK_SECONDS: Final = 0.5  # how soon a contract's change is seen, whichever process made it
# A broker hears a moment later what the controller has taken: until then it answers as before.
SETTLE_SECONDS: Final = (0.05, 0.1, 0.2, 0.4, 0.8, 1.6)
RETRY_SECONDS: Final = 5.0  # behind a failure


@dataclass(frozen=True, slots=True)
class Compared:
    """The contracts' wish, what stands at the brokers, and the differences."""

    wanted: Access
    actual: Access
    drifts: tuple[Drift, ...]


class Reconciler:
    """`found` and `mended` count differences by kind since the start, without those that a contract's change makes.

    `standing` are those of the last look. `reached` is None before the first look, then whether the last one succeeded.
    """

    def __init__(
        self, engine: AsyncEngine, registry: Registry, brokers: Brokers, plan: Plan, every_seconds: float
    ) -> None:
        self._engine = engine
        self._registry = registry
        self._brokers = brokers
        self._plan = plan
        self._every = every_seconds
        self.found: Counter[str] = Counter()
        self.mended: Counter[str] = Counter()
        self.standing: tuple[Drift, ...] = ()
        self.reached: bool | None = None
        self._wanted: Access | None = None

    @property
    def kinds_standing(self) -> Counter[str]:
        return Counter(one.kind for one in self.standing)

    async def run(self) -> None:
        """Until cancelled."""
        state: object = None
        seen: object = None
        due = 0.0
        while True:
            try:
                state = await self._contracts_state()
                if state != seen or monotonic() >= due:
                    seen, due = None, monotonic() + RETRY_SECONDS
                    await self.mend()
                    seen, due = state, monotonic() + self._every
            except (FuyuanError, SQLAlchemyError):
                seen = state  # tried again when it is due
                log.exception("kafka-reconcile-failed")
            await asyncio.sleep(LOOK_SECONDS)

    async def compare(self) -> Compared:
        """Look, and change nothing. Raises Unavailable (`kafka-unreachable`), Refused (`kafka-refused`)."""
        return (await self._compare())[0]

    async def mend(self) -> Compared:
        """Look, mend, look again; the last look. Raises as `compare` does, and at last what could not be mended."""
        failed: FuyuanError | None = None
        try:
            before, agreements = await self._compare()
            self._tell(before)
            mendable = [one for one in before.drifts if one.mendable]
            after = before
            if mendable:
                try:
                    await asyncio.to_thread(self._brokers.mend, mendable)
                except FuyuanError as error:  # no topic that cannot be made keeps a revocation from its end
                    failed = error
                for seconds in SETTLE_SECONDS:
                    after, _ = await self._compare()
                    if not set(mendable) & set(after.drifts):
                        break
                    await asyncio.sleep(seconds)
                self.mended.update(one.kind for one in set(mendable) - set(after.drifts))
        except FuyuanError:
            self.reached = False
            raise
        self.standing, self.reached = after.drifts, True
        await self._confirm(agreements, after)
        if failed is not None:
            raise failed
        return after

    async def _compare(self) -> tuple[Compared, Sequence[Agreed]]:
        async with self._engine.connect() as connection:
            agreements = await read_agreed(connection)
            parties = (await connection.execute(select(party.c.id))).scalars().all()
        wanted = desired(agreements, self._plan)
        actual = await asyncio.to_thread(self._brokers.read)
        return Compared(wanted, actual, difference(wanted, actual, agreements, parties, self._plan)), agreements

    def _tell(self, compared: Compared) -> None:
        for one in set(compared.drifts) - set(self.standing):
            about = {"topic": one.name} if one.kind.startswith("topic-") else {"user": one.name}
            if self._wanted is not None and _asked_anew(one, compared.wanted, self._wanted):
                log.info("kafka-change", kind=one.kind, **about)
                continue
            self.found[one.kind] += 1
            log.warning("kafka-drift", kind=one.kind, **about)
        self._wanted = compared.wanted

    async def _confirm(self, agreements: Sequence[Agreed], compared: Compared) -> None:
        """The brokers were read behind `agreements`, so what they do not allow is shut since the revocation. That they
        show all that is wanted proves that they were read at all.
        """
        actual = compared.actual
        if not compared.wanted.acls <= actual.acls:
            return
        for one in agreements:
            if one.state != "revoking" or not one.ever_kafka:
                continue
            if any(can_read(actual, user_of(one.subscriber), topic_of(one.id, lane)) for lane in LANES):
                log.warning("kafka-still-readable", contract=one.id)
                continue
            with suppress(Conflict):  # another process has confirmed it
                await self._registry.change_state(one.id, "confirm", by="brokers")
                log.info("contract-shut", contract=one.id)

    async def _contracts_state(self) -> object:
        async with self._engine.connect() as connection:
            rows = await connection.execute(
                select(contract.c.id, contract.c.version, contract.c.state).order_by(contract.c.id)
            )
            return [tuple(row) for row in rows]


def _asked_anew(one: Drift, wanted: Access, before: Access) -> bool:
    """Whether it differs since the contracts ask for something else now than they did, and by nobody's hand."""
    if isinstance(one.subject, Acl):
        return (one.subject in wanted.acls) != (one.subject in before.acls)
    topic_changed = wanted.topics.get(one.name) != before.topics.get(one.name)
    return topic_changed or (one.name in wanted.users) != (one.name in before.users)


async def read_agreed(connection: AsyncConnection) -> list[Agreed]:
    """Every contract as it stands in the journal now."""
    delivery: dict[str, dict[int, bool]] = {}
    for row in await connection.execute(select(contract_version)):
        terms = SignedContract.model_validate(orjson.loads(row.document)).terms
        delivery.setdefault(row.contract, {})[row.version] = "kafka" in terms.delivery
    return [
        Agreed(
            id=row.id,
            feed=row.feed,
            provider=row.provider,
            subscriber=row.subscriber,
            state=row.state,
            kafka=delivery[row.id][row.version],
            ever_kafka=any(delivery[row.id].values()),
        )
        for row in await connection.execute(select(contract).order_by(contract.c.id))
    ]
