"""Journals and archives of runs: those about a person go, as retention deletes them; in others every text is rid of the person.
What an event means stays as it was, and the chain has what it was before as a hash whose salt is gone."""

from __future__ import annotations

import asyncio
import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.sql import SQL, Identifier

from remit.journal.archive import GZIP, Blobs, Row, fetch, load, pack, save
from remit.journal.journal import READ
from remit.privacy import scan
from remit.privacy.needles import Needles
from remit.privacy.scan import Look
from remit.privacy.sweep import asked, condition
from remit.store.store import Store

Connection = AsyncConnection[Any]
ARCHIVES = 200  # that are fetched together
# Runs for one of these, and what they have delegated
ABOUT: LiteralString = """
    with recursive theirs (id) as (
        select id from runs where workspace = %s and person <> '' and lower(person) = any(%s)
        union select r.id from runs r join theirs on r.parent = theirs.id
    )
    select id, status from runs join theirs using (id)
"""
# What a run leaves: what was said yes to for good in it, and that others were reached by it
STAYS = ("tombstones", "remembered", "contacts")
BURY: LiteralString = """
    insert into tombstones (run, workspace, agent, status, created_at, ended_at, archived_at, events, sha256, policy, path)
    select id, workspace, agent, status, created_at, updated_at, clock_timestamp(), %(events)s, %(sha256)s, 'erasure',
           (select path from archives where run = id)
    from runs where id = %(run)s on conflict (run) do nothing
"""


async def about(store: Store, names: Sequence[str]) -> list[tuple[UUID, str]]:
    """Runs that are for whoever has one of these names, with their states."""
    async with store.pool.connection() as connection:
        return await (
            await connection.execute(ABOUT, (store.workspace, [one.lower() for one in names]))
        ).fetchall()


async def whole(connection: Connection, run: UUID) -> tuple[list[Row], Blobs]:
    """A run's events as they are kept, wherever that is. Raises JournalError."""
    if packed := await fetch(connection, run):
        return packed
    return await (await connection.execute(READ, (run, 0))).fetchall(), {}


async def bury(connection: Connection, run: UUID) -> None:
    """Delete a run with all that is kept of it, but for a tombstone that says that it was."""
    rows, blobs = await whole(connection, run)
    digest = await asyncio.to_thread(lambda: pack(run, rows, blobs).sha256)
    await connection.execute(BURY, {"run": run, "events": len(rows), "sha256": digest})
    for (table,) in await (await connection.execute(OF_RUNS, (list(STAYS),))).fetchall():
        await connection.execute(SQL("delete from {} where run = %s").format(Identifier(table)), (run,))
    await connection.execute("delete from runs where id = %s", (run,))


OF_RUNS: LiteralString = """
    select c.relname from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'run' and not a.attisdropped
    where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
        and a.atttypid = 'uuid'::regtype and c.relname <> all(%s)
"""


async def clear_blobs(store: Store, connection: Connection, needles: Needles) -> Needles:
    """Put each big value that tells of them beside itself, without them; with the hashes of both, by which the journals name them."""
    here = store.workspace
    where = SQL("workspace = %(workspace)s and {}").format(condition({"body": "bytea"}, needles))
    values = {"workspace": here, **asked(needles)}
    found = await scan.found(store, [Look("blobs", SQL("sha256"), where)], values)
    exchanged = []
    for sha256 in found.get("blobs", []):
        query = "select body from blobs where workspace = %s and sha256 = %s"
        row = await (await connection.execute(query, (here, sha256))).fetchone()
        text = bytes(row[0]).decode() if row else ""
        made = needles.out_of_json(text)
        if not needles.stand_in(text) and needles.out_of_json(text, named=False) == text:
            continue
        digest = hashlib.sha256(made.encode()).digest()
        put = "insert into blobs (sha256, body, workspace) values (%s, %s, %s) on conflict do nothing"
        await connection.execute(put, (digest, made.encode(), here))
        exchanged.append((bytes(sha256).hex(), digest.hex()))
    return replace(needles, exchanged=tuple(exchanged))


async def drop_blobs(connection: Connection, needles: Needles, workspace: str) -> None:
    query = "delete from blobs where workspace = %s and sha256 = any(%s)"
    await connection.execute(query, (workspace, [bytes.fromhex(was) for was, _ in needles.exchanged]))


async def telling(store: Store, needles: Needles, since: datetime | None = None) -> list[UUID]:
    """Runs whose journals may tell of them; `since`: in an event from then on."""
    where = SQL("at >= coalesce(%(since)s::timestamptz, '-infinity') and {}").format(
        condition({"body": "json"}, needles)
    )
    values = {"since": since, **asked(needles)}
    found = await scan.found(store, [Look("events", SQL("run"), where)], values)
    query = "select id from runs where workspace = %s and id = any(%s)"
    async with store.pool.connection() as connection:
        runs = list(set(found.get("events", [])))
        return [run for (run,) in await (await connection.execute(query, (store.workspace, runs))).fetchall()]


def rid(rows: Sequence[Row], needles: Needles) -> list[Row]:
    """Those events of a run that change, as they are then; none where none tells of them."""
    if not any(
        needles.may_stand_in(body) and needles.out_of_json(body, named=False) != body for *_, body in rows
    ):
        return []
    made = [(seq, at, kind, needles.out_of_json(body)) for seq, at, kind, body in rows]
    return [new for new, old in zip(made, rows, strict=True) if new != old]


async def clear_run(connection: Connection, run: UUID, needles: Needles) -> bool:
    """Rid a journal of them; whether there was something of theirs."""
    rows: list[Row] = await (await connection.execute(READ, (run, 0))).fetchall()
    changed = rid(rows, needles)
    if not changed:
        return False
    query = """
        update events e set body = c.text::json from unnest(%s::int[], %s::text[]) as c (seq, text)
        where e.run = %s and e.seq = c.seq
    """
    await connection.execute(query, ([row[0] for row in changed], [row[3] for row in changed], run))
    await _say_again(connection, run, needles, changed)
    return True


async def _say_again(connection: Connection, run: UUID, needles: Needles, changed: Sequence[Row]) -> None:
    """The index of runs has the beginning of the goal, where an address may have been cut in two."""
    goal = next((row[3] for row in changed if row[2] == "started"), None)
    if goal is None:
        return
    query = """
        update runs set goal = left(remit_field(%s::json, 'goal'), 200) where id = %s
            and not coalesce((%s::json -> 'big')::jsonb ? 'goal', false)
    """
    await connection.execute(query, (goal, run, goal))


async def archived(store: Store, needles: Needles) -> list[UUID]:
    """Runs whose archives may tell of them. While some are looked through, the next are fetched."""
    query = """
        select a.run, a.body, a.path from archives a join runs r on r.id = a.run
        where r.workspace = %s and a.run > %s order by a.run limit %s
    """
    found: list[UUID] = []
    rows: list[Any] = []
    last: UUID | None = UUID(int=0)
    while last is not None:
        looking = asyncio.create_task(asyncio.to_thread(_may_tell, rows, needles))
        try:
            async with store.pool.connection() as connection:
                values = (store.workspace, last, ARCHIVES)
                rows = await (await connection.execute(query, values)).fetchall()
        finally:
            found += await looking
        last = rows[-1][0] if rows else None
    return found


def _may_tell(archives: Sequence[tuple[UUID, bytes | None, str | None]], needles: Needles) -> list[UUID]:
    packed = ((run, load(run, path or "") if body is None else body) for run, body, path in archives)
    return [
        run
        for run, body in packed
        if needles.may_stand_in(zlib.decompress(body, GZIP).decode("utf-8", "replace"))
    ]


async def clear_archive(connection: Connection, run: UUID, needles: Needles) -> bool:
    """Rid an archive of them; whether there was something of theirs. One that is a file becomes another, and the old one stays until
    that is sure (`remove_files`)."""
    rows, blobs = await whole(connection, run)
    exchanged, kept = [], {}
    for sha256, body in blobs.items():
        made = needles.out_of_json(body.decode()).encode()
        digest = sha256 if made == body else hashlib.sha256(made).digest()
        kept[digest] = made
        if digest != sha256:
            exchanged.append((sha256.hex(), digest.hex()))
    own = replace(needles, exchanged=(*needles.exchanged, *exchanged))
    changed = {row[0]: row for row in rid(rows, own)}
    if not changed:
        return False
    packed = await asyncio.to_thread(pack, run, [changed.get(row[0], row) for row in rows], kept)
    query = "select path from archives where run = %s for update"
    (path,) = await (await connection.execute(query, (run,))).fetchone() or (None,)
    if path:
        path = str(_beside(Path(path), needles))
        await asyncio.to_thread(save, Path(path), packed.body)
    query = "update archives set size = %s, sha256 = %s, body = %s, path = %s where run = %s"
    await connection.execute(query, (packed.size, packed.sha256, None if path else packed.body, path, run))
    query = (
        "update events set body = json_build_object('sha256', %s::text) where run = %s and type = 'archived'"
    )
    await connection.execute(query, (packed.sha256.hex(), run))
    await _say_again(connection, run, own, list(changed.values()))
    return True


def _beside(path: Path, needles: Needles) -> Path:
    return path.with_name(path.name.replace(".jsonl.gz", f".{needles.tag}.jsonl.gz"))


async def remove_files(connection: Connection, needles: Needles) -> None:
    """The files in whose place others have come. Those of this machine."""
    query = "select path from archives where path like %s"
    rows = await (await connection.execute(query, (f"%.{needles.tag}.jsonl.gz",))).fetchall()
    for (path,) in rows:
        await asyncio.to_thread(Path(path.replace(f".{needles.tag}.", ".")).unlink, missing_ok=True)
