"""Tables are looked through in slices by several at once, and nothing is passed over however rows come to lie meanwhile."""

from __future__ import annotations

import psycopg
import pytest
from psycopg.sql import SQL

from remit.graph.people import find
from remit.privacy import scan, sweep
from remit.privacy.scan import Look, found
from remit.privacy.whom import whom
from remit.store.store import Store
from tests.privacy.conftest import ANN, plant
from tests.privacy.test_erase import erased
from tests.privacy.test_needles import ann

WITH = [
    "Ann@Shop.example",
    r"\u201cann@shop.example",
    "x%20ann%40shop.example",
    '{"crm": 17}',
    '"{\\"crm\\":\\n 17}"',
    "C1042.",
    "@Жанна",
]
WITHOUT = [
    "joann@shop.example",
    "ann7@shop.example",
    "ann@shop.examples",
    "C10421",
    "scrm:17",
    "17",
    "0170 123",
    "",
]


async def grown(store: Store, rows: int) -> None:
    """A table that nobody listed, of some pages."""
    async with store.pool.connection() as connection:
        await connection.execute("create table novel (workspace text, said text, blank char(900) default '')")
        query = "insert into novel select 'default', n::text from generate_series(1, %s) as n"
        await connection.execute(query, (rows,))


async def test_the_database_reads_the_patterns_as_we_do(store: Store) -> None:
    query = SQL("select said from unnest(%(texts)s::text[]) as t (said) where {}").format(
        sweep.condition({"said": "text"}, ann())
    )
    async with store.pool.connection() as connection:
        values = {"texts": WITH + WITHOUT, **sweep.asked(ann())}
        rows = await (await connection.execute(query, values)).fetchall()
    assert [said for (said,) in rows] == WITH


async def test_each_row_is_found_once_in_whichever_slice_it_lies(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scan, "PAGES", 3)
    await grown(store, 200)
    rows = await found(store, [Look("novel", SQL("said"), SQL("said <> %(no)s"))], {"no": "7"})
    assert sorted(map(int, rows["novel"])) == [n for n in range(1, 201) if n != 7]


async def test_a_row_that_is_changed_after_it_was_found_is_found_again(store: Store) -> None:
    await plant(store)
    await grown(store, 20)
    needles = whom(await find(store, ANN["email"])).looked_for("t")
    async with store.pool.connection() as connection:
        await connection.execute("update novel set said = %s where said = '3'", (f"of {ANN['email']}",))
        (table,) = [one for one in await sweep.tables(connection) if one.name == "novel"]
        at = await sweep.places(store, [table], needles, "default")
        await connection.execute("update novel set said = said || ', twice' where said like 'of%'")
        async with connection.transaction():
            assert await sweep.clear(connection, table, needles, "default", at["novel"]) == 1
        rows = await (await connection.execute("select said from novel where said like 'of%'")).fetchall()
    assert rows == [("of [erased t], twice",)]


async def test_a_table_that_nobody_listed_is_searched(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scan, "PAGES", 3)
    await plant(store)
    await grown(store, 100)
    async with store.pool.connection() as connection:
        await connection.execute("update novel set said = %s where said in ('5', '95')", (ANN["email"],))
    assert (await erased(store)).counts["novel"] == 2


async def test_what_fails_in_one_slice_is_told_as_it_is(store: Store) -> None:
    await grown(store, 20)
    with pytest.raises(psycopg.errors.DivisionByZero):
        await found(store, [Look("novel", SQL("said"), SQL("1 / (length(said) - 1) > 0"))], {})
