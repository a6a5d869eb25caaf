"""Beginning the runs of triggers: the part of it that needs the App. `remit worker` and `remit up` do so beside all else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any
from uuid import UUID

import psycopg

from remit.agents.triggers import Trigger
from remit.app import App
from remit.catalogue.find import find_named
from remit.chatting import SOON, turn_of
from remit.errors import Busy, ModelError, RemitError, StaleWriter, StoreError, UserError
from remit.graph.identifiers import identifier
from remit.journal.events import Began
from remit.journal.state import fold
from remit.receiving import earlier_of, read_mailboxes, unwanted
from remit.store.store import Store
from remit.talking import see_to
from remit.talks.kept import Takeover, answered_since, holding_at
from remit.talks.ways import WAYS
from remit.triggers.chain import chain_of, told_of, unfollowed
from remit.triggers.firing import Firing, begun, claim, decide, failed, later, skipped, sweep, tick
from remit.triggers.given import given

LOG = logging.getLogger(__name__)
EVERY = 1.0  # seconds between looks for what has come
AT_ONCE = 20  # runs that a process begins
SWEEP = 3600.0  # seconds between two looks for what is old
HandOn = Callable[[UUID], Awaitable[None]]  # to whoever advances runs
Said = Mapping[str, Any]
Came = tuple[Said, Began]


async def begin_triggered(
    app: App, hand_on: HandOn, stop: asyncio.Event, agents: Collection[str] = ()
) -> None:
    """Until `stop`: write down the times that come, and begin the runs of whatever is written down, of all workspaces; of these
    agents only, where any are named. As many processes as like do so at once."""
    async with asyncio.TaskGroup() as group:
        group.create_task(read_mailboxes(app, stop, agents))
        group.create_task(_begin(app, hand_on, stop, agents))


async def _begin(app: App, hand_on: HandOn, stop: asyncio.Event, agents: Collection[str]) -> None:
    clock = asyncio.get_running_loop().time
    swept = clock() - SWEEP
    while not stop.is_set():
        try:
            while await look(app, hand_on, agents):
                if stop.is_set():
                    return
            if clock() >= swept + SWEEP:
                swept = clock()
                await sweep(app.root.store)
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.debug("triggers cannot be looked after now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue


async def look(app: App, hand_on: HandOn, agents: Collection[str] = ()) -> int:
    """Once; how many events it had to do with."""
    store = app.root.store
    await see_to(app, hand_on)
    await tick(store)
    claimed = await claim(store, AT_ONCE, agents)
    for one in claimed:
        await begin(app, hand_on, one)
    return len(claimed)


async def begin(app: App, hand_on: HandOn, claimed: Firing) -> bool:
    """Begin the run of an event, where it is to begin now. Each step may be the last that this process does."""
    store = app.root.store
    trigger = await decide(store, claimed)
    if trigger is None:
        return False
    here = app.within(claimed.workspace)
    began = Began(trigger=trigger.name, kind=trigger.kind, at=claimed.at, by=claimed.by)
    try:
        came = await COMES.get(trigger.kind, _as_it_came)(here, hand_on, claimed, began)
        if came is None:
            return False
        await _start(here, claimed, trigger, *came)
    except StaleWriter:
        LOG.debug("run %s has begun before; whoever began it died, or was slow", claimed.run)
    except RemitError as error:
        await _not_begun(store, claimed, error)
        return False
    await hand_on(claimed.run)
    await begun(store, claimed)
    return True


async def _start(here: App, claimed: Firing, trigger: Trigger, said: Said, began: Began) -> None:
    found = await find_named(here.store, claimed.agent)
    told = given(trigger, said, claimed.by)
    agent = found.agent.model_copy(update={"purpose": trigger.purpose}) if trigger.purpose else found.agent
    await here.start(
        agent,
        told.goal,
        person=told.person,
        inputs=told.inputs,
        quoted=told.quoted,
        run=claimed.run,
        version=found.version,
        began=began,
    )


async def _not_begun(store: Store, claimed: Firing, error: RemitError) -> None:
    """Try it again where that may help, else keep why it failed. Raises what is the database's."""
    match error:
        case Busy():
            await later(store, claimed, error.retry_after, str(error))
        case ModelError(retryable=True):
            await later(store, claimed, error.retry_after or 30.0, str(error))
        case ModelError() | UserError():
            await failed(store, claimed, str(error))
        case StoreError():
            raise error
        case _:
            LOG.error("trigger %s: %s", claimed.called, error)
            await failed(store, claimed, str(error))


async def _as_it_came(here: App, hand_on: HandOn, claimed: Firing, began: Began) -> Came:
    return claimed.said, began


async def _after_a_run(here: App, hand_on: HandOn, claimed: Firing, began: Began) -> Came | None:
    ended = fold(await here.journal.read(UUID(claimed.said["run"])))
    if why := unfollowed(ended, claimed.agent):
        await skipped(here.store, claimed, why)
        return None
    return told_of(ended, claimed.said), began.model_copy(update={"chain": chain_of(ended), "run": ended.run})


async def _by_mail(here: App, hand_on: HandOn, claimed: Firing, began: Began) -> Came | None:
    """An answer goes to the run that waits for it; else a run begins, and knows what was said before."""
    earlier = await earlier_of(here, claimed.said, claimed.key)
    if earlier is not None and earlier.told:
        await hand_on(earlier.run)
    if why := unwanted(claimed.said, earlier):
        await skipped(here.store, claimed, why)
        return None
    if await _is_a_colleagues(here, claimed, "email"):
        return None
    return {**claimed.said, "earlier": earlier.words if earlier else ""}, began


async def _by_sms(here: App, hand_on: HandOn, claimed: Firing, began: Began) -> Came | None:
    return None if await _is_a_colleagues(here, claimed, claimed.said["channel"]) else (claimed.said, began)


async def _is_a_colleagues(here: App, claimed: Firing, channel: str) -> bool:
    """Whether a colleague talks with whoever wrote, so that it waits; or has answered it, so that no run is wanted."""
    kind, value = WAYS[channel].kind, claimed.said["from"]
    try:
        who = identifier(kind, value)
    except ValueError:
        return False
    if held := await holding_at(here.store, channel, *who.key):
        await _wait_for(here, claimed, held)
        return True
    if claimed.said.get("told"):
        return False
    answer = await answered_since(here.store, channel, *who.key, claimed.at)
    if answer is not None:
        await skipped(here.store, claimed, f"a colleague has answered it by run {answer}")
    return answer is not None


async def _wait_for(here: App, claimed: Firing, held: Takeover) -> None:
    seconds = (held.until - await here.now()).total_seconds()
    await later(here.store, claimed, max(seconds, EVERY), held.waits)


async def _in_a_chat(here: App, hand_on: HandOn, claimed: Firing, began: Began) -> Came | None:
    """One run of a chat at a time: what is said meanwhile is for it, or for the next."""
    turn = await turn_of(here, claimed.said, claimed.run)
    if turn.held is not None:
        await _wait_for(here, claimed, turn.held)
        return None
    if turn.busy is not None:
        await later(here.store, claimed, SOON, f"run {turn.busy} is at it")
        return None
    if turn.said is None:
        if turn.told is not None:
            await hand_on(turn.told)
        await skipped(here.store, claimed, f"run {turn.told or turn.read} has it")
        return None
    return turn.said, began


COMES: Mapping[str, Callable[[App, HandOn, Firing, Began], Awaitable[Came | None]]] = {
    "after": _after_a_run,
    "mail": _by_mail,
    "sms": _by_sms,
    "chat": _in_a_chat,
}  # by kind of trigger, what its run is told; None: none is to begin now, and it is written down why
