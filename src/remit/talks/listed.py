"""Conversations in a list: chats of a site, and the last of what somebody wrote by mail, SMS or WhatsApp and what has begun a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row

from remit.store.store import Store
from remit.talks.search import said

LISTED = 50
MOST = 500  # of each kind, before the last of all are
LOOKED = 200  # of what has begun runs, by each trigger
MESSAGES = 1_000  # of all chats, that are looked at for the last of each

CHATS: LiteralString = """
    select 'chat:' || c.id as name, 'chat' as channel, c.profile, c.agent, m.at, m.text,
        coalesce(nullif(c.name, ''), nullif(c.email, ''), nullif(c.subject, ''), 'a visitor') as who,
        coalesce((select t.by from takeovers t where t.workspace = c.workspace and t.talk = 'chat:' || c.id
                  and t.ended_at is null and t.until > clock_timestamp()), '') as by
    from chat_sessions c cross join lateral (select at, text from chat_messages where session = c.id order by id desc limit 1) as m
    where c.workspace = %(here)s and c.id in ({which}) order by m.at desc limit %(most)s
"""
LATELY: LiteralString = """
    select session from (select session from chat_messages where workspace = %(here)s order by id desc limit %(looked)s) as last
"""
THEIR_CHATS: LiteralString = (
    "select id from chat_sessions where workspace = %(here)s and profile = any(%(profiles)s)"
)
NAMED: LiteralString = "select unnest(%(ids)s::uuid[])"
# What each began has a key that follows from the event by which the graph knows what was written
LETTERS: LiteralString = """
    with of (kind, source, before) as (values ('mail', 'mail', ''), ('sms', 'twilio', 'sms ')), {begun},
    each as (select distinct on (channel, profile) * from begun order by channel, profile, at desc)
    select 'run:' || each.run as name, each.channel, each.profile, coalesce(nullif(p.name, ''), p.value) as who, each.agent, last.at, last.text,
        coalesce((select t.by from takeovers t where t.workspace = %(here)s and t.channel = each.channel and t.profile = each.profile
                  and t.ended_at is null and t.until > clock_timestamp()), '') as by
    from each join graph_profiles p on p.id = each.profile cross join lateral (
        select at, concat_ws(E'\\n', nullif(subject, ''), body) as text from graph_interactions
        where workspace = %(here)s and profile = each.profile and channel = each.channel and kind in ('message', 'reply')
        order by at desc, id desc limit 1
    ) as last order by last.at desc limit %(most)s
"""
LAST: LiteralString = """
    fired as materialized (
        select f.*, of.source from triggers t join of using (kind) cross join lateral (
            select run, agent, at, substr(key, length(of.before) + 1) as event from firings
            where workspace = t.workspace and agent = t.agent and trigger = t.name and state = 'begun' order by at desc limit %(looked)s
        ) as f where t.workspace = %(here)s
    ),
    begun as (
        select f.run, f.agent, f.at, i.channel, i.profile
        from fired f join graph_interactions i on i.workspace = %(here)s and i.source = f.source and i.event = f.event
    )
"""
THEIRS: LiteralString = """
    wrote as materialized (
        select t.agent, t.name, of.before || i.event as key, i.channel, i.profile
        from graph_interactions i join of using (source) join triggers t on t.workspace = %(here)s and t.kind = of.kind
        where i.workspace = %(here)s and i.profile = any(%(profiles)s) and i.kind in ('message', 'reply')
    ),
    begun as (
        select f.run, f.agent, f.at, w.channel, w.profile from wrote w
        join firings f on f.workspace = %(here)s and f.agent = w.agent and f.trigger = w.name and f.key = w.key and f.state = 'begun'
    )
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A conversation in a list, with the last of it. `by`: who talks with them in the agent's place."""

    name: str
    channel: str
    profile: int
    who: str
    agent: str
    at: datetime
    text: str
    by: str


async def list_talks(store: Store, profiles: Sequence[int] | None = None, words: str = "") -> list[Row]:
    """The last first: of these identifiers, or of everybody. `words`: those in which they were said, each with what was said there last."""
    if words.strip():
        found = await _with(store, profiles, words)
    elif profiles is None:
        found = [*await _chats(store, LATELY, looked=MESSAGES), *await _letters(store, LAST, looked=LOOKED)]
    else:
        chats = await _chats(store, THEIR_CHATS, profiles=profiles)
        found = [*chats, *await _letters(store, THEIRS, profiles=profiles)]
    return sorted(found, key=lambda one: one.at, reverse=True)[:LISTED]


async def _with(store: Store, profiles: Sequence[int] | None, words: str) -> list[Row]:
    hits = {
        one.conversation if one.channel == "chat" else (one.channel, one.profile): one
        for one in await said(store, words, profiles)
    }
    chats = list(filter(None, (_chat(one.conversation) for one in hits.values() if one.channel == "chat")))
    writers = list({one.profile for one in hits.values() if one.channel != "chat"})
    rows = [*await _chats(store, NAMED, ids=chats), *await _letters(store, THEIRS, profiles=writers)]
    found = ((row, hits.get(row.name) or hits.get((row.channel, row.profile))) for row in rows)
    return [replace(row, at=hit.at, text=hit.text) for row, hit in found if hit is not None]


def _chat(conversation: str) -> UUID | None:
    """None: another system calls it so, and it is no chat of ours."""
    with suppress(ValueError):
        return UUID(conversation.removeprefix("chat:"))
    return None


async def _chats(store: Store, which: LiteralString, **given: object) -> list[Row]:
    return await _rows(store, CHATS.format(which=which), given)


async def _letters(store: Store, begun: LiteralString, **given: object) -> list[Row]:
    return await _rows(store, LETTERS.format(begun=begun), given)


async def _rows(store: Store, query: LiteralString, given: Mapping[str, object]) -> list[Row]:
    values = {"here": store.workspace, "most": MOST, **given}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Row)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()
