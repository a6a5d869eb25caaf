"""Tools that count how many of them are at it, and workers to call them."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterable
from typing import Any
from uuid import UUID

from remit.agents.spec import Agent
from remit.app import App, open_app
from remit.crew import Crew
from remit.dispatch import Dispatch, Pace, open_dispatch
from remit.journal.events import Person
from remit.journal.state import State
from remit.models.model import ToolCall
from remit.settings import Settings
from remit.testing import ScriptedModel
from remit.tools import Limit, tool
from remit.tools.tool import ToolContext

QUICK = Pace(heartbeat=0.1, dead_after=0.6, poll=0.05, grace=5)
ANN = Person(id="ann", verified=True)
now: list[UUID] = []  # runs that are in a tool
most = 0  # of these, at any time
done: list[tuple[UUID, float]] = []  # run, when by the steady clock
owner = "ann"  # of whatever is acted on
go_on = asyncio.Event()  # what `hold` waits for
begun: asyncio.Queue[UUID] = asyncio.Queue()  # runs that are in `hold`


def reset() -> None:
    global most, owner, go_on, begun
    now.clear()
    done.clear()
    most, owner, go_on, begun = 0, "ann", asyncio.Event(), asyncio.Queue()


async def at_it(context: ToolContext, work: Any) -> str:
    global most
    now.append(context.run)
    most = max(most, len(now))
    try:
        await work
    finally:
        now.remove(context.run)
    done.append((context.run, time.monotonic()))
    return "done"


async def the_owner(context: ToolContext, args: Any) -> Any:
    return {"id": owner}


@tool(effect="egress", settle="key", limit=Limit(concurrent=2))
async def pair(context: ToolContext) -> str:
    """Take a little while; two at once."""
    return await at_it(context, asyncio.sleep(0.02))


@tool(effect="egress", settle="key", limit=Limit(concurrent=1), records={"thing": the_owner})
async def hold(context: ToolContext) -> str:
    """Wait until the test lets it go on; one at once."""
    begun.put_nowait(context.run)
    return await at_it(context, go_on.wait())


@tool(effect="read", limit=Limit(rate="2/3s"))
async def paced(context: ToolContext) -> str:
    """Look; each one and a half seconds."""
    return await at_it(context, asyncio.sleep(0))


@tool(effect="read")
async def free(context: ToolContext) -> str:
    """Look, without a limit."""
    return await at_it(context, asyncio.sleep(0.02))


TOOLS = (pair, hold, paced, free)


def agent(**changes: Any) -> Agent:
    spec: dict[str, Any] = {
        "name": "limited",
        "tools": ["tests.limits.world"],
        "reflect": False,
        "remit": {"autonomy": "act"},
        "rules": [
            {"tool": "hold", "deny": "thing.id != person.id"},
            {"tool": ["pair", "hold"], "allow": "true"},
        ],
    }
    return Agent.model_validate({**spec, **changes})


def script(*tools: str) -> ScriptedModel:
    calls = [ToolCall("x", name, {}) for name in tools]
    return ScriptedModel([*calls, ToolCall("x", "finish", {"report": "ok", "outcome": "done"})], by_turn=True)


@contextlib.asynccontextmanager
async def worker(
    settings: Settings, model: ScriptedModel, concurrency: int = 20, agents: Iterable[str] = ()
) -> AsyncIterator[tuple[App, Dispatch]]:
    """What `remit worker` is, with the model that its runs want."""
    stop = asyncio.Event()
    async with open_app(settings) as app, open_dispatch(app.store, QUICK) as dispatch:
        app.models[model.name] = model
        crew = Crew(app, concurrency, agents=frozenset(agents))

        async def advance(run: UUID) -> None:
            await crew.advance(run)

        sweeper = asyncio.create_task(crew.sweep(stop))
        work = asyncio.create_task(
            dispatch.work(advance, concurrency=concurrency, stop=stop, agents=tuple(agents))
        )
        try:
            yield app, dispatch
        finally:
            stop.set()
            await work
            await sweeper
            await crew.drain()


async def ended(app: App, runs: Iterable[UUID]) -> list[State]:
    """The runs' ends. Nothing announces them, so it looks again and again."""
    async with asyncio.timeout(40):
        states = [await app.state(run) for run in runs]
        while not all(state.finished for state in states):
            await asyncio.sleep(0.05)
            states = [await app.state(state.run) for state in states if state.run]
    return states
