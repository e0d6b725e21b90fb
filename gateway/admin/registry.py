"""Who takes part and under which contracts: parties, their keys, contract versions and states, all in the journal."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, Literal, TypeAlias

import orjson
from sqlalchemy import bindparam, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from contracts.lifecycle import Action, IllegalTransition, State, transition
from contracts.lint import lint
from contracts.model import SignedContract, Terms
from gateway.admin.revocation import lane_heads, open_span
from gateway.clock import Clock, china_date
from gateway.errors import Conflict, NotFound, Refused
from gateway.journal import tables
from gateway.journal.append import Place, append_leaf, claim
from gateway.journal.engine import JournalEngine
from gateway.journal.erase import erase_record
from gateway.trust.documents import LANES
from gateway.trust.keyring import Keyring
from gateway.trust.keys import KeySet, PublicKey, Validity
from gateway.trust.verify import verify_contract
from schemas.canonical import JsonObject, canonical
from schemas.catalog import feed as find_feed

ConfirmedBy: TypeAlias = Literal["operator", "brokers"]  # who saw that a revoked subscriber reads nothing more


class Registry:
    """Writes go to the journal and the tables in one transaction. `changed` is called after each."""

    def __init__(
        self, engine: JournalEngine, clock: Clock, keyring: Keyring, *, changed: Callable[[], None] = lambda: None
    ) -> None:
        self._engine = engine
        self._clock = clock
        self._keyring = keyring
        self._changed = changed

    async def admit(self, party: JsonObject, keys: list[PublicKey]) -> None:
        """Enter a party and its public keys. The same again changes nothing.

        Raises Conflict where a key is entered for another party, Refused where a key names another party.
        """
        party_id = str(party["id"])
        for key in keys:
            if key.party != party_id:
                raise Refused("key-of-another", "A key in the party's file names another party; mend the file.")
        if not await self._party_known(party_id):
            async with self._engine.begin() as connection:
                await connection.execute(insert(tables.party).values(id=party_id, document=canonical(party)))
        for key in keys:
            await self.enter_key(key)

    async def enter_key(self, key: PublicKey) -> None:
        """Enter a public key, or its retirement or revocation, as a leaf of the journal.

        Raises Conflict (`key-of-another`, `key-ended`): what a key may vouch for only ever grows less (S7).
        """
        document = canonical(key.to_jwk())
        async with self._engine.single() as connection:
            known = (
                await connection.execute(select(tables.party_key).where(tables.party_key.c.kid == key.kid))
            ).first()
        if known is not None and known.party != key.party:
            raise Conflict("key-of-another", "That key belongs to another party; make a fresh one.")
        if known is not None and known.jwk == document:
            return
        if known is not None and _vouches_for_more(key.validity, PublicKey.from_jwk(orjson.loads(known.jwk)).validity):
            raise Conflict("key-ended", "That key was ended, and no older file brings it back; make a fresh one.")
        async with self._engine.begin() as connection:
            claimed = await claim(connection, 1)
            await append_leaf(connection, self._clock, claimed, "key", document)
            if known is None:
                await connection.execute(insert(tables.party_key).values(kid=key.kid, party=key.party, jwk=document))
            else:
                await connection.execute(
                    update(tables.party_key).where(tables.party_key.c.kid == key.kid).values(jwk=document)
                )
        self._changed()

    async def activate(self, signed: SignedContract) -> Place | None:
        """Put a signed contract version in force. None where that very version is in force already.

        Raises Refused (`contract-unsigned`, `contract-not-in-period`, `contract-unsound`) and Conflict
        (`contract-version-old`, `contract-of-others`, `contract-state`).
        """
        terms = signed.terms
        document = canonical(signed.model_dump(mode="json"))
        verdict = verify_contract(orjson.loads(document), (await self.keys()).as_of(self._clock.now()))
        if verdict.status != "valid":
            raise Refused("contract-unsigned", f"The contract does not verify: {verdict.reason}. Both parties sign it.")
        today = china_date(self._clock.now())
        if today < terms.valid_from or (terms.valid_until is not None and today > terms.valid_until):
            raise Refused("contract-not-in-period", "Today lies outside the contract's period; agree on a new version.")
        if findings := lint(terms, find_feed(terms.feed)):
            raise Refused("contract-unsound", f"{findings[0].text} `fuyuan contract lint` says more.")
        async with self._engine.begin() as connection:
            claimed = await claim(connection, 1)
            row = await _contract_row(connection, terms.id)
            if row is not None and row.version == terms.version and row.state == "active":
                await connection.rollback()
                return None
            _check_successor(row, terms)
            place = await append_leaf(connection, self._clock, claimed, "contract", document)
            if row is None:
                await connection.execute(
                    insert(tables.contract).values(
                        id=terms.id,
                        feed=terms.feed,
                        provider=terms.provider.party,
                        subscriber=terms.subscriber.party,
                        state="active",
                        version=terms.version,
                    )
                )
                await connection.execute(insert(tables.lane), [_new_lane(terms.id, lane, place) for lane in LANES])
            else:
                await connection.execute(
                    update(tables.contract)
                    .where(tables.contract.c.id == terms.id)
                    .values(state="active", version=terms.version)
                )
            await connection.execute(
                insert(tables.contract_version).values(contract=terms.id, version=terms.version, document=document)
            )
            await _feed_topics(connection, terms)
            await _activation(connection, terms.id, place, terms.version, "active")
        self._changed()
        return place

    async def change_state(self, contract_id: str, action: Action, by: ConfirmedBy = "operator") -> State:
        """Suspend, resume, revoke or end a contract: its new state. Raises NotFound, Conflict (`contract-state`).

        What is entered for a confirmation says what lay open meanwhile, and who saw that it is shut (D10).
        """
        async with self._engine.begin() as connection:
            state = await step(connection, self._clock, contract_id, action, by)
        self._changed()
        return state

    async def erase(self, feed: str, provider: str, record_id: str) -> Place:
        """Erase every version of a record (J7). Raises NotFound."""
        return await erase_record(self._engine, self._clock, self._keyring.signing, feed, provider, record_id)

    async def keys(self) -> KeySet:
        """Every key that was ever entered, the gateway's own included."""
        async with self._engine.single() as connection:
            rows = (await connection.execute(select(tables.party_key.c.jwk))).scalars().all()
        return KeySet([_read_key(jwk) for jwk in rows])

    async def find(self, kid: str) -> PublicKey | None:
        """The key of that thumbprint, in force or not."""
        async with self._engine.single() as connection:
            jwk = (await connection.execute(_FIND, {"kid": kid})).scalar()
        return None if jwk is None else _read_key(jwk)

    async def _party_known(self, party_id: str) -> bool:
        async with self._engine.single() as connection:
            return (
                await connection.execute(select(tables.party.c.id).where(tables.party.c.id == party_id))
            ).first() is not None


_FIND: Final = select(tables.party_key.c.jwk).where(tables.party_key.c.kid == bindparam("kid"))


@lru_cache(maxsize=4096)
def _read_key(jwk: bytes) -> PublicKey:
    """Read anew where its validity was changed, for then its document is another one."""
    return PublicKey.from_jwk(orjson.loads(jwk))


async def step(
    connection: AsyncConnection, clock: Clock, contract_id: str, action: Action, by: ConfirmedBy = "operator"
) -> State:
    """As `Registry.change_state`, within the caller's transaction."""
    claimed = await claim(connection, 1)
    row = await _contract_row(connection, contract_id)
    if row is None:
        raise NotFound("unknown-contract", "No such contract; `fuyuan contract list` names them.")
    state = _next_state(row.state, action)
    said: JsonObject = {"contract": contract_id, "version": row.version, "state": state}
    if action == "revoke":
        said["lanes"] = await lane_heads(connection, contract_id)
    if action == "confirm":
        said |= {"confirmed_by": by, "open": await open_span(connection, contract_id)}
    place = await append_leaf(connection, clock, claimed, "contract", canonical(said))
    await connection.execute(update(tables.contract).where(tables.contract.c.id == contract_id).values(state=state))
    await _activation(connection, contract_id, place, row.version, state)
    return state


def _vouches_for_more(new: Validity, old: Validity) -> bool:
    """Whether something would verify under the new validity that does not under the old one."""
    ends = (
        (new.retired_at, old.retired_at),
        (new.revoked_at, old.revoked_at),
        (new.compromised_since, old.compromised_since),
    )
    return new.valid_from < old.valid_from or any(
        before is not None and (after is None or after > before) for after, before in ends
    )


@dataclass(frozen=True, slots=True)
class _Standing:
    """A contract's version and state as the table has them."""

    version: int
    state: State
    feed: str
    provider: str
    subscriber: str


async def _contract_row(connection: AsyncConnection, contract_id: str) -> _Standing | None:
    """To be changed: runs that were entered under it are there by now, and none is entered meanwhile."""
    query = select(tables.contract).where(tables.contract.c.id == contract_id).with_for_update()
    row = (await connection.execute(query)).first()
    if row is None:
        return None
    return _Standing(row.version, row.state, row.feed, row.provider, row.subscriber)


def _check_successor(row: _Standing | None, terms: Terms) -> None:
    """A new version is newer, between the same parties and of the same feed: an id is never handed on to others."""
    if row is None:
        return
    if (row.feed, row.provider, row.subscriber) != (terms.feed, terms.provider.party, terms.subscriber.party):
        raise Conflict("contract-of-others", "That id belongs to another contract; take a new one.")
    if row.version >= terms.version:
        raise Conflict("contract-version-old", "A version as new as this one was in force; raise the version.")
    _next_state(row.state, "activate")


def _next_state(state: State, action: Action) -> State:
    try:
        return transition(state, action)
    except IllegalTransition as error:
        raise Conflict("contract-state", f"{error}; docs/contracts.md shows the states.") from None


async def _activation(connection: AsyncConnection, contract_id: str, place: Place, version: int, state: State) -> None:
    await connection.execute(
        insert(tables.activation).values(
            contract=contract_id, position=place.first_position, version=version, state=state
        )
    )


async def _feed_topics(connection: AsyncConnection, terms: Terms) -> None:
    """From now on the lanes' topics are fed, where the terms name Kafka, and else no more."""
    table = tables.kafka_lane
    if "kafka" not in terms.delivery:
        await connection.execute(delete(table).where(table.c.contract == terms.id))
    elif (await connection.execute(select(table.c.lane).where(table.c.contract == terms.id))).first() is None:
        rows = [{"contract": terms.id, "lane": lane} for lane in LANES]
        unowned = {"sent": 0, "owner": "", "epoch": 0, "until": ""}
        await connection.execute(insert(table), [row | unowned for row in rows])


def _new_lane(contract_id: str, lane: str, place: Place) -> dict[str, object]:
    """Both lanes begin just before the first activation, which is the first thing they walk over."""
    return {
        "contract": contract_id,
        "lane": lane,
        "routed": place.first_position - 1,
        "compared": 0,
        "last": 0,
        "shown": 0,
        "acknowledged": 0,
    }
