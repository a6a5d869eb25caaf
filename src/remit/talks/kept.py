"""Takeovers as they are kept: who talks with whom in an agent's place, and what they have written. Of one person on one channel there is one
at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid5

from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import UserError
from remit.store.store import Store

LASTS = timedelta(minutes=30)  # after what the colleague did last
LONGEST = 4_000  # characters of what they write
NOTED = 2_000  # of what they tell the agent
SPACE = UUID("1f0e6d0a-5a0b-4f5e-8c57-3f3d0b6f2f11")  # of the ids of runs that send their words
LATE = timedelta(seconds=5)  # after which whoever was to begin such a run counts as dead
FIELDS: LiteralString = (
    "id, workspace, talk, agent, run, channel, profile, by, at, until, ended_at, ended_by, note"
)


class Taken(UserError):
    """Somebody else has it, or nobody any more."""


@dataclass(frozen=True, slots=True)
class Takeover:
    """`talk`: the conversation's name; `run`: of the agent, that waits meanwhile; `ended_by`: empty where it has ended by itself."""

    id: int
    workspace: str
    talk: str
    agent: str
    run: UUID | None
    channel: str
    profile: int
    by: str
    at: datetime
    until: datetime
    ended_at: datetime | None
    ended_by: str
    note: str

    @property
    def waits(self) -> str:
        """Why what came meanwhile begins no run."""
        return f"takeover {self.id}: {self.by} talks with them"


@dataclass(frozen=True, slots=True)
class Word:
    """What a colleague has written, and how the run stands that sends it (`status`; none: it is yet to begin). `sent`: it has gone out."""

    run: UUID
    at: datetime
    text: str
    by: str
    status: str | None
    sent: bool


async def take(
    store: Store, talk: str, agent: str, run: UUID | None, channel: str, profile: int, by: str
) -> Takeover:
    """Whoever has it already has it still. Raises Taken."""
    hold = "select pg_advisory_xact_lock(hashtextextended('contact ' || person, 0)) from graph_profiles where id = %s"
    lapse = """
        update takeovers set ended_at = until where workspace = %s and channel = %s and profile = %s and ended_at is null
            and until <= clock_timestamp()
    """
    make: LiteralString = f"""
        insert into takeovers (workspace, talk, agent, run, channel, profile, by, until)
        values (%s, %s, %s, %s, %s, %s, %s, clock_timestamp() + %s)
        on conflict (workspace, channel, profile) where ended_at is null do nothing returning {FIELDS}
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(hold, (profile,))  # nobody reaches them between a judgement and this
        await connection.execute(lapse, (store.workspace, channel, profile))
        values = (store.workspace, talk, agent, run, channel, profile, by, LASTS)
        async with connection.cursor(row_factory=class_row(Takeover)) as cursor:
            made = await (await cursor.execute(make, values)).fetchone()
        if made is not None:
            await record(connection, by, "conversation.taken", talk)
            return made
    found = await holding(store, channel, profile)
    if found is None or found.by != by:
        raise Taken(
            f"{found.by if found else 'somebody'} has taken this conversation over; it is theirs until they hand it back"
        )
    return found


async def holding(store: Store, channel: str, profile: int) -> Takeover | None:
    """Who talks with them on that channel now."""
    which: LiteralString = "channel = %s and profile = %s and ended_at is null and until > clock_timestamp()"
    return await _one(store, which, (channel, profile))


async def holding_at(store: Store, channel: str, kind: str, value: str) -> Takeover | None:
    """The same by their identifier."""
    which: LiteralString = """
        channel = %s and ended_at is null and until > clock_timestamp()
        and profile in (select p.id from graph_profiles p where p.workspace = takeovers.workspace and p.kind = %s and p.value = %s)
    """
    return await _one(store, which, (channel, kind, value))


async def last_of(store: Store, talk: str) -> Takeover | None:
    """The last of a conversation, whether it stands or is over."""
    return await _one(store, "talk = %s order by id desc limit 1", (talk,))


async def say(store: Store, takeover: int, by: str, text: str, key: str) -> UUID:
    """Keep what a colleague writes, once for each key, and have it last again; the run that is to send it. Raises Taken."""
    extend = """
        update takeovers set until = clock_timestamp() + %s
        where workspace = %s and id = %s and by = %s and ended_at is null and until > clock_timestamp() returning id
    """
    write = "insert into takeover_words (run, workspace, takeover, text) values (%s, %s, %s, %s) on conflict do nothing"
    run = uuid5(SPACE, f"{takeover} {key}")
    async with store.pool.connection() as connection, connection.transaction():
        found = await (await connection.execute(extend, (LASTS, store.workspace, takeover, by))).fetchone()
        if found is None:
            raise Taken("the conversation is not yours any more: take it over again to write")
        await connection.execute(write, (run, store.workspace, takeover, text))
    return run


async def begun(store: Store, run: UUID) -> None:
    """The run that sends it is there."""
    query = "update takeover_words set begun_at = clock_timestamp() where workspace = %s and run = %s"
    async with store.pool.connection() as connection:
        await connection.execute(query, (store.workspace, run))


async def end(store: Store, takeover: int, by: str, note: str) -> Takeover:
    """Hand it back. Raises Taken."""
    query: LiteralString = f"""
        update takeovers set ended_at = clock_timestamp(), ended_by = %s, note = %s
        where workspace = %s and id = %s and by = %s and ended_at is null returning {FIELDS}
    """
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Takeover)) as cursor,
    ):
        values = (by, note, store.workspace, takeover, by)
        done = await (await cursor.execute(query, values)).fetchone()
        if done is None:
            raise Taken("the conversation is not yours any more")
        await record(connection, by, "conversation.handed_back", done.talk)
    return done


async def words_of(store: Store, takeover: int) -> list[Word]:
    """What was written, the first first."""
    query = """
        select w.run, w.at, w.text, t.by, r.status,
            exists (select from contacts c where c.run = w.run and c.workspace = w.workspace and c.state = 'sent') as sent
        from takeover_words w join takeovers t on t.id = w.takeover left join runs r on r.id = w.run
        where w.workspace = %s and w.takeover = %s order by w.at, w.run
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Word)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, takeover))).fetchall()


async def writer_of(store: Store, run: UUID) -> str:
    """The colleague whose words a run sends; empty: it sends an agent's."""
    query = """
        select t.by from takeover_words w join takeovers t on t.id = w.takeover where w.workspace = %s and w.run = %s
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace, run))).fetchone()
    return str(row[0]) if row else ""


async def answered_since(store: Store, channel: str, kind: str, value: str, at: datetime) -> UUID | None:
    """The run by which a colleague has answered them on that channel after a time."""
    query = """
        select w.run from graph_profiles p join takeovers t on t.profile = p.id join takeover_words w on w.takeover = t.id
        where p.workspace = %s and p.kind = %s and p.value = %s and t.workspace = p.workspace and t.channel = %s and w.at > %s limit 1
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace, kind, value, channel, at))).fetchone()
    return row[0] if row else None


async def over(store: Store, limit: int) -> list[Takeover]:
    """Those of all workspaces that have ended, by themselves or not, and of which the agent is yet to be told. For the owner of the tables."""
    query: LiteralString = f"""
        update takeovers set ended_at = coalesce(ended_at, until) where id in (
            select id from takeovers where told_at is null and (ended_at is not null or until <= clock_timestamp())
            order by until limit %s for update skip locked
        ) returning {FIELDS}
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Takeover)) as cursor,
    ):
        return await (await cursor.execute(query, (limit,))).fetchall()


async def unbegun(store: Store, limit: int) -> Sequence[tuple[str, int, UUID]]:
    """What was written and whoever was to send it has died: workspace, takeover, run. For the owner of the tables."""
    query = """
        select workspace, takeover, run from takeover_words where begun_at is null and at < clock_timestamp() - %s order by at limit %s
    """
    async with store.pool.connection() as connection:
        return await (await connection.execute(query, (LATE, limit))).fetchall()


async def by_id(store: Store, takeover: int) -> Takeover | None:
    return await _one(store, "id = %s", (takeover,))


async def held_back(store: Store, one: Takeover) -> list[UUID]:
    """The runs that would have reached them meanwhile."""
    query = """
        select distinct run from contacts where workspace = %s and profile = %s and channel = %s and state = 'refused' and at >= %s
            and run is not null
    """
    async with store.pool.connection() as connection:
        values = (one.workspace, one.profile, one.channel, one.at)
        return [run for (run,) in await (await connection.execute(query, values)).fetchall()]


async def told(store: Store, one: Takeover) -> None:
    """The agent goes on, and so does what came meanwhile. For the owner of the tables."""
    wake = """
        update firings set due_at = statement_timestamp() where workspace = %s and agent = %s and state in ('due', 'starting') and why = %s
    """
    done = "update takeovers set told_at = clock_timestamp() where workspace = %s and id = %s"
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(wake, (one.workspace, one.agent, one.waits))
        await connection.execute(done, (one.workspace, one.id))


async def _one(store: Store, which: LiteralString, values: tuple[Any, ...]) -> Takeover | None:
    query: LiteralString = f"select {FIELDS} from takeovers where workspace = %s and {which}"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Takeover)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, *values))).fetchone()
