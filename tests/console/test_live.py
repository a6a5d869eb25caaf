"""A run watched while it goes on: every event once, to each viewer, from where they are; one reader for all of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncGenerator
from contextlib import AsyncExitStack, aclosing
from decimal import Decimal
from uuid import UUID

import httpx
import pytest
from fastapi import FastAPI

from remit.app import App
from remit.console.pages import live as live_page
from remit.console.session import sign_in, sign_out
from remit.feed import Feeds
from remit.journal.events import Event
from remit.models.model import Answer, Usage
from remit.testing import ScriptedModel
from tests.agents.test_loop import agent, call, finish
from tests.console.test_runs import EVIL, SAFE, done, shown, text, waiting


def messages(stream: str) -> list[tuple[str, str]]:
    """The id and the markup of each message."""
    found = []
    for block in stream.split("\n\n"):
        if name := re.search(r"^id: (\d+)$", block, re.MULTILINE):
            found.append((name[1], "\n".join(re.findall(r"^data: ?(.*)$", block, re.MULTILINE))))
    return found


def told(stream: str) -> list[int]:
    return [seq for _, data in messages(stream) for seq in shown(data)]


async def until(stream: AsyncGenerator[str], words: str) -> str:
    """The first message that has them."""
    async for message in stream:
        if words in message:
            return message
    raise AssertionError(f"the stream ended without {words}")


async def end(app: App, run: UUID) -> None:
    await app.answer(run, "approve", "carol")
    await app.advance(run)


async def test_a_viewer_gets_every_event_that_comes_and_then_the_end(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await waiting(app)
    page = await text(browser, f"/runs/{run}")
    stream = re.search(r'hx-sse:connect="([^"]+)" hx-sse:close="over"', page)
    assert stream is not None
    watching = asyncio.create_task(browser.get(stream[1]))
    await end(app, run)
    answer = await watching
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert shown(page) + told(answer.text) == [event.seq for event in await app.journal.read(run)]
    assert answer.text.endswith("event: over\ndata:\n\n")
    last = messages(answer.text)[-1][1]
    assert 'id="standing"' in last
    assert "cannot verify" in last
    assert "approved by carol" in last
    assert f'hx-sse:connect="/runs/{run}' not in await text(browser, f"/runs/{run}")


async def test_who_comes_back_goes_on_after_what_they_have(app: App, browser: httpx.AsyncClient) -> None:
    run = await waiting(app)
    await end(app, run)
    every = [event.seq for event in await app.journal.read(run)]
    whole = await browser.get(f"/runs/{run}/live")
    assert told(whole.text) == every
    rest = await browser.get(f"/runs/{run}/live", headers={"last-event-id": "4"})
    assert told(rest.text) == every[4:]
    rest = await browser.get(f"/runs/{run}/live?after=2", headers={"last-event-id": "all"})
    assert told(rest.text) == every[2:]
    nothing = await browser.get(f"/runs/{run}/live?after={every[-1]}")
    assert told(nothing.text) == []
    assert "event: over" in nothing.text


async def test_many_viewers_of_a_run_are_one_reader_that_leaves_with_the_last(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, feeds, reads = await waiting(app), Feeds(app.store, app.journal), list[int]()
    read = app.journal.read

    async def counted(which: UUID, after: int = 0) -> list[Event]:
        reads.append(after)
        return await read(which, after)

    async with AsyncExitStack() as viewers:
        many = [await viewers.enter_async_context(feeds.watched(run)) for _ in range(30)]
        with monkeypatch.context() as patched:
            patched.setattr(app.journal, "read", counted)
            (feed,) = {id(one): one for one in many}.values()
            while not feed.events:
                await feed.changed.wait()
        assert reads == [0]
        await end(app, run)
        while not feed.over:
            await feed.changed.wait()
        assert feed.events == await app.journal.read(run)
        assert list(feeds.open) == [run]
    assert not feeds.open
    assert feed.task is not None
    await asyncio.wait([feed.task])


async def test_who_is_far_behind_gets_what_is_not_held_any_more(app: App, browser: httpx.AsyncClient) -> None:
    run = await waiting(app)
    here = app.within("default")
    async with here.tails.watched(run, live_page.fragment) as tail:
        held = len(await app.journal.read(run))
        await end(app, run)
        await tail.look()
        assert tail.pieces[0].seq == held + 1
        assert list(here.tails.open) == [run]
        answer = await browser.get(f"/runs/{run}/live")
        assert told(answer.text) == [event.seq for event in await app.journal.read(run)]
    assert not here.tails.open


async def test_runs_below_are_told_of_as_they_are_begun_and_end(app: App, browser: httpx.AsyncClient) -> None:
    spec = {"name": "scout", "tools": ["tests.agents.world"], "reflect": False, "model": "scripted-child"}
    turn = Answer(calls=(finish(),), usage=Usage(700, 0, cost=Decimal("0.25")), finish="calls")
    app.models["scripted-child"] = ScriptedModel([turn], by_turn=True)
    script = [[call("delegate", agent="scout", task="look W1 up")], [finish()]]
    model = ScriptedModel(script, by_turn=True)
    run = await app.start(agent(team=[spec]), EVIL, model=model)
    here = app.within("default")
    async with here.tails.watched(run, live_page.fragment) as tail:
        assert tail.below == ()
        stream = live_page.sent(app.within("default"), run, 1, await sign_in(app.store, "ann"))
        async with aclosing(stream) as told_to:
            assert (await anext(told_to)).startswith("retry")
            await app.advance(run)
            await tail.look()
            begun = await until(told_to, '<div class="branch">')
            ((_, row),) = tail.below
            assert 'id="below"' in begun
            assert f'href="/runs/{row.id}"' in begun
            assert SAFE in begun
            assert "<script>" not in begun
            await app.advance(row.id)
            await tail.look()
            ended = await until(told_to, "$0.25")  # though nothing is new in the journal of the run itself
            assert "cannot verify" in ended
    page = await text(browser, f"/runs/{run}")
    assert "$0.25" in page


async def test_what_is_sent_is_no_markup_either(app: App, browser: httpx.AsyncClient) -> None:
    run = await done(app, goal=EVIL)
    answer = await browser.get(f"/runs/{run}/live")
    assert SAFE in answer.text
    assert "<script>" not in answer.text


async def test_a_goal_with_blank_lines_does_not_break_a_message_off(
    app: App, browser: httpx.AsyncClient
) -> None:
    run = await done(app, goal="first\n\nid: 99\nevent: over\n\r\r\nlast \u2028 line")
    answer = await browser.get(f"/runs/{run}/live")
    assert told(answer.text) == [event.seq for event in await app.journal.read(run)]
    assert answer.text.count("\nevent: over") == 1
    assert all(re.match(r"(data|id|event|retry|: |$)", line) for line in answer.text.split("\n"))


async def test_nobody_watches_without_being_signed_in(app: App, stranger: httpx.AsyncClient) -> None:
    run = await done(app)
    assert (await stranger.get(f"/runs/{run}/live")).headers["location"].partition("?")[0] == "/sign-in"
    assert (await stranger.get(f"/runs/{run}/live", headers={"hx-request": "true"})).status_code == 401


async def test_who_is_signed_out_is_told_no_more_of_a_run(app: App, server: FastAPI) -> None:
    run, token = await waiting(app), await sign_in(app.store, "ann")
    async with aclosing(live_page.sent(app, run, 0, token)) as told:
        assert (await anext(told)).startswith("retry")
        assert (await anext(told)).startswith("id: ")
        await sign_out(app.store, token)
        await end(app, run)
        assert await anext(told, "nothing") == "nothing"
