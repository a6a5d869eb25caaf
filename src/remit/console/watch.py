"""What waits for people, looked at once for all pages that are open, and told to each of them when it changes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from remit.errors import StoreError
from remit.store.store import Store

EVERY = 1.0  # seconds between two looks
BEAT = 15.0  # seconds of silence after which a page is told that the connection lives
MOST = 1_000  # things that are watched; more than anybody decides in a day

Asks = Mapping[tuple[UUID, str], int]  # what waits -> the number of its run's last event


@dataclass
class Watch:
    """One look a second while anybody watches, however many they are."""

    store: Store
    asks: Asks | None = None  # as last seen; None while nobody watches
    _viewers: int = 0
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _looking: asyncio.Task[None] | None = None

    @property
    def count(self) -> int | None:
        return None if self.asks is None else len(self.asks)

    async def follow(self) -> AsyncGenerator[int | None]:
        """How many things wait: at once, and whenever anything about them changes. None: nothing did for a while."""
        self._viewers += 1
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        known: Asks | None = None
        try:
            while True:
                changed = self._changed
                if self.asks is not None and self.asks is not known:
                    known = self.asks
                    yield len(known)
                    continue
                try:
                    async with asyncio.timeout(BEAT):
                        await changed.wait()
                except TimeoutError:
                    yield None
        finally:
            self._viewers -= 1
            if not self._viewers:
                self._looking.cancel()
                self._looking = self.asks = None

    async def _look(self) -> None:
        while True:
            with suppress(StoreError, psycopg.Error):  # the database is away: what is shown stays as it was
                found = await look(self.store)
                if found != self.asks:
                    self.asks = found
                    changed, self._changed = self._changed, asyncio.Event()
                    changed.set()
            await asyncio.sleep(EVERY)


async def look(store: Store) -> Asks:
    """What waits now."""
    query = """
        select run, ask_id, (select max(seq) from events where events.run = asks.run)
        from asks join runs on runs.id = asks.run where runs.workspace = %s order by at limit %s
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace, MOST))).fetchall()
    return {(run, ask): seq for run, ask, seq in rows}
