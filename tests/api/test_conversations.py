"""Conversations over the API: read, taken over, written in and handed back, by whose scopes allow it."""

from __future__ import annotations

from uuid import uuid4

import pytest

from remit.app import App
from remit.chat import kept as chats
from remit.chat.identity import Visitor
from remit.client import AsyncClient, Conflict, NotFound
from tests.api.conftest import Client
from tests.live import serving
from tests.triggers.conftest import publish
from tests.webchat.conftest import CHAT, TRIGGER


@pytest.fixture
async def name(app: App) -> str:
    """A visitor who has written."""
    await publish(app, TRIGGER, model="local", **CHAT)
    visitor = Visitor("C17", "bea@shop.example", "Bea")
    session, _ = await chats.begin(app.store, "desk", "site", "https://shop.example", str(uuid4()), visitor)
    message = await chats.write(app.store, session.id, "visitor", "Where is it?", "1")
    await chats.heard(app.store, session, message)
    return f"chat:{session.id}"


async def test_one_is_taken_over_written_in_once_for_a_key_and_handed_back(
    app: App, client: Client, name: str
) -> None:
    made = await client("persons:read", "runs:write")
    async with serving(app) as url, AsyncClient(url, made.headers["authorization"].split()[1]) as remit:
        (row,) = await remit.conversations.list(person="bea@shop.example")
        assert (row.name, row.text, row.taken_by) == (name, "Where is it?", "")
        assert [one.name for one in await remit.conversations.list(words="where it")] == [name]
        assert await remit.conversations.list(words="shoes") == []
        assert await remit.conversations.list(person="nobody@shop.example") == []
        with pytest.raises(Conflict, match="before you write"):
            await remit.conversations.write(name, "Hello")
        assert (await remit.conversations.take(name)).by == "ann"
        run = await remit.conversations.write(name, "On its way.", key="k1")
        assert await remit.conversations.write(name, "On its way.", key="k1") == run
        found = await remit.conversations.get(name)
        assert [(one.side, one.text) for one in found.lines] == [("visitor", "Where is it?")]
        assert [(one.run, one.text, one.sent) for one in found.written] == [(run, "On its way.", False)]
        assert (await remit.conversations.get(name, after=found.lines[-1].id)).lines == []
        assert (await remit.conversations.back(name, note="Send the label.")).ended_by == "ann"
        taken = (await remit.conversations.get(name)).taken
        assert taken
        assert (taken.note, taken.ended_at is not None) == ("Send the label.", True)
        with pytest.raises(NotFound):
            await remit.conversations.take(f"chat:{uuid4()}")


async def test_a_colleagues_is_not_taken_and_who_may_not_see_people_does_not_talk_with_them(
    client: Client, name: str
) -> None:
    path = f"/conversations/{name}"
    blind, other = await client("runs:write"), await client("persons:read", "runs:write", who="olga")
    refused = await blind.post(f"{path}/take")
    assert (refused.status_code, "persons:read" in refused.json()["detail"]) == (403, True)
    assert (await (await client()).post(f"{path}/take")).json()["by"] == "ann"
    refused = await other.post(f"{path}/take")
    assert (refused.status_code, "ann has taken" in refused.json()["detail"]) == (409, True)
    assert (await other.post(f"{path}/back", json={})).status_code == 409
    assert (await other.post(f"{path}/words", json={"text": " "})).json()["errors"][0]["pointer"] == "/text"
