"""Connections in the hands of people and programs of one workspace, or of some of its agents: the database shows them its rows
and no others.

They run as the role `remit_guest`, for whom every table has a policy (migrations 0022 and 0037). Which workspace and agents, is said when a
connection is lent; where it is said already, that costs nothing. Behind a pooler a session keeps nothing, and what it was
told might be heard by another: there it is said in a transaction, and forgotten with it.
"""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import LiteralString, Protocol

import psycopg
from psycopg.rows import TupleRow
from psycopg_pool import AsyncConnectionPool

from remit.errors import StoreError, UserError

Connection = psycopg.AsyncConnection[TupleRow]

ROLE = "remit_guest"
DEFAULT = "default"  # the workspace that is always there
NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
KEEPER = "none"  # no other role than the one that connects: the owner
ENTER: LiteralString = """
    select set_config('role', %s, false), set_config('remit.workspace', %s, false), set_config('remit.agents', %s, false)
"""
ENTER_ONCE: LiteralString = """
    select set_config('role', %s, true), set_config('remit.workspace', %s, true), set_config('remit.agents', %s, true)
"""
MAY: LiteralString = """
    select exists (select from pg_roles where rolname = 'remit_guest' and pg_has_role(current_user, oid,
        case when current_setting('server_version_num')::int >= 160000 then 'set' else 'member' end)), current_user
"""


class Lender(Protocol):
    """Lends connections, each for as long as the block lasts."""

    def connection(self, timeout: float | None = None) -> AbstractAsyncContextManager[Connection]: ...


class GuestConnection(psycopg.AsyncConnection[TupleRow]):
    """A connection that is told whose it is whenever it is lent."""

    entered: tuple[str, str, str] | None = None  # the role, workspace and agents that its session was told


@dataclass(frozen=True)
class Guests:
    """A pool of such connections, as seen from one workspace, by whoever sees all of its agents or only some."""

    pool: AsyncConnectionPool[GuestConnection]
    workspace: str
    shared: bool  # a pooler lends the session to others between two transactions
    role: str = ROLE
    agents: frozenset[str] | None = None

    @asynccontextmanager
    async def connection(self, timeout: float | None = None) -> AsyncIterator[Connection]:
        said = (self.role, self.workspace, _written(self.agents))
        async with self.pool.connection(timeout) as connection:
            if self.shared:
                async with connection.transaction():
                    await connection.execute(ENTER_ONCE, said)
                    yield connection
                return
            if connection.entered != said:
                connection.entered = None
                await connection.execute(ENTER, said)
                connection.entered = said
            yield connection


def _written(agents: frozenset[str] | None) -> str:
    """As the database writes a list of texts; nothing where all are meant."""
    if agents is None:
        return ""
    quoted = (one.replace("\\", "\\\\").replace('"', '\\"') for one in sorted(agents))
    return "{" + ",".join(f'"{one}"' for one in quoted) + "}"


def check_name(name: str) -> str:
    """Raises UserError for what cannot be a workspace's name."""
    if not NAME.fullmatch(name):
        raise UserError(
            f"{name!r} is no name for a workspace: small letters, digits and dashes, 40 at most, as acme-sales"
        )
    return name


async def require_role(connection: Connection) -> None:
    """Raises StoreError where the role is missing, as after a restore into another server, or is not ours to take."""
    row = await (await connection.execute(MAY)).fetchone()
    if row is not None and not row[0]:
        raise StoreError(
            f"The database keeps workspaces apart by the role {ROLE}, which {row[1]} may not take. Have somebody who may "
            f'do it: CREATE ROLE {ROLE} NOLOGIN (where it is missing); GRANT {ROLE} TO "{row[1]}"; and start again.'
        )
