"""Which run belongs to which conversation of a client's, and by which of its messages it was begun."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from remit.journal.search import Place
from remit.store.store import Store

COUNTED = 1_000  # tasks; beyond, a list says that many


@dataclass(frozen=True, slots=True)
class Thread:
    """A run's place."""

    run: UUID
    context: str
    message: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which tasks a list is to have, of one caller and agent."""

    who: str
    agent: str
    context: str = ""
    status: tuple[str, ...] = ()  # of runs; empty: any
    since: datetime | None = None


async def put(store: Store, who: str, agent: str, thread: Thread) -> Thread:
    """Remember it, once; what was remembered first holds."""
    query = """
        insert into threads (run, who, agent, context, message) values (%s, %s, %s, %s, %s) on conflict do nothing
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (thread.run, who, agent, thread.context, thread.message))
    return await get(store, thread.run)


async def get(store: Store, run: UUID) -> Thread:
    """One that was begun otherwise is a conversation by itself."""
    query = "select run, context, message from threads where run = %s"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Thread)) as cursor,
    ):
        return await (await cursor.execute(query, (run,))).fetchone() or Thread(run, str(run), str(run))


async def before(store: Store, who: str, context: str, limit: int) -> list[UUID]:
    """The latest runs of a conversation of theirs, the newest first."""
    query = "select run from threads where who = %s and context = %s order by at desc limit %s"
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (who, context, limit))).fetchall()
    return [run for (run,) in rows]


async def page(
    store: Store, wanted: Wanted, after: Place | None, limit: int
) -> tuple[list[tuple[Thread, datetime]], int]:
    """Tasks with when they last changed, the latest change first; and how many there are, counted up to a bound."""
    found = """
        from threads join runs on runs.id = threads.run
        where threads.who = %(who)s and threads.agent = %(agent)s
          and (%(context)s = '' or threads.context = %(context)s)
          and (%(status)s::text[] = '{}' or runs.status = any (%(status)s))
          and (%(since)s::timestamptz is null or runs.updated_at >= %(since)s)
    """
    query = f"""
        select threads.run, threads.context, threads.message, runs.updated_at {found}
          and (%(at)s::timestamptz is null or (runs.updated_at, runs.id) < (%(at)s, %(run)s::uuid))
        order by runs.updated_at desc, runs.id desc limit %(limit)s
    """
    values = {
        "who": wanted.who,
        "agent": wanted.agent,
        "context": wanted.context,
        "status": list(wanted.status),
        "since": wanted.since,
        "at": after.at if after else None,
        "run": after.run if after else None,
        "limit": limit,
        "counted": COUNTED,
    }
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
        many = f"select count(*) from (select 1 {found} limit %(counted)s) as several"
        total = await (await connection.execute(many, values)).fetchone()
    assert total is not None
    return [(Thread(run, context, message), at) for run, context, message, at in rows], total[0]
