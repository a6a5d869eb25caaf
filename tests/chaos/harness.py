"""A small company around the workers: a service outside, workers that come and go, and a person who answers.

async with world(database_url, tmp_path) as here:
    worker = await here.work(die_at=7)
    await here.start(10)
    await worker.died.wait()
    await here.work()
    await here.over()
    assert not (await here.examine()).violations
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from remit.app import App, open_app
from remit.dispatch import Dispatch, open_dispatch
from remit.errors import NotWaiting, StaleWriter, StoreError
from remit.journal.events import Person
from remit.journal.index import AskRow, list_asks
from remit.settings import Settings
from tests.chaos import effects, scene
from tests.chaos.invariants import Tally, examine

Json = Any
AWAY = (StoreError, StaleWriter, psycopg.OperationalError, OSError)
GLANCE = 0.02  # seconds between two looks of the person into the inbox
ANN = Person(id="ann", email="ann@example.com", name="Ann", verified=True)


@dataclass
class Worker:
    """A process that advances runs, until somebody kills it."""

    number: int
    pid: int = 0
    status: int | None = None
    killed_at: float | None = None
    boundary: str = ""  # at which it died
    running: dict[str, float] = field(default_factory=dict)  # run -> since when
    forked: asyncio.Event = field(default_factory=asyncio.Event)
    died: asyncio.Event = field(default_factory=asyncio.Event)


@dataclass
class Nursery:
    """Where workers are forked, and what they say. It leads a process group of its own, which ends with it."""

    process: asyncio.subprocess.Process
    workers: dict[int, Worker] = field(default_factory=dict)
    by_pid: dict[int, Worker] = field(default_factory=dict)
    last: dict[str, Worker] = field(default_factory=dict)  # run -> who advanced it last
    take_overs: list[float] = field(
        default_factory=list
    )  # seconds from a death to the run going on elsewhere

    async def fork(self, **order: Json) -> Worker:
        assert self.process.returncode is None, "the nursery has ended: its log says why"
        worker = self.workers[number] = Worker(number := len(self.workers) + 1)
        self._order(fork=number, **order)
        await worker.forked.wait()
        return worker

    def signal(self, worker: Worker, sign: signal.Signals) -> None:
        """Have it signalled, if it lives."""
        if sign == signal.SIGKILL and worker.killed_at is None:
            worker.killed_at = time.monotonic()
        self._order(signal=int(sign), to=worker.pid)

    def _order(self, **order: Json) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write((json.dumps(order) + "\n").encode())

    async def listen(self) -> None:
        assert self.process.stdout is not None
        async for text in self.process.stdout:
            self._hear(json.loads(text))
        for worker in self.workers.values():  # it has ended, and has taken them along
            worker.forked.set()
            worker.died.set()

    def _hear(self, said: Mapping[str, Json]) -> None:
        if "forked" in said:
            worker = self.workers[said["forked"]]
            worker.pid = said["pid"]
            self.by_pid[worker.pid] = worker
            worker.forked.set()
        elif "died" in said:
            worker = self.by_pid.pop(said["died"])
            worker.status = said["status"]
            worker.killed_at = worker.killed_at or said["at"]
            worker.died.set()
        elif worker := self.by_pid.get(said.get("pid", 0)):
            self._hear_of_run(worker, said)

    def _hear_of_run(self, worker: Worker, said: Mapping[str, Json]) -> None:
        if "begun" in said:
            run = said["begun"]
            before = self.last.get(run)
            if before is not None and before is not worker and run in before.running and before.died.is_set():
                before.running.pop(run)
                self.take_overs.append(said["at"] - (before.killed_at or said["at"]))
            self.last[run] = worker
            worker.running[run] = said["at"]
        elif "left" in said:
            worker.running.pop(said["left"], None)
        elif "boundary" in said:
            worker.boundary = said["boundary"]
            worker.killed_at = said["at"]


@dataclass
class World:
    """Everything a test of disasters needs. Made by `world`."""

    app: App
    dispatch: Dispatch
    service: str
    nursery: Nursery
    scripts: Sequence[Path]
    env: dict[str, str]
    runs: list[UUID] = field(default_factory=list)
    answers: int = 0
    asked_for_deaths: int = 0  # whether to go on with a run in which many workers died
    problems: list[str] = field(default_factory=list)
    glanced: asyncio.Condition = field(default_factory=asyncio.Condition)  # told when the person has looked
    mine: list[Worker] = field(default_factory=list)
    tally: Tally = field(default_factory=Tally)

    async def work(self, **order: Json) -> Worker:
        """A fresh worker. `die_at`: the number of the boundary at which it kills itself."""
        env = {**self.env, **order.pop("env", {})}
        worker = await self.nursery.fork(env=env, **order)
        self.mine.append(worker)
        return worker

    async def kill(self, worker: Worker) -> None:
        """kill -9, and wait until it is gone."""
        self.nursery.signal(worker, signal.SIGKILL)
        await worker.died.wait()

    async def start(self, number: int = 1, *, script: Path | None = None, **inputs: Json) -> list[UUID]:
        """Begin runs and put them into the queue; the scripts take turns."""

        async def one(n: int) -> UUID:
            path = script or self.scripts[n % len(self.scripts)]
            spec = scene.agent(self.service, path)
            run = await insist(lambda: self.app.start(spec, "go through it all", person=ANN, inputs=inputs))
            await insist(lambda: self.dispatch.enqueue(run))
            return run

        before = len(self.runs)
        begun = await asyncio.gather(*(one(before + n) for n in range(number)))
        self.runs += begun
        return begun

    async def unfinished(self) -> int:
        """How many runs have not ended."""
        async with self.app.store.pool.connection() as connection:
            found = await connection.execute(
                "select count(*) from runs where status in ('running', 'waiting', 'paused')"
            )
            row = await found.fetchone()
            return int(row[0]) if row else 0

    async def over(self, within: float = 240.0) -> None:
        """Wait until every run has ended. Raises AssertionError saying which have not."""

        async def all_ended() -> bool:
            return not await self.unfinished()

        await self.until(all_ended, within)

    async def until(self, holds: Callable[[], Awaitable[bool]], within: float = 240.0) -> None:
        """Wait for something to be seen, at a glance of the person's. Raises AssertionError with all there is to know."""
        try:
            async with asyncio.timeout(within):
                while not await insist(holds):
                    async with self.glanced:
                        await self.glanced.wait()
        except TimeoutError:
            for worker in self.mine:
                self.nursery.signal(worker, signal.SIGUSR2)  # it writes into its log what it waits for
            tally = await self.examine()
            said = [
                f"{holds.__name__} did not come true in {within} s",
                *tally.violations,
                *await self._tables(),
            ]
            said += [f"{w.number}: {w.pid} {w.boundary} {w.status} {list(w.running)}" for w in self.mine[-4:]]
            raise AssertionError("\n".join(said)) from None

    async def _tables(self) -> list[str]:
        """Who has what, for whoever looks into a run that does not end."""
        found = []
        async with self.app.store.pool.connection() as connection:
            jobs = "procrastinate_jobs as t where status <> 'aborted' order by id desc"
            for table in ("workers as t", "leases as t", "remit_timers as t", "asks as t", jobs):
                rows = await connection.execute(f"select row_to_json(t)::text from {table} limit 20".encode())
                found += [f"{table.split()[0]}: {text}" for (text,) in await rows.fetchall()]
            found += [f"now: {(await (await connection.execute('select now()')).fetchone() or ['?'])[0]}"]
        return found

    async def next_glance(self) -> None:
        async with self.glanced:
            await self.glanced.wait()

    async def examine(self, **how: Json) -> Tally:
        tally = await examine(self.app, self.service, **how)
        tally.violations += self.problems
        tally.counts["asked after deaths"] = self.asked_for_deaths
        return tally

    async def attend(self) -> None:
        """The person: looks into the inbox, decides, and tells the truth about doubts."""
        while True:
            with contextlib.suppress(*AWAY):
                await asyncio.gather(*(self._reply(ask) for ask in await list_asks(self.app.store, 100)))
            async with self.glanced:
                self.glanced.notify_all()
            await asyncio.sleep(GLANCE)

    async def _reply(self, ask: AskRow) -> None:
        chance = zlib.crc32(ask.ask_id.encode())
        with contextlib.suppress(NotWaiting):  # it has ended meanwhile
            if ask.kind == "doubt":
                await self._truth(ask)
            elif ask.kind == "approval":
                decision = "reject" if chance % 3 == 0 else "approve"
                await self.app.answer(ask.run, decision, "olga", ask=ask.ask_id)
            elif ask.ask_id.startswith("deaths"):
                self.asked_for_deaths += 1
                await self.app.answer(ask.run, "approve", "olga", ask=ask.ask_id)
            elif ask.ask_id.startswith("q"):
                await self.app.answer(ask.run, "answer", "olga", f"forty-two for {ask.ask_id}", ask.ask_id)
            else:
                self.problems.append(f"{ask.run}: a person was bothered with {ask.ask_id}: {ask.text}")
                await self.app.answer(ask.run, "reject", "olga", ask=ask.ask_id)
            self.answers += 1
            if chance % 5 == 0:
                await self._again(ask)
        await self.dispatch.enqueue(ask.run)

    async def _truth(self, ask: AskRow) -> None:
        state = await self.app.state(ask.run)
        intended = state.calls[state.asked[ask.ask_id].call_id].intended
        assert intended is not None
        found = await effects.find(self.service, intended.key)
        if found:
            await self.app.answer(ask.run, "answer", "olga", json.dumps(found[0]), ask.ask_id)
        else:
            await self.app.answer(ask.run, "approve", "olga", ask=ask.ask_id)

    async def _again(self, ask: AskRow) -> None:
        """A second answer changes nothing and is told so."""
        try:
            await self.app.answer(ask.run, "approve", "bob", ask=ask.ask_id)
        except NotWaiting:
            return
        self.problems.append(f"{ask.run}: a second answer to {ask.ask_id} was taken")


async def insist(act: Any) -> Any:
    """Do it, however long the database is away."""
    while True:
        try:
            return await act()
        except AWAY:
            await asyncio.sleep(GLANCE)


@contextlib.asynccontextmanager
async def nursery(
    log: Path, *, cwd: Path | None = None, env: Mapping[str, str] | None = None
) -> AsyncIterator[Nursery]:
    """The process that forks workers; what they log goes to `log`."""
    with log.open("ab") as file:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.chaos.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=file,
            cwd=cwd,
            env={**os.environ, **(env or {})},
            limit=1 << 20,
        )
    made = Nursery(process)
    ear = asyncio.create_task(made.listen())
    try:
        yield made
    finally:
        assert process.stdin is not None
        process.stdin.close()  # it takes its children along
        await process.wait()
        await asyncio.gather(ear, return_exceptions=True)


@contextlib.asynccontextmanager
async def world(
    database_url: str,
    folder: Path,
    *,
    shared: Nursery | None = None,
    scripts: int = 1,
    first: Sequence[str] = scene.VARIED,
    length: int = 0,
    seed: int = 1,
    delay: float = 0.0,
    lose: float = 0.0,
    env: Mapping[str, str] | None = None,
) -> AsyncIterator[World]:
    """A world over one database; `shared` is a nursery that other worlds use too."""
    folder.mkdir(parents=True, exist_ok=True)
    settings = Settings(database_url=database_url, data_dir=folder / "data", pool_size=8)
    given = {"REMIT_DATABASE_URL": database_url, "REMIT_DATA_DIR": str(folder / "data"), **(env or {})}
    async with contextlib.AsyncExitStack() as held:
        own = shared or await held.enter_async_context(nursery(folder / "workers.log"))
        service = await held.enter_async_context(effects.service(delay=delay, lose=lose, seed=seed))
        app = await held.enter_async_context(open_app(settings))
        dispatch = await held.enter_async_context(open_dispatch(app.store))
        paths = scene.write_scripts(folder / "scripts", scripts, first=first, length=length, seed=seed)
        made = World(app, dispatch, service, own, paths, given)
        person = asyncio.create_task(made.attend())
        try:
            yield made
            if person.done():
                person.result()
        finally:
            while not person.done():
                person.cancel()  # if a query fails just then, they see that instead and look on
                await asyncio.wait([person], timeout=1.0)
            for worker in made.mine:
                await made.kill(worker)
