"""The whole platform through a real pgbouncer in transaction mode: with prepared statements carried over, and without."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from tests.chaos import scene
from tests.chaos.harness import world
from tests.store.bouncer import ABSENT, PROGRAM, Bouncer, pgbouncer, version

from remit.dispatch import Dispatch, Pace, open_dispatch
from remit.journal.events import Started
from remit.journal.journal import Journal
from remit.settings import Settings
from remit.store.migrate import shipped
from remit.store.pooler import find_pooler
from remit.store.store import connect, open_store, prepare

pytestmark = pytest.mark.skipif(PROGRAM is None, reason=ABSENT)
SIZE = 3  # server connections: fewer than the processes, all of which have several to the pooler


@pytest.fixture(params=[200, 0], ids=["carries prepared statements", "carries none"])
async def bouncer(request: pytest.FixtureRequest, database_url: str) -> AsyncIterator[Bouncer]:
    if request.param and version() < (1, 21):
        pytest.skip(f"pgbouncer {version()} carries no prepared statements; 1.21 does")
    async with pgbouncer(database_url, size=SIZE, prepared=request.param) as through:
        yield through


async def test_the_server_itself_is_told_from_a_pooler(database_url: str, bouncer: Bouncer) -> None:
    async with await connect(database_url) as straight, await connect(bouncer.url) as through:
        assert await find_pooler(straight) is None
        found = await find_pooler(through)
        left = await straight.execute("select count(*) from pg_prepared_statements")
        assert await left.fetchone() == (0,)
    [database] = [row for row in await bouncer.show("config") if row["key"] == "max_prepared_statements"] or [
        {}
    ]
    assert found is not None
    assert found.prepares == (database.get("value", "0") != "0")


async def test_migrations_of_several_processes_at_once_go_through_it(empty_database_url: str) -> None:
    async with pgbouncer(empty_database_url, size=SIZE) as through:
        await asyncio.gather(*(prepare(through.url) for _ in range(5)))
    async with await connect(empty_database_url) as straight:
        rows = await straight.execute("select number from remit_migrations order by number")
        assert [number for (number,) in await rows.fetchall()] == [each.number for each in shipped()]
        locks = await straight.execute("select count(*) from pg_locks where locktype = 'advisory'")
        assert await locks.fetchone() == (0,)


async def test_three_workers_end_runs_with_effects_approvals_timers_and_children_over_three_connections(
    bouncer: Bouncer, database_url: str, tmp_path: Path
) -> None:
    most, clients = 0, 0

    async def watch() -> None:
        nonlocal most, clients
        async with await connect(database_url) as straight:
            while True:
                rows = await straight.execute(
                    "select count(*) from pg_stat_activity where datname = current_database() and pid <> pg_backend_pid()"
                )
                most = max(most, (await rows.fetchone() or (0,))[0])
                clients = max(clients, len(await bouncer.show("clients")))
                await here.next_glance()

    async with world(bouncer.url, tmp_path, scripts=8, length=5) as here:
        watching = asyncio.create_task(watch())
        for _ in range(3):
            await here.work()
        await here.start(24)
        await here.over(120)
        watching.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watching
        tally = await here.examine()
        assert tally.violations == []
        assert len({worker.number for worker in here.mine}) == 3
    assert clients > 3 * SIZE
    assert 0 < most <= SIZE


async def test_runs_of_a_killed_worker_are_taken_over_through_it(bouncer: Bouncer, tmp_path: Path) -> None:
    async with world(bouncer.url, tmp_path, first=scene.VARIED, env={"REMIT_LEASE_TTL": "2"}) as here:
        doomed = await here.work(die_at=30)
        await here.start(5)
        await asyncio.wait_for(doomed.died.wait(), 60)
        await here.work()
        await here.over(120)
        assert doomed.status == signal.SIGKILL
        assert here.nursery.take_overs
        assert max(here.nursery.take_overs) < 10
        assert (await here.examine()).violations == []


async def test_a_worker_behind_it_looks_for_jobs(bouncer: Bouncer, database_url: str, tmp_path: Path) -> None:
    async with worker(Settings(database_url=bouncer.url, data_dir=tmp_path), Pace(poll=0.2)) as (
        dispatch,
        came,
    ):
        run = uuid4()
        await dispatch.enqueue(run)
        assert await asyncio.wait_for(came.get(), 10) == run
        assert await listeners(database_url) == 0


async def test_a_worker_behind_it_is_told_of_jobs_where_it_may_listen_past_it(
    bouncer: Bouncer, database_url: str, tmp_path: Path
) -> None:
    settings = Settings(database_url=bouncer.url, listen_url=database_url, data_dir=tmp_path)
    async with worker(settings, Pace(poll=60)) as (dispatch, came):
        async with asyncio.timeout(10):
            while not await listeners(database_url):
                continue
        run = uuid4()
        await dispatch.enqueue(run)
        assert await asyncio.wait_for(came.get(), 10) == run


async def test_guests_of_several_workspaces_over_the_same_connections_see_only_their_own(
    bouncer: Bouncer, tmp_path: Path
) -> None:
    """Nothing that one of them said of itself is left on the server's connection for the next."""
    async with open_store(Settings(database_url=bouncer.url, data_dir=tmp_path, pool_size=8)) as store:
        for name in ("a", "b", "default"):
            started = Started(goal=f"of {name}", agent="x", spec={"name": "x"}, workspace=name)
            await Journal(store.within(name)).append(uuid4(), 0, [started])

        async def look(name: str | None) -> None:
            lent = store.pool if name is None else store.within(name).pool
            for _ in range(20):
                async with lent.connection() as connection:
                    rows = await (await connection.execute("select goal from runs order by 1")).fetchall()
                names = ("a", "b", "default") if name is None else (name,)
                assert [row[0] for row in rows] == [f"of {one}" for one in names]

        await asyncio.gather(*(look(name) for name in ("a", "b", "default", None) * 3))


@contextlib.asynccontextmanager
async def worker(settings: Settings, pace: Pace) -> AsyncIterator[tuple[Dispatch, asyncio.Queue[UUID]]]:
    """A worker in this process, and the runs that come to it."""
    came, stop = asyncio.Queue[UUID](), asyncio.Event()
    async with open_store(settings) as store, open_dispatch(store, pace) as dispatch:
        working = asyncio.create_task(dispatch.work(came.put, stop=stop))
        try:
            yield dispatch, came
        finally:
            stop.set()
            await working


async def listeners(url: str) -> int:
    """Connections of this database whose last statement was to listen."""
    async with await connect(url) as straight:
        rows = await straight.execute(
            "select count(*) from pg_stat_activity where datname = current_database() and query ilike 'listen%'"
        )
        return int((await rows.fetchone() or (0,))[0])
