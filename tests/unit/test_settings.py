from pathlib import Path

import pytest

from gateway.errors import Refused
from gateway.settings import CONFIG, Settings, load_settings, render_settings


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(f"FUYUAN_{name.upper()}", raising=False)
    monkeypatch.delenv(CONFIG, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def file(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    path = tmp_path / "fuyuan.toml"
    monkeypatch.setenv(CONFIG, str(path))
    return path


def test_defaults_are_the_embedded_gateway_on_loopback() -> None:
    settings = load_settings()
    assert settings.host == settings.agent_host == "127.0.0.1"
    assert settings.database_url == "sqlite+aiosqlite:///data/journal.sqlite"
    assert settings.key_dir == Path("data/keys")
    assert settings.max_body_bytes == 64 * 1024 * 1024


def test_paths_follow_data_dir() -> None:
    settings = Settings(data_dir=Path("/srv/fuyuan"))
    assert settings.database_url == "sqlite+aiosqlite:////srv/fuyuan/journal.sqlite"
    assert settings.key_dir == Path("/srv/fuyuan/keys")


def test_environment_wins_over_the_file_and_the_file_over_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file.write_text('port = 9000\naudience = "from-file"\ndata_dir = "elsewhere"\n')
    monkeypatch.setenv("FUYUAN_PORT", "9100")
    settings = load_settings()
    assert (settings.port, settings.audience, settings.log_format) == (9100, "from-file", "json")
    assert settings.key_dir == Path("elsewhere/keys")


def refused(part: str) -> None:
    with pytest.raises(Refused) as caught:
        load_settings()
    assert caught.value.code == "settings-invalid"
    assert part in caught.value.detail


def test_an_unknown_key_in_the_file_is_an_error(file: Path) -> None:
    file.write_text("max_body_byte = 10\n")
    refused("max_body_byte")


def test_a_file_that_is_not_there_or_no_toml_is_an_error(file: Path) -> None:
    refused("not there")
    file.write_text("port 9000")
    refused("no TOML")


def test_an_error_names_the_setting_and_never_its_value(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file.write_text("log_format = 'secret-value'\n")
    monkeypatch.setenv("FUYUAN_PORT", "secret-value")
    with pytest.raises(Refused) as caught:
        load_settings()
    assert "port" in caught.value.detail
    assert "log_format" in caught.value.detail
    assert "secret-value" not in caught.value.detail


@pytest.mark.parametrize("url", ["postgresql+asyncpg://court:hunter2@db/journal", "no url: hunter2"])
def test_passwords_are_hidden_wherever_settings_are_shown(url: str) -> None:
    settings = Settings(database_url=url, register_url=url)
    rows = render_settings(settings)
    assert "hunter2" not in str(rows)
    assert "hunter2" not in repr(settings)
    assert len(rows) == len(Settings.model_fields)


def test_each_setting_has_a_name_and_a_meaning() -> None:
    for name, value, meaning in render_settings(load_settings()):
        assert name.startswith("FUYUAN_")
        assert value
        assert meaning.endswith(".")


def test_every_setting_is_documented() -> None:
    pages = "".join(page.read_text("utf-8") for page in (Path(__file__).parents[2] / "docs").glob("*.md"))
    assert [name for name in Settings.model_fields if f"`FUYUAN_{name.upper()}`" not in pages] == []
