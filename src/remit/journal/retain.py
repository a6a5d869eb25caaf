"""Finished runs that are older than a policy's age become archives, and archives older than another are deleted.

A batch is one transaction: each run's archive is written, read back, compared event by event and fold by fold, and
only then its events go. Whoever is killed in the middle has done nothing; whoever begins again goes on.

Big values are not touched here. They are shared by hash with runs that nobody can see yet, so that they are swept by
a protocol of their own (`sweep.py`); an archive has its own copy.
"""

from __future__ import annotations

from asyncio import to_thread
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg.rows import class_row

from remit.age import write_age
from remit.errors import JournalError, StoreError, UserError
from remit.journal.archive import FORMAT, Blobs, Row, fetch, file_of, find, pack, save
from remit.journal.body import decode, put_back
from remit.journal.events import Event
from remit.journal.journal import READ, READ_BLOBS
from remit.journal.state import fold
from remit.settings import Settings
from remit.store.store import Connection, Store

OPEN = ("running", "waiting", "paused")
TRIES = 5  # of a batch that somebody else's lock is in the way of
YIELD: LiteralString = (
    "set local lock_timeout = '500ms'"  # before the server looks for a deadlock: we give way, not others
)
SMALL = 16384  # bytes of a blob that is worth keeping for the rest of a batch: agents' specs are


@dataclass(frozen=True, slots=True)
class Policy:
    """Which runs become archives, where to, and which archives are deleted."""

    archive_after: timedelta  # since the run ended
    delete_after: timedelta | None = None  # since the run ended; None: never
    agent: str = ""  # only this one's
    status: tuple[str, ...] = ()  # only these
    to: Path | None = None  # a folder for new archives; None: the database
    batch: int = 100  # runs a transaction

    def __post_init__(self) -> None:
        if self.delete_after is not None and self.delete_after <= self.archive_after:
            raise UserError("what is deleted must be older than what is archived")
        if wrong := set(self.status) & set(OPEN):
            raise UserError(f"a run that is {sorted(wrong)[0]} has not ended: only ended runs are archived")
        if self.batch < 1:
            raise UserError("a batch has at least one run")

    def __str__(self) -> str:
        parts = [f"archive after {write_age(self.archive_after)}"]
        parts += [f"delete after {write_age(self.delete_after)}"] if self.delete_after else []
        parts += [f"agent {self.agent}"] if self.agent else []
        parts += [f"status {' or '.join(self.status)}"] if self.status else []
        return ", ".join(parts)


@dataclass(frozen=True, slots=True)
class Retained:
    """What a policy came to."""

    archived: int = 0
    events: int = 0  # in these archives
    bytes_before: int = 0  # of their text
    bytes_after: int = 0  # of the archives
    deleted: int = 0
    kept: dict[UUID, str] = field(default_factory=dict)  # runs that could not become archives, and why


@dataclass(frozen=True, slots=True)
class Due:
    """What a policy would do now."""

    archive: int
    delete: int
    oldest: datetime | None  # end of the oldest run to archive


@dataclass(frozen=True, slots=True)
class Candidate:
    id: UUID
    updated_at: datetime


class Unfit(JournalError):
    """A run whose archive does not give back what it was made of. Nothing of its batch stands."""

    def __init__(self, run: UUID, why: str) -> None:
        super().__init__(why)
        self.run = run


PICK: LiteralString = """
    select id, updated_at from runs
    where not archived and status not in ('running', 'waiting', 'paused') and updated_at < %(before)s
      and (updated_at, id) > (%(after_at)s, %(after_id)s)
      and (%(agent)s = '' or agent = %(agent)s) and (%(any)s or status = any(%(status)s))
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
        select a.run from archives a join runs r on r.id = a.run
        where a.ended_at < %(before)s
          and (%(agent)s = '' or r.agent = %(agent)s) and (%(any)s or r.status = any(%(status)s))
        order by a.ended_at, a.run limit %(batch)s for update of a skip locked
    ), gone as (
        delete from archives a using due, runs r where a.run = due.run and r.id = a.run
        returning a.run, r.workspace, r.agent, r.status, r.created_at, a.ended_at, a.archived_at, a.events, a.sha256, a.path
    ), forgotten as (
        delete from runs using gone where runs.id = gone.run
    )
    insert into tombstones (run, workspace, agent, status, created_at, ended_at, archived_at, events, sha256, path, policy)
    select gone.*, %(policy)s from gone
    returning run
"""


async def retain(
    store: Store, policy: Policy, progress: Callable[[Retained], None] | None = None
) -> Retained:
    """Archive, then delete, what the policy says, in batches; `progress` is told after each. To be called as often as
    wanted, by any number of processes at once.

    Raises StoreError if the database is away or busy, JournalError if an archive cannot be written; the batches before
    that stand.
    """
    done = Retained()
    place: Candidate | None = Candidate(UUID(int=0), datetime.min.replace(tzinfo=UTC))
    before = datetime.now(UTC) - policy.archive_after
    tell = progress or (lambda _: None)
    try:
        while place is not None:
            try:
                done, place = await _yielding(store, _archive_batch, policy, before, done, place)
            except Unfit as unfit:  # the batch once more, without it
                done = replace(done, kept={**done.kept, unfit.run: str(unfit)})
            tell(done)
        while policy.delete_after is not None:
            deleted = await _yielding(store, _delete_batch, policy, datetime.now(UTC) - policy.delete_after)
            done = replace(done, deleted=done.deleted + deleted)
            tell(done)
            if not deleted:
                break
        await _remove_files(store)
    except (psycopg.Error, OSError) as error:
        raise StoreError(
            f"retention stopped: {str(error).strip() or type(error).__name__}; run it again"
        ) from error
    return done


def policy_of(settings: Settings) -> Policy | None:
    """The policy that a worker follows by its settings; None where none is set. Raises UserError."""
    if settings.retain_archive_after is None:
        if settings.retain_delete_after is not None:
            raise UserError(
                "REMIT_RETAIN_DELETE_AFTER needs REMIT_RETAIN_ARCHIVE_AFTER: only archives are deleted"
            )
        return None
    return Policy(settings.retain_archive_after, settings.retain_delete_after)


async def due(store: Store, policy: Policy) -> Due:
    """What `retain` would do now."""
    archive = """
        select count(*), min(updated_at) from runs
        where not archived and status not in ('running', 'waiting', 'paused') and updated_at < %(before)s
          and (%(agent)s = '' or agent = %(agent)s) and (%(any)s or status = any(%(status)s))
    """
    # those that are archived now, and those that would have been by then
    delete = """
        select count(*) from runs r left join archives a on a.run = r.id
        where status not in ('running', 'waiting', 'paused') and coalesce(a.ended_at, r.updated_at) < %(before)s
          and (%(agent)s = '' or agent = %(agent)s) and (%(any)s or status = any(%(status)s))
    """
    now = datetime.now(UTC)
    async with store.pool.connection() as connection:
        found = await connection.execute(archive, _values(policy, now - policy.archive_after))
        count, oldest = await found.fetchone() or (0, None)
        deleted = 0
        if policy.delete_after is not None:
            found = await connection.execute(delete, _values(policy, now - policy.delete_after))
            (deleted,) = await found.fetchone() or (0,)
    return Due(count, deleted, oldest)


async def restore(store: Store, run: UUID) -> bool:
    """Put an archived run's events back into the journal, so that it can be appended to; False if it is not archived.
    The run is archived again once it has been left alone for the policy's age.

    Raises JournalError if its archive is missing, damaged or deleted, StoreError if the database is away.
    """
    try:
        async with store.pool.connection() as connection, connection.transaction():
            await connection.execute(YIELD)
            await connection.execute("select from archives where run = %s for update", (run,))
            path = await _restore(connection, run)
    except (psycopg.Error, OSError) as error:
        raise StoreError(
            f"run {run} was not restored: {str(error).strip() or type(error).__name__}"
        ) from error
    if path:
        await to_thread(Path(path).unlink, missing_ok=True)
    return path is not None


async def _restore(connection: Connection, run: UUID) -> str | None:
    """The path of the file that is not needed any more, "" if there is none; None if the run is not archived."""
    found = await find(connection, run)
    packed = await fetch(connection, run) if found else None
    if found is None or packed is None:
        return None
    rows, blobs = packed
    await connection.execute("delete from events where run = %s and type = 'archived'", (run,))
    await connection.execute(
        """
        insert into blobs (sha256, body, workspace)
        select t.*, (select workspace from runs where id = %s) from unnest(%s::bytea[], %s::bytea[]) as t
        on conflict do nothing
        """,
        (run, list(blobs), list(blobs.values())),
    )
    seqs, ats, types, bodies = (list(column) for column in zip(*rows, strict=True))
    await connection.execute(
        """
        insert into events (run, seq, at, type, body)
        select %s, * from unnest(%s::int[], %s::timestamptz[], %s::text[], %s::text[]::json[])
        """,
        (run, seqs, ats, types, bodies),
    )
    await connection.execute("update runs set archived = false, updated_at = now() where id = %s", (run,))
    await connection.execute("delete from archives where run = %s", (run,))
    return found.path or ""


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
    connection: Connection, policy: Policy, before: datetime, done: Retained, after: Candidate
) -> tuple[Retained, Candidate | None]:
    values = {**_values(policy, before), "after_at": after.updated_at, "after_id": after.id}
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


async def _delete_batch(connection: Connection, policy: Policy, before: datetime) -> int:
    values = {**_values(policy, before), "policy": str(policy)}
    return len(await (await connection.execute(DELETE, values)).fetchall())


async def _remove_files(store: Store) -> None:
    """Remove the files of deleted archives. Only then their tombstones forget the path: a crash leaves no file behind."""
    async with store.pool.connection() as connection:
        found = await connection.execute("select run, path from tombstones where path is not null")
        for run, path in await found.fetchall():
            if not Path(path).parent.is_dir():
                continue  # it is on another machine, or not mounted: left to whoever has it
            await to_thread(Path(path).unlink, missing_ok=True)
            await connection.execute("update tombstones set path = null where run = %s", (run,))


def _values(policy: Policy, before: datetime) -> dict[str, Any]:
    return {
        "before": before,
        "agent": policy.agent,
        "any": not policy.status,
        "status": list(policy.status),
        "batch": policy.batch,
    }
