"""Removing big values that nothing refers to any more. Archiving leaves them behind; this takes them away.

The difficulty: a value is stored once by its hash, and an append that finds it there already writes only its event.
Such an append may be under way, seen by nobody, while we look for references. So, as a concurrent garbage collector:

1. A row in `sweeps` says that a sweep is on. From here each append notes which values it counts on (a trigger; one
   that finds the value there already is told too), in its own transaction.
2. Writers to `blobs` are locked out for a moment: whoever began before 1 and did not see the row is done by then.
3. Without any lock: find the values that no event refers to.
4. In batches, locking writers out again: delete those found that were not noted since. Whoever was at it is done, so
   that its note can be seen; whoever comes now waits, finds the value gone, and writes it anew.

No clock decides anything. It holds as long as every append inserts every value that its events refer to, whether or
not it thinks that the value is there.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import LiteralString
from uuid import UUID, uuid4

import psycopg

from remit.errors import StoreError
from remit.store.store import Connection, Store

TRIES = 5
# Behind whom we wait for the lock everybody else waits too: not for long.
SHUT_OUT: tuple[LiteralString, LiteralString] = (
    "set local lock_timeout = '1s'",
    "lock table blobs in share row exclusive mode",
)
# Whatever looks like a hash in an event that has big values is held to be one: too much is kept, never too little. As
# text, because PostgreSQL's JSON functions refuse an event in which \u0000 was written.
LOOK: LiteralString = """
    with used as materialized (
        select distinct decode(m[1], 'hex') as sha256
        from events, regexp_matches(body::text, '"([0-9a-f]{64})"', 'g') as m where body::text like '%%"big"%%'
    )
    insert into sweep_found (sweep, sha256)
    select %s, sha256 from blobs where not exists (select from used where used.sha256 = blobs.sha256)
"""
REMOVE: LiteralString = """
    with batch as (
        delete from sweep_found where ctid = any(array(
            select ctid from sweep_found where sweep = %(sweep)s limit %(batch)s)) returning sha256
    ), gone as (
        delete from blobs using batch where blobs.sha256 = batch.sha256
          and not exists (select from sweep_used u where u.sweep = %(sweep)s and u.sha256 = batch.sha256)
        returning octet_length(body) as size
    )
    select (select count(*) from batch), (select count(*) from gone), (select coalesce(sum(size), 0) from gone)
"""
FORGET: LiteralString = """
    with over as (delete from sweeps where id = %(sweep)s or began_at < now() - interval '1 day'),
         found as (delete from sweep_found where sweep = %(sweep)s or sweep not in (select id from sweeps))
    delete from sweep_used where sweep = %(sweep)s or sweep not in (select id from sweeps)
"""


@dataclass(frozen=True, slots=True)
class Swept:
    blobs: int = 0
    bytes: int = 0


async def sweep(store: Store, batch: int = 1000, progress: Callable[[Swept], None] | None = None) -> Swept:
    """Remove the big values that no event refers to; safe beside anything, itself included. A sweep that was killed is
    forgotten by one a day later. Raises StoreError if the database is away or busy."""
    me, done = uuid4(), Swept()
    try:
        async with store.pool.connection() as connection:
            await connection.execute(FORGET, {"sweep": me})
            await connection.execute("insert into sweeps (id) values (%s)", (me,))
            try:
                await _shut_out(connection, me, 0)
                await connection.execute(LOOK, (me,))
                while True:
                    looked, gone, size = await _shut_out(connection, me, batch)
                    if not looked:
                        return done
                    done = replace(done, blobs=done.blobs + gone, bytes=done.bytes + size)
                    if progress:
                        progress(done)
            finally:
                if not connection.broken:
                    await connection.execute(FORGET, {"sweep": me})
    except psycopg.Error as error:
        raise StoreError(f"the sweep stopped: {str(error).strip()}; run it again") from error


async def _shut_out(connection: Connection, sweep: UUID, batch: int) -> tuple[int, int, int]:
    """With all writers of blobs done and none at work, remove up to `batch` of what was found."""
    for _ in range(TRIES):
        try:
            async with connection.transaction():
                for statement in SHUT_OUT:
                    await connection.execute(statement)
                mine = await connection.execute("select from sweeps where id = %s for share", (sweep,))
                if await mine.fetchone() is None:  # then nobody has noted what they use
                    raise StoreError("this sweep was taken for dead; run it again")
                values = {"sweep": sweep, "batch": batch}
                row = await (await connection.execute(REMOVE, values)).fetchone() if batch else None
                return row or (0, 0, 0)
        except psycopg.errors.LockNotAvailable:
            continue
    raise StoreError("the table of blobs is locked by somebody else; run it again later")
