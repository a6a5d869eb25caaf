from __future__ import annotations

import asyncio
import contextlib
import logging
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import psycopg
import pytest

from remit.dispatch import DEATHS, Dispatch, Pace, open_dispatch
from remit.errors import StoreError, UserError
from remit.store.store import Connection, Store

QUICK = Pace(heartbeat=0.1, dead_after=0.6, poll=0.1, grace=5)
DEAF = Pace(
    heartbeat=0.1, dead_after=5, poll=3600
)  # never polls: whatever happens, happened because it was told


class Seen(asyncio.Queue[UUID]):
    """An `advance` that notes what it was called with; `next()` waits for it."""

    async def advance(self, run: UUID) -> None:
        self.put_nowait(run)

    async def next(self) -> UUID:
        return await asyncio.wait_for(self.get(), 20)

    async def take(self, count: int) -> list[UUID]:
        return [await self.next() for _ in range(count)]


@contextlib.asynccontextmanager
async def working(
    store: Store, advance: Callable[[UUID], Awaitable[None]], pace: Pace = DEAF, concurrency: int = 4
) -> AsyncIterator[Dispatch]:
    stop = asyncio.Event()
    async with open_dispatch(store, pace) as dispatch:
        work = asyncio.create_task(dispatch.work(advance, concurrency=concurrency, stop=stop))
        try:
            async with asyncio.timeout(20):  # a hang is a failure
                yield dispatch
        finally:
            stop.set()
            await work


async def jobs(store: Store, columns: str = "task_name, status::text") -> list[tuple[object, ...]]:
    async with store.pool.connection() as connection:
        found = await connection.execute(f"SELECT {columns} FROM procrastinate_jobs ORDER BY id".encode())
        return list(await found.fetchall())


async def timers(store: Store) -> list[UUID]:
    async with store.pool.connection() as connection:
        return [run for (run,) in await (await connection.execute("SELECT run FROM remit_timers")).fetchall()]


@contextlib.asynccontextmanager
async def victim_of(store: Store) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker process that takes one run and never finishes it."""
    victim = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("worker.py")), store.url, stdout=asyncio.subprocess.PIPE
    )
    try:
        yield victim
    finally:
        if victim.returncode is None:
            victim.kill()
        await victim.wait()


async def said_by(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    return (await asyncio.wait_for(process.stdout.readline(), 20)).decode().strip()


async def until(
    store: Store, holds: Callable[[list[tuple[object, ...]]], bool], columns: str = "task_name, status::text"
) -> None:
    """Wait for a change in the database, which nothing announces."""
    while not holds(await jobs(store, columns)):  # noqa: ASYNC110
        await asyncio.sleep(0.02)


async def test_a_working_worker_is_told_of_a_new_run(store: Store) -> None:
    seen, first, second = Seen(), uuid4(), uuid4()
    async with working(store, seen.advance) as dispatch:
        await dispatch.enqueue(first)
        assert await seen.next() == first
        await dispatch.enqueue(second)
        assert await seen.next() == second
    assert await jobs(store) == []


async def test_runs_queued_before_any_worker_are_advanced_once_each_higher_priority_first(
    store: Store,
) -> None:
    low, high, raised = uuid4(), uuid4(), uuid4()
    seen = Seen()
    async with open_dispatch(store) as dispatch:
        await dispatch.enqueue(low)
        await dispatch.enqueue(raised)
        await dispatch.enqueue(high, priority=5)
        await dispatch.enqueue(raised, priority=9)
        await dispatch.enqueue(raised)  # does not lower it again
    async with working(store, seen.advance, concurrency=1):
        assert await seen.take(3) == [raised, high, low]
    assert seen.empty()


async def test_a_run_queued_while_it_is_advanced_is_advanced_once_more_and_never_twice_at_once(
    store: Store,
) -> None:
    run, at_once, most = uuid4(), 0, 0
    begun, go_on = Seen(), asyncio.Event()

    async def advance(run: UUID) -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        await begun.advance(run)
        await go_on.wait()
        at_once -= 1

    async with working(store, advance) as dispatch:
        await dispatch.enqueue(run)
        await begun.next()
        for _ in range(3):
            await dispatch.enqueue(run)
        await dispatch.enqueue(other := uuid4())  # picked up although it stands behind one that has to wait
        assert await begun.next() == other
        go_on.set()
        assert await begun.next() == run
    assert begun.empty()
    assert most == 2  # the run and the other


async def test_a_queued_run_is_not_begun_before_the_transaction_that_woke_it_commits(store: Store) -> None:
    seen, run, rolled_back = Seen(), uuid4(), uuid4()
    async with open_dispatch(store) as dispatch:
        await dispatch.enqueue(run)
        async with store.pool.connection() as connection:
            async with connection.transaction(force_rollback=True):
                await dispatch.enqueue(rolled_back, connection=connection)
            async with connection.transaction():
                await dispatch.enqueue(run, connection=connection)
                async with working(store, seen.advance, QUICK):
                    await dispatch.enqueue(witness := uuid4())
                    assert await seen.next() == witness
                assert seen.empty()
    async with working(store, seen.advance):
        assert await seen.next() == run
    assert seen.empty()


async def test_a_timer_wakes_its_run_and_holds_nothing_back(store: Store) -> None:
    seen, run, soon = Seen(), uuid4(), uuid4()
    async with working(store, seen.advance, QUICK) as dispatch:
        await dispatch.wake_at(run, datetime.now(UTC) + timedelta(hours=1))
        await dispatch.wake_at(run, datetime.now(UTC) + timedelta(hours=1))
        await dispatch.enqueue(run)
        assert await seen.next() == run
        due = datetime.now(UTC) + timedelta(seconds=0.3)
        await dispatch.wake_at(soon, due)
        assert await seen.next() == soon
        assert datetime.now(UTC) >= due
        await dispatch.wake_at(soon, datetime.now(UTC) - timedelta(days=1))
        assert await seen.next() == soon
        with pytest.raises(ValueError, match="no time zone"):
            await dispatch.wake_at(run, datetime(2030, 1, 1))
    assert await timers(store) == [run, run]  # both an hour ahead, at different times
    assert await jobs(store) == []


async def test_the_same_timer_set_twice_is_one(store: Store) -> None:
    run, when = uuid4(), datetime.now(UTC) + timedelta(hours=1)
    async with open_dispatch(store) as dispatch:
        await dispatch.wake_at(run, when)
        await dispatch.wake_at(run, when)
    assert await timers(store) == [run]


@pytest.mark.parametrize("trouble", [StoreError("no space left"), psycopg.OperationalError("gone")])
async def test_an_advance_that_the_database_failed_is_tried_again(store: Store, trouble: Exception) -> None:
    seen, run = Seen(), uuid4()
    troubles = [trouble]

    async def advance(run: UUID) -> None:
        await seen.advance(run)
        if troubles:
            raise troubles.pop()

    async with working(store, advance, QUICK) as dispatch:
        await dispatch.enqueue(run)
        assert await seen.take(2) == [run, run]
    assert await jobs(store) == []


async def test_a_run_in_the_pause_after_a_failure_can_be_woken(store: Store) -> None:
    seen, run = Seen(), uuid4()

    async def advance(run: UUID) -> None:
        await seen.advance(run)
        raise StoreError("no space left")

    async with working(store, advance, DEAF) as dispatch:  # it never looks for timers that are due
        await dispatch.enqueue(run)
        await seen.next()
        await dispatch.enqueue(run)
        assert await seen.next() == run


async def test_an_advance_that_breaks_is_said_loudly_and_its_job_kept(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    broken, fine, seen = uuid4(), uuid4(), Seen()

    async def advance(run: UUID) -> None:
        if run == broken:
            raise LookupError("the developer's own mistake")
        await seen.advance(run)

    with caplog.at_level(logging.ERROR):
        async with working(store, advance, concurrency=1) as dispatch:
            await dispatch.enqueue(broken)
            await dispatch.enqueue(fine)
            assert await seen.next() == fine
    assert "the developer's own mistake" in caplog.text
    assert await jobs(store, "args->>'run', status::text") == [(str(broken), "failed")]


async def test_stopping_lets_a_run_finish_its_advance(store: Store) -> None:
    begun, go_on, ended = Seen(), asyncio.Event(), asyncio.Event()

    async def advance(run: UUID) -> None:
        await begun.advance(run)
        await go_on.wait()
        ended.set()

    stop = asyncio.Event()
    async with open_dispatch(store, DEAF) as dispatch:
        work = asyncio.create_task(dispatch.work(advance, stop=stop))
        await dispatch.enqueue(uuid4())
        await begun.next()
        stop.set()
        await asyncio.wait([work], timeout=0)
        go_on.set()
        await work
    assert ended.is_set()
    assert await jobs(store) == []


async def test_what_a_stopping_worker_cuts_off_is_gone_on_with_by_another(store: Store) -> None:
    begun, run = Seen(), uuid4()

    async def endless(run: UUID) -> None:
        await begun.advance(run)
        await asyncio.Event().wait()

    async with working(store, endless, Pace(grace=0.05)) as dispatch:
        await dispatch.enqueue(run)
        await begun.next()
    seen = Seen()
    async with working(store, seen.advance):
        assert await seen.next() == run


async def test_a_killed_workers_run_is_taken_over_by_another_process(store: Store) -> None:
    run, seen = uuid4(), Seen()
    async with open_dispatch(store) as dispatch:
        await dispatch.enqueue(run)
    async with contextlib.AsyncExitStack() as held:
        victim = await held.enter_async_context(victim_of(store))
        assert await said_by(victim) == str(run)
        dispatch = await held.enter_async_context(working(store, seen.advance, QUICK))
        await dispatch.enqueue(run)  # queued besides: the one that died must not stand in its way
        await dispatch.enqueue(witness := uuid4())
        assert await seen.next() == witness  # this worker works, and leaves the run to whoever has it
        victim.kill()
        assert await seen.next() == run
    assert seen.empty()
    assert [status for (status,) in await jobs(store, "status::text")] == ["aborted"]


async def killed(store: Store, task: str, run: UUID) -> None:
    """A job that has killed all its workers but one, and then that one."""
    async with store.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status) VALUES "
            "('remit', %s, 'l', 'l', jsonb_build_object('run', %s::text, 'deaths', %s::int), 'doing')",
            [task, str(run), DEATHS - 1],
        )


async def test_what_happens_by_the_clock_and_kills_its_workers_is_left_alone_in_the_end(
    store: Store, caplog: pytest.LogCaptureFixture
) -> None:
    await killed(store, "every:x", uuid4())
    async with working(store, Seen().advance, QUICK):
        await until(store, lambda left: left == [("every:x", "failed")])
    assert f"saw {DEATHS} workers die" in caplog.text


async def test_a_run_is_advanced_however_many_workers_died_before(store: Store) -> None:
    await killed(store, "advance", run := uuid4())
    seen = Seen()
    async with working(store, seen.advance, QUICK):
        assert await seen.next() == run


async def test_a_job_whose_end_could_not_be_written_is_released_by_the_worker_itself(store: Store) -> None:
    seen, run, stuck = Seen(), uuid4(), uuid4()
    async with working(store, seen.advance, QUICK) as dispatch:
        await dispatch.enqueue(run)
        await seen.next()
        async with (
            store.pool.connection() as connection
        ):  # as after a connection lost between work and its record
            await connection.execute(
                "INSERT INTO procrastinate_jobs (queue_name, task_name, lock, queueing_lock, args, status, worker_id) "
                "SELECT 'remit', 'advance', 'l', 'l', jsonb_build_object('run', %s::text), 'doing', id "
                "FROM procrastinate_workers",
                [str(stuck)],
            )
        assert await seen.next() == stuck


async def test_a_worker_goes_on_when_its_connections_are_cut(store: Store) -> None:
    begun, go_on, run, later = Seen(), asyncio.Event(), uuid4(), uuid4()

    async def advance(run: UUID) -> None:
        await begun.advance(run)
        await go_on.wait()

    async with working(store, advance, QUICK) as dispatch:
        await dispatch.enqueue(run)
        await begun.next()
        async with await psycopg.AsyncConnection.connect(store.url, autocommit=True) as admin:
            await admin.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
                "WHERE datname = current_database() AND pid <> pg_backend_pid()"
            )
        go_on.set()
        await dispatch.enqueue(later)
        while await begun.next() != later:
            pass  # the first again: that it ended could not be written down
        await until(store, lambda left: ("doing",) not in left, "status::text")


async def test_a_timer_is_not_lost_with_the_worker_that_would_have_rung_it(store: Store) -> None:
    run = uuid4()
    async with open_dispatch(store) as dispatch:
        await dispatch.wake_at(run, datetime.now(UTC) - timedelta(days=3))
    seen = Seen()
    async with working(store, seen.advance, QUICK), working(store, seen.advance, QUICK):
        assert await seen.next() == run
        await until(store, lambda left: left == [])
    assert seen.empty()
    assert await timers(store) == []


async def test_seeking_a_job_takes_no_longer_the_more_wait(store: Store) -> None:
    """Asserts the plan, whatever the statistics say: the first by priority is read from its index, not sorted out."""
    async with store.pool.connection() as connection:
        await connection.execute(
            "INSERT INTO procrastinate_jobs (queue_name, task_name, lock) "
            "SELECT 'remit', 'advance', i::text FROM generate_series(1, 3000) i"
        )
        before = await reads(connection)
        await connection.execute("SELECT procrastinate_fetch_job_v2(ARRAY['remit']::varchar[], NULL)")
        assert await reads(connection) - before < 20


async def reads(connection: Connection) -> int:
    """Index entries of the queue that this session has read."""
    await connection.execute("SELECT pg_stat_force_next_flush()")
    found = await connection.execute(
        "SELECT sum(idx_tup_read)::int FROM pg_stat_user_indexes WHERE relname = 'procrastinate_jobs'"
    )
    return int((await found.fetchone() or (0,))[0])


async def test_two_workers_share_the_runs_and_each_is_advanced_once(store: Store) -> None:
    runs = [uuid4() for _ in range(40)]
    seen = Seen()
    async with working(store, seen.advance) as one, working(store, seen.advance):
        for run in runs:
            await one.enqueue(run)
        assert sorted(await seen.take(len(runs))) == sorted(runs)
    assert seen.empty()


async def test_a_cron_job_runs_once_a_time_however_many_workers_know_it(store: Store) -> None:
    ticks: asyncio.Queue[None] = asyncio.Queue()

    async def tick() -> None:
        ticks.put_nowait(None)

    stop = asyncio.Event()
    async with open_dispatch(store, QUICK) as one, open_dispatch(store, QUICK) as two:
        for dispatch in (one, two):
            dispatch.every("tick", "* * * * * *", tick)
        work = [asyncio.create_task(each.work(Seen().advance, stop=stop)) for each in (one, two)]
        for _ in range(3):
            await ticks.get()
        stop.set()
        await asyncio.gather(*work)
    async with store.pool.connection() as connection:
        found = await connection.execute("SELECT count(*) FROM procrastinate_events WHERE type = 'failed'")
        assert await found.fetchone() == (0,)
        found = await connection.execute(
            "SELECT count(*), max(defer_timestamp) FROM procrastinate_periodic_defers"
        )
        assert (await found.fetchone() or (0,))[0] == 1  # the last time, for both


async def test_a_cron_expression_that_cannot_be_read_is_refused(store: Store) -> None:
    async def never() -> None: ...

    async with open_dispatch(store) as dispatch:
        with pytest.raises(UserError, match="nightly: '61 \\* \\* \\* \\*' is not a cron expression"):
            dispatch.every("nightly", "61 * * * *", never)
