"""Conversations in the console: read along, taken over, written in and handed back, by whose role allows it."""

from __future__ import annotations

from uuid import uuid4

import httpx
import pytest

from remit.app import App
from remit.chat import kept as chats
from remit.chat.identity import Visitor
from remit.console.pages.talks import _told
from remit.talks.found import talk_of
from tests.console.conftest import SignIn
from tests.console.test_inbox import EVIL, words
from tests.triggers.conftest import publish
from tests.webchat.conftest import CHAT, TRIGGER


@pytest.fixture
async def name(app: App) -> str:
    """A visitor who has written."""
    await publish(app, TRIGGER, model="local", **CHAT)
    visitor = Visitor("C17", "bea@shop.example", "Bea")
    session, _ = await chats.begin(app.store, "desk", "site", "https://shop.example", str(uuid4()), visitor)
    message = await chats.write(app.store, session.id, "visitor", f"Where is it? {EVIL}", "1")
    await chats.heard(app.store, session, message)
    return f"chat:{session.id}"


async def test_it_is_read_taken_over_written_in_and_handed_back(
    app: App, browser: httpx.AsyncClient, name: str
) -> None:
    path = f"/people/conversations/{name}"
    listed = await browser.get("/people/conversations")
    assert f'href="{path}"' in listed.text
    assert "Bea" in words(await browser.get("/people/conversations?q=whe+-shoes"))
    assert "Nowhere was that said: “shoes”" in words(await browser.get("/people/conversations?q=shoes"))
    shown = words(await browser.get(path))
    assert "Bea" in shown
    assert "Then desk waits, and nothing else reaches them by chat, until you hand it back." in shown
    assert EVIL not in (await browser.get(path)).text
    assert (await browser.post(f"{path}/take", data={})).headers["location"] == path
    shown = words(await browser.get(path))
    assert "You have taken it over" in shown
    assert "Then desk waits" not in shown
    sent = {"key": "k1", "text": "On its way."}
    for _ in range(2):
        assert (await browser.post(f"{path}/words", data=sent)).status_code == 303
    shown = words(await browser.get(path))
    assert shown.count("On its way.") == 1
    assert "Being sent: On its way." in shown
    assert (await browser.post(f"{path}/words", data={"key": "k2", "text": " "})).status_code == 422
    assert (await browser.post(f"{path}/back", data={"note": "x" * 2_001})).status_code == 422
    assert (await browser.post(f"{path}/back", data={"note": "Send the label."})).status_code == 303
    assert "Their note: Send the label." in words(await browser.get(path))
    assert (await browser.post(f"{path}/words", data=sent)).status_code == 422


async def test_another_colleague_sees_who_has_it_and_an_approver_only_reads(
    app: App, browser: httpx.AsyncClient, browser_of: SignIn, name: str
) -> None:
    path = f"/people/conversations/{name}"
    approver, other = await browser_of("abe", "approver"), await browser_of("olga", "operator")
    assert "Take it over" not in (await approver.get(path)).text
    assert (await approver.post(f"{path}/take", data={})).status_code == 403
    await browser.post(f"{path}/take", data={})
    shown = words(await other.get(path))
    assert "ann has taken it over" in shown
    assert "Write to them" not in shown
    refused = await other.post(f"{path}/take", data={})
    assert (refused.status_code, "ann has taken" in refused.text) == (400, True)
    person = await browser.get("/people/bea@shop.example")
    assert "ann talks with them" in words(person)


async def test_what_is_said_and_whose_it_is_comes_as_it_happens(
    app: App, browser: httpx.AsyncClient, name: str
) -> None:
    talk = await talk_of(app.store, name)
    token = next(cookie.value or "" for cookie in browser.cookies.jar)
    told = _told(app, token, talk, 0, "ann")
    assert await anext(told) == "retry: 1000\n\n"
    first = await anext(told)
    assert first.startswith("id: ")
    assert "Where is it?" in first
    await browser.post(f"/people/conversations/{name}/take", data={})
    assert "You have taken it over" in await anext(told)
    await told.aclose()
