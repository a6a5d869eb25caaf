"""A database that knows what a run changed in it, row by row, and puts it back.

Triggers keep of each row that changes what it was before. So the end state of a run is the rows that it touched with what
stands in them now, whichever tables and whosoever rows these are, and putting it back costs as much as was changed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.types.json import Json as AsJson

Json = Any
Fact = tuple[str, str, str, Json]  # table, key, where in the row, what stands there
Facts = frozenset[Fact]
NOTED = """
create schema noted;
create table noted.rows (place bigint generated always as identity, tab text, key jsonb, before json, primary key (tab, key));
create function noted.note() returns trigger language plpgsql as $$
declare
    it json := case when tg_op = 'INSERT' then to_json(new) else to_json(old) end;
begin
    insert into noted.rows (tab, key, before)
    values (
        tg_table_name, (select jsonb_object_agg(name, it -> name) from unnest(tg_argv) name),
        case when tg_op = 'INSERT' then null else it end
    ) on conflict do nothing;
    return null;
end $$
"""
KEYS = """
select c.relname, array_agg(a.attname::text order by a.attnum) from pg_index i
join pg_class c on c.oid = i.indrelid join pg_attribute a on a.attrelid = c.oid and a.attnum = any(i.indkey)
where c.relnamespace = %s::regnamespace and i.indisprimary and not c.relname = any(%s) group by 1
"""


@dataclass(frozen=True, slots=True)
class World:
    """A domain's data at a URL, in one schema. `aside`: tables that are the agent's own books, not its customers' data."""

    url: str
    connection: psycopg.AsyncConnection[Any]
    schema: str
    aside: tuple[str, ...]
    keys: dict[str, list[str]]

    async def changes(self) -> Facts:
        """What stands in the rows that were touched and did not stand there before."""
        new: set[Fact] = set()
        rows = await self.connection.execute("select tab, key, before from noted.rows")
        for tab, noted, before in await rows.fetchall():
            now = await self._row(tab, noted)
            key = {column: noted[column] for column in self.keys[tab]}
            new |= set(facts(tab, key, now)) - set(facts(tab, key, before) if before else ())
        return frozenset(new)

    async def _row(self, tab: str, key: Json) -> Json:
        query = "select to_json(t) from {} t where ({}) = (select {} from json_populate_record({}, %s))"
        row = await (await self.connection.execute(self._of(tab, query), [AsJson(key)])).fetchone()
        return row[0] if row else None

    def _of(self, tab: str, query: LiteralString) -> sql.Composed:
        """A query with the table, its key twice, and an empty row of it."""
        columns = sql.SQL(", ").join(map(sql.Identifier, self.keys[tab]))
        table = sql.Identifier(self.schema, tab)
        return sql.SQL(query).format(table, columns, columns, sql.SQL("null::{}").format(table))

    async def put_back(self) -> None:
        """Every row as it was. No trigger sees it, those of foreign keys included."""
        there = "delete from {} where ({}) = (select {} from json_populate_record({}, %s))"
        again = sql.SQL("insert into {} overriding system value select * from json_populate_record({}, %s)")
        async with self.connection.transaction():
            await self.connection.execute("set local session_replication_role = replica")
            found = await self.connection.execute("select tab, key, before from noted.rows")
            for tab, key, before in await found.fetchall():
                await self.connection.execute(self._of(tab, there), [AsJson(key)])
                if before is not None:
                    table = sql.Identifier(self.schema, tab)
                    query = again.format(table, sql.SQL("null::{}").format(table))
                    await self.connection.execute(query, [AsJson(before)])
            for tab in self.aside:
                await self.connection.execute(
                    sql.SQL("delete from {}").format(sql.Identifier(self.schema, tab))
                )
            await self.connection.execute("delete from noted.rows")


@asynccontextmanager
async def noting(url: str, schema: str, aside: tuple[str, ...]) -> AsyncIterator[World]:
    """The data at `url`, watched from now on. The user must be a superuser, as it is on the embedded server."""
    async with await psycopg.AsyncConnection.connect(url, autocommit=True) as connection:
        await connection.execute(NOTED)
        found = await (await connection.execute(KEYS, [schema, list(aside)])).fetchall()
        for tab, columns in found:
            query = sql.SQL(
                "create trigger noted after insert or update or delete on {} for each row execute function noted.note({})"
            )
            names = sql.SQL(", ").join(map(sql.Literal, columns))
            await connection.execute(query.format(sql.Identifier(schema, tab), names))
        yield World(url, connection, schema, aside, dict(found))


def facts(tab: str, key: Mapping[str, Json], row: Json) -> Iterator[Fact]:
    """Each value of a row, documents leaf by leaf; a row that is gone is a fact too."""
    name = ", ".join(str(value) for value in key.values())
    return ((tab, name, path, leaf) for path, leaf in _leaves(row))


def _leaves(value: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Each scalar with where it stands; of a list its length too, so that one more or less is a difference."""
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(item, f"{path}.{name}")
    elif isinstance(value, list):
        yield f"{path}#", len(value)
        for place, item in enumerate(value):
            yield from _leaves(item, f"{path}[{place}]")
    else:
        yield path, value
