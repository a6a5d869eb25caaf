"""Finished runs that are older than a policy's age become archives, and archives older than another are deleted.

A batch is one transaction: each run's archive is written, read back, compared event by event and fold by fold, and
only then its events go; what it came to is counted in the same transaction. Whoever is killed in the middle has done
nothing; whoever begins again goes on. What a run that is open may look back at is not deleted.

Big values are not touched here. They are shared by hash with runs that nobody can see yet, so that they are swept by
a protocol of their own (`sweep.py`); an archive has its own copy.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID, uuid4

import psycopg
from psycopg.rows import class_row

from remit.errors import JournalError, StoreError
from remit.journal.archive import FORMAT, Blobs, Row, fetch, file_of, pack, save
from remit.journal.body import decode, put_back
from remit.journal.due import OPEN, Part, Policy, parts
from remit.journal.events import Event
from remit.journal.journal import READ, READ_BLOBS
from remit.journal.state import fold
from remit.store.store import Connection, Store

TRIES = 5  # of a batch that somebody else's lock is in the way of
YIELD: LiteralString = (
    "set local lock_timeout = '500ms'"  # before the server looks for a deadlock: we give way, not others
)
SMALL = 16384  # bytes of a blob that is worth keeping for the rest of a batch: agents' specs are


Holds = Callable[[Connection], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Retained:
    """What a policy came to."""

    archived: int = 0
    events: int = 0  # in these archives
    bytes_before: int = 0  # of their text
    bytes_after: int = 0  # of the archives
    deleted: int = 0
    kept: dict[UUID, str] = field(default_factory=dict)  # runs that could not become archives, and why
    more: bool = False  # it stopped at the most that it was to do


@dataclass(frozen=True, slots=True)
class Look:
    """One application of a policy."""

    id: UUID
    policy: Policy
    at: datetime  # ages are counted back from here
    holds: Holds | None

    def left(self, done: int) -> int:
        """How many of the next batch may be done."""
        most = self.policy.most
        return self.policy.batch if most is None else min(self.policy.batch, most - done)


@dataclass(frozen=True, slots=True)
class Candidate:
    id: UUID
    updated_at: datetime


class NoMore(Exception):
    """The policy is not what it was when the look began."""


class Unfit(JournalError):
    """A run whose archive does not give back what it was made of. Nothing of its batch stands."""

    def __init__(self, run: UUID, why: str) -> None:
        super().__init__(why)
        self.run = run


PICK: LiteralString = """
    select id, updated_at from runs
    where workspace = %(workspace)s and agent = %(agent)s
      and not archived and status not in ('running', 'waiting', 'paused') and updated_at < %(before)s
      and (updated_at, id) > (%(after_at)s, %(after_id)s) and (%(any)s or status = any(%(status)s))
    order by updated_at, id limit %(batch)s for update skip locked
"""
# Only the archive of a journal that nobody has appended to since it was read: the row is at the next number.
PUT: LiteralString = """
    with mark as (
        insert into events (run, seq, at, type, body)
        values (%(run)s, %(events)s + 1, now(), 'archived', json_build_object('sha256', %(hex)s::text))
        on conflict do nothing returning run
    )
    insert into archives (run, ended_at, format, events, size, sha256, body, path)
    select run, %(ended_at)s, %(format)s, %(events)s, %(size)s, %(sha256)s, %(body)s, %(path)s from mark
    returning run
"""
TAKE: LiteralString = """
    with said as (update runs set archived = true where id = %(run)s),
         gone as (delete from events where run = %(run)s and seq <= %(events)s returning seq)
    select count(*) from gone
"""
DELETE: LiteralString = """
    with due as (
        select a.run from runs r join archives a on a.run = r.id
        where r.workspace = %(workspace)s and r.agent = %(agent)s and r.archived
          and r.updated_at < %(before)s and a.ended_at < %(before)s and (%(any)s or r.status = any(%(status)s))
          and not remit_needed(r.id)
        order by r.updated_at, r.id limit %(batch)s for update of a skip locked
    ), gone as (
        delete from archives a using due, runs r where a.run = due.run and r.id = a.run
        returning a.run, r.workspace, r.agent, r.status, r.created_at, a.ended_at, a.archived_at, a.events, a.sha256, a.path
    ), forgotten as (
        delete from runs using gone where runs.id = gone.run
    ), unthreaded as (
        delete from threads using gone where threads.run = gone.run
    )
    insert into tombstones (run, workspace, agent, status, created_at, ended_at, archived_at, events, sha256, path, policy)
    select gone.*, %(policy)s from gone
    returning run
"""
NOTE: LiteralString = """
    insert into retained as r (workspace, look, policy, archived, bytes_before, bytes_after, deleted)
    values (%(workspace)s, %(look)s, %(policy)s, %(archived)s, %(bytes_before)s, %(bytes_after)s, %(deleted)s)
    on conflict (workspace, look) do update set at = clock_timestamp(), archived = r.archived + excluded.archived,
        bytes_before = r.bytes_before + excluded.bytes_before, bytes_after = r.bytes_after + excluded.bytes_after,
        deleted = r.deleted + excluded.deleted
"""


async def retain(
    store: Store,
    policy: Policy,
    progress: Callable[[Retained], None] | None = None,
    holds: Holds | None = None,
) -> Retained:
    """Archive, then delete, what the policy says, in batches; `progress` is told after each. To be called as often as
    wanted, by any number of processes at once. `holds` is asked in each transaction whether the policy still is what it
    was: where not, it ends there.

    Raises StoreError if the database is away or busy, JournalError if an archive cannot be written; the batches before
    that stand.
    """
    done = Retained()

    def tell(now: Retained) -> None:
        nonlocal done
        done = now
        if progress:
            progress(now)

    look = Look(uuid4(), policy, datetime.now(UTC), holds)
    try:
        for part in await parts(store, policy):
            done = await _archive(store, look, part, done, tell)
            done = await _delete(store, look, part, done, tell)
        await _remove_files(store)
    except NoMore:
        return done
    except (psycopg.Error, OSError) as error:
        raise StoreError(
            f"retention stopped: {str(error).strip() or type(error).__name__}; run it again"
        ) from error
    return done


async def _archive(
    store: Store, look: Look, part: Part, done: Retained, tell: Callable[[Retained], None]
) -> Retained:
    place: Candidate | None = Candidate(UUID(int=0), datetime.min.replace(tzinfo=UTC))
    while place is not None:
        if look.left(done.archived) <= 0:
            return replace(done, more=True)
        try:
            done, place = await _yielding(store, _archive_batch, look, part, done, place)
        except Unfit as unfit:  # the batch once more, without it
            done = replace(done, kept={**done.kept, unfit.run: str(unfit)})
        tell(done)
    return done


async def _delete(
    store: Store, look: Look, part: Part, done: Retained, tell: Callable[[Retained], None]
) -> Retained:
    while look.policy.delete_after is not None:
        if look.left(done.deleted) <= 0:
            return replace(done, more=True)
        deleted = await _yielding(store, _delete_batch, look, part, look.left(done.deleted))
        done = replace(done, deleted=done.deleted + deleted)
        tell(done)
        if not deleted:
            break
    return done


async def _yielding(store: Store, batch: Callable[..., Any], *values: Any) -> Any:
    """Do a batch in a transaction; again, if somebody else's lock was in the way."""
    for _ in range(TRIES):
        try:
            async with store.pool.connection() as connection, connection.transaction():
                await connection.execute(YIELD)
                return await batch(connection, *values)
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            busy = error
    raise StoreError(f"somebody else holds locks on the runs that are due ({busy}); run it again later")


async def _archive_batch(
    connection: Connection, look: Look, part: Part, done: Retained, after: Candidate
) -> tuple[Retained, Candidate | None]:
    await _require(connection, look)
    policy, was = look.policy, done
    values = _values(look, part, policy.archive_after, look.left(done.archived))
    values |= {"after_at": after.updated_at, "after_id": after.id}
    async with connection.cursor(row_factory=class_row(Candidate)) as cursor:
        candidates = await (await cursor.execute(PICK, values)).fetchall()
    known: Blobs = {}
    kept = dict(done.kept)
    for candidate in candidates:
        run = candidate.id
        if run in kept:
            continue
        try:
            rows, blobs, events = await _original(connection, run, known)
        except JournalError as error:
            kept[run] = str(error)
            continue
        packed = pack(run, rows, blobs)
        path = file_of(policy.to, run, rows[-1][1]) if policy.to else None
        if path:
            await to_thread(save, path, packed.body)
        put = {
            "run": run, "ended_at": rows[-1][1], "format": FORMAT, "events": packed.events, "size": packed.size,
            "sha256": packed.sha256, "hex": packed.sha256.hex(), "body": None if path else packed.body,
            "path": str(path) if path else None,
        }  # fmt: skip
        if await (await connection.execute(PUT, put)).fetchone() is None:
            if path:
                await to_thread(path.unlink)
            continue  # somebody has appended to it: it is not that old any more
        await verify(connection, run, events)
        gone = await (await connection.execute(TAKE, {"run": run, "events": packed.events})).fetchone()
        if gone != (packed.events,):
            raise Unfit(run, "it changed while it was archived")
        done = replace(
            done,
            archived=done.archived + 1,
            events=done.events + packed.events,
            bytes_before=done.bytes_before + packed.size,
            bytes_after=done.bytes_after + len(packed.body),
        )
    await _note(connection, look, part, was, done)
    return replace(done, kept=kept), candidates[-1] if candidates else None


async def _original(connection: Connection, run: UUID, known: Blobs) -> tuple[list[Row], Blobs, list[Event]]:
    """A run as the journal has it. Raises JournalError for what must not become an archive: what cannot be read, has
    not ended, misses a value, or has an effect in doubt."""
    rows: list[Row] = await (await connection.execute(READ, (run, 0))).fetchall()
    events = [decode(run, *row) for row in rows]
    if [event.seq for event in events] != list(range(1, len(events) + 1)):
        raise JournalError("its journal has a gap")
    wanted = {bytes.fromhex(getattr(event.body, name)) for event in events for name in event.body.big}
    blobs: Blobs = {key: known[key] for key in wanted & known.keys()}
    if missing := wanted - known.keys():
        blobs |= dict(await (await connection.execute(READ_BLOBS, (list(missing),))).fetchall())
    for key in missing & blobs.keys():
        if sha256(blobs[key]).digest() != key:
            raise JournalError(f"the stored value {key.hex()} is not what its hash says")
    known |= {key: body for key, body in blobs.items() if len(body) <= SMALL}
    whole = [put_back(event, blobs) for event in events]
    state = fold(whole)
    if state.status in (*OPEN, "new"):
        raise JournalError(f"its journal says that it is {state.status}")
    if doubtful := [call.call.id for call in state.open.values() if call.doubtful]:
        raise JournalError(f"what became of its effect {doubtful[0]} is not known yet; see `remit effects`")
    return rows, blobs, whole


async def verify(connection: Connection, run: UUID, events: list[Event]) -> None:
    """Read an archive back as `Journal.read` will. Raises Unfit unless it gives these events and their fold."""
    try:
        rows, blobs = await fetch(connection, run) or ([], {})
        back = [put_back(decode(run, *row), blobs) for row in rows]
    except JournalError as error:
        raise Unfit(run, str(error)) from error
    if back != events or fold(back) != fold(events):
        raise Unfit(run, "its archive does not give its events back")


async def _delete_batch(connection: Connection, look: Look, part: Part, batch: int) -> int:
    assert look.policy.delete_after is not None
    await _require(connection, look)
    values = {**_values(look, part, look.policy.delete_after, batch), "policy": str(look.policy)}
    deleted = len(await (await connection.execute(DELETE, values)).fetchall())
    await _note(connection, look, part, Retained(), Retained(deleted=deleted))
    return deleted


async def _require(connection: Connection, look: Look) -> None:
    """Raises NoMore where the policy does not hold any more."""
    if look.holds is not None and not await look.holds(connection):
        raise NoMore


async def _note(connection: Connection, look: Look, part: Part, was: Retained, now: Retained) -> None:
    """Write down what a batch came to, for whoever asks what became of their runs."""
    counts = {
        name: getattr(now, name) - getattr(was, name)
        for name in ("archived", "bytes_before", "bytes_after", "deleted")
    }
    if any(counts.values()):
        values = {"workspace": part.workspace, "look": look.id, "policy": str(look.policy)}
        await connection.execute(NOTE, {**values, **counts})


async def _remove_files(store: Store) -> None:
    """Remove the files of deleted archives. Only then their tombstones forget the path: a crash leaves no file behind."""
    async with store.pool.connection() as connection:
        found = await connection.execute("select run, path from tombstones where path is not null")
        for run, path in await found.fetchall():
            if not Path(path).parent.is_dir():
                continue  # it is on another machine, or not mounted: left to whoever has it
            await to_thread(Path(path).unlink, missing_ok=True)
            await connection.execute("update tombstones set path = null where run = %s", (run,))


def _values(look: Look, part: Part, age: timedelta, batch: int) -> dict[str, Any]:
    return {
        "workspace": part.workspace,
        "agent": part.agent,
        "before": look.at - age,
        "any": not look.policy.status,
        "status": list(look.policy.status),
        "batch": batch,
    }
