"""Conversations found by what was said in them, by whoever sees the people of a workspace."""

from __future__ import annotations

import httpx
import pytest

from remit.app import App
from remit.errors import UserError
from remit.graph.people import find
from remit.talks import search
from remit.talks.listed import list_talks
from remit.workspaces import add_workspace
from tests.webchat.conftest import begun, say, session_of


async def texts(app: App, words: str, profiles: list[int] | None = None) -> list[str]:
    return [row.text for row in await list_talks(app.store, profiles, words)]


async def test_a_conversation_is_found_by_words_of_it_and_shown_with_what_was_said_there_last(
    app: App, site: httpx.AsyncClient
) -> None:
    hats, shoes = await begun(site), await begun(site)
    for visitor, text in ((hats, "A refund for my hat"), (shoes, "My shoes"), (hats, "Refunded yet?"), (hats, "Hello?")):  # fmt: skip
        await say(site, visitor, text)
    assert await texts(app, "REFUND") == ["Refunded yet?"]
    assert await texts(app, '"refund for"') == ["A refund for my hat"]
    assert await texts(app, "my") == ["My shoes", "A refund for my hat"]
    assert await texts(app, "my -hat") == await texts(app, "shoe or socks") == ["My shoes"]
    await say(
        site, shoes, f"{'You know, ' * 40} my boots are too small, and you said that they fit everybody"
    )
    (found,) = await texts(app, "boots")
    assert "boots are too small" in found
    assert len(found) < 300
    whose = (await find(app.store, f"device:{(await session_of(app, hats)).device}")).ids
    assert await texts(app, "my", whose) == ["A refund for my hat"]


@pytest.mark.parametrize("words", ["-shoes", "?!", "§default", "' | ''", "a\0b:* & !(", "\\", "x" * 3_000])
async def test_what_asks_for_no_word_finds_nothing_and_breaks_nothing(
    app: App, site: httpx.AsyncClient, words: str
) -> None:
    await say(site, await begun(site), "Hello")
    assert await texts(app, words) == []


async def test_it_is_found_in_its_workspace_and_by_nobody_who_is_there_for_some_agents(
    app: App, site: httpx.AsyncClient
) -> None:
    await say(site, await begun(site), "Hello")
    await add_workspace(app.store, "cleo", "acme", "Acme")
    there = app.within("acme")
    assert (
        await texts(there, "hello") == await texts(app.within("default", frozenset({"desk"})), "hello") == []
    )
    assert await texts(app.within("default"), "hello") == ["Hello"]


async def test_a_search_that_takes_too_long_is_given_up_and_says_what_to_do(
    app: App, site: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    await say(site, await begun(site), "Hello")
    monkeypatch.setattr(search, "SECONDS", 0.2)
    async with app.store.pool.connection() as held, held.transaction():
        await held.execute("lock table graph_interactions")
        with pytest.raises(UserError, match="no answer within"):
            await texts(app, "hello")
    monkeypatch.undo()
    assert await texts(app, "hello") == ["Hello"]
