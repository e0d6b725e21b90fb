"""A secret's file that others can read is refused; one that systemd hands over is not taken for such."""

from pathlib import Path

import pytest

from gateway.clock import SystemClock
from gateway.errors import Broken
from gateway.trust.keyring import load_keyring
from gateway.trust.private_file import CREDENTIALS


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    folder = tmp_path / "keys"
    load_keyring(folder, "fuyuan-gateway", SystemClock(), make=True)
    return folder


@pytest.mark.parametrize("name", ["signing.jwk", "vault.key", "records.key"])
def test_a_key_that_its_group_can_read_is_refused(keys: Path, name: str) -> None:
    (keys / name).chmod(0o640)
    with pytest.raises(Broken, match=f"{name} can be read by others"):
        load_keyring(keys, "fuyuan-gateway", SystemClock())


def test_what_systemd_hands_over_is_taken(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for file in keys.iterdir():
        file.chmod(0o440)
    monkeypatch.setenv(CREDENTIALS, str(keys))
    assert load_keyring(keys, "fuyuan-gateway", SystemClock()).signing.party == "fuyuan-gateway"


def test_another_folder_is_not_meant(keys: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (keys / "vault.key").chmod(0o440)
    monkeypatch.setenv(CREDENTIALS, str(tmp_path))
    with pytest.raises(Broken, match=r"vault\.key can be read by others"):
        load_keyring(keys, "fuyuan-gateway", SystemClock())
