"""Who is signed in: a random token in the browser's cookie, its hash in the database, revocable at once."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass, field
from datetime import timedelta

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


async def signed_in(store: Store, token: str) -> str | None:
    """Who has this token; None where nobody has it any more."""
    query = """
        update sessions set seen_at = clock_timestamp()
        where token = %s and revoked_at is null and expires_at > clock_timestamp() and seen_at > clock_timestamp() - %s
        returning who
    """
    async with store.pool.connection() as connection:
        row = await (await connection.execute(query, (_hashed(token), IDLE))).fetchone()
    return None if row is None else str(row[0])


async def holds(store: Store, token: str) -> bool:
    """Whether somebody is signed in by it still. Unlike a request, it keeps nobody signed in: a page asks while it is open."""
    query = """
        select true from sessions
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
