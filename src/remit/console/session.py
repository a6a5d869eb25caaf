"""Who is signed in: a random token in the browser's cookie, its hash in the database, revocable at once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

from psycopg.rows import class_row

from remit.roles import Role
from remit.store.store import Store

COOKIE = "remit_session"
LASTS = timedelta(days=14)
IDLE = timedelta(hours=12)  # without a request, after which somebody is signed out


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


async def sign_in(store: Store, who: str) -> str:
    """A new session; its token is told once."""
    token = secrets.token_urlsafe(32)
    query = "insert into sessions (token, who, expires_at) values (%s, %s, clock_timestamp() + %s)"
    async with store.pool.connection() as connection:
        await connection.execute(query, (_hashed(token), who, LASTS))
    return token


@dataclass(frozen=True, slots=True)
class Session:
    """Somebody who is signed in, and as what."""

    who: str
    role: Role


async def signed_in(store: Store, token: str) -> Session | None:
    """Who has this token; None where nobody has it any more, or whoever has it may not come any more."""
    query = """
        with seen as (
            update sessions set seen_at = clock_timestamp()
            where token = %s and revoked_at is null and expires_at > clock_timestamp()
              and seen_at > clock_timestamp() - %s
            returning who
        )
        select people.name as who, members.role from seen
        join people on lower(people.name) = lower(seen.who)
        join members on members.person = people.id and members.disabled_at is null
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Session)) as cursor,
    ):
        return await (await cursor.execute(query, (_hashed(token), IDLE))).fetchone()


async def holds(store: Store, token: str) -> bool:
    """Whether somebody is signed in by it still. Unlike a request, it keeps nobody signed in: a page asks while it is open."""
    query = """
        select true from sessions
        join people on lower(people.name) = lower(sessions.who)
        join members on members.person = people.id and members.disabled_at is null
        where token = %s and revoked_at is null and expires_at > clock_timestamp() and seen_at > clock_timestamp() - %s
    """
    async with store.pool.connection() as connection:
        return await (await connection.execute(query, (_hashed(token), IDLE))).fetchone() is not None


async def sign_out(store: Store, token: str) -> None:
    """End a session, at once and everywhere."""
    query = "update sessions set revoked_at = clock_timestamp() where token = %s and revoked_at is null"
    async with store.pool.connection() as connection:
        await connection.execute(query, (_hashed(token),))


def _hashed(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
