"""What stands between us and the server: nothing, or a pooler such as pgbouncer that lends a server connection for one
transaction at a time.

Behind one, a session keeps nothing: what is prepared may be gone at the next statement, LISTEN hears nothing, a lock of
the session is somebody else's. The store needs none of it; the queue then looks for jobs instead of being told.
"""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg import generators
from psycopg.rows import TupleRow

PROBE = b"remit_probe"


@dataclass(frozen=True)
class Pooler:
    """A pooler that was found. `prepares`: it carries prepared statements over to whichever connection it lends, as
    pgbouncer does from 1.21 on where max_prepared_statements is set."""

    prepares: bool


async def find_pooler(connection: psycopg.AsyncConnection[TupleRow]) -> Pooler | None:
    """Who is behind this connection, which is in autocommit mode and not used otherwise; None: the server itself.

    The server greets with the number of the process that serves us; a pooler greets with one of its own.
    """
    row = await (await connection.execute("SELECT pg_backend_pid()")).fetchone()
    if row == (connection.info.backend_pid,):
        return None
    async with connection.transaction():  # on one server connection
        connection.pgconn.send_prepare(PROBE, b"SELECT 'remit_probe'")
        await connection.wait(generators.execute(connection.pgconn))
        names = await connection.execute(
            "SELECT 1 FROM pg_prepared_statements WHERE name = %s", [PROBE.decode()]
        )
        ours = await names.fetchone() is not None
        if ours:  # under our own name: it was passed on as it came, and would be left behind there
            await connection.execute(f"DEALLOCATE {PROBE.decode()}")
    return Pooler(prepares=not ours and psycopg.capabilities.has_send_close_prepared())
