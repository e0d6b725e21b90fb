"""What must hold once everything has come to rest, whatever died meanwhile.

Acknowledged = journalled once = delivered = effective once; numbers without gaps; holds equal live records; one receipt
of a kind for one key; proofs verify, and the journal's tree goes on from the one seen before.
"""

from collections import Counter
from functools import partial

from sqlalchemy import func, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from gateway.demo.cast import COURT
from gateway.journal.engine import open_engine
from gateway.journal.tables import delivery_log, entry, journal_head, journal_leaf, lane, submission
from gateway.trust import jws
from gateway.trust.merkle import verify_consistency
from gateway.trust.verify import verify_line
from schemas.canonical import canonical, unb64u
from tests.faults.ordeal import AGENCY, FEED, Ordeal


async def check(ordeal: Ordeal) -> None:
    """Raises AssertionError, naming what does not hold."""
    engine = open_engine(ordeal.settings.database_url)
    try:
        await _check_journal(engine, ordeal)
    finally:
        await engine.dispose()
    assert ordeal.held() == ordeal.to_be_held()
    await _check_receipts(ordeal)
    await _check_tree(ordeal)


async def _check_journal(engine: AsyncEngine, ordeal: Ordeal) -> None:
    reached = await ordeal.reached()
    async with engine.connect() as connection:
        # All of it as of one moment, for the gateways go on routing; a transaction on SQLite is that anyway.
        if connection.dialect.name == "postgresql":
            await connection.execution_options(isolation_level="REPEATABLE READ")
        await _check_positions(connection)
        await _check_numbers(connection)
        await _check_versions(connection)
        rows = await connection.execute(select(lane).where(lane.c.contract == ordeal.contract))
        lasts = {row.lane: row.last for row in rows}
        assert reached == lasts, f"the agent stands at {reached}, its lanes at {lasts}"


async def _check_positions(connection: AsyncConnection) -> None:
    head = (await connection.execute(select(journal_head))).one()
    leaves = await connection.execute(select(journal_leaf).order_by(journal_leaf.c.idx))
    following = 1
    count = 0
    for leaf in leaves:
        assert leaf.idx == count, "leaves have gaps"
        assert leaf.first_position == following, "positions have gaps"
        following += leaf.positions
        count += 1
    assert (following, count) == (head.size + 1, head.leaves)


async def _check_numbers(connection: AsyncConnection) -> None:
    lanes = (await connection.execute(select(lane))).all()
    runs = (await connection.execute(select(delivery_log).order_by(delivery_log.c.first))).all()
    for one in lanes:
        following = 1
        for run in runs:
            if (run.contract, run.lane) == (one.contract, one.lane):
                assert run.first == following, f"{one.contract} {one.lane}: numbers have gaps"
                following += run.numbers
        assert following == one.last + 1


async def _check_versions(connection: AsyncConnection) -> None:
    # After a kill an agent may put its receipts together anew, so only the court's submissions all end.
    unfinished = await connection.execute(
        select(submission.c.key).where(submission.c.provider == COURT, submission.c.finished.is_(False))
    )
    assert not unfinished.all(), "acknowledged but unfinished"
    revisions = await connection.execute(
        select(func.count().label("versions"), func.max(entry.c.revision).label("newest"))
        .where(entry.c.feed == FEED)
        .group_by(entry.c.record_id)
    )
    assert all(row.versions == row.newest for row in revisions), "a version stands twice or is missing"
    twice = await connection.execute(
        select(entry.c.record_id).where(entry.c.feed == "receipt").group_by(entry.c.record_id).having(func.count() > 1)
    )
    assert not twice.all(), "a receipt stands twice"


async def _check_receipts(ordeal: Ordeal) -> None:
    """The court reads on where it stopped; what it has read so far stays in `ordeal.receipts`."""
    contract = ordeal.cast.contract_from(AGENCY).id
    async with ordeal.client(COURT) as court:
        while (page := await ordeal.insist(partial(court.events, contract, ordeal.receipts_cursor))).events:
            ordeal.receipts_cursor = page.next
            for event in page.events:
                assert verify_line(canonical(event), ordeal.keys).status == "valid"
                if event["kind"] == "upsert":
                    ordeal.receipts.setdefault(event["record"]["kind"], Counter())[event["record"]["key"]] += 1
    for kind, keys in ordeal.receipts.items():
        assert set(keys.values()) == {1}, f"{kind}: more than one receipt for one key"
    blocked = {reference for reference, decision in ordeal.applications.items() if decision == "block"}
    assert blocked <= set(ordeal.receipts.get("blocked", ())), "a blocked application without its receipt"


async def _check_tree(ordeal: Ordeal) -> None:
    async with ordeal.client(COURT) as court:
        payload, _ = jws.verify(await ordeal.insist(court.checkpoint), jws.CHECKPOINT, ordeal.keys)
        size, root = int(str(payload["size"])), unb64u(str(payload["root"]), 32)
        if ordeal.tree is not None:
            old_size, old_root = ordeal.tree
            proof = await ordeal.insist(lambda: court.consistency(old_size, size))
            verify_consistency(old_size, size, [unb64u(node, 32) for node in proof["path"]], old_root, root)
    ordeal.tree = (size, root)
