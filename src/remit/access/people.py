"""Who may come to this workspace, and as what. Whoever has the shell of the machine is an owner, and makes others one."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import class_row

from remit.access.audit import record
from remit.access.roles import NOTHING, OF_AGENT, ROLES, Access, Role, access_of
from remit.errors import Forbidden, UnknownName, UserError
from remit.gate.approval import nobody
from remit.store.store import Store

LONGEST = 200  # characters of a name
FIELDS = """
    people.id, people.name, people.shown, members.role, members.disabled_at, people.added_at, people.added_by,
    people.password is not null as password,
    exists (select from factors where factors.person = people.id and confirmed_at is not null) as factor,
    (select coalesce(jsonb_object_agg(agent, role order by agent), '{}') from agent_roles as own
     where own.workspace = members.workspace and own.person = people.id) as agents
"""
FROM = "people join members on members.person = people.id"


@dataclass(frozen=True, slots=True)
class Member:
    """A person in this workspace."""

    id: int
    name: str  # by which rules and journals know them
    shown: str  # how they are called, where that is another name
    role: Role
    disabled_at: datetime | None
    added_at: datetime
    added_by: str
    password: bool  # whether they have one
    factor: bool  # whether a code is asked of them beside it
    agents: Mapping[str, Role]  # what they are for single agents, beside that

    @property
    def access(self) -> Access:
        return NOTHING if self.disabled_at else access_of(self.role, self.agents)

    @property
    def rights(self) -> frozenset[str]:
        """Everywhere in the workspace."""
        return self.access.rights


async def arrive(store: Store, name: str) -> Member:
    """Whoever works at the machine's shell, by the name that they give. One who was never here is an owner from now on: the
    shell can do everything already. Raises Forbidden for one who was disabled."""
    name = _usable(name)
    async with store.keeper.pool.connection() as connection, connection.transaction():
        found = await _member(connection, store.workspace, name)
        if found is None:
            found = await _insert(connection, store.workspace, name, name, "", "owner")
            await record(
                connection, name, "person.added", name, {"role": "owner", "at": "the machine's shell"}
            )
    if found.disabled_at:
        raise Forbidden(
            f"{found.name} is disabled here; an owner lets them in again: remit people enable {found.name}"
        )
    return found


async def list_members(store: Store) -> list[Member]:
    """All who were ever added, by name."""
    query = f"select {FIELDS} from {FROM} where members.workspace = %s order by lower(people.name)"
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Member)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def member(store: Store, name: str) -> Member | None:
    async with store.keeper.pool.connection() as connection:
        return await _member(connection, store.workspace, name)


async def member_of(store: Store, id: int) -> Member:
    """Raises UserError."""
    query = f"select {FIELDS} from {FROM} where members.workspace = %s and people.id = %s"
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Member)) as cursor,
    ):
        found = await (await cursor.execute(query, (store.workspace, id))).fetchone()
    if found is None:
        raise UserError(f"there is no person {id} here")
    return found


async def known(store: Store, name: str) -> Member:
    """Raises UnknownName."""
    if (found := await member(store, name)) is None:
        raise await _unknown(store, name)
    return found


async def home_of(store: Store, name: str) -> str:
    """The workspace in which somebody was added first. Raises UnknownName."""
    async with store.keeper.pool.connection() as connection:
        row = await (
            await connection.execute("select home from people where lower(name) = lower(%s)", (name,))
        ).fetchone()
    if row is None:
        raise await _unknown(store, name)
    return str(row[0])


async def add_member(store: Store, by: str, name: str, role: str, shown: str = "") -> Member:
    """Raises UserError for a name that is taken or unusable, UnknownName for no such role."""
    name, role, shown = _usable(name), _role(role), _shown(shown)
    async with store.keeper.pool.connection() as connection, connection.transaction():
        if await _member(connection, store.workspace, name) is not None:
            raise UserError(f"{name} is here already; `remit people role` changes what they may do")
        made = await _insert(connection, store.workspace, by, name, shown, role)
        await record(
            connection, by, "person.added", name, {"role": role} | ({"shown": shown} if shown else {})
        )
    return made


async def set_role(store: Store, by: str, name: str, role: str) -> Member:
    """Raises UnknownName for no such person or role, UserError where nobody would be left who may change people."""
    role = _role(role)
    return await _change(store, by, name, "role.changed", role=role)


async def set_agent_role(store: Store, by: str, name: str, agent: str, role: str) -> Member:
    """What somebody is for one agent, beside what they are in the workspace; nothing any more where `role` is empty. Raises
    UnknownName for no such person or role."""
    if role and role not in OF_AGENT:
        raise UnknownName("role for a single agent", role, OF_AGENT)
    agent = agent.strip()
    if not agent or len(agent) > LONGEST or not agent.isprintable():
        raise UserError("say for which agent, by its name")
    put = """
        insert into agent_roles (workspace, person, agent, role) values (%(workspace)s, %(person)s, %(agent)s, %(role)s)
        on conflict (workspace, person, agent) do update set role = excluded.role
    """
    drop = "delete from agent_roles where workspace = %(workspace)s and person = %(person)s and agent = %(agent)s"
    async with store.keeper.pool.connection() as connection, connection.transaction():
        await connection.execute("lock table agent_roles in share row exclusive mode")
        before = await _member(connection, store.workspace, name)
        if before is None:
            raise await _unknown(store, name)
        values = {"workspace": store.workspace, "person": before.id, "agent": agent, "role": role}
        await connection.execute(put if role else drop, values)
        after = await _member(connection, store.workspace, name)
        assert after is not None
        if after.agents != before.agents:
            detail = {"agent": agent, "from": before.agents.get(agent, ""), "to": role}
            await record(connection, by, "role.changed", after.name, detail)
    return after


async def disable(store: Store, by: str, name: str) -> Member:
    """From now on they may do nothing here, and neither may their tokens. Raises as `set_role` does."""
    return await _change(store, by, name, "person.disabled", disabled=True)


async def enable(store: Store, by: str, name: str) -> Member:
    """Let them in again, as what they were. Raises UnknownName."""
    return await _change(store, by, name, "person.enabled", disabled=False)


async def _change(
    store: Store, by: str, name: str, what: str, role: Role | None = None, disabled: bool | None = None
) -> Member:
    async with store.keeper.pool.connection() as connection, connection.transaction():
        # Two owners who take each other's role at once would leave none
        await connection.execute("lock table members in share row exclusive mode")
        before = await _member(connection, store.workspace, name)
        if before is None:
            raise await _unknown(store, name)
        query = """
            update members set role = coalesce(%(role)s, role),
                disabled_at = case when %(disabled)s then coalesce(disabled_at, clock_timestamp())
                                   when not %(disabled)s then null else disabled_at end
            where person = %(person)s and workspace = %(workspace)s
        """
        await connection.execute(
            query, {"role": role, "disabled": disabled, "person": before.id, "workspace": store.workspace}
        )
        query = (
            "select true from members where workspace = %s and role = 'owner' and disabled_at is null limit 1"
        )
        if await (await connection.execute(query, (store.workspace,))).fetchone() is None:
            raise UserError(f"{before.name} is the last owner: make somebody else an owner first")
        after = await _member(connection, store.workspace, name)
        assert after is not None
        if (after.role, after.disabled_at) != (before.role, before.disabled_at):
            detail = {"from": before.role, "to": after.role} if role else {}
            await record(connection, by, what, after.name, detail)
    return after


async def _insert(
    connection: AsyncConnection[Any], workspace: str, by: str, name: str, shown: str, role: Role
) -> Member:
    """One who is known in another workspace keeps their name and password there."""
    query = """
        insert into people (name, shown, added_by, home) values (%s, %s, %s, %s)
        on conflict (lower(name)) do update set name = people.name returning id
    """
    row = await (await connection.execute(query, (name, shown, by, workspace))).fetchone()
    assert row is not None
    query = "insert into members (workspace, person, role) values (%s, %s, %s) on conflict do nothing"
    await connection.execute(query, (workspace, row[0], role))
    made = await _member(connection, workspace, name)
    assert made is not None
    return made


async def _member(connection: AsyncConnection[Any], workspace: str, name: str) -> Member | None:
    query = f"select {FIELDS} from {FROM} where members.workspace = %s and lower(people.name) = lower(%s)"
    async with connection.cursor(row_factory=class_row(Member)) as cursor:
        return await (await cursor.execute(query, (workspace, name.replace("\x00", "").strip()))).fetchone()


async def _unknown(store: Store, name: str) -> UnknownName:
    return UnknownName("person", name, [one.name for one in await list_members(store)])


def _usable(name: str) -> str:
    """The name as it is kept. What two ways of ignoring case tell apart would be one person to rules and two to sign-in."""
    name = unicodedata.normalize("NFC", name.strip())
    if nobody(name) or len(name) > LONGEST or not name.isprintable() or name.lower() != name.casefold():
        raise UserError(
            f"{name[:LONGEST]!r} is no name for a person: a login name or an e-mail, {LONGEST} characters at most"
        )
    return name


def _shown(text: str) -> str:
    text = text.strip()
    if len(text) > LONGEST or (text and not text.isprintable()):
        raise UserError(f"how somebody is called has {LONGEST} characters at most")
    return text


def _role(role: str) -> Role:
    if role not in ROLES:
        raise UnknownName("role", role, ROLES)
    return role
