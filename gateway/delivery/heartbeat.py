"""Heartbeats (心跳): how far the lanes of a contract reach, signed, and up to which moment that is complete (D11)."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import bindparam, select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.clock import Clock, stamp
from gateway.delivery.coverage import read_agreement, unknown_contract
from gateway.journal.proofs import read_tree_head
from gateway.journal.tables import journal_leaf
from gateway.journal.tables import lane as lane_table
from gateway.trust import jws
from gateway.trust.keyring import Keyring
from schemas.canonical import b64u

_LANES: Final = select(lane_table).where(lane_table.c.contract == bindparam("contract"))
_FIRST: Final = (
    select(journal_leaf.c.appended_at).where(journal_leaf.c.kind == "contract").order_by(journal_leaf.c.idx).limit(1)
)


@dataclass(frozen=True, slots=True)
class Beat:
    """A signed heartbeat (a compact JWS), and the time that it tells."""

    token: str
    at: str


class Heartbeats:
    def __init__(self, engine: AsyncEngine, clock: Clock, keyring: Keyring) -> None:
        self._engine = engine
        self._clock = clock
        self._keyring = keyring
        self._complete_at: dict[str, datetime] = {}

    def complete(self, contract_id: str, at: datetime) -> None:
        """What the journal had at that moment is routed for the contract."""
        known = self._complete_at.get(contract_id)
        self._complete_at[contract_id] = at if known is None else max(at, known)

    async def sign(self, contract_id: str) -> Beat:
        """The last number of each lane. Raises NotFound for a contract that is not there, or is closed."""
        complete = self._complete_at.get(contract_id)  # read first: the heads behind it may only be later
        async with self._engine.connect() as connection:
            agreement = await read_agreement(connection, contract_id)
            if agreement is None or agreement.state == "closed":
                raise unknown_contract()
            rows = await connection.execute(_LANES, {"contract": contract_id})
            heads = {row.lane: row.last for row in rows}
            tree = await read_tree_head(connection)
            at = (await connection.execute(_FIRST)).scalar_one() if complete is None else stamp(complete)
        token = jws.sign(
            self._keyring.signing,
            jws.HEARTBEAT,
            {
                "type": "heartbeat/1",
                "gateway": self._keyring.signing.party,
                "contract": contract_id,
                "contract_version": agreement.version,
                "state": agreement.state,
                "heads": heads,
                "checkpoint": {"size": tree.size, "root": b64u(tree.root)},
                "at": at,
            },
        )
        return Beat(token, at)
