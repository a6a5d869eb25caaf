from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from remit.tools import Tool, ToolContext, databases
from remit.tools.call import call
from remit.tools.sql import sql_execute, sql_query, sql_schema

Contexts = Callable[..., ToolContext]

MADE = """
CREATE TABLE orders (id integer PRIMARY KEY, customer varchar(40) NOT NULL, total numeric(10,2));
CREATE TABLE items (id integer PRIMARY KEY, order_id integer REFERENCES orders (id), name varchar(40));
INSERT INTO orders VALUES (1, 'Mia', 12.50), (2, 'Noah', 7);
INSERT INTO items VALUES (1, 1, 'tea');
"""


@pytest.fixture
def sqlite_shop(tmp_path: Path, make_context: Contexts) -> ToolContext:
    with sqlite3.connect(tmp_path / "shop.db") as driver:
        driver.executescript(MADE)
    driver.close()
    return make_context(shop=f"sqlite:///{tmp_path / 'shop.db'}")


@pytest.fixture
def postgres_shop(database_url: str, make_context: Contexts) -> ToolContext:
    """As the superuser that a careless owner may hand over."""
    with psycopg.connect(database_url) as driver:
        driver.execute(MADE)
    return make_context(shop=database_url)


@pytest.fixture(params=["sqlite", "postgres"])
def shop(request: pytest.FixtureRequest) -> ToolContext:
    made: ToolContext = request.getfixturevalue(f"{request.param}_shop")
    return made


async def done(tool: Tool, context: ToolContext, **args: Any) -> Any:
    outcome = await call(tool, context, args)
    assert outcome.status == "ok", outcome.result
    return outcome.result


async def mended(tool: Tool, context: ToolContext, **args: Any) -> str:
    outcome = await call(tool, context, args)
    assert outcome.status == "mend", outcome
    return str(outcome.result)


async def test_a_query_returns_columns_and_rows(shop: ToolContext) -> None:
    answer = await done(
        sql_query,
        shop,
        query="SELECT o.id, o.total, ':no' AS t FROM orders o WHERE customer = :who AND '12:30' <> ''",
        params={"who": "Mia"},
    )
    assert answer == {"columns": ["id", "total", "t"], "rows": [[1, 12.5, ":no"]], "truncated": False}


async def test_a_statement_changes_and_says_how_many(shop: ToolContext) -> None:
    assert (await done(sql_execute, shop, statement="UPDATE orders SET total = 1"))["changed"] == 2
    answer = await done(
        sql_execute,
        shop,
        statement="INSERT INTO orders VALUES (3, :c, 5) RETURNING id, customer",
        params={"c": "Lea; DROP TABLE orders"},
    )
    assert answer["rows"] == [[3, "Lea; DROP TABLE orders"]]
    assert (await done(sql_query, shop, query="SELECT count(*), sum(total) FROM orders"))["rows"] == [[3, 7]]


async def test_what_is_longer_than_the_limit_is_marked(shop: ToolContext) -> None:
    many = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) SELECT i FROM n"
    answer = await done(sql_query, shop, query=many, limit=10)
    assert (len(answer["rows"]), answer["truncated"]) == (10, True)
    wide = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT :t AS t FROM n"
    )
    answer = await done(sql_query, shop, query=wide, params={"t": "x" * 3000}, limit=500)
    assert answer["truncated"] is True
    assert 10 < len(answer["rows"]) < 100
    answer = await done(sql_query, shop, query="SELECT :t AS t", params={"t": "x" * 100_000})
    assert answer["rows"][0][0].endswith("(cut: 100000 characters)")


async def test_the_schema_shows_tables_columns_and_keys(shop: ToolContext) -> None:
    shown = await done(sql_schema, shop, tables=["orders", "items"])
    by_name = {table["table"]: table["columns"] for table in shown["tables"]}
    assert by_name["orders"] == {
        "id": "INTEGER key",
        "customer": "VARCHAR(40) not null",
        "total": "NUMERIC(10, 2)",
    }
    assert by_name["items"]["order_id"] == "INTEGER -> orders.id"
    every = await done(sql_schema, shop)
    assert {table["table"] for table in every["tables"]} | {*every.get("more", ())} >= {"orders", "items"}
    assert "Did you mean 'orders'" in await mended(sql_schema, shop, tables=["order"])


WRITES = [
    "INSERT INTO orders VALUES (9, 'x', 1)",
    "UPDATE orders SET total = 0",
    "DELETE FROM orders",
    "DROP TABLE items",
    "CREATE TABLE more (a int)",
    "SELECT 1; DELETE FROM items",
    "COMMIT; DELETE FROM items",
    "COMMIT",
    "BEGIN",
]
SQLITE_WRITES = [
    "ATTACH '{folder}/new.db' AS other",
    "VACUUM INTO '{folder}/new.db'",
    "PRAGMA query_only = OFF",
    "PRAGMA journal_mode = WAL",
    "PRAGMA writable_schema = ON",
    "SELECT load_extension('x')",
    "CREATE TEMP TABLE t (a int)",
    "REINDEX",
]
POSTGRES_WRITES = [
    "WITH gone AS (DELETE FROM items RETURNING *) SELECT * FROM gone",
    "SELECT * INTO copied FROM orders",
    "SELECT nextval('numbers')",
    "SELECT touch()",
    "SELECT touch_in_a_trice()",
    "SELECT query_to_xml('DELETE FROM items RETURNING *', true, true, '')",
    "SELECT set_config('transaction_read_only', 'off', false), touch()",
    "SELECT set_config('default_transaction_read_only', 'off', false), touch()",
    "SET TRANSACTION READ WRITE",
    "ROLLBACK; BEGIN; DELETE FROM items; COMMIT",
    "select 1) TO STDOUT; DELETE FROM items; --",
    "COPY items TO '/tmp/remit-items'",
    "COPY items TO PROGRAM 'touch /tmp/remit-items'",
    "DO $$ BEGIN DELETE FROM items; END $$",
    "CALL clear()",
    "EXPLAIN ANALYZE DELETE FROM items",
    "PREPARE p AS DELETE FROM items",
    "SELECT * FROM items FOR UPDATE",
    "LOCK TABLE items",
    "SELECT lo_from_bytea(0, 'x')",
    "SELECT lo_create(4711)",
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_ls_dir('/')",
    "SELECT lo_import('/etc/passwd')",
    "SELECT pg_reload_conf()",
]
POSTGRES_MORE = """
CREATE SEQUENCE numbers;
CREATE FUNCTION touch() RETURNS int LANGUAGE sql VOLATILE AS 'DELETE FROM items RETURNING 1';
CREATE FUNCTION touch_in_a_trice() RETURNS int LANGUAGE plpgsql AS $$
BEGIN
  PERFORM set_config('transaction_read_only', 'off', false);
  DELETE FROM items;
  RETURN 1;
END $$;
CREATE PROCEDURE clear() LANGUAGE plpgsql AS 'BEGIN COMMIT; DELETE FROM items; END';
"""


async def test_sqlite_refuses_to_write_during_a_query(sqlite_shop: ToolContext, tmp_path: Path) -> None:
    before = (tmp_path / "shop.db").read_bytes()
    for query in WRITES + SQLITE_WRITES:
        await mended(sql_query, sqlite_shop, query=query.format(folder=tmp_path))
        assert (tmp_path / "shop.db").read_bytes() == before, query
        assert [path.name for path in tmp_path.iterdir()] == ["shop.db"], query


def _state(url: str) -> Any:
    with psycopg.connect(url) as driver:
        return driver.execute(
            "SELECT (SELECT array_agg(o::text) FROM orders o), (SELECT array_agg(i::text) FROM items i),"
            " (SELECT array_agg(relname::text ORDER BY 1) FROM pg_class WHERE relnamespace = 'public'::regnamespace),"
            " (SELECT last_value FROM numbers), (SELECT count(*) FROM pg_largeobject_metadata)"
        ).fetchone()


@pytest.mark.parametrize("role", ["superuser", "owner"])
async def test_postgresql_refuses_to_write_during_a_query(
    postgres_shop: ToolContext, make_context: Contexts, database_url: str, role: str
) -> None:
    with psycopg.connect(database_url) as driver:
        driver.execute(POSTGRES_MORE)
    context = postgres_shop if role == "superuser" else make_context(shop=_owner(database_url))
    before = _state(database_url)
    for query in WRITES + POSTGRES_WRITES:
        await mended(sql_query, context, query=query)
        assert _state(database_url) == before, query


def _owner(url: str) -> str:
    """The same database as a plain role that owns every table: only the read-only transaction holds it."""
    with psycopg.connect(url) as driver:
        driver.execute(
            "DO $$ BEGIN CREATE ROLE shop_owner LOGIN PASSWORD 'shop';"
            " EXCEPTION WHEN duplicate_object THEN NULL; END $$"
        )
        driver.execute("GRANT ALL ON SCHEMA public TO shop_owner")
        for table in ("orders", "items"):
            driver.execute(f"ALTER TABLE {table} OWNER TO shop_owner")
        driver.execute("GRANT ALL ON SEQUENCE numbers TO shop_owner")
    info = psycopg.conninfo.conninfo_to_dict(url)
    host = str(info.get("host", "localhost"))
    place = f"@/{info['dbname']}?host={host}&port={info.get('port', 5432)}"
    return f"postgresql://shop_owner:shop{place}"


async def test_a_schema_reading_connection_cannot_write_either(postgres_shop: ToolContext) -> None:
    url = postgres_shop.resources["shop"]
    from sqlalchemy import text
    from sqlalchemy.exc import InternalError, ProgrammingError

    with databases.reading("shop", url) as connection, pytest.raises((InternalError, ProgrammingError)):
        connection.execute(text("DELETE FROM items"))


async def test_a_listener_hears_nothing_from_a_query(postgres_shop: ToolContext, database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as listener:
        listener.execute("LISTEN bell")
        await done(sql_query, postgres_shop, query="SELECT pg_notify('bell', 'ring')")
        listener.execute("SELECT pg_notify('bell', 'end')")
        assert [heard.payload for heard in listener.notifies(timeout=5, stop_after=1)] == ["end"]


@pytest.mark.parametrize(
    "statement",
    ["ATTACH '{folder}/new.db' AS other", "VACUUM INTO '{folder}/new.db'", "PRAGMA writable_schema = ON"],
)
async def test_a_statement_on_sqlite_stays_in_its_file(
    sqlite_shop: ToolContext, tmp_path: Path, statement: str
) -> None:
    await mended(sql_execute, sqlite_shop, statement=statement.format(folder=tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == ["shop.db"]


async def test_a_statement_is_one_statement(shop: ToolContext) -> None:
    said = await mended(sql_execute, shop, statement="DELETE FROM items; DELETE FROM orders")
    assert "nothing was changed" in said or "one statement" in said
    assert (await done(sql_query, shop, query="SELECT count(*) FROM items"))["rows"] == [[1]]


async def test_a_broken_statement_is_answered_with_the_databases_words(postgres_shop: ToolContext) -> None:
    said = await mended(sql_query, postgres_shop, query="SELECT id,\n  totl FROM orders")
    assert 'column "totl" does not exist' in said
    assert "orders.total" in said
    assert "at line 2: totl FROM orders" in said
    assert "sql_query takes one SELECT" in said
    said = await mended(sql_execute, postgres_shop, statement="INSERT INTO orders VALUES (1, 'x', 1)")
    assert "duplicate key" in said
    assert "(id)=(1) already exists" in said


async def test_a_broken_statement_on_sqlite_is_answered(sqlite_shop: ToolContext) -> None:
    assert "no such table: ordrs" in await mended(sql_query, sqlite_shop, query="SELECT * FROM ordrs")
    assert "UNIQUE" in await mended(
        sql_execute, sqlite_shop, statement="INSERT INTO orders VALUES (1, 'x', 1)"
    )


async def test_parameters_that_do_not_fit_are_answered(shop: ToolContext) -> None:
    assert "'who' does not stand" in await mended(sql_query, shop, query="SELECT 1", params={"who": 1})
    await mended(sql_query, shop, query="SELECT :who", params={"whom": 1})
    await mended(
        sql_query, shop, query="SELECT * FROM orders WHERE customer = :who", params={"who": {"a": 1}}
    )
    await mended(sql_query, shop, query="  ")
    await mended(sql_query, shop, query="SELECT '\0'")


async def test_a_statement_that_takes_too_long_is_ended_by_the_database(
    shop: ToolContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(databases, "SECONDS", 0.2)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    databases._engine.cache_clear()
    assert "took too long" in await mended(sql_query, shop, query=endless)


async def test_the_database_must_be_one_of_the_agents(
    sqlite_shop: ToolContext, make_context: Contexts
) -> None:
    assert "Did you mean 'shop'" in await mended(sql_query, sqlite_shop, query="SELECT 1", database="shp")
    assert "given no database" in await mended(sql_query, make_context(), query="SELECT 1")
    two = make_context(shop="sqlite:///a.db", crm="sqlite:///b.db", http_allow=("x",))
    assert "There is: crm, shop" in await mended(sql_query, two, query="SELECT 1")


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("sqlite:////no/such/file.db", "does not answer"),
        ("sqlite://", "name a file"),
        ("postgresql://u:geheim@127.0.0.1:1/x", "does not answer"),
        ("mssql+pyodbc://u:geheim@h/x", "reading works on"),
        ("nosuch://u:geheim@h/x", "reading works on"),
        ("postgresql://u:geheim@h:port/x", "is not a database URL"),
    ],
)
async def test_a_database_that_cannot_be_used_is_said_without_its_password(
    make_context: Contexts, url: str, said: str
) -> None:
    outcome = await call(sql_query, make_context(shop=url), {"query": "SELECT 1"})
    assert outcome.status == "failed"
    assert said in outcome.result
    assert "geheim" not in outcome.result
    assert "Traceback" not in outcome.result


async def test_a_mistyped_path_makes_no_database(make_context: Contexts, tmp_path: Path) -> None:
    context = make_context(shop=f"sqlite:///{tmp_path / 'new.db'}")
    assert (await call(sql_execute, context, {"statement": "CREATE TABLE t (a int)"})).status == "failed"
    assert not (tmp_path / "new.db").exists()


@pytest.fixture(autouse=True)
def fresh_engines() -> Iterator[None]:
    yield
    databases._engine.cache_clear()


MARIADB_WRITES = [
    "BEGIN NOT ATOMIC SET SESSION TRANSACTION READ WRITE; COMMIT; DELETE FROM items; COMMIT; END",
    "SELECT * FROM items INTO OUTFILE '/tmp/remit-items'",
    "SELECT 1) INTO OUTFILE '/tmp/remit-items' -- ",
    "SELECT 1) INTO OUTFILE '/tmp/remit-items' /* ",
    "DELETE FROM items RETURNING *",
    "EXECUTE IMMEDIATE 'DELETE FROM items'",
    "SET GLOBAL max_connections = 99",
    "TRUNCATE TABLE items",
]


@pytest.mark.skipif(
    "REMIT_TEST_MARIADB" not in os.environ, reason="REMIT_TEST_MARIADB names no database to spoil"
)
async def test_mariadb_refuses_to_write_during_a_query(make_context: Contexts) -> None:
    context = make_context(shop=os.environ["REMIT_TEST_MARIADB"])
    await done(sql_execute, context, statement="CREATE OR REPLACE TABLE items (id integer PRIMARY KEY)")
    await done(sql_execute, context, statement="INSERT INTO items VALUES (1), (2)")
    for query in WRITES + MARIADB_WRITES:
        await mended(sql_query, context, query=query)
        answer = await done(sql_query, context, query="SELECT id FROM items ORDER BY id DESC -- newest first")
        assert answer["rows"] == [[2], [1]], query


PARTS = ["SELECT", "1", "*", "FROM", "items", "orders", "WHERE", "id = 1", ";", ",", "(", ")", "--", "/*", "*/", "'", "''", "$$", "$a$", "\\", "\n", "WITH",
         "gone AS", "(DELETE FROM items RETURNING *)", "(UPDATE orders SET total = 0 RETURNING 1)", "(INSERT INTO items VALUES (7, 1, 'x') RETURNING id)",
         "INTO copied", "DELETE FROM items", "UPDATE items SET name = 'x'", "DROP TABLE items", "TRUNCATE items CASCADE", "COMMIT", "ROLLBACK", "BEGIN",
         "SET TRANSACTION READ WRITE", "SET default_transaction_read_only = off", "COPY items TO STDOUT", "COPY items FROM STDIN", "DO $$ BEGIN DELETE FROM items; END $$",
         "CALL clear()", "touch()", "touch_in_a_trice()", "nextval('numbers')", "setval('numbers', 9)", "lo_create(4711)", "UNION ALL", "TABLE", "VALUES (1)",
         "LATERAL", "EXPLAIN ANALYZE", "FOR UPDATE", "END", "CLOSE ALL", "FETCH ALL FROM", "DECLARE c CURSOR WITH HOLD FOR", "PREPARE p AS", "EXECUTE", ":a", "::int",
         "E'\\'", "U&'\\0027'", "\ufeff", "\u00a0", "\u2028", "é"]  # fmt: skip


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.sampled_from(PARTS), max_size=9).map(" ".join),
    st.sampled_from(["", "SELECT 1; ", "SELECT 1 FROM (", "WITH a AS (SELECT 1) "]),
)
async def test_whatever_is_sent_as_a_query_changes_nothing(
    postgres_shop: ToolContext, database_url: str, text: str, before: str
) -> None:
    with psycopg.connect(database_url) as driver:
        if driver.execute("SELECT to_regclass('numbers')").fetchone() == (None,):
            driver.execute(POSTGRES_MORE)
    stood = _state(database_url)
    outcome = await call(sql_query, postgres_shop, {"query": before + text})
    assert outcome.status in ("ok", "mend"), outcome
    assert _state(database_url) == stood
