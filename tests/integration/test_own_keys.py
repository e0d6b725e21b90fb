"""A gateway starts with the keys that its journal was begun with, and with no others."""

import shutil
from pathlib import Path

import pytest
from sqlalchemy import func, select

from gateway.errors import Broken
from gateway.journal.tables import party_key
from gateway.trust.keys import SigningKey
from gateway.wiring import open_gateway
from tests.integration.agency import listing
from tests.integration.district import District

KEYS = ("signing.jwk", "vault.key", "records.key")


@pytest.fixture
def folder(district: District, tmp_path: Path) -> Path:
    """A copy of the keys, to be spoiled."""
    return shutil.copytree(district.running.settings.key_dir, tmp_path / "copied")


async def start(district: District, key_dir: Path) -> None:
    """Another gateway over the same database."""
    running = await open_gateway(district.running.settings.model_copy(update={"key_dir": key_dir}), district.clock)
    await running.stop()


async def keys_entered(district: District) -> int:
    async with district.running.engine.connect() as connection:
        return int((await connection.execute(select(func.count()).select_from(party_key))).scalar_one())


@pytest.mark.parametrize("name", KEYS)
async def test_none_is_made_beside_a_journal_that_stands(district: District, folder: Path, name: str) -> None:
    """Nor entered: of a command that runs with the wrong folder, agencies would be given a key that nobody holds."""
    before = await keys_entered(district)
    (folder / name).unlink()
    with pytest.raises(Broken, match=name) as refused:
        await start(district, folder)
    assert refused.value.code == "key-file-missing"
    assert not (folder / name).exists()
    with pytest.raises(Broken):
        await start(district, folder / "of-another-working-folder")
    assert not (folder / "of-another-working-folder").exists()
    assert await keys_entered(district) == before


@pytest.mark.parametrize("name", ["vault.key", "records.key"])
async def test_d7_another_key_lists_nothing_a_second_time(district: District, folder: Path, name: str) -> None:
    await district.push(listing())
    before = await keys_entered(district)
    (folder / name).write_bytes(bytes(32))
    with pytest.raises(Broken, match=name) as refused:
        await start(district, folder)
    assert refused.value.code == "key-of-another-database"
    assert await keys_entered(district) == before


async def test_a_new_signing_key_is_put_in_the_place_of_the_old(district: District, folder: Path) -> None:
    await district.push(listing())
    before = await keys_entered(district)
    (folder / "signing.jwk").unlink()
    SigningKey.generate("fuyuan-gateway", district.clock.now()).save(folder / "signing.jwk")
    await start(district, folder)
    assert await keys_entered(district) == before + 1
