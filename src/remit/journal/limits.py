"""Limits held over all workers by the database: who is at it, who waits, and whose turn it is.

Of two kinds. A *slot* is one of so many at once; it counts while the worker that took it lives and has the run's lease,
so that a dead worker's slots come back with its leases. A *turn* is one of so many in a time; who comes too early has one
set aside. Both are one statement (migration 0007), by the database's clock. What has no limit asks nothing.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime
from time import monotonic
from typing import LiteralString
from uuid import UUID

import psycopg

from remit.errors import Busy
from remit.journal.lease import Leases
from remit.rate import Rate
from remit.store.guest import DEFAULT
from remit.store.store import Store

RECOUNT = 2.0  # seconds that a count of open runs is believed
EXACT = 1000  # up to so many are counted each time
LOG = logging.getLogger(__name__)
SLOT: LiteralString = "select remit_take_slot(%s, %s, %s, %s, %s, %s, %s)"
TURNS: LiteralString = "select * from remit_take_turns(%s, %s, %s, %s, %s, %s)"
REST: LiteralString = "select remit_rest(%s, %s, %s, %s, %s, %s, %s)"
IN_TIME = " in time"  # how the name of a rate ends
LEAVE: LiteralString = """
    delete from slots using unnest(%s::text[], %s::uuid[], %s::text[], %s::uuid[]) as gone (name, run, call, worker)
    where slots.name = gone.name and slots.run = gone.run and slots.call = gone.call and slots.worker = gone.worker
"""
NEXT: LiteralString = """
    select run from slots where name = %s and worker is null and call = '' order by ticket limit 1
"""

Place = tuple[str, UUID, str]  # the limit's name, the run, the call: "" is the run itself


@dataclass(frozen=True, slots=True)
class Pause:
    """In how many seconds a turn is; 0: now. `slowest`: the rate by whose name it waits; `why`: its provider takes no more for now."""

    seconds: float
    slowest: str = ""
    why: str = ""


@dataclass
class Turns:
    """The slots and turns of this process."""

    store: Store
    leases: Leases
    call_next: Callable[[UUID], None] | None = None  # whoever goes on with a run whose turn has come
    _held: dict[Place, UUID] = field(default_factory=dict)  # -> as which worker
    _runs: dict[UUID, Place] = field(default_factory=dict)
    _owed: dict[Place, UUID] = field(default_factory=dict)  # left, and the database was away
    _near: dict[str, deque[asyncio.Future[None]]] = field(default_factory=dict)  # who waits in this process

    async def slot(self, place: Place, most: int, *, strict: bool = False, urgent: bool = False) -> float:
        """0 if the place is taken; else it stands in line, and should ask again in so many seconds. `strict`: in exact
        order. `urgent`: beyond the limit too."""
        worker = self.leases.id
        async with self.store.pool.connection() as connection:
            if self._owed:
                await self._pay(connection)
            values = (*place, worker, most, strict, urgent)
            row = await (await connection.execute(SLOT, values, prepare=True)).fetchone()
        assert row is not None
        if not row[0]:
            self._held[place] = worker
            if not place[2]:
                self._runs[place[1]] = place
        return float(row[0])

    async def turn(self, place: Place, rate: Rate) -> float:
        """0 if it may go; else its turn is in so many seconds, and is set aside."""
        name, run, call = place
        return (await self.turns(run, call, {name: rate})).seconds

    async def turns(self, run: UUID, call: str, rates: Mapping[str, Rate]) -> Pause:
        """A turn of all these rates, by name, or of none; where it has to wait one is set aside."""
        given = rates.values()
        some = (list(rates), run, call, [one.every for one in given], [one.burst for one in given])
        async with self.store.pool.connection() as connection:
            row = await (
                await connection.execute(TURNS, (*some, [one.late for one in given]), prepare=True)
            ).fetchone()
        assert row is not None
        return Pause(float(row[0]), row[1] or "", row[2] or "")

    async def rest(self, run: UUID, call: str, rates: Mapping[str, Rate], seconds: float, why: str) -> None:
        """Nobody has a turn of these for so long; the call that found that out is the first then."""
        given = rates.values()
        some = (list(rates), run, call, [one.every for one in given], [one.burst for one in given])
        async with self.store.pool.connection() as connection:
            await connection.execute(REST, (*some, seconds, why[:300]))

    async def leave(self, *places: Place) -> None:
        """Give slots back. Never fails: what cannot be said now is said with the next, or found with the lease."""
        self._owed |= {place: self._held.pop(place) for place in places if place in self._held}
        if not self._owed:
            return
        try:
            async with self.store.pool.connection() as connection:
                await self._pay(connection)
                if self.call_next is not None:
                    for name, _, call in places:
                        row = None if call else await (await connection.execute(NEXT, (name,))).fetchone()
                        if row is not None:
                            self.call_next(row[0])
        except (psycopg.Error, OSError) as error:
            LOG.debug("slots are left to be found: %s", error)
        for name, _, _ in places:
            self._tell(name)

    @asynccontextmanager
    async def left(self, run: UUID) -> AsyncIterator[None]:
        """Around the advance of a run: what it took in its agent's line is given back at the end."""
        try:
            yield
        finally:
            if place := self._runs.pop(run, None):
                await self.leave(place)

    async def forget(self, run: UUID) -> None:
        """A run that stands in line wants nothing any more."""
        async with self.store.pool.connection() as connection:
            await connection.execute("delete from slots where run = %s and worker is null", (run,))

    async def until_free(self, name: str, seconds: float) -> None:
        """Wait until this process gives back a slot of that name, or for so long."""
        near = self._near.setdefault(name, deque())
        mine: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        near.append(mine)
        try:
            await asyncio.wait({mine}, timeout=seconds)
        finally:
            if mine.cancel():
                near.remove(mine)
            if not near:
                self._near.pop(name, None)

    def _tell(self, name: str) -> None:
        if near := self._near.get(name):
            near.popleft().set_result(None)

    async def _pay(self, connection: psycopg.AsyncConnection[tuple[object, ...]]) -> None:
        owed = dict(self._owed)
        columns = [
            list(column) for column in zip(*((*place, worker) for place, worker in owed.items()), strict=True)
        ]
        await connection.execute(LEAVE, columns, prepare=True)
        for place in owed:
            self._owed.pop(place, None)


def sender_name(workspace: str, sender: str, rate: str) -> str:
    """What a rate of a mailbox, a number or a Slack is held under."""
    return f"sender:{workspace}/{sender} {rate}"


@dataclass(frozen=True, slots=True)
class Standing:
    """How a sender stands with one of its rates: how many wait, when the last of them goes, and until when it rests and why."""

    rate: str
    waiting: int
    until: datetime | None
    rests_until: datetime | None
    why: str


async def standing_of(store: Store, sender: str, rates: Sequence[str]) -> list[Standing]:
    """For the owner of the tables; of the store's workspace."""
    query = """
        select r.rests_until, r.why, count(s.run), max(s.due), clock_timestamp()
        from rates r left join slots s on s.name = r.name and s.worker is null where r.name = %s group by r.name
    """
    found = []
    async with store.pool.connection() as connection:
        for rate in rates:
            name = sender_name(store.workspace, sender, rate) + IN_TIME
            row = await (await connection.execute(query, (name,))).fetchone()
            rests, why, waiting, until, now = row or (None, "", 0, None, None)
            if rests is not None and rests <= now:
                rests, why = None, ""
            found.append(Standing(rate, waiting, until, rests, why))
    return found


async def called(store: Store, agents: Collection[str], limit: int) -> list[UUID]:
    """Runs in line for their agent's limit that should ask again: the first of each line, as whoever should have called
    it may have died, and those whose time has come."""
    query = """
        select run from (
            (select distinct on (name) run, ticket from slots
             where worker is null and call = '' and most > 0 order by name, ticket)
            union
            (select run, ticket from slots where worker is null and call = '' and due <= now() order by ticket limit %(limit)s)
        ) as line
        where %(all)s or exists (select from runs where runs.id = run and agent = any(%(agents)s))
        order by ticket limit %(limit)s
    """
    values = {"limit": limit, "all": not agents, "agents": list(agents)}
    async with store.pool.connection() as connection:
        found = await connection.execute(query, values)
        return [row[0] for row in await found.fetchall()]


async def in_line(store: Store, runs: Iterable[UUID]) -> dict[UUID, str]:
    """Which of the runs wait for their agent's limit, and what to say of it."""
    query = """
        select s.run, s.name, s.most, s.due, (select count(*) from slots as at where at.name = s.name and at.worker is not null)
        from slots as s where s.run = any(%s) and s.worker is null and s.call = ''
    """
    async with store.pool.connection() as connection:
        found = await connection.execute(query, (list(runs),))
        return {run: words(*rest) for run, *rest in await found.fetchall()}


def words(name: str, most: int, due: datetime, busy: int) -> str:
    agent = name.rpartition("/")[2]
    if not most:
        return (
            f"queued: {agent} begins no more runs than its rate; its turn is at {due.astimezone():%H:%M:%S}"
        )
    return f"queued: {busy} of {most} runs of {agent} are running"


async def open_runs(store: Store, most: int, agent: str = "", workspace: str = DEFAULT) -> int:
    """How many runs are open, of an agent or in all workspaces; not counted further than `most`."""
    some: LiteralString = "select from runs where status in ('running', 'waiting', 'paused')"
    one: LiteralString = some + " and workspace = %s and agent = %s"
    values: Sequence[object] = (workspace, agent, most) if agent else (most,)
    query: LiteralString = f"select count(*) from ({one if agent else some} limit %s) as found"
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, values)).fetchone()
        assert row is not None
        return int(row[0])


@dataclass
class Openings:
    """Whether one more run may be begun. What is open is counted now and then and not further than the limit, so that
    a start costs nothing and the limit holds to about what is begun in `RECOUNT` seconds."""

    store: Store
    most: int
    _known: dict[tuple[str, str], tuple[int, float]] = field(
        default_factory=dict
    )  # workspace and agent, "" is all -> open, counted when

    async def admit(self, agent: str, queue: int | None, workspace: str) -> None:
        """Count one more in. Raises Busy."""
        limits = [(("", ""), self.most)]
        limits += [] if queue is None else [((workspace, agent), queue)]
        for name, most in limits:
            if await self._open(name, most) >= most:
                raise Busy(full(name[1], most))
        for name, _ in limits:
            count, at = self._known[name]
            self._known[name] = (count + 1, at)

    async def _open(self, name: tuple[str, str], most: int) -> int:
        count, at = self._known.get(name, (0, 0.0))
        age = monotonic() - at
        if age > RECOUNT or most <= EXACT or (count >= most and age > RECOUNT / 4):
            count = await open_runs(self.store, most, name[1], name[0])
            self._known[name] = (count, monotonic())
        return count


def full(agent: str, most: int) -> str:
    if agent:
        return f"{most} runs of {agent} are open, and its limits.queue is {most}: some must end before one more begins."
    return (
        f"{most} runs are open, as many as REMIT_MAX_OPEN_RUNS allows: some must end before one more begins. "
        "Start workers (`remit worker`), or cancel what is not wanted any more."
    )
