"""Taking in what happened, by the batch: each event once, whatever is wrong set aside, all of it or, after a crash, nothing.

Batches of a workspace follow each other (an advisory lock), so that which profiles are one person is decided by all that there is.
What is new of a batch is kept by `append.py`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any

from psycopg import AsyncConnection
from pydantic_core import to_json

from remit.graph.accounts.kept import keep_accounts
from remit.graph.accounts.relations import keep_relations
from remit.graph.append import append, in_json, written
from remit.graph.erased import without_erased
from remit.graph.horizon import within
from remit.graph.people import terms_within
from remit.graph.rows import Interaction, Wrong, read
from remit.graph.state import Terms
from remit.store.store import Store

Json = Any
Connection = AsyncConnection[Any]
BATCH = 5_000  # rows that are taken in together
SLICE = 25  # of them that are read before others have their turn
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
    known: int = 0  # that were there before, or twice among them; or are late, of somebody who was erased
    set_aside: tuple[SetAside, ...] = ()  # what is older than what is kept is told here as well, and not kept

    def __add__(self, other: Taken) -> Taken:
        return Taken(self.new + other.new, self.known + other.known, self.set_aside + other.set_aside)


@dataclass(frozen=True, slots=True)
class Batch:
    """Rows as they are read: what happened by source and event, the same as the database is given it, and what cannot be taken in."""

    source: str
    rows: int
    good: Mapping[tuple[str, str], Interaction]
    text: str
    lines: Mapping[tuple[str, str], int]
    aside: tuple[SetAside, ...]


@dataclass(slots=True)
class Reading:
    """A batch as far as it is read. `now`: when it came."""

    source: str
    verified: frozenset[str]
    now: datetime
    rows: int = 0
    good: dict[tuple[str, str], Interaction] = field(default_factory=dict)
    lines: dict[tuple[str, str], int] = field(default_factory=dict)
    aside: list[SetAside] = field(default_factory=list)

    def add(self, rows: Sequence[tuple[int, Json]]) -> None:
        self.rows += len(rows)
        for line, row in rows:
            made = row if isinstance(row, Wrong) else read(row, self.source, self.now, self.verified)
            if isinstance(made, Wrong):
                self.aside.append(SetAside(line, made.field, made.why, _written(row)))
            else:
                key = made.source, made.event
                if key not in self.good:
                    self.good[key], self.lines[key] = made, line

    @property
    def batch(self) -> Batch:
        return Batch(
            self.source, self.rows, self.good, in_json(self.good.values()), self.lines, tuple(self.aside)
        )


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

    batch, now = await _next(rows, source, verified)
    while batch.rows:
        following = asyncio.create_task(_next(rows, source, verified))
        try:
            yield await put(store, batch, now)
        finally:
            batch, now = await following


async def _next(
    rows: Iterator[tuple[int, Json]], source: str, verified: frozenset[str]
) -> tuple[Batch, datetime]:
    """A batch, some rows at a time: whoever waits for the database comes first. In a thread it would take turns with them, and have the
    database wait."""
    found = Reading(source, verified, datetime.now(UTC))
    while found.rows < BATCH and (some := list(islice(rows, SLICE))):
        found.add(some)
        await asyncio.sleep(0)
    return found.batch, found.now


def read_in(rows: Sequence[tuple[int, Json]], source: str, verified: frozenset[str], now: datetime) -> Batch:
    found = Reading(source, verified, now)
    found.add(rows)
    return found.batch


async def put(store: Store, batch: Batch, received: datetime, *, keep: bool = True) -> Taken:
    """Keep what was read: all of it or, after a crash, nothing."""
    async with store.pool.connection() as connection, connection.transaction():
        terms = await enter(connection, store.workspace)
        fresh = await _unknown(connection, store.workspace, batch.good)
        fresh = await without_erased(connection, store.settings, store.workspace, fresh)
        fresh, older = await within(connection, store.workspace, fresh, received)
        if fresh:
            text = batch.text if fresh == list(batch.good.values()) else ""
            ids = await append(connection, store.workspace, fresh, terms, received, text)
            await keep_accounts(connection, store.workspace, fresh, ids)
            await keep_relations(connection, store.workspace, fresh, ids)
        if keep and batch.aside:
            await _set_aside(connection, store.workspace, batch.source, batch.aside)
    aside = (*batch.aside, *(SetAside(batch.lines[one.source, one.event], "at", why) for one, why in older))
    return Taken(len(fresh), batch.rows - len(aside) - len(fresh), aside)


async def enter(connection: Connection, workspace: str) -> Terms:
    """Wait until nobody else changes the graph of this workspace, for as long as the transaction lasts."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtextextended('graph ' || %s, 0))", (workspace,)
    )
    return await terms_within(connection, workspace)


async def _unknown(
    connection: Connection, workspace: str, came: Mapping[tuple[str, str], Interaction]
) -> list[Interaction]:
    query = """
        select came.source, came.event
        from rows from (json_array_elements_text(%s::json), json_array_elements_text(%s::json)) as came (source, event)
        cross join lateral (
            select from graph_interactions i
            where i.workspace = %s and i.source = came.source and i.event = came.event offset 0
        ) as there
    """
    keys = (written([source for source, _ in came]), written([event for _, event in came]), workspace)
    there = set(await (await connection.execute(query, keys)).fetchall())
    return [one for key, one in came.items() if key not in there]


async def _set_aside(connection: Connection, workspace: str, source: str, rows: Sequence[SetAside]) -> None:
    query = """
        insert into graph_rejected (workspace, source, line, field, why, row, digest)
        select %s, %s, line, field, why, row, sha256(convert_to(row, 'utf8'))
        from json_to_recordset(%s::json) as c (line bigint, field text, why text, row text)
        on conflict (workspace, source, digest) do nothing
    """
    told = [{"line": one.line, "field": one.field, "why": one.why, "row": one.row} for one in rows]
    await connection.execute(query, (workspace, source, written(told)))


def _written(row: Json) -> str:
    """A row as it came, as far as it can be kept."""
    if isinstance(row, Wrong):
        row = row.text
    text = row if isinstance(row, str) else to_json(row, inf_nan_mode="strings", fallback=str).decode()
    return text[:ROW].replace("\0", "\N{REPLACEMENT CHARACTER}")
