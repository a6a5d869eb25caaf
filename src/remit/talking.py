"""A colleague talks with somebody in an agent's place: takes the conversation over, writes, and hands it back. Each step may be the last that a
process does: what was begun, any worker goes on with (`see_to`)."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress
from uuid import UUID

from remit.agents.reach import TALKED
from remit.app import App
from remit.catalogue.find import find_named
from remit.chat import kept as chats
from remit.chatting import event_of as event_of_chat
from remit.dispatch import open_dispatch
from remit.errors import Busy, ModelError, NotWaiting, StaleWriter, UserError
from remit.journal.events import Started
from remit.journal.state import CallState
from remit.talks import kept
from remit.talks.found import Talk, event_of, talk_of
from remit.talks.kept import LONGEST, NOTED, Takeover
from remit.talks.ways import WAYS, sender, telling
from remit.tools.chat import WAITS as CHAT_WAITS
from remit.tools.mail import WAITS as MAIL_WAITS
from remit.tools.sms import WAITS as SMS_WAITS
from remit.triggers.firing import hear
from remit.triggers.kept import get_trigger

LOG = logging.getLogger(__name__)
WAITING = (CHAT_WAITS, MAIL_WAITS, SMS_WAITS)
AT_ONCE = 20
HandOn = Callable[[UUID], Awaitable[None]]  # to whoever advances runs


def to_workers(app: App) -> HandOn:
    """Where this process dies before, the next sweep finds the run."""

    async def hand_on(run: UUID) -> None:
        async with open_dispatch(app.root.store) as dispatch:
            await dispatch.enqueue(run)

    return hand_on


async def take_over(app: App, name: str, by: str) -> Takeover:
    """From now on no agent reaches them on that channel, and the run that is at it waits. Raises UnknownName, Taken."""
    talk = await talk_of(app.store, name)
    made = await kept.take(app.store, talk.name, talk.agent, talk.run, talk.channel, talk.profile, by)
    await _hold(app, made)
    return made


async def write(app: App, hand_on: HandOn, name: str, by: str, text: str, key: str) -> UUID:
    """What a colleague writes, sent once for each key, by a run of its own. Raises UnknownName, Taken, UserError, Busy."""
    talk, text = await talk_of(app.store, name), text.replace("\0", "�").strip()
    if not text or len(text) > LONGEST:
        raise UserError(f"text: write something, of at most {LONGEST:,} characters")
    found = await kept.holding(app.store, talk.channel, talk.profile)
    if found is None or found.by != by:
        raise kept.Taken("take the conversation over before you write")
    await _hold(app, found)
    run = await kept.say(app.store, found.id, by, text, key)
    await _send(app, hand_on, talk, by, text, run)
    return run


async def hand_back(app: App, hand_on: HandOn, name: str, by: str, note: str = "") -> Takeover:
    """The agent goes on, knowing what was said. Raises UnknownName, Taken, UserError."""
    note = note.replace("\0", "�").strip()
    if len(note) > NOTED:
        raise UserError(f"note: at most {NOTED:,} characters")
    last = await kept.last_of(app.store, (await talk_of(app.store, name)).name)
    if last is None or last.ended_at is not None:
        raise kept.Taken("nobody has taken this conversation over")
    if last.by == by:
        await _hold(app, last)  # whoever took it may have died before the run was told to wait
    done = await kept.end(app.store, last.id, by, note)
    with suppress(Busy):  # a worker does it, once there is room
        await _go_on(app, hand_on, done)
    return done


async def see_to(app: App, hand_on: HandOn) -> int:
    """Once, of all workspaces: send what was written and is not sent yet, and have agents go on; how many there were."""
    store = app.root.store
    unsent = await kept.unbegun(store, AT_ONCE)
    for workspace, takeover, run in unsent:
        await _send_after_all(app.within(workspace), hand_on, takeover, run)
    ended = await kept.over(store, AT_ONCE)
    for one in ended:
        try:
            await _go_on(app.within(one.workspace), hand_on, one)
        except (Busy, ModelError) as error:
            LOG.debug("takeover %s: %s", one.id, error)
    return len(unsent) + len(ended)


async def _hold(app: App, one: Takeover) -> None:
    """Have the run wait, of which it is the conversation."""
    if one.run is not None:
        with suppress(NotWaiting):  # it has ended by now
            await app.pause(one.run, one.by, one.id)


async def _send(app: App, hand_on: HandOn, talk: Talk, by: str, text: str, run: UUID) -> None:
    agent = (await find_named(app.store, talk.agent)).agent
    way = WAYS[talk.channel]
    inputs = {name: talk.facts[name] for name in filter(None, (way.answers, way.by))}
    person = talk.person.model_copy(update={"by": by})
    with suppress(StaleWriter):  # it has begun before
        await app.start(
            sender(agent, talk.channel, talk.facts, text),
            f"{by} writes:\n{text}",
            person=person,
            inputs=inputs | {"colleague": by},
            run=run,
        )
    await kept.begun(app.store, run)
    await hand_on(run)


async def _send_after_all(app: App, hand_on: HandOn, takeover: int, run: UUID) -> None:
    """What was written, and whoever was to send it has died."""
    one = await kept.by_id(app.store, takeover)
    words = await kept.words_of(app.store, takeover)
    text = next((word.text for word in words if word.run == run), "")
    if one is None or not text:
        return
    try:
        await _send(app, hand_on, await talk_of(app.store, one.talk), one.by, text, run)
    except Busy as error:
        LOG.debug("what %s wrote waits: %s", one.by, error)
    except UserError as error:
        LOG.warning("what %s wrote in %s cannot be sent: %s", one.by, one.talk, error)
        await kept.begun(app.store, run)


async def _go_on(app: App, hand_on: HandOn, one: Takeover) -> None:
    """The run goes on that waited, or, where there is none and a note was left, one begins; and so does what waited meanwhile."""
    told, on = telling(one, await kept.words_of(app.store, one.id)), False
    if one.run is not None:
        with suppress(UserError):  # it has ended, or is gone
            await app.resume(one.run, one.ended_by or "expiry", one.id, told)
            on = True
            if one.note:
                await app.wake(
                    one.run, f"{one.ended_by} hands it back", lambda call: call.call.tool in WAITING
                )
    if on and one.run is not None:
        await hand_on(one.run)
    elif one.note:
        await _begin_with(app, one, told)
    for run in await kept.held_back(app.store, one):
        with suppress(UserError):
            if await app.wake(run, f"{one.by} has ended talking", _held_back):
                await hand_on(run)
    await kept.told(app.root.store.as_owner(one.workspace), one)


def _held_back(call: CallState) -> bool:
    return call.slept is not None and call.slept.limit == TALKED


async def _begin_with(app: App, one: Takeover, told: str) -> None:
    """A run with a colleague's note, by the trigger of the conversation. Raises Busy."""
    try:
        talk = await talk_of(app.store, one.talk)
        trigger, event = await _event(app, talk)
        known = await get_trigger(app.store, talk.agent, trigger)
    except UserError as error:
        LOG.warning("the note of %s in %s reaches no agent: %s", one.by, one.talk, error)
        return
    await hear(app.store, known, f"handed back {one.id}", event | {"told": told})


async def _event(app: App, talk: Talk) -> tuple[str, dict[str, object]]:
    """By which trigger the conversation came, and the last that began a run of it. Raises UserError."""
    if talk.channel == "chat":
        session = await chats.by_id(app.store, UUID(talk.facts["chat"]))
        said = await chats.messages(app.store, UUID(talk.facts["chat"]))
        last = next((one for one in reversed(said) if one.side == "visitor"), None)
        if session is None or last is None:
            raise UserError("nothing was written in it")
        return session.trigger, event_of_chat(session, last)
    assert talk.began is not None
    first = (await app.journal.read(talk.began))[0].body
    assert isinstance(first, Started)
    assert first.began is not None
    event = await event_of(app.store, talk.agent, first.began.trigger, talk.began)
    if event is None:
        raise UserError("it is too long ago")
    return first.began.trigger, event
