"""What people do after what: their ways from step to step, read from what really happened. A step is a kind on a channel; the same again is
the same step. At most PEOPLE people are looked at, drawn by chance where there are more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from remit.graph.segment import Segment
from remit.graph.segments import members
from remit.store.store import Store

PEOPLE, STEPS, PATHS = 2_000, 6, 12
DRAWN: LiteralString = """
    select distinct b.id from (
        select first + floor(random() * span)::bigint as id
        from (select min(id) as first, max(id) - min(id) + 1 as span from graph_profiles where workspace = %(here)s) as all_of,
            generate_series(1, %(draws)s)
    ) as drawn cross join lateral (
        select id from graph_profiles where id = drawn.id and workspace = %(here)s and id = person offset 0
    ) as b limit %(people)s
"""
FEW: LiteralString = (
    "select id from graph_profiles where workspace = %(here)s and id = person limit %(people)s"
)
STEPPED: LiteralString = """
    with happened as (
        select p.person, i.at, i.id, i.kind || ' ' || i.channel as step, i.kind = %(start)s as starts
        from graph_profiles p join graph_interactions i on i.profile = p.id
        where p.person = any(%(people)s) and i.direction = 'in' and i.kind <> 'record' and i.at > %(since)s and i.at <= %(until)s
    ), begun as (
        select h.* from happened h where %(start)s = '' or (at, id) >= (
            select at, id from happened f where f.person = h.person and f.starts order by at, id limit 1)
    ), apart as (
        select *, step is distinct from lag(step) over (partition by person order by at, id) as new from begun
    ), numbered as (
        select *, row_number() over (partition by person order by at, id) as n from apart where new
    ), ways as materialized (
        select *, lead(step) over w as following, lead(at) over w - at as took from numbered where n <= %(steps)s + 1
        window w as (partition by person order by n)
    )
"""
MOVES: LiteralString = """
    select n, step, following, count(*), percentile_cont(0.5) within group (order by extract(epoch from took))
    from ways where n <= %(steps)s group by n, step, following order by n, count(*) desc, step, following
"""
WAYS: LiteralString = """
    select path, count(*) from (
        select array_agg(step order by n) as path from ways where n <= %(steps)s group by person
    ) as one group by path order by count(*) desc, path limit %(paths)s
"""


@dataclass(frozen=True, slots=True)
class Move:
    """From a step to the next. `at`: which step it is, from 1 on; `to` None: nothing followed; `seconds`: half took less."""

    at: int
    step: str
    to: str | None
    people: int
    seconds: float | None


@dataclass(frozen=True, slots=True)
class Journeys:
    """Of how many people, of whom something happened then. `sampled`: there are more, and these were drawn."""

    people: int
    sampled: bool
    moves: Sequence[Move]
    paths: Sequence[tuple[Sequence[str], int]]


async def journeys(
    store: Store, since: datetime, until: datetime, start: str = "", segment: Segment | None = None
) -> Journeys:
    """`start`: ways begin with the first of this kind; empty: with whatever happened first."""
    asked: dict[str, Any] = {
        "here": store.workspace, "since": since, "until": until, "start": start, "steps": STEPS, "paths": PATHS,
        "draws": 6 * PEOPLE,
    }  # fmt: skip
    people, sampled = await _people(store, asked, segment)
    asked["people"] = people
    async with store.pool.connection() as connection:
        moves = await (await connection.execute(STEPPED + MOVES, asked)).fetchall()
        paths = await (await connection.execute(STEPPED + WAYS, asked)).fetchall()
    met = sum(count for at, *_, count, _ in moves if at == 1)
    return Journeys(met, sampled, [Move(*row) for row in moves], [(path, count) for path, count in paths])


async def _people(store: Store, asked: dict[str, Any], segment: Segment | None) -> tuple[list[int], bool]:
    """All where they are few, else some: of a segment those who were known first, of everybody some drawn by chance."""
    if segment is not None:
        found = await members(store, segment, limit=PEOPLE + 1)
        return found[:PEOPLE], len(found) > PEOPLE
    async with store.pool.connection() as connection:
        few = await (await connection.execute(FEW, asked | {"people": PEOPLE + 1})).fetchall()
        if len(few) <= PEOPLE:
            return [row[0] for row in few], False
        drawn = await (await connection.execute(DRAWN, asked | {"people": PEOPLE})).fetchall()
    return [row[0] for row in drawn], True
