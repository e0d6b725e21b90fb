"""Several gateways over one database, each with connections of its own: rules J1-J4, D2, D6, P2 where they compete."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import select, text

from gateway.client import GatewayClient
from gateway.clock import SystemClock
from gateway.delivery.log import unpack
from gateway.delivery.neighbours import exchange_signals
from gateway.delivery.route import Router
from gateway.delivery.send import Sender
from gateway.delivery.versions import Versions
from gateway.delivery.wakeup import POLL_SECONDS, Wakeup
from gateway.demo.cast import COURT, make_cast
from gateway.demo.processes import free_port, start
from gateway.errors import Conflict, Unavailable
from gateway.intake import Intake, Result, Submission
from gateway.journal.append import claim
from gateway.journal.engine import open_engine
from gateway.journal.nonces import Nonces
from gateway.journal.proofs import read_tree_head
from gateway.journal.tables import delivery_log, entry, journal_head, journal_leaf, lane
from gateway.precedence import Precedence
from gateway.settings import Settings
from gateway.trust.documents import LANES
from gateway.trust.merkle import root
from gateway.wiring import open_gateway
from schemas.catalog import DISHONEST_DEBTOR
from schemas.reading import Accepted
from tests.integration.district import FEED, MARKET, NDJSON, ROOT, SAMPLES, TO_MARKET
from tests.small_gateway import NOTHING_READ, Gateway, admission, debtor, open_test_gateway


@pytest.fixture
async def rivals(tmp_path: Path, database_url: str) -> AsyncIterator[list[Gateway]]:
    """Four gateways with one database and the same keys."""
    first = await open_test_gateway(tmp_path, database_url)
    opened = [first]
    for number in range(1, 4):
        engine = open_engine(database_url)
        versions = Versions(first.keyring.vault)
        admitting = admission(first.clock, first.keyring, versions)
        intake = Intake(
            engine, first.clock, first.keyring, NOTHING_READ, admitting, precedence=Precedence(), batch_records=3
        )
        router = Router(engine, first.clock, versions)
        sender = Sender(engine, first.clock, first.keyring, versions)
        opened.append(replace(first, engine=engine, intake=intake, router=router, sender=sender, sent=number * 1000))
    yield opened
    for one in opened:
        await one.engine.dispose()


async def put_many(gateway: Gateway, letter: str, times: int) -> None:
    for number in range(1, times + 1):
        await gateway.put(debtor(letter * number), debtor(letter * number + "乙"))


async def test_j2_who_reads_behind_a_cursor_misses_nothing_while_many_append(rivals: list[Gateway]) -> None:
    done = asyncio.Event()
    async with rivals[0].engine.connect() as connection:
        started: int = (await connection.execute(select(journal_head.c.size))).scalar_one()

    async def read() -> int:
        cursor, last = started, False
        while True:
            last = done.is_set()
            async with rivals[0].engine.connect() as connection:
                size = (await connection.execute(select(journal_head.c.size))).scalar_one()
                found = await connection.execute(
                    select(entry.c.position).where(entry.c.position > cursor).order_by(entry.c.position)
                )
                assert list(found.scalars()) == list(range(cursor + 1, size + 1)), "no gap, at no moment"
                cursor = size
            if last:
                return int(cursor)
            await asyncio.sleep(0.002)

    reading = asyncio.create_task(read())
    await asyncio.gather(*(put_many(one, letter, 12) for one, letter in zip(rivals[1:], "甲丙丁", strict=True)))
    done.set()
    assert await reading == started + 3 * 12 * 2
    async with rivals[0].engine.connect() as connection:
        leaves = (await connection.execute(select(journal_leaf).order_by(journal_leaf.c.idx))).all()
        tree = await read_tree_head(connection)
    assert [leaf.idx for leaf in leaves] == list(range(tree.size))
    assert all(one.first_position + one.positions == two.first_position for one, two in pairwise(leaves))
    assert tree.root == root([leaf.hash for leaf in leaves])


async def test_j3_one_key_sent_to_two_gateways_at_once_is_journalled_once(rivals: list[Gateway]) -> None:
    for number in range(6):
        submission = Submission(COURT, "dishonest-debtor", f"key-{number}", b"body")
        items = [Accepted(line, debtor(f"{number}" * line), b"{}") for line in range(1, 8)]  # three batches

        async def submit(gateway: Gateway, submission: Submission, items: Sequence[Accepted]) -> Result | Conflict:
            try:
                return await gateway.intake.submit_items(submission, DISHONEST_DEBTOR, iter(items))
            except Conflict as conflict:
                return conflict

        answers = await asyncio.gather(*(submit(one, submission, items) for one in rivals))
        after = await submit(rivals[0], submission, items)
        assert isinstance(after, Result)
        assert (after.counts["listed"], after.counts["unchanged"]) == (7, 0)
        for answer in answers:
            if isinstance(answer, Conflict):
                assert answer.code == "submission-in-progress"
            else:
                assert answer.document() == after.document()
    async with rivals[0].engine.connect() as connection:
        assert len((await connection.execute(select(entry.c.position))).all()) == 6 * 7


async def test_j4_rivals_who_change_one_record_follow_each_other(rivals: list[Gateway]) -> None:
    await rivals[0].put(debtor("甲"))
    await asyncio.gather(
        *(one.put(debtor("甲", obligation=f"{turn}-{number}")) for number, one in enumerate(rivals) for turn in "ab")
    )
    async with rivals[0].engine.connect() as connection:
        rows = (await connection.execute(select(entry).order_by(entry.c.revision))).all()
    assert [row.revision for row in rows] == list(range(1, 10))
    assert [row.previous for row in rows] == [None, *(row.position for row in rows[:-1])]
    assert [row.superseded_by for row in rows] == [*(row.position for row in rows[1:]), None]


async def test_j4_rivals_who_list_one_new_record_list_it_once(rivals: list[Gateway]) -> None:
    """The index of versions is the only one to say that a head has moved."""
    for name in "甲乙丙丁":
        await asyncio.gather(*(one.put(debtor(name)) for one in rivals for _ in range(2)))
    async with rivals[0].engine.connect() as connection:
        rows = (await connection.execute(select(entry))).all()
    assert [row.revision for row in rows] == [1, 1, 1, 1]
    assert len({row.record_id for row in rows}) == len(rows)


async def test_d2_d6_many_routers_number_without_gap_or_repeat(rivals: list[Gateway]) -> None:
    """They route while records are listed and the contract changes; a step counts once, a change has its place."""
    first = rivals[0]
    await first.registry.activate(first.contract())
    done = asyncio.Event()

    async def route(gateway: Gateway) -> None:
        while not done.is_set():
            await gateway.router.catch_up(TO_MARKET)
            await asyncio.sleep(0)

    async def change() -> None:
        for action in ("suspend", "resume") * 4:
            await first.registry.change_state(TO_MARKET, action)

    routing = [asyncio.create_task(route(one)) for one in rivals]
    await asyncio.gather(put_many(rivals[1], "甲", 10), put_many(rivals[2], "丙", 10), change())
    done.set()
    await asyncio.gather(*routing)
    await first.router.catch_up(TO_MARKET)
    async with first.engine.connect() as connection:
        heads = {row.lane: row.last for row in await connection.execute(select(lane))}
        runs = (await connection.execute(select(delivery_log).order_by(delivery_log.c.first))).all()
    for name in LANES:
        numbers = [run.first + offset for run in runs if run.lane == name for offset in range(run.numbers)]
        assert numbers == list(range(1, heads[name] + 1))
    told = [one for run in runs for one in unpack(run.packed)]
    assert sum(one.kind == "contract" for one in told) == 9, "no change of the contract is walked past"
    shown = [one for one in told if one.kind == "upsert"]
    assert len({(one.position, one.cause) for one in shown}) == len(shown)
    assert len({one.position for one in shown}) == 40


async def test_p2_a_signature_is_used_once_at_all_gateways(rivals: list[Gateway]) -> None:
    stores = [Nonces(one.engine, one.clock) for one in rivals]
    until = rivals[0].clock.now() + timedelta(minutes=5)
    for number in range(5):
        first = await asyncio.gather(*(store.remember("k" * 43, f"nonce-{number}", until) for store in stores))
        assert sorted(first) == [False, False, False, True]


async def test_who_reads_sees_one_moment(rivals: list[Gateway]) -> None:
    """Or a router would see the entries behind a change of the contract, and not the change."""
    async with rivals[0].engine.connect() as connection:
        before = (await connection.execute(select(journal_head.c.size))).scalar_one()
        await rivals[1].put(debtor("甲"))
        assert (await connection.execute(select(journal_head.c.size))).scalar_one() == before
        assert (await connection.execute(select(entry.c.position))).all() == []


# What only a server has: sessions that hang or are cut, and a server that stops.


on_a_server = pytest.mark.parametrize("databases", ["postgres"], indirect=True, scope="session")


@on_a_server
async def test_j2_a_gateway_that_hangs_lets_go_of_the_head(rivals: list[Gateway]) -> None:
    hung, other = rivals[:2]
    async with hung.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT name, setting::int FROM pg_settings WHERE name LIKE '%\\_timeout'")
        )
        limits = {row.name: row.setting for row in rows}
        assert 0 < limits["idle_in_transaction_session_timeout"] < limits["lock_timeout"] < limits["statement_timeout"]
    async with hung.engine.connect() as connection:
        await connection.execute(text("SET LOCAL idle_in_transaction_session_timeout = '200ms'"))
        await claim(connection, 1)
        async with asyncio.timeout(10):
            assert (await other.put(debtor("甲"))).counts["listed"] == 1
        await connection.invalidate()


@on_a_server
async def test_j1_connections_that_are_cut_lose_nothing_and_are_made_anew(rivals: list[Gateway]) -> None:
    first, other = rivals[:2]
    await first.put(debtor("甲"))
    cut = text(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )

    async def cut_all() -> None:
        for _ in range(20):
            async with other.engine.connect() as connection:
                await connection.execute(cut)
            await asyncio.sleep(0.02)

    async def push(number: int) -> None:
        submission = Submission(COURT, "dishonest-debtor", f"key-{number}", b"body")
        for _ in range(50):  # as a client does: the same key again
            try:
                item = Accepted(1, debtor("丙" * number), b"{}")
                await first.intake.submit_items(submission, DISHONEST_DEBTOR, iter([item]))
            except Unavailable:
                await asyncio.sleep(0.02)
            else:
                return
        raise AssertionError("the gateway does not come back")

    await asyncio.gather(cut_all(), *(push(number) for number in range(1, 11)))
    async with first.engine.connect() as connection:
        rows = (await connection.execute(select(entry.c.position, entry.c.revision).order_by(entry.c.position))).all()
        size = (await connection.execute(select(journal_head.c.size))).scalar_one()
    assert [row.position for row in rows] == list(range(size - 10, size + 1))
    assert {row.revision for row in rows} == {1}


@on_a_server
async def test_a_signal_reaches_those_who_wait_at_another_gateway(rivals: list[Gateway]) -> None:
    """And does not come back: two gateways would wake each other for ever."""
    here, there = Wakeup(), Wakeup()
    exchanging = [
        asyncio.create_task(exchange_signals(one.engine, wakeup))
        for one, wakeup in zip(rivals[:2], (here, there), strict=True)
    ]
    heard = False
    for _ in range(20):  # until both listen
        ticket = there.ticket()
        here.signal()
        await there.wait(ticket, POLL_SECONDS / 2)
        heard = heard or there.ticket() != ticket
    assert heard
    await asyncio.sleep(POLL_SECONDS)
    tickets = here.ticket(), there.ticket()
    await asyncio.sleep(POLL_SECONDS)
    assert (here.ticket(), there.ticket()) == tickets
    for one in exchanging:
        one.cancel()
    await asyncio.gather(*exchanging, return_exceptions=True)


@on_a_server
async def test_two_gateway_processes_serve_one_journal(database_url: str, tmp_path: Path) -> None:
    """What the court sends to one is read at the other by one who waits there."""
    clock = SystemClock()
    cast = make_cast(ROOT / "contracts/agreements", ROOT / "contracts/parties", tmp_path / "party-keys", clock)
    running = await open_gateway(Settings(data_dir=tmp_path / "gateway", database_url=database_url), clock)
    for party, key in cast.keys.items():
        await running.registry.admit({"id": party}, [key.public()])
    for signed in cast.contracts.values():
        await running.registry.activate(signed)
    audience = running.settings.audience
    await running.stop()
    async with AsyncExitStack() as stack:
        ports = [free_port(), free_port()]
        processes = await asyncio.gather(
            *(
                start(
                    stack,
                    f"gateway-{port}",
                    ["gateway.cli", "serve"],
                    port,
                    tmp_path,
                    {
                        "FUYUAN_DATA_DIR": str(tmp_path / "gateway"),
                        "FUYUAN_DATABASE_URL": database_url,
                        "FUYUAN_PORT": str(port),
                    },
                )
                for port in ports
            )
        )
        court = await stack.enter_async_context(GatewayClient(processes[0].url, cast.keys[COURT], audience, clock))
        market = await stack.enter_async_context(GatewayClient(processes[1].url, cast.keys[MARKET], audience, clock))
        page = await market.events(TO_MARKET)
        while page.events:
            page = await market.events(TO_MARKET, page.next)
        waiting = asyncio.create_task(market.events(TO_MARKET, page.next, wait=20))
        await asyncio.sleep(0.3)
        pushed = await court.push(FEED, (SAMPLES / "shixin_zxgk.jsonl").read_bytes(), NDJSON, "push-0001")
        loop = asyncio.get_running_loop()
        began = loop.time()
        assert len((await waiting).events) > 0
        assert loop.time() - began < 5
        assert pushed.counts["listed"] > 0
