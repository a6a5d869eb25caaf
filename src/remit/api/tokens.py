"""Tokens: whoever holds one calls the API in its owner's name, for what its scopes say, until it expires or is revoked."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg import errors
from psycopg.rows import class_row

from remit.access.audit import record
from remit.access.people import Member, known
from remit.access.roles import BY_AGENT, RIGHTS, Access, Role, access_of
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
    agents: list[str] | None  # of which alone it is; None: of all that its owner may
    roles: Mapping[str, Role]  # what its owner is for single agents

    @property
    def of(self) -> frozenset[str] | None:
        """Of which agents it sees anything now; None: of all in its workspace."""
        access = access_of(self.role, self.roles)
        if self.agents is None:
            return None if self.role != "guest" else frozenset(self.roles)
        return frozenset(agent for agent in self.agents if access.on(agent))

    @property
    def holds(self) -> list[str]:
        """For what it can be used: no more than what its owner may do now, with each agent that it is of."""
        return [scope for scope in self.scopes if scope in allowed(access_of(self.role, self.roles), self.of)]


def allowed(access: Access, agents: frozenset[str] | None) -> frozenset[str]:
    """What can be done with each of these agents; with None, everywhere."""
    if agents is None:
        return access.rights
    each = [access.on(agent) for agent in agents]
    return BY_AGENT.intersection(*each) if each else frozenset()


FIELDS = """
    tokens.workspace, tokens.id, tokens.name, tokens.who, tokens.scopes, tokens.created_at, tokens.expires_at, tokens.used_at,
    tokens.agents, (select coalesce(jsonb_object_agg(own.agent, own.role), '{}') from people join agent_roles as own on own.person = people.id
     where lower(people.name) = lower(tokens.who) and own.workspace = tokens.workspace) as roles,
    (select members.role from people join members on members.person = people.id
     where lower(people.name) = lower(tokens.who) and members.workspace = tokens.workspace and members.disabled_at is null) as role
"""


async def add_token(
    store: Store,
    name: str,
    who: str,
    scopes: Sequence[str],
    lasts: timedelta | None,
    by: str = "",
    agents: Sequence[str] = (),
) -> tuple[Token, str]:
    """A new token that calls in the name of `who`, made `by` them or somebody else; the second is what the caller sends, told this
    once. `agents`: of which alone it is.

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
    _require_allowed(owner, scopes, frozenset(agents) if agents else None)
    if lasts is not None and lasts <= timedelta(0):
        raise UserError("--expires: a token lasts some time, as 90d, or `never` expires")
    secret = PREFIX + secrets.token_urlsafe(32)
    query = f"""
        insert into tokens (workspace, name, token, who, scopes, agents, expires_at)
        values (%s, %s, %s, %s, %s, %s, clock_timestamp() + %s) returning {FIELDS}
    """
    of = sorted(set(agents)) or None
    values = (store.workspace, name, hashed(secret), owner.name, sorted(set(scopes)), of, lasts)
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
            } | ({"agents": of} if of else {})
            await record(connection, by or owner.name, "token.added", name, detail)
    except errors.UniqueViolation as error:
        raise UserError(f"there is a token {name!r} already; `remit tokens revoke {name}` ends it") from error
    return made, secret


def _require_allowed(owner: Member, scopes: Sequence[str], agents: frozenset[str] | None) -> None:
    """Raises Forbidden, and UserError for a scope that is of no agent alone."""
    access = owner.access
    if agents is None and owner.role == "guest":
        agents = frozenset(owner.agents)
    if agents is not None and (whole := sorted(set(scopes) - BY_AGENT)):
        raise UserError(f"{', '.join(whole)} is of the whole workspace: no token of single agents has it")
    if beyond := sorted(set(scopes) - allowed(access, agents)):
        which = f" for {', '.join(sorted(agents))}" if agents else ""
        raise Forbidden(f"{owner.name} is {owner.role} here: that does not allow {', '.join(beyond)}{which}")


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
    """Whose token it is; None where it is nobody's any more, or its owner may not come any more, or not see what the store sees. When it was last used is kept
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
        found = await (await cursor.execute(query, (hashed(secret),))).fetchone()
    # Whoever looks again later, for a stream, is told too where it is of other agents by now
    return None if found is not None and store.guest and found.of != store.agents else found


def hashed(secret: str) -> bytes:
    return hashlib.sha256(secret.encode("utf-8", "replace")).digest()
