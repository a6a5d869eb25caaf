"""Databases read into the graph: what is new or has changed, once, on from where it was."""

from __future__ import annotations

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from remit.app import App, open_app
from remit.connections.kept import linked_of, set_connection
from remit.errors import UserError
from remit.graph.ingest import Taken
from remit.graph.people import find, search, timeline
from remit.intake import kept
from remit.intake import sync as syncing
from remit.intake.kept import Kept
from remit.intake.spec import intake_of
from remit.intake.sync import call_for, look, sync
from remit.settings import Settings
from remit.store.secrets import set_secret

Json = Any
SPEC: dict[str, Json] = {
    "database": "shop",
    "query": "select id, email, total, at, changed, ':no%' as odd from orders -- all of them",
    "cursor": "changed",
    "key": "id",
    "zone": "Europe/Berlin",
    "row": {
        "id": {"cel": "string(event.id) + ' ' + event.changed"},
        "at": "/at",
        "kind": "purchase",
        "email": "/email",
        "value": "/total",
        "currency": "EUR",
    },
}
TABLE = """
    create table orders (id int, email text, total numeric, at timestamptz, changed timestamp);
    insert into orders select n, 'p' || n || '@x.example', n, '2026-05-01T10:00:00Z', '2026-05-01'::timestamp + n / 4 * interval '1 hour'
    from generate_series(1, 10) n;
    insert into orders values (99, 'never@x.example', 1, now(), null);
"""


@pytest.fixture
async def app(settings: Settings) -> AsyncIterator[App]:
    async with open_app(settings) as opened:
        yield opened


@pytest.fixture
def shop(database_url: str, empty_database_url: str) -> str:
    """The address of another database, with orders."""
    with psycopg.connect(empty_database_url) as connection:
        connection.execute(TABLE.encode())
    return empty_database_url


async def reads(app: App, url: str, **more: Json) -> Kept:
    await set_secret(app.store, "SHOP", url, "ann")
    await set_connection(app.store, "shop", linked_of("shop", {"url": "secret:SHOP"}), "ann")
    return await kept.put(app.store, intake_of("orders", SPEC | more), "ann")


async def read_all(app: App, one: Kept) -> Taken:
    taken = Taken()
    async for some in sync(app, one):
        taken += some
    return taken


async def test_a_database_is_read_page_by_page_and_then_only_what_is_new(
    app: App, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(syncing, "PAGE", 3)
    one = await reads(app, shop)
    assert (await read_all(app, one)).new == 10
    (event,) = await timeline(app.store, await find(app.store, "p4@x.example"))
    assert (event.event, str(event.value)) == ("4 2026-05-01T01:00:00+02:00", "4.0000")
    with psycopg.connect(shop) as connection:
        connection.execute("insert into orders values (11, 'new@x.example', 3, now(), '2026-06-01')")
        connection.execute("update orders set changed = '2026-06-01', total = 5 where id = 2")
    one = await kept.get_intake(app.store, "orders")
    assert (await read_all(app, one)).new == 2
    assert [str(each.value) for each in await timeline(app.store, await find(app.store, "p2@x.example"))] == [
        "5.0000",
        "2.0000",
    ]
    assert (await kept.get_intake(app.store, "orders")).taken == 12


async def test_what_was_committed_late_is_read_by_the_next_look(app: App, shop: str) -> None:
    one = await reads(app, shop, again=7200)
    await read_all(app, one)
    with psycopg.connect(shop) as connection:
        connection.execute("insert into orders values (12, 'late@x.example', 3, now(), '2026-05-01 01:30')")
    again = await read_all(app, await kept.get_intake(app.store, "orders"))
    assert (again.new, again.known > 0) == (1, True)
    assert await search(app.store, "late")


async def test_whoever_is_killed_between_taking_in_and_moving_on_counts_nothing_twice(
    app: App, shop: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = await reads(app, shop)
    moved = syncing._moved
    monkeypatch.setattr(syncing, "PAGE", 4)

    async def killed(*_: Json) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(syncing, "_moved", killed)
    with pytest.raises(KeyboardInterrupt):
        await read_all(app, one)
    monkeypatch.setattr(syncing, "_moved", moved)
    again = await read_all(app, await kept.get_intake(app.store, "orders"))
    assert (again.new, again.known) == (6, 4)


async def test_a_worker_reads_when_the_time_has_come_and_says_what_goes_wrong(app: App, shop: str) -> None:
    await reads(app, shop)
    assert await look(app) == 1
    one = await kept.get_intake(app.store, "orders")
    assert (one.taken, one.next_at is not None and one.next_at > one.at) == (10, True)
    assert await look(app) == 0
    with psycopg.connect(shop) as connection:
        connection.execute("alter table orders rename to other")
    await call_for(app.store, "orders")
    assert await look(app) == 1
    one = await kept.get_intake(app.store, "orders")
    assert (one.state, "the query cannot be run" in one.went, "orders" in one.went) == (
        "goes wrong",
        True,
        True,
    )
    await kept.pause(app.store, "orders", "ann")
    await call_for(app.store, "orders")
    assert await look(app) == 0


async def test_a_query_that_is_no_select_or_lacks_the_cursor_is_refused(app: App, shop: str) -> None:
    for query, said in (
        ("delete from orders returning *", "cannot be run"),
        ("select 1) as x; delete from orders; select * from (select 1", "cannot be run"),
        ("with gone as (delete from orders returning *) select * from gone", "cannot be run"),
        ("select id from orders", "cannot be run"),
    ):
        one = await reads(app, shop, query=query)
        with pytest.raises(UserError, match=said):
            await read_all(app, one)
    with psycopg.connect(shop) as connection:
        row = connection.execute("select count(*) from orders").fetchone()
    assert row == (11,)


async def test_sqlite_and_numbers_do_as_well_and_what_is_no_database_is_refused(
    app: App, tmp_path: Path
) -> None:
    file = tmp_path / "shop.db"
    with sqlite3.connect(file) as connection:
        connection.execute("create table orders (id integer, email text, at text)")
        connection.execute("insert into orders values (1, 'lite@x.example', '2026-05-01T10:00:00Z')")
    row = {"id": "/id", "at": "/at", "kind": "visit", "email": "/email"}
    one = await reads(app, f"sqlite:///{file}", query="select * from orders", cursor="id", key="", row=row)
    assert (await read_all(app, one)).new == 1
    with sqlite3.connect(file) as connection:
        connection.execute("insert into orders values (200, 'more@x.example', '2026-05-02T10:00:00Z')")
    assert (await read_all(app, await kept.get_intake(app.store, "orders"))).new == 1
    await set_connection(app.store, "shop", linked_of("shop", {"http": "https://x.example"}), "ann")
    with pytest.raises(UserError, match="is no database"):
        await read_all(app, one)
    closed = linked_of("shop", {"url": "postgresql://127.0.0.1:1/none"})
    await set_connection(app.store, "shop", closed, "ann")
    with pytest.raises(ConnectionError, match="does not answer"):
        await read_all(app, one)
    narrowed = {"url": "postgresql://127.0.0.1:1/none", "role": "reader", "person": "email"}
    await set_connection(app.store, "shop", linked_of("shop", narrowed), "ann")
    with pytest.raises(UserError, match="make another one"):
        await read_all(app, one)
