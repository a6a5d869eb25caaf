"""SQL on the databases that the agent was given, by any SQLAlchemy URL. How reading is held to reading: databases.py.

SQLAlchemy is imported when a tool runs, not before: it is heavy.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from remit.errors import Mend, UserError
from remit.tools.decorate import tool
from remit.tools.mend import unknown
from remit.tools.result import safe
from remit.tools.tool import Json, ToolContext

if TYPE_CHECKING:
    from sqlalchemy import Connection, CursorResult, TextClause
    from sqlalchemy.exc import DBAPIError

    from remit.tools.databases import Standing

ROWS = 1_000  # that one call returns at most
SIZE = 200_000  # characters of all values that one call returns
CELL = 4_000  # characters of one value
TABLES = 100
_BIND = re.compile(r"(?<![:\w\\]):(\w+)(?!:)")


@tool(effect="read", timeout=40)
def sql_query(
    context: ToolContext,
    query: str,
    params: dict[str, Any] = {},  # noqa: B006 - pydantic copies it
    database: str = "",
    limit: Annotated[int, Field(ge=1, le=ROWS)] = 100,
) -> Json:
    """Read from a database with one SELECT statement. Changing anything is refused by the database.

    Args:
        query: One SELECT (or WITH … SELECT); write values as :name and give them in params.
        params: The value of each :name in the query.
        database: Which database; may be left out where there is only one.
        limit: Rows to return at most.
    """
    from sqlalchemy.exc import DBAPIError, StatementError

    from remit.tools.databases import only_select, reading

    name, url = _database(context, database)
    standing = _standing(context, name)
    if not query.strip():
        raise Mend("query: give one SELECT statement")
    with reading(name, url, standing) as connection:
        try:
            streamed = connection.execution_options(stream_results=True, max_row_buffer=100)
            result = streamed.execute(_statement(only_select(connection, query), params), params)
            if not result.returns_rows:
                raise Mend("this statement returns no rows; sql_query takes one SELECT")
            return _page(result, limit)
        except DBAPIError as error:
            raise _told(
                error, connection, "sql_query takes one SELECT; changes go through sql_execute"
            ) from error
        except StatementError as error:
            raise Mend(str(error.orig or error)) from error


@tool(effect="destroy", timeout=40)
def sql_execute(
    context: ToolContext,
    statement: str,
    params: dict[str, Any] = {},  # noqa: B006 - pydantic copies it
    database: str = "",
) -> Json:
    """Change a database with one statement, in a transaction of its own: all of it happens or nothing.

    Args:
        statement: One INSERT, UPDATE, DELETE or other statement; write values as :name and give them in params.
        params: The value of each :name in the statement.
        database: Which database; may be left out where there is only one.
    """
    from sqlalchemy.exc import DBAPIError, StatementError

    from remit.tools.databases import writing

    name, url = _database(context, database)
    standing = _standing(context, name)
    if not statement.strip():
        raise Mend("statement: give one statement")
    with writing(name, url, standing) as connection:
        try:
            if (
                standing is not None
            ):  # only what the planner takes: no DO, SET or CALL, which could step out of the role
                connection.execute(_statement(f"EXPLAIN (COSTS OFF)\n{statement}", params), params).close()
            result = connection.execute(_statement(statement, params), params)
            changed = result.rowcount if result.rowcount >= 0 else None
            return {"changed": changed} | (_page(result, ROWS) if result.returns_rows else {})
        except DBAPIError as error:
            raise _told(error, connection, "nothing was changed") from error
        except StatementError as error:
            raise Mend(str(error.orig or error)) from error


@tool(effect="read", timeout=40)
def sql_schema(context: ToolContext, tables: list[str] = [], database: str = "", schema: str = "") -> Json:  # noqa: B006
    """Show the tables of a database with their columns, types and keys.

    Args:
        tables: Only these tables; empty for all.
        database: Which database; may be left out where there is only one.
        schema: Which schema of it; empty for the usual one.
    """
    from sqlalchemy import inspect

    from remit.tools.databases import reading

    name, url = _database(context, database)
    standing = _standing(context, name)
    with reading(name, url, standing) as connection:
        inspector = inspect(connection)
        there = [*inspector.get_table_names(schema or None), *inspector.get_view_names(schema or None)]
        if wrong := [table for table in tables if table not in there]:
            raise unknown("table", wrong[0], there)
        wanted = tables or there
        shown = [_table(inspector, table, schema or None) for table in wanted[:TABLES]]
    return {"tables": shown, "truncated": len(wanted) > TABLES} | (
        {"more": wanted[TABLES : TABLES + 1000]} if len(wanted) > TABLES else {}
    )


def _table(inspector: Any, table: str, schema: str | None) -> Json:
    keys = inspector.get_pk_constraint(table, schema)["constrained_columns"]
    refers = {
        key["constrained_columns"][0]: f"{key['referred_table']}.{key['referred_columns'][0]}"
        for key in inspector.get_foreign_keys(table, schema)
        if len(key["constrained_columns"]) == 1 and key["referred_columns"]
    }
    columns = {}
    for column in inspector.get_columns(table, schema):
        words = [str(column["type"]), "key" if column["name"] in keys else ""]
        words += ["" if column["nullable"] or column["name"] in keys else "not null"]
        words += [f"-> {refers[column['name']]}" if column["name"] in refers else ""]
        columns[column["name"]] = " ".join(word for word in words if word)
    return {"table": table, "columns": columns}


def _database(context: ToolContext, name: str) -> tuple[str, str]:
    from remit.tools.databases import urls

    given = urls(context.resources)
    if not given:
        raise Mend("this agent was given no database")
    if not name and len(given) == 1:
        return next(iter(given.items()))
    if name not in given:
        raise unknown("database", name, given)
    return name, given[name]


def _standing(context: ToolContext, name: str) -> Standing | None:
    """As whom statements on this database run, where the agent's connections say. Raises UserError where they say
    something that would hold nothing, Mend where the run has no verified person to be told of."""
    from remit.tools.databases import Standing, urls

    told = [one for one in context.connections.values() if one.get("sql")]
    given = urls(context.resources)
    if lost := next((one["sql"] for one in told if one["sql"] not in given), ""):
        raise UserError(f"connections: sql: {lost!r} is no database among the resources ({', '.join(given)})")
    mine = [one for one in told if one["sql"] == name and (one["role"] or one["person"])]
    if len(mine) > 1:
        raise UserError(f"connections: two of them say as whom statements on {name!r} run; keep one")
    if not mine:
        return None
    field = mine[0]["person"]
    person = str(context.person.get(field) or "") if context.person.get("verified") is True else ""
    if field and not person:
        raise Mend(
            f"{name!r} shows the rows of a verified person only, and this run acts for nobody who is verified"
        )
    return Standing(mine[0]["role"], person, bool(field))


def _statement(query: str, params: Mapping[str, Any]) -> TextClause:
    from sqlalchemy import text

    if "\0" in query:
        raise Mend("a statement cannot hold a NUL character")
    # Only the given names are parameters; any other `:word` stays as it is, also inside quoted text.
    used = set(_BIND.findall(query))
    if extra := [name for name in params if name not in used]:
        raise Mend(f"params: {extra[0]!r} does not stand in the statement as :{extra[0]}")
    return text(_BIND.sub(lambda found: found[0] if found[1] in params else f"\\{found[0]}", query))


def _page(result: CursorResult[Any], limit: int) -> dict[str, Json]:
    """At most `limit` rows and SIZE characters, as `{"columns", "rows", "truncated"}`."""
    columns, spent = list(result.keys()), 0
    rows: list[list[Json]] = []
    for row in _some(result, limit + 1):
        values = [_cell(safe(value, unknown=str)) for value in row]
        spent += sum(len(value) if isinstance(value, str) else len(repr(value)) for value in values)
        if len(rows) == limit or (rows and spent > SIZE):
            return {"columns": columns, "rows": rows, "truncated": True}
        rows.append(values)
    return {"columns": columns, "rows": rows, "truncated": False}


def _some(result: CursorResult[Any], most: int) -> Iterable[Any]:
    """Up to `most` rows, a few at a time: a row may be large."""
    while most > 0 and (rows := result.fetchmany(min(most, 50))):
        most -= len(rows)
        yield from rows


def _cell(value: Json) -> Json:
    text = value if isinstance(value, str) else None
    if text is None and isinstance(value, dict | list) and len(repr(value)) > CELL:
        text = repr(value)
    return (
        f"{text[:CELL]} … (cut: {len(text)} characters)" if text is not None and len(text) > CELL else value
    )


def _told(error: DBAPIError, connection: Connection, hint: str) -> Exception:
    """The database's refusal in its own words, for the model to mend; or that the database is gone."""
    said = str(error.orig)
    if error.connection_invalidated:
        return ConnectionError(f"the database went away: {' '.join(said.split())}")
    if "interrupted" in said or "statement timeout" in said or "max_statement_time" in said:
        return Mend("the statement took too long and was stopped; ask for less")
    diagnosis = getattr(error.orig, "diag", None)
    if diagnosis is None or not diagnosis.message_primary:
        return Mend(f"{said}\n({hint})")
    lines = [diagnosis.message_primary]
    lines += [f"{name}: {told}" for name, told in _details(diagnosis, said)]
    return Mend("\n".join([*lines, f"({hint})"]))


def _details(diagnosis: Any, said: str) -> Iterable[tuple[str, str]]:
    if diagnosis.message_detail:
        yield "detail", diagnosis.message_detail
    if diagnosis.message_hint:
        yield "hint", diagnosis.message_hint
    # PostgreSQL shows the place as `LINE 2: text` with a caret below it.
    if place := re.search(r"^LINE (\d+): (.*)\n( *)\^", said, re.MULTILINE):
        column = len(place[3]) - len(f"LINE {place[1]}: ")
        yield f"at line {place[1]}", place[2][max(column, 0) :][:60] or "its end"


TOOLS = (sql_query, sql_execute, sql_schema)
