"""A worker that is killed in the middle of a batch, at whatever statement, leaves nothing half done; whoever goes on takes each
event in once."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from pathlib import Path

import psycopg

from remit.store.store import Store
from tests.graph.conftest import dump, row, taken
from tests.graph.test_merging import rows_of

# Each is written by another statement of a batch
TABLES = ("graph_profiles", "graph_state", "graph_links")


async def test_batches_cut_anywhere_doubled_and_reordered_come_to_the_same_graph(
    store: Store, database_url: str, tmp_path: Path
) -> None:
    chance = random.Random(7)
    rows = [*rows_of(chance, 100), row("wrong", emial="x")]
    calm = store.within("calm")
    await taken(calm, *rows)
    mixed = rows + chance.sample(rows, 40)
    chance.shuffle(mixed)
    file = tmp_path / "rows.jsonl"
    file.write_text("\n".join(map(json.dumps, mixed)))
    for table in TABLES:
        await killed_at(database_url, table, file)
    worker = await begun(database_url, file)
    assert await worker.wait() == 0
    assert await dump(store.within("default")) == await dump(calm)


async def killed_at(url: str, table: str, file: Path) -> None:
    """Begin a worker, and kill it when it is about to write to a table."""
    async with await psycopg.AsyncConnection.connect(url) as holder:
        await holder.execute(f"lock table {table} in exclusive mode".encode())
        worker = await begun(url, file)
        async with await psycopg.AsyncConnection.connect(url, autocommit=True) as watcher:
            waits = "select true from pg_locks where not granted and relation = %s::regclass"
            while await (await watcher.execute(waits, (table,))).fetchone() is None:
                assert worker.returncode is None, f"it ended before it wrote to {table}"
                await asyncio.sleep(0.01)
            worker.send_signal(signal.SIGKILL)
            assert await worker.wait() == -signal.SIGKILL


async def begun(url: str, file: Path) -> asyncio.subprocess.Process:
    command = (sys.executable, "-m", "tests.graph.worker", url, str(file))
    return await asyncio.create_subprocess_exec(*command)
