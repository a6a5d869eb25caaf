"""What is wrong with the store, and how to mend it. Looks at everything, changes nothing, and starts the embedded
server only to see whether it starts."""

from __future__ import annotations

import contextlib
import platform
import shutil
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import psycopg

from remit.errors import StoreError
from remit.settings import Settings
from remit.store import embedded, processes
from remit.store.binaries import account, find
from remit.store.migrate import pending, shipped
from remit.store.pooler import find_pooler
from remit.store.store import Connection, connect, where

TIGHT, LITTLE = 100, 1000  # MB of free disk: below the first nothing can be written soon
ALIVE = 10  # seconds since a worker's last heartbeat


@dataclass(frozen=True)
class Finding:
    name: str
    state: Literal["ok", "warn", "fail"]
    detail: str
    mend: str = ""  # what to do; empty where nothing is wrong


async def examine(settings: Settings) -> list[Finding]:
    """Every check that can be made, in the order in which one needs the other. Raises nothing for a sick store."""
    findings = [_python(), _folder(settings.data_dir.expanduser().absolute())]
    if not settings.database_url:
        findings += [_programs(), _server(settings)]
    try:
        async with _reached(settings) as (connection, finding):
            findings.append(finding)
            findings += await _inside(connection)
    except StoreError as error:
        findings.append(Finding("connection", "fail", str(error), "see the message"))
    except psycopg.Error as error:
        findings.append(
            Finding("connection", "fail", f"the database stopped answering: {error}", "run this again")
        )
    return findings


def _python() -> Finding:
    return Finding("python", "ok", f"{platform.python_version()} on {platform.system()} {platform.machine()}")


def _folder(folder: Path) -> Finding:
    """Whether the data folder, or the nearest above it that exists, can be written to, and has room."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.TemporaryFile(dir=there) as trial:
            trial.write(b"remit")
    except OSError as error:
        return Finding(
            "data folder", "fail", f"{there}: {error.strerror}", "set REMIT_DATA_DIR to a folder of yours"
        )
    free = shutil.disk_usage(there).free // 1_000_000
    detail = f"{folder}, {free / 1000:.1f} GB free"
    if free < LITTLE:
        return Finding(
            "data folder",
            "fail" if free < TIGHT else "warn",
            detail,
            f"free some space on the disk of {there}",
        )
    return Finding("data folder", "ok", detail)


def _programs() -> Finding:
    try:
        who = account()
        found = find(who)
    except StoreError as error:
        return Finding("postgresql", "fail", str(error), "see the message")
    as_whom = f", run as user {who.name}" if who.drop else ""
    return Finding("postgresql", "ok", f"{found.version} of {found.wheel}{as_whom}")


def _server(settings: Settings) -> Finding:
    home = embedded.home_of(settings)
    try:
        if not home.data.exists():
            return Finding("server", "ok", "no data yet; made at first use")
        pid = processes.postmaster(home.data)
    except OSError as error:
        return Finding(
            "server", "fail", f"{home.root}: {error.strerror}", "run Remit as the user who owns the folder"
        )
    return Finding("server", "ok", f"runs as process {pid}" if pid else "not running; started when needed")


@contextlib.asynccontextmanager
async def _reached(settings: Settings) -> AsyncIterator[tuple[Connection, Finding]]:
    async with contextlib.AsyncExitStack() as held:
        begun = time.monotonic()
        url = settings.database_url
        if not url:
            url = await held.enter_async_context(embedded.server(settings))
        connection = await connect(url)
        await held.enter_async_context(connection)
        took = time.monotonic() - begun
        version = connection.info.parameter_status("server_version")
        pooler = " through a pooler" if await find_pooler(connection) else ""
        yield (
            connection,
            Finding(
                "connection", "ok", f"PostgreSQL {version} at {where(url)}{pooler}, in {took * 1000:.0f} ms"
            ),
        )


async def _inside(connection: Connection) -> list[Finding]:
    findings = [await _vector(connection)]
    try:
        left = await pending(connection, shipped())
    except StoreError as error:
        return [*findings, Finding("migrations", "fail", str(error), "see the message")]
    if left:
        names = ", ".join(f"{each.number:04}_{each.name}" for each in left)
        return [*findings, Finding("migrations", "ok", f"to be applied at the next start: {names}")]
    return [*findings, Finding("migrations", "ok", f"{len(shipped())} applied"), *await _queue(connection)]


async def _vector(connection: Connection) -> Finding:
    found = await connection.execute(
        "SELECT default_version FROM pg_available_extensions WHERE name = 'vector'"
    )
    row = await found.fetchone()
    if row is None:
        mend = (
            "install pgvector on the database's machine (https://github.com/pgvector/pgvector#installation)"
        )
        return Finding("pgvector", "warn", "not available: no search by meaning", mend)
    return Finding("pgvector", "ok", str(row[0]))


async def _queue(connection: Connection) -> list[Finding]:
    """Workers, and whether what is due is being done."""
    counted = await connection.execute(
        "SELECT count(*) FILTER (WHERE last_heartbeat > now() - make_interval(secs => %(alive)s)), count(*) "
        "FROM procrastinate_workers",
        {"alive": ALIVE},
    )
    alive, known = await counted.fetchone() or (0, 0)
    counted = await connection.execute(
        """
        SELECT count(*) FILTER (WHERE status = 'todo' AND coalesce(scheduled_at, now()) <= now()),
               count(*) FILTER (WHERE status = 'doing' AND (worker_id IS NULL
                                OR last_heartbeat < now() - make_interval(secs => %(alive)s))),
               count(*) FILTER (WHERE status = 'failed')
          FROM procrastinate_jobs LEFT JOIN procrastinate_workers ON procrastinate_workers.id = worker_id
        """,
        {"alive": ALIVE},
    )
    due, stalled, failed = await counted.fetchone() or (0, 0, 0)
    dead = f", {known - alive} dead" if known > alive else ""
    findings = [Finding("workers", "ok", f"{alive} alive{dead}")]
    if (due or stalled) and not alive:
        findings = [
            Finding("workers", "warn", f"none alive{dead}, and runs wait for one", "start `remit worker`")
        ]
    detail = f"{due} due, {stalled} of dead workers, {failed} failed"
    if failed:
        mend = (
            "`remit runs` shows where they stand, `remit resume RUN` tries again; the worker's log says why"
        )
        return [*findings, Finding("queue", "warn", detail, mend)]
    return [*findings, Finding("queue", "ok", detail)]
