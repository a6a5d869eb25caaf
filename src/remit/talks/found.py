"""Conversations that can be taken over, by their names, and what was said in them: chats of a site by the chat, and those by mail, SMS and WhatsApp
by the run that what somebody wrote has begun."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row
from pydantic_core import from_json

from remit.chat import kept as chats
from remit.errors import UnknownName
from remit.graph.identifiers import identifier
from remit.graph.met import met
from remit.journal.events import Person, Started
from remit.journal.journal import Journal
from remit.journal.search import OPEN
from remit.store.store import Store
from remit.talks.ways import WAYS

Json = Any
PAGE = 200  # messages


@dataclass(frozen=True, slots=True)
class Talk:
    """`run`: of the agent, that is at it now; `facts`: what is answered, and by which connection; `began`: the run that was begun by what they
    wrote, where that is known."""

    name: str
    agent: str
    channel: str
    kind: str
    value: str
    profile: int
    called: str
    facts: Mapping[str, Json]
    person: Person
    run: UUID | None = None
    began: UUID | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """Something that was said. `side`: visitor, agent or colleague; `by`: which colleague."""

    id: int
    at: datetime
    side: str
    by: str
    text: str


async def talk_of(store: Store, name: str) -> Talk:
    """Raises UnknownName where there is none, or none that could be answered from here."""
    kind, _, text = name.partition(":")
    found = None
    with suppress(ValueError):
        found = await FINDS[kind](store, UUID(text)) if kind in FINDS else None
    if found is None:
        raise UnknownName("conversation", name, ())
    return found


async def _chat(store: Store, id: UUID) -> Talk | None:
    session = await chats.by_id(store, id)
    if session is None:
        return None
    known = bool(session.subject)
    return Talk(
        name=f"chat:{session.id}",
        agent=session.agent,
        channel="chat",
        kind="device",
        value=session.device,
        profile=session.profile,
        called=session.called,
        facts={"chat": str(session.id)},
        person=Person(id=f"user:{session.subject}", email=session.email, name=session.name, verified=True)
        if known
        else Person(),
        run=await _open(store, session.run),
        began=session.run,
    )


async def _of_run(store: Store, run: UUID) -> Talk | None:
    events = await Journal(store).read(run)
    first = events[0].body if events else None
    if not isinstance(first, Started) or first.began is None:
        return None
    if first.began.kind == "chat" and (chat := first.inputs.get("chat")):
        return await _chat(store, UUID(str(chat)))
    said = await event_of(store, first.agent, first.began.trigger, run)
    if said is None or first.began.kind not in ("mail", "sms") or not said["from"]:
        return None
    channel = "email" if first.began.kind == "mail" else said["channel"]
    who = identifier(WAYS[channel].kind, said["from"])
    return Talk(
        name=f"run:{run}",
        agent=first.agent,
        channel=channel,
        kind=who.kind,
        value=who.value,
        profile=(await met(store, [who]))[who.key],
        called=said["name"] or said["from"],
        facts=said["facts"],
        person=first.person,
        run=await _open(store, run),
        began=run,
    )


FINDS: Mapping[str, Callable[[Store, UUID], Awaitable[Talk | None]]] = {"chat": _chat, "run": _of_run}


async def event_of(store: Store, agent: str, trigger: str, run: UUID) -> dict[str, Json] | None:
    """What began a run; None: it is too long ago."""
    query = "select event from firings where workspace = %s and agent = %s and trigger = %s and run = %s"
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace, agent, trigger, run))).fetchone()
    return dict(from_json(row[0])) if row else None


async def _open(store: Store, run: UUID | None) -> UUID | None:
    query = "select id from runs where id = %s and status = any(%s)"
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (run, list(OPEN)))).fetchone()
    return row[0] if row else None


async def lines_of(store: Store, talk: Talk, after: int = 0) -> list[Line]:
    """What was said, from the first after one on; the last of it."""
    if talk.channel == "chat":
        found = await chats.messages(store, UUID(talk.facts["chat"]), after, PAGE)
        return [Line(one.id, one.at, one.side, one.by, one.text) for one in found]
    query = """
        select * from (
            select id, at, case when direction = 'in' then 'visitor' when properties ? 'colleague' then 'colleague' else 'agent' end as side,
                coalesce(properties ->> 'colleague', '') as by, concat_ws(E'\\n', nullif(subject, ''), body) as text
            from graph_interactions where workspace = %s and profile = %s and channel = %s and kind in ('message', 'reply') and id > %s
            order by id desc limit %s
        ) as last order by id
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Line)) as cursor,
    ):
        values = (store.workspace, talk.profile, talk.channel, after, PAGE)
        return await (await cursor.execute(query, values)).fetchall()
