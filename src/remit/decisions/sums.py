"""Sums of decisions, which the database adds to as decisions and what came of them are written and removed (migrations 0075 and 0091), put together."""

from __future__ import annotations

from typing import Any, LiteralString

from psycopg import AsyncConnection

from remit.store.store import Store

Connection = AsyncConnection[Any]
KEY: LiteralString = "workspace, playbook, version, day, stage, action, does, holdout, chosen, chance"
SUMS: LiteralString = """
    sum(times)::bigint as times, sum(likely) as likely, min(rarest) filter (where times > 0) as rarest, sum(tried)::bigint as tried,
    sum(spent) as spent, sum(closed)::bigint as closed, sum(total) as total, sum(squares) as squares
"""
LIKE: LiteralString = """
    from decisions d where d.workspace = m.workspace and d.playbook = m.playbook and d.version = m.version
        and d.at >= m.day::timestamp at time zone 'UTC' and d.at < (m.day + 1)::timestamp at time zone 'UTC'
        and d.stage = m.stage and d.action = m.action and d.does = m.does and d.holdout = m.holdout and d.chosen = m.chosen
        and remit_chance(d.propensity) = m.chance
"""
# Of what was removed nothing stays: not a row that comes to nothing, not what is left of it by rounding, and not its propensity, where it was the least
FOLD: LiteralString = f"""
    with gone as (
        delete from decision_sums s where workspace = %(here)s and playbook = %(playbook)s and exists (
            select from decision_sums f where f.workspace = %(here)s and f.playbook = %(playbook)s and f.fresh and f.version = s.version
                and f.day = s.day)
        returning *
    ), made as (
        select {KEY}, {SUMS}, min(rarest) filter (where times < 0) as removed from gone group by {KEY} having sum(times) > 0
    )
    insert into decision_sums ({KEY}, times, likely, rarest, tried, spent, closed, total, squares, fresh)
    select {KEY}, times, likely,
           case when removed > rarest or removed is null or exists (select {LIKE} and d.propensity = m.rarest) then rarest
                else (select min(d.propensity) {LIKE}) end,
           tried, spent, closed, case when closed > 0 then total else 0 end, case when closed > 0 then squares else 0 end, false
    from made m
"""


async def fold(store: Store, playbook: str) -> int:
    """Put together what is fresh with what was there; how many sums that makes. As many processes as like may do so at once."""
    lock = "select pg_try_advisory_xact_lock(hashtextextended(%s, 0))"
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(lock, (f"sums {store.workspace} {playbook}",))).fetchone()
        if row is None or not row[0]:
            return 0
        return await _fold(connection, store.workspace, playbook)


async def fold_all(connection: Connection, workspace: str) -> None:
    """The same at once, of all playbooks: after something was removed that is not to be seen in the sums any more."""
    query = "select distinct playbook from decision_sums where workspace = %s and fresh order by playbook"
    for (playbook,) in await (await connection.execute(query, (workspace,))).fetchall():
        lock = "select pg_advisory_xact_lock(hashtextextended(%s, 0))"
        await connection.execute(lock, (f"sums {workspace} {playbook}",))
        await _fold(connection, workspace, playbook)


async def _fold(connection: Connection, workspace: str, playbook: str) -> int:
    return (await connection.execute(FOLD, {"here": workspace, "playbook": playbook})).rowcount
