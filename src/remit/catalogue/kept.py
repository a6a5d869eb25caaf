"""Agents in the database: a draft that people work on, versions that were published, and which of them runs.

Every change counts `rev` up and names the `rev` that it was made from: of two people who change the same, the second is
told, and nothing is overwritten unseen. Texts are YAML as agent files have it; whoever saves one has checked it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg import AsyncConnection
from psycopg.errors import UniqueViolation
from psycopg.rows import class_row

from remit.access.audit import record
from remit.catalogue.text import triggers_of
from remit.errors import Overtaken, UnknownName, UserError
from remit.store.store import Store
from remit.triggers.kept import follow

Connection = AsyncConnection[Any]
FIELDS: LiteralString = """
    a.name, a.rev, a.draft, a.drafted_by, a.drafted_at, a.published as version, v.yaml as published, a.archived_at,
    v.at as published_at, v.who as published_by
    from agents a left join agent_versions v
    on v.workspace = a.workspace and v.agent = a.name and v.version = a.published
"""


@dataclass(frozen=True, slots=True)
class Kept:
    """An agent as it stands."""

    name: str
    rev: int
    draft: str | None  # YAML; None: nothing differs from what is published
    drafted_by: str
    drafted_at: datetime | None
    version: int | None  # that runs; None: none was published
    published: str | None  # its YAML
    archived_at: datetime | None
    published_at: datetime | None
    published_by: str | None

    @property
    def text(self) -> str:
        """What whoever goes on with it begins from."""
        return self.draft if self.draft is not None else self.published or f"name: {self.name}\n"

    @property
    def state(self) -> str:
        """In a word or two, for lists."""
        if self.archived_at is not None:
            return "archived"
        if self.version is None:
            return "draft"
        return "published" if self.draft is None else "published, draft"


@dataclass(frozen=True, slots=True)
class Version:
    """What was published, by whom, and why."""

    version: int
    yaml: str
    note: str
    who: str
    at: datetime
    same_as: int | None


async def list_kept(store: Store, archived: bool = True) -> list[Kept]:
    """By name."""
    query = f"select {FIELDS} where a.workspace = %s and (a.archived_at is null or %s) order by a.name"
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Kept)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, archived))).fetchall()


async def find_kept(store: Store, name: str) -> Kept | None:
    async with store.pool.connection() as connection:
        return await _read(connection, store, name)


async def kept(store: Store, name: str) -> Kept:
    """Raises UnknownName."""
    found = await find_kept(store, name)
    if found is None:
        raise UnknownName("agent of the workspace", name, [one.name for one in await list_kept(store)])
    return found


async def versions(store: Store, name: str) -> list[Version]:
    """The newest first. Raises UnknownName for an agent that is not kept here."""
    await kept(store, name)
    query = """
        select version, yaml, note, who, at, same_as from agent_versions
        where workspace = %s and agent = %s order by version desc
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Version)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, name))).fetchall()


async def version_of(store: Store, name: str, version: int) -> Version:
    """Raises UnknownName, UserError."""
    found = next((one for one in await versions(store, name) if one.version == version), None)
    if found is None:
        raise UserError(f"agent {name} has no version {version}; `remit agents versions {name}` lists them")
    return found


async def save_draft(store: Store, name: str, text: str, who: str, base: int | None) -> Kept:
    """Keep a text as the draft; one that says what is published already is none. `base`: the `rev` that it was made from,
    None for an agent that is to be new. Raises Overtaken, and UserError where it is there already."""
    async with store.pool.connection() as connection, connection.transaction():
        now = await _read(connection, store, name, lock=True)
        if now is None:
            if base is not None:
                raise UnknownName("agent of the workspace", name, [])
            try:
                await connection.execute(
                    "insert into agents (workspace, name, draft, drafted_by, drafted_at, created_by)"
                    " values (%s, %s, %s, %s, clock_timestamp(), %s)",
                    (store.workspace, name, text, who, who),
                )
            except UniqueViolation as error:
                raise Overtaken(
                    f"there is an agent {name} by now: look at it, or take another name"
                ) from error
            await record(connection, who, "agent.created", name)
            return await _told(connection, store, name)
        if base is None:
            raise Overtaken(f"there is an agent {name} already: go on with that one, or take another name")
        _require(now, base)
        draft = None if text == now.published else text
        if draft == now.draft:
            return now
        query = """
            update agents set draft = %s, drafted_by = %s, drafted_at = clock_timestamp(), rev = rev + 1
            where workspace = %s and name = %s
        """
        await connection.execute(query, (draft, who, store.workspace, name))
        await record(
            connection, who, "agent.drafted" if draft else "agent.draft_dropped", name, {"rev": base + 1}
        )
        return await _told(connection, store, name)


async def drop_draft(store: Store, name: str, who: str, base: int) -> Kept:
    """Go back to what is published. Raises Overtaken, and UserError where nothing is."""
    now = await kept(store, name)
    if now.published is None:
        raise UserError(f"agent {name} has no version to go back to: archive it instead")
    return await save_draft(store, name, now.published, who, base)


async def publish(store: Store, name: str, who: str, base: int, note: str = "") -> Kept:
    """Make the draft the version that runs. Raises Overtaken, UserError where there is no draft."""
    async with store.pool.connection() as connection, connection.transaction():
        now = await _read(connection, store, name, lock=True)
        if now is None:
            raise UnknownName("agent of the workspace", name, [])
        _require(now, base)
        if now.draft is None:
            raise UserError(f"agent {name} has no draft: version {now.version} runs as it stands")
        return await _put(connection, store, now, now.draft, who, note, None)


async def roll_back(store: Store, name: str, version: int, who: str, base: int, note: str = "") -> Kept:
    """Let an old version run again, as a new one. A draft stays as it is. Raises Overtaken, UserError."""
    old = await version_of(store, name, version)
    async with store.pool.connection() as connection, connection.transaction():
        now = await _read(connection, store, name, lock=True)
        assert now is not None
        _require(now, base)
        if now.version == version:
            raise UserError(f"version {version} of agent {name} is the one that runs")
        return await _put(
            connection, store, now, old.yaml, who, note or f"back to version {version}", version
        )


async def archive(store: Store, name: str, who: str, base: int, archived: bool = True) -> Kept:
    """Take an agent out of use, or back into it. Nothing of it is lost, and its runs go on. Raises Overtaken."""
    async with store.pool.connection() as connection, connection.transaction():
        now = await _read(connection, store, name, lock=True)
        if now is None:
            raise UnknownName("agent of the workspace", name, [])
        _require(now, base)
        if (now.archived_at is not None) == archived:
            return now
        query = """
            update agents set archived_at = case when %s then clock_timestamp() end, rev = rev + 1
            where workspace = %s and name = %s
        """
        await connection.execute(query, (archived, store.workspace, name))
        await record(connection, who, "agent.archived" if archived else "agent.restored", name)
        return await _told(connection, store, name)


async def _put(
    connection: Connection, store: Store, now: Kept, text: str, who: str, note: str, same_as: int | None
) -> Kept:
    """A new version, which runs from now on."""
    put = """
        insert into agent_versions (workspace, agent, version, yaml, note, who, same_as)
        select %(here)s, %(name)s, coalesce(max(version), 0) + 1, %(text)s, %(note)s, %(who)s, %(same_as)s
        from agent_versions where workspace = %(here)s and agent = %(name)s returning version
    """
    values = {
        "here": store.workspace,
        "name": now.name,
        "text": text,
        "note": note.strip(),
        "who": who,
        "same_as": same_as,
    }
    row = await (await connection.execute(put, values)).fetchone()
    assert row is not None
    query = """
        update agents set published = %(version)s, rev = rev + 1, archived_at = null,
        draft = case when %(same_as)s::int is null or draft = %(text)s then null else draft end
        where workspace = %(here)s and name = %(name)s
    """
    await connection.execute(query, {**values, "version": row[0]})
    await follow(connection, store.workspace, now.name, row[0], triggers_of(text))
    what = "agent.published" if same_as is None else "agent.rolled_back"
    detail = {"version": row[0], "note": note.strip(), "before": now.version}
    await record(connection, who, what, now.name, detail | ({"same_as": same_as} if same_as else {}))
    return await _told(connection, store, now.name)


async def _read(connection: Connection, store: Store, name: str, lock: bool = False) -> Kept | None:
    end: LiteralString = " for update of a" if lock else ""
    async with connection.cursor(row_factory=class_row(Kept)) as cursor:
        query = f"select {FIELDS} where a.workspace = %s and a.name = %s{end}"
        found = await cursor.execute(query, (store.workspace, name.replace("\x00", "")))
        return await found.fetchone()


async def _told(connection: Connection, store: Store, name: str) -> Kept:
    found = await _read(connection, store, name)
    assert found is not None
    return found


def _require(now: Kept, base: int) -> None:
    if now.rev != base:
        by = f" by {now.drafted_by}" if now.drafted_by else ""
        raise Overtaken(
            f"agent {now.name} was changed{by} since you looked at it: look again, then change it"
        )
