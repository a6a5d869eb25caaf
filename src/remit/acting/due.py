"""What is to be done of decisions, as it is kept: taken by one worker at a time, and settled when its run has begun."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid5

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.decisions.log import FIELDS, Kept
from remit.store.store import Store

Connection = AsyncConnection[Any]
SPACE = UUID("0f6a3a7e-7f0a-4a52-8a55-1d5b1f3f7c02")  # of the ids of runs that decisions begin
CLAIM = timedelta(seconds=30)  # after which whoever took one counts as dead
MOST = 10  # times that one is taken


@dataclass(frozen=True, slots=True)
class Act:
    """One that is to be done. `follows`: look whether the decision was answered, and if not do what follows."""

    workspace: str
    playbook: str
    decision: int
    follows: bool
    attempts: int

    @property
    def run(self) -> UUID:
        """The id of the run that does it: the same, whoever begins it."""
        return uuid5(SPACE, json.dumps([self.workspace, self.decision]))


async def claim(store: Store, many: int, now: datetime | None = None) -> Sequence[Act]:
    """Of all workspaces, each with one process."""
    query = """
        update decision_acts a set attempts = attempts + 1, due_at = coalesce(%(now)s::timestamptz, clock_timestamp()) + %(claim)s
        from (select workspace, decision, follows from decision_acts
              where state = 'due' and due_at <= coalesce(%(now)s::timestamptz, clock_timestamp())
              order by due_at limit %(many)s for update skip locked) as due
        where a.workspace = due.workspace and a.decision = due.decision and a.follows = due.follows
        returning a.workspace, a.playbook, a.decision, a.follows, a.attempts
    """
    async with store.pool.connection() as connection, connection.cursor(row_factory=class_row(Act)) as cursor:
        values = {"now": now, "claim": CLAIM, "many": many}
        found = await (await cursor.execute(query, values)).fetchall()
    return sorted(found, key=lambda one: (one.workspace, one.decision))


async def settle(
    connection: Connection, act: Act, state: str, why: str = "", run: UUID | None = None
) -> bool:
    """It is no longer due; False: somebody has settled it before."""
    query = """
        update decision_acts set state = %s, why = %s, run = %s where workspace = %s and decision = %s and follows = %s and state = 'due'
    """
    values = (state, why[:1000].replace("\0", "�"), run, act.workspace, act.decision, act.follows)
    return bool((await connection.execute(query, values)).rowcount)


async def later(store: Store, act: Act, seconds: float, why: str) -> None:
    """It is tried again after a time, as often as need be."""
    query = """
        update decision_acts set due_at = clock_timestamp() + make_interval(secs => %s), why = %s, attempts = 0
        where workspace = %s and decision = %s and follows = %s and state = 'due'
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (seconds, why[:1000], act.workspace, act.decision, act.follows))


async def follow(connection: Connection, act: Act, after: timedelta) -> None:
    """Look after a time whether it was answered."""
    query = """
        insert into decision_acts (workspace, decision, follows, playbook, due_at) values (%s, %s, true, %s, clock_timestamp() + %s)
        on conflict do nothing
    """
    await connection.execute(query, (act.workspace, act.decision, act.playbook, after))


async def decision_of(connection: Connection, workspace: str, number: int) -> Kept | None:
    """None: it is gone, as with a person who was erased."""
    query: LiteralString = f"select {FIELDS} from decisions where workspace = %s and id = %s"
    async with connection.cursor(row_factory=class_row(Kept)) as cursor:
        return await (await cursor.execute(query, (workspace, number))).fetchone()


async def answered(
    connection: Connection, workspace: str, persons: Sequence[int], since: datetime, kinds: Sequence[str]
) -> str:
    """By what they did so since; empty: they did not."""
    query = """
        select i.kind from unnest(%s::bigint[]) as of (who) cross join lateral (
            select kind, at from graph_interactions where profile = of.who and workspace = %s and at > %s and direction = 'in' and kind = any(%s)
            order by at limit 1
        ) as i order by i.at limit 1
    """
    row = await (await connection.execute(query, (list(persons), workspace, since, list(kinds)))).fetchone()
    return str(row[0]) if row else ""
