"""Looking runs up: the index of runs and what waits for people. All of it can be derived from the journal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from remit.errors import UserError
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
    query = """
        select id, agent, goal, person, status, created_at, updated_at from runs
        where workspace = 'default' and (%(any)s or status = any(%(status)s)) and (%(agent)s = '' or agent = %(agent)s)
          and (%(before)s::timestamptz is null or created_at < %(before)s)
        order by created_at desc limit %(limit)s
    """
    values: dict[str, Any] = {
        "any": not status,
        "status": list(status),
        "agent": agent,
        "limit": limit,
        "before": before,
    }
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(RunRow)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


async def list_asks(store: Store, limit: int = 200) -> list[AskRow]:
    """What waits for a person, oldest first."""
    query = """
        select a.run, a.ask_id, a.kind, a.text, a.at, a.expires, r.agent, r.goal
        from asks a join runs r on r.id = a.run order by a.at limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(AskRow)) as cursor,
    ):
        return await (await cursor.execute(query, (limit,))).fetchall()


async def orphans(store: Store, idle_seconds: float) -> list[UUID]:
    """Runs that should be moving and have not for a while, or whose asks expired: somebody should advance them."""
    query = """
        select id from runs where status = 'running' and updated_at < now() - make_interval(secs => %s)
        union select run from asks where expires < now()
    """
    async with store.pool.connection() as connection:
        return [row[0] for row in await (await connection.execute(query, (idle_seconds,))).fetchall()]


async def find_run(store: Store, prefix: str) -> UUID:
    """The run whose id begins with `prefix`; `last` is the newest. Raises UserError if none or several do."""
    async with store.pool.connection() as connection:
        if prefix == "last":
            cursor = await connection.execute("select id from runs order by created_at desc limit 1")
        elif not prefix or set(prefix.lower()) - set("0123456789abcdef-"):
            raise UserError(f"{prefix!r} is not a run's id; `remit runs` lists them")
        else:
            low = prefix.lower().replace("-", "")[:32]
            bounds = (UUID(low.ljust(32, "0")), UUID(low.ljust(32, "f")))
            cursor = await connection.execute(
                "select id from runs where id between %s and %s limit 2", bounds
            )
        rows = await cursor.fetchall()
    if not rows:
        raise UserError(f"there is no run {prefix!r}; `remit runs` lists them")
    if len(rows) > 1:
        raise UserError(f"several runs begin with {prefix!r}; write more of the id")
    found: UUID = rows[0][0]
    return found
