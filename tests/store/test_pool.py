"""Who is cancelled while a connection is returned loses none, and whoever waits for it gets it."""

from __future__ import annotations

import asyncio

import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from remit.store.pool import Pool

OneConnection = AsyncConnectionPool[AsyncConnection]


async def served(pool: OneConnection, asked: int, cancelled: int) -> bool:
    """Whether one gets the only connection who asks for it as it is being returned, where who had it is cancelled then; both
    after so many turns of the loop."""

    async def have() -> None:
        async with pool.connection():
            had.set()
            await enough.wait()

    async def ask() -> None:
        await after(asked)
        async with pool.connection(timeout=3):
            pass

    had, enough = asyncio.Event(), asyncio.Event()
    having = asyncio.create_task(have())
    await had.wait()
    asking = asyncio.create_task(ask())
    enough.set()
    await after(cancelled)
    having.cancel()
    await asyncio.wait([having, asking])
    return asking.exception() is None


async def after(turns: int) -> None:
    for _ in range(turns):
        await asyncio.sleep(0)


@pytest.mark.parametrize("asked", range(3))
async def test_who_waits_gets_the_connection_of_one_that_is_cancelled(
    empty_database_url: str, asked: int
) -> None:
    async with Pool(empty_database_url, min_size=1, max_size=1, open=False) as pool:
        for cancelled in range(5):
            assert await served(pool, asked, cancelled)
        async with pool.connection(timeout=3) as connection:
            await connection.execute("SELECT 1")
