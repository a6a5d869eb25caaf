"""A run's events as they come, for whoever follows it by the API or another protocol: from any of them on, until its end."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from uuid import UUID

from remit.app import App
from remit.errors import NoSuchRun
from remit.feed import QUIET
from remit.journal.events import Event

BEAT = QUIET  # seconds after which a follower has a turn, though nothing came


async def follow(
    app: App, run: UUID, after: int = 0, *, beat: float = BEAT
) -> AsyncGenerator[Sequence[Event]]:
    """The events after that number, some at a time as they come; it ends with the run. An empty list comes at least each
    `beat` seconds: what follows can look whether anybody still listens. However many follow a run, what is new is read once, and
    of what was before each reads some at a time. Raises NoSuchRun."""
    await has_ended(app, run)
    async with app.feeds.head(run) as head, aclosing(head.follow(app.store, after, beat)) as coming:
        async for events in coming:
            yield events


async def has_ended(app: App, run: UUID) -> bool:
    """Whether nothing comes any more. Raises NoSuchRun."""
    query = "select status not in ('running', 'waiting', 'paused') from runs where id = %s"
    async with app.store.pool.connection() as connection:
        row = await (await connection.execute(query, (run,))).fetchone()
    if row is None:
        raise NoSuchRun(f"there is no run {run}")
    return bool(row[0])
