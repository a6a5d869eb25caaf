"""A console over a real App, asked as a browser would: by its own name, with its own cookie."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack

import httpx
import pytest
from fastapi import FastAPI

from remit.access.people import add_member, arrive, member
from remit.app import App, open_app
from remit.console.server import make_server
from remit.console.session import COOKIE, Door, sign_in
from remit.settings import Settings
from tests.agents import world

PORT = 7700
HERE = f"http://127.0.0.1:{PORT}"
SignIn = Callable[..., Awaitable[httpx.AsyncClient]]


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        await arrive(opened.store, "ann")
        yield opened


@pytest.fixture
def door() -> Door:
    return Door("ann")


@pytest.fixture
def server(app: App, door: Door) -> FastAPI:
    return make_server(app, door, PORT)


def client(server: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(server)
    return httpx.AsyncClient(
        transport=transport, base_url=HERE, headers={"sec-fetch-site": "same-origin"}, timeout=60
    )


@pytest.fixture
async def stranger(server: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A browser that nobody has signed in."""
    async with client(server) as opened:
        yield opened


@pytest.fixture
async def browser(stranger: httpx.AsyncClient, door: Door) -> httpx.AsyncClient:
    """Ann's browser."""
    entered = await stranger.get("/enter", params={"key": door.key})
    assert entered.status_code == 303
    return stranger


@pytest.fixture
async def browser_of(app: App, server: FastAPI) -> AsyncIterator[SignIn]:
    """Opens other people's browsers, on the same server: `await browser_of("bo", "viewer")`; an owner's where no role is
    named."""
    async with AsyncExitStack() as opened:

        async def open_for(who: str, role: str = "owner") -> httpx.AsyncClient:
            if await member(app.store, who) is None:
                await add_member(app.store, "ann", who, role)
            theirs = await opened.enter_async_context(client(server))
            theirs.cookies.set(COOKIE, await sign_in(app.store, who), domain="127.0.0.1")
            return theirs

        yield open_for
