"""A run followed from any event on: each once, in order, to its end, with what the model says meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

import pytest

from remit import feed
from remit.app import App, open_app
from remit.feed import Said
from remit.following import follow
from remit.journal.events import Answered, Event
from remit.journal.journal import Journal
from remit.journal.state import State
from remit.models.model import Answer
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.agents import world
from tests.agents.test_loop import agent, call, finish


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    world.reset()
    async with open_app(settings) as opened:
        yield opened


async def begun(app: App) -> UUID:
    model = ScriptedModel([Answer(text="I look first.", calls=(call("look_up", order="W1"),)), finish("ok")])
    return await app.start(agent(), "go", model=model)


async def followed(app: App, run: UUID, after: int = 0) -> list[Event | Said | None]:
    async with app.feeds.watched(run) as one_feed:
        return [one async for one in one_feed.follow(after, quiet=1000)]


async def test_each_event_comes_once_and_words_come_before_the_answer_that_has_them(app: App) -> None:
    run = await begun(app)
    advancing: list[asyncio.Task[State]] = []
    told: list[Event | Said | None] = []
    async with app.feeds.watched(run) as one_feed:
        async for one in one_feed.follow(quiet=1000):
            advancing = advancing or [asyncio.create_task(app.advance(run))]  # who follows was there first
            told.append(one)
    await asyncio.gather(*advancing)
    assert [one for one in told if isinstance(one, Event)] == await app.journal.read(run)
    words = told.index(Said("I look first."))
    answers = [n for n, one in enumerate(told) if isinstance(one, Event) and isinstance(one.body, Answered)]
    assert words < answers[0]
    assert not app.feeds.open


async def test_who_follows_from_an_event_on_gets_what_came_after_it(app: App) -> None:
    run = await begun(app)
    await app.advance(run)
    events = await app.journal.read(run)
    assert await followed(app, run, 3) == events[3:]
    assert await followed(app, run, len(events)) == []


async def test_words_of_an_answer_that_is_in_the_journal_are_not_said_again(app: App) -> None:
    run = await begun(app)
    async with app.feeds.watched(run) as one_feed:
        await app.advance(run)
        while not one_feed.over:
            await one_feed.changed.wait()
        told = [one async for one in one_feed.follow(quiet=1000)]
    assert told == await app.journal.read(run)


async def test_silence_is_told_so_that_who_follows_can_look_whether_they_still_may(app: App) -> None:
    run = await begun(app)
    async with app.feeds.watched(run) as one_feed, aclosing(one_feed.follow(quiet=0)) as told:
        found = [await anext(told) for _ in range(3)]
    assert None in found


async def test_who_follows_by_the_api_gets_each_event_once_however_far_behind_and_holds_few(
    app: App, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "TOGETHER", 2)
    run = await begun(app)
    told: dict[int, list[Event]] = {0: [], 1: []}

    async def read(after: int) -> None:
        async for events in follow(app, run, after):
            assert len(events) <= feed.KEPT
            told[after].extend(events)

    readers = [asyncio.create_task(read(after)) for after in told]
    await app.advance(run)
    await asyncio.gather(*readers)
    events = await app.journal.read(run)
    assert (told[0], told[1]) == (events, events[1:])
    assert not app.feeds.heads
    monkeypatch.setattr(Journal, "read", None)  # nothing reads it whole
    pieces = [some async for some in follow(app, run, 1)]
    assert [one for some in pieces for one in some] == events[1:]
    assert max(map(len, pieces)) == 2
    assert [some async for some in follow(app, run, len(events))] == []


async def test_who_follows_a_run_that_is_quiet_is_told_so(app: App) -> None:
    run = await begun(app)
    async with aclosing(follow(app, run, beat=0)) as told:
        while await anext(told):
            continue
