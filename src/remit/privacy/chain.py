"""The chain: what the audit log and the journals of ended runs said, linked so that a change of any of it shows.

Each entry is a hash of what it seals with a salt of its own, and each link a hash of the link before and of its entry. Erasing a
person changes what was sealed: the salt of its entry goes, so that its hash says nothing of the person, and another entry seals what
there is now and names the erasure, whose signed receipt is sealed too. Links hold before and after, since none has a salt in it.

Nothing waits for it: what was written is sealed by whoever works, some at a time.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, LiteralString
from uuid import UUID

import psycopg
from psycopg import AsyncConnection
from psycopg.rows import class_row
from pydantic_core import to_json

from remit.journal.archive import Row
from remit.privacy.journals import whole
from remit.store.store import Store

Connection = AsyncConnection[Any]
FIRST = bytes(32)  # the link before the first
AT_ONCE = 500
GONE = b"gone"  # what is sealed of a run that an erasure deleted


@dataclass(frozen=True, slots=True)
class Sealed:
    """An entry of the chain."""

    number: int
    kind: str
    about: str
    events: int
    of: datetime
    salt: bytes | None
    digest: bytes
    erasure: UUID | None
    link: bytes


@dataclass(frozen=True, slots=True)
class Thing:
    """What is to be sealed. `said`: all of it, as bytes."""

    kind: str
    about: str
    of: datetime
    said: bytes
    events: int = 0
    erasure: UUID | None = None


ENTRIES: LiteralString = """
    select number, kind, about, events, of, salt, digest, erasure, link from chain
    where workspace = %s and number > %s order by number limit %s
"""
AUDIT: LiteralString = """
    select id, at, who, what, about, detail::text from audit
    where workspace = %s and id > coalesce((select max(about::bigint) from chain where workspace = %s and kind = 'audit'), 0)
    order by id limit %s
"""
# Ended runs that are not in it as far as they go. An hour is looked back, for those that were written while others were sealed.
RUNS: LiteralString = """
    with recursive known as (
        (select agent from runs where workspace = %(here)s order by agent limit 1)
        union all
        select (select agent from runs where workspace = %(here)s and agent > known.agent order by agent limit 1)
        from known where known.agent is not null
    )
    select r.id from known cross join lateral (
        select id, updated_at from runs
        where workspace = %(here)s and agent = known.agent and not archived and status not in ('running', 'waiting', 'paused')
            and updated_at >= coalesce((select max(of) - interval '1 hour' from chain where workspace = %(here)s and kind = 'run'), '-infinity')
            and not exists (select from chain c where c.workspace = %(here)s and c.kind = 'run' and c.about = runs.id::text
                            and c.of >= runs.updated_at)
        order by updated_at, id limit %(most)s
    ) as r order by r.updated_at limit %(most)s
"""


async def hold(connection: Connection, workspace: str) -> Sealed | None:
    """Let nobody else add to the chain until the transaction ends; its last entry."""
    await connection.execute(
        "select pg_advisory_xact_lock(hashtext('remit chain'), hashtext(%s))", (workspace,)
    )
    query = """
        select number, kind, about, events, of, salt, digest, erasure, link from chain
        where workspace = %s order by number desc limit 1
    """
    async with connection.cursor(row_factory=class_row(Sealed)) as cursor:
        return await (await cursor.execute(query, (workspace,))).fetchone()


async def add(connection: Connection, workspace: str, things: Iterable[Thing]) -> Sealed | None:
    """Seal these; the last entry of the chain."""
    last = await hold(connection, workspace)
    made = []
    for thing in things:
        last = _next(last, thing)
        made.append(last)
    query = """
        insert into chain (workspace, number, kind, about, events, of, salt, digest, erasure, link)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)
    """
    async with connection.cursor() as cursor:
        await cursor.executemany(
            query,
            [
                (
                    workspace,
                    one.number,
                    one.kind,
                    one.about,
                    one.events,
                    one.of,
                    one.salt,
                    one.digest,
                    one.erasure,
                    one.link,
                )
                for one in made
            ],
        )
    return last


def _next(last: Sealed | None, thing: Thing) -> Sealed:
    number = last.number + 1 if last else 1
    salt = os.urandom(16)
    digest = commitment(salt, thing.said)
    entry = Sealed(number, thing.kind, thing.about, thing.events, thing.of, salt, digest, thing.erasure, b"")
    return Sealed(
        number, thing.kind, thing.about, thing.events, thing.of, salt, digest, thing.erasure,
        link_of(last.link if last else FIRST, entry),
    )  # fmt: skip


def commitment(salt: bytes, said: bytes) -> bytes:
    return hashlib.sha256(salt + said).digest()


def link_of(before: bytes, entry: Sealed) -> bytes:
    said = [
        entry.number, entry.kind, entry.about, entry.events, moment(entry.of), entry.digest.hex(),
        str(entry.erasure) if entry.erasure else "",
    ]  # fmt: skip
    return hashlib.sha256(before + json.dumps(said).encode()).digest()


def moment(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds")


async def supersede(connection: Connection, workspace: str, was: Sequence[Row] | bytes, now: Thing) -> None:
    """An erasure has changed what may have been sealed: what it was can be told no more, and what it is now is sealed. What was never
    sealed will be, as it is. Where it was not any more what was sealed, that entry stays and goes on to say so."""
    await hold(connection, workspace)
    query = """
        select number, kind, about, events, of, salt, digest, erasure, link from chain
        where workspace = %s and kind = %s and about = %s and salt is not null
    """
    async with connection.cursor(row_factory=class_row(Sealed)) as cursor:
        entries = await (await cursor.execute(query, (workspace, now.kind, now.about))).fetchall()
    right = [
        one.number
        for one in entries
        if one.salt
        and commitment(one.salt, was if isinstance(was, bytes) else run_said(was[: one.events])) == one.digest
    ]
    if right:
        query = "update chain set salt = null where workspace = %s and number = any(%s)"
        await connection.execute(query, (workspace, right))
        await add(connection, workspace, [now])


def entry_said(row: Sequence[Any]) -> bytes:
    """An entry of the audit log, as it is sealed: number, time, who, what, about, detail."""
    id_, at, *rest = row
    return to_json([id_, moment(at), *rest])


def run_said(rows: Sequence[Row]) -> bytes:
    return b"\n".join(to_json([seq, moment(at), kind, body]) for seq, at, kind, body in rows)


async def seal(store: Store, most: int = AT_ONCE) -> int:
    """Seal some of what was written since; how many. For the owner of the tables. Of the audit log nothing is passed over: nobody
    writes it while its end is read."""
    here = store.workspace
    async with store.pool.connection() as connection:
        try:
            async with connection.transaction():
                await connection.execute("set local lock_timeout = '500ms'")
                await connection.execute("lock table audit in share mode")
                await hold(connection, here)
                rows = await (await connection.execute(AUDIT, (here, here, most))).fetchall()
                await add(
                    connection, here, [Thing("audit", str(row[0]), row[1], entry_said(row)) for row in rows]
                )
        except psycopg.errors.LockNotAvailable:  # somebody is long about writing it: the next time
            rows = []
        async with connection.transaction():
            await hold(connection, here)
            runs = await (await connection.execute(RUNS, {"here": here, "most": most})).fetchall()
            await add(connection, here, [await run_thing(connection, run) for (run,) in runs])
    return len(rows) + len(runs)


async def seal_all(store: Store) -> int:
    done = 0
    while now := await seal(store):
        done += now
    return done


async def run_thing(connection: Connection, run: UUID, erasure: UUID | None = None) -> Thing:
    """A run as it is now."""
    rows, _ = await whole(connection, run)
    query = "select updated_at from runs where id = %s"
    found = await (await connection.execute(query, (run,))).fetchone()
    of = max([*(found or ()), *(row[1] for row in rows[-1:])])
    return Thing("run", str(run), of, run_said(rows), len(rows), erasure)
