"""Who advances a run: leases in a table, kept by heartbeats, so that any pool (pgbouncer too) and any number of machines
will do.

Three promises, in this order:

1. Two live processes never advance one run knowingly: a lease is taken only from a process that has been buried.
2. A process is buried when its beat has stood still for its `ttl` by the *observer's* steady clock, or when it ran on
   this machine and is gone. No wall clock is compared with another; what is due is due by the database's (`now`).
3. Whoever may have been buried stops by itself: a lease counts for `ttl` less a margin from when the last confirmed
   beat was *sent*; an effect begins only while it counts, and is broken off when it ends (`effect`).

A process that is stopped between that last look and its effect's first byte is what no lease can hold off; the
effect's idempotency key does. What keeps the journal right is that (run, seq) is unique.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg

from remit.errors import LeaseLost, StaleWriter, StoreError
from remit.store.processes import gone, identity, place
from remit.store.store import Connection, Store, seems_dead

TTL = 6.0  # seconds without a beat after which a process counts as dead
TRIES, PAUSE = 10, 0.05  # seconds between
LOG = logging.getLogger(__name__)

ENTER: LiteralString = """
    insert into workers (id, name, place, pid, ttl) values (%s, %s, %s, %s, %s)
    on conflict (id) do nothing returning clock_timestamp()
"""
BEAT: LiteralString = """
    update workers set beat = beat + 1, seen_at = now() where id = %s returning clock_timestamp()
"""
LEAVE: LiteralString = """
    with gone as (delete from leases where worker = %s and run <> all(%s)) delete from workers where id = %s
"""
OTHERS: LiteralString = "select id, place, pid, ttl, beat from workers where id <> %s"
# Whoever beats meanwhile changed the row: then it is not the one that was observed, and stays.
BURY: LiteralString = "delete from workers where id = %s and beat = %s returning id"
# A dead holder is one that held the lease before this statement began and was buried by then. Of one that entered and took
# it since, `workers` would say the same as of a buried one: the statement sees it as it was.
TAKE: LiteralString = """
    with let_go as (
        delete from leases using unnest(%s::uuid[]) as r (run) where leases.run = r.run and leases.worker = %s
    )
    insert into leases as l (run, worker) select w.run, %s from unnest(%s::uuid[]) as w (run) order by w.run
    on conflict (run) do update set worker = excluded.worker, at = now(),
        deaths = l.deaths + (l.worker <> excluded.worker)::int
    where l.worker = excluded.worker
        or (not exists (select from workers where workers.id = l.worker)
            and exists (select from leases as before where before.run = l.run and before.worker = l.worker))
    returning run, deaths
"""


def steady() -> float:
    """Seconds that go on while the machine sleeps, where the system can tell."""
    clock = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
    return time.clock_gettime(clock)


@dataclass
class Leases:
    """The leases of this process. It is known to others from its first lease until `close`."""

    store: Store
    name: str = "remit"
    ttl: float = TTL  # seconds
    id: UUID = field(default_factory=uuid4)
    held: dict[UUID, int] = field(default_factory=dict)  # run -> workers that died while they held it
    lost: set[UUID] = field(default_factory=set)  # held here, and perhaps by another too
    until: float = 0.0  # by `steady`: when the leases stop to count unless a beat is confirmed before
    # Asked at each beat, of the runs held
    interrupt: Callable[[Collection[UUID]], Awaitable[None]] | None = None
    _entered: bool = False
    _told: tuple[datetime, float] | None = None  # the database's time, and when that was by `steady`
    # Of its own: a beat must not wait behind what runs want of the pool
    _connection: Connection | None = None
    _alone: asyncio.Lock = field(default_factory=asyncio.Lock)
    _effects: dict[asyncio.Task[Any], UUID] = field(default_factory=dict)
    _wanted: dict[UUID, asyncio.Future[int | None]] = field(default_factory=dict)
    _let_go: set[UUID] = field(default_factory=set)
    # Whose statement has no answer: not held here, perhaps ours in the table, to be given back
    _owed: set[UUID] = field(default_factory=set)
    # Left by an error of the database: the lease stays until it is advanced again, here or, once we are gone, elsewhere
    _unsure: set[UUID] = field(default_factory=set)
    _taker: asyncio.Task[None] | None = None
    _heart: asyncio.Task[None] | None = None
    _seen: dict[UUID, tuple[int, float]] = field(default_factory=dict)  # other process -> beat, since when

    @asynccontextmanager
    async def hold(self, run: UUID) -> AsyncIterator[int]:
        """Hold a run while the block runs; gives how many workers have died while they held it, one after the other.
        Raises StaleWriter if another task or a living process has the run."""
        if run in self.held:
            raise StaleWriter(f"run {run} is already being advanced by this process")
        self.held[run] = 0
        try:
            for _ in range(TRIES):
                deaths = await self._take(run)
                if deaths is not None:
                    break
                await asyncio.sleep(PAUSE)  # it may be about to let go, or to be found dead
            else:
                raise StaleWriter(f"run {run} is being advanced by another process")
            self.held[run] = deaths
            try:
                yield deaths
            except (StoreError, psycopg.Error, OSError):
                self._unsure.add(
                    run
                )  # what became of its last words is not known: somebody must come back to it
                raise
            except BaseException:
                self._release(run)
                raise
            self._release(run)
        finally:
            self.held.pop(run, None)
            self.lost.discard(run)

    def check(self, run: UUID) -> None:
        """Raises LeaseLost unless the lease of a run that is held here surely counts still."""
        if run in self.lost or not self.fit():
            raise LeaseLost(f"run {run}: this process could not renew its lease in time, and stops")

    @asynccontextmanager
    async def effect(self, run: UUID) -> AsyncIterator[None]:
        """Around an effect: it begins only under a lease that counts, and is cancelled when the lease ends.
        Raises LeaseLost in either case; what became of the effect is then for whoever has the run next."""
        self.check(run)
        task = asyncio.current_task()
        assert task is not None
        self._effects[task] = run
        try:
            yield
        except asyncio.CancelledError:
            if run in self.lost and not task.uncancel():
                words = f"run {run}: this process lost its lease in the middle of an effect"
                raise LeaseLost(words) from None
            raise
        finally:
            self._effects.pop(task, None)

    def fit(self) -> bool:
        """Whether the leases surely count still. To be asked right before an effect."""
        return steady() < self.until

    def now(self) -> datetime:
        """The time by the database's clock, as of the last beat: it is the same for all, where this machine's own may be
        wrong, or jump. Before the first beat, this machine's."""
        if self._told is None:
            return datetime.now(UTC)
        then, at = self._told
        return then + timedelta(seconds=steady() - at)

    async def close(self) -> None:
        """Let go of everything, and be known no more."""
        if self._heart is not None:
            while not self._heart.done():
                self._heart.cancel()  # if a connection breaks just then, it sees that instead and beats on
                await asyncio.wait([self._heart], timeout=1.0)
            self._heart = None
        if self._taker is not None:
            await asyncio.gather(self._taker, return_exceptions=True)
        if self._entered:
            self._entered = False
            try:
                await self._ask(LEAVE, (self.id, list(self._unsure), self.id))
            except (psycopg.Error, OSError) as error:
                LOG.debug("the leases are left to be found: %s", error)
        await self._disconnect()

    async def _take(self, run: UUID) -> int | None:
        """How many died holding it, once the lease is ours; None if somebody has it. Takes gather while one statement
        is under way, as appends do."""
        if run in self._let_go:  # never given back yet
            self._let_go.discard(run)
            return 0
        done: asyncio.Future[int | None]
        self._wanted[run] = done = asyncio.get_running_loop().create_future()
        self._stir()
        return await done

    def _release(self, run: UUID) -> None:
        self._unsure.discard(run)
        if self._entered and run not in self.lost:
            self._let_go.add(run)
            self._stir()

    def _stir(self) -> None:
        if self._taker is None or self._taker.done():
            self._taker = asyncio.create_task(self._take_and_give())

    async def _take_and_give(self) -> None:
        await asyncio.sleep(0)  # what is asked for in the same turn goes together
        while self._wanted or self._let_go or self._owed:
            wanted, self._wanted = self._wanted, {}
            given, self._let_go = (self._let_go | self._owed) - wanted.keys(), set()
            self._owed = set()
            try:
                if wanted and not self._entered:
                    await self._enter()
                if not self._entered:
                    if not wanted:
                        return
                    self._wanted = {**wanted, **self._wanted}  # our name was lost before we could use it
                    continue
                me = self.id
                rows = await self._ask(TAKE, (list(given), me, me, list(wanted)))
                taken: dict[UUID, int] = dict(rows)
            except psycopg.errors.DeadlockDetected:  # with another process that takes and gives the same runs
                self._wanted, self._let_go = {**wanted, **self._wanted}, given | self._let_go
                continue
            except (psycopg.Error, OSError) as error:
                for done in wanted.values():
                    if not done.done():
                        done.set_exception(StoreError(f"the database is away: {error}"))
                self._owed |= given | wanted.keys()  # else nobody could take them while this process lives
                if self._wanted or self._let_go:
                    continue
                return  # the next beat that comes through gives them back
            if self.id == me:  # what was wanted while an earlier name was lost is held under this one
                self.lost -= taken.keys()
            for run, done in wanted.items():
                if not done.done():
                    done.set_result(taken.get(run))
                elif run in taken:  # who asked is gone
                    self._let_go.add(run)

    async def _enter(self) -> None:
        sent = steady()
        try:
            self._hear(await self._ask(ENTER, (self.id, self.name, place(), identity(), self.ttl)), sent)
        except (psycopg.Error, OSError):
            self.id = uuid4()  # others may have seen the name already, and count from then
            raise
        self.until = sent + self.ttl * 2 / 3
        self._entered = True
        self._heart = asyncio.create_task(self._beat())  # even if the next statement fails
        await self.look()  # the dead of this machine are found at once

    async def _beat(self) -> None:
        """Beat, look after the others, and let everything go if the beat could not be confirmed in time."""
        while True:
            await asyncio.sleep(min(self.ttl / 6, max(0.0, self.until - steady())))
            sent = steady()
            try:
                async with asyncio.timeout(max(0.01, self.until - sent)):
                    known = self._hear(await self._ask(BEAT, (self.id,)), sent)
                    if known:
                        self.until = sent + self.ttl * 2 / 3
                    if self._owed:
                        self._stir()
                    await self.look()
                    if self.interrupt is not None and self.held:
                        await self.interrupt(self.held.keys())
            except (psycopg.Error, OSError, TimeoutError) as error:
                LOG.debug("a beat failed: %s", error)
                known = True  # as far as can be told
            if not known or not self.fit():
                self._lose()
                return

    def _hear(self, rows: Sequence[Any], sent: float) -> bool:
        """Take the database's time from its answer; False where it does not know this process."""
        if rows:
            self._told = (rows[0][0].astimezone(UTC), (sent + steady()) / 2)
        return bool(rows)

    async def look(self) -> list[UUID]:
        """Bury the processes that are dead: gone from this machine, or silent for their ttl. Returns whom."""
        here, now = place(), steady()
        rows = await self._ask(OTHERS, (self.id,))
        # The statement may have taken long: a beat was seen by then at the latest, and stood still till `now` at least.
        read, before = steady(), self._seen
        self._seen = {
            worker: before[worker] if before.get(worker, (None,))[0] == beat else (beat, read)
            for worker, _, _, _, beat in rows
        }
        buried = []
        for worker, where, pid, ttl, beat in rows:
            silent = now - self._seen.get(worker, (beat, now))[1] > ttl
            dead = silent or (where and where == here and gone(pid))
            if dead and await self._ask(BURY, (worker, beat)):
                LOG.warning("worker %s (process %s) is dead; its runs are free", worker, pid)
                buried.append(worker)
        return buried

    async def _ask(self, query: LiteralString, values: Sequence[Any]) -> list[Any]:
        """The rows of one statement, which is a transaction."""
        async with self._alone:
            if self._connection is None or seems_dead(self._connection):
                await self._disconnect()
                self._connection = await self.store.own.getconn()
            found = await self._connection.execute(query, values, prepare=True)
            return await found.fetchall() if found.description else []

    async def _disconnect(self) -> None:
        if self._connection is not None:
            await self.store.own.putconn(self._connection)  # which throws a broken one away
            self._connection = None

    def _lose(self) -> None:
        """This process may have been buried: break off its effects, and come back under a new name."""
        LOG.warning(
            "worker %s could not say in time that it lives; %s runs may be another's", self.id, len(self.held)
        )
        self._entered, self.until, self.id = False, 0.0, uuid4()
        self._let_go.clear()
        self._owed.clear()
        self._unsure.clear()
        self._seen.clear()
        self.lost.update(self.held)
        for task in self._effects:
            task.cancel()
