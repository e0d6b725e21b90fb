"""What the tests of compose and of systemd share."""

import os
from collections.abc import Callable, Mapping

import pytest

from gateway.settings import PREFIX, Settings, load_settings

Load = Callable[[Mapping[str, str]], Settings]


@pytest.fixture
def load(monkeypatch: pytest.MonkeyPatch) -> Load:
    """The settings of a process whose environment holds these of ours and no others."""

    def loaded(environment: Mapping[str, str]) -> Settings:
        for key in [key for key in os.environ if key.startswith(PREFIX)]:
            monkeypatch.delenv(key)
        for key, value in environment.items():
            monkeypatch.setenv(key, value)
        return load_settings()

    return loaded
