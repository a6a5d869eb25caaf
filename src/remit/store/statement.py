"""A statement prepared once on a connection and run without a cursor: a third less of the driver's time, which counts
where one run waits for each of its appends. Text parameters only, no rows back."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import errors, generators, pq

from remit.store.store import Connection


async def prepare(connection: Connection, name: bytes, query: bytes) -> None:
    """Prepare `query`, whose parameters are $1 …, as `name`. Raises psycopg.Error."""
    connection.pgconn.send_prepare(name, query)
    _checked(await connection.wait(generators.execute(connection.pgconn)))


async def run(connection: Connection, name: bytes, values: Sequence[bytes]) -> None:
    """Run a prepared statement; in autocommit mode it is committed when this returns. Raises psycopg.Error."""
    connection.pgconn.send_query_prepared(name, values)
    _checked(await connection.wait(generators.execute(connection.pgconn)))


def _checked(results: Sequence[pq.abc.PGresult]) -> None:
    for result in results:
        if result.status != pq.ExecStatus.COMMAND_OK:
            raise errors.error_from_result(result)
