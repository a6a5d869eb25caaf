"""Those who were sent to a provider: what has to be the same when they come back, once, in the browser that was sent."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

from psycopg.rows import class_row

from remit.access.providers import Provider
from remit.console.session import hashed
from remit.store.store import Store

COOKIE = "remit_errand"
LASTS = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Errand:
    """One way to a provider and back."""

    workspace: str
    provider: str
    nonce: str
    verifier: str
    back: str
    onward: str
    who: str  # whom it must be; empty: whoever it is
    session: bytes | None
    tries: list[int]
    began_at: datetime


@dataclass(frozen=True, slots=True)
class Sent:
    """What goes along: the browser keeps one part, the provider gives the other back."""

    browser: str
    state: str
    nonce: str
    verifier: str


async def send(
    store: Store,
    provider: Provider,
    browser: str,
    back: str,
    onward: str,
    tries: list[int],
    who: str,
    session: str,
) -> Sent:
    """`session`: the token of whoever shows that it is still they, which is over when they are back."""
    kept = browser if 20 < len(browser) < 100 else secrets.token_urlsafe(32)
    sent = Sent(kept, secrets.token_urlsafe(32), secrets.token_urlsafe(32), secrets.token_urlsafe(64))
    query = """
        insert into errands (state, browser, workspace, provider, nonce, verifier, back, onward, who, session, tries, expires_at)
        values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, clock_timestamp() + %s)
    """
    values = (
        hashed(sent.state),
        hashed(kept),
        provider.workspace,
        provider.name,
        sent.nonce,
        sent.verifier,
        back,
    )
    more = (onward[:2_000], who, hashed(session) if session else None, tries, LASTS)
    async with store.keeper.pool.connection() as connection, connection.transaction():
        await connection.execute("delete from errands where expires_at < clock_timestamp()")
        await connection.execute(query, (*values, *more))
    return sent


async def back(store: Store, state: str, browser: str) -> Errand | None:
    """What was kept for whoever comes back with both parts, once; None for everybody else."""
    query = """
        delete from errands where state = %s and browser = %s and expires_at > clock_timestamp()
        returning workspace, provider, nonce, verifier, back, onward, who, session, tries, began_at
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Errand)) as cursor,
    ):
        return await (await cursor.execute(query, (hashed(state), hashed(browser)))).fetchone()


async def end(store: Store, session: bytes) -> None:
    """The session from which they were sent: another one is in its place."""
    query = "update sessions set revoked_at = clock_timestamp(), id_token = null where token = %s and revoked_at is null"
    async with store.keeper.pool.connection() as connection:
        await connection.execute(query, (session,))
