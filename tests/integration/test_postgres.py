"""What an operator does with PostgreSQL (docs/operations.md): a role that may not change tables, and backups."""

import asyncio
import io
import os
import random
import secrets
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import OperationalError

from gateway.delivery.cursor import Cursor
from gateway.doctor.gateway import examine_gateway
from gateway.errors import Unavailable
from gateway.journal.engine import FRESH_SECONDS, open_engine
from gateway.journal.proofs import Proofs
from gateway.journal.schema import check, upgrade
from gateway.trust import jws
from gateway.trust.merkle import verify_consistency
from gateway.trust.verify import verify_line
from schemas.canonical import canonical, unb64u
from tests.faults.proxy import Proxy
from tests.integration.district import TO_MARKET, District, Founded, open_district
from tests.servers.postgres import Postgres, binary
from tests.small_gateway import COURT, Gateway, debtor, open_test_gateway

pytestmark = pytest.mark.parametrize("databases", ["postgres"], indirect=True, scope="session")


@pytest.fixture
def empty_url(postgres: Postgres) -> Iterator[str]:
    url = postgres.create()
    yield url
    postgres.drop(url)


def postgres_tool(name: str, url: str, *arguments: str) -> None:
    """Run one of PostgreSQL's own programs; the password goes by the environment, never by the command line."""
    at: URL = make_url(url)
    where = ["-h", str(at.host), "-p", str(at.port), "-U", str(at.username), "-d", str(at.database)]
    subprocess.run(
        [str(binary(name)), *where, "--no-password", *arguments],
        check=True,
        env=os.environ | {"PGPASSWORD": str(at.password)},
    )


async def seen(gateway: Gateway, after: Cursor) -> tuple[list[tuple[str, int]], Cursor]:
    """Lane and number of each event behind a cursor; each verifies with public keys alone."""
    events, following = await gateway.pull(TO_MARKET, after)
    keys = await gateway.registry.keys()
    assert all(verify_line(canonical(event), keys).status == "valid" for event in events)
    return [(event["lane"], event["number"]) for event in events], following


async def test_a_backup_restored_elsewhere_goes_on_where_it_was_taken(
    database_url: str, empty_url: str, tmp_path: Path
) -> None:
    gateway = await open_test_gateway(tmp_path, database_url)
    await gateway.registry.activate(gateway.contract())
    await gateway.put(*(debtor("名" * number) for number in range(1, 8)))
    await gateway.put("名")
    numbers, cursor = await seen(gateway, Cursor())
    keys = await gateway.registry.keys()
    before, _ = jws.verify(
        await Proofs(gateway.engine, gateway.clock, gateway.keyring.signing).checkpoint(), jws.CHECKPOINT, keys
    )
    postgres_tool("pg_dump", database_url, "--format=custom", "--file", str(tmp_path / "fuyuan.dump"))
    await gateway.engine.dispose()

    postgres_tool("pg_restore", empty_url, "--no-owner", "--exit-on-error", str(tmp_path / "fuyuan.dump"))
    restored = await open_test_gateway(tmp_path, empty_url)
    assert (await check(restored.engine)).sound
    assert (await seen(restored, Cursor()))[0] == numbers, "the same numbers, from the beginning"
    restored.sent = gateway.sent
    result = await restored.put(debtor("新"), debtor("名名", obligation="more"))
    assert (result.counts["listed"], result.counts["amended"]) == (1, 1)
    following, _ = await seen(restored, cursor)
    last = {lane: max(number for name, number in numbers if name == lane) for lane in ("priority", "bulk")}
    assert sorted(following) == [("bulk", last["bulk"] + 1), ("priority", last["priority"] + 1)]

    proofs = Proofs(restored.engine, restored.clock, restored.keyring.signing)
    after, _ = jws.verify(await proofs.checkpoint(), jws.CHECKPOINT, await restored.registry.keys())
    path = [unb64u(node, 32) for node in (await proofs.consistency(before["size"], after["size"]))["path"]]
    roots = [unb64u(one["root"], 32) for one in (before, after)]
    verify_consistency(before["size"], after["size"], path, roots[0], roots[1])
    await restored.engine.dispose()


@pytest.fixture
def role(postgres: Postgres) -> Iterator[tuple[str, str]]:
    name, password = f"fuyuan_{secrets.token_hex(4)}", secrets.token_urlsafe(16)
    postgres.say(f"CREATE ROLE {name} LOGIN PASSWORD '{password}'")
    yield name, password
    postgres.say(f"DROP ROLE {name}")


# As docs/operations.md gives them.
GRANTS = (
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO {role}",
    "REVOKE INSERT, UPDATE, DELETE ON alembic_version FROM {role}",
)


async def test_a_gateway_needs_no_right_to_change_tables(
    database_url: str, empty_url: str, role: tuple[str, str], tmp_path: Path
) -> None:
    name, password = role
    owner = open_engine(database_url)
    async with owner.begin() as connection:
        for grant in GRANTS:
            await connection.exec_driver_sql(grant.format(role=name))

    def as_role(url: str) -> str:
        return make_url(url).set(username=name, password=password).render_as_string(hide_password=False)

    gateway = await open_test_gateway(tmp_path, as_role(database_url))
    assert (await gateway.put(debtor("甲"))).counts["listed"] == 1
    await gateway.put("甲")
    await gateway.registry.erase("dishonest-debtor", COURT, debtor("甲").record_id)
    await gateway.engine.dispose()
    barred = open_engine(as_role(empty_url))
    with pytest.raises(Unavailable, match="database-behind"):
        await upgrade(barred)
    await barred.dispose()
    async with owner.begin() as connection:
        await connection.exec_driver_sql(f"DROP OWNED BY {name}")
    await owner.dispose()


async def test_a_database_that_does_not_let_us_in_is_told_in_words(database_url: str, postgres: Postgres) -> None:
    wrong = {
        "database-refused": make_url(database_url).set(password="not it"),
        "journal-away": make_url(database_url).set(port=1),
    }
    for code, url in wrong.items():
        engine = open_engine(url.render_as_string(hide_password=False))
        with pytest.raises(Unavailable) as refused:
            await upgrade(engine)
        assert refused.value.code == code
        assert "not it" not in refused.value.detail
        await engine.dispose()


async def test_the_doctor_tells_a_database_that_does_not_let_us_in_from_one_that_is_not_ours(
    founded_copy: Founded, role: tuple[str, str], tmp_path: Path, log_lines: io.StringIO
) -> None:
    name, password = role
    url = make_url(founded_copy.database_url)
    async with open_district(founded_copy, tmp_path, log_lines) as district:
        settings = district.running.settings
        for wrong in (
            url.set(password="not it"),
            url.set(username="nobody-here"),
            url.set(database="not-there"),
            url.set(username=name, password=password),  # who was granted nothing
        ):
            there = {"database_url": wrong.render_as_string(hide_password=False)}
            found = await examine_gateway(settings.model_copy(update=there), district.clock)
            assert [(one.level, one.code) for one in found] == [("error", "database-refused")]
            assert "FUYUAN_DATABASE_URL" in found[0].remedy
            assert "not it" not in found[0].line()


@pytest.mark.parametrize("patient", [False, True])
async def test_a_session_has_its_limits_and_keeps_what_it_commits(database_url: str, *, patient: bool) -> None:
    wanted = {
        "application_name": "fuyuan",
        "synchronous_commit": "on",
        "idle_in_transaction_session_timeout": "10s",
        "lock_timeout": "30s",
        "statement_timeout": "1min",
        "tcp_keepalives_idle": "30",
        "tcp_keepalives_interval": "10",
        "tcp_keepalives_count": "3",
    }
    if patient:
        wanted |= dict.fromkeys(("idle_in_transaction_session_timeout", "lock_timeout", "statement_timeout"), "0")
        wanted = {name: value for name, value in wanted.items() if not name.startswith("tcp_")}
    owner = open_engine(database_url)
    async with owner.single() as connection:
        name = make_url(database_url).database
        await connection.exec_driver_sql(f'ALTER DATABASE "{name}" SET synchronous_commit = off')
    await owner.dispose()
    engine = open_engine(database_url, patient=patient)
    for _ in range(2):  # the second time a connection that was used before
        async with engine.connect() as connection:
            said = {one: (await connection.exec_driver_sql(f"SHOW {one}")).scalar_one() for one in wanted}
            assert said == wanted
    await engine.dispose()


@pytest.mark.parametrize("patient", [False, True])
async def test_a_connection_begins_with_nothing_that_a_pooler_refuses(database_url: str, *, patient: bool) -> None:
    """PgBouncer takes these in the first packet, and in its session mode any SET behind it."""
    first: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        size = int.from_bytes(await reader.readexactly(4))
        first.set_result(await reader.readexactly(size - 4))
        writer.close()

    async with await asyncio.start_server(take, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        url = make_url(database_url).set(host="127.0.0.1", port=port, query={"ssl": "disable"})
        engine = open_engine(url.render_as_string(hide_password=False), patient=patient)
        with pytest.raises(OperationalError):
            async with engine.connect():
                pass
        await engine.dispose()
    names = (await first)[4:].rstrip(b"\0").split(b"\0")[::2]
    assert set(names) == {b"user", b"database", b"client_encoding", b"application_name"}


@asynccontextmanager
async def far_district(founded: Founded, folder: Path, log: io.StringIO) -> AsyncIterator[tuple[District, Proxy]]:
    """A district whose database is reached through what may befall a network."""
    url = make_url(founded.database_url)
    proxy = Proxy(lambda: [url.port or 5432], random.Random(1))
    await proxy.start()
    through = url.set(host="127.0.0.1", port=proxy.port).render_as_string(hide_password=False)
    async with open_district(founded, folder, log, database_url=through) as district:
        yield district, proxy
    await proxy.stop()


async def test_a_server_that_nothing_comes_through_to_is_away_and_not_our_fault(
    founded_copy: Founded, tmp_path: Path, log_lines: io.StringIO
) -> None:
    """As a firewall that drops what it carried: connections stay open, and nobody answers on them."""
    async with far_district(founded_copy, tmp_path, log_lines) as (district, proxy):
        assert await ready(district) == (200, None)
        proxy.turn("half-open")
        district.clock.advance(timedelta(seconds=1))
        assert await ready(district) == (503, "journal-away")
        with pytest.raises(OperationalError):
            await district.tree_head()
        proxy.turn("pass")
        district.clock.advance(timedelta(seconds=1))
        assert await ready(district) == (200, None)
        await proxy.hang_up()


async def test_a_connection_that_was_dropped_on_the_way_is_made_anew(
    founded_copy: Founded, tmp_path: Path, log_lines: io.StringIO
) -> None:
    async with far_district(founded_copy, tmp_path, log_lines) as (district, proxy):
        assert (await district.tree_head()).positions
        proxy.forget()
        await asyncio.sleep(FRESH_SECONDS)  # what a firewall drops has been idle for minutes
        assert (await district.tree_head()).positions


async def ready(district: District) -> tuple[int, str | None]:
    answer = await district.send(httpx.Request("GET", "http://gateway.test/readyz"))
    return answer.status_code, answer.json().get("code")
