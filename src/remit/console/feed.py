"""Runs as they go on, for whoever watches a page: a run is read once for all its viewers, and each event is made into a
fragment once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from remit.app import App
from remit.errors import StoreError
from remit.journal.events import Event
from remit.journal.limits import in_line
from remit.journal.state import State, fold

POLL = 0.3  # seconds between looks at the journal of a run that is being advanced
SLOW = 1.5  # of one that waits for something
AWAY = 3.0  # after the database could not be read


@dataclass
class Feed:
    """The events of a run, so far; `changed` is set and made anew whenever there are more."""

    run: UUID
    events: list[Event] = field(default_factory=list)
    state: State = field(default_factory=State)
    queued: str = ""  # for what it stands in line
    fragments: dict[int, str] = field(default_factory=dict)  # event's number -> as the page shows it
    last_head: tuple[int, str] = (0, "")
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: int = 0
    task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        return self.state.finished is not None

    def take(self, fresh: list[Event]) -> None:
        self.events += fresh
        fold(fresh, self.state)
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()

    def fragment(self, event: Event, make: Callable[[Event, State], str]) -> str:
        """An event as the page shows it, made once."""
        if event.seq not in self.fragments:
            self.fragments[event.seq] = make(event, self.state)
        return self.fragments[event.seq]

    def head(self, make: Callable[[Feed], str]) -> str:
        """How the run stands now, made once for all who ask between two events."""
        if self.last_head[0] != self.state.seq:
            self.last_head = (self.state.seq, make(self))
        return self.last_head[1]


@dataclass
class Feeds:
    """One feed a run that somebody watches; it is let go with its last viewer."""

    app: App
    open: dict[UUID, Feed] = field(default_factory=dict)

    @asynccontextmanager
    async def watched(self, run: UUID) -> AsyncIterator[Feed]:
        feed = self.open.get(run)
        if feed is None:
            feed = self.open[run] = Feed(run)
            feed.task = asyncio.create_task(self._follow(feed))
        feed.viewers += 1
        try:
            yield feed
        finally:
            feed.viewers -= 1
            if not feed.viewers:
                del self.open[run]
                if feed.task is not None:
                    feed.task.cancel()

    async def _follow(self, feed: Feed) -> None:
        while not feed.over:
            try:
                if fresh := await self.app.journal.read(feed.run, len(feed.events)):
                    feed.queued = (await in_line(self.app.store, [feed.run])).get(feed.run, "")
                    feed.take(fresh)
            except (psycopg.Error, OSError, StoreError):
                await asyncio.sleep(AWAY)
                continue
            await asyncio.sleep(POLL if feed.state.status == "running" else SLOW)
