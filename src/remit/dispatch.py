"""Which run to advance now, where, in what order. The one module that imports the queue engine.

What it promises:

- `enqueue(run)` leads to at least one `advance(run)` that begins after it. If the run is queued already, that
  one will do; if it is being advanced right now, it is advanced once more afterwards.
- One `advance` a run at a time. Only where a worker was taken for dead may two overlap; the journal's
  `(run, seq)` then lets one of them win.
- Agents take turns: a job's place is by its class of priority, then by its agent's turn (`remit/order.py`).
- A job is never lost: not when its worker is killed, nor when the database goes away while it runs.
- Timers, and pauses after a failure, hold nothing back, and wait in a table of their own. (The engine holds back
  every job of a lock while an earlier one waits for its time, and reads past all that wait for each job it seeks.)

The engine's own retry and its `retry_job` are not used: both put a job back under a queueing lock that a newer job of
the run may hold by then, which fails and leaves the run locked. A job is ended and a new one queued instead.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString
from uuid import UUID

import procrastinate
import psycopg
from procrastinate.exceptions import ConnectorException
from procrastinate.periodic import PeriodicTask
from procrastinate.worker import Worker

from remit.errors import StoreError, UserError
from remit.order import HIGHEST, LOWEST, SPAN, check_priority, priority_of
from remit.store.store import Connection, Store, connect

LOG = logging.getLogger(__name__)
QUEUE = "remit"  # of what belongs to no agent; an agent's is `remit:workspace/agent`
TRANSIENT = (StoreError, psycopg.OperationalError, ConnectorException)
LONGEST_PAUSE = 60.0  # seconds between attempts of a run whose database fails it
DEATHS = 5  # a job of `every` that saw so many workers die is not tried again by itself

Advance = Callable[[UUID], Awaitable[None]]
ENQUEUE: LiteralString = "SELECT remit_enqueue(%s::uuid[], %s::int[], '{0}', %s, %s)"


@dataclass(frozen=True)
class Pace:
    """Seconds. A dead worker's jobs are taken over within `dead_after` and two heartbeats."""

    heartbeat: float = 1.0
    dead_after: float = 4.0
    poll: float = 1.0  # how late a timer may be; new jobs are announced and do not wait for it
    grace: float = 30.0  # what a job may still take when the worker is told to stop


class AttentiveConnector(procrastinate.PsycopgConnector):
    """The engine's connector may begin, or begin again, to listen after a job was announced: look once it does. It
    listens at `url`, past a pooler; at the pool's address where None."""

    def __init__(self, url: str | None) -> None:
        super().__init__()
        self._url = url

    @contextlib.asynccontextmanager
    async def _get_standalone_connection(self) -> AsyncIterator[Connection]:
        if self._url is None:
            async with super()._get_standalone_connection() as connection:
                yield connection
        else:
            async with await connect(self._url) as connection:
                yield connection

    async def _loop_notify(self, on_notification: Any, connection: Connection, **how: Any) -> None:
        await on_notification(channel="", payload='{"type": "job_inserted", "job_id": 0}')
        await super()._loop_notify(on_notification=on_notification, connection=connection, **how)


class AttentiveWorker(Worker):
    """The engine's worker forgets what it is told while it asks for a job, and would find it at its next poll."""

    told = 0

    async def _handle_notification(self, **told: Any) -> None:
        self.told += 1
        await super()._handle_notification(**told)

    async def _fetch_and_process_jobs(self) -> None:
        before = None
        while before != self.told:
            before = self.told
            await super()._fetch_and_process_jobs()  # type: ignore[no-untyped-call]


class Dispatch:
    """The queue of one store. Made by `open_dispatch`."""

    def __init__(self, store: Store, app: procrastinate.App, pace: Pace) -> None:
        self._store, self._app, self._pace = store, app, pace
        self._advance: Advance | None = None
        self._running: set[int] = set()  # jobs whose code runs in this process
        app.task(name="advance", queue=QUEUE, pass_context=True)(self._run_advance)

    async def enqueue(self, run: UUID, *, priority: int = 0, connection: Connection | None = None) -> None:
        """Have the run advanced, in its agent's turn; those of a higher `priority` (-10 to 10) first, now and whenever
        the run is woken. Give the `connection` of a transaction to have it done when, and only if, the transaction
        commits. Raises psycopg.OperationalError if the database is away, UserError for no such priority."""
        await self._enqueue(run, check_priority(priority) or None, connection)

    async def wake_at(self, run: UUID, when: datetime, *, connection: Connection | None = None) -> None:
        """Have the run advanced at `when` (with a time zone), at most a poll later. Several timers may be set; a
        time gone by is now. Raises ValueError for a time without zone."""
        if when.utcoffset() is None:
            raise ValueError(f"{when.isoformat()} has no time zone")
        await self._set_timer(run, when, 0, connection)

    async def wake_in(self, run: UUID, seconds: float, attempt: int = 0) -> None:
        """Have the run advanced in so many seconds by the database's clock, however long the database is away."""

        async def set_timer() -> None:
            async with self._store.pool.connection() as own:
                await own.execute(
                    "INSERT INTO remit_timers (run, due, attempt) VALUES (%s, now() + make_interval(secs => %s), %s) "
                    "ON CONFLICT DO NOTHING",
                    (run, seconds, attempt),
                )

        await self._insist(set_timer)

    def every(self, name: str, cron: str, coroutine: Callable[[], Awaitable[None]]) -> None:
        """Call `coroutine` at the times of `cron` (five fields, or six with seconds last; in UTC) while a worker
        runs that knows it: once a time for all workers, and never two at once. Set before `work`.

        Raises UserError for a cron expression that cannot be read."""

        async def job(context: procrastinate.JobContext, timestamp: int, deaths: int = 0) -> None:
            with self._during(context):
                await coroutine()

        key = f"every:{name}"
        task = self._app.task(name=key, queue=QUEUE, lock=key, queueing_lock=key, pass_context=True)(job)
        try:
            PeriodicTask(task=task, cron=cron, periodic_id=name, configure_kwargs={}).croniter  # noqa: B018
        except ValueError as error:
            raise UserError(
                f"{name}: {cron!r} is not a cron expression ({error}). Example: '0 9 * * 1-5' is 9:00 UTC on weekdays."
            ) from error
        self._app.periodic(cron=cron, periodic_id=name)(task)

    async def work(
        self,
        advance: Advance,
        *,
        concurrency: int = 4,
        stop: asyncio.Event,
        name: str = "worker",
        agents: Collection[str] = (),
    ) -> None:
        """Advance runs, up to `concurrency` at once, until `stop` is set; then finish what runs, for `Pace.grace`
        at most: what is cut off is queued again. `agents`: only their runs; none named are all.

        Goes on when the database goes away and comes back. An `advance` that fails because of the database is
        tried again after a pause; one that fails otherwise is logged, and its job kept as failed.
        """
        self._advance = advance
        pause = 0.5
        stopping = asyncio.create_task(stop.wait())
        try:
            while not stop.is_set():
                worker = self._worker(concurrency, name, agents)
                begun = asyncio.get_running_loop().time()
                try:
                    await self._run_worker(worker, stopping)
                except TRANSIENT as error:
                    LOG.warning("%s: the database is away (%s); trying again", name, _root(error))
                if asyncio.get_running_loop().time() - begun > LONGEST_PAUSE:
                    pause = 0.5
                await asyncio.wait([stopping], timeout=pause)
                pause = min(pause * 2, 10.0)
        finally:
            stopping.cancel()

    def _worker(self, concurrency: int, name: str, agents: Collection[str]) -> Worker:
        return AttentiveWorker(
            app=self._app,
            queues=[QUEUE, *map(lane, agents)] if agents else None,
            name=name,
            concurrency=concurrency,
            fetch_job_polling_interval=self._pace.poll,
            shutdown_graceful_timeout=self._pace.grace,
            delete_jobs="successful",
            install_signal_handlers=False,
            listen_notify=self._store.pooler is None or self._store.settings.listen_url is not None,
            update_heartbeat_interval=self._pace.heartbeat,
            stalled_worker_timeout=self._pace.dead_after,
        )

    async def _run_worker(self, worker: Worker, stopping: asyncio.Task[bool]) -> None:
        """Run the engine's worker until `stopping`, or until it gives up because its connection failed."""
        running = asyncio.create_task(worker.run())  # type: ignore[no-untyped-call]
        beside = [asyncio.create_task(self._tend(worker)), asyncio.create_task(self._ring())]
        try:
            await asyncio.wait([running, stopping, *beside], return_when=asyncio.FIRST_COMPLETED)
        finally:
            worker.stop()  # type: ignore[no-untyped-call]
            try:
                await running
            finally:
                for task in beside:
                    task.cancel()
        for task in beside:
            if task.done() and not task.cancelled():
                task.result()  # it never ends by itself, but for a mistake of ours

    async def _ring(self) -> None:
        """Queue the runs whose timers are due."""
        while True:
            try:
                async with self._store.pool.connection() as connection:
                    queued = await connection.execute(
                        """
                        WITH due AS (
                            DELETE FROM remit_timers WHERE (run, due) IN (
                                SELECT run, due FROM remit_timers WHERE due <= now()
                                ORDER BY due LIMIT 1000 FOR UPDATE SKIP LOCKED
                            ) RETURNING run, due, attempt
                        ), runs AS (
                            SELECT run, min(due) AS due, max(attempt) AS attempt FROM due GROUP BY run
                        )
                        SELECT remit_enqueue(array_agg(run ORDER BY due), array_agg(NULL::int),
                                             array_agg(attempt ORDER BY due), %s, true)
                          FROM runs HAVING count(*) > 0
                        """,
                        [SPAN],
                    )
                    await _keep_near(connection, await queued.fetchone())
            except TRANSIENT as error:
                LOG.debug("cannot look for timers now: %s", error)
            await asyncio.sleep(self._pace.poll)

    async def _tend(self, worker: Worker) -> None:
        """Take over from the dead, and release jobs of ours whose end could not be written down."""
        strays: set[int] = set()
        while True:
            await asyncio.sleep(self._pace.heartbeat)
            try:
                strays = await self._release(worker.worker_id, strays)
                await self._take_over()
            except TRANSIENT as error:
                LOG.debug("cannot look for dead workers now: %s", error)

    async def _release(self, worker: int | None, before: set[int]) -> set[int]:
        """Give up jobs that the queue thinks we run, and we did not now nor at the last look; returns those seen
        for the first time, which may just have begun or ended."""
        async with self._store.pool.connection() as connection:
            found = await connection.execute(
                "SELECT id FROM procrastinate_jobs WHERE status = 'doing' AND worker_id = %s", [worker]
            )
            strays = {number for (number,) in await found.fetchall()} - self._running
            await connection.execute(
                "UPDATE procrastinate_jobs SET worker_id = NULL "
                "WHERE id = ANY (%s) AND status = 'doing' AND worker_id = %s",
                [list(strays & before), worker],
            )
        return strays - before

    async def _take_over(self) -> None:
        """Queue again what nobody runs any more. A job of `every` that has seen too many workers die stays failed: it is
        likely what killed them. To advance a run is always tried again: a run that kills its workers is told by its lease,
        and put before a person; to forget it here would lose a wake-up."""
        async with self._store.pool.connection() as connection, connection.transaction():
            await connection.execute(  # their jobs' worker_id becomes NULL
                "DELETE FROM procrastinate_workers WHERE last_heartbeat < now() - make_interval(secs => %s)",
                [self._pace.dead_after],
            )
            taken = await connection.execute(
                """
                WITH dead AS (
                    UPDATE procrastinate_jobs
                       SET status = CASE WHEN task_name = 'advance'
                                           OR coalesce((args->>'deaths')::int, 0) + 1 < %(limit)s
                                    THEN 'aborted' ELSE 'failed' END::procrastinate_job_status
                     WHERE status = 'doing' AND worker_id IS NULL
                    RETURNING *
                ), again AS (
                    INSERT INTO procrastinate_jobs (queue_name, task_name, priority, lock, queueing_lock, args)
                    SELECT DISTINCT ON (coalesce(queueing_lock, id::text))
                           queue_name, task_name, priority, lock, queueing_lock,
                           args || jsonb_build_object('deaths', coalesce((args->>'deaths')::int, 0) + 1)
                      FROM dead WHERE status = 'aborted'
                    ON CONFLICT (queueing_lock) WHERE status = 'todo' DO UPDATE SET args = excluded.args
                )
                SELECT id, task_name, args, status FROM dead
                """,
                {"limit": DEATHS},
            )
            for number, task, args, status in await taken.fetchall():
                if status == "failed":
                    LOG.error(
                        "job %s (%s %s) saw %s workers die and is not tried again", number, task, args, DEATHS
                    )
                else:
                    LOG.warning("took over job %s (%s %s) from a worker that died", number, task, args)

    async def _enqueue(self, run: UUID, priority: int | None, connection: Connection | None = None) -> None:
        """None: the run's own priority."""
        values = ([run], [priority], SPAN, connection is None)
        if connection is not None:
            await connection.execute(ENQUEUE, values)
            return
        async with self._store.pool.connection() as own:
            await _keep_near(own, await (await own.execute(ENQUEUE, values)).fetchone())

    async def _set_timer(
        self, run: UUID, when: datetime, attempt: int, connection: Connection | None = None
    ) -> None:
        sql: LiteralString = (
            "INSERT INTO remit_timers (run, due, attempt) VALUES (%s, %s, %s) ON CONFLICT DO NOTHING"
        )
        if connection is not None:
            await connection.execute(sql, (run, when, attempt))
            return
        async with self._store.pool.connection() as own:
            await own.execute(sql, (run, when, attempt))

    async def _run_advance(
        self, context: procrastinate.JobContext, run: str, attempt: int = 0, deaths: int = 0
    ) -> None:
        assert self._advance is not None, "only `work` runs jobs"
        with self._during(context):
            try:
                await self._advance(UUID(run))
            except (StoreError, psycopg.OperationalError) as error:
                pause = min(2.0**attempt, LONGEST_PAUSE)
                LOG.warning(
                    "run %s could not be advanced and is tried again in %.0f s: %s", run, pause, error
                )
                await self.wake_in(UUID(run), pause, min(attempt + 1, 10))
            except asyncio.CancelledError:  # cut off, as the worker has to stop; another goes on
                await self._insist(lambda: self._enqueue(UUID(run), priority_of(context.job.priority)))
                raise

    async def _insist(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do it, however long the database is away: if this job ended without it, its run would be forgotten."""
        while True:
            try:
                return await act()
            except psycopg.OperationalError as error:
                LOG.warning("the database is away (%s); waiting for it", error)
                await asyncio.sleep(self._pace.poll)

    @contextlib.contextmanager
    def _during(self, context: procrastinate.JobContext) -> Any:
        number = context.job.id
        assert number is not None, "a fetched job has a number"
        self._running.add(number)
        try:
            yield
        finally:
            self._running.discard(number)


@contextlib.asynccontextmanager
async def open_dispatch(store: Store, pace: Pace | None = None) -> AsyncIterator[Dispatch]:
    """The queue of this store, over the store's own pool. A worker holds one connection more, to be told of jobs, but
    behind a pooler only where REMIT_LISTEN_URL leads past it; else it looks for them each `Pace.poll`."""
    app = procrastinate.App(connector=AttentiveConnector(store.settings.listen_url))
    async with app.open_async(store.own):
        yield Dispatch(store, app, pace or Pace())


def lane(agent: str, workspace: str = "default") -> str:
    """The queue of an agent's runs."""
    return f"{QUEUE}:" + f"{workspace}/{agent}"[:120]


async def _keep_near(connection: Connection, furthest: tuple[int] | None) -> None:
    """Bring the tags back to 0 where they have gone far: weeks of a queue that was never empty."""
    if furthest is not None and furthest[0] > SPAN // 2:
        classes = list(range(LOWEST, HIGHEST + 1))
        await connection.execute(
            "SELECT remit_nearer(class, %s) FROM unnest(%s::int[]) AS class", (SPAN, classes)
        )


def _root(error: BaseException) -> BaseException:
    """What the engine's error wraps."""
    return error.__cause__ or error
