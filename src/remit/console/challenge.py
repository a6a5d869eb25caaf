"""Between the password and the session: whoever's password was right is asked for a code first, where they have a second
factor. What their browser keeps meanwhile opens nothing."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import timedelta

from psycopg.rows import class_row

from remit.access.audit import record
from remit.access.factor import asked_of, take
from remit.access.tries import forgive, try_once
from remit.console.session import hashed, knows
from remit.store.store import Store

COOKIE = "remit_challenge"
LASTS = timedelta(minutes=10)
TRIES = 5  # after which the password is asked again


@dataclass(frozen=True, slots=True)
class Challenge:
    """Somebody who is asked for a code."""

    who: str
    how: str  # what they have shown already
    onward: str


async def challenge(store: Store, who: str, how: str, onward: str) -> str:
    """What their browser keeps while they are asked for a code; empty where none is asked of them."""
    if not await asked_of(store, who):
        return ""
    token = secrets.token_urlsafe(32)
    query = """
        insert into challenges (token, person, how, onward, expires_at)
        select %s, id, %s, %s, clock_timestamp() + %s from people where lower(name) = lower(%s)
    """
    async with store.keeper.pool.connection() as connection, connection.transaction():
        await connection.execute("delete from challenges where expires_at < clock_timestamp()")
        await connection.execute(query, (hashed(token), how, onward[:2_000], LASTS, who))
    return token


async def challenged(store: Store, token: str) -> Challenge | None:
    """Who is asked; None where it took too long, or too many tries."""
    query = """
        select people.name as who, how, onward from challenges join people on people.id = challenges.person
        where token = %s and expires_at > clock_timestamp() and tries < %s
    """
    async with (
        store.keeper.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Challenge)) as cursor,
    ):
        return await (await cursor.execute(query, (hashed(token), TRIES))).fetchone()


async def answer(store: Store, token: str, code: str, mark: str, address: str) -> str:
    """What they came by, where the code is theirs; else empty. Each try counts, as one with a wrong password does. Raises
    Busy after too many."""
    found = await challenged(store, token)
    if found is None:
        return ""
    tries = await try_once(store, found.who, await knows(store, mark, found.who), address)
    query = "update challenges set tries = tries + 1 where token = %s and tries < %s"
    async with store.keeper.pool.connection() as connection:
        if not (await connection.execute(query, (hashed(token), TRIES))).rowcount:
            return ""
    if taken := await take(store, found.who, code):
        await forgive(store, tries)
        async with store.keeper.pool.connection() as connection:
            ended = await connection.execute("delete from challenges where token = %s", (hashed(token),))
        return f"{found.how} and {taken}" if ended.rowcount else ""
    async with store.keeper.pool.connection() as connection:
        detail = {"address": address, "after": found.how}
        await record(connection, found.who, "session.refused", found.who, detail)
    return ""
