"""What agents did lately: the last run of each, and how many began in a week; counted no further than a list says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from remit.store.store import Store

MOST = 1_000  # runs of a week that are counted


@dataclass(frozen=True, slots=True)
class Activity:
    """Of one agent."""

    run: UUID | None
    status: str
    at: datetime | None
    week: int

    @property
    def in_week(self) -> str:
        return f"{MOST:,} or more" if self.week >= MOST else f"{self.week:,}"


async def activity(store: Store, names: Sequence[str]) -> dict[str, Activity]:
    """By name; each from the index of an agent's runs, whatever their number."""
    query = """
        select name, last.id, coalesce(last.status, ''), last.created_at, week.count
        from unnest(%(names)s::text[]) as name
        left join lateral (
            select id, status, created_at from runs where workspace = %(here)s and agent = name
            order by created_at desc, id desc limit 1
        ) last on true
        left join lateral (
            select count(*) from (
                select from runs where workspace = %(here)s and agent = name
                and created_at > clock_timestamp() - interval '7 days' limit %(most)s
            ) recent
        ) week on true
    """
    values = {"names": list(names), "here": store.workspace, "most": MOST}
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    return {name: Activity(run, status, at, week) for name, run, status, at, week in rows}
