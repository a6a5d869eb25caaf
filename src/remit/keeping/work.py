"""Rules of keeping applied: each an hour after it was set and every hour from then on, some at a time, by whoever works. What a rule would do is told
beforehand."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import LiteralString
from uuid import uuid4

from psycopg.rows import class_row

from remit.decisions.alone import nobody_decides
from remit.errors import RemitError
from remit.graph.horizon import INTERACTIONS, WORDS, read_horizon
from remit.graph.ingest import enter
from remit.keeping import events, others, people
from remit.keeping.lookback import looks_back
from remit.keeping.rules import Rule, age, changed, check, named
from remit.store.store import Connection, Store

AT_ONCE = 2_000  # rows in one transaction
FORGOTTEN = 50  # people
LONGEST = 5.0  # seconds that one look takes, about
COUNTED = 10_000  # rows, or people looked at, in what a rule would do
HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LOG = logging.getLogger(__name__)
CLAIM: LiteralString = """
    update keeping set due_at = clock_timestamp() + interval '10 minutes'
    where (workspace, what, kind, channel) = (
        select workspace, what, kind, channel from keeping where due_at <= clock_timestamp() order by due_at limit 1 for update skip locked)
    returning workspace, what, kind, channel, lasts, by, set_at, due_at, looked_at, place, why
"""
NOTE: LiteralString = """
    insert into retained as r (workspace, look, policy, deleted) values (%s, %s, %s, %s)
    on conflict (workspace, look) do update set at = clock_timestamp(), deleted = r.deleted + excluded.deleted
"""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a rule would take away, were it applied now. `more`: there may be more than were counted; `oldest`: when the oldest of it happened."""

    rows: int
    more: bool
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class Part:
    """What one transaction has come to. `done`: nothing more is due."""

    rows: int
    done: bool
    place: int = 0
    why: str = ""


async def foreseen(
    store: Store, what: str, lasts: timedelta | None, kind: str = "", channel: str = ""
) -> Foreseen:
    """Nothing is changed. Raises FieldError."""
    await check(store, what, lasts, kind, channel)
    if lasts is None:
        return Foreseen(0, False, None)
    here = store.workspace
    async with store.pool.connection() as connection:
        now = await _now(connection)
        if what == "people":
            page = await people.look(connection, here, now - lasts, 0, COUNTED)
            return Foreseen(
                len(page.quiet), page.looked == COUNTED, min((at for _, at in page.quiet), default=None)
            )
        if what not in (INTERACTIONS, WORDS):
            rows, oldest = await others.counted(connection, here, what, now - lasts, COUNTED)
            return Foreseen(rows, rows >= COUNTED, oldest)
        place = (what, kind, channel)
        horizon = (await read_horizon(connection, here)).put(place, lasts)
        rows, times = 0, list[datetime]()
        for one in events.due(horizon, place, await events.pairs(connection, here), now):
            count, oldest = await events.counted(connection, here, one, horizon, COUNTED - rows)
            rows, times = rows + count, [*times, *([oldest] if oldest else [])]
    return Foreseen(rows, rows >= COUNTED, min(times, default=None))


async def look(store: Store) -> bool:
    """Apply one rule that is due, to some of what it is of; whether there was one. For the owner of the tables."""
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Rule)) as cursor,
    ):
        rule = await (await cursor.execute(CLAIM)).fetchone()
    if rule is None:
        return False
    own = store.as_owner(rule.workspace)
    try:
        last = await _apply(own, rule)
    except RemitError as error:
        last = Part(0, True, 0, str(error))
        LOG.warning("rule of keeping, workspace %s %s: %s", rule.workspace, named(*rule.key), error)
    again = timedelta() if not last.done else DAY if rule.what == "people" else HOUR
    query = """
        update keeping set looked_at = clock_timestamp(), due_at = clock_timestamp() + %s, place = %s, why = %s
        where workspace = %s and what = %s and kind = %s and channel = %s and set_at = %s
    """
    async with store.pool.connection() as connection:
        values = (again, last.place, last.why, rule.workspace, *rule.key, rule.set_at)
        await connection.execute(query, values)
    return True


async def _apply(store: Store, rule: Rule) -> Part:
    """As much as is done in a while: what the last transaction came to."""
    clock, id_ = asyncio.get_running_loop().time, uuid4()
    begun, last = clock(), Part(0, rule.lasts is None, rule.place)
    while not last.done:
        async with store.pool.connection() as connection, connection.transaction():
            if await changed(connection, rule):
                return Part(0, True)
            last = await _part(store, connection, rule, last.place)
            if last.rows:
                policy = f"{named(*rule.key)} kept {age(rule.lasts)}"
                await connection.execute(NOTE, (rule.workspace, id_, policy, last.rows))
        if clock() >= begun + LONGEST:
            break
    return last


async def _part(store: Store, connection: Connection, rule: Rule, place: int) -> Part:
    assert rule.lasts is not None
    here, now = rule.workspace, await _now(connection)
    if rule.what == "people":
        return await _people(store, connection, now - rule.lasts, place)
    if rule.what in (INTERACTIONS, WORDS):
        return await _events(connection, rule, now)
    needed, whose = timedelta(), ""
    if rule.what in ("decisions", "contacts"):
        needed, whose = await looks_back(connection, here)
    rows = await others.take(connection, here, rule.what, now - max(rule.lasts, needed), AT_ONCE)
    why = f"{whose} looks back {needed.days} days, so that it is kept as long" if needed > rule.lasts else ""
    return Part(rows, rows == 0, why=why)


async def _events(connection: Connection, rule: Rule, now: datetime) -> Part:
    """Of the first kind and channel of which something is due."""
    terms = await enter(connection, rule.workspace)
    horizon = await read_horizon(connection, rule.workspace)
    for one in events.due(horizon, rule.key, await events.pairs(connection, rule.workspace), now):
        if rows := await events.take(connection, rule.workspace, one, horizon, terms, AT_ONCE):
            return Part(rows, False)
    return Part(0, True)


async def _people(store: Store, connection: Connection, until: datetime, place: int) -> Part:
    page = await people.look(connection, store.workspace, until, place, people.LOOKED)
    some = page.quiet[:FORGOTTEN]
    if some:
        await nobody_decides(connection, store.workspace)
        await enter(connection, store.workspace)
        for person, _ in some:
            await people.forget(store, connection, person, until)
    last = some[-1][0] if len(page.quiet) > len(some) else page.last
    done = len(page.quiet) == len(some) and page.looked < people.LOOKED
    return Part(len(some), done, 0 if done else last)


async def _now(connection: Connection) -> datetime:
    row = await (await connection.execute("select clock_timestamp()")).fetchone()
    assert row is not None
    now: datetime = row[0]
    return now
