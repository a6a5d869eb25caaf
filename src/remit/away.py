"""Who is away and lets another decide in their place: written by themselves, seen by everybody, taken back by themselves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import UserError
from remit.gate.approval import nobody
from remit.gate.standing import Handover, loops
from remit.store.store import Store

LOCK = 3_141_011  # held while somebody goes away: two who name each other at once would make a circle


@dataclass(frozen=True, slots=True)
class Away:
    id: int
    who: str
    deputy: str
    since: datetime
    until: datetime

    @property
    def handover(self) -> Handover:
        return Handover(self.who, self.deputy, self.since, self.until)


async def list_away(store: Store) -> list[Away]:
    """Who is away now, first who said so first."""
    query = """
        select id, who, deputy, since, until from away
        where workspace = %s and revoked_at is null and until > clock_timestamp() order by id
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Away)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace,))).fetchall()


async def go_away(store: Store, who: str, deputy: str, until: datetime) -> Away:
    """Let `deputy` decide in place of `who` until then; it replaces what was said before. Raises UserError where that is
    over already, or goes round in a circle or through too many hands."""
    if nobody(who) or nobody(deputy):
        raise UserError(f"{deputy if nobody(deputy) else who!r} is nobody: name a person by id or e-mail")
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Away)) as cursor,
    ):
        await connection.execute("select pg_advisory_xact_lock(%s)", (LOCK,))
        row = await (await connection.execute("select clock_timestamp()")).fetchone()
        assert row is not None
        if until <= row[0]:
            raise UserError(f"{until:%d %B %Y %H:%M} is over; --until is when you are back")
        query: LiteralString = """
            update away set revoked_at = clock_timestamp()
            where workspace = %s and lower(who) = lower(%s) and revoked_at is null
        """
        await connection.execute(query, (store.workspace, who))
        query = """
            select id, who, deputy, since, until from away where workspace = %s and revoked_at is null and until > %s
        """
        others = await (await cursor.execute(query, (store.workspace, row[0]))).fetchall()
        if why := loops(who, deputy, [one.handover for one in others], row[0]):
            raise UserError(f"{deputy} cannot decide in your place: {why}")
        query = """
            insert into away (workspace, who, deputy, since, until) values (%s, %s, %s, %s, %s)
            returning id, who, deputy, since, until
        """
        made = await (await cursor.execute(query, (store.workspace, who, deputy, row[0], until))).fetchone()
        assert made is not None
        await record(connection, who, "away.set", who, {"deputy": deputy, "until": until.isoformat()})
    return made


async def come_back(store: Store, who: str) -> Away:
    """From now on nobody decides in their place any more. Raises UserError where nobody did."""
    query = """
        update away set revoked_at = clock_timestamp()
        where workspace = %s and lower(who) = lower(%s) and revoked_at is null and until > clock_timestamp()
        returning id, who, deputy, since, until
    """
    async with (
        store.pool.connection() as connection,
        connection.transaction(),
        connection.cursor(row_factory=class_row(Away)) as cursor,
    ):
        found = await (await cursor.execute(query, (store.workspace, who))).fetchone()
        if found is not None:
            await record(connection, who, "away.ended", who, {"deputy": found.deputy})
    if found is None:
        raise UserError(f"{who} is not away; `remit away` lists who is")
    return found
