"""Patterns of behaviour as a workspace keeps them, and how sure they are by what followed."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from pydantic import TypeAdapter
from pydantic_core import to_json

from remit.access.audit import record
from remit.errors import UnknownName
from remit.graph.behaviour import Heard, Pattern, Shown, shown, sureness, times
from remit.store.store import Connection, Store

LATEST = 500  # interactions of each identifier that are looked at
BATCH = 1_000  # people at once
LATELY = 100_000  # interactions in which people are looked for on whom a pattern is tried
TRIED = 200  # of them, at most: somebody waits
EVERY: TypeAdapter[Pattern] = TypeAdapter(Pattern)


@dataclass(frozen=True, slots=True)
class Behaviour:
    pattern: Pattern
    shown: int
    followed: int
    counted_at: datetime | None

    @property
    def sure(self) -> float:
        return sureness(self.pattern, self.shown, self.followed)


@dataclass(slots=True)
class Count:
    """`now`: people who show it; `shown` and `followed`: times in the past."""

    now: int = 0
    shown: int = 0
    followed: int = 0


@dataclass(frozen=True, slots=True)
class Inferred:
    people: int = 0  # who were looked at
    of_each: Mapping[str, Count] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tried:
    """A pattern tried on people of late: `looked` did something that it takes, `now` show it, by person; `count` is the past."""

    looked: int
    now: Mapping[int, Shown]
    count: Count
    whole: bool  # everybody of late was looked at


async def behaviours_of(store: Store) -> list[Behaviour]:
    async with store.pool.connection() as connection:
        return await behaviours_within(connection, store.workspace)


async def behaviours_within(connection: Connection, workspace: str) -> list[Behaviour]:
    query = """
        select pattern, shown, followed, counted_at from graph_behaviours where workspace = %s order by intent
    """
    rows = await (await connection.execute(query, (workspace,))).fetchall()
    return [Behaviour(EVERY.validate_python(pattern), *rest) for pattern, *rest in rows]


async def save(store: Store, patterns: Sequence[Pattern], who: str) -> int:
    """Keep them, each in place of what has its name; how many are new or otherwise. What was counted of one that changes is forgotten."""
    query = """
        insert into graph_behaviours as b (workspace, intent, pattern, by) select %s, p ->> 'intent', p, %s from jsonb_array_elements(%s::jsonb) as p
        on conflict (workspace, intent) do update set pattern = excluded.pattern, by = excluded.by, at = clock_timestamp(), shown = 0,
            followed = 0, counted_at = null where b.pattern <> excluded.pattern
        returning intent
    """
    by_name = {one.intent: one.model_dump() for one in patterns}
    async with store.pool.connection() as connection, connection.transaction():
        values = (store.workspace, who, to_json(list(by_name.values())).decode())
        changed = [name for (name,) in await (await connection.execute(query, values)).fetchall()]
        if changed:
            await record(connection, who, "behaviours.saved", ", ".join(sorted(changed))[:200], {})
    return len(changed)


async def forget(store: Store, intent: str, who: str) -> None:
    """Raises UnknownName."""
    query = "delete from graph_behaviours where workspace = %s and intent = %s returning intent"
    async with store.pool.connection() as connection, connection.transaction():
        if await (await connection.execute(query, (store.workspace, intent))).fetchone() is None:
            raise UnknownName("behaviour", intent, [one.pattern.intent for one in await behaviours_of(store)])
        await record(connection, who, "behaviours.forgotten", intent, {})


async def heard_of(store: Store, persons: Iterable[int], now: datetime) -> dict[int, list[Heard]]:
    """What came from each person by then, the first first."""
    async with store.pool.connection() as connection:
        return await heard_within(connection, store.workspace, persons, now)


async def heard_within(
    connection: Connection, workspace: str, persons: Iterable[int], now: datetime
) -> dict[int, list[Heard]]:
    query = """
        select p.person, i.id, i.at, i.kind, i.channel, i.properties from unnest(%(persons)s::bigint[]) as of (who)
        cross join lateral (select id, person from graph_profiles where person = of.who and workspace = %(here)s offset 0) as p
        cross join lateral (
            select * from graph_interactions where profile = p.id and direction = 'in' and kind <> 'record' and at <= %(now)s
            order by at desc limit %(latest)s
        ) as i order by i.at, i.id
    """
    found: dict[int, list[Heard]] = {one: [] for one in persons}
    values = {"persons": list(found), "here": workspace, "now": now, "latest": LATEST}
    for person, *one in await (await connection.execute(query, values)).fetchall():
        found[person].append(Heard(*one))
    return found


async def behaviour_of(store: Store, intent: str) -> Behaviour:
    """Raises UnknownName."""
    known = {one.pattern.intent: one for one in await behaviours_of(store)}
    if intent not in known:
        raise UnknownName("behaviour", intent, list(known))
    return known[intent]


async def try_on(store: Store, pattern: Pattern, now: datetime | None = None) -> Tried:
    """Who would show it now, and what followed before, among those who lately did what it takes. Nothing is kept."""
    now = now or datetime.now(UTC)
    query = """
        select p.person, max(i.id) as last from (
            select id, profile, kind, direction from graph_interactions where workspace = %(here)s order by id desc limit %(lately)s
        ) as i join graph_profiles p on p.id = i.profile
        where i.direction = 'in' and (i.kind = any(%(kinds)s) or '' = any(%(kinds)s)) group by p.person order by last desc limit %(most)s
    """
    kinds = [one.kind for one in pattern.when]
    values = {"here": store.workspace, "lately": LATELY, "kinds": kinds, "most": TRIED}
    async with store.pool.connection() as connection:
        persons = [one for one, _ in await (await connection.execute(query, values)).fetchall()]
    count, heard = Count(), await heard_of(store, persons, now)
    found = await asyncio.to_thread(_shown_by, pattern, heard, now, count)
    return Tried(len(persons), found, count, len(persons) < TRIED)


def _shown_by(
    pattern: Pattern, heard: Mapping[int, Sequence[Heard]], now: datetime, count: Count
) -> dict[int, Shown]:
    """Who shows it, by person; the count goes on."""
    for one in heard.values():
        _count((pattern,), one, now, {pattern.intent: count})
    return {person: made for person, one in heard.items() if (made := shown(pattern, one, now))}


async def infer(store: Store, now: datetime | None = None) -> Inferred:
    """Count who shows which, and what followed where it was shown before; how sure each is, is known by that from now on."""
    now = now or datetime.now(UTC)
    patterns = [one.pattern for one in await behaviours_of(store)]
    counts = {one.intent: Count() for one in patterns}
    people, after = 0, 0
    while persons := await _who_may(store, patterns, after):
        for heard in (await heard_of(store, persons, now)).values():
            _count(patterns, heard, now, counts)
        people, after = people + len(persons), persons[-1]
    await _keep(store, counts)
    return Inferred(people, counts)


def _count(
    patterns: Iterable[Pattern], heard: Sequence[Heard], now: datetime, counts: Mapping[str, Count]
) -> None:
    for pattern in patterns:
        count = counts[pattern.intent]
        count.now += shown(pattern, heard, now) is not None
        for followed in times(pattern, heard, now):
            count.shown += 1
            count.followed += followed


async def _who_may(store: Store, patterns: Sequence[Pattern], after: int) -> list[int]:
    """People after this one who did something that the first step of a pattern takes, in their order."""
    query = """
        select p.person from graph_profiles p where p.workspace = %(here)s and p.person > %(after)s and exists (
            select from graph_interactions i where i.profile = p.id and i.direction = 'in' and (i.kind = any(%(kinds)s) or %(any)s)
        ) group by p.person order by p.person limit %(batch)s
    """
    kinds = [one.when[0].kind for one in patterns]
    values = {"here": store.workspace, "after": after, "kinds": kinds, "any": "" in kinds, "batch": BATCH}
    async with store.pool.connection() as connection:
        return [one for (one,) in await (await connection.execute(query, values)).fetchall()]


async def _keep(store: Store, counts: Mapping[str, Count]) -> None:
    query = """
        update graph_behaviours set shown = %s, followed = %s, counted_at = clock_timestamp() where workspace = %s and intent = %s
    """
    rows = [(one.shown, one.followed, store.workspace, intent) for intent, one in counts.items()]
    async with store.pool.connection() as connection, connection.cursor() as cursor:
        await cursor.executemany(query, rows)
