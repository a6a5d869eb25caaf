from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from psycopg import AsyncConnection
from psycopg.rows import TupleRow

from remit.errors import StoreError
from remit.store.migrate import Migration, migrate, pending, shipped
from remit.store.store import Connection, connect

ONE = Migration(1, "one", "CREATE TABLE one (x int); INSERT INTO one VALUES (1);")
TWO = Migration(2, "two", "ALTER TABLE one ADD y int; -- 100 % of it\nCREATE TABLE two (x int);")
WRONG = Migration(2, "wrong", "CREATE TABLE two (x int); INSERT INTO nowhere VALUES (1);")


@pytest.fixture
async def connection(empty_database_url: str) -> AsyncIterator[Connection]:
    async with await connect(empty_database_url) as opened:
        yield opened


async def tables(connection: AsyncConnection[TupleRow]) -> list[str]:
    found = await connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY 1")
    return [name for (name,) in await found.fetchall()]


async def test_migrations_are_applied_in_order_and_once(connection: Connection) -> None:
    assert await migrate(connection, [ONE]) == [ONE]
    assert await migrate(connection, [ONE, TWO]) == [TWO]
    assert await migrate(connection, [ONE, TWO]) == []
    assert await tables(connection) == ["one", "remit_migrations", "two"]
    noted = await connection.execute("SELECT number, name, sha256 FROM remit_migrations ORDER BY number")
    assert await noted.fetchall() == [(1, "one", ONE.sha256), (2, "two", TWO.sha256)]


async def test_all_that_is_shipped_applies_when_several_start_at_once(empty_database_url: str) -> None:
    async def start() -> list[Migration]:
        async with await connect(empty_database_url) as own:
            return await migrate(own)

    done = await asyncio.gather(*(start() for _ in range(4)))
    assert sorted(each.number for part in done for each in part) == [each.number for each in shipped()]


async def test_a_migration_that_fails_leaves_nothing_behind_and_can_be_mended(connection: Connection) -> None:
    with pytest.raises(StoreError, match=r'Migration 0002_wrong failed, and was undone: relation "nowhere"'):
        await migrate(connection, [ONE, WRONG])
    assert await tables(connection) == ["one", "remit_migrations"]
    assert await migrate(connection, [ONE, TWO]) == [TWO]  # the lock was let go


async def test_an_applied_migration_that_was_edited_is_refused(connection: Connection) -> None:
    await migrate(connection, [ONE])
    edited = Migration(1, "one", ONE.sql + " -- better")
    with pytest.raises(StoreError, match="0001_one was edited after it was applied"):
        await migrate(connection, [edited, TWO])
    assert await tables(connection) == ["one", "remit_migrations"]


async def test_a_database_of_a_newer_remit_is_refused(connection: Connection) -> None:
    await migrate(connection, [ONE, TWO])
    with pytest.raises(StoreError, match=r"newer Remit .*0002_two.*up to 0001.*pip install --upgrade remit"):
        await pending(connection, [ONE])


def test_what_is_shipped_is_numbered_from_one_and_in_order() -> None:
    """A number may be missing: what is written side by side takes its numbers before, and each is applied by its own."""
    numbers = [migration.number for migration in shipped()]
    assert numbers[0] == 1
    assert numbers == sorted(set(numbers))
    assert not any("\r" in migration.sql for migration in shipped())
