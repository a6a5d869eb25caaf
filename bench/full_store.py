"""Stores full of runs: thousands that wait, a million that have ended. Real runs, copied by SQL.

One run is made by Remit itself, and its rows in the journal, in the index of runs and among what waits are copied under
ids drawn at random, as a run's are; so the rows are those of real runs whatever the schema becomes.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from pathlib import Path
from typing import Any, LiteralString
from uuid import UUID

import psycopg

from bench import figures
from bench.clerk import agent, remit_side, scripted
from bench.database import Address, drop, fresh
from bench.watch import environment
from remit.app import App, open_app
from remit.journal.index import list_runs
from remit.models.model import ToolCall
from remit.settings import Settings
from remit.testing import ScriptedModel

CHUNK = 100_000  # runs that one statement copies
COPY: tuple[LiteralString, ...] = (
    "create temp table copies as select gen_random_uuid() as id from generate_series(1, %(many)s::int)",
    """
    insert into events select (jsonb_populate_record(e, jsonb_build_object('run', c.id))).*
    from copies c, events e where e.run = %(run)s
    """,
    """
    insert into runs select (jsonb_populate_record(r, jsonb_build_object(
        'id', c.id, 'created_at', r.created_at - random() * interval '30 days'))).*
    from copies c, runs r where r.id = %(run)s
    """,
    """
    insert into asks select (jsonb_populate_record(a, jsonb_build_object('run', c.id))).*
    from copies c, asks a where a.run = %(run)s
    """,
    "drop table copies",
)


async def copy(url: str, run: UUID, many: int) -> None:
    """Put `many` copies of a run into the store, then leave it as it would be found later: vacuumed and on disk."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("set synchronous_commit = off")
        for done in range(0, many, CHUNK):
            for query in COPY:
                values = {"run": run, "many": min(CHUNK, many - done)}
                await connection.execute(query, values if "%(" in query else None)
            figures.note(f"{done + min(CHUNK, many - done)} of {many} runs copied")
        for query in (
            "vacuum (analyze) events",
            "vacuum (analyze) runs",
            "vacuum (analyze) asks",
            "checkpoint",
        ):
            await connection.execute(query.encode())


async def waiting(address: Address, args: Any) -> list[dict[str, Any]]:
    """What a worker that has nothing to do takes, with an empty store and with one full of runs that wait for a
    person. The two workers run at the same time, so that they meet the same machine."""
    names = {"bench_waiting_none": 0, "bench_waiting_many": args.waiting}
    urls = {name: await fresh(address, name) for name in names}
    for name, many in names.items():
        async with open_app(Settings(database_url=urls[name])) as app:
            model = ScriptedModel([ToolCall("1", "ask_person", {"question": "Which of the two addresses?"})])

            run = await app.start(agent(1), "Ask where to send it.", inputs={"size": 100}, model=model)
            state = await app.advance(run)
            assert state.status == "waiting", state.status
        if many:
            figures.note(f"waiting: {many} runs that wait")
            await copy(urls[name], run, many - 1)
    rows = await asyncio.gather(*(_idle(urls[name], max(1, many)) for name, many in names.items()))
    for name in names:
        await drop(address, name)
    more = rows[1]["memory MB"] - rows[0]["memory MB"]
    return [*rows, {"runs that wait": "difference", "memory MB": round(more, 2), "CPU ms a second": None}]


async def _idle(url: str, many: int, settle: float = 12.0, span: float = 20.0) -> dict[str, Any]:
    """A worker's private memory and CPU while it waits: after `settle` seconds, over `span` seconds."""
    remit = str(Path(sys.executable).with_name("remit"))
    worker = await asyncio.create_subprocess_exec(
        remit, "worker", cwd=figures.ROOT, env=environment(url, "", ""),
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        await asyncio.sleep(settle)
        before, began, seen = _cpu_ms(worker.pid), time.monotonic(), []
        while time.monotonic() - began < span:
            seen.append(_private_mb(worker.pid))
            await asyncio.sleep(1)
        busy = (_cpu_ms(worker.pid) - before) / (time.monotonic() - began)
        assert worker.returncode is None, "the worker ended by itself"
    finally:
        if worker.returncode is None:
            worker.kill()
        await worker.wait()
    return {
        "runs that wait": many,
        "memory MB": round(statistics.median(seen), 2),
        "CPU ms a second": round(busy, 1),
    }


def _private_mb(pid: int) -> float:
    """Memory that the process shares with nobody: what it would give back if it ended."""
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return sum(int(line.split()[1]) for line in lines if line.startswith("Private_")) / 1024


def _cpu_ms(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return 1000 * sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


async def finished(address: Address, args: Any, rounds: int = 10) -> list[dict[str, Any]]:
    """New runs from start to finish in an empty store and in a full one, by turns in one process, so that whatever
    the machine does hits both."""
    none, many = await fresh(address, "bench_finished_none"), await fresh(address, "bench_finished_many")
    async with open_app(Settings(database_url=none)) as empty, open_app(Settings(database_url=many)) as full:
        model = scripted(1)
        run = await remit_side(full, model, 1, 100)  # five events
        began = time.perf_counter()
        await copy(many, run, args.finished)
        figures.note(f"finished: copied in {time.perf_counter() - began:.0f} s")
        for app in (empty, full):
            await _ms(app, 50)
        found: dict[bool, list[float]] = {False: [], True: []}
        together: dict[bool, list[float]] = {False: [], True: []}
        for number in range(args.new):  # run by run, as what the machine does elsewhere changes fast
            for is_full in (False, True) if number % 2 else (True, False):
                found[is_full] += await _ms(full if is_full else empty, 1)
        for number in range(rounds):
            for is_full in (False, True) if number % 2 else (True, False):
                together[is_full].append(await _together(full if is_full else empty, 100))
        rows = [
            {
                "finished runs in the store": args.finished if is_full else 0,
                "a new run, p50 ms": round(statistics.median(found[is_full]), 3),
                "mean ms": round(
                    statistics.mean(sorted(found[is_full])[: int(0.95 * len(found[is_full]))]), 3
                ),
                "100 at once, ms a run": round(statistics.median(together[is_full]), 3),
                "list the newest 20, ms": round(await _listing(full if is_full else empty), 2),
                "store, MB": round(await _megabytes(many if is_full else none)),
            }
            for is_full in (False, True)
        ]
    for name in ("bench_finished_none", "bench_finished_many"):
        await drop(address, name)
    return [*rows, _slower(*rows)]


def _slower(empty: dict[str, Any], full: dict[str, Any]) -> dict[str, Any]:
    """The full store's figures against the empty one's, in per cent."""
    timed = ("a new run, p50 ms", "mean ms", "100 at once, ms a run")
    row: dict[str, Any] = dict.fromkeys(empty)
    return (
        row
        | {"finished runs in the store": "slower by"}
        | {key: f"{100 * (full[key] / empty[key] - 1):+.1f} %" for key in timed}
    )


async def _ms(app: App, runs: int) -> list[float]:
    model, taken = scripted(1), []
    for _ in range(runs):
        began = time.perf_counter()
        await remit_side(app, model, 1, 100)
        taken.append(1000 * (time.perf_counter() - began))
    return taken


async def _together(app: App, runs: int) -> float:
    model, began = scripted(1), time.perf_counter()
    await asyncio.gather(*(remit_side(app, model, 1, 100) for _ in range(runs)))
    return 1000 * (time.perf_counter() - began) / runs


async def _listing(app: App) -> float:
    taken = []
    for _ in range(20):
        began = time.perf_counter()
        await list_runs(app.store)
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


async def _megabytes(url: str) -> float:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute("select pg_database_size(current_database())")).fetchone()
    assert row is not None
    return int(row[0]) / 1e6
