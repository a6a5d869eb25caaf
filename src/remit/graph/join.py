"""Keeping who is one person in step with the links: only around what has changed, and as if all of it had been decided anew.

What is loaded is what the decision can depend on: all that hangs together by strong links, and four steps of weak ones, of
which nothing joins further than one (`identity.py`). Beyond what is many people's nothing is followed.

`offset 0` keeps the planner from taking apart what an index looks up for each profile: it guesses that there are many, and would
read the links of everybody instead, once for each step.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from psycopg import AsyncConnection
from pydantic_core import to_json

from remit.graph.identifiers import COUNTED, GIVEN, MEETS, MEETS_GIVEN, MEETS_VERIFIED
from remit.graph.identity import STRONG, Link, Node, Resolved, resolve

Connection = AsyncConnection[Any]
STEPS = 4  # of weak links that are loaded; one fewer is written: who loses what is loose to a newcomer is two steps away, and has others


async def settle(connection: Connection, workspace: str, touched: Iterable[int]) -> None:
    """Decide anew around these profiles, whose links or standing have changed. The caller holds the graph (`ingest.enter`)."""
    seeds = set(touched)
    if not seeds:
        return
    seeds |= await _shared(connection, workspace, seeds)
    depth = await _around(connection, workspace, seeds)
    nodes, links = await _loaded(connection, workspace, depth)
    await _write(connection, depth, nodes, links, resolve(nodes, links))


async def _shared(connection: Connection, workspace: str, seeds: set[int]) -> set[int]:
    """Mark those that meet too many others to be one person's, or no longer do; these and whoever they meet."""
    query = """
        with met as (
            select x.id, p.kind, count(distinct p.id) as all_, count(distinct p.id) filter (where p.verified) as verified
            from graph_profiles x
            cross join lateral (
                select b as other from graph_links where a = x.id and withdrawn_at is null and how in ('verified', 'seen')
                union all
                select a from graph_links where b = x.id and withdrawn_at is null and how in ('verified', 'seen')
                offset 0
            ) as l
            cross join lateral (select id, kind, verified from graph_profiles where id = l.other offset 0) as p
            where x.id = any(%(seeds)s) and x.shared <> 'by name' and not (x.kind = any(%(given)s) or right(x.kind, 3) = '_id')
            group by x.id, p.kind
        ), judged as (
            select id, bool_or(case when kind = any(%(given)s) or right(kind, 3) = '_id' then verified > %(meets_given)s
                                    else kind = any(%(counted)s) and (all_ > %(meets)s or verified > %(meets_verified)s) end)
                       as by_use
            from met group by id
        ), changed as (
            update graph_profiles p set shared = case when by_use then 'by use' else '' end from judged j
            where p.id = j.id and by_use <> (p.shared = 'by use') returning p.id
        )
        select c.id from changed c union select l.b from graph_links l join changed c on l.a = c.id
        union select l.a from graph_links l join changed c on l.b = c.id
    """
    limits = {"meets_given": MEETS_GIVEN, "meets": MEETS, "meets_verified": MEETS_VERIFIED}
    values = {"seeds": list(seeds), "given": list(GIVEN), "counted": list(COUNTED), **limits}
    return {id_ for (id_,) in await (await connection.execute(query, values)).fetchall()}


async def _around(connection: Connection, workspace: str, seeds: set[int]) -> Mapping[int, int]:
    """What the decision can depend on, with how many weak steps it is away."""
    query = """
        with recursive near (id, depth) as (
            select unnest(%s::bigint[]), 0
            union
            select l.other, n.depth + l.cost
            from near n
            cross join lateral (select shared from graph_profiles where id = n.id offset 0) as p
            cross join lateral (
                select b as other, how, (how = 'seen' or confidence < %s::real)::int as cost from graph_links
                where a = n.id and withdrawn_at is null
                union all
                select a, how, (how = 'seen' or confidence < %s::real)::int from graph_links where b = n.id and withdrawn_at is null
                offset 0
            ) as l
            where l.how <> 'apart' and n.depth + l.cost <= %s and (p.shared = '' or l.how = 'same')
        )
        select id, min(depth) from near group by id
    """
    rows = await (await connection.execute(query, (list(seeds), STRONG, STRONG, STEPS))).fetchall()
    return dict(rows)


async def _loaded(
    connection: Connection, workspace: str, depth: Mapping[int, int]
) -> tuple[dict[int, Node], list[Link]]:
    ids = list(depth)
    query = "select id, kind, value, verified, shared <> '' as shared from graph_profiles where id = any(%s)"
    nodes = {row[0]: Node(*row) for row in await (await connection.execute(query, (ids,))).fetchall()}
    query = """
        select id, a, b, how, at, source, event, confidence from graph_links
        where a = any(%s) and b = any(%s) and withdrawn_at is null
    """
    links = await (await connection.execute(query, (ids, ids))).fetchall()
    return nodes, [Link(*row) for row in links]


async def _write(
    connection: Connection,
    depth: Mapping[int, int],
    nodes: Mapping[int, Node],
    links: list[Link],
    made: Resolved,
) -> None:
    """What was decided, where all that it depends on was loaded."""
    sure = {made.person[one] for one in nodes if depth[one] < STEPS - 1}
    people = [{"id": one, "person": who} for one, who in made.person.items() if who in sure]
    query = """
        update graph_profiles p set person = c.person
        from json_to_recordset(%s::json) as c (id bigint, person bigint) where p.id = c.id and p.person <> c.person
    """
    await connection.execute(query, (to_json(people).decode(),))
    held = []
    for one in links:
        standing = made.links[one.id]
        if min(depth[one.a], depth[one.b]) < STEPS - 1:
            a, b = standing.asks or (None, None)
            held.append({"id": one.id, "held": standing.held, "ask_a": a, "ask_b": b})
    query = """
        update graph_links l set held = c.held, ask_a = c.ask_a, ask_b = c.ask_b
        from json_to_recordset(%s::json) as c (id bigint, held text, ask_a bigint, ask_b bigint)
        where l.id = c.id and (l.held, l.ask_a, l.ask_b) is distinct from (c.held, c.ask_a, c.ask_b)
    """
    await connection.execute(query, (to_json(held).decode(),))
