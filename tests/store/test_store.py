from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql

from remit.agents.spec import Agent, Budget, RemitSpec
from remit.app import open_app
from remit.errors import StoreError
from remit.journal.index import list_runs
from remit.settings import Settings
from remit.store.store import Store, open_store, where
from remit.testing import ScriptedModel


async def test_an_opened_store_is_migrated_and_in_autocommit_mode(store: Store) -> None:
    async with store.pool.connection() as connection:
        assert connection.autocommit
        found = await connection.execute("SELECT to_regclass('events'), to_regclass('procrastinate_jobs')")
        assert await found.fetchone() == ("events", "procrastinate_jobs")


def test_importing_the_store_loads_no_driver() -> None:
    code = "import remit.store, sys; sys.exit('psycopg' in sys.modules or 'procrastinate' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


async def test_a_connection_that_died_is_replaced_before_it_is_lent(store: Store) -> None:
    async with store.pool.connection() as connection:
        pid = connection.info.backend_pid
    async with await psycopg.AsyncConnection.connect(store.url, autocommit=True) as admin:
        await admin.execute("SELECT pg_terminate_backend(%s, 10000)", [pid])
    async with store.pool.connection() as connection:
        assert connection.info.backend_pid != pid
        await connection.execute("SELECT 1")


async def test_a_pool_holds_as_many_connections_as_the_settings_say(database_url: str) -> None:
    async with (
        open_store(Settings(database_url=database_url, pool_size=3)) as store,
        store.pool.connection(),
        store.pool.connection(),
        store.pool.connection(),
    ):
        with pytest.raises(psycopg.OperationalError):
            await store.own.getconn(timeout=0.05)


@pytest.mark.parametrize(
    ("url", "complaint"),
    [
        ("postgresql://me:s3cret@127.0.0.1:1/shop", "Cannot reach the database at 127.0.0.1:1/shop"),
        ("host=/nowhere user=me password=s3cret", "Cannot reach the database at REMIT_DATABASE_URL"),
        (
            "postgresql://me:s3cret@[half/shop",
            "REMIT_DATABASE_URL is not the address of a PostgreSQL database",
        ),
        (
            "mysql://me:s3cret@localhost/shop",
            "REMIT_DATABASE_URL is not the address of a PostgreSQL database",
        ),
    ],
)
async def test_a_database_that_cannot_be_reached_is_said_without_the_password(
    url: str, complaint: str
) -> None:
    with pytest.raises(StoreError) as caught:
        async with open_store(Settings(database_url=url)):
            pass
    assert str(caught.value).startswith(complaint)
    assert "remit doctor" in str(caught.value)
    assert "s3cret" not in str(caught.value)


async def test_a_database_that_does_not_exist_is_named(postgres: str) -> None:
    with pytest.raises(StoreError, match='database "nope" does not exist'):
        async with open_store(Settings(database_url=postgres.replace("/postgres?", "/nope?"))):
            pass


async def test_a_database_of_another_coding_is_refused(postgres: str) -> None:
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("CREATE DATABASE ascii ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(StoreError, match="stores SQL_ASCII; create one with ENCODING 'UTF8'"):
            async with open_store(Settings(database_url=postgres.replace("/postgres?", "/ascii?"))):
                pass
    finally:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute("DROP DATABASE ascii WITH (FORCE)")


async def test_a_role_that_may_not_create_tables_is_said(postgres: str, empty_database_url: str) -> None:
    host = psycopg.conninfo.conninfo_to_dict(empty_database_url)
    with psycopg.connect(postgres, autocommit=True) as admin:
        admin.execute("CREATE ROLE poor LOGIN PASSWORD 'poor'")
    try:
        url = psycopg.conninfo.make_conninfo(**(host | {"user": "poor", "password": "poor"}))
        with pytest.raises(StoreError, match=r"Give the role of .* the right to create tables"):
            async with open_store(Settings(database_url=url)):
                pass
    finally:
        with psycopg.connect(postgres, autocommit=True) as admin:
            admin.execute(sql.SQL("DROP ROLE poor"))


def test_an_address_is_shown_without_its_secrets() -> None:
    assert where("postgresql://me:s3cret@db.example:5433/shop?sslmode=require") == "db.example:5433/shop"
    assert where("postgresql://me:s3cret@/remit?host=%2Ftmp%2Fx") == "local socket/remit"
    assert where("password=s3cret") == "REMIT_DATABASE_URL"


async def test_the_server_lets_go_of_a_machine_that_vanished_in_the_middle_of_a_transaction(
    store: Store,
) -> None:
    async with store.pool.connection() as connection:
        shown = await connection.execute("SHOW idle_in_transaction_session_timeout")
        assert await shown.fetchone() == ("2min",)


async def test_what_only_looks_works_on_a_replica_that_takes_no_writes(store: Store, tmp_path: Path) -> None:
    read_only = store.url + "&options=" + quote("-c default_transaction_read_only=on")
    async with open_app(Settings(database_url=store.url, data_dir=tmp_path)) as app:
        run = await app.start(
            Agent(name="reader", remit=RemitSpec(budget=Budget(money=None))), "look", model=ScriptedModel([])
        )
    async with open_app(Settings(database_url=read_only, data_dir=tmp_path)) as replica:
        assert [row.id for row in await list_runs(replica.store)] == [run]
        assert (await replica.state(run)).seq == 1
        with pytest.raises(StoreError, match="read-only"):
            await replica.pause(run, "olga")
