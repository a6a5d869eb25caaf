"""An agent that answers in the chat of a site, and visitors of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID, uuid4

import httpx
import pytest

from remit.access.people import arrive
from remit.app import App, open_app
from remit.chat import kept as chats
from remit.chat.kept import Session
from remit.console.server import make_server
from remit.console.session import Door
from remit.journal.events import Started
from remit.journal.state import State
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.triggered import look
from remit.triggers import firing
from tests.agents.test_loop import call, finish
from tests.triggers.conftest import publish
from tests.triggers.test_schedules import Handed

Json = Any
SITE = {"origin": "https://shop.example"}
CHAT = {
    "tools": ["chat.*"],
    "remit": {"autonomy": "act"},
    "rules": [{"tool": "chat_reply", "allow": 'evidence.chat == "grant"'}],
}
TRIGGER = {
    "name": "site",
    "chat": ["https://shop.example"],
    "goal": "Answer the visitor.",
    "sender_asks": True,
}


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        await arrive(opened.store, "ann")
        opened.models["auto"] = ScriptedModel([finish()], by_turn=True)
        await publish(opened, TRIGGER, **CHAT)
        yield opened


@pytest.fixture
async def site(app: App) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(make_server(app, Door("ann"), 7700))
    base = "http://127.0.0.1:7700/chat/default/desk"
    async with httpx.AsyncClient(transport=transport, base_url=base, headers=SITE) as client:
        yield client


async def begun(site: httpx.AsyncClient, **more: str) -> dict[str, str]:
    """The headers of a visitor who has begun a chat."""
    answer = await site.post("/sessions", json={"device": str(uuid4()), **more})
    assert answer.status_code == 201
    assert answer.headers["access-control-allow-origin"] == SITE["origin"]
    return {"authorization": f"Bearer {answer.json()['token']}"}


async def say(site: httpx.AsyncClient, visitor: dict[str, str], text: str, id: str = "") -> httpx.Response:
    return await site.post("/messages", json={"id": id or str(uuid4()), "text": text}, headers=visitor)


async def session_of(app: App, visitor: dict[str, str]) -> Session:
    found = await chats.by_token(app.store, "desk", visitor["authorization"].removeprefix("Bearer "))
    assert found is not None
    return found


async def said(app: App, visitor: dict[str, str]) -> list[tuple[str, str]]:
    found = await chats.messages(app.store, (await session_of(app, visitor)).id)
    return [(one.side, one.text) for one in found]


async def answered(app: App, visitor: dict[str, str], *calls: Json) -> State:
    """The run of what the visitor wrote, by a model that does this."""
    chat = str((await session_of(app, visitor)).id)
    app.models["auto"] = ScriptedModel(
        [call(name, **{"chat": chat, **args}) for name, args in calls] + [finish()], by_turn=True
    )
    await look(app, Handed())
    found = await firing.list_firings(app.store, "desk", "site")
    one = next(one for one in found if one.state == "begun")
    return await app.advance(one.run)


async def started(app: App, run: UUID) -> Started:
    body = (await app.journal.read(run))[0].body
    assert isinstance(body, Started)
    return body
