"""Deliveries that were not taken: the last of each trigger, and why, for whoever wonders that nothing begins."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from psycopg.rows import class_row

from remit.store.store import Store

MOST = 20  # of a trigger


@dataclass(frozen=True, slots=True)
class Refusal:
    """One that was not taken."""

    at: datetime
    why: str


async def note(store: Store, agent: str, name: str, why: str) -> None:
    query = "insert into refusals (workspace, agent, trigger, why) values (%s, %s, %s, %s)"
    old = """
        delete from refusals where workspace = %(here)s and agent = %(agent)s and trigger = %(name)s and id <= (
            select id from refusals where workspace = %(here)s and agent = %(agent)s and trigger = %(name)s
            order by id desc offset %(most)s limit 1)
    """
    async with store.pool.connection() as connection:
        await connection.execute(query, (store.workspace, agent, name, why[:500].replace("\0", "�")))
        await connection.execute(old, {"here": store.workspace, "agent": agent, "name": name, "most": MOST})


async def list_refusals(store: Store, agent: str, name: str) -> list[Refusal]:
    """The newest first."""
    query = """
        select at, why from refusals where workspace = %s and agent = %s and trigger = %s order by id desc limit %s
    """
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Refusal)) as cursor,
    ):
        return await (await cursor.execute(query, (store.workspace, agent, name, MOST))).fetchall()
