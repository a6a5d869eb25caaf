from __future__ import annotations

import pytest

from remit import settings as settings_module
from remit.cli import common
from remit.settings import Settings
from tests.agents import world
from tests.agents.test_waiting import due, held


@pytest.fixture
def here(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The commands work on the test's own database."""
    monkeypatch.setattr(settings_module, "load", lambda: settings)
    monkeypatch.setenv("REMIT_USER", "olga")
    monkeypatch.setattr(common.console, "width", 200)
    monkeypatch.setattr(common.errors, "width", 200)
    world.reset()
    held.clear()
    due.clear()
    return settings
