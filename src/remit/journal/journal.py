"""Append to and read from the journal in PostgreSQL.

Appends of all runs of a process go to the database in one statement a commit (group commit): while one commit
is under way the next batch gathers. One statement is one transaction, so an append is there whole or not at all.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from remit.errors import StaleWriter, StoreError
from remit.journal.append import Append, index_of
from remit.journal.archive import ARCHIVED, Blobs, fetch
from remit.journal.body import decode, put_back
from remit.journal.events import AnyBody, Event
from remit.journal.facts import Facts
from remit.store import statement
from remit.store.store import Connection, Store, seems_dead

Json = Any

COPY: LiteralString = "copy events (run, seq, at, type, body) from stdin"  # the fastest way in for many rows
# Where runs begin. A guest's first statement: the database lets it write only about runs that it sees there already.
BEGIN: LiteralString = """
    insert into runs (id, workspace, agent, goal, person, parent, status, created_at,
                      cost, seconds, waited, answered, marks, updated_at)
    select t.id, workspace, agent, goal, person, parent, status, at, cost, seconds, waited, answered, marks, at
    from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[], %s::timestamptz[],
                %s::numeric[], %s::real[], %s::real[], %s::smallint[], %s::text[])
         as t (id, workspace, agent, goal, person, parent, status, at, cost, seconds, waited, answered, marks)
"""
# Where an append also touches a blob, the index of runs or what waits, all of it is one statement all the same.
EVENTS_AND_INDEX: LiteralString = (
    """
with put as (
    insert into events (run, seq, at, type, body)
    select * from unnest(string_to_array(%s, e'\\n')::uuid[], string_to_array(%s, e'\\n')::int[],
                     string_to_array(%s, e'\\n')::timestamptz[], string_to_array(%s, e'\\n'),
                     string_to_array(%s, e'\\n')::json[])
), apart as (
    insert into blobs (sha256, body, workspace)
    select t.sha256, t.body, coalesce(t.workspace, (select workspace from runs where runs.id = t.run), 'default')
    from unnest(%s::bytea[], %s::bytea[], %s::uuid[], %s::text[]) as t (sha256, body, run, workspace)
    on conflict do nothing
), begun as (
"""
    + BEGIN
    + """
    returning parent, status
), moved as (
    update runs set status = t.status, updated_at = t.at, seq = t.seq,
        cost = case when t.marks is null then runs.cost else t.cost end,
        seconds = case when t.marks is null then runs.seconds else t.seconds end,
        waited = case when t.marks is null then runs.waited else t.waited end,
        answered = case when t.marks is null then runs.answered else t.answered end,
        marks = coalesce(t.marks, runs.marks)
    from unnest(%s::uuid[], %s::text[], %s::timestamptz[], %s::int[],
                %s::numeric[], %s::real[], %s::real[], %s::smallint[], %s::text[])
         as t (id, status, at, seq, cost, seconds, waited, answered, marks)
    where runs.id = t.id and runs.seq <= t.seq
    returning runs.parent, runs.status
), asked as (
    insert into asks (run, ask_id, kind, text, at, expires)
    select * from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::timestamptz[])
), answered as (
    delete from asks using unnest(%s::uuid[], %s::text[]) as t (run, ask_id)
    where asks.run = t.run and (t.ask_id = '' or asks.ask_id = t.ask_id)
), rung as (  -- what a run waited for when it ended
    delete from remit_timers using unnest(%s::uuid[]) as t (run) where remit_timers.run = t.run
)
insert into remit_timers (run, due)
select * from unnest(%s::uuid[], %s::timestamptz[])
union
select parent, now() from (table begun union table moved) as child
where parent is not null and status not in ('running', 'waiting', 'paused')
on conflict do nothing
"""
)
BEGUN = slice(4, 17)  # the columns of runs among those of `index_of`
# One plan for each statement: planning anew costs more than carrying out, the more so the fuller the store. Made while
# the tables were small, it must not scan them when they are large.
PLANS: LiteralString = """
    select set_config('plan_cache_mode', 'force_generic_plan', false), set_config('enable_seqscan', 'off', false)
"""
FEW = tuple(  # for so few rows, plain values cost the server least
    b"insert into events (run, seq, at, type, body) values "
    + b", ".join(b"($%d, $%d, $%d, $%d, $%d)" % tuple(range(5 * row + 1, 5 * row + 6)) for row in range(rows))
    for rows in range(1, 5)
)
READ: LiteralString = "select seq, at, type, body::text from events where run = %s and seq > %s order by seq"
READ_BLOBS: LiteralString = "select sha256, body from blobs where sha256 = any(%s)"

# Events in one commit, at the most: while the server writes one batch, this process makes the next
BATCH = 128


@dataclass
class Journal:
    """The journal of one store. Use one per process, so that its runs share commits."""

    store: Store
    _pending: deque[Append] = field(default_factory=deque)
    _flusher: asyncio.Task[None] | None = None
    _connection: Connection | None = None
    _prepared: set[bytes] = field(default_factory=set)  # statements, on that connection

    async def append(
        self, run: UUID, after: int, bodies: Sequence[AnyBody], facts: Facts | None = None
    ) -> list[Event]:
        """Write `bodies` as events after+1 …, durable when this returns. `facts`: what the run has come to with them, where it
        rests then.

        Raises StaleWriter if another writer has appended after `after`; StoreError if the database is away.
        """
        append = self.submit(run, after, bodies)
        append.facts = facts
        return await append.done

    def submit(
        self, run: UUID, after: int, bodies: Sequence[AnyBody], behind: Append | None = None
    ) -> Append:
        """As `append`, without waiting: the events are durable once `done` has its result. `behind` is an earlier
        submission that this one builds on: they are committed in order, and if it fails this one fails too."""
        append = Append.of(run, enumerate(bodies, after + 1), datetime.now(UTC), behind)
        self._pending.append(append)
        if self._flusher is None or self._flusher.done():
            self._flusher = asyncio.create_task(self._flush())
        return append

    async def read(self, run: UUID, after: int = 0) -> list[Event]:
        """The run's events in order, with what was set apart put back. [] for an unknown run."""
        async with self.store.pool.connection() as connection:
            rows = await (await connection.execute(READ, (run, after))).fetchall()
            found: Blobs = {}
            while rows and rows[-1][2] == ARCHIVED:
                if packed := await fetch(connection, run, after):
                    rows, found = packed
                else:  # restored meanwhile
                    rows = await (await connection.execute(READ, (run, after))).fetchall()
            events = [decode(run, *row) for row in rows]
            wanted = {
                bytes.fromhex(getattr(e.body, name)) for e in events for name in e.body.big
            } - found.keys()
            if wanted:
                found |= dict(await (await connection.execute(READ_BLOBS, (list(wanted),))).fetchall())
        return [put_back(event, found) for event in events]

    async def close(self) -> None:
        """Wait for what is pending and give the connection back."""
        if self._flusher is not None:
            await asyncio.gather(self._flusher, return_exceptions=True)
        await self._drop_connection()

    async def _flush(self) -> None:
        written: list[Append] = []  # in the database, and not yet told
        batch: list[Append] = []
        try:
            while batch := await self._next_batch(written):
                if await self._write(batch, written):
                    written = batch
        finally:  # whatever broke it off, nobody waits for ever
            tell(written)
            for append in (*batch, *self._pending):
                settle(append, StoreError("the journal's writer broke off; what became of this is not known"))
            self._pending.clear()

    async def _write(self, batch: list[Append], written: list[Append]) -> bool:
        """Whether it is in the database whole, and nobody of it told yet; else each of it knows what became of it."""
        try:
            await self._commit(batch, written)
        except (psycopg.IntegrityError, psycopg.DataError):
            tell(written)
            await self._commit_each(batch)
            return False
        except (psycopg.Error, OSError, StoreError) as error:
            tell(written)
            await self._drop_connection()
            for append in batch:
                settle(append, _explain(error))
            return False
        tell(written)
        return True

    async def _next_batch(self, written: list[Append]) -> list[Append]:
        """What is to be written next; [] once there is nothing and everybody of `written` is told."""
        while not (batch := self._gather()):
            tell(written)
            await asyncio.sleep(0)  # who waited for the last commit may have more to write already
            if not self._pending:
                break
        return batch

    def _gather(self) -> list[Append]:
        batch: list[Append] = []
        size = 0
        while self._pending and (not batch or size + len(self._pending[0].rows) <= BATCH):
            append = self._pending.popleft()
            if append.orphaned:
                settle(append, _stale(append.run))
            else:
                batch.append(append)
                size += len(append.rows)
        return batch

    async def _commit_each(self, batch: list[Append]) -> None:
        """Somebody in the batch is stale, or has what the database does not take: find who, so that nobody else suffers."""
        for append in batch:
            try:
                if append.orphaned:
                    raise _stale(append.run)
                await self._commit([append], [])
            except (psycopg.errors.UniqueViolation, StaleWriter):
                settle(append, _stale(append.run))
            except (psycopg.Error, OSError, StoreError) as error:
                await self._drop_connection()
                settle(append, _explain(error))
            else:
                settle(append)

    async def _commit(self, batch: list[Append], written: list[Append]) -> None:
        """Write a batch in one transaction. Who waits for the batch before, `written`, is told when this one is on its
        way, so that the server has work while they make their next."""
        if self.store.guest:
            tell(written)
            async with self.store.pool.connection() as lent, lent.transaction():
                await write(lent, batch)
            return
        if self._connection is None or seems_dead(self._connection):
            await self._drop_connection()
            self._connection = await self.store.own.getconn()
            await self._connection.execute(PLANS)
        connection = self._connection
        rows = [row for append in batch for row in append.rows]
        indexed = any(append.indexed for append in batch)
        if len(rows) > len(FEW) and not indexed:
            lines = ["\t".join((*rest, body.replace("\\", "\\\\"))) for *rest, body in rows]
            async with connection.cursor() as cursor, cursor.copy(COPY) as copy:
                await copy.write("\n".join(lines) + "\n")
                tell(written)
            return
        tell(written)  # they are woken only after the statement is sent, at our first wait
        if indexed:
            # columns of events come as text, a row a line: JSON has no bare line break
            events = ["\n".join(column) for column in zip(*rows, strict=True)]
            await connection.execute(EVENTS_AND_INDEX, [*events, *index_of(batch)], prepare=True)
        else:
            name = b"few%d" % len(rows)
            values = [value.encode() for row in rows for value in row]
            await statement.run(connection, name, FEW[len(rows) - 1], values, self._prepared)

    async def _drop_connection(self) -> None:
        self._prepared.clear()
        if self._connection is not None:
            await self._connection.close()  # with what was prepared on it
            await self.store.own.putconn(self._connection)  # the pool puts another in its place
            self._connection = None


async def write(connection: Connection, batch: Sequence[Append]) -> None:
    """Within a transaction, as anybody: what people write is little, and under policies, which refuse a COPY."""
    events = ["\n".join(column) for column in zip(*(r for a in batch for r in a.rows), strict=True)]
    index = index_of(batch)
    if index[BEGUN.start]:
        await connection.execute(BEGIN, index[BEGUN])
        index[BEGUN] = [[] for _ in index[BEGUN]]
    await connection.execute(EVENTS_AND_INDEX, [*events, *index])


def _stale(run: UUID) -> StaleWriter:
    return StaleWriter(f"run {run} was advanced elsewhere; this worker stops")


def tell(written: list[Append]) -> None:
    """Tell who waits that their events are durable; empties the list."""
    for append in written:
        settle(append)
    written.clear()


def settle(append: Append, error: Exception | None = None) -> None:
    append.behind = None  # a long run must not hold on to all it wrote
    if append.done.done():  # its caller was cancelled
        return
    if error is None:
        append.done.set_result(append.events)
    else:
        append.done.set_exception(error)
        append.done.exception()  # seen: a caller that is gone must not leave a warning behind


def _explain(error: Exception) -> StoreError:
    if isinstance(error, StoreError):
        return error
    if isinstance(error, psycopg.errors.DiskFull):
        return StoreError("the database's disk is full; nothing was lost. Free space, then `remit resume`")
    return StoreError(f"the journal could not be written: {str(error).strip() or type(error).__name__}")
