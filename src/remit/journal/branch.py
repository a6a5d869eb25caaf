"""A new run that goes on from another one. However long that is, only those of its events are read that may be otherwise in the
new one: the rest is copied within the database, as it lies there."""

from __future__ import annotations

from bisect import bisect
from collections.abc import Collection
from datetime import datetime
from typing import LiteralString
from uuid import UUID

import psycopg

from remit.errors import NoSuchRun, StoreError, UserError
from remit.journal.append import Append
from remit.journal.archive import fetch
from remit.journal.cut import Cut, cut
from remit.journal.events import AnyBody, Asked, Event, Slept, Started
from remit.journal.journal import write
from remit.journal.state import State
from remit.journal.window import fitting, of_types, top_of
from remit.store.store import Connection, Store

# What `cut` must see: all about calls of which nothing had come by then, and about questions that waited, with what came of them
# later; and what stays behind, or speaks of others by their number.
LOOKED_AT: LiteralString = """
    with calls as materialized (  -- each by the event that wants it
        select seq, call ->> 'id' as id
        from events, remit_field(body, 'calls') as written, json_array_elements(case
            when written like '[%%' then written
            else (select replace(convert_from(blobs.body, 'UTF8'), '\\u0000', '\\u2400') from blobs
                  where sha256 = decode(written, 'hex') limit 1) end::json) as call
        where run = %(run)s and seq <= %(last)s and type = 'answered'
        union all
        select seq, 'undo:' || remit_field(body, 'call_id')
        from events where run = %(run)s and seq <= %(last)s and type = 'undo_wanted'
    ), told as materialized (
        select seq, type, remit_field(body, 'call_id') as call, remit_field(body, 'ask_id') as ask
        from events where run = %(run)s and type in ('judged', 'screened', 'intended', 'acted', 'slept', 'woken', 'delegated',
            'returned', 'undo_wanted', 'asked', 'amended', 'endorsed', 'replied', 'handed_over')
    ), open as (
        select id from calls where not exists (
            select from told where call = id and type = 'acted' and told.seq between calls.seq and %(last)s)
    ), about as (  -- with the effects that they undo, or that undo them
        select id from open union select substr(id, 6) from open where id like 'undo:%%' union select 'undo:' || id from open
    ), asks as (
        select ask from told as asked where type = 'asked' and (call in (select id from about) or seq <= %(last)s and not exists (
            select from told as word where word.ask = asked.ask and word.seq between asked.seq and %(last)s
                                           and (word.type = 'replied' or word.type = 'amended' and word.call = asked.call)))
    ), last as (
        select max(seq) filter (where type = 'answered') as answer,
               max(seq) filter (where type in ('slept', 'woken') and remit_field(body, 'call_id') is null) as sleep
        from events where run = %(run)s and seq <= %(last)s and type in ('answered', 'slept', 'woken')
    )
    select seq, at, type, body::text from events where run = %(run)s and seq in (
        select 1 union select sleep from last union select seq from calls where id in (select id from about)
        union select seq from told where call in (select id from about) or ask in (select ask from asks)
        union select seq from events where run = %(run)s and seq <= %(last)s
            and (type in ('finished', 'paused', 'resumed', 'compacted')
                 or type = 'reserved' and seq > (select coalesce(answer, 0) from last))
    ) order by seq
"""
COPY: LiteralString = """
    insert into events (run, seq, at, type, body)
    select %(new)s, place, %(at)s, type, body from (
        select seq, (1 + row_number() over (order by seq))::int as place, type, body from events
        where run = %(run)s and seq between 2 and %(last)s and seq <> all (%(left)s::int[])
    ) as kept where seq <> all (%(written)s::int[])
"""
UNPACK: LiteralString = """
    insert into events (run, seq, at, type, body)
    select %s, t.seq, %s, t.type, t.body from unnest(%s::int[], %s::text[], %s::text[]::json[]) as t (seq, type, body)
"""
# A sweep that is on must hear of each value that an event refers to, whether it is there or not: as in `sweep.py`
REFER: LiteralString = """
    insert into blobs (sha256, body, workspace)
    select sha256, body, workspace from blobs
    where workspace = (select workspace from runs where id = %(new)s) and sha256 in (
        select decode(m[1], 'hex') from events, regexp_matches(body::text, '"([0-9a-f]{64})"', 'g') as m
        where run = %(new)s and body::text like '%%"big"%%')
    on conflict do nothing
"""
KEEP: LiteralString = """
    insert into blobs (sha256, body, workspace)
    select t.*, (select workspace from runs where id = %s) from unnest(%s::bytea[], %s::bytea[]) as t
    on conflict do nothing
"""


async def begun_by(store: Store, run: UUID, at: int | None) -> tuple[int, list[Event]]:
    """The number of the event from which is gone on, the last where None is named, and those up to it that say what the agent
    is. Raises UserError where there is no such run, or no such event."""
    top = await top_of(store, run)
    if top is None:
        raise NoSuchRun(f"there is no run {run}")
    if at is not None and not 1 <= at <= top.seq:
        raise UserError(f"run {run} has events 1 to {top.seq}; {at} is not one of them")
    last = top.seq if at is None else at
    return last, (await of_types(store, run, 0, last, ("started", "narrowed"), ()))[1]


async def cut_off(store: Store, run: UUID, last: int, now: datetime) -> Cut:
    """What becomes of the run's events in a new one. Raises UserError where an effect was under way at `last` of which it is
    not known what came of it."""
    return cut(await fitting(store, run, LOOKED_AT, {"last": last}, lambda row: True), last, now)


async def branch(store: Store, run: UUID, new: UUID, first: Started, found: Cut, now: datetime) -> None:
    """Begin the new run, whole or not at all: with `first` and what it takes over. Raises StoreError."""
    written = _written(found)
    begin = Append.of(new, [(1, first), *written.values()], now)
    try:
        async with store.pool.connection() as connection, connection.transaction():
            await write(connection, [begin])
            await _copy(connection, run, new, found, written.keys(), now)
    except (psycopg.Error, OSError) as error:
        raise StoreError(f"run {run} was not forked: {str(error).strip() or type(error).__name__}") from error


def _written(found: Cut) -> dict[int, tuple[int, AnyBody]]:
    """What is not copied as it lies there, by its number in the old run, with that in the new one: what is otherwise, or came after
    `last`, or stands in an index of what waits."""
    made: dict[int, tuple[int, AnyBody]] = {}
    left, end = sorted(found.left), found.last - len(found.left)
    for event in found.kept:
        body = found.moved.get(event.seq, event.body)
        if event.seq > found.last:
            end += 1
            made[event.seq] = (end, body)
        elif body is not event.body or _waits(body, found.after):
            made[event.seq] = (event.seq - bisect(left, event.seq), body)
    return made


def _waits(body: AnyBody, state: State) -> bool:
    if isinstance(body, Asked):
        return body.ask_id in state.waits
    return isinstance(body, Slept) and state.timers.get(body.call_id) == body.until


async def _copy(
    connection: Connection, run: UUID, new: UUID, found: Cut, written: Collection[int], now: datetime
) -> None:
    left, skipped = sorted(found.left), found.left | set(written)
    if packed := await fetch(connection, run):
        rows, blobs = packed
        kept = [row for row in rows[1 : found.last] if row[0] not in skipped]
        places = [seq - bisect(left, seq) for seq, *_ in kept]
        types, bodies = [row[2] for row in kept], [row[3] for row in kept]
        await connection.execute(UNPACK, (new, now, places, types, bodies))
        await connection.execute(KEEP, (new, list(blobs), list(blobs.values())))
        return
    values = {"run": run, "new": new, "at": now, "last": found.last, "left": left, "written": list(written)}
    copied = await connection.execute(COPY, values)
    if copied.rowcount != sum(seq not in skipped for seq in range(2, found.last + 1)):
        raise StoreError(f"run {run} was archived meanwhile: fork it again")
    await connection.execute(REFER, values)
