"""Many runs in one process: what `remit worker` is made of, and what a command with children needs.

A run comes in through the queue, or directly: begun or woken here, it is advanced here without a round trip through
the queue. Nothing is lost with this process: whatever it held is found by the leases, whatever it had not begun by
its status, both within `SWEEP` seconds by any other worker.
"""

from __future__ import annotations

import asyncio
import gc
import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from uuid import UUID

import psycopg

from remit.app import App
from remit.errors import NoSuchRun, RemitError, StaleWriter, StoreError, UserError
from remit.journal.events import Event
from remit.journal.index import forgotten, orphans
from remit.journal.limits import called
from remit.journal.state import State

FORGOTTEN = 30.0  # seconds between looks for runs that wait for nothing, and for how long they may
SWEEP = 2.0  # seconds between looks for runs that nobody advances, and for how long they may be idle
LOG = logging.getLogger(__name__)


def tune_collector() -> None:
    """Have Python look for cycles less often, and never among what was there from the beginning: a process that holds
    thousands of runs spends a fifth of its time on that otherwise. For a process that only works."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@dataclass
class Crew:
    """Advances up to `concurrency` runs of one App at once; more wait their turn here."""

    app: App
    concurrency: int = 50
    watch: Callable[[Event], None] | None = None
    agents: frozenset[str] = frozenset()  # only their runs; none named are all
    urgent: bool = False  # somebody sits and watches: beyond the agents' limits too
    _tasks: dict[UUID, asyncio.Task[State]] = field(default_factory=dict)
    _again: set[UUID] = field(default_factory=set)  # to be advanced once more, as something came meanwhile
    _next: deque[UUID] = field(default_factory=deque)
    _seen_through: UUID | None = None
    _stopping: bool = False
    _quiet: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def room(self) -> int:
        """How many more runs could be begun at once."""
        return self.concurrency - len(self._tasks) - len(self._next)

    def go(self, run: UUID) -> None:
        """Have a run advanced soon, by this process; again if it is being advanced now."""
        if run in self._tasks:
            self._again.add(run)
        elif len(self._tasks) < self.concurrency:
            self._quiet.clear()
            self._tasks[run] = task = asyncio.create_task(self._advance(run), name=f"run {run}")
            task.add_done_callback(lambda _: self._ended(run))
        elif run not in self._next:
            self._next.append(run)

    async def advance(self, run: UUID) -> State | None:
        """As `go`, and wait until the run rests. None if another process has it. Raises StoreError if the database
        is away, so that whoever asked tries again."""
        while run in self._next or (run not in self._tasks and len(self._tasks) >= self.concurrency):
            await asyncio.wait(self._tasks.values(), return_when=asyncio.FIRST_COMPLETED)
        self.go(run)
        try:
            return await asyncio.shield(self._tasks[run])
        except StaleWriter:
            return None

    async def see_through(self, run: UUID) -> State:
        """Advance a run with all its children until it has ended or waits for what is not here: a person, a time.
        Raises what `App.advance` raises."""
        self._seen_through = run
        self.go(run)
        first = self._tasks[run]
        await self._quiet.wait()
        first.result()
        return await self.app.state(run)

    async def sweep(self, stop: asyncio.Event) -> None:
        """Until `stop`: advance runs that nobody does, such as those of a dead process, and those whose turn comes when
        a run here leaves their agent's line."""
        self.app.turns.call_next = self.go
        clock = asyncio.get_running_loop().time
        looked = clock()
        while not stop.is_set():
            try:
                room, store = self.room, self.app.store
                await self.app.leases.look()  # a process that advances nothing has no heart to look
                if room > 0:
                    idle = await orphans(store, SWEEP, room, self.agents)
                    for run in (*await called(store, self.agents, room), *idle):
                        self.go(run)
                if room > 0 and not self.agents and clock() > looked + FORGOTTEN:
                    looked = clock()
                    for run in await forgotten(store, FORGOTTEN, room):
                        LOG.warning("run %s waited for nothing; it is looked at again", run)
                        self.go(run)
            except (StoreError, psycopg.Error, OSError) as error:
                LOG.debug("cannot look for runs that nobody advances: %s", error)
            try:
                await asyncio.wait_for(stop.wait(), SWEEP)
            except TimeoutError:
                continue
        self.app.turns.call_next = None

    def _retry(self, run: UUID) -> None:
        if not self._stopping:
            self.go(run)

    async def drain(self, grace: float = 30.0) -> None:
        """Wait for what is being advanced, `grace` seconds at most: what is cut off then goes on elsewhere, as after a
        crash. What waits its turn is left to others."""
        self._stopping = True
        self._next.clear()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks.values(), timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _advance(self, run: UUID) -> State:
        try:
            state = await self.app.advance(run, watch=self.watch, urgent=self.urgent)
        except NoSuchRun:  # a child that its parent, which died or was paused right before, is yet to begin
            raise
        except UserError as error:
            if run != self._seen_through:  # nobody sits here to read it
                await self.app.put_before_person(run, str(error))
            raise
        if state.paused:  # a child that has ended would send us here again, and this run to it
            return state
        for delegated in state.children.values():
            if not self.agents or delegated.agent in self.agents:  # else a worker of theirs finds it
                self.go(delegated.child)
        if state.finished and state.started and state.started.parent and not self.agents:
            self.go(state.started.parent)
        return state

    def _ended(self, run: UUID) -> None:
        task = self._tasks.pop(run)
        error = None if task.cancelled() else task.exception()
        # Whoever has it goes on with it, or begins it
        if error is not None and not isinstance(error, StaleWriter | NoSuchRun):
            LOG.log(
                logging.WARNING if isinstance(error, RemitError) else logging.ERROR, "run %s: %s", run, error
            )
        if isinstance(error, StoreError | psycopg.Error | OSError):  # this process still has its lease
            asyncio.get_running_loop().call_later(SWEEP, self._retry, run)
        if run in self._again:
            self._again.discard(run)
            self.go(run)
        while self._next and len(self._tasks) < self.concurrency:
            self.go(self._next.popleft())
        if not self._tasks:
            self._quiet.set()
