"""An archived run put back into the journal, so that it can be appended to."""

from __future__ import annotations

from asyncio import to_thread
from pathlib import Path
from uuid import UUID

import psycopg

from remit.errors import StoreError
from remit.journal.archive import fetch, find
from remit.journal.retain import YIELD
from remit.store.store import Connection, Store


async def restore(store: Store, run: UUID) -> bool:
    """Put an archived run's events back into the journal, so that it can be appended to; False if it is not archived.
    The run is archived again once it has been left alone for the policy's age.

    Raises JournalError if its archive is missing, damaged or deleted, StoreError if the database is away.
    """
    try:
        async with store.pool.connection() as connection, connection.transaction():
            await connection.execute(YIELD)
            await connection.execute("select from archives where run = %s for update", (run,))
            path = await _restore(connection, run)
    except (psycopg.Error, OSError) as error:
        raise StoreError(
            f"run {run} was not restored: {str(error).strip() or type(error).__name__}"
        ) from error
    if path:
        await to_thread(Path(path).unlink, missing_ok=True)
    return path is not None


async def _restore(connection: Connection, run: UUID) -> str | None:
    """The path of the file that is not needed any more, "" if there is none; None if the run is not archived."""
    found = await find(connection, run)
    packed = await fetch(connection, run) if found else None
    if found is None or packed is None:
        return None
    rows, blobs = packed
    await connection.execute("delete from events where run = %s and type = 'archived'", (run,))
    await connection.execute(
        """
        insert into blobs (sha256, body, workspace)
        select t.*, (select workspace from runs where id = %s) from unnest(%s::bytea[], %s::bytea[]) as t
        on conflict do nothing
        """,
        (run, list(blobs), list(blobs.values())),
    )
    seqs, ats, types, bodies = (list(column) for column in zip(*rows, strict=True))
    await connection.execute(
        """
        insert into events (run, seq, at, type, body)
        select %s, * from unnest(%s::int[], %s::timestamptz[], %s::text[], %s::text[]::json[])
        """,
        (run, seqs, ats, types, bodies),
    )
    await connection.execute("update runs set archived = false, updated_at = now() where id = %s", (run,))
    await connection.execute("delete from archives where run = %s", (run,))
    return found.path or ""
