"""Runs as they go on, for whoever watches: pages, streams, protocols. A run is read once for all its viewers, and each event
is made into a fragment of a page once."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from remit.agents.live import Live
from remit.errors import StoreError
from remit.journal.events import Answered, Event
from remit.journal.journal import Journal
from remit.journal.limits import in_line
from remit.journal.state import State, fold
from remit.store.store import Store

POLL = 0.3  # seconds between looks at the journal of a run that is being advanced
SOON = 0.01  # after this process wrote to it
SLOW = 1.5  # of one that waits for something
AWAY = 3.0  # after the database could not be read
QUIET = 10.0  # seconds after which who follows a run has a turn, though nothing happened


@dataclass(frozen=True, slots=True)
class Said:
    """A piece of an answer that the model is giving now, in this process. The journal has the whole of it afterwards."""

    text: str


@dataclass
class Feed:
    """The events of a run, so far; `changed` is set and made anew whenever there are more."""

    run: UUID
    events: list[Event] = field(default_factory=list)
    state: State = field(default_factory=State)
    queued: str = ""  # for what it stands in line
    fragments: dict[int, str] = field(default_factory=dict)  # event's number -> as the page shows it
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)  # by this process, just now
    speech: tuple[int, str] = (0, "")  # after how many answers; what has been said of the next one
    viewers: int = 0
    task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        return self.state.finished is not None

    @property
    def version(self) -> int:
        return self.state.seq

    @property
    def rests(self) -> bool:
        """As far as it has been read."""
        return rests(self.state)

    def take(self, fresh: list[Event]) -> None:
        self.events += fresh
        fold(fresh, self.state)
        self._tell()

    def speak(self, answers: int, piece: str) -> None:
        """The model says something, after so many answers."""
        before = self.speech[1] if self.speech[0] == answers else ""
        self.speech = (answers, before + piece)
        self._tell()

    def hear(self, live: Live) -> None:
        """Let those who watch hear what is done here at once, unless somebody else listens."""
        if live.stream is None:
            live.stream = lambda piece: self.speak(live.state.steps, piece)
        if live.watch is None:
            live.watch = lambda event: self.written.set()

    def fragment(self, event: Event, make: Callable[[Event, State], str]) -> str:
        """An event as the page shows it, made once."""
        if event.seq not in self.fragments:
            self.fragments[event.seq] = make(event, self.state)
        return self.fragments[event.seq]

    async def follow(self, after: int = 0, quiet: float = QUIET) -> AsyncGenerator[Event | Said | None]:
        """Each event after that number as it happens, until the run has ended, and what the model says meanwhile where this
        process advances it. None comes at least each `quiet` seconds."""
        clock = asyncio.get_running_loop().time
        beat, answers, told = clock() + quiet, 0, 0
        answers = sum(_answers(event) for event in self.events[:after])
        while True:
            changed = self.changed
            while len(self.events) > after:
                event = self.events[after]
                after = event.seq
                if _answers(event):
                    answers, told = answers + 1, 0
                yield event
            if self.over:
                return
            said = self.speech[1] if self.speech[0] == answers else ""
            if len(said) > told:
                piece, told = said[told:], len(said)
                yield Said(piece)
            if clock() >= beat:
                beat = clock() + quiet
                yield None
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), max(0.0, beat - clock()))

    def _tell(self) -> None:
        changed, self.changed = self.changed, asyncio.Event()
        changed.set()


@dataclass
class Feeds:
    """One feed a run that somebody watches; it is let go with its last viewer."""

    store: Store
    journal: Journal
    open: dict[UUID, Feed] = field(default_factory=dict)

    @asynccontextmanager
    async def watched(self, run: UUID) -> AsyncGenerator[Feed]:
        """The feed of a run, which need not have begun yet."""
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

    async def follow(
        self, run: UUID, after: int = 0, quiet: float = QUIET
    ) -> AsyncGenerator[Event | Said | None]:
        """As `Feed.follow`, for one who looks at nothing else of it."""
        async with self.watched(run) as feed:
            async for one in feed.follow(after, quiet):
                yield one

    async def _follow(self, feed: Feed) -> None:
        while not feed.over:
            feed.written.clear()
            try:
                if fresh := await self.journal.read(feed.run, len(feed.events)):
                    feed.queued = (await in_line(self.store, [feed.run])).get(feed.run, "")
                    feed.take(fresh)
            except (psycopg.Error, OSError, StoreError):
                await asyncio.sleep(AWAY)
                continue
            moves = feed.state.status in ("new", "running")
            with suppress(TimeoutError):
                await asyncio.wait_for(feed.written.wait(), POLL if moves else SLOW)
                await asyncio.sleep(SOON)  # until it is durable


def rests(state: State) -> bool:
    """Whether a run waits for a person and for nothing else: nothing of it is under way."""
    if not state.waits or state.children or state.timers or state.paused:
        return False
    return all(call.asked is not None and call.replied is None for call in state.open.values())


def _answers(event: Event) -> bool:
    return isinstance(event.body, Answered) and event.body.purpose == "act"
