"""Runs as they go on, for whoever watches: pages, streams, protocols. A run is read once for all its viewers, and each event
is made into a fragment of a page once."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, LiteralString, TypeVar
from uuid import UUID

import psycopg

from remit.agents.live import Live
from remit.errors import StoreError
from remit.journal.events import Answered, Event
from remit.journal.journal import Journal
from remit.journal.limits import in_line
from remit.journal.search import OPEN
from remit.journal.state import State, fold
from remit.journal.window import between
from remit.store.store import Store

POLL = 0.3  # seconds between looks at the journal of a run that is being advanced
SOON = 0.01  # after this process wrote to it
SLOW = 1.5  # of one that waits for something
AWAY = 3.0  # after the database could not be read
KEPT = 200  # of the last events of a run that somebody follows
TOGETHER = 200  # events that are read at a time for whoever is further behind
HOW_FAR: LiteralString = """
    select runs.status, coalesce(last.seq, 0), coalesce((last.type = 'archived')::int, 0)
    from runs left join lateral (select seq, type from events where run = runs.id order by seq desc limit 1) as last on true
    where id = %s
"""
QUIET = 10.0  # seconds after which who follows a run has a turn, though nothing happened


W = TypeVar("W", "Feed", "Head")


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
class Head:
    """How far a run has come, and the last of its events, for those who follow it from any event on: what came before they
    did is read by each of them, some at a time."""

    run: UUID
    seq: int = 0
    status: str = "new"
    recent: deque[Event] = field(default_factory=lambda: deque(maxlen=KEPT))
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    written: asyncio.Event = field(default_factory=asyncio.Event)
    viewers: int = 0
    task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        return self.status not in ("new", *OPEN)

    async def look(self, store: Store) -> None:
        """Take in what came since."""
        async with store.pool.connection() as connection:
            row = await (await connection.execute(HOW_FAR, (self.run,))).fetchone()
        if row is None:
            return
        status, seq, archived = row
        seq -= archived
        if self.seq and seq > self.seq:
            self.recent.extend(await between(store, self.run, max(self.seq, seq - KEPT), seq))
        if (seq, status) != (self.seq, self.status):
            self.seq, self.status = seq, status
            before, self.changed = self.changed, asyncio.Event()
            before.set()

    async def since(self, store: Store, after: int) -> Sequence[Event]:
        """The first events after that number."""
        if self.recent and self.recent[0].seq <= after + 1:
            return list(islice(self.recent, after + 1 - self.recent[0].seq, None))
        return await between(store, self.run, after, min(after + TOGETHER, self.seq))

    async def follow(self, store: Store, after: int, quiet: float) -> AsyncGenerator[Sequence[Event]]:
        """The events after that number, some at a time, until the run has ended. None of them come at least each `quiet` seconds."""
        clock = asyncio.get_running_loop().time
        beat = clock() + quiet
        while True:
            changed = self.changed
            while after < self.seq:
                fresh = await self.since(store, after)
                after = fresh[-1].seq
                yield fresh
            if self.over:
                return
            if clock() >= beat:
                beat = clock() + quiet
                yield ()
            with suppress(TimeoutError):
                await asyncio.wait_for(changed.wait(), max(0.0, beat - clock()))


@dataclass
class Feeds:
    """What somebody watches of runs, one of each a run; it is let go with its last viewer."""

    store: Store
    journal: Journal
    open: dict[UUID, Feed] = field(default_factory=dict)
    heads: dict[UUID, Head] = field(default_factory=dict)

    @asynccontextmanager
    async def watched(self, run: UUID) -> AsyncGenerator[Feed]:
        """The feed of a run, which need not have begun yet."""
        with _shared(self.open, run, Feed, self._follow) as feed:
            yield feed

    @asynccontextmanager
    async def head(self, run: UUID) -> AsyncGenerator[Head]:
        """The same without its events, however many there are."""
        with _shared(self.heads, run, Head, self._look) as head:
            yield head

    def hear(self, live: Live) -> None:
        """Let those who watch hear what is done here at once, unless somebody else listens."""
        feed, head = self.open.get(live.run), self.heads.get(live.run)
        if feed and live.stream is None:
            live.stream = lambda piece: feed.speak(live.state.steps, piece)
        written = [one.written for one in (feed, head) if one]
        if written and live.watch is None:
            live.watch = lambda event: _set(written)

    async def _look(self, head: Head) -> None:
        while not head.over:
            head.written.clear()
            try:
                await head.look(self.store)
            except (psycopg.Error, OSError, StoreError):
                await asyncio.sleep(AWAY)
                continue
            await _until_written(head.written, head.status in ("new", "running"))

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
            await _until_written(feed.written, feed.state.status in ("new", "running"))


@contextmanager
def _shared(
    kept: dict[UUID, W],
    run: UUID,
    make: Callable[[UUID], W],
    follow: Callable[[W], Coroutine[Any, Any, None]],
) -> Iterator[W]:
    one = kept.get(run)
    if one is None:
        one = kept[run] = make(run)
        one.task = asyncio.create_task(follow(one))
    one.viewers += 1
    try:
        yield one
    finally:
        one.viewers -= 1
        if not one.viewers:
            del kept[run]
            if one.task is not None:
                one.task.cancel()


def _set(written: Sequence[asyncio.Event]) -> None:
    for one in written:
        one.set()


async def _until_written(written: asyncio.Event, moves: bool) -> None:
    with suppress(TimeoutError):
        await asyncio.wait_for(written.wait(), POLL if moves else SLOW)
        await asyncio.sleep(SOON)  # until it is durable


def rests(state: State) -> bool:
    """Whether a run waits for a person and for nothing else: nothing of it is under way."""
    if not state.waits or state.children or state.timers or state.paused:
        return False
    return all(call.asked is not None and call.replied is None for call in state.open.values())


def _answers(event: Event) -> bool:
    return isinstance(event.body, Answered) and event.body.purpose == "act"
