"""What a contract covers at each journal position: the version in force and its state, since which activation (D6)."""

from collections.abc import Sequence
from dataclasses import dataclass

import orjson
from sqlalchemy import select
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


# Compiled once for each signed document, which never changes: (contract, version) -> (document, policy).
_compiled: dict[tuple[str, int], tuple[bytes, Policy]] = {}


def _policy(contract_id: str, version: int, document: bytes) -> Policy:
    known = _compiled.get((contract_id, version))
    if known is not None and known[0] == document:
        return known[1]
    terms = SignedContract.model_validate(orjson.loads(document)).terms
    policy = compile_policy(terms, find_feed(terms.feed))
    _compiled[contract_id, version] = (document, policy)
    return policy


async def read_agreement(connection: AsyncConnection, contract_id: str) -> Agreement | None:
    """The contract's row re-read, with its coverages (D10: no cache decides who may see). None where unknown."""
    row = (await connection.execute(select(contract).where(contract.c.id == contract_id))).first()
    if row is None:
        return None
    documents = await connection.execute(
        select(contract_version.c.version, contract_version.c.document).where(
            contract_version.c.contract == contract_id
        )
    )
    policies = {one.version: _policy(contract_id, one.version, one.document) for one in documents}
    steps = await connection.execute(
        select(activation).where(activation.c.contract == contract_id).order_by(activation.c.position)
    )
    coverages = tuple(Coverage(step.position, step.version, step.state, policies[step.version]) for step in steps)
    return Agreement(row.id, row.feed, row.provider, row.subscriber, row.state, row.version, coverages)


def unknown_contract() -> NotFound:
    """For whoever asks for a contract that is not there, is closed, or is another's: all are answered alike (P1)."""
    return NotFound("unknown-contract", "No such contract is yours; ask the gateway's operator.")


async def contract_ids(connection: AsyncConnection) -> Sequence[str]:
    """The ids of all contracts, in a stable order."""
    return (await connection.execute(select(contract.c.id).order_by(contract.c.id))).scalars().all()
