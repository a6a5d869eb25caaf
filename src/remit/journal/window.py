"""Some of a run's events: those from one number to another, or single ones, of a journal that may be too long to be read whole."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

from remit.journal.archive import ARCHIVED, Blobs, Row, fetch
from remit.journal.body import decode, put_back
from remit.journal.events import Event
from remit.store.store import Connection, Store

TOP: LiteralString = "select seq, at, type from events where run = %s order by seq desc limit 1"
BETWEEN: LiteralString = """
    select seq, at, type, body::text from events
    where run = %(run)s and seq > %(after)s and seq <= %(until)s order by seq
"""
OF_TYPES: LiteralString = """
    select seq, at, type, body::text from events
    where run = %(run)s and seq > %(after)s and seq <= %(until)s and type = any(%(types)s) order by seq
"""
SINGLE: LiteralString = """
    select seq, at, type, body::text from events where run = %(run)s and seq = any(%(seqs)s) order by seq
"""
BLOBS: LiteralString = "select sha256, body from blobs where sha256 = any(%s)"


@dataclass(frozen=True, slots=True)
class Top:
    """The last event of a run."""

    seq: int
    at: datetime
    archived: bool = False  # `at` is when it was, then


async def top_of(store: Store, run: UUID) -> Top | None:
    """None for a run that has not begun."""
    async with store.pool.connection() as connection:
        row = await (await connection.execute(TOP, (run,))).fetchone()
    if row is None:
        return None
    return Top(row[0] - 1, row[1], True) if row[2] == ARCHIVED else Top(row[0], row[1])


async def of_types(
    store: Store, run: UUID, after: int, until: int, whole: Collection[str], raw: Collection[str]
) -> tuple[list[Row], list[Event]]:
    """The rows of these types after one number up to another, and those of the types `whole` as events as well."""
    types = [*whole, *raw]
    values = {"run": run, "after": after, "until": until, "types": types}
    async with store.pool.connection() as connection:
        every, found = await _rows(connection, OF_TYPES, values)
        rows = [row for row in every if after < row[0] <= until and row[2] in types]
        return rows, await _events(connection, run, [row for row in rows if row[2] in whole], found)


async def between(store: Store, run: UUID, after: int, until: int) -> list[Event]:
    """The events after one number up to another, with what was set apart put back."""
    values = {"run": run, "after": after, "until": until}
    async with store.pool.connection() as connection:
        rows, found = await _rows(connection, BETWEEN, values)
        return await _events(connection, run, [row for row in rows if after < row[0] <= until], found)


async def in_parts(
    store: Store, run: UUID, step: int, last: int | None = None, begin: int = 0
) -> AsyncGenerator[list[Event]]:
    """All events after one up to another, or up to now, so many at a time as are held; those of an archive, which is unpacked whole,
    at once."""
    top = await top_of(store, run)
    until = min(top.seq, last or top.seq) if top else 0
    step = until if top and top.archived else step
    for after in range(begin, until, step or 1):
        yield await between(store, run, after, min(after + step, until))


async def single(store: Store, run: UUID, seqs: Collection[int]) -> list[Event]:
    """The events of these numbers, in order."""
    if not seqs:
        return []
    async with store.pool.connection() as connection:
        rows, found = await _rows(connection, SINGLE, {"run": run, "seqs": list(seqs)})
        return await _events(connection, run, [row for row in rows if row[0] in seqs], found)


async def fitting(
    store: Store, run: UUID, query: LiteralString, values: Mapping[str, Any], fits: Callable[[Row], bool]
) -> list[Event]:
    """Of the rows that a query finds, or that an archive has, those that fit, as events."""
    async with store.pool.connection() as connection:
        rows, found = await _rows(connection, query, {"run": run, **values})
        return await _events(connection, run, [row for row in rows if fits(row)], found)


async def _rows(
    connection: Connection, query: LiteralString, values: dict[str, Any]
) -> tuple[Sequence[Row], Blobs]:
    """What is asked for; of an archived run all that its archive has."""
    run = values["run"]
    rows = await (await connection.execute(query, values)).fetchall()
    if not rows:
        if packed := await fetch(connection, run):
            return packed
        rows = await (
            await connection.execute(query, values)
        ).fetchall()  # put back meanwhile, or there are none
    return rows, {}


async def _events(connection: Connection, run: UUID, rows: Sequence[Row], found: Blobs) -> list[Event]:
    """Rows as events, with what was set apart put back. `found`: what is at hand of that."""
    events = [decode(run, *row) for row in rows]
    wanted = {bytes.fromhex(getattr(one.body, name)) for one in events for name in one.body.big}
    if missing := wanted - found.keys():
        found = found | dict(await (await connection.execute(BLOBS, (list(missing),))).fetchall())
    return [put_back(event, found) for event in events]
