"""A real pgbouncer in front of a test's database.

`REMIT_TEST_PGBOUNCER` names the program; else it is the one on the PATH or in /usr/sbin, where Debian puts it.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import psycopg
from psycopg.rows import dict_row

from remit.store.binaries import account

PORT = 6432  # of the socket's name only
PROGRAM = os.environ.get("REMIT_TEST_PGBOUNCER") or shutil.which(
    "pgbouncer", path="/usr/sbin:" + os.environ["PATH"]
)
ABSENT = "no pgbouncer here: apt-get install pgbouncer, or set REMIT_TEST_PGBOUNCER to one"


def version() -> tuple[int, int]:
    """Of PROGRAM. From (1, 21) on it can carry prepared statements over."""
    assert PROGRAM is not None
    said = subprocess.run([PROGRAM, "--version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"(\d+)\.(\d+)", said)
    assert found is not None, said
    return int(found[1]), int(found[2])


@dataclass(frozen=True)
class Bouncer:
    url: str  # of the same database, through it
    admin: str  # of its own console

    async def show(self, what: str) -> list[dict[str, Any]]:
        """A table of the console: `pools`, `servers`, `clients` …"""
        async with (
            await psycopg.AsyncConnection.connect(self.admin, autocommit=True, row_factory=dict_row) as own,
            psycopg.AsyncClientCursor(own) as cursor,  # the console knows the simple protocol only
        ):
            return await (await cursor.execute(f"SHOW {what}".encode())).fetchall()


@contextlib.asynccontextmanager
async def pgbouncer(
    url: str, *, size: int, prepared: int = 0, listen: str = "", port: int = PORT
) -> AsyncIterator[Bouncer]:
    """A pgbouncer in transaction mode with `size` server connections a database; `prepared`: statements that it carries
    over on each. `listen`: an address, besides its socket."""
    assert PROGRAM is not None, ABSENT
    who = account()  # it refuses to run as root, as PostgreSQL does
    folder = Path(tempfile.mkdtemp(prefix="remit-bouncer-", dir="/tmp"))
    try:
        (folder / "users.txt").write_text('"remit" ""\n')
        (folder / "pgbouncer.ini").write_text(_configuration(url, folder, size, prepared, listen, port))
        if who.drop:
            for path in (folder, *folder.iterdir()):
                os.chown(path, who.uid, who.gid)
        with (folder / "log").open("wb") as log:
            process = await asyncio.create_subprocess_exec(
                PROGRAM, str(folder / "pgbouncer.ini"), stdout=log, stderr=log, **who.run_as
            )
        try:
            place = f"?host={quote(str(folder), safe='')}&port={port}"
            ours = Bouncer(
                f"postgresql://remit@/{urlsplit(url).path[1:]}{place}",
                f"postgresql://remit@/pgbouncer{place}",
            )
            await _up(process, ours.admin, folder / "log")
            yield ours
        finally:
            if process.returncode is None:
                process.kill()
            await process.wait()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _configuration(url: str, folder: Path, size: int, prepared: int, listen: str, port: int) -> str:
    parts = urlsplit(url)
    there = {name: values[0] for name, values in parse_qs(parts.query).items()}
    host, number = there.get("host") or parts.hostname, there.get("port") or parts.port or 5432
    options = {
        "unix_socket_dir": folder,
        "listen_addr": listen,
        "listen_port": port,
        "auth_type": "trust",
        "auth_file": folder / "users.txt",
        "admin_users": "remit",
        "pool_mode": "transaction",
        "default_pool_size": size,
        "max_client_conn": 500,
        "server_check_delay": 0,
    } | ({"max_prepared_statements": prepared} if prepared else {})
    if not prepared and version() >= (1, 21):
        options["max_prepared_statements"] = 0  # which is not the default any more
    lines = [f"{name} = {value}" for name, value in options.items()]
    base = f"* = host={host} port={number} user={parts.username} password={parts.password}"
    return "\n".join(["[databases]", base, "[pgbouncer]", *lines, ""])


async def _up(process: asyncio.subprocess.Process, admin: str, log: Path) -> None:
    while True:
        try:
            async with await psycopg.AsyncConnection.connect(admin, autocommit=True):
                return
        except psycopg.OperationalError:
            assert process.returncode is None, f"pgbouncer ended:\n{log.read_text()}"
            await asyncio.sleep(0.01)
