"""A platform over a fresh database, and tools that count."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from remit.app import App, open_app
from remit.settings import Settings
from tests.limits import world


@pytest.fixture(autouse=True)
def _fresh() -> None:
    world.reset()


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        yield opened


@pytest.fixture
async def other(settings: Settings) -> AsyncIterator[App]:
    """Another worker's, over the same database."""
    async with open_app(settings) as opened:
        yield opened
