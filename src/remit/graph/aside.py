"""What was set aside: looked at, mended and taken in after all, or let go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.rows import class_row
from pydantic_core import from_json

from remit.access.audit import record
from remit.errors import UserError
from remit.graph.ingest import SetAside, take
from remit.store.store import Store

Json = Any


@dataclass(frozen=True, slots=True)
class Aside:
    """A row that could not be taken in, as it came."""

    id: int
    source: str
    line: int
    field: str
    why: str
    row: str
    at: datetime


class NotTaken(UserError):
    """It is still no row that can be taken in."""

    def __init__(self, wrong: SetAside) -> None:
        super().__init__(f"{wrong.field}: {wrong.why}" if wrong.field else f"it {wrong.why}")


async def list_aside(store: Store, after: int = 0, limit: int = 100) -> list[Aside]:
    """Those that wait, the oldest first."""
    query = """
        select id, source, line, field, why, row, at from graph_rejected
        where workspace = %s and done_at is null and id > %s order by id limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Aside)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, after, limit))).fetchall()


async def count_aside(store: Store) -> int:
    query = "select count(*) from graph_rejected where workspace = %s and done_at is null"
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (store.workspace,))).fetchone()
    return int(row[0]) if row else 0


async def aside_of(store: Store, id_: int) -> Aside:
    """Raises UserError."""
    found = await list_aside(store, id_ - 1, 1)
    if not found or found[0].id != id_:
        raise UserError(f"no row {id_} is set aside; `remit graph rejected` lists those that are")
    return found[0]


def object_in(text: str) -> Json:
    """A row that somebody wrote. Raises UserError."""
    try:
        return from_json(text, allow_inf_nan=False)
    except ValueError as error:
        raise UserError(f"it is no JSON: {error}") from error


async def mend(store: Store, id_: int, row: Json, who: str) -> None:
    """Take it in after all, as it should have been. Raises NotTaken, and it stays set aside, where it still is no row."""
    aside = await aside_of(store, id_)
    taken = await take(store, [(aside.line, row)], aside.source, keep=False)
    if taken.set_aside:
        raise NotTaken(taken.set_aside[0])
    await _done(store, id_, "mended", who)


async def drop(store: Store, id_: int, who: str) -> None:
    """Let it go. Raises UserError."""
    await aside_of(store, id_)
    await _done(store, id_, "dropped", who)


async def _done(store: Store, id_: int, how: str, who: str) -> None:
    query = """
        update graph_rejected set done_at = clock_timestamp(), done_by = %s, done_how = %s
        where id = %s and workspace = %s and done_at is null
    """
    async with store.pool.connection() as connection, connection.transaction():
        if (await connection.execute(query, (who, how, id_, store.workspace))).rowcount:
            await record(connection, who, f"graph.{how}", str(id_), {})
