"""Tokens: whoever holds one calls the API in its owner's name, for what its scopes say, until it expires or is revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import errors
from psycopg.rows import class_row

from remit.access.audit import record
from remit.access.people import known
from remit.access.roles import OF_ROLE, RIGHTS, Role
from remit.errors import Forbidden, UnknownName, UserError
from remit.store.store import Store

PREFIX = "remit_"  # by which scanners of secrets know a token
LONGEST = 100  # characters of a name


@dataclass(frozen=True, slots=True)
class Token:
    """What is kept of a token; not the token itself. `role`: what its owner is, None where they may not come any more."""

    id: int
    name: str
    who: str
    scopes: list[str]
    created_at: datetime
    expires_at: datetime | None
    used_at: datetime | None
    role: Role | None
    workspace: str

    @property
    def holds(self) -> list[str]:
        """For what it can be used: no more than what its owner may do now."""
        return [] if self.role is None else [scope for scope in self.scopes if scope in OF_ROLE[self.role]]


FIELDS = """
    tokens.workspace, tokens.id, tokens.name, tokens.who, tokens.scopes, tokens.created_at, tokens.expires_at, tokens.used_at,
    (select members.role from people join members on members.person = people.id
     where lower(people.name) = lower(tokens.who) and members.workspace = tokens.workspace and members.disabled_at is null) as role
"""


async def add_token(
    store: Store, name: str, who: str, scopes: Sequence[str], lasts: timedelta | None, by: str = ""
) -> tuple[Token, str]:
    """A new token that calls in the name of `who`, made `by` them or somebody else; the second is what the caller sends, told this once.

    Raises UserError for a name that is taken or unusable, UnknownName for no such scope or owner, Forbidden for a scope that
    its owner's role does not have."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", name) or len(name) > LONGEST:
        raise UserError(
            f"{name!r} is no name for a token: letters, digits, dots and dashes, {LONGEST} at most"
        )
    if not scopes:
        raise UserError(f"say what it is for, by --scope; known: {', '.join(RIGHTS)}")
    for scope in scopes:
        if scope not in RIGHTS:
            raise UnknownName("scope", scope, RIGHTS, "--scope")
    owner = await known(store, who)
    if beyond := sorted(set(scopes) - owner.rights):
        raise Forbidden(f"{owner.name} is {owner.role} here: that does not allow {', '.join(beyond)}")
    if lasts is not None and lasts <= timedelta(0):
        raise UserError("--expires: a token lasts some time, as 90d, or `never` expires")
    secret = PREFIX + secrets.token_urlsafe(32)
    query = f"""
        insert into tokens (workspace, name, token, who, scopes, expires_at)
        values (%s, %s, %s, %s, %s, clock_timestamp() + %s) returning {FIELDS}
    """
    values = (store.workspace, name, hashed(secret), owner.name, sorted(set(scopes)), lasts)
    try:
        async with (
            store.keeper.pool.connection() as connection,
            connection.transaction(),
            connection.cursor(row_factory=class_row(Token)) as cursor,
        ):
            made = await (await cursor.execute(query, values)).fetchone()
            assert made is not None
            detail = {
                "for": owner.name,
                "scopes": made.scopes,
                "expires": made.expires_at and made.expires_at.isoformat(),
            }
            await record(connection, by or owner.name, "token.added", name, detail)
    except errors.UniqueViolation as error:
        raise UserError(f"there is a token {name!r} already; `remit tokens revoke {name}` ends it") from error
    return made, secret


async def list_tokens(store: Store) -> list[Token]:
    """Those that are not revoked, the oldest first; expired ones too."""
    query = f"select {FIELDS} from tokens where workspace = %s and revoked_at is null order by id"
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Token)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def revoke_token(store: Store, name: str, by: str) -> Token:
    """End a token, at once and everywhere. Raises UnknownName."""
    query = f"""
        update tokens set revoked_at = clock_timestamp()
        where workspace = %s and name = %s and revoked_at is null returning {FIELDS}
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Token)) as cursor,
    ):
        gone = await (await cursor.execute(query, (store.workspace, name.replace("\x00", "")))).fetchone()
        if gone is not None:
            await record(connection, by, "token.revoked", gone.name, {"for": gone.who})
    if gone is None:
        raise UnknownName("token", name, [one.name for one in await list_tokens(store)])
    return gone


async def token_of(store: Store, secret: str) -> Token | None:
    """Whose token it is; None where it is nobody's any more, or its owner may not come any more. When it was last used is kept
    to the minute: not each call of a busy caller is worth a write."""
    query = f"""
        with found as (
            select {FIELDS} from tokens
            where token = %s and revoked_at is null and (expires_at is null or expires_at > clock_timestamp())
        ), seen as (
            update tokens set used_at = clock_timestamp() from found
            where tokens.id = found.id and (found.used_at is null or found.used_at < clock_timestamp() - interval '1 minute')
        )
        select * from found where role is not null
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Token)) as cursor,
    ):
        return await (await cursor.execute(query, (hashed(secret),))).fetchone()


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
