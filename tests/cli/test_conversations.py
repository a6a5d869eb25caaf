"""`remit conversations`, as it is typed."""

from __future__ import annotations

import asyncio
from uuid import uuid4

from remit.access.people import arrive
from remit.app import open_app
from remit.chat import kept as chats
from remit.chat.identity import Visitor
from remit.settings import Settings
from tests.cli.typed import data, remit
from tests.triggers.conftest import publish
from tests.webchat.conftest import CHAT, TRIGGER


async def somebody_writes(settings: Settings) -> str:
    """The name of their conversation."""
    async with open_app(settings) as app:
        await arrive(app.store, "olga")
        await publish(app, TRIGGER, model="local", **CHAT)
        site = "https://shop.example"
        talk, _ = await chats.begin(app.store, "desk", "site", site, str(uuid4()), Visitor("C1", "", "Bea"))
        await chats.write(app.store, talk.id, "visitor", "Where is W1?", "1")
    return f"chat:{talk.id}"


def test_one_is_read_taken_over_written_in_and_handed_back(here: Settings) -> None:
    assert "Nobody has written yet" in remit("conversations", "list").stdout
    name = asyncio.run(somebody_writes(here))
    (row,) = data("conversations", "list")
    assert (row["name"], row["who"], row["by"]) == (name, "Bea", "")
    refused = remit("conversations", "write", name, "Hello")
    assert (refused.exit_code, "take the conversation over" in refused.stderr) == (2, True)
    assert data("conversations", "take", name)["by"] == "olga"
    sent = [data("conversations", "write", name, "It comes.", "--key", "1")["run"] for _ in range(2)]
    assert sent[0] == sent[1]
    told = remit("conversations", "show", name).stdout
    assert "Bea: Where is W1?" in told
    assert "olga has taken it over" in told
    assert data("conversations", "back", name, "--note", "Refund W1")["note"] == "Refund W1"
    assert data("conversations", "show", name)["taken"]["ended_at"]
    unknown = remit("conversations", "show", f"chat:{uuid4()}")
    assert "unknown conversation" in unknown.stderr
