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
from remit.channels.rates import senders_of
from remit.errors import Full, Mend, UserError
from remit.journal.events import Slept
from remit.journal.limits import IN_TIME, Place, sender_name
from remit.journal.state import CallState, State
from remit.rate import Limit, Rate, parse_rate
from remit.store.guest import DEFAULT
from remit.tools.linked import WAYS, only
from remit.tools.tool import Tool

PATIENCE = timedelta(days=1)  # that a call waits for a provider that takes no more
LONGEST = 3600.0  # seconds of a rest; then it is asked again
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
    limits = (*live.limits.get(call.call.tool, ()), *sender_limits(live, call))
    if not limits:
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
    if not (rates := _rates(limits)):
        return None
    turn = await live.turns.turns(live.run, call.call.id, rates)
    if 0 < turn.seconds <= MOMENT:
        await asyncio.sleep(turn.seconds)
        turn = await live.turns.turns(live.run, call.call.id, rates)
    if not turn.seconds:
        return None
    name = turn.slowest.removesuffix(IN_TIME)
    most = next((limit.rate for one, limit in limits if one == name), "")
    return _sleep(live, call, turn.seconds, name, turn.why or f"no more than {most}")


async def rest(live: Live, call: CallState, full: Full) -> Slept | None:
    """What is to be written where a call found that its connection takes no more for now: all that goes by it waits. None: it has waited long
    enough."""
    limits = sender_limits(live, call)
    now = live.leases.now()
    if not limits or (call.begun is not None and now - call.begun > PATIENCE):
        return None
    seconds = min(max(full.seconds, MOMENT), LONGEST)
    if full.alone:
        waited = (now - call.begun).total_seconds() if call.begun else 0.0
        return _sleep(live, call, min(max(seconds, waited), LONGEST), limits[0][0], full.why)
    await live.turns.rest(live.run, call.call.id, _rates(limits), seconds, full.why)
    return _sleep(live, call, seconds, limits[0][0], full.why)


def sender_limits(live: Live, call: CallState) -> Named:
    """How fast what a call sends may go by its connection: a mailbox, a number or a Slack, whichever agent uses it."""
    tool = call.call.tool
    kind = next((kind for kind, way in WAYS.items() if tool in way.sends), None)
    if kind is None:
        return ()
    try:
        _, one = only(live.connections, kind, str(call.call.args.get(WAYS[kind].argument) or ""))
    except (Mend, UserError):
        return ()  # as the call will be told
    sender = senders_of(one).get(
        "whatsapp" if tool.startswith("whatsapp") else "sms" if kind == "twilio" else kind
    )
    if sender is None:
        return ()
    name, rates = sender
    return tuple((sender_name(live.workspace, name, rate), Limit(rate=rate)) for rate in rates)


def _rates(limits: Named) -> dict[str, Rate]:
    return {f"{name}{IN_TIME}": parse_rate(limit.rate) for name, limit in limits if limit.rate}


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
