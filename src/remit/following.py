"""A run's events as they come, for whoever follows it by the API or another protocol: from any of them on, until its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from uuid import UUID

from remit.app import App
from remit.errors import NoSuchRun
from remit.journal.events import Event, Finished

POLL = 0.5  # seconds between looks at the journal
BEAT = 10.0  # seconds of silence after which a follower is told that nothing came


async def follow(
    app: App, run: UUID, after: int = 0, *, poll: float = POLL, beat: float = BEAT
) -> AsyncGenerator[list[Event]]:
    """The events after that number, some at a time as they come; it ends with the run. An empty list says that nothing
    came for a while: what follows can look whether anybody still listens. Raises NoSuchRun."""
    ended = await has_ended(app, run)
    silent = 0.0
    while True:
        events = await app.journal.read(run, after)
        if events:
            after, silent = events[-1].seq, 0.0
            yield events
        if ended or any(isinstance(event.body, Finished) for event in events):
            return
        await asyncio.sleep(poll)
        silent += poll
        if silent >= beat:
            silent = 0.0
            yield []


async def has_ended(app: App, run: UUID) -> bool:
    """Whether nothing comes any more. Raises NoSuchRun."""
    query = "select status not in ('running', 'waiting', 'paused') from runs where id = %s"
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute(query, (run,))).fetchone()
    if row is None:
        raise NoSuchRun(f"there is no run {run}")
    return bool(row[0])
