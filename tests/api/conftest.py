"""The API over a real App, called as a client would: by its own name, with a token."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import httpx
import pytest
from fastapi import FastAPI

from remit.access.people import add_member, arrive, member
from remit.access.roles import RIGHTS
from remit.api.tokens import add_token
from remit.app import App, open_app
from remit.console.server import make_server
from remit.console.session import Door
from remit.settings import Settings
from tests.agents import world

PORT = 7700
HERE = f"http://127.0.0.1:{PORT}"
Client = Callable[..., Awaitable[httpx.AsyncClient]]


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


@pytest.fixture
async def stranger(server: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A client with no token."""
    async with httpx.AsyncClient(transport=httpx.ASGITransport(server), base_url=HERE) as client:
        yield client


@pytest.fixture
async def client(app: App, server: FastAPI) -> AsyncIterator[Client]:
    """Makes clients: `await client("runs:read", who="bo")`; all scopes where none is named. Each is an owner's, but for those
    who were added with another role before."""
    made: list[httpx.AsyncClient] = []

    async def make(*scopes: str, who: str = "ann") -> httpx.AsyncClient:
        if await member(app.store, who) is None:
            await add_member(app.store, "ann", who, "owner")
        _, secret = await add_token(app.store, f"t{len(made)}", who, scopes or tuple(RIGHTS), None)
        headers = {"authorization": f"Bearer {secret}"}
        transport = httpx.ASGITransport(server, raise_app_exceptions=False)
        made.append(httpx.AsyncClient(transport=transport, base_url=f"{HERE}/api/v1", headers=headers))
        return made[-1]

    yield make
    for one in made:
        await one.aclose()
