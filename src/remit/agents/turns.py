"""Waiting one's turn: calls of tools that have a limit, and runs of agents that have one.

A call that may happen takes its slots and turns first. Where it would have to wait longer than a moment it sleeps: an event,
a timer, and nothing held; then it is judged anew and asks again. Before an effect's intent, so that it is never in
doubt. What settles a doubt after a crash does not wait: it was let in before.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from datetime import timedelta

from remit.agents.live import Live, Named
from remit.agents.spec import Agent
from remit.journal.events import Slept
from remit.journal.limits import Place
from remit.journal.state import CallState, State
from remit.rate import Limit, parse_rate
from remit.store.guest import DEFAULT
from remit.tools.tool import Tool

MOMENT = 1.0  # seconds that a call waits here: a sleep in the journal is not worth it


def limits_of(
    agent: Agent, tools: Mapping[str, Tool], settings: Mapping[str, Limit], workspace: str
) -> dict[str, Named]:
    """The limits of the agent's tools that have any: the tool's own, or the operator's in its place, and the agent's. Each
    workspace has its own: what one of them does is not felt in another."""
    within = "" if workspace == DEFAULT else f"{workspace}/"
    found: dict[str, Named] = {}
    for name, tool in tools.items():
        shared, own = settings.get(name, tool.limit), agent.limits.tools.get(name)
        limits: list[tuple[str, Limit]] = [(f"tool:{within}{name}", shared)] if shared else []
        if own:
            limits.append((f"tool:{within}{name}@{agent.name}", Limit(own.concurrent, own.rate)))
        if limits:
            found[name] = tuple(limits)
    return found


@asynccontextmanager
async def in_turn(live: Live, call: CallState) -> AsyncIterator[Slept | None]:
    """Around a call: None where it may happen now, and its slots are held; else the sleep to write down."""
    limits = live.limits.get(call.call.tool)
    if limits is None:
        yield None
        return
    held: list[Place] = []
    try:
        yield await _take(live, call, limits, held)
    finally:
        await live.turns.leave(*held)


async def _take(live: Live, call: CallState, limits: Named, held: list[Place]) -> Slept | None:
    """Slots before turns, so that no turn is lost to a slot that is not free."""
    for name, limit in limits:
        if limit.concurrent is None:
            continue
        place = (f"{name} at once", live.run, call.call.id)
        pause = await _slot(live, place, limit.concurrent)
        if pause:
            return _sleep(
                live, call, pause, name, f"{limit.concurrent} of {limit.concurrent} calls are under way"
            )
        held.append(place)
    for name, limit in limits:
        if limit.rate is None:
            continue
        place = (f"{name} in time", live.run, call.call.id)
        pause = await live.turns.turn(place, parse_rate(limit.rate))
        if 0 < pause <= MOMENT:
            await asyncio.sleep(pause)
            pause = await live.turns.turn(place, parse_rate(limit.rate))
        if pause:
            return _sleep(live, call, pause, name, f"no more than {limit.rate}")
    return None


async def _slot(live: Live, place: Place, most: int) -> float:
    """As `Turns.slot`, but for a moment's patience with others of this process."""
    loop = asyncio.get_running_loop()
    end = loop.time() + MOMENT
    while pause := await live.turns.slot(place, most):
        left = end - loop.time()
        if left <= 0:
            return pause
        await live.turns.until_free(place[0], left)
    return 0.0


def _sleep(live: Live, call: CallState, pause: float, name: str, why: str) -> Slept:
    until = live.leases.now() + timedelta(seconds=pause)
    return Slept(until=until, why=f"waits its turn: {name}: {why}", call_id=call.call.id, limit=name)


def place_of(live: Live) -> Place:
    """Where a run stands in its agent's line."""
    return f"agent:{live.workspace}/{live.spec.name}", live.run, ""


async def may_run(live: Live, urgent: bool) -> bool:
    """Whether the run may be advanced now, by its agent's limits; else it stands in line, and is called."""
    limits, state = live.spec.limits, live.state
    if limits.runs is None and limits.starts is None:
        return True
    if state.finished or state.paused:
        await live.turns.forget(live.run)
        return True
    if limits.starts is not None and _unbegun(state) and not urgent:
        place = (f"starts:{live.workspace}/{live.spec.name}", live.run, "")
        if await live.turns.turn(place, parse_rate(limits.starts)):
            return False
    if limits.runs is None:
        return True
    return not await live.turns.slot(place_of(live), limits.runs, strict=True, urgent=urgent)


def _unbegun(state: State) -> bool:
    return state.seq == 1
