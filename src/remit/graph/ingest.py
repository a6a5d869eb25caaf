"""Taking in what happened, by the batch: each event once, whatever is wrong set aside, all of it or, after a crash, nothing.

Batches of a workspace follow each other (an advisory lock), so that which profiles are one person is decided by all that there is.
A batch is a handful of statements over sets; what it brings comes as one JSON text, which needs no table of its own.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from psycopg import AsyncConnection
from pydantic_core import to_json

from remit.graph.identifiers import shared_by_name
from remit.graph.identity import CONFIDENCE
from remit.graph.join import settle
from remit.graph.rows import Interaction, Wrong, read
from remit.graph.state import Terms
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
Ids = Mapping[tuple[str, str], int]  # profile by kind and value
BATCH = 5_000  # rows that are taken in together
ROW = 20_000  # characters of a row that is set aside


@dataclass(frozen=True, slots=True)
class SetAside:
    """A row that could not be taken in."""

    line: int
    field: str
    why: str
    row: str = ""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of rows."""

    new: int = 0
    known: int = 0  # that were there before, or twice among them
    set_aside: tuple[SetAside, ...] = ()

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.new + other.new, self.known + other.known, self.set_aside + other.set_aside)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as they are read: what happened by source and event, and what cannot be taken in."""

    source: str
    rows: int
    good: Mapping[tuple[str, str], Interaction]
    aside: tuple[SetAside, ...]


async def take(
    store: Store,
    rows: Sequence[tuple[int, Json]],
    source: str = "",
    verified: frozenset[str] = frozenset(),
    *,
    received: datetime | None = None,
    keep: bool = True,
) -> Taken:
    """Take in rows, each with its line: objects, or Wrong where they could not even be read. `source`: whose they are, where they do
    not say; `verified`: the kinds of identifiers that it has checked; `keep`: what is set aside is kept to be looked at."""
    now = received or datetime.now(UTC)
    return await put(store, read_in(rows, source, verified, now), now, keep=keep)


async def take_all(
    store: Store, rows: Iterator[tuple[int, Json]], source: str = "", verified: frozenset[str] = frozenset()
) -> AsyncIterator[Taken]:
    """Take in any number of rows, batch by batch; what became of each. While the database keeps one, the next is read."""

    def following() -> tuple[Batch, datetime]:
        now = datetime.now(UTC)
        return read_in(list(islice(rows, BATCH)), source, verified, now), now

    batch, now = await asyncio.to_thread(following)
    while batch.rows:
        reading = asyncio.create_task(asyncio.to_thread(following))
        try:
            yield await put(store, batch, now)
        finally:
            batch, now = await reading


def read_in(rows: Sequence[tuple[int, Json]], source: str, verified: frozenset[str], now: datetime) -> Batch:
    good: dict[tuple[str, str], Interaction] = {}
    aside: list[SetAside] = []
    for line, row in rows:
        made = row if isinstance(row, Wrong) else read(row, source, now, verified)
        if isinstance(made, Wrong):
            aside.append(SetAside(line, made.field, made.why, _written(row)))
        else:
            good.setdefault((made.source, made.event), made)
    return Batch(source, len(rows), good, tuple(aside))


async def put(store: Store, batch: Batch, received: datetime, *, keep: bool = True) -> Taken:
    """Keep what was read: all of it or, after a crash, nothing."""
    async with store.pool.connection() as connection, connection.transaction():
        terms = await enter(connection, store.workspace)
        fresh = await _unknown(connection, store.workspace, batch.good)
        if fresh:
            await _put(connection, store.workspace, fresh, terms, received)
        if keep and batch.aside:
            await _set_aside(connection, store.workspace, batch.source, batch.aside)
    return Taken(len(fresh), batch.rows - len(batch.aside) - len(fresh), batch.aside)


async def enter(connection: Connection, workspace: str) -> Terms:
    """Wait until nobody else changes the graph of this workspace, for as long as the transaction lasts."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('graph ' || %s, 0))", (workspace,)
    )
    query = "select brief, lasting from graph_terms where workspace = %s"
    row = await (await connection.execute(query, (workspace,))).fetchone()
    return Terms(*row) if row else Terms()


async def _unknown(
    connection: Connection, workspace: str, came: Mapping[tuple[str, str], Interaction]
) -> list[Interaction]:
    query = """
        select came.source, came.event from unnest(%s::text[], %s::text[]) as came (source, event)
        cross join lateral (
            select from graph_interactions i
            where i.workspace = %s and i.source = came.source and i.event = came.event offset 0
        ) as there
    """
    keys = ([source for source, _ in came], [event for _, event in came], workspace)
    there = set(await (await connection.execute(query, keys)).fetchall())
    return [one for key, one in came.items() if key not in there]


async def _put(
    connection: Connection, workspace: str, fresh: list[Interaction], terms: Terms, now: datetime
) -> None:
    ids, touched = await _profiles(connection, workspace, fresh)
    await _interactions(connection, workspace, fresh, ids, terms, now)
    await _told(connection, fresh, ids)
    touched |= await _links(connection, workspace, fresh, ids)
    await settle(connection, workspace, touched)


async def _profiles(connection: Connection, workspace: str, fresh: list[Interaction]) -> tuple[Ids, set[int]]:
    """Of whom they speak, those that are new made; and which are verified from now on."""
    came: dict[tuple[str, str], bool] = {}
    for one in fresh:
        for who in one.whom:
            came[who.key] = came.get(who.key, False) or who.verified
    query = """
        with came as materialized (
            select * from json_to_recordset(%s::json) as c (kind text, value text, verified boolean, shared text)
        ), there as materialized (
            select p.id, p.kind, p.value, c.verified and not p.verified as surer
            from came c join graph_profiles p on p.workspace = %s and p.kind = c.kind and p.value = c.value collate "C"
        ), made_sure as (
            update graph_profiles p set verified = true from there where p.id = there.id and there.surer
        ), made as (
            insert into graph_profiles (id, workspace, kind, value, person, verified, shared)
            select id, %s, kind, value, id, verified, shared from (
                select nextval('graph_profiles_id_seq') as id, c.* from came c
                where not exists (select from there where there.kind = c.kind and there.value = c.value collate "C")
            ) as one
            returning id, kind, value
        )
        select id, kind, value, surer from there union all select id, kind, value, false from made
    """
    rows = [
        {
            "kind": kind,
            "value": value,
            "verified": sure,
            "shared": "by name" if shared_by_name(kind, value) else "",
        }
        for (kind, value), sure in came.items()
    ]
    found = await (await connection.execute(query, (_json(rows), workspace, workspace))).fetchall()
    return {(kind, value): id_ for id_, kind, value, _ in found}, {id_ for id_, _, _, surer in found if surer}


async def _interactions(
    connection: Connection, workspace: str, fresh: list[Interaction], ids: Ids, terms: Terms, now: datetime
) -> None:
    """Append them, and fold them into the state of their profiles: `state.py` in SQL."""
    query = f"""
        with came as (
            insert into graph_interactions (workspace, source, event, profile, at, received, channel, direction, kind,
                                            conversation, subject, body, value, currency, properties)
            select %(workspace)s, c.source, c.event, c.profile, c.at, %(now)s, c.channel, c.direction, c.kind, c.conversation, c.subject,
                   c.text, c.value, c.currency, c.properties
            from json_to_recordset(%(rows)s::json) as c (source text, event text, profile bigint, at timestamptz, channel text,
                direction text, kind text, conversation text, subject text, text text, value numeric, currency text, properties jsonb)
            returning workspace, profile, at, channel, direction, kind, value, currency
        )
        {FOLD}
    """
    rows = [
        {"source": one.source, "event": one.event, "profile": ids[one.whom[0].key], "at": one.at, "channel": one.channel,
         "direction": one.direction, "kind": one.kind, "conversation": one.conversation, "subject": one.subject,
         "text": one.text, "value": one.value, "currency": one.currency, "properties": one.properties or None}
        for one in fresh
    ]  # fmt: skip
    await connection.execute(
        query.encode(),
        {
            "workspace": workspace,
            "now": now,
            "rows": _json(rows),
            "brief": terms.brief,
            "lasting": terms.lasting,
        },
    )


# From `came` into the state: masses as of the last event of each key, merged with those that are there as of the later of both
FOLD = """
    , dated as (
        select *, max(at) over (partition by profile, channel, direction, kind, currency) as last from came where kind <> 'record'
    )
    insert into graph_state as s (workspace, profile, channel, direction, kind, currency, count, total, first, last, before, brief, lasting, worth)
    select min(workspace), profile, channel, direction, kind, currency, count(*), coalesce(sum(value), 0), min(at), min(last),
           (array_agg(at order by at desc))[2],
           sum(remit_decay(at, last, %(brief)s)), sum(remit_decay(at, last, %(lasting)s)),
           coalesce(sum(value::float8 * remit_decay(at, last, %(lasting)s)), 0)
    from dated group by profile, channel, direction, kind, currency
    on conflict (profile, channel, direction, kind, currency) do update set
        count = s.count + excluded.count, total = s.total + excluded.total,
        first = least(s.first, excluded.first), last = greatest(s.last, excluded.last),
        before = greatest(least(s.last, excluded.last), s.before, excluded.before),
        brief = s.brief * remit_decay(s.last, greatest(s.last, excluded.last), %(brief)s)
            + excluded.brief * remit_decay(excluded.last, greatest(s.last, excluded.last), %(brief)s),
        lasting = s.lasting * remit_decay(s.last, greatest(s.last, excluded.last), %(lasting)s)
            + excluded.lasting * remit_decay(excluded.last, greatest(s.last, excluded.last), %(lasting)s),
        worth = s.worth * remit_decay(s.last, greatest(s.last, excluded.last), %(lasting)s)
            + excluded.worth * remit_decay(excluded.last, greatest(s.last, excluded.last), %(lasting)s)
"""


async def _told(connection: Connection, fresh: list[Interaction], ids: Ids) -> None:
    """What they say of people: of each field the last that was said."""
    said: dict[int, dict[str, list[Json]]] = {}
    for one in fresh:
        told = dict(one.attributes) | ({"name": one.name} if one.name else {})
        if told:
            about = said.setdefault(ids[one.whom[0].key], {})
            later(about, {key: [value, one.at.isoformat(), one.source] for key, value in told.items()})
    if not said:
        return
    query = "select id, about from graph_profiles where id = any(%s)"
    for id_, about in await (await connection.execute(query, (list(said),))).fetchall():
        said[id_] = later(dict(about), said[id_])
    query = """
        update graph_profiles p set about = c.about, name = coalesce(c.about -> 'name' ->> 0, '')
        from json_to_recordset(%s::json) as c (id bigint, about jsonb) where p.id = c.id
    """
    rows = [{"id": id_, "about": about} for id_, about in said.items()]
    await connection.execute(query, (_json(rows),))


def later(about: dict[str, list[Json]], said: Mapping[str, list[Json]]) -> dict[str, list[Json]]:
    """Of each key what was said last, in whatever order it came; at one moment the greater counts."""
    for key, one in said.items():
        was = about.get(key)
        if was is None or (one[1], one[2], _json(one[0])) > (was[1], was[2], _json(was[0])):
            about[key] = one
    return about


async def _links(connection: Connection, workspace: str, fresh: list[Interaction], ids: Ids) -> set[int]:
    """The evidence that what came together is one person's; the ends of what was not known before."""
    found: dict[tuple[int, int, str], dict[str, Json]] = {}
    for one in fresh:
        first, *rest = one.whom
        for other in rest:
            a, b = sorted((ids[first.key], ids[other.key]))
            how = "verified" if first.verified and other.verified else "seen"
            link = found.setdefault(
                (a, b, how),
                {"a": a, "b": b, "how": how, "confidence": CONFIDENCE[how], "source": one.source, "event": one.event,
                 "at": one.at, "last_at": one.at, "seen": 0},
            )  # fmt: skip
            link["seen"] += 1
            link["last_at"] = max(link["last_at"], one.at)
            if (one.at, one.source, one.event) < (link["at"], link["source"], link["event"]):
                link |= {"at": one.at, "source": one.source, "event": one.event}
    if not found:
        return set()
    query = """
        insert into graph_links as l (workspace, a, b, how, confidence, source, event, at, last_at, seen)
        select %s, c.* from json_to_recordset(%s::json) as c
            (a bigint, b bigint, how text, confidence real, source text, event text, at timestamptz, last_at timestamptz, seen bigint)
        on conflict (a, b, how) do update set
            seen = l.seen + excluded.seen, last_at = greatest(l.last_at, excluded.last_at),
            (at, source, event) = (select at, source, event from (values (l.at, l.source, l.event),
                (excluded.at, excluded.source, excluded.event)) as heard (at, source, event)
                order by at, source collate "C", event collate "C" limit 1)
        returning a, b, xmax = 0
    """
    rows = await (await connection.execute(query, (workspace, _json(found.values())))).fetchall()
    return {end for a, b, made in rows if made for end in (a, b)}


async def _set_aside(connection: Connection, workspace: str, source: str, rows: Sequence[SetAside]) -> None:
    query = """
        insert into graph_rejected (workspace, source, line, field, why, row, digest)
        select %s, %s, line, field, why, row, sha256(convert_to(row, 'utf8'))
        from json_to_recordset(%s::json) as c (line bigint, field text, why text, row text)
        on conflict (workspace, source, digest) do nothing
    """
    told = [{"line": one.line, "field": one.field, "why": one.why, "row": one.row} for one in rows]
    await connection.execute(query, (workspace, source, _json(told)))


def _json(value: Iterable[Json] | Json) -> str:
    return to_json(list(value) if not isinstance(value, str | Mapping | list) else value).decode()


def _written(row: Json) -> str:
    """A row as it came, as far as it can be kept."""
    if isinstance(row, Wrong):
        row = row.text
    text = row if isinstance(row, str) else to_json(row, inf_nan_mode="strings", fallback=str).decode()
    return text[:ROW].replace("\0", "\N{REPLACEMENT CHARACTER}")
