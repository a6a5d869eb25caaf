"""Who is signed in: a random token in the browser's cookie, its hash in the database, revocable at once."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from psycopg.rows import class_row

from remit.access.audit import record
from remit.access.providers import OURS
from remit.access.roles import NOTHING, Access, Role, access_of
from remit.store.store import Store

COOKIE = "remit_session"
KNOWN = "remit_browser"  # the cookie of a browser in which somebody has signed in before
LASTS = timedelta(days=14)
IDLE = timedelta(hours=12)  # without a request, after which somebody is signed out
FRESH = timedelta(minutes=15)  # since they showed that it is they, for what changes who may do what
KNOWN_FOR = timedelta(days=180)
BY_OURS = f"oidc {OURS}"  # of sessions that are none where the environment sets no provider any more


@dataclass
class Door:
    """The link that is printed when the console starts: whoever opens it first is signed in as the person who started it."""

    who: str
    key: str = field(default_factory=lambda: secrets.token_urlsafe(32))
    used: bool = False

    def open(self, key: str) -> bool:
        """Whether the key fits, for the first and only time."""
        fits = not self.used and secrets.compare_digest(key.encode(), self.key.encode())
        self.used |= fits
        return fits


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, and as what."""

    id: int
    who: str
    workspace: str  # where they work now
    title: str  # what people call it
    several: bool  # whether they may work in others too
    role: Role
    password: bool  # whether they have one
    fresh: bool  # whether they showed lately that it is they
    provider: bool  # whether they came by one, and can show there again who they are
    lacking: bool  # whether they may do nothing here before they have a second factor
    agents: Mapping[str, Role]  # what they are for single agents, beside that

    @property
    def access(self) -> Access:
        return NOTHING if self.lacking else access_of(self.role, self.agents)

    @property
    def sure(self) -> bool:
        """Whether what changes who may do what can be done now. Who has no password has nothing to show but the link."""
        return self.fresh or not (self.password or self.provider)


@dataclass(frozen=True, slots=True)
class Ended:
    """A session that is over, and by what it had begun."""

    who: str
    how: str
    provided_by: str | None  # the workspace of the provider
    id_token: bytes | None  # sealed


@dataclass(frozen=True, slots=True)
class Listed:
    """A session, as the person sees it who has it."""

    id: int
    how: str
    browser: str
    address: str
    created_at: datetime
    seen_at: datetime


async def sign_in(
    store: Store,
    who: str,
    how: str = "link",
    browser: str = "",
    address: str = "",
    *,
    provided_by: str | None = None,
    id_token: bytes | None = None,
) -> str:
    """A new session; its token is told once. `provided_by`: whose provider they came by, with a sealed `id_token` of it."""
    token = secrets.token_urlsafe(32)
    query = """
        insert into sessions (token, who, expires_at, how, browser, address, provided_by, id_token)
        values (%s, %s, clock_timestamp() + %s, %s, %s, %s, %s, %s)
    """
    seen = browser.replace("\x00", "")[:300]
    values = (hashed(token), who, LASTS, how, seen, address[:100], provided_by, id_token)
    async with store.keeper.pool.connection() as connection, connection.transaction():
        await connection.execute(query, values)
        await record(connection, who, "session.began", who, {"how": how, "address": address[:100]})
    return token


async def signed_in(store: Store, token: str) -> Session | None:
    """Who has this token; None where nobody has it any more, or whoever has it may not come any more."""
    query = """
        with seen as (
            update sessions set seen_at = clock_timestamp()
            where token = %s and revoked_at is null and expires_at > clock_timestamp()
              and seen_at > clock_timestamp() - %s and (how <> %s or %s)
            returning id, who, how, proved_at, workspace
        )
        select seen.id, people.name as who, workspaces.name as workspace, workspaces.title, members.role,
            people.password is not null as password, seen.proved_at > clock_timestamp() - %s as fresh,
            count(*) over () > 1 as several, seen.how like 'oidc %%' as provider,
            workspaces.second_factor and split_part(seen.how, ' ', 1) in ('password', 'invitation')
                and not exists (select from factors where person = people.id and confirmed_at is not null) as lacking,
            (select coalesce(jsonb_object_agg(own.agent, own.role), '{}') from agent_roles as own
             where own.workspace = members.workspace and own.person = people.id) as agents
        from seen
        join people on lower(people.name) = lower(seen.who)
        join members on members.person = people.id and members.disabled_at is null
        join workspaces on workspaces.name = members.workspace
        order by workspaces.name is distinct from seen.workspace, workspaces.name <> 'default', workspaces.name
        limit 1
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Session)) as cursor,
    ):
        values = (hashed(token), IDLE, BY_OURS, bool(store.settings.oidc_issuer), FRESH)
        return await (await cursor.execute(query, values)).fetchone()


async def go_to(store: Store, session: int, workspace: str) -> None:
    """Have them work there from now on, as long as they may."""
    query = "update sessions set workspace = %s where id = %s"
    async with store.keeper.pool.connection() as connection:
        await connection.execute(query, (workspace, session))


async def holds(store: Store, token: str) -> bool:
    """Whether somebody is signed in by it still, and may see what the store sees. Unlike a request, it keeps nobody signed in: a
    page asks while it is open."""
    query = """
        select members.role <> 'guest' or %(agents)s::text[] <@ array(
            select agent from agent_roles as own where own.workspace = members.workspace and own.person = people.id
        ) from sessions
        join people on lower(people.name) = lower(sessions.who)
        join members on members.person = people.id and members.workspace = %(workspace)s and members.disabled_at is null
        where token = %(token)s and revoked_at is null and expires_at > clock_timestamp()
          and seen_at > clock_timestamp() - %(idle)s and (how <> %(ours)s or %(there)s)
    """
    agents = None if store.agents is None else sorted(store.agents)
    values = {
        "workspace": store.workspace, "agents": agents, "token": hashed(token), "idle": IDLE, "ours": BY_OURS,
        "there": bool(store.settings.oidc_issuer),
    }  # fmt: skip
    async with store.keeper.pool.connection() as connection:
        row = await (await connection.execute(query, values)).fetchone()
    return row is not None and bool(row[0])


async def sign_out(store: Store, token: str) -> Ended | None:
    """End a session, at once and everywhere; None where there was none."""
    query = """
        with it as (select id, id_token from sessions where token = %s and revoked_at is null for update)
        update sessions set revoked_at = clock_timestamp(), id_token = null from it where sessions.id = it.id
        returning who, how, provided_by, it.id_token
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Ended)) as cursor,
    ):
        return await (await cursor.execute(query, (hashed(token),))).fetchone()


async def sessions_of(store: Store, who: str) -> list[Listed]:
    """Where somebody is signed in, last seen first."""
    query = """
        select id, how, browser, address, created_at, seen_at from sessions
        where lower(who) = lower(%s) and revoked_at is null and expires_at > clock_timestamp()
          and seen_at > clock_timestamp() - %s
        order by seen_at desc
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Listed)) as cursor,
    ):
        return await (await cursor.execute(query, (who, IDLE))).fetchall()


async def end_sessions(
    store: Store, by: str, who: str, only: int | None = None, but: int | None = None
) -> int:
    """End the sessions of somebody: one of them, all but one, or all; how many there were."""
    query = """
        update sessions set revoked_at = clock_timestamp(), id_token = null
        where lower(who) = lower(%(who)s) and revoked_at is null and expires_at > clock_timestamp()
          and (%(only)s::bigint is null or id = %(only)s) and (%(but)s::bigint is null or id <> %(but)s)
    """
    async with store.keeper.pool.connection() as connection, connection.transaction():
        ended = await connection.execute(query, {"who": who, "only": only, "but": but})
        if ended.rowcount:
            await record(connection, by, "session.ended", who, {"sessions": ended.rowcount})
    return ended.rowcount


async def know(store: Store, token: str, who: str) -> str:
    """From now on this browser is known to the account; the mark that it keeps."""
    token = token if 20 < len(token) < 100 else secrets.token_urlsafe(32)
    query = """
        insert into browsers (token, person) select %s, id from people where lower(name) = lower(%s)
        on conflict (token, person) do update set seen_at = clock_timestamp()
    """
    async with store.keeper.pool.connection() as connection:
        await connection.execute(query, (hashed(token), who))
    return token


async def knows(store: Store, token: str, who: str) -> str:
    """By what tries from this browser are counted, where the account knows it; else empty."""
    query = """
        select true from browsers join people on people.id = browsers.person
        where token = %s and lower(people.name) = lower(%s) and seen_at > clock_timestamp() - %s
    """
    values = (hashed(token), who.replace("\x00", ""), KNOWN_FOR)
    async with store.keeper.pool.connection() as connection:
        found = token and await (await connection.execute(query, values)).fetchone()
    return hashed(f"{token} {who.casefold()}").hex()[:32] if found else ""


def hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "replace")).digest()
