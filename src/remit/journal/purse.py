"""What runs spend on models, where their workspace has a budget: told from the journal, and set aside before each call.

One statement a step (migration 0035), and none in a workspace without a budget: which ones have any is looked up now and then
by each process, so that a budget holds for runs under way within `BELIEVED` seconds.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from decimal import Decimal
from typing import LiteralString
from uuid import UUID

import psycopg

from remit.errors import StoreError
from remit.store.store import Connection, Store

BELIEVED = 2.0  # seconds for which it is known who has a budget
WHO: LiteralString = "select workspace, agent, bool_or(money is not null) from budgets group by 1, 2"
SPEND: LiteralString = "select * from remit_spend(%s, %s, %s, %s, %s, %s, %s, %s)"


@dataclass(frozen=True, slots=True)
class Spender:
    """A run, and what it has spent itself by its journal, the runs below it left out."""

    run: UUID
    workspace: str
    agent: str
    money: Decimal  # US dollars
    tokens: int


@dataclass(frozen=True, slots=True)
class Short:
    """A budget that has no room for a call. `agent`: "" is the workspace; `line`: how many runs wait so already."""

    agent: str
    period: str
    money: Decimal | None
    tokens: int | None
    spent_money: Decimal
    spent_tokens: int
    aside_money: Decimal  # for calls that are under way
    aside_tokens: int
    line: int


@dataclass
class Purse:
    """What the runs of this process spend."""

    store: Store
    _known: dict[str, dict[str, bool]] = field(default_factory=dict)  # workspace -> agent -> in money too
    _until: float = -1.0

    async def counts(self, workspace: str) -> bool:
        """Whether the workspace has a budget. Raises StoreError."""
        clock = asyncio.get_running_loop().time
        if clock() >= self._until:
            self._known = await self._look()
            self._until = clock() + BELIEVED
        return workspace in self._known

    def in_money(self, workspace: str, agent: str) -> bool:
        """Whether there is one in money that holds for the agent."""
        known = self._known.get(workspace, {})
        return known.get("", False) or known.get(agent, False)

    def forget(self) -> None:
        """Look again at the next call."""
        self._until = -1.0

    async def set_aside(self, one: Spender, money: Decimal, tokens: int) -> list[Short]:
        """Tell what it has spent, and set aside what its next call may take at the most. Returns the budgets that have no room
        for it: then nothing is set aside. Raises StoreError."""
        return await self._spend(one, money, tokens, False)

    async def rest(self, one: Spender, ended: bool) -> None:
        """Tell what it has spent; it makes no call now. Raises StoreError."""
        await self._spend(one, None, None, ended)

    async def _spend(
        self, one: Spender, money: Decimal | None, tokens: int | None, ended: bool
    ) -> list[Short]:
        values = (one.run, one.workspace, one.agent, one.money, one.tokens, money, tokens, ended)
        try:
            async with self.store.pool.connection() as connection:
                rows = await (await connection.execute(SPEND, values, prepare=True)).fetchall()
        except (psycopg.Error, OSError) as error:
            raise StoreError(
                f"budgets could not be read: {str(error).strip() or type(error).__name__}"
            ) from error
        return [Short(*row) for row in rows]

    async def _look(self) -> dict[str, dict[str, bool]]:
        found: dict[str, dict[str, bool]] = {}
        try:
            async with self.store.pool.connection() as connection:
                for workspace, agent, money in await (await connection.execute(WHO)).fetchall():
                    found.setdefault(workspace, {})[agent] = money
        except (psycopg.Error, OSError) as error:
            raise StoreError(
                f"budgets could not be read: {str(error).strip() or type(error).__name__}"
            ) from error
        return found


@dataclass(frozen=True, slots=True)
class Left:
    """Whether budgets have room for somebody who spends outside runs; and in what they are."""

    room: bool
    in_money: bool
    in_tokens: bool


async def left_of(connection: Connection, workspace: str, agent: str) -> Left:
    """What calls under way outside runs may take is not set aside: each is small, and counted when it is answered."""
    query = """
        select coalesce(bool_and(coalesce(s.money < b.money, true) and coalesce(s.tokens < b.tokens, true)), true),
               coalesce(bool_or(b.money is not null), false), coalesce(bool_or(b.tokens is not null), false)
        from budgets as b, lateral (
            select coalesce(sum(money), 0) as money, coalesce(sum(tokens), 0) as tokens from spending
            where workspace = b.workspace and (b.agent = '' or agent = b.agent)
                and day >= date_trunc(b.period, now() at time zone 'UTC')::date
        ) as s where b.workspace = %s and b.agent in ('', %s)
    """
    row = await (await connection.execute(query, (workspace, agent))).fetchone()
    assert row is not None
    return Left(*row)


async def spent(connection: Connection, workspace: str, agent: str, money: Decimal, tokens: int) -> None:
    """Count it, where the workspace has a budget."""
    query = """
        insert into spending as s (workspace, agent, day, money, tokens)
        select %(here)s, %(agent)s, (clock_timestamp() at time zone 'UTC')::date, %(money)s, %(tokens)s
        where exists (select from budgets where workspace = %(here)s)
        on conflict (workspace, day, agent) do update set money = s.money + excluded.money, tokens = s.tokens + excluded.tokens
    """
    values = {"here": workspace, "agent": agent, "money": money, "tokens": tokens}
    if (await connection.execute(query, values)).rowcount:
        warn = "select remit_warn(%s, %s, (clock_timestamp() at time zone 'UTC')::date)"
        await connection.execute(warn, (workspace, agent))
