"""A database beside Remit's own, on the same server: where a demo or a test keeps what is not Remit's."""

from __future__ import annotations

from urllib.parse import urlsplit

import psycopg
from psycopg import sql

from remit.errors import StoreError
from remit.store.store import Store


async def sibling(store: Store, name: str) -> str:
    """The URL of the database `name` on the store's server, made where it is missing.

    Raises StoreError where the role may not make databases.
    """
    async with store.pool.connection() as connection:
        there = await connection.execute("select 1 from pg_database where datname = %s", (name,))
        if await there.fetchone() is None:
            try:
                await connection.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
            except psycopg.errors.DuplicateDatabase:
                pass  # another process was faster
            except psycopg.errors.InsufficientPrivilege as error:
                raise StoreError(
                    f"the database {name!r} cannot be made here: {error}. Make it yourself, or use the embedded server"
                ) from error
    return urlsplit(store.url)._replace(path=f"/{name}").geturl()
