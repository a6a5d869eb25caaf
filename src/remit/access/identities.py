"""Whom a provider means: the person who is bound to its subject, from their first sign-in on. Only that first time an address
counts, which is theirs by the provider's word; one that is given to somebody else later opens nothing."""

from __future__ import annotations

from typing import Any

from psycopg import AsyncConnection

from remit.access.audit import record
from remit.access.oidc import Told
from remit.access.people import LONGEST, Member, add_member
from remit.access.providers import Provider
from remit.errors import Forbidden
from remit.store.store import Store


async def admit(store: Store, provider: Provider, told: Told) -> str:
    """Who may come in as whom the provider means. `store`: of the provider's workspace. Raises Forbidden, and UserError for
    an address that can be nobody's name."""
    if (found := await _bound_to(store, provider, told)) is not None:
        return found
    if not told.email or "@" not in told.email:
        raise Forbidden(
            f"{provider.title} does not say which address you have, and nobody here is known by another mark."
        )
    if len(told.email) > LONGEST or not told.email.isprintable():
        raise Forbidden(f"{told.email[:LONGEST]} is not invited here: no person has such an address.")
    if not told.verified:
        raise Forbidden(
            f"{provider.title} does not say that {told.email[:LONGEST]} is yours (email_verified)."
        )
    domain = told.email.rpartition("@")[2].lower()
    async with store.keeper.pool.connection() as connection:
        person = await _named(connection, provider, told.email)
    if person is None and provider.role and domain in provider.domains:
        shown = told.name.strip() if told.name.isprintable() and len(told.name) <= LONGEST else ""
        await add_member(store, provider.how, told.email, provider.role, shown)
    return await _bind(store, provider, told)


async def unbind(store: Store, by: str, person: Member) -> None:
    """The next account of that address that signs in by a provider of this workspace is theirs: for whom has got another one. Where
    they are signed in by one of them, they are no more."""
    query = "delete from identities where person = %s and workspace = %s returning issuer"
    async with store.keeper.pool.connection() as connection, connection.transaction():
        rows = await (await connection.execute(query, (person.id, store.workspace))).fetchall()
        ended = await connection.execute(_END, (person.name, store.workspace))
        if rows:
            detail = {"issuers": [row[0] for row in rows], "sessions": ended.rowcount}
            await record(connection, by, "identity.removed", person.name, detail)


async def bound(store: Store, person: int) -> list[str]:
    """The issuers by which somebody has signed in here."""
    query = "select issuer from identities where person = %s and workspace = %s order by issuer"
    async with store.keeper.pool.connection() as connection:
        return [
            row[0] for row in await (await connection.execute(query, (person, store.workspace))).fetchall()
        ]


async def _bound_to(store: Store, provider: Provider, told: Told) -> str | None:
    query = f"""
        select people.name, {_MAY_COME} from identities join people on people.id = identities.person
        where identities.workspace = %(workspace)s and issuer = %(issuer)s and subject = %(subject)s
    """
    async with store.keeper.pool.connection() as connection:
        row = await (await connection.execute(query.encode(), _values(provider, told))).fetchone()
    if row is None:
        return None
    if not row[1]:
        raise Forbidden(f"{row[0]} may not come here any more; an owner of the workspace knows why.")
    return str(row[0])


async def _named(
    connection: AsyncConnection[Any], provider: Provider, email: str
) -> tuple[int, str, bool] | None:
    query = f"select people.id, people.name, {_MAY_COME} from people where lower(name) = lower(%(email)s)"
    values = {
        "workspace": provider.workspace,
        "whole": provider.whole_server,
        "email": email.replace("\x00", ""),
    }
    row = await (await connection.execute(query.encode(), values)).fetchone()
    return (row[0], row[1], row[2]) if row else None


async def _bind(store: Store, provider: Provider, told: Told) -> str:
    async with store.keeper.pool.connection() as connection, connection.transaction():
        person = await _named(connection, provider, told.email)
        if person is None or not person[2]:
            raise Forbidden(
                f"{told.email[:LONGEST]} is not invited here: an owner of the workspace adds you."
            )
        query = """
            insert into identities (workspace, issuer, subject, person)
            values (%(workspace)s, %(issuer)s, %(subject)s, %(person)s) on conflict do nothing
        """
        values = _values(provider, told) | {"person": person[0]}
        made = await connection.execute(query, values)
        if made.rowcount:
            detail = {"issuer": provider.issuer, "subject": told.subject, "address": told.email}
            await record(connection, person[1], "identity.bound", person[1], detail)
            return person[1]
        query = """
            select true from identities
            where workspace = %(workspace)s and issuer = %(issuer)s and subject = %(subject)s and person = %(person)s
        """
        if await (await connection.execute(query, values)).fetchone() is not None:
            return person[1]  # by another browser, just now
    raise Forbidden(
        f"{person[1]} has signed in by another account of {provider.title} before. Where this one is theirs now, an owner says so."
    )


def _values(provider: Provider, told: Told) -> dict[str, Any]:
    return {
        "workspace": provider.workspace,
        "whole": provider.whole_server,
        "issuer": provider.issuer,
        "subject": told.subject,
    }


_END = """
    update sessions set revoked_at = clock_timestamp(), id_token = null
    where lower(who) = lower(%s) and provided_by = %s and revoked_at is null
"""

# A provider of a workspace speaks for whoever is at home there, since a session opens all workspaces of theirs
_MAY_COME = """
    case when %(whole)s
        then exists (select from members where person = people.id and disabled_at is null)
        else people.home = %(workspace)s and exists (
            select from members where person = people.id and workspace = %(workspace)s and disabled_at is null)
    end
"""
