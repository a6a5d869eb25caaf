"""Segments as a workspace keeps them: named, counted, and who is in one now.

Up to `WHOLE` identifiers everybody is asked; beyond that, the count is estimated from people drawn by chance, and says how far off it may be.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from math import sqrt
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from remit.access.audit import record
from remit.errors import UnknownName, UserError
from remit.graph.behaviour import Pattern
from remit.graph.people import Found, listed
from remit.graph.segment import Segment, Sql, numbered
from remit.store.store import Store

Connection = AsyncConnection[Any]
WHOLE = 20_000  # identifiers up to which everybody is asked, and numbers that are drawn beyond
STEP = 500  # people that an export reads at once
PEOPLE = "graph_profiles b where b.workspace = %(here)s and b.id = b.person"


@dataclass(frozen=True, slots=True)
class Kept:
    """A segment that somebody has saved, with how many they were when that was counted last."""

    name: str
    note: str
    spec: dict[str, Any]
    who: str
    at: datetime
    people: int | None
    exact: bool | None
    day: date | None

    @property
    def segment(self) -> Segment:
        return Segment.model_validate(self.spec)


@dataclass(frozen=True, slots=True)
class Size:
    """How many they are, of how many; `off`: by how many that may be off, 95 times of 100. 0: it is exact."""

    people: int
    whole: int
    off: int = 0

    @property
    def exact(self) -> bool:
        return not self.off

    @property
    def share(self) -> float:
        return self.people / self.whole if self.whole else 0.0


async def save(store: Store, name: str, segment: Segment, note: str, who: str) -> None:
    """Raises UserError for a name that is none."""
    if not (name.isascii() and name == name.lower() and name.replace("-", "").replace("_", "").isalnum()) or (
        name[0] in "-_" or len(name) > 60 or name == "new"
    ):
        raise UserError(
            f"{name[:70]!r} is no name of a segment: small letters, digits, - and _, 60 at most, and not `new`"
        )
    query = """
        insert into segments (workspace, name, note, spec, who) values (%s, %s, %s, %s, %s)
        on conflict (workspace, name) do update set note = excluded.note, spec = excluded.spec, who = excluded.who,
            at = clock_timestamp()
    """
    spec = segment.model_dump(mode="json")
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(query, (store.workspace, name, note, Jsonb(spec), who))
        await record(connection, who, "segment.saved", name, {"words": segment.words[:500]})


async def remove(store: Store, name: str, who: str) -> None:
    """With how many they were; nobody who is in it. Raises UnknownName; UserError where a playbook that decides is for whoever is in it."""
    await segment_of(store, name)
    using = """
        select playbook, version from playbook_versions where workspace = %s and stage <> 'off' and exists (
            select from jsonb_array_elements_text(spec -> 'whom') as asked (what) where what ~ ('^\\s*segment\\s*!?=\\s*' || %s || '\\s*$'))
        order by 1, 2
    """
    async with store.pool.connection() as connection, connection.transaction():
        if row := await (await connection.execute(using, (store.workspace, name))).fetchone():
            raise UserError(
                f"version {row[1]} of the playbook {row[0]} decides for whoever is in {name}: stop that version first (`remit decisions "
                f"stage {row[0]} off --version {row[1]}`), or save one that does without it"
            )
        for table in (
            "segments where workspace = %s and name = %s",
            "segment_sizes where workspace = %s and segment = %s",
        ):
            await connection.execute(f"delete from {table}".encode(), (store.workspace, name))
        await record(connection, who, "segment.removed", name, {})


async def list_segments(store: Store) -> list[Kept]:
    query = """
        select name, note, spec, who, at, people, exact, day from segments s left join lateral (
            select people, exact, day from segment_sizes z where z.workspace = s.workspace and z.segment = s.name
            order by day desc limit 1
        ) as z on true where s.workspace = %s order by name
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def segment_of(store: Store, name: str) -> Kept:
    """Raises UnknownName."""
    kept = {one.name: one for one in await list_segments(store)}
    if name not in kept:
        raise UnknownName("segment", name, list(kept))
    return kept[name]


async def named(store: Store, names: Iterable[str]) -> dict[str, Segment]:
    """Those segments. Raises UnknownName."""
    async with store.pool.connection() as connection:
        return await named_within(connection, store.workspace, names)


async def named_within(connection: Connection, workspace: str, names: Iterable[str]) -> dict[str, Segment]:
    wanted = set(names)
    if not wanted:
        return {}
    query = "select name, spec from segments where workspace = %s"
    kept = dict(await (await connection.execute(query, (workspace,))).fetchall())
    if missing := wanted - set(kept):
        raise UnknownName("segment", min(missing), list(kept))
    return {name: Segment.model_validate(kept[name]) for name in wanted}


async def count(store: Store, segment: Segment, now: datetime | None = None) -> Size:
    """How many they are."""
    async with store.pool.connection() as connection:
        clause, values = await _asked(connection, store.workspace, segment)
        asked = values | {"now": now or datetime.now(UTC), "here": store.workspace}
        query = "select coalesce(min(id), 0), coalesce(max(id) - min(id) + 1, 0) from graph_profiles where workspace = %s"
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
        assert row is not None
        first, span = row
        if span <= WHOLE:
            whole, people = await _counted(connection, f"from {PEOPLE}", clause, asked)
            return Size(people, whole)
        # Looked up one by one: the planner would read everybody
        drawn = f"""from (select %(first)s + floor(random() * %(span)s)::bigint as id from generate_series(1, {WHOLE})) as d
            cross join lateral (select id, person from graph_profiles
                where id = d.id and workspace = %(here)s and id = person offset 0) as b"""
        met, people = await _counted(connection, drawn, clause, asked | {"first": first, "span": span})
    return _estimated(people, met, span)


async def _counted(
    connection: Connection, people: str, clause: str, values: dict[str, Any]
) -> tuple[int, int]:
    """Of how many, and how many."""
    query = f"select count(*), count(*) filter (where {clause}) {people}".encode()
    row = await (await connection.execute(query, values)).fetchone()
    assert row is not None
    return row[0], row[1]


def _estimated(people: int, met: int, span: int) -> Size:
    """From numbers drawn by chance out of `span`, of which some are people's, and some of those in it."""
    each = span / WHOLE
    share = people / WHOLE
    off = 1.96 * span * sqrt(max(share * (1 - share), 1 / WHOLE) / WHOLE)
    return Size(round(people * each), round(met * each), max(1, round(off)))


async def measure(store: Store, name: str, now: datetime | None = None) -> Size:
    """How many they are, kept as the size of the day. Raises UnknownName."""
    now = now or datetime.now(UTC)
    size = await count(store, (await segment_of(store, name)).segment, now)
    query = """
        insert into segment_sizes (workspace, segment, day, people, whole, exact) values (%s, %s, %s, %s, %s, %s)
        on conflict (workspace, segment, day) do update set people = excluded.people, whole = excluded.whole, exact = excluded.exact
    """
    async with store.pool.connection() as connection:
        values = (store.workspace, name, now.date(), size.people, size.whole, size.exact)
        await connection.execute(query, values)
    return size


async def sizes(store: Store, name: str, limit: int = 90) -> list[tuple[date, int]]:
    """How many they were, on the days on which that was counted, the earliest first."""
    query = "select day, people from segment_sizes where workspace = %s and segment = %s order by day desc limit %s"
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, name, limit))).fetchall()
    return [(day, people) for day, people in reversed(rows)]


async def members(
    store: Store, segment: Segment, after: int = 0, limit: int = 100, now: datetime | None = None
) -> list[int]:
    """People who are in it now, by number, from the one after `after` on. Looking for few among many takes a while."""
    asked = {"here": store.workspace, "now": now or datetime.now(UTC), "after": after, "limit": limit}
    async with store.pool.connection() as connection:
        clause, values = await _asked(connection, store.workspace, segment)
        query = f"select b.id from {PEOPLE} and b.id > %(after)s and {clause} order by b.id limit %(limit)s".encode()
        asked |= values
        return [row[0] for row in await (await connection.execute(query, asked)).fetchall()]


async def holds(
    store: Store, segment: Segment, persons: Sequence[int], now: datetime | None = None
) -> set[int]:
    """Which of some people are in it."""
    async with store.pool.connection() as connection:
        now = now or datetime.now(UTC)
        (found,) = await holds_within(connection, store.workspace, [segment], persons, now)
    return found


async def holds_within(
    connection: Connection,
    workspace: str,
    segments: Sequence[Segment],
    persons: Sequence[int],
    now: datetime,
) -> list[set[int]]:
    """The same of each of several."""
    found: list[set[int]] = [set() for _ in segments]
    if not segments:
        return found
    patterns = await _patterns(connection, workspace, segments)
    asked: dict[str, Any] = {"here": workspace, "now": now, "persons": list(persons)}
    parts = []
    for number, segment in enumerate(segments):
        clause, values = numbered(segment.sql(patterns), number)
        asked |= values
        parts.append(f"select {number}, b.id from {PEOPLE} and b.id = any(%(persons)s) and {clause}")
    query = " union all ".join(parts).encode()
    for number, person in await (await connection.execute(query, asked)).fetchall():
        found[number].add(person)
    return found


async def _asked(connection: Connection, workspace: str, segment: Segment) -> Sql:
    """Its condition, with the patterns of behaviour that it names as they are now."""
    return segment.sql(await _patterns(connection, workspace, [segment]))


async def _patterns(
    connection: Connection, workspace: str, segments: Iterable[Segment]
) -> dict[str, Pattern]:
    """Those that they name."""
    wanted = sorted({name for segment in segments for name in segment.wants})
    if not wanted:
        return {}
    query = "select pattern from graph_behaviours where workspace = %s and intent = any(%s)"
    rows = await (await connection.execute(query, (workspace, wanted))).fetchall()
    found = [Pattern.model_validate(pattern) for (pattern,) in rows]
    return {one.intent: one for one in found}


async def shown_of(store: Store, segment: Segment, after: int = 0, limit: int = 50) -> list[Found]:
    """The same as `members`, with how they are called."""
    return await listed(store, dict.fromkeys(await members(store, segment, after, limit), ""))


async def all_of(store: Store, segment: Segment) -> AsyncIterator[Found]:
    """Everybody in it, some at a time."""
    after, now = 0, datetime.now(UTC)
    while some := await members(store, segment, after, STEP, now):
        for one in await listed(store, dict.fromkeys(some, "")):
            yield one
        after = some[-1]
