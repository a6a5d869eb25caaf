"""Tables looked through from end to end, by several connections at once, each a slice of pages at a time.

All of them see the same moment, so that a row which is changed meanwhile, and comes to lie elsewhere, is found where it was. Nothing
is locked: whoever changes what was found looks at it once more.
"""

from __future__ import annotations

import asyncio
import os
from collections import defaultdict, deque
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from typing import Any

import psycopg
from psycopg import AsyncConnection
from psycopg.sql import SQL, Composable, Composed, Identifier, Literal

from remit.store.store import Store

Connection = AsyncConnection[Any]
PAGES = 2_048  # of a slice
MOST = 4  # connections at once
SOON = 1.0  # seconds in which one is to be had


@dataclass(frozen=True, slots=True)
class Look:
    """What is looked for in a table: which rows, and what of them is wanted. `pages`: from one to before another."""

    table: str
    gives: Composable
    where: Composable
    pages: tuple[int, int] | None = None

    @property
    def query(self) -> Composed:
        query = SQL("select {} from {} where {}").format(self.gives, Identifier(self.table), self.where)
        if self.pages is None:
            return query
        first, end = (Literal(f"({page},0)") for page in self.pages)
        return SQL("{} and ctid >= {}::tid and ctid < {}::tid").format(query, first, end)


async def found(store: Store, looks: Sequence[Look], values: Mapping[str, Any]) -> dict[str, list[Any]]:
    """By table, what is wanted of its rows. `store`: the owner's."""
    rows: dict[str, list[Any]] = defaultdict(list)
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute("set transaction isolation level repeatable read, read only")
        moment = await (await connection.execute("select pg_export_snapshot()")).fetchone()
        left = deque(await _slices(connection, looks))

        async def through(connection: Connection) -> None:
            while left:
                look = left.popleft()
                part = await (await connection.execute(look.query, values)).fetchall()
                rows[look.table] += [one for (one,) in part]

        async def beside() -> None:
            """Helps, where a connection is to be had soon: whoever holds the others may be waiting for this."""
            async with AsyncExitStack() as held:
                try:
                    async with asyncio.timeout(SOON):
                        another = await held.enter_async_context(store.pool.connection())
                except TimeoutError:
                    return
                await held.enter_async_context(another.transaction())
                await another.execute("set transaction isolation level repeatable read, read only")
                await another.execute(
                    SQL("set transaction snapshot {}").format(Literal(moment[0] if moment else ""))
                )
                await through(another)

        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(_at_once(store) - 1):
                    group.create_task(beside())
                await through(connection)
        except ExceptionGroup as all_:
            raise _cause(all_.exceptions) from all_
    return dict(rows)


def _cause(several: Sequence[Exception]) -> Exception:
    """What went wrong first: where that was with the one whose moment the others look at, they have lost it."""
    lost = psycopg.errors.ObjectNotInPrerequisiteState
    return next((one for one in several if not isinstance(one, lost)), several[0])


def _at_once(store: Store) -> int:
    """As many as there are processors here, and never all connections of the pool."""
    return max(1, min(MOST, os.cpu_count() or 1, store.settings.pool_size // 2))


async def _slices(connection: Connection, looks: Sequence[Look]) -> list[Look]:
    """Of about as much to read each, with what a table keeps beside itself."""
    query = """
        select relname, pages, greatest(1, %s * pages / greatest(1, pg_table_size(oid) / size)) from (
            select oid, relname, pg_relation_size(oid) / size as pages, size from pg_class, (
                select current_setting('block_size')::bigint as size) as block
            where relname = any(%s) and relnamespace = current_schema()::regnamespace
        ) as found
    """
    names = [look.table for look in looks]
    rows = await (await connection.execute(query, (PAGES, names))).fetchall()
    sizes = {name: (pages, each) for name, pages, each in rows}
    made = []
    for look in looks:
        pages, each = sizes[look.table]
        starts = range(0, pages, each)
        made += [replace(look, pages=(at, at + each)) for at in starts] if len(starts) > 1 else [look]
    return made
