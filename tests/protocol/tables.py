"""The database as the platform meets it: the answers to its statements, each executed at one moment.

Rows and rules are those of the migrations: (run, seq) is unique, a lease names a worker, who is buried is not in
`workers`. A statement that is not known here ends the exploration with an error.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from operator import itemgetter
from typing import Any
from uuid import UUID

import psycopg

from remit.journal import lease
from remit.journal.append import Append, status_after
from remit.journal.events import Event
from remit.journal.journal import Journal, tell

Rows = list[tuple[Any, ...]]
NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)  # by the clock on the wall of the simulated database
Ask = Callable[[str, str, Callable[[], Any]], Awaitable[Any]]  # what, with what, done at its moment


class Told(list[Event]):
    """Events as they were read, with their rows to tell them by."""

    rows: tuple[str, ...] = ()


@dataclass
class Tables:
    """What is durable."""

    events: dict[UUID, dict[int, tuple[Event, str]]] = field(
        default_factory=dict
    )  # run -> seq -> event, its row
    workers: dict[UUID, list[Any]] = field(default_factory=dict)  # id -> place, pid, ttl, beat
    leases: dict[UUID, tuple[UUID, int]] = field(default_factory=dict)  # run -> worker, deaths
    runs: dict[UUID, tuple[str, int]] = field(default_factory=dict)  # run -> status, seq of it

    def append(self, batch: Sequence[Append]) -> None:
        """One transaction. Raises UniqueViolation if a (run, seq) is taken."""
        for append in batch:
            assert append.rows, "an append without events: no statement is made for that"
            if any(event.seq in self.events.get(event.run, ()) for event in append.events):
                raise psycopg.errors.UniqueViolation("events_pkey")
        for append in batch:
            for event, row in zip(append.events, append.rows, strict=True):
                self.events.setdefault(event.run, {})[event.seq] = (event, f"{row[3]} {row[4]}")
                status = "running" if event.seq == 1 else status_after(event.body)
                if status and self.runs.get(event.run, ("", 0))[1] <= event.seq:
                    self.runs[event.run] = (status, event.seq)

    def read(self, run: UUID) -> Told:
        told = Told(event for _, (event, _) in sorted(self.events.get(run, {}).items(), key=itemgetter(0)))
        told.rows = self.text(run)
        return told

    def text(self, run: UUID) -> tuple[str, ...]:
        """The journal of a run, as something to compare."""
        return tuple(text for _, (_, text) in sorted(self.events.get(run, {}).items(), key=itemgetter(0)))

    def unattended(self, run: UUID) -> bool:
        """What `journal.index.orphans` looks for: a dead holder, or a run that is to move and has none."""
        if run in self.leases:
            return self.leases[run][0] not in self.workers
        return self.runs[run][0] == "running"

    def execute(self, query: str, values: Sequence[Any]) -> Rows:
        match query:
            case lease.ENTER:
                self.workers.setdefault(values[0], [values[2], values[3], values[4], 0])
                return [(NOON,)]
            case lease.BEAT:
                if row := self.workers.get(values[0]):
                    row[3] += 1
                    return [(NOON,)]
            case lease.OTHERS:
                return [(other, *row) for other, row in self.workers.items() if other != values[0]]
            case lease.BURY:
                if values[0] in self.workers and self.workers[values[0]][3] == values[1]:
                    del self.workers[values[0]]
                    return [(values[0],)]
            case lease.TAKE:
                return self._take(*values)
            case _:
                return self._other(query, values)
        return []

    def _take(self, given: list[UUID], me: UUID, _me: UUID, wanted: list[UUID]) -> Rows:
        assert not set(given) & set(wanted), "a run is given and taken in one statement"
        for run in given:
            if self.leases.get(run, (None,))[0] == me:
                del self.leases[run]
        taken: Rows = []
        for run in sorted(wanted):
            holder, deaths = self.leases.get(run, (me, 0))
            if holder == me or holder not in self.workers:
                self.leases[run] = (me, deaths + (holder != me))
                taken.append((run, deaths + (holder != me)))
        return taken

    def _other(self, query: str, values: Sequence[Any]) -> Rows:
        if query == lease.LEAVE:
            me, kept, _ = values
            self.leases = {run: held for run, held in self.leases.items() if held[0] != me or run in kept}
            self.workers.pop(me, None)
            return []
        if query.startswith("update runs set status"):  # journal.index.rest
            status, seq, run, _ = values
            if self.runs[run][1] <= seq:
                self.runs[run] = (status, seq)
            return []
        if query.startswith("select id from runs where id = any"):  # journal.index.ended
            return [(run,) for run in values[0] if self.runs[run][0] == values[1]]
        if "from remembered" in query:  # nobody has said yes for good
            return []
        raise AssertionError(f"the model does not know this statement: {query}")


NAMES = {
    lease.ENTER: "enter",
    lease.BEAT: "beat",
    lease.OTHERS: "see",
    lease.BURY: "bury",
    lease.TAKE: "take",
}


@dataclass
class Cursor:
    rows: Rows
    description: bool = True

    async def fetchall(self) -> Rows:
        return self.rows

    async def fetchone(self) -> tuple[Any, ...] | None:
        return self.rows[0] if self.rows else None


@dataclass
class Connection:
    tables: Tables
    ask: Ask

    async def __aenter__(self) -> Connection:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    async def execute(self, query: str, values: Sequence[Any], prepare: bool = False) -> Cursor:
        name, about = NAMES.get(query, query.split()[0]), ""
        if query == lease.TAKE:
            if not values[3]:
                name = "give back"
            about = f"{len(values[0])} {len(values[3])}"
        return Cursor(await self.ask(name, about, lambda: self.tables.execute(query, values)))


@dataclass
class SimulatedStore:
    """What `Leases` and the index see of a store."""

    tables: Tables
    ask: Ask

    guest = False
    workspace = "default"

    @property
    def pool(self) -> SimulatedStore:
        return self

    @property
    def own(self) -> SimulatedStore:
        return self

    def as_owner(self, workspace: str) -> SimulatedStore:
        return self

    def connection(self) -> Connection:
        return Connection(self.tables, self.ask)

    async def getconn(self) -> Connection:
        return self.connection()

    async def putconn(self, connection: Connection) -> None: ...


@dataclass
class SimulatedJournal(Journal):
    """The journal with its group commit; only the statements themselves are answered by `Tables`."""

    async def read(self, run: UUID, after: int = 0) -> list[Event]:
        store: Any = self.store
        events: list[Event] = await store.ask("read", str(run)[-1], lambda: store.tables.read(run))
        return [event for event in events if event.seq > after]

    async def _commit(self, batch: list[Append], written: list[Append]) -> None:
        store: Any = self.store
        tell(written)
        about = "+".join(event.body.type for append in batch for event in append.events)
        await store.ask("append", about, lambda: store.tables.append(batch))

    async def _drop_connection(self) -> None: ...
