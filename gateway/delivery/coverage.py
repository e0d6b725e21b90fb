"""What a contract covers at each journal position: the version in force and its state, since which activation (D6)."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from weakref import WeakKeyDictionary

import orjson
from sqlalchemy import Engine, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.lifecycle import State
from contracts.model import SignedContract
from contracts.policy import Policy, compile_policy
from gateway.errors import NotFound
from gateway.journal.tables import activation, contract, contract_version
from schemas.catalog import feed as find_feed


@dataclass(frozen=True, slots=True)
class Coverage:
    """From `position` on, until the next one: the policy of `version`, in `state`."""

    position: int
    version: int
    state: State
    policy: Policy

    @property
    def open(self) -> bool:
        return self.state == "active"


@dataclass(frozen=True, slots=True)
class Agreement:
    """A contract as it stands in the journal, with its history of coverages, oldest first."""

    id: str
    feed: str
    provider: str
    subscriber: str
    state: State
    version: int
    coverages: tuple[Coverage, ...]

    @property
    def policy(self) -> Policy:
        """The policy of the version in force now (D3)."""
        return next(c.policy for c in reversed(self.coverages) if c.version == self.version)

    def before(self, position: int) -> Coverage | None:
        """What was in force up to that position, that position's own activation left out."""
        return next((c for c in reversed(self.coverages) if c.position < position), None)

    def closed_since(self, coverage: Coverage) -> int | None:
        """Where `coverage` is closed: the position of the activation that closed it first, else None."""
        since = None
        for one in reversed([c for c in self.coverages if c.position <= coverage.position]):
            if one.open:
                break
            since = one.position
        return since

    def after(self, position: int) -> Coverage | None:
        """The next activation behind that position."""
        return next((c for c in self.coverages if c.position > position), None)


# Compiled once: what was signed as a version never changes. By database: (contract, version) -> policy.
_compiled: WeakKeyDictionary[Engine, dict[tuple[str, int], Policy]] = WeakKeyDictionary()


_AGREEMENT: Final = (
    select(contract, activation.c.position, activation.c.version.label("since"), activation.c.state.label("then"))
    .outerjoin(activation, activation.c.contract == contract.c.id)
    .where(contract.c.id == bindparam("contract"))
    .order_by(activation.c.position)
)


async def read_agreement(connection: AsyncConnection, contract_id: str) -> Agreement | None:
    """The contract's row re-read, with its coverages (D10: no cache decides who may see). None where unknown."""
    rows = (await connection.execute(_AGREEMENT, {"contract": contract_id})).all()
    if not rows:
        return None
    row, steps = rows[0], [step for step in rows if step.position is not None]
    policies = await _policies(connection, contract_id, {row.version, *(step.since for step in steps)})
    coverages = tuple(Coverage(step.position, step.since, step.then, policies[step.since]) for step in steps)
    return Agreement(row.id, row.feed, row.provider, row.subscriber, row.state, row.version, coverages)


async def _policies(connection: AsyncConnection, contract_id: str, versions: set[int]) -> dict[int, Policy]:
    known = _compiled.setdefault(connection.sync_engine, {})
    missing = [version for version in versions if (contract_id, version) not in known]
    if missing:
        table = contract_version
        documents = await connection.execute(
            select(table.c.version, table.c.document).where(
                table.c.contract == contract_id, table.c.version.in_(missing)
            )
        )
        for one in documents:
            terms = SignedContract.model_validate(orjson.loads(one.document)).terms
            known[contract_id, one.version] = compile_policy(terms, find_feed(terms.feed))
    return {version: known[contract_id, version] for version in versions}


def unknown_contract() -> NotFound:
    """For whoever asks for a contract that is not there, is closed, or is another's: all are answered alike (P1)."""
    return NotFound("unknown-contract", "No such contract is yours; ask the gateway's operator.")


async def contract_ids(connection: AsyncConnection) -> Sequence[str]:
    """The ids of all contracts, in a stable order."""
    return (await connection.execute(select(contract.c.id).order_by(contract.c.id))).scalars().all()
