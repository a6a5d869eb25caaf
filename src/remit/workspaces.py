"""Workspaces: whoever works in one sees nothing of another. Each has its own people, agents, rules, secrets and runs."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from remit.access.audit import record
from remit.access.people import arrive
from remit.errors import UnknownName, UserError
from remit.store.guest import DEFAULT, check_name
from remit.store.store import Store

LONGEST = 100  # characters of a title


@dataclass(frozen=True, slots=True)
class Space:
    """A workspace: its name for commands and files, and what people call it."""

    name: str
    title: str
    created_at: datetime


async def list_workspaces(store: Store) -> list[Space]:
    """All that there are, the first one first; for who has the machine's shell."""
    query = "select name, title, created_at from workspaces order by name <> %s, name"
    async with (
        store.as_owner().pool.connection() as connection,
        connection.cursor(row_factory=class_row(Space)) as cursor,
    ):
        return await (await cursor.execute(query, (DEFAULT,))).fetchall()


async def workspaces_of(store: Store, who: str) -> list[Space]:
    """Those in which a person may work, the first one first."""
    query = """
        select workspaces.name, title, workspaces.created_at from workspaces
        join members on members.workspace = workspaces.name and members.disabled_at is null
        join people on people.id = members.person and lower(people.name) = lower(%s)
        order by workspaces.name <> %s, workspaces.name
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Space)) as cursor,
    ):
        return await (await cursor.execute(query, (who, DEFAULT))).fetchall()


async def require_workspace(store: Store, name: str) -> None:
    """Raises UnknownName."""
    if name == DEFAULT:
        return
    known = [one.name for one in await list_workspaces(store)]
    if name not in known:
        raise UnknownName("workspace", name, known, "REMIT_WORKSPACE")


async def add_workspace(store: Store, by: str, name: str, title: str) -> Space:
    """A new one, of which whoever makes it is the owner. Raises UserError for a name that is taken or unusable."""
    title = _title(title or name)
    there = store.as_owner(check_name(name)).keeper
    query = """
        insert into workspaces (name, title) values (%s, %s) on conflict do nothing returning name, title, created_at
    """
    async with (
        there.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Space)) as cursor,
    ):
        made = await (await cursor.execute(query, (name, title))).fetchone()
        if made is None:
            raise UserError(f"there is a workspace {name!r} already; `remit workspaces list` shows them")
        await record(connection, by, "workspace.added", name, {"title": title})
    await arrive(there, by)
    return made


async def rename_workspace(store: Store, by: str, name: str, title: str) -> Space:
    """Call it otherwise; its name stays, by which commands and files know it. Raises UnknownName."""
    await require_workspace(store, name)
    title = _title(title)
    there = store.as_owner(check_name(name)).keeper
    query = "update workspaces set title = %s where name = %s returning name, title, created_at"
    async with (
        there.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Space)) as cursor,
    ):
        made = await (await cursor.execute(query, (title, name))).fetchone()
        assert made is not None
        await record(connection, by, "workspace.renamed", name, {"title": title})
    return made


def _title(text: str) -> str:
    text = text.strip()
    if not text or len(text) > LONGEST or not text.isprintable():
        raise UserError(f"a workspace is called by 1 to {LONGEST} characters")
    return text
