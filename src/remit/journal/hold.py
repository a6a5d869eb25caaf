"""Who advances a run: a PostgreSQL advisory lock a run, on one connection a process.

A process that dies lets go of all its runs at once, so that another can take over without waiting for a lease.
The lock saves work; what keeps a run right is that (run, seq) is unique.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from remit.errors import StaleWriter, StoreError
from remit.store.store import Store

TRIES, PAUSE = 10, 0.05  # seconds between


@dataclass
class Holds:
    store: Store
    held: set[UUID] = field(default_factory=set)
    _connection: psycopg.AsyncConnection[Any] | None = None

    @asynccontextmanager
    async def hold(self, run: UUID) -> AsyncIterator[None]:
        """Hold a run. Raises StaleWriter if another task or process has it."""
        if run in self.held:
            raise StaleWriter(f"run {run} is already being advanced by this process")
        self.held.add(run)
        try:
            for _ in range(TRIES):
                if await self._ask("select pg_try_advisory_lock(%s)", run):
                    break
                await asyncio.sleep(PAUSE)  # the server may still be noticing that the last holder died
            else:
                raise StaleWriter(f"run {run} is being advanced by another process")
            try:
                yield
            finally:
                await self._ask("select pg_advisory_unlock(%s)", run)
        finally:
            self.held.discard(run)

    async def _ask(self, query: LiteralString, run: UUID) -> bool:
        key = int.from_bytes(run.bytes[:8], signed=True)
        try:
            if self._connection is None or self._connection.closed:
                await self.close()
                self._connection = await self.store.pool.getconn()
            row = await (await self._connection.execute(query, (key,))).fetchone()
        except (psycopg.Error, OSError) as error:
            if "unlock" in query:  # the lock went with its connection
                return False
            raise StoreError(f"the database is away: {error}") from error
        return bool(row and row[0])

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()  # and with the session its locks
            await self.store.pool.putconn(self._connection)
            self._connection = None
