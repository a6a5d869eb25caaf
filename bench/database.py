"""One PostgreSQL server for all sides of a bench: Remit's embedded one, with its own data under .bench."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import LiteralString
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from bench.figures import SCRATCH
from bench.peers.workload import SIZE_SQL
from remit.settings import Settings
from remit.store.embedded import server

Address = Callable[[str], str]  # a database's name -> its URL


@asynccontextmanager
async def running(url: str | None = None) -> AsyncIterator[Address]:
    """The addresses of databases on the server at `url`, or on the embedded one where None.

    Fails unless synchronous_commit is on: a bench of durable runs without it measures something else.
    """
    if url is not None:
        await _check(url)
        yield _address(url)
        return
    async with server(Settings(data_dir=SCRATCH / "data", database_url=None)) as embedded:
        await _check(embedded)
        yield _address(embedded)


def _address(url: str) -> Address:
    parts = urlsplit(url)
    return lambda name: urlunsplit(parts._replace(path=f"/{name}"))


async def _check(url: str) -> None:
    async with await psycopg.AsyncConnection.connect(url) as connection:
        row = await (await connection.execute("SHOW synchronous_commit")).fetchone()
    if row != ("on",):
        raise SystemExit(f"bench: synchronous_commit is {row and row[0]} on this server; it must be on")


@asynccontextmanager
async def own(address: Address, name: str) -> AsyncIterator[str]:
    """The URL of an empty database that no other process has, since another bench may run from the same checkout; dropped at
    the end, however that comes."""
    mine = f"{name}_{os.getpid()}"
    try:
        yield await fresh(address, mine)
    finally:
        await drop(address, mine)


async def fresh(address: Address, name: str) -> str:
    """The URL of an empty database called `name`, made anew."""
    async with await psycopg.AsyncConnection.connect(address("postgres"), autocommit=True) as connection:
        await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(name)))
        await connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return address(name)


async def copied(address: Address, name: str, make: Callable[[str], Awaitable[None]]) -> str:
    """The URL of a copy of the database `name`, to be dropped; that one is made where it is missing, and kept."""
    async with await psycopg.AsyncConnection.connect(address("postgres"), autocommit=True) as connection:
        query = "SELECT 1 FROM pg_database WHERE datname = %s"
        there = await (await connection.execute(query, (name,))).fetchone()
        if there is None:
            half, whole = sql.Identifier(f"{name}_half"), sql.Identifier(name)
            await make(await fresh(address, f"{name}_half"))
            await connection.execute(sql.SQL("ALTER DATABASE {} RENAME TO {}").format(half, whole))
        await drop(address, f"{name}_copy")
        query = "CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy"
        ours, theirs = sql.Identifier(f"{name}_copy"), sql.Identifier(name)
        await connection.execute(sql.SQL(query).format(ours, theirs))
    return address(f"{name}_copy")


async def drop(address: Address, name: str) -> None:
    async with await psycopg.AsyncConnection.connect(address("postgres"), autocommit=True) as connection:
        await connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} (FORCE)").format(sql.Identifier(name)))


async def size_of(url: str) -> int:
    """Bytes of all tables with their indexes and TOAST, after a checkpoint."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute("CHECKPOINT")
        row = await (await connection.execute(SIZE_SQL)).fetchone()
    assert row is not None
    return int(row[0])


async def count(url: str, query: LiteralString) -> int:
    """The one number that `query` finds."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute(query)).fetchone()
    assert row is not None
    return int(row[0])


async def server_of(url: str) -> int:
    """The process number of the database server where it runs on this machine, else 0."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        row = await (await connection.execute("select pg_read_file('postmaster.pid')")).fetchone()
    pid = int(str(row[0]).split("\n", 1)[0]) if row else 0
    name = Path(f"/proc/{pid}/comm")
    return pid if name.exists() and name.read_text().startswith("postgres") else 0
