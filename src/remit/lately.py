"""The last two weeks in figures, and what is unusual today, in words that say what it is measured by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from functools import lru_cache
from math import exp, lgamma, log, log1p
from statistics import median
from time import monotonic
from urllib.parse import urlencode

from pydantic import TypeAdapter

from remit.agents.spec import Duration
from remit.agents.yaml import plain, read
from remit.catalogue.kept import list_kept
from remit.store.store import Store

SAVES: TypeAdapter[timedelta | None] = TypeAdapter(Duration | None)
DAYS = 14
KEPT = 600.0  # seconds for which what began on days gone by is not counted again
FAILED = ("not met", "failed", "refused")
RARE = 0.001  # chance below which a count of failures is called unusual
LONG = timedelta(days=1)  # for what waits for a person


@dataclass(frozen=True, slots=True)
class Tally:
    """Runs that began on a day, of one agent, in one state. Money in US dollars, times in seconds, all of them together."""

    day: datetime
    agent: str
    status: str
    runs: int
    cost: Decimal
    seconds: float
    waited: float
    answered: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something unusual, and where to look."""

    text: str
    path: str


@dataclass(frozen=True, slots=True)
class Saving:
    """A person's time that runs saved, by what their agent's owner estimates of each."""

    agent: str
    runs: int  # that reached their goal
    each: timedelta

    @property
    def time(self) -> timedelta:
        return self.runs * self.each


@dataclass
class Lately:
    """Remembers for a while what began on days gone by, of each workspace and by whom it is seen."""

    kept: dict[tuple[str, frozenset[str] | None], tuple[datetime, float, list[Tally]]] = field(
        default_factory=dict
    )

    async def tallies(self, store: Store, now: datetime) -> list[Tally]:
        """Of the last days, today included."""
        today = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
        sight = (store.workspace, store.agents)
        day, at, before = self.kept.get(sight, (today, -KEPT, []))
        if day != today or monotonic() - at >= KEPT:
            before = await _tallies(store, today - timedelta(days=DAYS - 1), today)
            self.kept[sight] = (today, monotonic(), before)
        return [*before, *await _tallies(store, today, today + timedelta(days=2))]


async def _tallies(store: Store, since: datetime, until: datetime) -> list[Tally]:
    query = """
        select floor(extract(epoch from created_at - %(since)s) / 86400)::int as day, agent, status, count(*)::int as runs,
               coalesce(sum(cost), 0) as cost, coalesce(sum(seconds), 0)::float8 as seconds,
               coalesce(sum(waited), 0)::float8 as waited, coalesce(sum(answered), 0)::int as answered
        from runs where workspace = %(workspace)s and created_at >= %(since)s and created_at < %(until)s
        group by 1, 2, 3 order by 1, 2, 3
    """
    values = {"workspace": store.workspace, "since": since, "until": until}
    async with store.pool.connection() as connection:
        rows = await (await connection.execute(query, values)).fetchall()
    return [Tally(since + timedelta(days=min(day, DAYS)), *rest) for day, *rest in rows]


def days_until(now: datetime) -> list[datetime]:
    """The last days, by their midnight here, oldest first."""
    today = now.astimezone().replace(hour=0, minute=0, second=0, microsecond=0)
    return [today - timedelta(days=back) for back in range(DAYS - 1, -1, -1)]


async def savings(store: Store, tallies: Sequence[Tally]) -> list[Saving]:
    """Of the published agents that say what a run saves."""
    found = []
    for kept in await list_kept(store, archived=False):
        met = _count((one for one in tallies if one.agent == kept.name), ("met",))
        each = _saves(kept.published) if met and kept.published and "saves:" in kept.published else None
        if each is not None:
            found.append(Saving(kept.name, met, each))
    return found


@lru_cache(256)
def _saves(text: str) -> timedelta | None:
    data = plain(read(text, "agent"))
    return SAVES.validate_python(data.get("saves")) if isinstance(data, dict) else None


def unusual(tallies: Sequence[Tally], now: datetime) -> Iterator[Notice]:
    """Agents of whose runs today more failed, or that cost or worked more, than on the days before."""
    today = days_until(now)[-1]
    for agent in sorted({one.agent for one in tallies if one.day == today}):
        own = [one for one in tallies if one.agent == agent]
        new, old = [one for one in own if one.day == today], [one for one in own if one.day < today]
        yield from _failing(agent, new, old)
        yield from _dear(agent, new, old, "cost", lambda one: float(one.cost), lambda value: f"${value:,.3g}")
        yield from _dear(agent, new, old, "worked", lambda one: one.seconds, lambda value: f"{value:,.0f} s")


def _failing(agent: str, new: Sequence[Tally], old: Sequence[Tally]) -> Iterator[Notice]:
    """As many failures would come by chance less than once in a thousand days, at the rate of the days before."""
    failed, all_ = _count(new, FAILED), _count(new)
    before, all_before = _count(old, FAILED), _count(old)
    if all_ < 5 or all_before < 20 or all_ > 5000:
        return
    rate = (before + 1) / (all_before + 2)
    if failed / all_ > rate and _at_least(failed, all_, rate) < RARE:
        words = f"{failed} of {all_} runs of {agent} did not reach their goal today; of the {all_before:,} on the days before, {before:,}"
        yield Notice(words, _runs_of(agent))


def _runs_of(agent: str) -> str:
    return "/runs?" + urlencode({"agent": agent})


def _at_least(count: int, of: int, rate: float) -> float:
    """The chance of so many or more."""
    if count > of * rate + 12 * (of * rate + 1) ** 0.5:
        return 0.0
    ways = (
        lgamma(of + 1) - lgamma(k + 1) - lgamma(of - k + 1) for k in range(count)
    )  # of many runs no float holds them
    return 1 - sum(exp(way + k * log(rate) + (of - k) * log1p(-rate)) for k, way in enumerate(ways))


def _dear(
    agent: str,
    new: Sequence[Tally],
    old: Sequence[Tally],
    verb: str,
    amount: Callable[[Tally], float],
    words: Callable[[float], str],
) -> Iterator[Notice]:
    """More than twice the usual day's, and more than the highest of those days."""
    means = [
        _mean([one for one in old if one.day == day], amount) for day in sorted({one.day for one in old})
    ]
    if _count(new) < 3 or len(means) < 5:
        return
    now, usual, most = _mean(new, amount), median(means), max(means)
    if usual > 0 and now > 2 * usual and now > most:
        text = f"Runs of {agent} {verb} {words(now)} each today; on a usual day it is {words(usual)}, and at the most it was {words(most)}"
        yield Notice(text, _runs_of(agent))


def _count(tallies: Iterable[Tally], status: Sequence[str] = ()) -> int:
    return sum(one.runs for one in tallies if not status or one.status in status)


def _mean(tallies: Sequence[Tally], amount: Callable[[Tally], float]) -> float:
    return sum(map(amount, tallies)) / (_count(tallies) or 1)


async def standing_still(store: Store, machines: Store) -> list[Notice]:
    """What does not move of a workspace's runs: questions that wait long, budgets that are used up; and runs whose workers die, or
    that nobody is there to advance. `machines`: the store in which workers are seen, which no guest of a workspace sees."""
    asks = """
        select count(*) filter (where at < now() - %s), count(*) filter (where kind = 'budget') from asks
    """
    workers = """
        select (select count(*) from leases join runs on runs.id = leases.run where deaths > 0 and workspace = %(workspace)s
                and (%(agents)s::text[] is null or agent = any (%(agents)s))),
               (select count(*) from runs
                where status = 'running' and workspace = %(workspace)s and not exists (select from workers)
                and (%(agents)s::text[] is null or agent = any (%(agents)s)))
    """
    async with store.pool.connection() as connection:
        long, budgets = await (await connection.execute(asks, (LONG,))).fetchone() or (0, 0)
    async with machines.pool.connection() as connection:
        agents = None if store.agents is None else sorted(store.agents)
        values = {"workspace": store.workspace, "agents": agents}
        row = await (await connection.execute(workers, values)).fetchone()
    deaths, idle = row or (0, 0)
    said = (
        (idle, "to go on with, and no worker is up: start one with remit worker", "/runs?status=running"),
        (long, "waiting for a person for more than a day", "/inbox"),
        (budgets, "waiting for more budget", "/inbox"),
        (deaths, "advanced by a worker after another died over it", "/runs?status=running"),
    )
    return [
        Notice(f"{count} {'run' if count == 1 else 'runs'} {words}", path)
        for count, words, path in said
        if count
    ]
