"""A pool of connections that loses none to whoever is cancelled while returning it.

psycopg_pool (3.3) returns a connection in the task of whoever had it, and may wait there for the one who is next. Cancelled at
that moment, as a stream's task is when its reader has gone, it lost the connection and left the next one waiting for 30 s.
"""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

from psycopg import AsyncConnection
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

C = TypeVar("C", bound=AsyncConnection[Any])


class Pool(AsyncConnectionPool[C]):
    async def _putconn(self, conn: C, from_getconn: bool) -> None:
        """Where nothing is to be waited for, at once; elsewhere in a task of its own, which goes on when this one is
        cancelled (it costs some 30 µs)."""
        returning = super()._putconn(conn, from_getconn)
        idle = conn.pgconn.transaction_status == TransactionStatus.IDLE
        await (
            returning if idle and not self._lock.locked() and not self._waiting else asyncio.shield(returning)
        )
