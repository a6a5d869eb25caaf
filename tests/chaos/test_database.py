"""The database and the machine misbehave: killed, cut off, too slow, full, stopped, at the wrong time, or new under way."""

from __future__ import annotations

import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest

from remit.settings import Settings
from remit.store import embedded, processes
from tests.chaos import effects
from tests.chaos.harness import Worker, World, nursery, world
from tests.chaos.report import report

FAST = {"REMIT_LEASE_TTL": "1.0"}
CARELESS = {"fsync": "off", "full_page_writes": "off"}  # nobody cuts the power here
LONG = bool(os.environ.get("REMIT_CHAOS_LONG"))
RUNS = 20 if LONG else 10
ROOM = 256  # megabytes of the small disk
REPOSITORY = Path(__file__).parents[2]


async def end_well(here: World, name: str, **more: int) -> None:
    """Let everything come to its end, and see whether all is well."""
    await here.over()
    tally = await here.examine()
    report(name, [tally], take_overs=here.nursery.take_overs, **more)
    assert not tally.wrong, tally.wrong
    assert tally.counts["effects effective"] > 0


async def some_progress(here: World, effective: int) -> None:
    """Wait until so many more effects have happened, or all is over."""
    before = len(await effects.log(here.service))

    async def progress() -> bool:
        return len(await effects.log(here.service)) >= before + effective or not await here.unfinished()

    await here.until(progress)


@pytest.fixture
async def own_server(tmp_path: Path) -> AsyncIterator[Settings]:
    """A server of the test's own, to be maltreated."""
    settings = Settings(database_url=None, data_dir=tmp_path / "server")
    async with embedded.server(settings, CARELESS):
        yield settings


async def test_a_server_that_is_killed_and_comes_back_loses_and_repeats_nothing(
    own_server: Settings, tmp_path: Path
) -> None:
    deaths = 2 if LONG else 1
    async with world(await embedded.revive(own_server), tmp_path, delay=0.02, env=FAST) as here:
        for _ in range(2):
            await here.work()
        await here.start(RUNS)
        for _ in range(deaths):
            await some_progress(here, RUNS)
            data = embedded.home_of(own_server).data
            postmaster = processes.postmaster(data)
            assert postmaster is not None
            assert await processes.end([postmaster], data, how=signal.SIGKILL, within=10)
            await embedded.revive(own_server)
        await end_well(here, "server killed", deaths=deaths)


async def test_connections_that_are_cut_all_the_time_lose_and_repeat_nothing(
    database_url: str, postgres: str, tmp_path: Path
) -> None:
    chance, cut = random.Random(3), 0
    async with world(database_url, tmp_path, delay=0.02, env=FAST) as here:
        for _ in range(2):
            await here.work()
        await here.start(RUNS)
        async with await psycopg.AsyncConnection.connect(postgres, autocommit=True) as admin:
            for _ in range(5):
                await some_progress(here, 10)
                found = await admin.execute(
                    "select pg_terminate_backend(pid) from pg_stat_activity where datname = %s and random() < %s",
                    [psycopg.conninfo.conninfo_to_dict(database_url)["dbname"], chance.choice((0.3, 1.0))],
                )
                cut += len(await found.fetchall())
        await end_well(here, "connections cut", cut=cut)
    assert cut > 5


async def test_statements_that_take_too_long_lose_and_repeat_nothing(
    database_url: str, postgres: str, tmp_path: Path
) -> None:
    async with await psycopg.AsyncConnection.connect(database_url, autocommit=True) as admin:
        await admin.execute("do $$ begin execute format("
                            "'alter database %I set statement_timeout = 100', current_database()); end $$")  # fmt: skip
        async with world(database_url, tmp_path, delay=0.02, env=FAST) as here:
            await here.work()
            await here.start(RUNS)
            for _ in range(4):
                await some_progress(here, RUNS)
                async with admin.transaction():
                    await admin.execute("set local statement_timeout = 0")
                    await admin.execute("lock table events in exclusive mode")  # no append comes through
                    await admin.execute("select pg_sleep(0.5)")
            await end_well(here, "statements timed out")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of ROOM megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    become = [] if os.geteuid() == 0 else ["sudo", "-n"]
    mount = [
        *become,
        "mount",
        "-t",
        "tmpfs",
        "-o",
        f"size={ROOM}m,mode=755,uid={os.geteuid()}",
        "tmpfs",
        str(folder),
    ]
    tried = subprocess.run(mount, capture_output=True, check=False) if shutil.which(mount[0]) else None
    if tried is None or tried.returncode:
        pytest.skip(
            f"a small disk cannot be mounted here: {tried.stderr.decode().strip() if tried else 'no sudo'}"
        )
    yield folder
    subprocess.run([*become, "umount", "-l", str(folder)], check=False)


def fill(disk: Path) -> Path:
    """A file that takes all the room that is left."""
    ballast = disk / "ballast"
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while True:
            file.write(bytes(1 << 16))
    return ballast


async def test_a_disk_that_is_full_loses_and_repeats_nothing(small_disk: Path, tmp_path: Path) -> None:
    settings = Settings(database_url=None, data_dir=small_disk / "server")
    async with (
        embedded.server(settings, {**CARELESS, "max_wal_size": "32MB", "shared_buffers": "16MB"}) as url,
        world(url, tmp_path, delay=0.02, env=FAST) as here,
    ):
        await here.work()
        await here.start(RUNS)
        await some_progress(here, RUNS)
        ballast = fill(small_disk)
        failed = await room_is_missed(settings)
        ballast.unlink()
        await embedded.revive(settings)  # it may have given up for want of room
        await end_well(here, "disk full")
    assert failed


async def room_is_missed(settings: Settings) -> bool:
    """Write until the server says that there is no room, or is gone for the want of it."""
    try:
        async with await psycopg.AsyncConnection.connect(
            await embedded.revive(settings), autocommit=True
        ) as one:
            await one.execute("create table if not exists heap (what text)")
            for _ in range(100):
                await one.execute(
                    "insert into heap select repeat(md5(n::text), 30) from generate_series(1, 5000) n"
                )
    except psycopg.Error:
        return True
    return False


async def arrived(here: World, number: int = 1) -> None:
    """Wait until so many requests have reached the services."""

    async def requests_arrived() -> bool:
        return len(await effects.log(here.service)) >= number

    await here.until(requests_arrived)


@pytest.mark.parametrize("part", ["key", "lookup", "ask"])
async def test_a_worker_stopped_in_the_middle_of_an_effect_and_continued_after_take_over_changes_nothing(
    database_url: str, tmp_path: Path, part: str
) -> None:
    async with world(database_url, tmp_path, first=(part,), env=FAST) as here:
        stopped = await here.work()
        await here.start(1, hold=1.0)  # the service has done it, and has not answered yet
        await arrived(here)
        here.nursery.signal(stopped, signal.SIGSTOP)
        await here.work()
        await here.over()
        here.nursery.signal(stopped, signal.SIGCONT)
        await awake(here, stopped)
        await end_well(here, f"stopped in an effect, settled by {part}")
        assert not stopped.died.is_set()


async def awake(here: World, worker: Worker) -> None:
    """Wait until a worker has understood that it was taken for dead, and advances again: it is alone."""
    for other in here.mine:
        if other is not worker:
            await here.kill(other)
    await here.start(1)
    await here.over()


async def test_workers_that_are_stopped_and_continued_at_random_repeat_nothing(
    database_url: str, tmp_path: Path
) -> None:
    """By key only: a process stopped between its last look at the lease and the first byte of an effect is what no lease
    can hold off, and a service that dedupes can."""
    chance, stops = random.Random(5), 4
    first = ("key", "reads", "approval", "question", "timer", "key")
    async with world(database_url, tmp_path, first=first, delay=0.05, env=FAST) as here:
        crew = [await here.work() for _ in range(3)]
        await here.start(RUNS * 2)
        for _ in range(stops):
            await some_progress(here, 5)
            victim = chance.choice(crew)
            here.nursery.signal(victim, signal.SIGSTOP)
            await past_its_lease(here, victim)
            here.nursery.signal(victim, signal.SIGCONT)
        await end_well(here, "stopped and continued", stops=stops)


async def past_its_lease(here: World, victim: Worker) -> None:
    """Wait until the others have buried it."""

    async def buried() -> bool:
        async with here.app.store.pool.connection() as connection:
            found = await connection.execute(
                "select 1 from workers where name = %s", [f"chaos-{victim.number}"]
            )
            return await found.fetchone() is None

    await here.until(buried)


async def under_wrong_clocks(url: str, folder: Path, *first: str) -> None:
    """Runs advanced by workers an hour ahead, an hour behind and right; one that is ahead dies and is replaced."""
    async with world(url, folder, first=first, delay=0.02, env=FAST) as here:
        crew = [await here.work(clock=clock) for clock in (3600, -3600, 0)]
        await here.start(RUNS)
        await some_progress(here, RUNS)
        await here.kill(crew[0])
        await here.work(clock=3600)
        await end_well(here, f"clocks an hour wrong: {' '.join(first)}")


async def test_clocks_that_are_an_hour_wrong_lose_and_repeat_nothing(
    database_url: str, tmp_path: Path
) -> None:
    await under_wrong_clocks(database_url, tmp_path, "three", "approval", "question", "children", "key")


async def test_a_wait_of_moments_begun_by_a_worker_that_is_an_hour_ahead_is_over_in_moments(
    database_url: str, tmp_path: Path
) -> None:
    async with world(database_url, tmp_path, first=("timer",), env=FAST) as here:
        ahead = await here.work(clock=3600)
        await here.start()
        await arrived(here)
        await here.kill(ahead)
        await here.work()
        await here.over(within=8)


async def test_an_effect_whose_answer_is_lost_is_settled_and_not_called_failed(
    database_url: str, tmp_path: Path
) -> None:
    async with world(database_url, tmp_path, first=("three",), lose=0.5, env=FAST) as here:
        await here.work()
        await here.start(RUNS)
        await here.over()
        tally = await here.examine()
    assert not tally.wrong, tally.wrong
    assert tally.counts["outcomes unknown"] == 0


def new_version(folder: Path) -> None:
    """This version with a tool that says something else, a field more in an event, and a migration more."""
    for name in ("src/remit", "tests/chaos"):
        shutil.copytree(REPOSITORY / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "tests" / "__init__.py").touch()
    tool = folder / "tests" / "chaos" / "scene.py"
    tool.write_text(tool.read_text().replace("all there is to know of", "more than there was to know of"))
    events = folder / "src" / "remit" / "journal" / "events.py"
    events.write_text(
        events.read_text().replace("    attempt: int = 1\n", "    attempt: int = 1\n    mood: str = ''\n")
    )
    migration = folder / "src" / "remit" / "store" / "migrations" / "9000_mood.sql"
    migration.write_text("alter table runs add column mood text not null default 'calm';\n")


async def migrated(here: World) -> None:
    async def has_a_mood() -> bool:
        async with here.app.store.pool.connection() as connection:
            column = "select true from information_schema.columns where table_name = 'runs' and column_name = 'mood'"
            return await (await connection.execute(column)).fetchone() is not None

    await here.until(has_a_mood)


async def test_a_deploy_of_new_code_and_a_migration_while_runs_wait_loses_and_repeats_nothing(
    database_url: str, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    new_version(new)
    path = {"PYTHONPATH": f"{new / 'src'}:{new}"}
    async with (
        world(database_url, tmp_path, delay=0.02, env=FAST) as here,
        nursery(tmp_path / "new.log", cwd=new, env=path) as after,
    ):
        old = await here.work()
        await here.start(RUNS)
        await some_progress(here, RUNS)
        await after.fork(env=here.env)  # migrates, while the old one goes on
        await migrated(here)
        await some_progress(here, RUNS)
        late = await here.work()
        await late.died.wait()  # the old code does not begin on what it does not know
        assert late.status
        assert "upgrade Remit" in (tmp_path / "workers.log").read_text()
        await here.kill(old)
        await here.start(RUNS)
        await end_well(here, "deploy")
        calls = (await here.app.state(here.runs[-1])).calls.values()
        said = [json.dumps(call.acted.result) for call in calls if call.acted]
    assert any("more than there was to know" in text for text in said)
