"""A console over a real App, asked as a browser would: by its own name, with its own cookie."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from remit.app import App, open_app
from remit.console.server import make_server
from remit.console.session import Door
from remit.settings import Settings
from tests.agents import world

PORT = 7700
HERE = f"http://127.0.0.1:{PORT}"


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        yield opened


@pytest.fixture
def door() -> Door:
    return Door("ann")


@pytest.fixture
async def stranger(app: App, door: Door) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that nobody has signed in."""
    transport = httpx.ASGITransport(make_server(app, door, PORT))
    async with httpx.AsyncClient(
        transport=transport, base_url=HERE, headers={"sec-fetch-site": "same-origin"}
    ) as client:
        yield client


@pytest.fixture
async def browser(stranger: httpx.AsyncClient, door: Door) -> httpx.AsyncClient:
    """Ann's browser."""
    entered = await stranger.get("/enter", params={"key": door.key})
    assert entered.status_code == 303
    return stranger
