"""A console on a port of its own, a worker beside it, and browsers that look at it and complain of every error."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from fastapi import FastAPI
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Response

from remit.access.people import add_member, arrive, member
from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.cli.serve import at_work
from remit.console.server import make_server
from remit.console.session import COOKIE, Door, sign_in
from remit.dispatch import open_dispatch
from remit.journal.events import Person
from remit.models.model import ToolCall
from remit.settings import Settings
from remit.testing import ScriptedModel
from tests.journeys import desk
from tests.live import answering

ANN = Person(id="ann", email="ann@a.example", name="Ann", verified=True)
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True}
LONG = 20_000  # milliseconds after which something has gone wrong


def call(tool: str, **args: Any) -> ToolCall:
    return ToolCall("x", tool, args)


def finish(report: str = "It is done.") -> ToolCall:
    return call("finish", report=report, outcome="done")


def clerk(**changes: Any) -> Agent:
    """An agent of the desk: it asks before it pays or writes."""
    spec = {
        "name": "clerk",
        "tools": ["tests.journeys.desk"],
        "reflect": False,
        "remit": {"autonomy": "act", "budget": {"steps": 12}},
        "rules": [
            {"tool": "refund", "deny": "args.amount > 500", "because": "never more than the shop sells"},
            {"tool": "refund", "ask": "true", "because": "a person decides on money that goes back"},
            {"tool": "send_mail", "ask": "true", "because": "what leaves is read by somebody"},
        ],
    }
    return Agent.model_validate({**spec, **changes})


@dataclass
class Console:
    """A console that runs, seen from the test."""

    app: App
    door: Door
    server: FastAPI
    url: str

    async def request(self, goal: str, *turns: Any, person: Person = ANN, **changes: Any) -> UUID:
        """A run that does these turns, begun and handed to the workers."""
        name = f"scripted:{len(self.app.models)}"
        self.app.models[name] = ScriptedModel([*turns, finish()], by_turn=True, name=name)
        return await self.begin(goal, person, model=name, **changes)

    async def begin(self, goal: str, person: Person = ANN, **changes: Any) -> UUID:
        """A run of the clerk, changed like this."""
        run = await self.app.start(clerk(**changes), goal, person=person)
        async with open_dispatch(self.app.store) as dispatch:
            await dispatch.enqueue(run)
        return run

    async def rests(self, run: UUID) -> None:
        """Until it has ended or waits for somebody: for a page that does not follow it."""
        async with self.app.feeds.watched(run) as feed:
            while not feed.over and not feed.state.waits:
                await feed.changed.wait()


@asynccontextmanager
async def serving(settings: Settings, *, work: bool = True) -> AsyncIterator[Console]:
    """`remit up` in this process, as far as there is something to look at; without `work` no run goes on."""
    desk.reset()
    listening = socket.create_server(("127.0.0.1", 0))
    port = listening.getsockname()[1]
    async with open_app(settings) as app:
        await arrive(app.store, "ann")
        door, stop = Door("ann"), asyncio.Event()
        made = make_server(app, door, port)
        async with answering(listening, made):
            working = asyncio.create_task(at_work(app, 4, "console", stop=stop)) if work else None
            try:
                yield Console(app, door, made, f"http://127.0.0.1:{port}")
            finally:
                desk.free.set()
                stop.set()
                if working is not None:
                    await working


@dataclass
class Visitors:
    """Opens browsers' windows for people, and knows what those complained of."""

    browser: Browser
    console: Console
    complaints: list[str] = field(default_factory=list)
    opened: list[BrowserContext] = field(default_factory=list)

    async def __call__(self, who: str = "ann", *, role: str = "owner", but: str = "", **options: Any) -> Page:
        """A window in which `who` is signed in, nobody where empty; errors that match `but` are what the test is about."""
        context = await self.browser.new_context(
            base_url=self.console.url, reduced_motion="reduce", **options
        )
        context.set_default_timeout(LONG)
        self.opened.append(context)
        if who:
            store = self.console.app.store
            if await member(store, who) is None:
                await add_member(store, "ann", who, role)
            token = await sign_in(store, who)
            await context.add_cookies([{"name": COOKIE, "value": token, "url": self.console.url}])
        page = await context.new_page()
        self.listen(page, but)
        return page

    def listen(self, page: Page, but: str) -> None:
        """An error in the window's console (a breach of the content security policy is one), of a script, of the server."""

        def complain(text: str) -> None:
            if not but or not re.search(but, text):
                self.complaints.append(text)

        def said(message: ConsoleMessage) -> None:
            if message.type in ("error", "warning"):
                complain(f"{page.url}: {message.text}")

        def answered(response: Response) -> None:
            if response.status >= 500:
                complain(f"{response.url}: {response.status}")

        page.on("console", said)
        page.on("pageerror", lambda error: complain(f"{page.url}: {error}"))
        page.on("response", answered)


@asynccontextmanager
async def visiting(browser: Browser, console: Console) -> AsyncIterator[Visitors]:
    """Windows, shut in the end; fails where one of them complained."""
    visitors = Visitors(browser, console)
    try:
        yield visitors
    finally:
        for context in visitors.opened:
            await context.close()
    assert not visitors.complaints, "\n".join(visitors.complaints)
