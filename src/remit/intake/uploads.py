"""Files that somebody sent in a browser, kept for as long as it takes to say what their columns are."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from psycopg.rows import class_row

from remit.errors import UserError
from remit.intake.columns import format_of
from remit.store.store import Store

LARGEST = 7_000_000  # bytes
KEPT = "1 day"


@dataclass(frozen=True, slots=True)
class Upload:
    id: UUID
    name: str
    text: str
    by: str
    at: datetime


async def put(store: Store, name: str, data: bytes, who: str) -> UUID:
    """Raises UserError for what is no table, or cannot be read."""
    format_of(name)
    if len(data) > LARGEST:
        raise UserError(
            f"{name[:80]} has {len(data) / 1e6:,.1f} MB, and a browser sends up to {LARGEST / 1e6:.0f}: "
            "`remit graph ingest` takes in files of any size"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{name[:80]} is not in UTF-8: save it as “CSV UTF-8” and send it again") from error
    if "\0" in text or not text.strip():
        raise UserError(f"{name[:80]} is empty" if text.strip("\0 \n") == "" else f"{name[:80]} is no text")
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(
            "delete from graph_uploads where workspace = %s and at < clock_timestamp() - %s::interval",
            (store.workspace, KEPT),
        )
        query = "insert into graph_uploads (workspace, name, text, by) values (%s, %s, %s, %s) returning id"
        row = await (await connection.execute(query, (store.workspace, name[:200], text, who))).fetchone()
    assert row is not None
    return UUID(str(row[0]))


async def upload_of(store: Store, number: UUID) -> Upload:
    """Raises UserError where it is gone."""
    query = "select id, name, text, by, at from graph_uploads where workspace = %s and id = %s"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Upload)) as cursor,
    ):
        found = await (await cursor.execute(query, (store.workspace, number))).fetchone()
    if found is None:
        raise UserError("there is no such file any more: send it again")
    return found


async def drop(store: Store, number: UUID) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(
            "delete from graph_uploads where workspace = %s and id = %s", (store.workspace, number)
        )
