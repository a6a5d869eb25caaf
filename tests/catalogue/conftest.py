"""A real App on a database of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from remit.app import App, open_app
from remit.settings import Settings
from tests.agents import world


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        yield opened
