"""What a workspace, and each of its agents, may spend on models in a day and in a month: set by people, and what is left of it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, Literal, LiteralString, get_args

from psycopg.rows import class_row

from remit.access.audit import record
from remit.errors import UnknownName, UserError
from remit.store.store import Connection, Store

Period = Literal["day", "month"]
PERIODS: tuple[Period, ...] = get_args(Period)
AGENT = re.compile(r"[a-z][a-z0-9_-]{0,99}")
MONEY = re.compile(r"[0-9]{1,9}(\.[0-9]{1,4})?")
MOST_MONEY, MOST_TOKENS = Decimal(10**9), 10**15
LITTLE = 0.8  # of a budget that is used, from which on people are told
MOST = 1000  # budgets of a workspace

LOCK: LiteralString = "select pg_advisory_xact_lock(hashtext('remit_budget'), hashtext(%s))"
# What the runs of this month had cost when they came to rest, before anybody counted it. A run's cost has that of those below it.
COUNT_BACK: LiteralString = """
    insert into spending (workspace, agent, day, money)
    select %(workspace)s, agent, (updated_at at time zone 'UTC')::date,
           sum(greatest(cost - coalesce((select sum(cost) from runs as below where below.parent = runs.id), 0), 0))
      from runs
     where workspace = %(workspace)s and cost > 0
       and updated_at >= date_trunc('month', now() at time zone 'UTC') at time zone 'UTC'
     group by 2, 3
"""
# Runs that wait for a budget look again whether there is room.
RING: LiteralString = """
    insert into remit_timers (run, due) select run, now() from purses where workspace = %s and short on conflict do nothing
"""
LIST: LiteralString = """
    select b.agent, b.period, b.money, b.tokens, b.by, b.set_at,
           (date_trunc(b.period, now() at time zone 'UTC')) at time zone 'UTC' as since,
           coalesce(sum(s.money), 0) as spent_money, coalesce(sum(s.tokens), 0)::bigint as spent_tokens,
           (select count(*) from purses where workspace = b.workspace and short and (b.agent = '' or agent = b.agent)
              and exists (select from runs where runs.id = purses.run and runs.status = 'waiting')) as waiting
      from budgets as b
      left join spending as s on s.workspace = b.workspace and (b.agent = '' or s.agent = b.agent)
       and s.day >= date_trunc(b.period, now() at time zone 'UTC')::date
     where b.workspace = %s
     group by b.workspace, b.agent, b.period order by b.agent, b.period desc
"""


@dataclass(frozen=True, slots=True)
class Budget:
    """One budget, and what is spent of it. `agent`: "" is the workspace, all agents together. Money in US dollars."""

    agent: str
    period: Period
    money: Decimal | None
    tokens: int | None
    by: str
    set_at: datetime
    since: datetime  # when its day or month began, by UTC
    spent_money: Decimal
    spent_tokens: int
    waiting: int  # runs, for room in this budget or in another of theirs

    @property
    def until(self) -> datetime:
        """When the next day or month begins."""
        if self.period == "day":
            return self.since + timedelta(days=1)
        return (self.since.astimezone(UTC) + timedelta(days=32)).replace(day=1)

    @property
    def share(self) -> float:
        """How much of it is used, of money or tokens whichever is more; above 1: more than there was."""
        shares = [0.0]
        if self.money is not None:
            shares.append(float(self.spent_money / self.money) if self.money else 1.0)
        if self.tokens is not None:
            shares.append(self.spent_tokens / self.tokens if self.tokens else 1.0)
        return max(shares)

    @property
    def low(self) -> bool:
        """Whether little of it is left, of which people are told."""
        return self.share >= LITTLE


async def list_budgets(store: Store) -> list[Budget]:
    """The workspace's first, then those of agents."""
    async with (
        store.pool.connection() as connection,
        connection.cursor(row_factory=class_row(Budget)) as cursor,
    ):
        return await (await cursor.execute(LIST, (store.workspace,))).fetchall()


async def set_budget(
    store: Store, agent: str, period: str, money: Decimal | None, tokens: int | None, by: str
) -> Budget:
    """Set it, or change what was set. Runs that wait for it look again. Raises UserError for what cannot be one."""
    _check(agent, period, money, tokens)
    here = store.workspace
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(LOCK, (here,))
        before = await _now(connection, here)
        if not before:
            await _forget(connection, here)
            await connection.execute(COUNT_BACK, {"workspace": here})
        was = before.get((agent, period))
        if was is None and len(before) >= MOST:
            raise UserError(f"there are {MOST} budgets already: remove one")
        await connection.execute(
            """
            insert into budgets (workspace, agent, period, money, tokens, by) values (%s, %s, %s, %s, %s, %s)
            on conflict (workspace, agent, period) do update set money = excluded.money, tokens = excluded.tokens,
                by = excluded.by, set_at = clock_timestamp(), warned = null
            """,
            (here, agent, period, money, tokens, by),
        )
        await connection.execute(RING, (here,))
        detail = {"period": period, **_said(money, tokens), **({"was": _said(*was)} if was else {})}
        await record(connection, by, "budget.set", agent or "workspace", detail)
    return next(one for one in await list_budgets(store) if (one.agent, one.period) == (agent, period))


async def remove_budget(store: Store, agent: str, period: str, by: str) -> None:
    """Limit it no more; runs that wait for it look again. Raises UnknownName."""
    here = store.workspace
    async with store.pool.connection() as connection, connection.transaction():
        await connection.execute(LOCK, (here,))
        before = await _now(connection, here)
        if (agent, period) not in before:
            known = [f"{name or 'workspace'} {each}" for name, each in before]
            raise UnknownName("budget", f"{agent or 'workspace'} {period}", known)
        values = (here, agent, period)
        await connection.execute(
            "delete from budgets where workspace = %s and agent = %s and period = %s", values
        )
        await connection.execute(RING, (here,))
        if len(before) == 1:
            await _forget(connection, here)
        detail = {"period": period, **_said(*before[agent, period])}
        await record(connection, by, "budget.removed", agent or "workspace", detail)


def notices(found: Sequence[Budget]) -> Iterator[str]:
    """Of which budgets little or nothing is left, in words."""
    for one in found:
        if not one.low:
            continue
        name = f"The budget of {one.agent}" if one.agent else "The workspace's budget"
        span = f"{one.since.astimezone(UTC):%B}" if one.period == "month" else "today"
        waiting = (
            f"; {one.waiting} {'run waits' if one.waiting == 1 else 'runs wait'} for it"
            if one.waiting
            else ""
        )
        used = "is used up" if one.share >= 1 else f"is used to {one.share:.0%}"
        yield f"{name} for {span} {used}{waiting}"


def parse_money(text: str) -> Decimal:
    """`50`, `12.50`, `$1,200`. Raises UserError."""
    plain = text.strip().removeprefix("$").replace(",", "").strip()
    if not MONEY.fullmatch(plain):
        raise UserError(f"{text!r} is no amount: write dollars, as 50 or 12.50")
    return Decimal(plain)


def parse_tokens(text: str) -> int:
    """`2000000`, `2,000,000`, `2M`, `500k`. Raises UserError."""
    found = re.fullmatch(r"\s*(\d{1,15})\s*([kKmM]?)\s*", text.replace(",", "").replace("_", ""), re.ASCII)
    if found is None:
        raise UserError(f"{text!r} is no number of tokens: write 2000000, or 2M")
    return int(found[1]) * {"": 1, "k": 1000, "m": 1_000_000}[found[2].lower()]


def _check(agent: str, period: str, money: Decimal | None, tokens: int | None) -> None:
    if agent and not AGENT.fullmatch(agent):
        raise UserError(f"{agent!r} is no name of an agent: a small letter, then letters, digits, - or _")
    if period not in PERIODS:
        raise UnknownName("period", period, PERIODS)
    if money is None and tokens is None:
        raise UserError("say how much: in money, in tokens, or both")
    if money is not None and not 0 <= money <= MOST_MONEY:
        raise UserError(f"a budget is from $0 to ${MOST_MONEY:,}")
    if tokens is not None and not 0 <= tokens <= MOST_TOKENS:
        raise UserError(f"a budget is from 0 to {MOST_TOKENS:,} tokens")


async def _now(
    connection: Connection, workspace: str
) -> dict[tuple[str, str], tuple[Decimal | None, int | None]]:
    query = "select agent, period, money, tokens from budgets where workspace = %s"
    rows = await (await connection.execute(query, (workspace,))).fetchall()
    return {(agent, period): (money, tokens) for agent, period, money, tokens in rows}


async def _forget(connection: Connection, workspace: str) -> None:
    """Where there is no budget nothing is counted, and what was counted is soon not true any more."""
    await connection.execute("delete from spending where workspace = %s", (workspace,))
    await connection.execute("delete from purses where workspace = %s", (workspace,))


def _said(money: Decimal | None, tokens: int | None) -> dict[str, Any]:
    said = {"money": None if money is None else str(money), "tokens": tokens}
    return {name: value for name, value in said.items() if value is not None}
