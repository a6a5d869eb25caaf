"""Whoever sends a colleague's words is killed before the run begins, before it is known to have begun, and as they go out."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from uuid import UUID

import httpx
import psycopg
from psycopg.rows import scalar_row

from remit import talking
from remit.app import App
from remit.journal.events import Intended, Started
from remit.settings import Settings
from remit.talks import kept
from tests.acting.test_killed import locked
from tests.webchat.conftest import begun, said, say, session_of


async def test_what_a_colleague_wrote_goes_out_once_wherever_its_sender_is_killed(
    app: App, site: httpx.AsyncClient, settings: Settings, database_url: str
) -> None:
    visitor = await begun(site)
    await say(site, visitor, "Hello?")
    name = f"chat:{(await session_of(app, visitor)).id}"
    one = await talking.take_over(app, name, "ann")
    run = await kept.say(app.store, one.id, "ann", "I am here.", "k")  # and then the server died
    async with app.store.pool.connection() as connection:
        await connection.execute("update takeover_words set at = at - interval '1 minute'")
    async with working(database_url, settings.data_dir) as worker:
        for table in ("events", "takeover_words", "chat_messages"):
            async with locked(database_url, table):
                await killed_at(table, database_url, worker, await sends(worker, run))
        await sends(worker, run)
        assert await line(worker) == 0
    assert await said(app, visitor) == [("visitor", "Hello?"), ("colleague", "I am here.")]
    assert [(word.run, word.sent) for word in await kept.words_of(app.store, one.id)] == [(run, True)]
    bodies = [event.body for event in await app.journal.read(run)]
    assert len([one for one in bodies if isinstance(one, Started)]) == 1
    assert len({one.key for one in bodies if isinstance(one, Intended)}) == 1


@asynccontextmanager
async def working(url: str, folder: Path) -> AsyncIterator[Process]:
    worker = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.webchat.worker", url, str(folder), stdin=PIPE, stdout=PIPE
    )
    try:
        yield worker
    finally:
        worker.kill()
        await worker.wait()


async def sends(worker: Process, run: UUID) -> int:
    """The number of one more process that sends it."""
    assert worker.stdin
    worker.stdin.write(f"{run}\n".encode())
    return await line(worker)


async def line(worker: Process) -> int:
    assert worker.stdout
    return int(await worker.stdout.readline())


async def killed_at(table: str, url: str, worker: Process, pid: int) -> None:
    """Once it is about to write to a table."""
    query = "select true from pg_locks where not granted and relation = %s::regclass"
    ended = asyncio.create_task(line(worker))
    async with await psycopg.AsyncConnection.connect(url, autocommit=True, row_factory=scalar_row) as watcher:
        while await (await watcher.execute(query, (table,))).fetchone() is None:
            assert not ended.done(), f"it ended before it wrote to {table}"
            await asyncio.sleep(0.01)
    os.kill(pid, signal.SIGKILL)
    assert await ended == -signal.SIGKILL
