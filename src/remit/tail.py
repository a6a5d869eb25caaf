"""The end of a run as it grows, for the pages that show it: read once for all who watch it, and each event made into a piece of
a page once. What came before they began to watch is not held."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from uuid import UUID

import psycopg

from remit.errors import StoreError
from remit.feed import AWAY, POLL, SLOW
from remit.gist import Gist, Gists, around, standing
from remit.journal.events import Event
from remit.journal.index import RunRow
from remit.journal.limits import in_line
from remit.journal.search import OPEN, descendants
from remit.journal.state import State
from remit.journal.window import between
from remit.store.store import Store

KEPT = 1_000  # pieces
TOGETHER = 200  # events that are read, and sent, at a time
LOOKED_AT = 20  # runs below a run that go on, of which it is known what they cost so far
Make = Callable[[Event, State], str]
Below = Sequence[tuple[UUID, RunRow]]  # runs below a run, each with its parent


@dataclass(frozen=True, slots=True)
class Piece:
    """An event as a page shows it."""

    seq: int
    text: str


@dataclass
class Tail:
    """`changed` is set and made anew whenever there is more; `version` counts that."""

    run: UUID
    make: Make
    store: Store
    gists: Gists
    gist: Gist | None = None
    state: State = field(default_factory=State)  # how it stands, with the last of what it changed
    pieces: list[Piece] = field(default_factory=list)
    queued: str = ""  # for what it stands in line
    below: Below = ()
    version: int = 0
    changed: asyncio.Event = field(default_factory=asyncio.Event)
    last_head: tuple[int, str] = (-1, "")
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)
    viewers: int = 0
    task: asyncio.Task[None] | None = None

    @property
    def over(self) -> bool:
        return self.state.finished is not None

    def head(self, make: Callable[[Tail], str]) -> str:
        """How the run stands now, made once for all who ask between two changes."""
        if self.last_head[0] != self.version:
            self.last_head = (self.version, make(self))
        return self.last_head[1]

    async def since(self, seen: int) -> Sequence[Piece]:
        """The first events after that number: those that are held, or read for whoever is far behind."""
        if seen >= self.state.seq:
            return ()
        if self.pieces and self.pieces[0].seq <= seen + 1:
            begin = seen + 1 - self.pieces[0].seq
            return self.pieces[begin : begin + TOGETHER]
        async with self.gists.of(self.run) as gist:
            return await self._made(gist, seen, min(seen + TOGETHER, self.state.seq))

    async def look(self) -> None:
        """Take in what came since."""
        async with self.lock, self.gists.of(self.run) as gist:
            changed = self.gist is None
            while self.gist is not None and (seen := self.state.seq) < gist.state.seq:
                until = min(seen + TOGETHER, gist.state.seq)
                self.pieces = [*self.pieces, *await self._made(gist, seen, until)][-KEPT:]
                self.state.seq, changed = until, True
            self.gist = gist
            if changed:
                self.state = await standing(self.store, gist)
                self.queued = (await in_line(self.store, [self.run])).get(self.run, "")
            delegated = gist.delegated
        if delegated and (found := await tree(self.store, self.gists, self.run)) != self.below:
            self.below, changed = found, True
        if changed:
            self.version += 1
            before, self.changed = self.changed, asyncio.Event()
            before.set()

    async def _made(self, gist: Gist, after: int, until: int) -> list[Piece]:
        events = await between(self.store, self.run, after, until)
        state = await around(self.store, gist, events)
        return [Piece(one.seq, self.make(one, state)) for one in events]

    async def follow(self) -> None:
        while not self.over:
            await asyncio.sleep(POLL if self.state.status in ("new", "running") else SLOW)
            try:
                await self.look()
            except (psycopg.Error, OSError, StoreError):
                await asyncio.sleep(AWAY)


async def tree(store: Store, gists: Gists, run: UUID) -> Below:
    """The runs below a run, each with its parent; of those that go on what they cost and took so far, which is in their journals
    alone."""
    found = await descendants(store, run)
    moving = [row.id for _, row in found if row.status in OPEN][:LOOKED_AT]
    now: dict[UUID, RunRow] = {}
    for _, row in found:
        if row.id in moving:
            async with gists.of(row.id) as gist:
                now[row.id] = replace(row, cost=gist.state.money, seconds=gist.state.seconds)
    return [(parent, now.get(row.id, row)) for parent, row in found]


@dataclass
class Tails:
    """One a run that somebody watches; it is let go with its last viewer."""

    store: Store
    gists: Gists
    open: dict[UUID, Tail] = field(default_factory=dict)

    @asynccontextmanager
    async def watched(self, run: UUID, make: Make) -> AsyncGenerator[Tail]:
        tail = self.open.setdefault(run, Tail(run, make, self.store, self.gists))
        tail.viewers += 1
        try:
            if tail.gist is None:
                await tail.look()
            if tail.task is None:
                tail.task = asyncio.create_task(tail.follow())
            yield tail
        finally:
            tail.viewers -= 1
            if not tail.viewers:
                del self.open[run]
                if tail.task is not None:
                    tail.task.cancel()
