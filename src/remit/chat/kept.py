"""Chats as they are kept: who writes by which token, and what was written, each once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from remit.chat.identity import Visitor
from remit.graph.identifiers import identifier
from remit.graph.ingest import take
from remit.graph.met import met
from remit.store.store import Store

Json = Any
Side = Literal["visitor", "agent", "colleague"]
SOURCE = "chat"
LONGEST = 2_000  # characters of what a visitor writes
PAGE = 200  # messages that are read at once
FIELDS: LiteralString = "id, agent, trigger, device, profile, origin, subject, email, name, run, at"


@dataclass(frozen=True, slots=True)
class Session:
    """A visitor in a chat."""

    id: UUID
    agent: str
    trigger: str
    device: str
    profile: int
    origin: str
    subject: str
    email: str
    name: str
    run: UUID | None
    at: datetime

    @property
    def called(self) -> str:
        return self.name or self.email or self.subject or "a visitor"

    def row(self, id: str, kind: str, at: datetime, **more: Json) -> dict[str, Json]:
        """Something that they did, as the graph takes it in."""
        made: dict[str, Json] = {"id": id, "at": at.isoformat(), "kind": kind, "device": self.device}
        if self.subject:
            made |= {"user": self.subject, "verified": ["user", "email"]}
            made |= {"email": self.email} if self.email else {}
            made |= {"name": self.name} if self.name else {}
        return made | more


@dataclass(frozen=True, slots=True)
class Message:
    id: int
    at: datetime
    side: Side
    text: str
    run: UUID | None
    by: str = ""  # which colleague

    @property
    def who(self) -> str:
        """As an agent is told of it."""
        return f"{self.side} {self.by}".rstrip()


async def begin(
    store: Store, agent: str, trigger: str, origin: str, device: str, visitor: Visitor
) -> tuple[Session, str]:
    """A chat of somebody, and the token by which they go on with it."""
    token = secrets.token_urlsafe(32)
    who = identifier("device", device)
    profile = (await met(store, [who]))[who.key]
    query: LiteralString = f"""
        insert into chat_sessions (workspace, agent, trigger, token, device, profile, origin, subject, email, name)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning {FIELDS}
    """
    values = (store.workspace, agent, trigger, _hash(token), who.value, profile, origin, visitor.subject, visitor.email, visitor.name)  # fmt: skip
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Session)) as cursor,
    ):
        made = await (await cursor.execute(query, values)).fetchone()
        assert made is not None
    return made, token


async def by_token(store: Store, agent: str, token: str) -> Session | None:
    return await _one(store, "agent = %s and token = %s", (agent, _hash(token)))


async def by_id(store: Store, id: UUID) -> Session | None:
    return await _one(store, "id = %s", (id,))


async def _one(store: Store, which: LiteralString, values: tuple[Any, ...]) -> Session | None:
    query: LiteralString = f"select {FIELDS} from chat_sessions where workspace = %s and {which}"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Session)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, *values))).fetchone()


async def write(
    store: Store, session: UUID, side: Side, text: str, key: str, run: UUID | None = None, by: str = ""
) -> Message:
    """Once for each key: whoever writes it again is given the first."""
    query = """
        with made as (
            insert into chat_messages (workspace, session, side, text, key, run, by) values (%s, %s, %s, %s, %s, %s, %s)
            on conflict (session, key) do nothing returning id, at, side, text, run, by
        )
        select * from made union all select id, at, side, text, run, by from chat_messages where session = %s and key = %s limit 1
    """
    values = (store.workspace, session, side, text, key, run, by, session, key)
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Message)) as cursor,
    ):
        made = await (await cursor.execute(query, values)).fetchone()
        assert made is not None
    return made


async def messages(store: Store, session: UUID, after: int = 0, limit: int = PAGE) -> list[Message]:
    """From the first after one on; the last of them."""
    query = """
        select * from (
            select id, at, side, text, run, by from chat_messages where workspace = %s and session = %s and id > %s order by id desc limit %s
        ) as last order by id
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Message)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, session, after, limit))).fetchall()


async def take_up(store: Store, session: UUID, run: UUID) -> list[Message]:
    """What the visitor wrote and no other run has read; from now on this one has, and answers. The same for who asks again."""
    claim = "update chat_sessions set run = %s where workspace = %s and id = %s"
    mark = """
        update chat_messages set run = %s where workspace = %s and session = %s and side = 'visitor' and (run is null or run = %s)
        returning id, at, side, text, run
    """
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Message)) as cursor,
    ):
        await cursor.execute(claim, (run, store.workspace, session))
        found = await (await cursor.execute(mark, (run, store.workspace, session, run))).fetchall()
    return sorted(found, key=lambda one: one.id)


async def standing(store: Store, session: UUID) -> Mapping[str, bool]:
    """Whether somebody is at work on an answer, whether a person is asked, and whether a colleague is there in the agent's place."""
    query = """
        select exists (select from chat_messages m where session = s.id and side = 'visitor' and run is null and not exists (
                   select from chat_messages c where c.session = s.id and c.side = 'colleague' and c.id > m.id))
               or coalesce(r.status = 'running', false),
               coalesce(r.status = 'waiting', false) and exists (select from asks where asks.run = s.run),
               exists (select from takeovers t where t.workspace = s.workspace and t.channel = 'chat' and t.profile = s.profile
                       and t.ended_at is null and t.until > clock_timestamp())
        from chat_sessions s left join runs r on r.id = s.run where s.workspace = %s and s.id = %s
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace, session))).fetchone()
    working, asked, person = row or (False, False, False)
    return {"working": bool(working) and not person, "asked": bool(asked), "person": bool(person)}


async def heard(store: Store, session: Session, message: Message) -> None:
    """To the graph: that they wrote."""
    row = session.row(f"{message.id}", "message", message.at, channel="chat", text=message.text)
    await take(store, [(1, row | {"conversation": f"chat:{session.id}"})], SOURCE)


async def viewed(store: Store, session: Session, id: str, page: str, title: str, at: datetime) -> None:
    """To the graph: that they looked at a page."""
    told = {"page": page[:500], "title": title[:200]}
    row = session.row(f"view:{id}", "page_view", at, channel="web", properties=told)
    await take(store, [(1, row)], SOURCE)


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
