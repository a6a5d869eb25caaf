"""Today: what needs a person, what runs, what was done and what it cost."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse

from remit.console.show import here, needs, page
from remit.journal.index import list_runs
from remit.store.store import Store

router = APIRouter(dependencies=[needs("runs:read")])
OPEN = ("running", "waiting", "paused")
ENDED = ("met", "not met", "cannot verify", "refused", "cancelled", "failed")


@dataclass(frozen=True, slots=True)
class Day:
    """Of one day: how many runs began, by how they stand now."""

    day: datetime
    counts: dict[str, int]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


@router.get("/")
async def today(request: Request) -> HTMLResponse:
    app = here(request)
    now = await app.now()
    return page(
        request,
        "today.html",
        days=await began(app.store, now - timedelta(days=13)),
        open=await list_runs(app.store, status=OPEN, limit=8),
        latest=await list_runs(app.store, status=ENDED, limit=8),
        counts=await standing(app.store),
    )


async def standing(store: Store) -> dict[str, int]:
    """How many runs are open, by state; ended ones are counted by nobody, there may be millions."""
    query = """
        select status, count(*) from runs where status in ('running', 'waiting', 'paused') group by status
    """
    async with store.pool.connection() as connection:
        found: dict[str, int] = dict(await (await connection.execute(query)).fetchall())
        asks = await (await connection.execute("select count(*) from asks")).fetchone()
    return {**dict.fromkeys(OPEN, 0), **found, "asks": asks[0] if asks else 0}


async def began(store: Store, since: datetime) -> list[Day]:
    """Runs by the day on which they began, oldest first, days without any included."""
    query = """
        select day, status, count(runs.id)
        from generate_series(date_trunc('day', %(since)s::timestamptz), clock_timestamp(), interval '1 day') as day
        left join runs on runs.created_at >= day and runs.created_at < day + interval '1 day'
        group by day, status order by day
    """
    days: dict[datetime, dict[str, int]] = {}
    async with store.pool.connection() as connection:
        for day, status, count in await (await connection.execute(query, {"since": since})).fetchall():
            found = days.setdefault(day, {})
            if status is not None:
                found[status] = count
    return [Day(day, counts) for day, counts in days.items()]
