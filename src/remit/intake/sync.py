"""Databases read into the graph: what is new or has changed since the last look, page by page, from where it ended.

Each page is taken in and then the place moves on. Whoever is killed in between reads it again, and nothing counts twice: the graph
knows each event by its id.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any, LiteralString
from uuid import UUID
from zoneinfo import ZoneInfo

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb
from pydantic_core import to_jsonable_python

from remit.agents.spec import Agent
from remit.app import App
from remit.connections.kept import Linked, connection_of
from remit.errors import RemitError, UserError
from remit.graph.ingest import Taken, take
from remit.intake import kept
from remit.intake.kept import FIELDS, Kept
from remit.intake.mapping import Came, rows_of
from remit.intake.spec import Intake
from remit.secrets import open_secrets
from remit.store.store import Store
from remit.tools.thread import in_thread

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from remit.tools.databases import Standing

Json = Any
Place = tuple[Any, Any]  # the cursor and the key of a row
LOG = logging.getLogger(__name__)
PAGE = 2_000  # rows that are read together
TABLES, PEEKED = 500, 5  # that somebody is shown: of a database, and rows of a query
EVERY = 5.0  # seconds between looks for databases whose time has come
LEASE = timedelta(minutes=5)  # after which whoever reads counts as dead; each page renews it
AT_ONCE = 2  # databases that a process reads


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and where the last of them stands."""

    rows: Sequence[Mapping[str, Json]]
    place: Place | None


async def keep_reading(app: App, stop: asyncio.Event) -> None:
    """Until `stop`: read databases whose time has come, of all workspaces. As many processes as like do so at once."""
    while not stop.is_set():
        try:
            await look(app)
        except (RemitError, psycopg.Error, OSError) as error:
            LOG.debug("databases cannot be read now: %s", error)
        try:
            await asyncio.wait_for(stop.wait(), EVERY)
        except TimeoutError:
            continue


async def look(app: App) -> int:
    """Once, at those whose time has come; how many that were."""
    claimed = await _claim(app.root.store)
    await asyncio.gather(*(_in_turn(app.within(one.workspace), one) for one in claimed))
    return len(claimed)


async def sync(app: App, one: Kept) -> AsyncIterator[Taken]:
    """Read one to its end, whatever its time; what became of each page. Raises UserError, OSError."""
    intake = one.intake
    if intake.kind != "database":
        raise UserError(f"intake {one.name} is a webhook: what it is told comes by itself")
    url, standing = await _where(app.store, intake.database)
    place, first = _read_place(one.place), True
    while True:
        asked = _back(place, intake.again) if first else place
        page = await in_thread(partial(_page, intake, url, standing, asked))
        if not page.rows:
            await kept.heard(app.store, one.name, Taken())
            return
        taken = await take(app.store, _rows(intake, page), intake.name, frozenset(intake.verified))
        place, first = page.place, False
        await _moved(app.store, one, place)
        await kept.heard(app.store, one.name, taken)
        yield taken
        if len(page.rows) < PAGE:
            return


async def call_for(store: Store, name: str) -> Kept:
    """Have one read soon, by a worker. Raises UnknownName, UserError."""
    one = await kept.get_intake(store, name)
    if one.path:
        raise UserError(f"intake {name} is a webhook: what it is told comes by itself")
    query = "update intakes set next_at = clock_timestamp() where workspace = %s and name = %s"
    async with store.pool.connection() as connection:
        await connection.execute(query, (store.workspace, name))
    return await kept.get_intake(store, name)


async def _in_turn(app: App, one: Kept) -> None:
    try:
        async for _ in sync(app, one):
            pass
    except (UserError, OSError) as error:
        await kept.went_wrong(app.store, one.name, " ".join(str(error).split()))
    query = """
        update intakes set next_at = clock_timestamp() + make_interval(secs => %s)
        where workspace = %s and name = %s and next_at is not null
    """
    async with app.store.pool.connection() as connection:
        await connection.execute(query, (one.intake.every, one.workspace, one.name))


async def _claim(store: Store) -> list[Kept]:
    """Those to be read now, each with one process."""
    query: LiteralString = f"""
        update intakes set next_at = statement_timestamp() + %s
        where (workspace, name) in (
            select workspace, name from intakes where next_at <= statement_timestamp() and paused_at is null
            order by next_at limit %s for update skip locked)
        returning {FIELDS}
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        return await (await cursor.execute(query, (LEASE, AT_ONCE))).fetchall()


async def tables_of(app: App, database: str) -> list[str]:
    """What a database has to be read, by name as its SQL writes it. Raises UserError, OSError."""
    from sqlalchemy import inspect

    from remit.tools.databases import reading

    url, standing = await _where(app.store, database)

    def names() -> list[str]:
        with reading(database, url, standing) as connection:
            found = inspect(connection)
            quote = connection.dialect.identifier_preparer.quote
            there = sorted([*found.get_table_names(), *found.get_view_names()])
            return [quote(name) for name in there[:TABLES]]

    return await in_thread(names)


async def peek(app: App, database: str, query: str, zone: str = "UTC") -> list[dict[str, Json]]:
    """The first rows of a query, as events. Raises UserError, OSError."""
    from sqlalchemy import text
    from sqlalchemy.exc import DBAPIError

    from remit.tools.databases import reading

    url, standing = await _where(app.store, database)

    def rows() -> list[Mapping[str, Json]]:
        with reading(database, url, standing) as connection:
            whole = f"SELECT * FROM (\n{_plainly(query)}\n) AS remit_rows LIMIT {PEEKED}"
            try:
                return [dict(row) for row in connection.execute(text(whole)).mappings()]
            except DBAPIError as error:
                raise UserError(
                    f"the query cannot be run: {' '.join(str(error.orig).split())[:300]}"
                ) from error

    place = ZoneInfo(zone)
    return [{key: _plain(value, place) for key, value in row.items()} for row in await in_thread(rows)]


async def _where(store: Store, database: str) -> tuple[str, Standing | None]:
    """The address of the database, and as whom it is read. Raises UserError."""
    from remit.tools.databases import Standing

    linked: Linked = (await connection_of(store, database)).linked
    if linked.kind != "sql":
        raise UserError(f"the connection {database!r} is no database")
    if linked.connection.person:
        raise UserError(
            f"the connection {database!r} shows each run the rows of its person alone; make another one for the graph"
        )
    alone = Agent(
        name="intake",
        connections={database: linked.connection},
        resources={database: linked.url},
    )
    secrets = await open_secrets(alone, {}, store)
    url = secrets.expand(linked.url) if secrets else linked.url
    role = linked.connection.role
    return url, Standing(role, "", False) if role else None


def _page(intake: Intake, url: str, standing: Standing | None, place: Place | None) -> Page:
    """The rows after a place. Raises UserError, ConnectionError."""
    from sqlalchemy.exc import DBAPIError

    from remit.tools.databases import reading

    with reading(intake.database, url, standing) as connection:
        try:
            found = [dict(row) for row in _select(connection, intake, place)]
        except DBAPIError as error:
            raise UserError(f"the query cannot be run: {' '.join(str(error.orig).split())[:300]}") from error
    if not found:
        return Page([], None)
    for column in filter(None, (intake.cursor, intake.key)):
        if column not in found[0]:
            raise UserError(f"the query has no column {column!r}; it has {', '.join(found[0])}")
    return Page(found, (found[-1][intake.cursor], found[-1][intake.key] if intake.key else None))


def _select(connection: Connection, intake: Intake, place: Place | None) -> Sequence[Any]:
    from sqlalchemy import text

    quote = connection.dialect.identifier_preparer.quote
    cursor, key = quote(intake.cursor), quote(intake.key) if intake.key else ""
    after, values = f"{cursor} IS NOT NULL", {}
    if place is not None:
        after = f"{cursor} > :cursor"
        values["cursor"] = place[0]
        if key and place[1] is not None:
            after = f"({after} OR ({cursor} = :cursor AND {key} > :key))"
            values["key"] = place[1]
    query = _plainly(intake.query)
    order = f"{cursor}, {key}" if key else cursor
    whole = f"SELECT * FROM (\n{query}\n) AS remit_rows WHERE {after} ORDER BY {order} LIMIT {PAGE}"
    return connection.execute(text(whole), values).mappings().all()


def _plainly(query: str) -> str:
    """Nothing in it stands for a value."""
    return query.rstrip().rstrip(";").replace(":", "\\:")


def _rows(intake: Intake, page: Page) -> list[tuple[int, Json]]:
    """Of all its rows, each by its number in the page."""
    zone, now = ZoneInfo(intake.zone), datetime.now(UTC)
    rows: list[tuple[int, Json]] = []
    for number, one in enumerate(page.rows):
        event = {column: _plain(value, zone) for column, value in one.items()}
        rows += [(number, made) for _, made in rows_of(intake, Came(event, "", now))]
    return rows


def _plain(value: Any, zone: ZoneInfo) -> Json:
    if isinstance(value, datetime) and value.tzinfo is None:
        value = value.replace(tzinfo=zone)
    return to_jsonable_python(value, bytes_mode="base64", fallback=str)


def _back(place: Place | None, again: int) -> Place | None:
    """Where a look begins: before its place, since what is committed late may stand there."""
    if place is None or not again:
        return place
    cursor = place[0]
    if isinstance(cursor, datetime | date):
        return cursor - timedelta(seconds=again), None
    return (cursor - again, None) if isinstance(cursor, int | Decimal) else place


async def _moved(store: Store, one: Kept, place: Place | None) -> None:
    query = """
        update intakes set place = %s, next_at = case when next_at is not null then statement_timestamp() + %s end
        where workspace = %s and name = %s
    """
    said = [_kept(value) for value in place or ()]
    async with store.pool.connection() as connection:
        await connection.execute(query, (Jsonb(said), LEASE, one.workspace, one.name))


READS: Mapping[str, Callable[[str], Any]] = {
    "datetime": datetime.fromisoformat,
    "date": date.fromisoformat,
    "decimal": Decimal,
}


def _kept(value: Any) -> Json:
    """A value of a column so that JSON keeps it: a number or a text as it is, else with what it is. Raises UserError."""
    match value:
        case None | int() | str():
            return value
        case datetime():
            return {"datetime": value.isoformat()}
        case date():
            return {"date": value.isoformat()}
        case Decimal():
            return {"decimal": str(value)}
        case UUID():
            return str(value)
    raise UserError(f"a cursor is a time, a number or a text, and not {type(value).__name__}")


def _read_place(said: Sequence[Json] | None) -> Place | None:
    if not said:
        return None
    cursor, key = (_value(one) for one in said)
    return cursor, key


def _value(said: Json) -> Any:
    if not isinstance(said, Mapping):
        return said
    ((name, text),) = said.items()
    return READS[name](text)
