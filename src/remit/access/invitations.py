"""Links by which somebody sets their password, once: an invitation, or what helps who has forgotten it."""

from __future__ import annotations

import hashlib
import secrets
from datetime import timedelta
from typing import Any

from psycopg import AsyncConnection

from remit.access.audit import record
from remit.access.passwords import hashed, require_strong
from remit.access.people import Member, known
from remit.access.providers import passwords_off
from remit.errors import Forbidden, UserError
from remit.store.store import Store

LASTS = timedelta(days=3)
GONE = "This link was used already, or is too old. Ask for a new one."


async def invite(store: Store, by: str, name: str, *, anywhere: bool = False) -> str:
    """What stands in a new link for them, told this once; older ones hold no longer. Raises UnknownName, or Forbidden for who
    is at home in another workspace, unless it is done at the shell (`anywhere`): the password opens all of theirs."""
    person = await known(store, name)
    if person.disabled_at:
        raise UserError(f"{person.name} is disabled: enable them first")
    await _require_passwords(store, person.name)
    token = secrets.token_urlsafe(32)
    async with store.keeper.pool.connection() as connection, connection.transaction():
        query = """
            select true from people join members on members.person = people.id
            where people.id = %s and members.workspace = people.home and members.workspace = %s
        """
        if (
            not anywhere
            and await (await connection.execute(query, (person.id, store.workspace))).fetchone() is None
        ):
            raise Forbidden(
                f"{person.name} is at home in another workspace, whose owners help with the password"
            )
        await connection.execute(
            "delete from invitations where person = %s and used_at is null", (person.id,)
        )
        query = "insert into invitations (token, person, made_by, expires_at) values (%s, %s, %s, clock_timestamp() + %s)"
        await connection.execute(query, (_hash(token), person.id, by, LASTS))
        await record(connection, by, "person.invited", person.name)
    return token


async def invited(store: Store, token: str) -> str:
    """For whom a link is. Raises UserError where it does not hold."""
    async with store.keeper.pool.connection() as connection:
        row = await (await connection.execute(_HOLDS, (_hash(token),))).fetchone()
    if row is None:
        raise UserError(GONE)
    return str(row[1])


async def accept(store: Store, token: str, password: str) -> str:
    """Set the password by a link: who they are. Raises UserError where the link does not hold, or for a weak password."""
    name = await invited(store, token)
    await _require_passwords(store, name)
    require_strong(password, name)
    hash = await hashed(password)
    async with store.keeper.pool.connection() as connection, connection.transaction():
        row = await (
            await connection.execute(f"{_HOLDS} for update of invitations", (_hash(token),))
        ).fetchone()
        if row is None:
            raise UserError(GONE)
        await connection.execute(
            "update invitations set used_at = clock_timestamp() where token = %s", (_hash(token),)
        )
        await keep(connection, row[0], row[1], hash)
        await record(connection, row[1], "password.changed", row[1], {"by": "a link"})
    return str(row[1])


async def set_password(store: Store, by: str, person: Member, password: str) -> None:
    """Raises UserError for a weak one, and where they sign in by a provider only."""
    await _require_passwords(store, person.name)
    require_strong(password, person.name, person.shown)
    hash = await hashed(password)
    async with store.keeper.pool.connection() as connection, connection.transaction():
        await keep(connection, person.id, person.name, hash)
        await record(connection, by, "password.changed", person.name)


async def _require_passwords(store: Store, name: str) -> None:
    if await passwords_off(store, name):
        raise UserError(f"{name} signs in by a provider: passwords are off.")


async def keep(connection: AsyncConnection[Any], person: int, name: str, hash: str) -> None:
    """Whoever was signed in as them is signed in no longer, links for them hold no longer, and no browser is known."""
    await connection.execute("update people set password = %s where id = %s", (hash, person))
    query = "update sessions set revoked_at = clock_timestamp() where lower(who) = lower(%s) and revoked_at is null"
    await connection.execute(query, (name,))
    await connection.execute("delete from invitations where person = %s and used_at is null", (person,))
    await connection.execute("delete from browsers where person = %s", (person,))


_HOLDS = """
    select people.id, people.name from invitations join people on people.id = invitations.person
    join members on members.person = people.id and members.disabled_at is null
    where token = %s and used_at is null and expires_at > clock_timestamp()
"""


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
