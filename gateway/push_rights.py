"""Who may push what, by the contracts."""

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from gateway.errors import NotFound
from gateway.journal.tables import contract
from schemas.catalog import RECEIPT


async def feeds_of(engine: AsyncEngine, provider: str) -> list[str]:
    """The feeds that a party may push to: those of contracts that name it as provider, receipts apart."""
    query = select(contract.c.feed).where(contract.c.provider == provider, contract.c.feed != RECEIPT.name).distinct()
    async with engine.connect() as connection:
        return sorted((await connection.execute(query)).scalars().all())


async def check_provider(engine: AsyncEngine, party: str, feed: str) -> None:
    """Raises NotFound where no contract makes the party a provider of that feed: unknown and barred are alike."""
    if feed not in await feeds_of(engine, party):
        raise NotFound("unknown-feed", "No such feed is yours to push to; GET /v1/feeds lists those that are.")
