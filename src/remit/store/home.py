"""Where the embedded server keeps what: its folder, its locks, its socket, its password.

DATA_DIR/postgres/      0700, ours
├── data/               the cluster, owned by the account that runs the server
├── password            0600
├── server.json         where the running server listens
├── server.log          what it says
├── start.lock          held while somebody starts or stops it
└── users.lock          held, shared, by every live process that uses it
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import json
import os
import secrets
import socket
import stat
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO
from urllib.parse import quote

from remit.errors import StoreError
from remit.store.binaries import Account

if sys.platform != "win32":
    import fcntl

ROLE = DATABASE = "remit"
PORT = 5432  # of the socket's name only; nothing listens on a network
LONGEST = 103 - len(f"/.s.PGSQL.{PORT}")  # bytes of a socket's folder; the smallest limit (macOS)
LOG_LIMIT = 5_000_000  # bytes, after which the log is put aside at the next start


@dataclass(frozen=True)
class Record:
    """Where the server last started, so that every process finds it and a restart keeps its address."""

    socket: str
    place: str = ""


@dataclass(frozen=True)
class Home:
    root: Path

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def log(self) -> Path:
        return self.root / "server.log"

    def open(self) -> None:
        """Make the folder, for its owner only. Its parents are made as private, but never changed."""
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        if self.root.stat().st_mode & 0o077:
            self.root.chmod(0o700)

    def record(self) -> Record | None:
        try:
            read = json.loads((self.root / "server.json").read_text())
            return Record(str(read["socket"]), str(read["place"]))
        except (OSError, ValueError, KeyError, TypeError):
            pass  # never noted, or cut off before it was: the server's own file says where it listens
        try:
            return Record((self.data / "postmaster.pid").read_text().splitlines()[4])
        except (OSError, IndexError):
            return None

    def note(self, record: Record) -> None:
        write_whole(self.root / "server.json", json.dumps({"socket": record.socket, "place": record.place}))

    def password(self) -> str:
        """The role's password, made at the first call."""
        path = self.root / "password"
        if not path.exists():
            if self.data.exists():
                raise StoreError(
                    f"{path} is missing, and without it nobody can log in to the database beside it: "
                    "put it back from a backup of the data folder."
                )
            write_whole(path, secrets.token_urlsafe(32))
        return path.read_text().strip()

    def url(self, folder: str, database: str = DATABASE) -> str:
        return f"postgresql://{ROLE}:{self.password()}@/{database}?host={quote(folder, safe='')}&port={PORT}"

    def open_log(self) -> IO[bytes]:
        if self.log.exists() and self.log.stat().st_size > LOG_LIMIT:
            self.log.replace(self.log.with_suffix(".log.1"))
        return self.log.open("ab")

    def said(self, since: int = 0) -> str:
        """The end of the server's log from byte `since`, without timestamps' noise; at most 5 lines."""
        try:
            with self.log.open("rb") as log:
                log.seek(since)
                lines = log.read()[-4000:].decode(errors="replace").splitlines()
        except OSError:
            return ""
        return "\n".join(f"  {line}" for line in lines[-5:])


def write_whole(path: Path, text: str) -> None:
    """Write a private file so that a power cut leaves the old one or the new one, never half of it."""
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    with open(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)


@contextlib.asynccontextmanager
async def locked(path: Path, within: float) -> AsyncIterator[None]:
    """Hold the lock alone. Raises StoreError if another process keeps it longer than `within` seconds."""
    limit = time.monotonic() + within
    with path.open("a") as file:
        while not lock(file, alone=True):
            if time.monotonic() > limit:
                raise StoreError(
                    f"Another Remit process has been starting or stopping the database for {within:.0f} s "
                    f"({path} is locked). See what it waits for, or end it."
                )
            await asyncio.sleep(0.02)
        yield


def lock(file: IO[str], *, alone: bool) -> bool:
    """Take the lock, alone or shared with others, if it is free; it is held until the file is closed."""
    try:
        fcntl.flock(file, (fcntl.LOCK_EX if alone else fcntl.LOCK_SH) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def socket_folder(home: Home, who: Account) -> str:
    """A private folder for the socket: where it last was, else in the home if the path is short enough and the
    server's account can reach it, else in the temporary folder."""
    record = home.record()
    if record and _usable(Path(record.socket), who):
        return record.socket
    mark = hashlib.sha256(os.fsencode(home.root)).hexdigest()[:10]
    choices = [Path(tempfile.gettempdir()) / f"remit-{mark}", Path("/tmp") / f"remit-{mark}"]
    if not who.drop:
        choices.insert(0, home.root / "run")
    for folder in choices:
        if _usable(folder, who):
            return str(folder)
    folder = Path(tempfile.mkdtemp(prefix="remit-", dir="/tmp"))  # the name was taken by somebody else
    if not _usable(folder, who):
        raise StoreError(f"No folder can hold the database's socket; tried {', '.join(map(str, choices))}.")
    return str(folder)


def _usable(folder: Path, who: Account) -> bool:
    text = str(folder)
    if len(os.fsencode(text)) > LONGEST or "," in text or '"' in text:  # a comma parts hosts for the driver
        return False
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        seen = folder.lstat()
        ours = seen.st_uid in (os.geteuid(), who.uid) and not seen.st_mode & 0o077
        if not stat.S_ISDIR(seen.st_mode) or not ours:
            return False
        if who.drop:
            if not all(above.stat().st_mode & 0o001 for above in folder.resolve().parents):
                return False  # the server's account could not get there
            os.chown(folder, who.uid, who.gid)
        return _binds(folder)
    except OSError:
        return False


def _binds(folder: Path) -> bool:
    """Some file systems (network shares, shared folders of virtual machines) hold no sockets."""
    trial = folder / f".try-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as end:
        try:
            end.bind(str(trial))
        except OSError:
            return False
        finally:
            trial.unlink(missing_ok=True)
    return True
