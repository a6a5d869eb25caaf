"""Beginning the runs of triggers: the part of it that needs the App. `remit worker` and `remit up` do so beside all else."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection
from uuid import UUID

import psycopg

from remit.app import App
from remit.catalogue.find import find_named
from remit.chatting import SOON, turn_of
from remit.errors import Busy, ModelError, RemitError, StaleWriter, StoreError, UserError
from remit.journal.events import Began
from remit.journal.state import fold
from remit.receiving import earlier_of, read_mailboxes, unwanted
from remit.triggers.chain import chain_of, told_of, unfollowed
from remit.triggers.firing import Firing, begun, claim, decide, failed, later, skipped, sweep, tick
from remit.triggers.given import given

LOG = logging.getLogger(__name__)
EVERY = 1.0  # seconds between looks for what has come
AT_ONCE = 20  # runs that a process begins
SWEEP = 3600.0  # seconds between two looks for what is old
HandOn = Callable[[UUID], Awaitable[None]]  # to whoever advances runs


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
    said, began = claimed.said, Began(trigger=trigger.name, kind=trigger.kind, at=claimed.at, by=claimed.by)
    try:
        if trigger.kind == "after":
            ended = fold(await here.journal.read(UUID(said["run"])))
            if why := unfollowed(ended, claimed.agent):
                await skipped(store, claimed, why)
                return False
            said = told_of(ended, said)
            began = began.model_copy(update={"chain": chain_of(ended), "run": ended.run})
        if trigger.kind == "mail":
            earlier = await earlier_of(here, said, claimed.key)
            if earlier is not None and earlier.told:
                await hand_on(earlier.run)
            if why := unwanted(said, earlier):
                await skipped(store, claimed, why)
                return False
            said = said | {"earlier": earlier.words if earlier else ""}
        if trigger.kind == "chat":
            turn = await turn_of(here, said, claimed.run)
            if turn.busy is not None:
                await later(store, claimed, SOON, f"run {turn.busy} is at it")
                return False
            if turn.said is None:
                if turn.told is not None:
                    await hand_on(turn.told)
                await skipped(store, claimed, f"run {turn.told or turn.read} has it")
                return False
            said = dict(turn.said)
        found = await find_named(here.store, claimed.agent)
        told = given(trigger, said, claimed.by)
        await here.start(
            found.agent,
            told.goal,
            person=told.person,
            inputs=told.inputs,
            quoted=told.quoted,
            run=claimed.run,
            version=found.version,
            began=began,
        )
    except StaleWriter:
        LOG.debug("run %s has begun before; whoever began it died, or was slow", claimed.run)
    except Busy as error:
        await later(store, claimed, error.retry_after, str(error))
        return False
    except ModelError as error:
        if error.retryable:
            await later(store, claimed, error.retry_after or 30.0, str(error))
        else:
            await failed(store, claimed, str(error))
        return False
    except UserError as error:
        await failed(store, claimed, str(error))
        return False
    except StoreError:
        raise
    except RemitError as error:
        LOG.error("trigger %s: %s", claimed.called, error)
        await failed(store, claimed, str(error))
        return False
    await hand_on(claimed.run)
    await begun(store, claimed)
    return True
