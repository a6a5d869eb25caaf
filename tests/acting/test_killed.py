"""A worker that is killed between a decision and its run, at either side of it: each decision has one run, whoever goes on."""

from __future__ import annotations

import asyncio
import contextlib
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psycopg

from remit.acting.due import Act
from remit.decisions.rounds import begin, go_on
from remit.store.store import Store
from tests.decisions.town import people, playbook, rows
from tests.graph.conftest import NOW

TEXT = "actions:\n- {name: hand-over, does: route, what: sales}\nholdout: 0\n"


async def test_a_worker_killed_before_or_after_a_run_begins_leaves_each_decision_one_run(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    await people(store, 8)
    await playbook(store, text=TEXT)
    await go_on(store, (await begin(store, "winback", "ann")).id, NOW)
    due = [decision for (decision,) in await rows(store, "select decision from decision_acts")]
    assert len(due) > 1
    async with locked(database_url, "events"):
        worker = await started(database_url, tmp_path)
        await waits(database_url, "events", worker)
        await kill(worker)
    assert await runs(store) == []
    await overdue(store)
    async with contextlib.AsyncExitStack() as acts:
        async with locked(database_url, "events"):
            worker = await started(database_url, tmp_path)
            await waits(database_url, "events", worker)
            await acts.enter_async_context(locked(database_url, "decision_acts"))
        await waits(database_url, "decision_acts", worker)
        await kill(worker)
    assert len(await runs(store)) == 1
    await overdue(store)
    worker = await started(database_url, tmp_path)
    assert await worker.wait() == 0
    assert sorted(await runs(store)) == sorted(Act("default", "winback", one, False, 0).run for one in due)
    assert await rows(store, "select distinct state, run is not null from decision_acts") == [("begun", True)]
    assert await rows(store, "select count(*) from events where type = 'started'") == [(len(due),)]


async def runs(store: Store) -> list[object]:
    return [run for (run,) in await rows(store, "select id from runs")]


async def overdue(store: Store) -> None:
    """Whoever had taken one up counts as dead."""
    async with store.pool.connection() as connection:
        await connection.execute("update decision_acts set due_at = now() where state = 'due'")


@contextlib.asynccontextmanager
async def locked(url: str, table: str) -> AsyncIterator[None]:
    async with await psycopg.AsyncConnection.connect(url) as holder:
        await holder.execute(f"lock table {table} in exclusive mode".encode())
        yield


async def waits(url: str, table: str, worker: asyncio.subprocess.Process) -> None:
    """Until the worker is about to write to a table."""
    query = "select true from pg_locks where not granted and relation = %s::regclass"
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as watcher:
        while await (await watcher.execute(query, (table,))).fetchone() is None:
            assert worker.returncode is None, f"it ended before it wrote to {table}"
            await asyncio.sleep(0.01)


async def kill(worker: asyncio.subprocess.Process) -> None:
    worker.send_signal(signal.SIGKILL)
    assert await worker.wait() == -signal.SIGKILL


async def started(url: str, folder: Path) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.acting.worker", url, str(folder))
