"""A visitor writes: to the graph, to the run that waits for it, or to the trigger that begins one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from remit.app import App
from remit.chat import kept
from remit.chat.kept import Message, Session
from remit.errors import UserError
from remit.journal.state import CallState
from remit.talks.kept import Takeover, holding
from remit.tools.chat import WAITS
from remit.triggers.firing import hear
from remit.triggers.kept import Standing

Json = Any
OPEN = ("running", "waiting", "paused")
SOON = 3.0  # seconds after which it is looked again whether the run that is at it has read a message
BEFORE = 20  # messages of which a later run is told


@dataclass(frozen=True, slots=True)
class Turn:
    """Whose turn it is, when a message is to begin a run. `told`: of a run that waits for it and goes on; `busy`: one is at it and will
    read it; `said`: what the new one is told."""

    told: UUID | None = None
    busy: UUID | None = None
    read: UUID | None = None
    said: Mapping[str, Json] | None = None
    held: Takeover | None = None  # a colleague talks with them


async def written(app: App, known: Standing, session: Session, text: str, key: str) -> Message:
    """Keep it, and have it answered. It may come twice. Raises Busy."""
    message = await kept.write(app.store, session.id, "visitor", text, f"visitor {key}")
    await kept.heard(app.store, session, message)
    if message.run is None and await _wake(app, session, message.id) is None:
        event = event_of(session, message)
        await hear(app.store, known, f"chat {message.id}", event)
    return message


def event_of(session: Session, message: Message) -> dict[str, Json]:
    """A message as what begins a run."""
    return {
        "who": f"user:{session.subject}" if session.subject else f"chat:{session.id}",
        "from": session.email or session.called,
        "email": session.email,
        "name": session.name,
        "verified": bool(session.subject),
        "to": session.origin,
        "subject": "",
        "text": message.text,
        "quoted": "",
        "at": message.at.isoformat(timespec="seconds"),
        "answers": [],
        "files": [],
        "number": message.id,
        "facts": {"chat": str(session.id), "after": message.id},
    }


async def turn_of(app: App, said: Mapping[str, Json], run: UUID) -> Turn:
    """What becomes of a message for which `run` is to begin."""
    session = await kept.by_id(app.store, UUID(said["facts"]["chat"]))
    if session is None:
        raise UserError("the chat is gone")
    if held := await holding(app.store, "chat", session.profile):
        return Turn(held=held)
    since = await kept.messages(app.store, session.id, said["number"] - 1, 1_000)
    readers = [one.run for one in since if one.id == said["number"] or one.side == "colleague"]
    reader = next((one for one in readers if one is not None), None)
    if reader is not None and reader != run and not said.get("told"):
        return Turn(read=reader)
    if session.run is not None and session.run != run:
        if woken := await _wake(app, session, said["number"]):
            return Turn(told=woken)
        if await _is_open(app, session.run):
            return Turn(busy=session.run)
    before = await kept.messages(app.store, session.id, 0, BEFORE)
    taken = await kept.take_up(app.store, session.id, run)
    answered = max((one.id for one in before if one.side == "colleague"), default=0)
    mine = {one.id: one.text for one in taken if one.id > answered}
    earlier = [f"{one.who}: {one.text}" for one in before if one.id not in mine]
    told = {"text": "\n".join(mine.values()), "before": "\n".join(earlier)}
    facts = said["facts"] | {"after": taken[-1].id if taken else said["number"]}
    return Turn(said={**said, **told, "facts": facts})


async def _wake(app: App, session: Session, number: int) -> UUID | None:
    """The run that waits for what is written in this chat, where there is one."""
    if session.run is None:
        return None

    def waits(call: CallState) -> bool:
        return call.call.tool == WAITS

    try:
        woken = await app.wake(session.run, f"the visitor has written ({number})", waits)
    except UserError:
        return None
    return session.run if woken else None


async def _is_open(app: App, run: UUID) -> bool:
    query = "select exists (select from runs where id = %s and status = any(%s))"
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute(query, (run, list(OPEN)))).fetchone()
    return bool(row and row[0])
