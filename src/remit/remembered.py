"""Remembered yeses as they are kept: written by a person, seen by everybody, revoked by anybody."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from remit.access.audit import record
from remit.errors import UserError
from remit.gate.remembered import Bound, Remembered
from remit.store.store import Store


async def remember(
    store: Store, agent: str, tool: str, rule: str, bounds: Sequence[Bound], by: str, run: UUID, ask: str
) -> Remembered:
    query = """
        insert into remembered (workspace, agent, tool, rule, bounds, by, run, ask)
        values (%s, %s, %s, %s, %s, %s, %s, %s) returning id, at
    """
    written = json.dumps([asdict(bound) for bound in bounds])
    async with store.pool.connection() as connection:
        values = (store.workspace, agent, tool, rule, written, by, run, ask)
        row = await (await connection.execute(query, values)).fetchone()
    assert row is not None
    return Remembered(row[0], agent, tool, rule, tuple(bounds), by, row[1], run, ask)


async def list_remembered(store: Store, agent: str = "", tool: str = "") -> list[Remembered]:
    """Those that hold, the oldest first; only an agent's, or a tool's, where it is named."""
    query = """
        select id, agent, tool, rule, bounds, by, at, run, ask from remembered
        where workspace = %(workspace)s and revoked_at is null
          and (%(agent)s = '' or agent = %(agent)s) and (%(tool)s = '' or tool = %(tool)s)
        order by id
    """
    async with store.pool.connection() as connection:
        values = {"workspace": store.workspace, "agent": agent, "tool": tool}
        rows = await (await connection.execute(query, values)).fetchall()
    return [_of(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Once:
    """A remembered yes that holds, or held until it was revoked."""

    said: Remembered
    revoked_at: datetime | None

    def held(self, agent: str, tool: str, at: datetime) -> bool:
        """Whether it spoke for this agent's calls of the tool at that time."""
        lasted = self.said.at <= at and (self.revoked_at is None or at < self.revoked_at)
        return lasted and (self.said.agent, self.said.tool) == (agent, tool)


async def list_ever(store: Store) -> list[Once]:
    """All that was ever remembered, the oldest first."""
    query = """
        select id, agent, tool, rule, bounds, by, at, run, ask, revoked_at from remembered
        where workspace = %s order by id
    """
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, (store.workspace,))).fetchall()
    return [Once(_of(row[:-1]), row[-1]) for row in rows]


async def forget(store: Store, id: int, by: str) -> Remembered:
    """From now on it is asked again. Raises UserError where there is no such one, or it is forgotten already."""
    query = """
        update remembered set revoked_at = now(), revoked_by = %s
        where id = %s and workspace = %s and revoked_at is null
        returning id, agent, tool, rule, bounds, by, at, run, ask
    """
    async with store.pool.connection() as connection, connection.transaction():
        row = await (await connection.execute(query, (by, id, store.workspace))).fetchone()
        if row is not None:
            one = _of(row)
            await record(connection, by, "remembered.revoked", one.agent, {"id": id, "words": one.words})
            return one
        query = "select revoked_by, revoked_at from remembered where id = %s and workspace = %s"
        before = await (await connection.execute(query, (id, store.workspace))).fetchone()
    if before is None:
        raise UserError(f"nothing is remembered as {id}; `remit remembered` lists what is")
    raise UserError(f"{id} was forgotten by {before[0]} on {before[1]:%d %B %Y}")


def _of(row: Sequence[Any]) -> Remembered:
    id, agent, tool, rule, bounds, *rest = row
    return Remembered(id, agent, tool, rule, tuple(Bound(**one) for one in bounds), *rest)
