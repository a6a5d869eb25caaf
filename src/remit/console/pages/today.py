"""Today: what needs a person, what runs, what was done and what it cost."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from remit.budgets import Budget, list_budgets, notices
from remit.console.show import here, needs_of_agent, page, tone
from remit.journal.index import list_runs
from remit.lately import Lately, Notice, Tally, days_until, savings, standing_still, unusual
from remit.store.store import Store

router = APIRouter(dependencies=[needs_of_agent("runs:read")])
OPEN = ("running", "waiting", "paused")
ENDED = ("met", "not met", "cannot verify", "refused", "cancelled", "failed")


MOST_AGENTS = 5  # with a colour of their own; the others share one


@dataclass(frozen=True, slots=True)
class Table:
    """What a chart draws and a table tells: a row a day."""

    heads: Sequence[tuple[str, str]]  # of each column its name, and the tone of its colour
    rows: Sequence[tuple[datetime | str, Sequence[float]]]

    @property
    def total(self) -> float:
        return sum(sum(values) for _, values in self.rows)


@router.get("/")
async def today(request: Request) -> HTMLResponse:
    app = here(request)
    now = await app.now()
    lately: Lately = request.app.state.lately
    tallies = await lately.tallies(app.store, now)
    days = days_until(now)
    return page(
        request,
        "today.html",
        states=by_state(tallies, days),
        costs=by_agent(tallies, days),
        waits=waits(tallies, days),
        spent=sum((one.cost for one in tallies if one.day == days[-1]), Decimal(0)),
        saved=await savings(app.store, [one for one in tallies if one.day == days[-1]]),
        notices=[
            *_budgets(request, await list_budgets(app.store)),
            *await standing_still(app.store, app.root.store),
            *unusual(tallies, now),
        ],
        open=await list_runs(app.store, status=OPEN, limit=8),
        latest=await list_runs(app.store, status=ENDED, limit=8),
        counts=await standing(app.store),
    )


def _budgets(request: Request, found: Sequence[Budget]) -> list[Notice]:
    path = "/settings/budgets" if "settings:read" in request.state.rights else "/runs?status=waiting"
    return [Notice(text, path) for text in notices(found)]


def by_state(tallies: Sequence[Tally], days: Sequence[datetime]) -> Table:
    """How many runs began on each day, by how they stand now."""
    states = [state for state in (*OPEN, *ENDED) if any(one.status == state for one in tallies)]
    return Table(
        [(state, tone(state)) for state in states],
        [
            (
                day,
                [
                    sum(one.runs for one in tallies if (one.day, one.status) == (day, state))
                    for state in states
                ],
            )
            for day in days
        ],
    )


def by_agent(tallies: Sequence[Tally], days: Sequence[datetime]) -> Table:
    """What the runs that began on each day have cost, by agent."""
    spent: Counter[str] = Counter()
    for one in tallies:
        spent[one.agent] += float(one.cost)  # type: ignore[assignment]
    named = [agent for agent, cost in spent.most_common(MOST_AGENTS) if cost]
    heads = [(agent, "") for agent in named]
    others = any(cost for agent, cost in spent.items() if agent not in named)

    def cost(day: datetime, agent: str | None) -> float:
        mine = (
            one
            for one in tallies
            if one.day == day and (one.agent == agent if agent else one.agent not in named)
        )
        return float(sum((one.cost for one in mine), Decimal(0)))

    columns: list[str | None] = [*named, *([None] if others else [])]
    return Table(
        [*heads, *([("others", "off")] if others else [])],
        [(day, [cost(day, one) for one in columns]) for day in days],
    )


def waits(tallies: Sequence[Tally], days: Sequence[datetime]) -> Table:
    """For how many minutes, on average, what runs asked waited for a person."""

    def mean(day: datetime) -> float:
        mine = [one for one in tallies if one.day == day]
        answered = sum(one.answered for one in mine)
        return sum(one.waited for one in mine) / answered / 60 if answered else 0.0

    return Table([("minutes", "wait")], [(day, [mean(day)]) for day in days])


async def standing(store: Store) -> dict[str, int]:
    """How many runs are open, by state; ended ones are counted by nobody, there may be millions."""
    query = """
        select status, count(*) from runs
        where workspace = %s and status in ('running', 'waiting', 'paused') group by status
    """
    asking = "select count(*) from asks join runs on runs.id = asks.run where runs.workspace = %s"
    async with store.pool.connection() as connection:
        found: dict[str, int] = dict(await (await connection.execute(query, (store.workspace,))).fetchall())
        asks = await (await connection.execute(asking, (store.workspace,))).fetchone()
    return {**dict.fromkeys(OPEN, 0), **found, "asks": asks[0] if asks else 0}
