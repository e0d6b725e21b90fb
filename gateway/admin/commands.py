"""What the operator does to a gateway's database from its own machine."""

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

import orjson
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from contracts.lifecycle import Action
from contracts.load import load_agreement, load_party
from gateway.clock import SystemClock
from gateway.errors import BadRequest
from gateway.journal import tables
from gateway.journal.engine import open_engine
from gateway.journal.schema import check, upgrade
from gateway.running import Running
from gateway.settings import Settings, load_settings
from gateway.trust.keys import PublicKey
from gateway.wiring import open_gateway
from schemas.canonical import canonical

# What an operator decides alone. Signing and putting in force take an agreement that both parties signed.
CHANGES: Final[tuple[Action, ...]] = ("suspend", "resume", "revoke", "confirm", "end", "close")


@asynccontextmanager
async def gateway(settings: Settings | None = None) -> AsyncIterator[Running]:
    """The gateway's parts over its database; by the settings in force where none are given."""
    running = await open_gateway(settings or load_settings(), SystemClock())
    try:
        yield running
    finally:
        await running.stop()


async def admit_party(file: Path) -> None:
    """Enter a party and its keys; prints its id and the thumbprints. Raises as `Registry.admit` does."""
    party = load_party(file)
    keys = [PublicKey.from_jwk(dict(jwk)) for jwk in party.keys]
    async with gateway() as running:
        await running.registry.admit({"id": party.id, "roles": list(party.roles)}, keys)
    say(admitted=party.id, keys=[key.kid for key in keys])


async def activate_contract(file: Path) -> None:
    """Put a signed agreement in force; prints its position, null where it was so already."""
    signed = load_agreement(file)
    async with gateway() as running:
        place = await running.registry.activate(signed)
    say(contract=signed.terms.id, version=signed.terms.version, position=place and place.first_position)


async def change_contract(contract: str, action: str) -> None:
    """Prints the new state. Raises BadRequest (`unknown-action`), NotFound, Conflict (`contract-state`)."""
    if action not in CHANGES:
        raise BadRequest("unknown-action", f"Say one of: {', '.join(CHANGES)}.")
    async with gateway() as running:
        state = await running.registry.change_state(contract, action)
    say(contract=contract, state=state)


async def list_contracts() -> None:
    """Prints each contract; of each lane the last number given, shown and acknowledged."""
    async with gateway() as running, running.engine.connect() as connection:
        lanes = (await connection.execute(select(tables.lane).order_by(tables.lane.c.contract))).all()
        for row in await connection.execute(select(tables.contract).order_by(tables.contract.c.id)):
            heads = {one.lane: [one.last, one.shown, one.acknowledged] for one in lanes if one.contract == row.id}
            say(contract=row.id, version=row.version, state=row.state, subscriber=row.subscriber, lanes=heads)


async def list_keys() -> None:
    """Prints each key without its coordinates."""
    async with gateway() as running:
        for key in await running.registry.keys():
            say(**{name: value for name, value in key.to_jwk().items() if name not in ("x", "y", "kty", "crv", "use")})


async def erase(feed: str, provider: str, record_id: str) -> None:
    async with gateway() as running:
        place = await running.registry.erase(feed, provider, record_id)
    say(erased=record_id, position=place.first_position)


async def print_jwks() -> None:
    async with gateway() as running:
        sys.stdout.write(canonical((await running.registry.keys()).to_jwks()).decode() + "\n")


async def upgrade_database() -> None:
    """Prints the revision before and after. Raises as `gateway.journal.schema.upgrade` does."""
    async with _database() as engine:
        before = await upgrade(engine)
        say(before=before, revision=(await check(engine)).revision)


async def check_database() -> int:
    """Prints the database's revision, the newest one and what differs: 0 where nothing does."""
    async with _database() as engine:
        found = await check(engine)
    say(revision=found.revision, newest=found.newest, differences=found.differences)
    return 0 if found.sound else 1


@asynccontextmanager
async def _database() -> AsyncIterator[AsyncEngine]:
    engine = open_engine(load_settings().database_url)
    try:
        yield engine
    finally:
        await engine.dispose()


def say(**said: object) -> None:
    """Print one JSON line."""
    sys.stdout.write(orjson.dumps(said).decode() + "\n")
