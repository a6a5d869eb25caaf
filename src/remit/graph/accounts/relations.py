"""How people stand to each other: as rows and people say it, as of any moment. It never makes two one, and nobody's consent is another's by it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from typing import Any, Literal

from psycopg import AsyncConnection

from remit.access.audit import record
from remit.errors import UserError
from remit.graph.accounts.ties import Said, Tie, tie
from remit.graph.append import written
from remit.graph.identifiers import KIND, Identifier
from remit.graph.people import Person, listed
from remit.graph.rows import Interaction
from remit.store.store import Store

Connection = AsyncConnection[Any]
Key = tuple[str, str]
KINDS = ("reports_to", "household", "referred_by", "buys_for")  # any other small word as well
Way = Literal["to", "from"]


@dataclass(frozen=True, slots=True)
class Related:
    """Somebody to whom a person stands so (`to`: the person reports to them; `from`: they to the person). `tie` none: it has ended, or
    a person said that it is not so. `said`: all of it."""

    kind: str
    way: Way
    person: int
    called: str
    tie: Tie | None
    said: tuple[Said, ...]


async def keep_relations(
    connection: Connection, workspace: str, fresh: Sequence[Interaction], ids: Mapping[Key, int]
) -> None:
    """What a batch says of it. `ids`: numbers of those of whom it is. The caller holds the graph (`ingest.enter`)."""
    named = [one for one in fresh if one.relations]
    if not named:
        return
    heard: dict[Identifier, datetime] = {}
    for one in named:
        for each in one.relations:
            heard[each.to] = max(one.at, heard.get(each.to, one.at))
    others = await _known(connection, workspace, heard)
    query = """
        insert into graph_relations (workspace, a, b, kind, how, since, until, at, source, event)
        select %s, a, b, kind, 'said', since, until, at, source, event from json_to_recordset(%s::json) as c
            (a bigint, b bigint, kind text, since timestamptz, until timestamptz, at timestamptz, source text, event text)
    """
    rows = [
        {"a": ids[one.whom[0].key], "b": others[each.to.key], "kind": each.kind, "until": each.until,
         "since": each.since or min(one.at, each.until or one.at), "at": one.at, "source": one.source, "event": one.event}
        for one in named for each in one.relations
    ]  # fmt: skip
    await connection.execute(query, (workspace, written(rows)))


async def _known(
    connection: Connection, workspace: str, heard: Mapping[Identifier, datetime]
) -> dict[Key, int]:
    """The numbers of those who are named as the other end, and when; who was never heard of is somebody from now on."""
    rows = [
        {"kind": one.kind, "value": one.value, "sure": one.verified, "at": at} for one, at in heard.items()
    ]
    query = """
        insert into graph_profiles (id, workspace, kind, value, person, verified, heard_at)
        select n, %s, kind, value, n, sure, at from (
            select nextval('graph_profiles_id_seq') as n, c.*
            from json_to_recordset(%s::json) as c (kind text, value text, sure boolean, at timestamptz)
            where not exists (select from graph_profiles p where p.workspace = %s and p.kind = c.kind and p.value = c.value collate "C")
        ) as c
    """
    await connection.execute(query, (workspace, written(rows), workspace))
    query = """
        select p.kind, p.value, p.id from json_to_recordset(%s::json) as c (kind text, value text)
        join graph_profiles p on p.workspace = %s and p.kind = c.kind and p.value = c.value collate "C"
    """
    found = await (await connection.execute(query, (written(rows), workspace))).fetchall()
    return {(kind, value): id_ for kind, value, id_ in found}


async def relations_of(store: Store, person: Person, at: datetime) -> list[Related]:
    """Of each who was ever said to stand so to somebody, or they to them, how it stands at a moment; what holds comes first."""
    query = """
        select r.kind, r.way, p.person, r.how, r.at, r.since, r.until, '' as role, r.source, r.event, r.by, r.id from (
            select *, 'to' as way, b as other from graph_relations where a = any(%(ids)s)
            union all select *, 'from', a from graph_relations where b = any(%(ids)s)
        ) as r join graph_profiles p on p.id = r.other
        where r.withdrawn_at is null and p.person <> %(person)s order by r.kind, r.way, p.person, r.at, r.id
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, {"ids": person.ids, "person": person.id})).fetchall()
    if not rows:
        return []
    called = {one.id: one.called for one in await listed(store, {row[2]: "" for row in rows})}
    found = []
    for (kind, way, other), group in groupby(rows, key=lambda row: (row[0], row[1], row[2])):
        said = tuple(Said(*row[3:]) for row in group)
        found.append(Related(kind, way, other, called[other], tie(said, at), said))
    return sorted(found, key=lambda one: (one.tie is None, one.kind, one.way == "from", one.called))


async def relations_among(store: Store, people: Sequence[int], at: datetime) -> list[tuple[int, str, int]]:
    """How some people stand to each other at a moment: who, how, and to whom."""
    query = """
        select a.person, r.kind, b.person, r.how, r.at, r.since, r.until, '' as role, r.source, r.event, r.by, r.id
        from graph_profiles a join graph_relations r on r.a = a.id join graph_profiles b on b.id = r.b
        where a.person = any(%(people)s) and b.person = any(%(people)s) and a.person <> b.person and r.withdrawn_at is null
        order by a.person, r.kind, b.person
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, {"people": list(people)})).fetchall()
    pairs = groupby(rows, key=lambda row: (int(row[0]), str(row[1]), int(row[2])))
    return [pair for pair, group in pairs if tie((Said(*row[3:]) for row in group), at) is not None]


async def relate(
    store: Store,
    person: Person,
    kind: str,
    other: Person,
    by: str,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    no: bool = False,
) -> int:
    """That somebody stands so to another, or (`no`) does not, whatever comes in; the number of that word. Raises UserError."""
    if not KIND.fullmatch(kind):
        raise UserError(
            f"{kind[:60]!r} is no kind of relation: a small word, as {', '.join(KINDS)}, or one of your own"
        )
    if person.id == other.id:
        raise UserError("these are one and the same person: name two")
    now = datetime.now(UTC)
    since = since or min(now, until or now)
    if until is not None and until < since:
        raise UserError("until: it ends before it has begun")
    query = """
        insert into graph_relations (workspace, a, b, kind, how, since, until, at, by) values (%s, %s, %s, %s, %s, %s, %s, %s, %s) returning id
    """
    how = "no" if no else "yes"
    values = (store.workspace, person.profiles[0].id, other.profiles[0].id, kind, how, since, until, now, by)
    taken_back = """
        update graph_relations set withdrawn_at = clock_timestamp(), withdrawn_by = %s
        where a = any(%s) and b = any(%s) and kind = %s and how = 'no' and withdrawn_at is null
    """
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(taken_back, (by, person.ids, other.ids, kind))
        row = await (await connection.execute(query, values)).fetchone()
        assert row is not None
        await record(
            connection, by, f"relation.{how}", str(row[0]), {"a": person.id, "b": other.id, "kind": kind}
        )
    return int(row[0])


async def unrelate(store: Store, number: int, by: str) -> None:
    """Let a statement of how two stand to each other count for nothing, whoever made it. Raises UserError."""
    query = """
        update graph_relations set withdrawn_at = clock_timestamp(), withdrawn_by = %s
        where id = %s and workspace = %s and withdrawn_at is null returning id
    """
    async with store.pool.connection() as connection, connection.transaction():
        if (await (await connection.execute(query, (by, number, store.workspace))).fetchone()) is None:
            raise UserError(
                "there is no such statement that counts; `remit graph person WHO --json` lists those of a person"
            )
        await record(connection, by, "relation.withdrawn", str(number), {})
