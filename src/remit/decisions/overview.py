"""The decisions of a playbook at a glance, all its versions together: what each action brought beside those held out, how much was tried out, how
likely what was chosen had been, and whether the world has changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import LiteralString

from remit.decisions.learned import Learned, learned_of
from remit.decisions.stage import Values
from remit.decisions.totals import Total, together, totals_of
from remit.store.store import Store

DAYS = 28
BOUNDS = (
    0.02,
    0.05,
    0.1,
    0.25,
    0.5,
    0.75,
    0.95,
)  # between how likely choices were: the database's `remit_chance`
BY_DAY: LiteralString = """
    select day, action, sum(times)::bigint from decision_sums where workspace = %s and playbook = %s
        and (%s::integer is null or version = %s) and day > %s and not holdout group by 1, 2 having sum(times) > 0 order by 1, 2
"""


@dataclass(frozen=True, slots=True)
class Chosen:
    """What was decided so. `values`: of such decisions as are closed; `chance`: how likely it was on average."""

    action: str
    times: int
    chance: float
    values: Values


@dataclass(frozen=True, slots=True)
class Overview:
    """Of all that was decided; `days`: of the last DAYS."""

    done: Sequence[Chosen]
    shadowed: Sequence[Chosen]
    holdout: Values
    held: int  # people's decisions that were held out, closed or not
    chances: Sequence[tuple[str, int]]
    tried: int  # choices of what was not expected to be best
    choices: int
    days: Mapping[datetime, Mapping[str, int]]
    learned: Sequence[Learned]

    @property
    def acting(self) -> Values:
        """All that was done, together."""
        return Values(
            sum(one.values.count for one in self.done),
            sum(one.values.total for one in self.done),
            sum(one.values.squares for one in self.done),
        )


async def overview_of(store: Store, playbook: str, now: datetime, version: int | None = None) -> Overview:
    """Of all its versions, or of one."""
    totals = await totals_of(store, playbook, version)
    since = (now - timedelta(days=DAYS)).astimezone(UTC).date()
    async with store.pool.connection() as connection:
        values = (store.workspace, playbook, version, version, since)
        by_day = await (await connection.execute(BY_DAY, values)).fetchall()
    days: dict[datetime, dict[str, int]] = {}
    for day, action, count in by_day:
        days.setdefault(datetime(day.year, day.month, day.day, tzinfo=UTC), {})[action] = count
    chances: dict[int, int] = {}
    for one in totals:
        if one.choice:
            chances[one.chance] = chances.get(one.chance, 0) + one.times
    return Overview(
        done=_chosen(one for one in totals if one.choice and not one.shadow),
        shadowed=_chosen(one for one in totals if one.choice and one.shadow),
        holdout=together(totals, lambda one: one.holdout),
        held=sum(one.times for one in totals if one.holdout),
        chances=_counted(chances),
        tried=sum(one.tried for one in totals),
        choices=sum(one.times for one in totals if one.choice),
        days=days,
        learned=[one for one in await learned_of(store, playbook) if version in (None, one.version)],
    )


def _chosen(totals: Iterable[Total]) -> list[Chosen]:
    """By action, the most frequent first."""
    by_action: dict[str, list[Total]] = {}
    for one in totals:
        by_action.setdefault(one.action, []).append(one)
    found = []
    for action, some in by_action.items():
        times = sum(one.times for one in some)
        chance = sum(one.likely for one in some) / times
        found.append(Chosen(action, times, chance, together(some, lambda one: True)))
    return sorted(found, key=lambda one: (-one.times, one.action))


def _counted(found: Mapping[int, int]) -> list[tuple[str, int]]:
    """How many were chosen with what probability: `5 % to 10 %`."""
    edges = (0.0, *BOUNDS, 1.0)
    return [
        (f"{100 * low:g} to {100 * high:g} %", found.get(at, 0))
        for at, (low, high) in enumerate(pairwise(edges))
    ]
