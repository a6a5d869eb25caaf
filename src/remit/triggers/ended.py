"""Runs that have ended, of which a trigger that follows their agent can be told by hand."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.rows import class_row

from remit.agents.triggers import Trigger
from remit.errors import NoSuchRun, UserError
from remit.store.store import Store
from remit.triggers.kept import Standing

LOOKED = (
    1000  # of the agent's latest runs, among which those that ended as the trigger wants it are looked for
)


@dataclass(frozen=True, slots=True)
class Ended:
    """One of them."""

    id: UUID
    agent: str
    goal: str
    status: str
    at: datetime


async def followed(store: Store, trigger: Trigger, limit: int = 10) -> list[Ended]:
    """The latest that ended as the trigger wants it, the newest first."""
    query = """
        select id, agent, goal, status, updated_at as at from (
            select * from runs
            where workspace = %(workspace)s and agent = %(agent)s and parent is null
              and status not in ('running', 'waiting', 'paused')
            order by created_at desc, id desc limit %(looked)s) as lately
        where %(ended)s::text[] = '{}' or status = any(%(ended)s)
        order by created_at desc, id desc limit %(limit)s
    """
    values: dict[str, Any] = {
        "workspace": store.workspace,
        "agent": trigger.after,
        "ended": list(trigger.ended),
    }
    values |= {"looked": LOOKED, "limit": limit}
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Ended)) as cursor,
    ):
        return await (await cursor.execute(query, values)).fetchall()


async def told_by_hand(store: Store, known: Standing, run: UUID | None) -> dict[str, Any]:
    """What the trigger hears of a run; None: of the last one. Raises UserError where there is none that it could follow."""
    trigger = known.trigger
    one = await _ended(store, known, run) if run else next(iter(await followed(store, trigger, 1)), None)
    if one is None:
        how = f" {' or '.join(trigger.ended)}" if trigger.ended else ""
        raise UserError(
            f"trigger {known.called} follows runs of {trigger.after}, and none of them has ended{how} yet"
        )
    return {"run": str(one.id), "agent": one.agent, "status": one.status}


async def _ended(store: Store, known: Standing, run: UUID) -> Ended:
    query = """
        select id, agent, goal, status, updated_at as at from runs
        where id = %s and workspace = %s and parent is null
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Ended)) as cursor,
    ):
        found = await (await cursor.execute(query, (run, store.workspace))).fetchone()
    trigger = known.trigger
    if found is None:
        raise NoSuchRun(f"there is no run {run} that a trigger could follow")
    if found.agent != trigger.after:
        raise UserError(f"that is a run of {found.agent}, and trigger {known.called} follows {trigger.after}")
    if found.status in ("running", "waiting", "paused"):
        raise UserError(f"run {run} has not ended: it is {found.status}")
    if trigger.ended and found.status not in trigger.ended:
        wanted = " or ".join(trigger.ended)
        raise UserError(
            f"run {run} ended {found.status}, and trigger {known.called} follows those that end {wanted}"
        )
    return found
