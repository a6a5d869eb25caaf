"""Numbered SQL files, applied once each, forward only.

`NNNN_name.sql` in `migrations/`. Each is a transaction of its own together with its line in `remit_migrations`, so
that a cut leaves a whole number of them. An advisory lock lets several processes start at once; it is the
transaction's, not the session's, which a pooler would lend to others.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from importlib import resources

import psycopg
from psycopg.rows import TupleRow

from remit.errors import StoreError

LOCK = 0x72656D6974  # "remit": the advisory lock's number

Connection = psycopg.AsyncConnection[TupleRow]


@dataclass(frozen=True)
class Migration:
    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def shipped() -> list[Migration]:
    """The migrations of this version, in order. Raises StoreError for a file that has no place in it."""
    found: dict[int, Migration] = {}
    for file in resources.files("remit.store").joinpath("migrations").iterdir():
        if not file.name.endswith(".sql"):
            continue
        named = re.fullmatch(r"(\d{4})_([a-z0-9_]+)\.sql", file.name)
        if named is None or int(named[1]) in found:
            raise StoreError(
                f"migrations/{file.name}: name it NNNN_name.sql with a number that no other has."
            )
        text = (
            file.read_bytes().decode().replace("\r\n", "\n")
        )  # a checkout may change line ends, never meaning
        found[int(named[1])] = Migration(int(named[1]), named[2], text)
    return [found[number] for number in sorted(found)]


async def pending(connection: Connection, migrations: list[Migration]) -> list[Migration]:
    """Those not applied yet. Raises StoreError for a database that is newer than this Remit, or made by files that
    have been edited since."""
    there = await connection.execute("SELECT to_regclass('remit_migrations') IS NOT NULL")
    if await there.fetchone() == (False,):
        return migrations
    rows = await connection.execute("SELECT number, name, sha256 FROM remit_migrations ORDER BY number")
    applied: dict[int, tuple[str, str]] = {number: (name, sha) for number, name, sha in await rows.fetchall()}
    ours = {migration.number: migration for migration in migrations}
    for number, (name, sha) in applied.items():
        if number not in ours:
            raise StoreError(
                f"This database was written by a newer Remit (it has migration {number:04}_{name}, and this one knows "
                f"up to {max(ours, default=0):04}): upgrade Remit with `pip install --upgrade remit`."
            )
        if ours[number].sha256 != sha:
            raise StoreError(
                f"Migration {number:04}_{ours[number].name} was edited after it was applied to this database: put the "
                "file back as it was, and make the change in a new migration with the next number."
            )
    return [migration for migration in migrations if migration.number not in applied]


async def migrate(connection: Connection, migrations: list[Migration] | None = None) -> list[Migration]:
    """Apply what is pending, on an autocommit connection; returns it. Raises StoreError if one fails: those
    before it stay applied, nothing of it does."""
    ours = shipped() if migrations is None else migrations
    if not await pending(connection, ours):  # the usual case takes no lock
        return []
    done: list[Migration] = []
    while todo := await _next(connection, ours):
        done.append(todo)
    return done


async def _next(connection: Connection, ours: list[Migration]) -> Migration | None:
    """Apply the first that is pending; None where another process has applied the last meanwhile."""
    async with connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        await connection.execute(
            """
            CREATE TABLE IF NOT EXISTS remit_migrations (
                number     int PRIMARY KEY,
                name       text NOT NULL,
                sha256     text NOT NULL,
                applied_at timestamptz NOT NULL DEFAULT now()
            )
            """
        )
        todo = await pending(connection, ours)
        if todo:
            await _apply(connection, todo[0])
        return todo[0] if todo else None


async def _apply(connection: Connection, migration: Migration) -> None:
    try:
        await connection.execute(migration.sql.encode())  # our own file, several statements
        await connection.execute(
            "INSERT INTO remit_migrations (number, name, sha256) VALUES (%s, %s, %s)",
            [migration.number, migration.name, migration.sha256],
        )
    except psycopg.OperationalError:
        raise  # the connection or the disk, not the migration: said by whoever opened the store
    except psycopg.Error as error:
        raise StoreError(
            f"Migration {migration.number:04}_{migration.name} failed, and was undone: {error}"
        ) from error
