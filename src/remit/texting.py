"""What is written by SMS and WhatsApp, and what became of what went out: into the graph, to the run that waits for it, or to triggers."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from remit.app import App
from remit.catalogue.find import find_named
from remit.channels.twilio import Became, Written, as_event, happened, heard
from remit.decisions.contacts import lately_reached
from remit.errors import Busy, RemitError, UserError
from remit.graph.identifiers import identifier
from remit.graph.ingest import take
from remit.graph.met import met
from remit.journal.events import Woken
from remit.journal.refs import given
from remit.journal.state import State, fold
from remit.store.store import Store
from remit.tools.sms import WAITS
from remit.triggers.firing import hear
from remit.triggers.kept import Standing, list_triggers
from remit.triggers.refusals import note

LOG = logging.getLogger(__name__)
SOURCE = "twilio"
LATELY = 5  # runs that have written to somebody, and may wait for their answer


@dataclass(frozen=True, slots=True)
class Heard:
    """What became of a message that came in."""

    woken: UUID | None = None  # the run that waited for it
    triggers: tuple[str, ...] = ()  # those that heard it


async def became(store: Store, came: Became) -> None:
    """Keep what became of a message."""
    await take(store, [(1, happened(came, datetime.now(UTC)))], SOURCE)


async def written(app: App, connection: str, came: Written) -> Heard:
    """Keep what somebody wrote, and have it answered: by the run that waits for it, or by what begins runs. It may come twice."""
    at = datetime.now(UTC)
    answers = await lately_reached(app.store, identifier("phone", came.sender), came.channel, at)
    await take(app.store, list(enumerate(heard(came, at, answers), 1)), SOURCE)
    if came.wish:
        return Heard()
    run = await _wake(app, came)
    if run is not None:
        return Heard(run)
    told = []
    for one in await list_triggers(app.store):
        if one.kind == "sms" and one.paused_at is None and await _hears(app.store, one, connection):
            event = as_event(came, one.trigger.sms or "", at)
            try:
                if await hear(app.store, one, f"sms {came.id}", event):
                    told.append(one.called)
            except Busy as error:
                await note(app.store, one.agent, one.name, str(error))
    return Heard(None, tuple(told))


async def _hears(store: Store, one: Standing, connection: str) -> bool:
    """Whether the trigger's agent means this connection of the workspace."""
    try:
        agent = (await find_named(store, one.agent)).agent
    except RemitError as error:
        LOG.warning("trigger %s: %s", one.called, error)
        return False
    mine = agent.connections.get(one.trigger.sms or "")
    return mine is not None and mine.use == connection


async def _wake(app: App, came: Written) -> UUID | None:
    """The run that waits for it, and was told; the last that has written to them first."""
    why = f"an answer has come ({came.id[-12:]})"
    for run in await _wrote_to(app.store, came.sender):
        try:
            events = await app.journal.read(run)
            state = fold(events)
            if any(isinstance(one.body, Woken) and one.body.why == why for one in events):
                return run
            waiting = _waiting(state, came)
            if waiting and await app.wake(run, why, lambda call, names=waiting: call.call.id in names):  # type: ignore[misc]
                return run
        except UserError as error:
            LOG.debug("run %s: %s", run, error)
    return None


def _waiting(state: State, came: Written) -> set[str]:
    """The calls that wait for an answer of theirs, on that channel."""
    sent = {
        call.acted.result["id"]
        for call in state.calls.values()
        if call.acted is not None
        and isinstance(call.acted.result, dict)
        and (call.acted.result.get("to"), call.acted.result.get("channel")) == (came.sender, came.channel)
        and "id" in call.acted.result
    }
    asleep = [call for name in state.timers if (call := state.calls.get(name)) is not None]
    return {
        call.call.id for call in asleep if call.call.tool == WAITS and given(state, call).get("id") in sent
    }


async def _wrote_to(store: Store, number: str) -> list[UUID]:
    """The runs that have written to somebody lately, the last first."""
    who = identifier("phone", number)
    profile = (await met(store, [who], make=False)).get(who.key)
    if profile is None:
        return []
    query = """
        select run from contacts where workspace = %s and profile = %s and run is not null and state in ('reserved', 'sent')
        group by run order by max(id) desc limit %s
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, profile, LATELY))).fetchall()
    return [run for (run,) in rows]
