"""A finished run as one compressed text: how it is written, read and found. What is older than a policy's age becomes
one (`retain.py`); `Journal.read` comes here for a run whose events are archived, so that nobody else need know.

The text, UTF-8, one JSON value a line:

    {"remit":"archive","format":1,"run":"…","events":44}
    {"seq":1,"at":"2026-11-21T08:00:00.000000+00:00","type":"started","body":{…}}        as the journal has it
    …
    {"blob":"<sha256>","body":…}                                                          big values, by hash

The bodies are the journal's own bytes, not a reading of them: what this version does not know stays in. An archive is
whole: it refers to nothing outside itself. Compressed it is a gzip file, which any tool will read in twenty years.
"""

from __future__ import annotations

import hashlib
import os
import re
import zlib
from asyncio import to_thread
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import LiteralString
from uuid import UUID

from psycopg.rows import class_row
from pydantic_core import from_json, to_json

from remit.errors import JournalError
from remit.store.store import Connection, Store

FORMAT = 1
ARCHIVED = "archived"  # the type of the row that stands in `events` for all others of its run
GZIP = 31  # zlib's window bits for a gzip file, whose header then holds no time and no name
EVENT = re.compile(rb'\{"seq":(\d+),"at":"([^"]+)","type":"([^"\\]+)","body":(.*)\}')
BLOB = re.compile(rb'\{"blob":"([0-9a-f]{64})","body":(.*)\}')

Row = tuple[int, datetime, str, str]  # seq, at, type, body: as a row of `events` has them
Blobs = dict[bytes, bytes]  # sha256 -> JSON


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive, and what tells whether it is still the one that was made."""

    events: int
    size: int  # bytes before compression
    sha256: bytes  # of these
    body: bytes


@dataclass(frozen=True, slots=True)
class Found:
    """What the database has about an archived run."""

    seq: int  # of the row that stands for its events
    mark: str | None  # the hash in that row
    format: int | None  # None, with the next four: there is no archive
    size: int | None
    sha256: bytes | None
    body: bytes | None
    path: str | None
    deleted_at: datetime | None
    policy: str | None


FIND: LiteralString = """
    select e.seq, e.body ->> 'sha256' as mark, a.format, a.size, a.sha256, a.body, a.path, t.deleted_at, t.policy
    from events e left join archives a using (run) left join tombstones t using (run)
    where e.run = %s and e.type = 'archived'
"""


def pack(run: UUID, rows: list[Row], blobs: Blobs) -> Packed:
    """The archive of these events. The same events and blobs give the same bytes before compression."""
    text = write(run, rows, blobs)
    squeeze = zlib.compressobj(9, zlib.DEFLATED, GZIP)
    body = squeeze.compress(text) + squeeze.flush()
    return Packed(len(rows), len(text), hashlib.sha256(text).digest(), body)


def unpack(run: UUID, body: bytes, size: int, sha256: bytes) -> tuple[list[Row], Blobs]:
    """Raises JournalError if this is not, to the byte, what was packed."""
    opened = zlib.decompressobj(GZIP)
    try:
        text = opened.decompress(body, size + 1)  # never more than it should be, whatever is in there
    except zlib.error as error:
        raise damaged(run, f"it cannot be decompressed ({error})") from error
    if hashlib.sha256(text).digest() != sha256 or not opened.eof or opened.unused_data:
        raise damaged(run, "its hash is not the one that was recorded")
    return read(run, text)


def write(run: UUID, rows: list[Row], blobs: Blobs) -> bytes:
    head = {"remit": "archive", "format": FORMAT, "run": str(run), "events": len(rows)}
    lines = [to_json(head)]
    for seq, at, type_, body in rows:
        when = at.astimezone(UTC).isoformat(timespec="microseconds")
        # a bare line break in JSON can only stand between values
        flat = body.replace("\n", " ").replace("\r", " ")
        lines.append(f'{{"seq":{seq},"at":"{when}","type":{to_json(type_).decode()},"body":{flat}}}'.encode())
    lines += [b'{"blob":"%s","body":%s}' % (key.hex().encode(), blobs[key]) for key in sorted(blobs)]
    return b"\n".join(lines) + b"\n"


def read(run: UUID, text: bytes) -> tuple[list[Row], Blobs]:
    """Raises JournalError for what is no archive of this run, or one of a newer format."""
    first, *lines = text.removesuffix(b"\n").split(b"\n")
    try:
        head = from_json(first)
        form, whose, count = head["format"], head["run"], head["events"]
    except (ValueError, KeyError, TypeError) as error:
        raise damaged(run, "its first line is not one of an archive") from error
    if form != FORMAT:
        raise JournalError(
            f"the archive of run {run} has format {form!r}, which is not known here; upgrade Remit"
        )
    rows: list[Row] = []
    blobs: Blobs = {}
    for number, line in enumerate(lines, 2):
        if event := EVENT.fullmatch(line):
            at = datetime.fromisoformat(event[2].decode())
            rows.append((int(event[1]), at, event[3].decode(), event[4].decode()))
        elif blob := BLOB.fullmatch(line):
            blobs[bytes.fromhex(blob[1].decode())] = blob[2]
        else:
            raise damaged(run, f"line {number} is neither an event nor a blob")
    if whose != str(run) or [row[0] for row in rows] != list(range(1, count + 1)):
        raise damaged(run, f"it holds {len(rows)} events of run {whose} where {count} are announced")
    return rows, blobs


def damaged(run: UUID, what: str) -> JournalError:
    return JournalError(
        f"the archive of run {run} is damaged or was changed: {what}. Put it back from a backup; "
        "nothing of it is used meanwhile"
    )


async def find(connection: Connection, run: UUID) -> Found | None:
    """What is known of an archived run, body included; None for a run that is not archived."""
    async with connection.cursor(row_factory=class_row(Found)) as cursor:
        return await (await cursor.execute(FIND, (run,))).fetchone()


async def fetch(connection: Connection, run: UUID, after: int = 0) -> tuple[list[Row], Blobs] | None:
    """The archived events after `after`, as their rows were, and their big values. None if the run is not archived
    (any more). Raises JournalError if it was deleted by a policy, or its archive is missing, damaged or changed."""
    found = await find(connection, run)
    if found is None:
        return None
    if found.deleted_at is not None:
        raise JournalError(
            f"run {run} was deleted on {found.deleted_at:%d %B %Y} by the policy {found.policy!r}; "
            f"its tombstone has the hash of its archive"
        )
    if found.size is None or found.sha256 is None:
        raise JournalError(
            f"the archive of run {run} is missing from the table archives; put it back from a backup"
        )
    if found.mark != found.sha256.hex():
        raise damaged(run, "the journal recorded another hash for it")
    if after >= found.seq - 1:
        return [], {}
    body = found.body if found.body is not None else await to_thread(load, run, found.path or "")
    rows, blobs = unpack(run, body, found.size, found.sha256)
    if len(rows) != found.seq - 1:
        raise damaged(run, f"it holds {len(rows)} events, and the journal had {found.seq - 1}")
    return rows[after:], blobs


@dataclass(frozen=True, slots=True)
class Checked:
    archives: int
    broken: dict[UUID, str]  # run -> what is wrong


async def check(store: Store, batch: int = 1000, progress: Callable[[int], None] | None = None) -> Checked:
    """Read every archive, those in files too, and hold it to the hash in its journal."""
    query = "select id from runs where archived and id > %s order by id limit %s"
    seen, last, broken = 0, UUID(int=0), dict[UUID, str]()
    async with store.pool.connection() as connection:
        while runs := await (await connection.execute(query, (last, batch))).fetchall():
            for (run,) in runs:
                try:
                    await fetch(connection, run)
                except JournalError as error:
                    broken[run] = str(error)
            seen, last = seen + len(runs), runs[-1][0]
            if progress:
                progress(seen)
    return Checked(seen, broken)


def file_of(folder: Path, run: UUID, ended_at: datetime) -> Path:
    """Where an archive goes: a folder for each month, so that none holds a million."""
    return folder.absolute() / f"{ended_at.astimezone(UTC):%Y-%m}" / f"{run}.jsonl.gz"


def save(path: Path, body: bytes) -> None:
    """Write a file whole or not at all; it survives a power cut once this returns. Raises JournalError."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with part.open("wb") as file:
            file.write(body)
            file.flush()
            os.fsync(file.fileno())
        part.replace(path)
        for folder in (path.parent, path.parent.parent):  # the name, and the name of a new month
            handle = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
    except OSError as error:
        with suppress(OSError):
            part.unlink()
        raise JournalError(
            f"the archive {path} cannot be written: {error.strerror}; nothing was removed"
        ) from error


def load(run: UUID, path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise JournalError(
            f"the archive of run {run} should be the file {path}, which cannot be read here: {error.strerror}. "
            "Put it back there, or ask where that folder is"
        ) from error
