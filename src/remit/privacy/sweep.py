"""Everything that a workspace has in the database is searched for what tells of a person: all columns of all tables that can hold
text, so that one made tomorrow is not forgotten. What a row says of them is replaced; the rest of it stays as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import AsyncConnection
from psycopg.sql import SQL, Composable, Composed, Identifier, Placeholder

from remit.privacy import scan
from remit.privacy.held import OTHERS, THEIRS, WHOLE, WORDS, says_who
from remit.privacy.needles import Needles
from remit.privacy.scan import Look
from remit.store.store import Store

Connection = AsyncConnection[Any]
Value = str | bytes | list[str] | None
APART = "\x1f"  # between columns
PLACE = SQL("ctid::text")
LETTERS = "text", "varchar", "bpchar", "name"


@dataclass(frozen=True, slots=True)
class Table:
    """What of a table can hold text, by type; and how its rows are known to be a workspace's: by `workspace`, by `run`, or not."""

    name: str
    columns: Mapping[str, str]
    by: str

    @property
    def mine(self) -> Composable:
        if self.by == "run":
            return SQL("run in (select id from runs where workspace = %(workspace)s)")
        return SQL("workspace = %(workspace)s") if self.by else SQL("%(workspace)s <> ''")


@dataclass(frozen=True, slots=True)
class Hit:
    """A row that tells of them: where it lies, and what its columns are without them."""

    place: str
    made: Mapping[str, Value]


async def tables(connection: Connection) -> list[Table]:
    """Those that are searched."""
    query = """
        select c.relname, a.attname, t.typname from pg_class c
        join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        join pg_type t on t.oid = a.atttypid
        where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
        order by c.relname, a.attnum
    """
    found: dict[str, dict[str, str]] = {}
    for table, column, kind in await (await connection.execute(query)).fetchall():
        found.setdefault(table, {})[column] = kind
    return [_table(name, columns) for name, columns in found.items() if name not in OTHERS]


def _table(name: str, columns: Mapping[str, str]) -> Table:
    by = next((one for one in ("workspace", "run") if one in columns), "")
    text = {
        column: kind
        for column, kind in columns.items()
        if kind in (*LETTERS, "json", "jsonb", "bytea", "_text")
        and column != "workspace"
        and not says_who(column)
        and column not in WORDS.get(name, ())
    }
    return Table(name, text, by)


def condition(columns: Mapping[str, str], needles: Needles) -> Composed:
    """What is true of every row that may tell of them, and of few others. `%(rough)s` and the like are `asked`."""
    whole = SQL("concat_ws({}, {})").format(
        APART, SQL(", ").join(_as_text(column, kind) for column, kind in columns.items())
    )
    parts = []
    if needles.rough:
        small = SQL('lower({} collate "C")').format(whole)
        parts.append(SQL("({} like any(%(rough)s) and {} ~ %(close)s)").format(small, small))
    if needles.digits:  # what has not these digits in this order need not be rid of all between them
        parts.append(
            SQL("({} like any(%(scattered)s) and translate({}, ' -/().', '') like any(%(digits)s))").format(
                whole, whole
            )
        )
    return SQL("({})").format(SQL(" or ").join(parts)) if parts else SQL("(false)").format()


def asked(needles: Needles) -> dict[str, Any]:
    return {
        "rough": needles.rough,
        "close": needles.close,
        "digits": [f"%{one}%" for one in needles.digits],
        "scattered": [f"%{'%'.join(one)}%" for one in needles.digits],
    }


def _as_text(column: str, kind: str) -> Composed:
    if kind == "bytea":
        return SQL("encode({}, 'escape')").format(Identifier(column))
    if kind == "_text":
        return SQL("array_to_string({}, {})").format(Identifier(column), APART)
    return SQL("{}::text").format(Identifier(column))


async def places(
    store: Store, found: Iterable[Table], needles: Needles, workspace: str
) -> dict[str, list[str]]:
    """By table, where rows lie that may tell of them."""
    looks = [Look(table.name, PLACE, _mine(table, needles)) for table in found if table.columns]
    return await scan.found(store, looks, {"workspace": workspace, **asked(needles)})


def _mine(table: Table, needles: Needles) -> Composed:
    return SQL("{} and {}").format(table.mine, condition(table.columns, needles))


async def hits(connection: Connection, table: Table, needles: Needles, at: Sequence[str]) -> list[Hit]:
    """Those of the rows at these places that tell of them."""
    rows = await _rows(connection, table, at, lock=False)
    return _hits(table, needles, rows)


async def locked(
    connection: Connection, table: Table, needles: Needles, workspace: str, at: Sequence[str]
) -> list[Hit]:
    """The same, for nobody else to change until the transaction ends. Where one of them was changed since it was found, all are looked
    for once more."""
    rows = await _rows(connection, table, at, lock=True)
    query = Look(table.name, PLACE, _mine(table, needles)).query
    values = {"workspace": workspace, **asked(needles)}
    while len(rows) < len(at):
        at = [place for (place,) in await (await connection.execute(query, values)).fetchall()]
        rows = await _rows(connection, table, at, lock=True)
    return _hits(table, needles, rows)


def _hits(table: Table, needles: Needles, rows: Sequence[Any]) -> list[Hit]:
    made = ((place, changed(table.columns, row, needles)) for place, *row in rows)
    return [Hit(place, one) for place, one in made if one]


async def _rows(connection: Connection, table: Table, at: Sequence[str], lock: bool) -> list[Any]:
    if not at:
        return []
    chosen = SQL(", ").join(
        SQL("{}::text").format(Identifier(column)) if kind in ("json", "jsonb") else Identifier(column)
        for column, kind in table.columns.items()
    )
    query = SQL("select ctid::text, {} from {} where ctid = any(%s::tid[]) {}").format(
        chosen, Identifier(table.name), SQL("for update" if lock else "")
    )
    return await (await connection.execute(query, (list(at),))).fetchall()


def changed(columns: Mapping[str, str], values: Sequence[Any], needles: Needles) -> dict[str, Value]:
    """Those columns of a row that tell of them, as they are without; none where none does. Where one does, a name in another is
    theirs too."""
    pairs = [(column, kind, value) for (column, kind), value in zip(columns.items(), values, strict=True)]
    sure = any(without(kind, value, needles, named=False) != value for _, kind, value in pairs)
    if not sure:
        return {}
    made = {column: without(kind, value, needles) for column, kind, value in pairs}
    return {column: made[column] for column, _, value in pairs if made[column] != value}


def without(kind: str, value: Any, needles: Needles, named: bool = True) -> Any:
    if value is None:
        return None
    if kind in ("json", "jsonb"):
        return needles.out_of_json(value, named)
    if kind == "_text":
        return [needles.out_of(one, named) for one in value]
    if kind == "bytea":
        return _bytes_without(bytes(value), needles, named)
    return needles.out_of(value, named)


def _bytes_without(value: bytes, needles: Needles, named: bool) -> bytes:
    try:
        text = value.decode()
    except UnicodeDecodeError:  # sealed, a hash, a vector
        return value
    made = needles.out_of_json(text, named) if text[:1] in '{["' else needles.out_of(text, named)
    return made.encode()


async def of_others(store: Store, needles: Needles, ids: Sequence[int]) -> dict[str, int]:
    """By table, how many rows that are not somebody's own tell of them. `ids`: of their profiles."""
    found = {}
    async with store.pool.connection() as connection:
        there = await tables(connection)
    at = await places(store, there, needles, store.workspace)
    async with store.pool.connection() as connection:
        for table in there:
            telling = [hit.place for hit in await hits(connection, table, needles, at.get(table.name, ()))]
            if telling and table.name in THEIRS:
                own = SQL(" or ").join(
                    SQL("{} = any(%(ids)s)").format(Identifier(column)) for column in THEIRS[table.name]
                )
                query = SQL("select count(*) from {} where ctid = any(%(at)s::tid[]) and not ({})").format(
                    Identifier(table.name), own
                )
                row = await (await connection.execute(query, {"at": telling, "ids": list(ids)})).fetchone()
                found[table.name] = int(row[0]) if row else 0
            else:
                found[table.name] = len(telling)
    return {name: count for name, count in found.items() if count}


async def clear(
    connection: Connection, table: Table, needles: Needles, workspace: str, at: Sequence[str]
) -> int:
    """Rid a table of them, or of the rows that are copies of what came of them; how many rows that were. `at`: where such rows were
    found. In a transaction."""
    found = await locked(connection, table, needles, workspace, at)
    for hit in found:
        if table.name in WHOLE:
            query = SQL("delete from {} where ctid = %s::tid").format(Identifier(table.name))
            await connection.execute(query, (hit.place,))
        else:
            await put(connection, table, hit)
    return len(found)


async def put(connection: Connection, table: Table, hit: Hit) -> None:
    """Have a row be without them."""
    sets = SQL(", ").join(
        SQL("{} = {}").format(Identifier(column), _given(column, table.columns[column]))
        for column in hit.made
    )
    query = SQL("update {} set {} where ctid = %(place)s::tid").format(Identifier(table.name), sets)
    await connection.execute(query, {"place": hit.place, **hit.made})


def _given(column: str, kind: str) -> Composed:
    cast = {"json": "::json", "jsonb": "::jsonb"}.get(kind, "")
    return SQL("{}{}").format(Placeholder(column), SQL(cast))
