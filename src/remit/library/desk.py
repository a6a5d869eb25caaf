"""What the agents at a company's desk share: the company's own database, apart from Remit's, and for whom a run acts."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import dict_row

from remit.errors import Mend, StoreError, ToolFault, UserError
from remit.tools.tool import ToolContext

Connection = psycopg.AsyncConnection[dict[str, Any]]


@asynccontextmanager
async def connect(url: str, whose: str) -> AsyncIterator[Connection]:
    """A connection in one transaction: committed at the end, rolled back on any exception.

    Raises StoreError where the database of `whose` cannot be reached.
    """
    try:
        connection = await psycopg.AsyncConnection.connect(
            url, row_factory=dict_row, connect_timeout=10, prepare_threshold=None
        )
    except psycopg.OperationalError as error:
        raise StoreError(f"the {whose}'s database cannot be reached: {str(error).strip()}") from error
    async with connection:
        yield connection


async def make_room(connection: Connection, schema: str, mark: str) -> None:
    """Drop what an earlier load made. Raises UserError where the schema's comment does not begin with `mark`: it is not ours,
    and left alone."""
    found = await connection.execute(
        "select coalesce(obj_description(oid, 'pg_namespace'), '') as note from pg_namespace where nspname = %s",
        (schema,),
    )
    row = await found.fetchone()
    if row is None:
        return
    if not row["note"].startswith(mark):
        raise UserError(
            f"this database has a schema {schema!r} that Remit did not make, so the demo leaves it alone; "
            "give the demo another database"
        )
    await connection.execute(sql.SQL("drop schema {} cascade").format(sql.Identifier(schema)))


def url_of(context: ToolContext, name: str) -> str:
    """The database that the agent was given under this name. Raises ToolFault."""
    url = context.resources.get(name)
    if not isinstance(url, str) or not url:
        raise ToolFault(f"the tools need the {name}'s database: `resources: {{{name}: postgresql://…}}`")
    return url


def customer_of(context: ToolContext) -> str:
    """The verified person's id. Raises Mend."""
    customer = str(context.person.get("id") or "")
    if not customer or context.person.get("verified") is not True:
        raise Mend("nobody knows who wrote: the sender is not verified. Transfer to a human.")
    return customer
