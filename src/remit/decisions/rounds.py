"""Deciding for everybody, or for those of whom something is known: some people at a time, each time in one transaction that also says how far
it is, so that whoever goes on after a kill repeats nothing.

What is short (a team's calls, a budget) is given out in proportion: of those who are decided together the best have it, and no one is
first because of their number.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import numpy as np
from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.decisions.alone import alone
from remit.decisions.choose import Left
from remit.decisions.deciding import begun, chance_of, decide, left, turns
from remit.decisions.kept import SELF, Version, standing_of
from remit.decisions.log import write
from remit.decisions.whom import segments_in
from remit.errors import UserError
from remit.graph.segments import named
from remit.store.store import Store

Connection = AsyncConnection[Any]
BATCH = 10_000  # people
FIELDS: LiteralString = (
    "id, playbook, by, begun_at, upto, last, looked_at, made, done_at, conditions, people, spent"
)
NEXT: LiteralString = """
    select id from graph_profiles where id > %s and id <= %s and workspace = %s and person = id and shared = '' order by id limit %s
"""


@dataclass(frozen=True, slots=True)
class Going:
    """A round, and how far it is."""

    id: UUID
    playbook: str
    by: str
    begun_at: datetime
    upto: int
    last: int
    looked_at: int
    made: int
    done_at: datetime | None
    conditions: list[str]
    people: int
    spent: float


async def begin(
    store: Store, playbook: str, who: str, only: Sequence[str] = (), by_workers: bool = False
) -> Going:
    """The round that was broken off; else a new one. `only`: conditions on what is known of people, as `stage=dormant` or `recency>180`.
    Raises UnknownName, UserError."""
    await named(store, segments_in(only))
    if not await standing_of(store, playbook):
        raise UserError(
            f"no version of {playbook} decides: `remit decisions stage {playbook} shadow` has the newest do so"
        )
    query = """
        insert into decision_rounds (id, workspace, playbook, by, conditions, by_workers, last, people)
        select %s, %s, %s, %s, %s, %s, coalesce(max(id), 0), count(*) from graph_profiles where workspace = %s and person = id and shared = ''
        on conflict do nothing
    """
    values = (uuid4(), store.workspace, playbook, who, list(only), by_workers, store.workspace)
    async with store.pool.connection() as connection:
        made = await connection.execute(query, values)
        select = (
            f"select {FIELDS} from decision_rounds where workspace = %s and playbook = %s and done_at is null"
        )
        found = await _one(connection, select.encode(), (store.workspace, playbook))
    if not made.rowcount and found.conditions != list(only):
        was = " ".join(f"--only {one}" for one in found.conditions) or "without --only"
        raise UserError(
            f"a round of {playbook} was broken off and comes first: run it to its end ({was}), or `remit decisions run {playbook} --drop`"
        )
    return found


async def begin_due(store: Store, playbook: str, now: datetime) -> bool:
    """Begin the round that is due by what the versions that stand say, for workers to go on with; whether there was one. While one is open
    none is due."""
    often = [one.book.rounds for one in (await standing_of(store, playbook)).values() if one.book.rounds]
    if not often:
        return False
    query = f"select {FIELDS} from decision_rounds where workspace = %s and playbook = %s order by begun_at desc limit 1"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Going)) as cursor,
    ):
        last = await (await cursor.execute(query.encode(), (store.workspace, playbook))).fetchone()
    if last is not None and (last.done_at is None or now < last.begun_at + timedelta(days=min(often))):
        return False
    await begin(store, playbook, SELF, by_workers=True)
    return True


async def drop(store: Store, playbook: str) -> bool:
    """Let the round that was broken off be; whether there was one. What was decided in it stays."""
    query = "update decision_rounds set done_at = clock_timestamp() where workspace = %s and playbook = %s and done_at is null"
    async with store.pool.connection() as connection:
        return bool((await connection.execute(query, (store.workspace, playbook))).rowcount)


async def go_on(store: Store, round: UUID, now: datetime | None = None, many: int = BATCH) -> Going:
    """Decide for the next people; `done_at` is set once there are none."""
    now = now or datetime.now(UTC)
    query = f"select {FIELDS} from decision_rounds where workspace = %s and id = %s for update"
    async with store.pool.connection() as connection, connection.transaction():
        one = await _one(connection, query.encode(), (store.workspace, round))
        if one.done_at is not None:
            return one
        await alone(connection, store.workspace, one.playbook)
        rows = await (await connection.execute(NEXT, (one.upto, one.last, store.workspace, many))).fetchall()
        persons = [person for (person,) in rows]
        by = await begun(store, connection, one.playbook, now)
        made, spent = 0, 0.0
        every = turns(store, connection, by, by.versions.values(), persons, one.conditions)
        async for version, mine, seen in every:
            chance = chance_of(one.id, one.upto, version.version)
            gone = one.spent + spent if version.acts else 0.0
            open_ = await left(connection, store.workspace, by, version, gone)
            some = decide(by, version, mine, seen, shared(open_, version, one, len(persons), chance), chance)
            await write(connection, store.workspace, some)
            made += len(some)
            spent += sum(each.action.cost for each in some) if version.acts else 0.0
        update = f"""
            update decision_rounds set upto = %s, looked_at = looked_at + %s, made = made + %s, spent = spent + %s,
                   done_at = case when %s then clock_timestamp() end
            where workspace = %s and id = %s returning {FIELDS}
        """
        done = len(persons) < many
        values = (
            persons[-1] if persons else one.last,
            len(persons),
            made,
            spent,
            done,
            store.workspace,
            round,
        )
        return await _one(connection, update.encode(), values)


def shared(open_: Left, version: Version, one: Going, people: int, chance: np.random.Generator) -> Left:
    """These people's part of what is left: as many of those who are yet to come. In shadow nothing is used up, so there it is a part of all."""
    come = one.people - one.looked_at if version.acts else one.people
    part = min(people / come, 1.0) if come > 0 else 1.0
    counts = {
        name: int(count * part + chance.uniform()) if part < 1 else count
        for name, count in open_.counts.items()
    }
    return Left(counts, None if open_.budget is None else open_.budget * part)


async def _one(connection: Connection, query: bytes, values: tuple[object, ...]) -> Going:
    async with connection.cursor(row_factory=class_row(Going)) as cursor:
        found = await (await cursor.execute(query, values)).fetchone()
    assert found is not None
    return found
