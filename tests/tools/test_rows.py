"""Whose rows a statement can reach, where a connection names a role and tells the policies the person: a real server, and
queries as somebody writes them who wants another's rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from remit.agents.load import parse_agent
from remit.errors import SpecError
from remit.tools import ToolContext, databases
from remit.tools.call import Outcome, call
from remit.tools.sql import sql_execute, sql_query, sql_schema

Contexts = Callable[..., ToolContext]

SHOP = """
CREATE TABLE orders (id integer PRIMARY KEY, customer text NOT NULL, item text NOT NULL);
INSERT INTO orders VALUES (1, 'mia@mail.example', 'tea'), (2, 'noah@mail.example', 'secret'), (3, '', 'nobody''s');
ALTER TABLE orders ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON orders USING (customer = nullif(current_setting('remit.person', true), ''));
CREATE TABLE staff (name text);
INSERT INTO staff VALUES ('secret');
REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC;
GRANT SELECT, INSERT, UPDATE, DELETE ON orders TO {role};
"""
MIA = {"id": "c1", "email": "mia@mail.example", "name": "Mia", "verified": True}


@pytest.fixture
def role(database_url: str) -> Iterator[str]:
    """A role that may work on orders and on nothing else."""
    name = f"clerk_{uuid4().hex[:8]}"
    with psycopg.connect(database_url, autocommit=True) as driver:
        driver.execute(sql.SQL("CREATE ROLE {}").format(sql.Identifier(name)))
        driver.execute(SHOP.format(role=name))
    yield name
    databases._engine.cache_clear()
    with psycopg.connect(database_url, autocommit=True) as driver:
        driver.execute(sql.SQL("DROP OWNED BY {0}; DROP ROLE {0}").format(sql.Identifier(name)))


@pytest.fixture
def shop(role: str, database_url: str, make_context: Contexts) -> ToolContext:
    """The login is a superuser: nothing but the role holds."""
    connection = {"sql": "shop", "role": role, "person": "email"}
    return replace(make_context(shop=database_url), person=MIA, connections={"shop": connection})


async def query(context: ToolContext, text: str, **params: Any) -> Outcome:
    return await call(sql_query, context, {"query": text, "params": params})


async def change(context: ToolContext, text: str, **params: Any) -> Outcome:
    return await call(sql_execute, context, {"statement": text, "params": params})


async def test_a_person_sees_their_own_rows(shop: ToolContext) -> None:
    assert (await query(shop, "SELECT id, item FROM orders")).result["rows"] == [[1, "tea"]]
    noah = replace(shop, person=MIA | {"email": "noah@mail.example"})
    assert (await query(noah, "SELECT id FROM orders")).result["rows"] == [[2]]
    assert (await call(sql_schema, shop, {})).status == "ok"


@pytest.mark.parametrize(
    "attack",
    [
        "SELECT * FROM orders WHERE customer = 'noah@mail.example'",
        "SELECT * FROM orders WHERE true OR customer <> ''",
        "SELECT set_config('remit.person', 'noah@mail.example', true), o.* FROM orders o",
        "WITH x AS MATERIALIZED (SELECT set_config('remit.person', 'noah@mail.example', false)) SELECT * FROM x, orders",
        "SELECT set_config('role', 'none', true), o.* FROM orders o",
        "SELECT set_config('row_security', 'off', true), o.* FROM orders o",
        "SELECT query_to_xml('SET ROLE none', true, true, '')",
        "SELECT query_to_xml('RESET remit.person', true, true, ''), o.* FROM orders o",
        "SELECT query_to_xml('SELECT * FROM orders WHERE id = 2', true, true, '')",
        "SELECT query_to_xml('SELECT set_config(''remit.person'', ''noah@mail.example'', true)', true, true, '')",
        "SELECT table_to_xml('staff', true, true, '')",
        "SELECT * FROM staff",
        "SELECT most_common_vals FROM pg_stats WHERE tablename = 'orders'",
        "SELECT pg_read_file('pg_hba.conf')",
        "SELECT pg_ls_dir('.')",
        "SELECT lo_import('/etc/passwd')",
        "COPY orders TO STDOUT",
        "COPY orders TO PROGRAM 'cat'",
        "SET remit.person = 'noah@mail.example'",
        "RESET ROLE",
        "COMMIT; SELECT * FROM orders",
        "DO $$ BEGIN EXECUTE 'SET ROLE none'; END $$",
        "SELECT * FROM dblink('dbname=postgres', 'SELECT 1') AS t(a int)",
        "UPDATE orders SET customer = 'mia@mail.example' RETURNING *",
    ],
)
async def test_no_query_shows_the_rows_of_another(shop: ToolContext, attack: str) -> None:
    outcome = await query(shop, attack)
    assert "secret" not in f"{outcome.result}"
    assert "noah" not in str(outcome.result if outcome.status == "ok" else "")
    assert (await query(shop, "SELECT id FROM orders")).result["rows"] == [[1]]


@pytest.mark.parametrize(
    "attack",
    [
        "UPDATE orders SET item = 'mine' WHERE id = 2",
        "UPDATE orders SET customer = 'mia@mail.example' WHERE id = 2 RETURNING item",
        "DELETE FROM orders WHERE id = 2",
        "INSERT INTO orders VALUES (9, 'noah@mail.example', 'forged')",
        "INSERT INTO orders VALUES (2, 'mia@mail.example', 'x') ON CONFLICT (id) DO UPDATE SET item = 'mine' RETURNING item",
        "DO $$ BEGIN EXECUTE 'SET LOCAL ROLE none'; UPDATE orders SET item = 'mine'; END $$",
        "SET ROLE none",
        "RESET ALL",
        "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
        "DROP TABLE orders",
        "DROP POLICY own ON orders",
        "GRANT ALL ON staff TO PUBLIC",
        "TRUNCATE orders",
        "COPY orders FROM '/etc/passwd'",
        "CREATE FUNCTION f() RETURNS void LANGUAGE sql AS 'SELECT 1'",
        "CALL nothing()",
        "ANALYZE DELETE FROM orders",
        "VACUUM orders",
        "UPDATE staff SET name = 'x'",
        "SELECT set_config('remit.person', 'noah@mail.example', false)",
    ],
)
async def test_no_statement_changes_the_rows_of_another(
    shop: ToolContext, database_url: str, attack: str
) -> None:
    outcome = await change(shop, attack)
    assert "secret" not in str(outcome.result)
    with psycopg.connect(database_url) as driver:
        rows = driver.execute("SELECT * FROM orders ORDER BY id").fetchall()
        assert rows[1:] == [(2, "noah@mail.example", "secret"), (3, "", "nobody's")]
        assert driver.execute("SELECT name FROM staff").fetchall() == [("secret",)]


async def test_a_person_changes_their_own_rows(shop: ToolContext) -> None:
    changed = await change(shop, "UPDATE orders SET item = :item WHERE id = :id", item="50 % of :tea", id=1)
    assert changed.result == {"changed": 1}
    assert (await query(shop, "SELECT item FROM orders")).result["rows"] == [["50 % of :tea"]]
    made = "INSERT INTO orders VALUES (7, 'mia@mail.example', 'x')"
    assert (await change(shop, made)).result == {"changed": 1}


async def test_nobody_who_is_not_verified_is_shown_anything(shop: ToolContext) -> None:
    for person in ({}, MIA | {"verified": False}, MIA | {"email": ""}, MIA | {"verified": "yes"}):
        for outcome in (
            await query(replace(shop, person=person), "SELECT * FROM orders"),
            await change(replace(shop, person=person), "DELETE FROM orders"),
        ):
            assert outcome.status == "mend"
            assert "verified person" in outcome.result


@pytest.mark.parametrize("email", ["o'neill", "a\\'; SET ROLE none; --", "%s :x {y}", "ä\n", '"'])
async def test_a_persons_name_is_a_value_and_nothing_else(
    shop: ToolContext, database_url: str, email: str
) -> None:
    with psycopg.connect(database_url) as driver:
        driver.execute("INSERT INTO orders VALUES (8, %s, 'theirs')", [email])
    them = replace(shop, person=MIA | {"email": email})
    assert (await query(them, "SELECT item FROM orders")).result["rows"] == [["theirs"]]


async def test_what_would_hold_nothing_is_refused(
    shop: ToolContext, role: str, database_url: str, make_context: Contexts
) -> None:
    def connected(**changes: str) -> ToolContext:
        return replace(shop, connections={"shop": {**shop.connections["shop"], **changes}})

    async def refused(context: ToolContext) -> str:
        outcome = await query(context, "SELECT id FROM orders")
        assert outcome.status == "failed", outcome
        assert (await change(context, "DELETE FROM orders")).status == "failed"
        return str(outcome.result)

    assert "above all policies" in await refused(connected(role=""))
    assert "is no database among the resources" in await refused(connected(sql="shopp"))
    twice = {"a": shop.connections["shop"], "b": shop.connections["shop"]}
    assert "keep one" in await refused(replace(shop, connections=twice))
    lite = replace(shop, resources={"shop": "sqlite:///shop.db"})
    assert "on postgresql only" in await refused(lite)
    with psycopg.connect(database_url, autocommit=True) as driver:
        driver.execute("GRANT EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) TO PUBLIC")
        assert "REVOKE EXECUTE ON FUNCTION" in await refused(shop)
        driver.execute("REVOKE EXECUTE ON FUNCTION pg_catalog.set_config(text, text, boolean) FROM PUBLIC")
        driver.execute(sql.SQL("ALTER TABLE orders OWNER TO {}").format(sql.Identifier(role)))
        assert "owns orders" in await refused(shop)
        driver.execute("ALTER TABLE orders FORCE ROW LEVEL SECURITY")
        assert (await query(shop, "SELECT id FROM orders")).result["rows"] == [[1]]
        driver.execute("ALTER TABLE orders OWNER TO CURRENT_USER")
    assert 'role "nobody_such" does not exist' in str(
        (await query(connected(role="nobody_such"), "SELECT 1")).result
    )


def test_a_role_without_a_database_is_refused_when_the_agent_is_read() -> None:
    text = 'name: a\ninstructions: x\nconnections:\n  shop: {http: "https://a.example", role: clerk}\n'
    with pytest.raises(SpecError, match="say with sql which resource"):
        parse_agent(text, "a.yaml")
