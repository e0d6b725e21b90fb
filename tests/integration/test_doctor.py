"""`fuyuan doctor` on a gateway that is broken for real, one thing at a time: the code, the words, and what to do."""

import io
import json
import os
import shutil
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import func, select, text, update
from sqlalchemy.ext.asyncio import create_async_engine

from gateway.clock import stamp
from gateway.demo.cast import COURT
from gateway.demo.processes import free_port
from gateway.doctor.finding import Finding, in_words
from gateway.doctor.gateway import examine_gateway
from gateway.doctor.machine import check_disk, compare_clocks
from gateway.doctor.report import run_doctor
from gateway.journal.tables import secret
from gateway.trust.keys import SigningKey, Validity
from gateway.trust.vault import Vault
from tests.integration.agency import COMPANY, listing
from tests.integration.district import MARKET, TO_MARKET, District


@pytest.fixture
async def sound(district: District) -> District:
    """A district with nothing wrong: what is listed is routed, pulled and receipted."""
    await district.push(listing())
    running = district.running
    for contract, signed in district.cast.contracts.items():
        await running.router.catch_up(contract)
        if signed.terms.feed != "receipt":
            agency = signed.terms.subscriber.party
            events, _ = await district.pull(agency, contract)
            for lane in ("priority", "bulk"):
                of_lane = [event for event in events if event["lane"] == lane]
                await district.client(agency).send_receipts([await district.received(of_lane)])
    for contract in district.cast.contracts:
        await running.router.catch_up(contract)
    return district


async def findings(district: District, **changed: object) -> list[Finding]:
    """What there is to do. Every line is in words, says what to do, and holds nothing personal."""
    found = await examine_gateway(district.running.settings.model_copy(update=changed), district.clock)
    wrong = [one for one in found if one.level != "ok"]
    for one in wrong:
        assert one.text.endswith(".")
        assert one.remedy or one.code in ("key-of-another", "key-file-damaged")
        assert COMPANY not in one.line()
        assert "\n" not in one.line()
    return wrong


async def codes(district: District, **changed: object) -> list[tuple[str, str]]:
    return [(one.level, one.code) for one in await findings(district, **changed)]


async def test_all_is_well(sound: District) -> None:
    settings, out = sound.running.settings, io.StringIO()
    if sound.running.engine.dialect.name == "postgresql":
        sound.clock.at = datetime.now(UTC)  # the server has a clock of its own
        settings = settings.model_copy(update={"ready_lag_seconds": 10.0**9})
        assert "clock" in {one.area for one in await examine_gateway(settings, sound.clock)}
        return
    assert await run_doctor(settings, sound.clock, agent=False, as_json=False, out=out) == 0, out.getvalue()
    areas = [line.split()[:2] for line in out.getvalue().splitlines()]
    assert areas == [["ok", area] for area in ("keys", "clock", "database", "contracts", "lag", "quarantine")]
    assert "in China 2026-11-23" in out.getvalue()


async def expected(sound: District, *codes_: tuple[str, str], **changed: object) -> list[Finding]:
    """These findings and no others, apart from the clock of a PostgreSQL, which does not know the test's day."""
    found = [one for one in await findings(sound, **changed) if one.code != "clocks-apart"]
    assert sorted((one.level, one.code) for one in found) == sorted(codes_), [one.line() for one in found]
    return found


async def test_json_is_one_object_a_line_and_the_exit_code_tells(sound: District) -> None:
    (sound.running.settings.key_dir / "vault.key").chmod(0o644)
    out = io.StringIO()
    assert await run_doctor(sound.running.settings, sound.clock, agent=False, as_json=True, out=out) == 1
    lines = [json.loads(line) for line in out.getvalue().splitlines()]
    assert {frozenset(line) for line in lines} == {frozenset(("level", "area", "code", "text", "remedy"))}
    assert lines[0]["code"] == "key-file-open"


@pytest.mark.parametrize("name", ["signing.jwk", "vault.key", "records.key"])
async def test_key_files(sound: District, name: str) -> None:
    path = sound.running.settings.key_dir / name
    path.chmod(0o640)
    [found] = await expected(sound, ("error", "key-file-open"))
    assert (name in found.text, found.remedy) == (True, "chmod 600 it.")
    path.chmod(0o600)
    good = path.read_bytes()
    path.write_bytes(good[:20])
    await expected(sound, ("error", "key-file-damaged"))
    path.unlink()
    await expected(sound, ("error", "key-file-missing"))
    assert not path.exists()  # nothing was made in its place


async def test_no_keys_and_no_database_at_all(district: District, tmp_path: Path) -> None:
    found = await codes(district, key_dir=tmp_path / "none")
    assert ("error", "key-dir-missing") in found
    missing = tmp_path / "none/journal.sqlite"
    found = await codes(district, key_dir=tmp_path / "none", database_url=f"sqlite+aiosqlite:///{missing}")
    assert found == [("error", "key-dir-missing"), ("error", "database-missing")]
    assert not missing.exists()


@pytest.mark.parametrize("name", ["vault.key", "records.key"])
async def test_a_key_of_another_database(sound: District, name: str) -> None:
    (sound.running.settings.key_dir / name).write_bytes(bytes(32))
    [found] = await expected(sound, ("error", "key-of-another-database"))
    assert name in found.text


async def test_a_key_that_only_the_newest_was_written_with(sound: District) -> None:
    """Somebody ran with a key of its own before; the oldest content says which one is the journal's."""
    key = sound.running.settings.key_dir / "vault.key"
    right = key.read_bytes()
    key.write_bytes(bytes(32))
    async with sound.running.engine.begin() as connection:
        wrapped = Vault(bytes(32)).wrap(bytes(32))
        newest = select(func.max(secret.c.position)).scalar_subquery()
        await connection.execute(update(secret).where(secret.c.position == newest).values(wrapped=wrapped))
    [found] = await expected(sound, ("error", "key-of-another-database"))
    assert "oldest" in found.text
    key.write_bytes(right)
    [found] = await expected(sound, ("error", "key-of-another-database"))
    assert "newest" in found.text


async def test_a_signing_key_that_nobody_entered_and_one_of_another_party(sound: District) -> None:
    path = sound.running.settings.key_dir / "signing.jwk"
    path.unlink()
    SigningKey.generate("fuyuan-gateway", sound.clock.now()).save(path)
    await expected(sound, ("error", "signing-key-unknown"))
    await expected(sound, ("error", "key-of-another"), party="other-gateway")


async def end_key(district: District, key: SigningKey, after: timedelta) -> None:
    ends = Validity(key.public().validity.valid_from, retired_at=district.clock.now() + after)
    await district.running.registry.enter_key(replace(key.public(), validity=ends))


async def test_a_signing_key_that_ends(sound: District) -> None:
    key = SigningKey.load(sound.running.settings.key_dir / "signing.jwk")
    await end_key(sound, key, timedelta(days=29))
    await expected(sound, ("warning", "key-ends-soon"))
    sound.clock.advance(timedelta(days=29))
    assert ("error", "key-not-current") in await codes(sound)


async def test_a_party_without_a_key(sound: District) -> None:
    await end_key(sound, sound.cast.keys[COURT], timedelta(days=10))
    [found] = await expected(sound, ("warning", "key-ends-soon"))
    assert COURT in found.text
    await end_key(sound, sound.cast.keys[COURT], timedelta())
    found_all = await expected(sound, *[("error", "party-without-key")] * len(sound.cast.contracts))
    assert all(COURT in one.text for one in found_all)


async def test_a_clock_that_was_set_back(sound: District) -> None:
    sound.clock.advance(timedelta(hours=-3))
    [found] = [one for one in await findings(sound) if one.code == "clock-set-back"]
    assert (found.level, "3 h" in found.text) == ("error", True)


async def test_the_database_s_clock(sound: District) -> None:
    if sound.running.engine.dialect.name == "postgresql":
        assert ("error", "clocks-apart") in await codes(sound)  # the test's day is another than the server's
    now, skew = sound.clock.now(), timedelta(seconds=300)
    assert compare_clocks(now, now + timedelta(seconds=4), skew) == []
    assert [one.level for one in compare_clocks(now, now - timedelta(seconds=60), skew)] == ["warning"]
    assert [one.level for one in compare_clocks(now, now + timedelta(seconds=301), skew)] == ["error"]


async def test_a_database_that_is_stopped(sound: District) -> None:
    url = f"postgresql+asyncpg://fuyuan:hunter2@127.0.0.1:{free_port()}/journal"
    [found] = await expected(sound, ("error", "database-away"), database_url=url)
    assert "hunter2" not in found.line()
    await expected(sound, ("error", "database-url"), database_url="mysql://hunter2@db/x")


async def test_a_database_that_is_no_journal(sound: District, tmp_path: Path) -> None:
    (tmp_path / "empty.sqlite").touch(mode=0o600)
    await expected(sound, ("error", "schema-outdated"), database_url=f"sqlite+aiosqlite:///{tmp_path / 'empty.sqlite'}")
    (tmp_path / "noise.sqlite").write_bytes(b"no database " * 1000)
    (tmp_path / "noise.sqlite").chmod(0o600)
    url = f"sqlite+aiosqlite:///{tmp_path / 'noise.sqlite'}"
    assert [one.level for one in await findings(sound, database_url=url)] == ["error"]


async def test_a_schema_of_another_version_or_changed_by_hand(sound: District) -> None:
    async with sound.running.engine.begin() as connection:
        await connection.execute(text("ALTER TABLE party ADD COLUMN note TEXT"))
    [found] = await expected(sound, ("error", "schema-differs"))
    assert "note" in found.text
    async with sound.running.engine.begin() as connection:
        await connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    await expected(sound, ("error", "schema-outdated"))


async def test_a_database_that_does_not_keep_what_it_says(sound: District) -> None:
    engine = sound.running.engine
    if engine.dialect.name == "sqlite":
        os.chmod(str(engine.url.database), 0o644)  # noqa: PTH101
        await expected(sound, ("error", "database-open"))
        return
    server = create_async_engine(engine.url, isolation_level="AUTOCOMMIT")
    try:
        async with server.connect() as connection:
            await connection.execute(text("ALTER SYSTEM SET full_page_writes = off"))
            await connection.execute(text("SELECT pg_reload_conf()"))
            await connection.execute(text("SELECT pg_sleep(0.5)"))
        [found] = await expected(sound, ("error", "not-durable"))
        assert "full_page_writes" in found.text
    finally:
        async with server.connect() as connection:
            await connection.execute(text("ALTER SYSTEM RESET full_page_writes"))
            await connection.execute(text("SELECT pg_reload_conf()"))
        await server.dispose()


def test_a_disk_that_fills() -> None:
    assert check_disk(3 * 2**30) == []
    assert [one.level for one in check_disk(2**30)] == ["warning"]
    assert [one.level for one in check_disk(2**20)] == ["error"]


async def test_the_disk_is_that_of_the_journal_s_file_and_of_no_server(
    sound: District, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = []

    def little(folder: Path) -> SimpleNamespace:
        looked_at.append(folder)
        return SimpleNamespace(free=2**26)

    monkeypatch.setattr(shutil, "disk_usage", little)
    if sound.running.engine.dialect.name == "postgresql":
        await expected(sound)
        assert looked_at == []
    else:
        [found] = await expected(sound, ("error", "disk-full"))
        assert "64 MiB" in found.text
        assert looked_at == [Path(str(sound.running.engine.url.database)).parent]


async def test_contracts_that_end(sound: District) -> None:
    last = sound.clock.now() + timedelta(days=20)
    await sound.activate(version=2, valid_until=last.date().isoformat())
    await sound.running.router.catch_up(TO_MARKET)
    found = [one for one in await findings(sound) if one.area == "contracts"]
    assert [(one.level, one.code) for one in found] == [("warning", "contract-ends-soon")]
    assert TO_MARKET in found[0].text
    sound.clock.advance(timedelta(days=22))
    found = [one for one in await findings(sound) if one.area == "contracts"]
    assert [(one.level, one.code) for one in found] == [("error", "contract-over")]


async def test_a_revocation_that_nobody_confirmed(sound: District) -> None:
    await sound.running.registry.change_state(TO_MARKET, "revoke")
    await sound.running.router.catch_up(TO_MARKET)
    assert "contract-revoking" not in {one.code for one in await findings(sound)}
    sound.clock.advance(timedelta(days=3))
    [found] = [one for one in await findings(sound) if one.code == "contract-revoking"]
    assert "3 days" in found.text
    assert f"fuyuan contract change {TO_MARKET} confirm" in found.remedy


async def test_a_contract_whose_terms_were_changed_in_the_database(sound: District) -> None:
    async with sound.running.engine.begin() as connection:
        row = (await connection.execute(text("SELECT document FROM contract_version"), {})).scalars().first()
        assert row is not None
        bent = bytes(row).replace(b'"title":"', b'"title":"x')
        await connection.execute(
            text("UPDATE contract_version SET document = :bent WHERE document = :row"), {"bent": bent, "row": row}
        )
    assert ("error", "contract-unverified") in await codes(sound)


async def test_lanes_that_nobody_routes(sound: District) -> None:
    await sound.push(listing(2))
    await expected(sound)
    sound.clock.advance(timedelta(seconds=90))
    found = await expected(sound, *[("error", "routing-behind")] * 3)
    assert "since 90 s" in found[0].text


async def test_an_agency_that_does_not_pull(sound: District) -> None:
    await sound.push(listing(2))
    for contract in sound.cast.contracts:
        await sound.running.router.catch_up(contract)
    sound.clock.advance(timedelta(hours=5))
    found = await expected(sound, *[("error", "agency-not-pulling")] * 3)
    [line] = [one.text for one in found if MARKET in one.text]
    assert "1 events" in line
    assert "5 h" in line


async def test_an_agency_that_falls_silent(sound: District) -> None:
    await sound.push(listing(2))
    await sound.running.router.catch_up(TO_MARKET)
    await sound.pull(MARKET, TO_MARKET)
    duties = sound.cast.contracts[TO_MARKET].terms.duties
    assert duties.receipt_within_minutes is not None
    sound.clock.advance(timedelta(seconds=duties.heartbeat_lease_seconds + 1))
    found = [one for one in await findings(sound) if one.code == "agency-silent"]
    assert [one.level for one in found] == ["warning"]
    sound.clock.advance(timedelta(minutes=duties.receipt_within_minutes))
    [late] = [one for one in await findings(sound) if one.code == "agency-silent"]
    assert late.level == "error"
    assert MARKET in late.text


async def test_receipts_that_the_court_does_not_read(sound: District) -> None:
    sound.clock.advance(timedelta(days=2))
    found = await expected(sound, *[("warning", "receipts-unread")] * 6)  # three contracts of two lanes
    assert COURT in found[0].text


async def test_quarantine_and_what_was_left_unfinished(sound: District) -> None:
    await sound.push({"iname": COMPANY}, {"iname": COMPANY})
    [found] = await expected(sound, ("warning", "quarantined"))
    assert "2 records" in found.text
    async with sound.running.engine.begin() as connection:
        await connection.execute(text("UPDATE submission SET finished = :no"), {"no": False})
        await connection.execute(
            text("UPDATE submission SET started_at = :at"), {"at": stamp(sound.clock.now() - timedelta(hours=3))}
        )
    assert {code for _, code in await codes(sound)} >= {"quarantined", "submission-unfinished"}


def test_ages_are_told_in_words() -> None:
    assert [in_words(timedelta(seconds=s)) for s in (0, 90, 600, 7200, 200_000)] == [
        "0 s", "90 s", "10 min", "2 h", "2 days",
    ]  # fmt: skip
