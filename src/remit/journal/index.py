"""Looking runs up: the index of runs and what waits for people. All of it can be derived from the journal."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, LiteralString
from uuid import UUID

from psycopg.rows import class_row

from remit.errors import NoSuchRun, UserError
from remit.store.store import Store


@dataclass(frozen=True, slots=True)
class RunRow:
    id: UUID
    agent: str
    goal: str
    person: str
    status: str
    created_at: datetime
    updated_at: datetime
    cost: Decimal | None = None  # in US dollars, once it has ended or waits for a person
    seconds: float | None = None  # of work, then; where it is asked for
    simulated: bool = False  # known then, too


@dataclass(frozen=True, slots=True)
class AskRow:
    run: UUID
    ask_id: str
    kind: str
    text: str
    at: datetime
    expires: datetime | None
    agent: str
    goal: str


async def list_runs(
    store: Store,
    *,
    status: Sequence[str] = (),
    agent: str = "",
    limit: int = 20,
    before: datetime | None = None,
) -> list[RunRow]:
    """The newest runs first. `before` pages on from the last row's created_at."""
    query: LiteralString = """
        select id, agent, goal, person, status, created_at, updated_at, case when marks is not null then coalesce(cost, 0) end as cost
        from runs
        where workspace = %(workspace)s and (%(any)s or status = any(%(status)s)) and (%(agent)s = '' or agent = %(agent)s)
          and (%(before)s::timestamptz is null or created_at < %(before)s) {}
        order by created_at desc limit %(limit)s
    """
    query = _of_agents(store, query)
    values: dict[str, Any] = {
        "workspace": store.workspace,
        "any": not status,
        "status": list(status),
        "agent": agent,
        "limit": limit,
        "before": before,
        "seen": sorted(store.agents or ()),
    }
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(RunRow)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


def _of_agents(store: Store, query: LiteralString) -> LiteralString:
    """The newest runs, by a query with a place for one condition more: where some agents alone are seen, the newest of each are
    found in its part of the index, and not among all."""
    if store.agents is None:
        return query.replace("{}", "")
    each = query.replace("{}", "and agent = own.name")
    own: LiteralString = "unnest(%(seen)s::text[]) as own (name)"
    return f"select newest.* from {own} cross join lateral ({each}) as newest order by created_at desc limit %(limit)s"


async def list_asks(
    store: Store,
    limit: int = 200,
    *,
    run: UUID | None = None,
    after: tuple[datetime, UUID, str] | None = None,
) -> list[AskRow]:
    """What waits for a person, oldest first; only of `run` where it is named. `after` pages on from the last row's time, run
    and number."""
    query = """
        select a.run, a.ask_id, a.kind, a.text, a.at, a.expires, r.agent, r.goal
        from asks a join runs r on r.id = a.run
        where r.workspace = %(workspace)s and (%(run)s::uuid is null or a.run = %(run)s)
          and (%(at)s::timestamptz is null
               or a.at >= %(at)s and (a.at, a.run, a.ask_id) > (%(at)s, %(last)s::uuid, %(ask)s))
        order by a.at, a.run, a.ask_id limit %(limit)s
    """
    at, last, ask = after or (None, None, None)
    values = {"workspace": store.workspace, "run": run, "at": at, "last": last, "ask": ask, "limit": limit}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(AskRow)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


async def count_archived(store: Store) -> int:
    """Runs in the archive: what is read from events passes over them."""
    async with store.pool.connection() as connection:
        query = "select count(*) from archives join runs on runs.id = archives.run where runs.workspace = %s"
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
    return int(row[0]) if row else 0


async def orphans(
    store: Store, idle_seconds: float, limit: int = 1000, agents: Collection[str] = ()
) -> list[UUID]:
    """Runs that somebody should advance and nobody does: whoever held them is dead; or they are to move, are neither
    held nor queued nor in line, and have not moved for a while; or a question of theirs has expired; or their parent has
    ended. Of what is idle, agents take turns. `agents`: only theirs; none named are all."""
    query = """
        with recursive lanes as (  -- agents with open runs, from one to the next by the index
            (select workspace, agent from runs where status in ('running', 'waiting', 'paused')
             order by workspace, agent limit 1)
            union all
            select next.* from lanes, lateral (
                select workspace, agent from runs where status in ('running', 'waiting', 'paused')
                   and (workspace, agent) > (lanes.workspace, lanes.agent) order by workspace, agent limit 1) as next
        ), found as (
            select run, 0 as turn from leases where not exists (select from workers where workers.id = leases.worker)
            union all
            select idle.id, row_number() over (partition by lanes.workspace, lanes.agent order by idle.updated_at)
            from lanes, lateral (
                select id, updated_at from runs
                where runs.workspace = lanes.workspace and runs.agent = lanes.agent
                  and status = 'running' and updated_at < now() - make_interval(secs => %(idle)s)
                  and not exists (select from leases where leases.run = runs.id)
                  and not exists (select from slots where slots.run = runs.id and slots.call = '' and worker is null)
                  and not exists (select from procrastinate_jobs as job
                                  where job.lock = 'run:' || runs.id and job.status in ('todo', 'doing'))
                order by updated_at limit %(limit)s) as idle
            union all
            select run, 0 from asks where expires < now()
            union all
            select child.id, 0 from runs as child join runs as parent on parent.id = child.parent
            where child.parent is not null and child.status in ('running', 'waiting', 'paused')
              and parent.status not in ('running', 'waiting', 'paused')
        )
        select run from found
        where %(all)s or exists (select from runs where runs.id = found.run and runs.agent = any(%(agents)s))
        order by turn limit %(limit)s
    """
    values = {"idle": idle_seconds, "limit": limit, "all": not agents, "agents": list(agents)}
    async with store.pool.connection() as connection:
        rows = await connection.execute(query, values)
        return list(dict.fromkeys([row[0] for row in await rows.fetchall()]))


async def forgotten(store: Store, idle_seconds: float, limit: int = 1000) -> list[UUID]:
    """Runs that wait for nothing: no person, no time, no child, no turn, and nobody is about to look at them. There is no
    way there, but for a mistake of ours; to look at one changes nothing where it does wait."""
    query = """
        select id from runs
        where status = 'waiting' and updated_at < now() - make_interval(secs => %(idle)s)
          and not exists (select from asks where asks.run = runs.id)
          and not exists (select from remit_timers as timer where timer.run = runs.id)
          and not exists (select from runs as child
                          where child.parent = runs.id and child.status in ('running', 'waiting', 'paused'))
          and not exists (select from slots where slots.run = runs.id)
          and not exists (select from leases where leases.run = runs.id)
          and not exists (select from procrastinate_jobs as job
                          where job.lock = 'run:' || runs.id and job.status in ('todo', 'doing'))
        order by updated_at limit %(limit)s
    """
    async with store.pool.connection() as connection:
        rows = await connection.execute(query, {"idle": idle_seconds, "limit": limit})
        return [row[0] for row in await rows.fetchall()]


async def rest(store: Store, run: UUID, seq: int, status: str) -> None:
    """Say in the index what a run is that nobody advances any more, unless something happened to it after `seq`."""
    query = "update runs set status = %s, seq = %s where id = %s and seq <= %s"
    async with store.pool.connection() as connection:
        await connection.execute(query, (status, seq, run, seq))


async def ended(store: Store, runs: Sequence[UUID], status: str = "cancelled") -> list[UUID]:
    """Those of the runs that have that status."""
    async with store.pool.connection() as connection:
        found = await connection.execute(
            "select id from runs where id = any(%s) and status = %s", (list(runs), status)
        )
        return [row[0] for row in await found.fetchall()]


async def parent_ended(store: Store, run: UUID) -> bool:
    """Whether the run has a parent that has ended."""
    query = """
        select parent.status not in ('running', 'waiting', 'paused')
        from runs as child join runs as parent on parent.id = child.parent where child.id = %s
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (run,))).fetchone()
        return bool(row and row[0])


async def find_run(store: Store, prefix: str) -> UUID:
    """The run whose id begins with `prefix`; `last` is the newest that is no other's child. Raises UserError if none or
    several do."""
    async with store.pool.connection() as connection:
        if prefix == "last":
            query: LiteralString = """
                select id, created_at from runs where workspace = %(workspace)s and parent is null {}
                order by created_at desc limit %(limit)s
            """
            values = {"workspace": store.workspace, "seen": sorted(store.agents or ()), "limit": 1}
            cursor = await connection.execute(_of_agents(store, query), values)
        elif not prefix or set(prefix.lower()) - set("0123456789abcdef-"):
            raise UserError(f"{prefix!r} is not a run's id; `remit runs` lists them")
        else:
            low = prefix.lower().replace("-", "")[:32]
            bounds = (store.workspace, UUID(low.ljust(32, "0")), UUID(low.ljust(32, "f")))
            query = "select id from runs where workspace = %s and id between %s and %s limit 2"
            cursor = await connection.execute(query, bounds)
        rows = await cursor.fetchall()
        if not rows and prefix != "last":
            query = """
                select run, deleted_at, policy from tombstones
                where workspace = %s and run between %s and %s limit 1
            """
            for run, at, policy in await (await connection.execute(query, bounds)).fetchall():
                raise NoSuchRun(f"run {run} was deleted on {at:%d %B %Y} by the policy {policy!r}")
    if not rows:
        raise NoSuchRun(f"there is no run {prefix!r}; `remit runs` lists them")
    if len(rows) > 1:
        raise UserError(f"several runs begin with {prefix!r}; write more of the id")
    found: UUID = rows[0][0]
    return found
